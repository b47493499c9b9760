"""The HTTP interface, on loopback: execute agents, ask the registry, hand in packs, walk provenance.

Belongs here: requests and answers, who may ask, how much at once. Does not belong here: anything that
computes or decides (``registry_ops.registry``, ``registry_ops.runtime``, the layers below). Dagster is never
imported by this process.
"""
