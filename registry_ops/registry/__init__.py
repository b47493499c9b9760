"""The agent registry: who is registered, in which versions, under which certificate.

Belongs here: models, rules and the registry itself, over a database port. Does not belong here: SQL
(``resources.registry_store``), running agents (``registry_ops.runtime``).
"""
