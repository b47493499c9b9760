"""Regular expressions of strangers, matched in linear time.

Belongs here: the one place where a pack's ``pattern`` is compiled and searched for.
Does not belong here: our own expressions, which Python's ``re`` may run.

The engine is the one behind Polars, Rust's ``regex``: finite automata, so no input makes it slow, and no
look-around and no back-references. Its syntax: https://docs.rs/regex/latest/regex/#syntax. Two limits
keep compiling cheap as well.
"""

from __future__ import annotations

import re
from functools import lru_cache

import polars as pl

from greenlang_assets.core.errors import GreenlangError

#: Characters of an expression.
MAX_PATTERN = 400
#: The largest ``{n}`` of an expression, and the largest product of nested ones.
MAX_REPEAT = 200
#: The same for classes of Unicode letters, each copy of which takes a third of a millisecond to compile.
MAX_HEAVY = 100
#: Characters that an expression is searched for in.
MAX_TEXT = 100_000
_HEAVY = re.compile(r"\\[wWpP]")
_BRACES = re.compile(r"\{([0-9,]+)\}")


@lru_cache(maxsize=256)
def check_pattern(pattern: str) -> None:
    """Refuse an expression that cannot be matched in linear time.

    Raises:
        GreenlangError: ``PATTERN_NOT_LINEAR`` (look-around, back-reference, syntax, size).
    """
    repeats = _repeats(pattern)
    heavy = len(_HEAVY.findall(pattern))
    if len(pattern) > MAX_PATTERN or repeats > MAX_REPEAT or heavy * repeats > MAX_HEAVY:
        raise _refused(
            pattern,
            "it is too large to compile",
            f"at most {MAX_PATTERN} characters, {MAX_REPEAT} repetitions (nested ones multiplied) and "
            f"{MAX_HEAVY} repetitions of \\w or \\p",
        )
    try:
        _search(pattern, "")
    except pl.exceptions.PolarsError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        reason = next(
            (line for line in lines if line.startswith("error:")), "error: too large or not an expression"
        )
        raise _refused(
            pattern, reason.removeprefix("error: "), "a regular expression of Rust's regex"
        ) from None


def matches(pattern: str, text: str) -> bool:
    """Whether the expression occurs in the text; write ``^…$`` to bind it to the whole.

    ``$`` is the very end: a line break after it does not match.

    Raises:
        GreenlangError: ``PATTERN_NOT_LINEAR``, ``TEXT_TOO_LONG``.
    """
    check_pattern(pattern)
    if len(text) > MAX_TEXT:
        raise GreenlangError(
            "TEXT_TOO_LONG",
            "a text is longer than any that a pattern is searched for in",
            found=f"{len(text)} characters",
            expected=f"at most {MAX_TEXT}",
        )
    return _search(pattern, text)


def _search(pattern: str, text: str) -> bool:
    return bool(pl.Series([text]).str.contains(pattern, literal=False, strict=True).item())


def _refused(pattern: str, reason: str, expected: str) -> GreenlangError:
    return GreenlangError(
        "PATTERN_NOT_LINEAR",
        f"this expression cannot be used: {reason}",
        found=pattern[:120],
        expected=expected,
        hint="look-around and back-references are not available; an enum says more",
    )


def _repeats(pattern: str) -> int:
    """An upper bound of how often counted repetitions copy their operand: the product of all maxima."""
    product = 1
    for braces in _BRACES.findall(pattern):
        product *= max([1, *(min(int(number), MAX_REPEAT + 1) for number in braces.split(",") if number)])
    return product
