"""Layer 1, GreenLang OS: pure computing. No Dagster, no network, no database in here."""
