"""Recipes: what each asset is made from, and how; run by Dagster, by the command line and by tests alike."""
