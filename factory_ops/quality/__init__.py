"""Twelve dimensions under six weights, each measured on the pack as it was built.

Belongs here: measuring and judging. Does not belong here: making packs, keeping reports.
"""
