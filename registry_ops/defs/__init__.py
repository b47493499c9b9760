"""Dagster's side of layer 4: the registry's snapshot and deployment, and the sensor on certificates.

Belongs here: thin shells. Does not belong here: registry and runtime (``registry_ops.recipes``).
"""
