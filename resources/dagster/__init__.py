"""Dagster's side of the adapters: resource wrappers, the instance, the event-log reader."""
