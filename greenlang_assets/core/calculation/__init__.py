"""The calculation: from an activity, a factor and a formula to published quantities with their proof.

Belongs here: one calculation (``engine``), many at once (``batch``), both scope 2 figures (``scope2``),
and our figures beside somebody else's (``tie_out``). No language model can be reached from here.
Does not belong here: where factors and formulas come from, or where results are kept.
"""
