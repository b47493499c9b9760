"""JSON as we take it: no duplicate keys, no NaN, no infinite number, not deeper than anybody needs.

Belongs here: judging a text. Does not belong here: reading it from a connection (``gate``).
"""

from __future__ import annotations

import json
import math
from typing import Any

from greenlang_assets.core.errors import GreenlangError

MAX_DEPTH = 32


def require_strict_json(data: bytes) -> None:
    """Whether these bytes are one JSON document as we take it.

    Raises:
        GreenlangError: ``JSON_INVALID``.
    """
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant, parse_float=_float
        )
        deep = _deeper_than(value, MAX_DEPTH)
    except RecursionError:
        deep = True
    except ValueError as error:
        raise _invalid(str(error)[:200]) from None
    if deep:
        raise _invalid(f"more than {MAX_DEPTH} levels")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("the same key twice in one object")
    return record


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number beyond the range of float64")
    return number


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        level = [
            part
            for item in level
            if isinstance(item, dict | list)
            for part in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True


def _invalid(found: str) -> GreenlangError:
    return GreenlangError(
        "JSON_INVALID",
        "the body is not JSON as it is taken here",
        found=found,
        expected=f"one UTF-8 document, each key once, finite numbers, at most {MAX_DEPTH} levels",
    )
