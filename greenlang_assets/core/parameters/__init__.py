"""Default parameters of official methods: tables of figures that equations ask for, each cited.

Belongs here: the shipped tables, what each is and where it was printed, the reader of their source.
Does not belong here: which equation takes which figure (``core.formulas.parameter_binding``), emission
factors of publishers (``core.factors``).
"""
