"""Dagster's side of layer 3: the assets of a pack, the factory's jobs, the sensor on the spec bucket.

Belongs here: thin shells. Does not belong here: the factory (``factory_ops.recipes``, ``pipeline``).
"""
