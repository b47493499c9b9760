"""The one error type of the platform.

Belongs here: the shape every refusal has, wherever it is shown (terminal, HTTP, Dagster).
Does not belong here: the codes themselves; each module raises its own, in its own words.
"""

from __future__ import annotations

from typing import Any


class GreenlangError(Exception):
    """A refusal that tells its reader what to do.

    Args:
        code: stable machine name, upper snake case, e.g. ``FACTOR_NOT_FOUND``.
        message: one sentence, for a person.
        found: what was there (file, cell, value, unit …), as text.
        expected: what would have been accepted, as text.
        hint: what to do next, as text.
        where: place of the fault, e.g. ``{"file": …, "sheet": …, "row": 12, "column": "UOM"}``.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        found: object = None,
        expected: object = None,
        hint: str | None = None,
        where: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.found = None if found is None else str(found)
        self.expected = None if expected is None else str(expected)
        self.hint = hint
        self.where = where or {}

    def __str__(self) -> str:
        parts = [f"[{self.code}] {self.message}"]
        if self.where:
            parts.append("at " + ", ".join(f"{key} {value}" for key, value in self.where.items()))
        if self.found is not None:
            parts.append(f"found: {self.found}")
        if self.expected is not None:
            parts.append(f"expected: {self.expected}")
        if self.hint is not None:
            parts.append(f"hint: {self.hint}")
        return "; ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """The error as JSON-ready data, the same keys in every channel."""
        return {
            "code": self.code,
            "message": self.message,
            "found": self.found,
            "expected": self.expected,
            "hint": self.hint,
            "where": self.where,
        }
