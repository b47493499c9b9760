"""Dagster's side of layers 1 and 2: keys, partitions, assets, checks and jobs, all of them thin.

Belongs here: an asset body that loads inputs, calls one pure function, records and returns.
Does not belong here: anything that needs a test without Dagster; that lives in ``core``.
"""
