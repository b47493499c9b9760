"""What the compiled loops of a batch and those who call them agree on.

Belongs here: the columns of a row of coefficients, the kinds of plans, what can become of a row of activity,
how many rows are calculated and hashed together.
Does not belong here: the loops (``batch_kernels``): whoever reads only the layout does not load a compiler.
"""

from __future__ import annotations

#: What became of a row.
FINE, NOT_FINITE, OUT_OF_BOUNDS, OVERFLOW, REFUSED, OTHER = range(6)

#: Columns of the table of coefficients: converted quantity, its bounds, two factors a gas, a GWP a gas, and
#: two factors of a CO2e that is given as such.
RATIO, LOW, HIGH, CO2, CH4, N2O, BIOGENIC, GWP_CO2, GWP_CH4, GWP_N2O, CO2E = (
    *(0, 1, 2),
    *(3, 5, 7, 9),
    *(11, 12, 13),
    14,
)
WIDTH = 16
#: What a plan is, where it is not one of CO2e alone: one that gives gases, or none of the loop.
GIVES_GASES, IS_REFUSED, IS_OTHER = 1, 2, 4
#: Rows a block: what is calculated at once by a thread, and hashed as one leaf.
BLOCK = 65_536
