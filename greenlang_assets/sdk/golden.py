"""Golden cases: known inputs against what an agent answers.

Belongs here: running one case and saying what differs. Does not belong here: judging the cases
themselves (``factory_ops.specification``).
"""

from __future__ import annotations

import math
from typing import Any

from greenlang_assets.sdk.base import BaseAgent
from greenlang_assets.sdk.errors import FieldFault
from greenlang_assets.sdk.pack import GoldenCase

#: Absolute difference allowed where a case states no tolerance: half of the sixth decimal, to which
#: quantities are published.
PUBLISHED = 5e-7


def check_case(agent: BaseAgent[dict[str, Any], dict[str, Any]], case: GoldenCase) -> list[FieldFault]:
    """What an agent answers otherwise than a golden case expects; empty when it agrees."""
    result = agent.run(dict(case.input))
    if case.error is not None:
        code = result.fault.code if result.fault is not None else None
        if code == case.error:
            return []
        return [
            FieldFault(
                "GOLDEN_ERROR", "", f"{case.name} is refused otherwise", code or "an answer", case.error
            )
        ]
    if not result.success or result.data is None:
        return [FieldFault("GOLDEN_REFUSED", "", f"{case.name} is refused", result.error, "an answer")]
    faults = []
    for name, expected in case.expect.items():
        got = result.data.get(name)
        if not _agrees(got, expected.value, expected.tol):
            within = f" ± {expected.tol:g} of it" if expected.tol else ""
            faults.append(
                FieldFault(
                    "GOLDEN_DIFFERS", name, f"{case.name} differs", repr(got), f"{expected.value!r}{within}"
                )
            )
    return faults


def _agrees(got: Any, expected: Any, tolerance: float | None) -> bool:
    numbers = all(isinstance(item, int | float) and not isinstance(item, bool) for item in (got, expected))
    if not numbers:
        return bool(got == expected)
    if tolerance is None:
        return math.isclose(got, expected, rel_tol=1e-15, abs_tol=PUBLISHED)
    return math.isclose(got, expected, rel_tol=tolerance, abs_tol=0.0)
