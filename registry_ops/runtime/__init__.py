"""The runtime: agents that answer, in worker processes behind a router.

Belongs here: routing, verification right before loading, recording what was calculated. Does not belong
here: isolation (``resources.sandbox``), HTTP (``registry_ops.api``).
"""
