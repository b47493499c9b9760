"""Formulas as data: the expression language, its checks, its compilers and the library.

Belongs here: what an equation says and what it computes.
Does not belong here: emission factors (``core.factors``), choosing a formula for an activity
(``core.calculation``).
"""
