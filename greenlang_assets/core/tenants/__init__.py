"""Tenants: whose energy use is calculated, and where each figure of it was read.

Belongs here: importers of activity data, the contracts of the tables, the data sets that ship.
Does not belong here: factors, formulas and the calculation itself (``core.calculation``).
"""
