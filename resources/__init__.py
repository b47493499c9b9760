"""Adapters: the world outside (settings, database, object store, keys) behind the protocols of the core."""
