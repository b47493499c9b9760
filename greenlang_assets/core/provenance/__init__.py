"""Canonical bytes, hashes, ledger entries and the walk from a number to its source."""
