"""The shape of a quality report.

Belongs here: dimensions, weights, floors, the verdict, the canonical form. Does not belong here: measuring,
pages.

A pack is valid when every floor is held AND the weighted sum is at least 0.70 AND nothing is unmeasured. The
sum alone would pass an agent without a single test. Times stand beside the body, outside its digest: run
again, a report of the same pack has the same digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from greenlang_assets.core.provenance.canonical import canonical_bytes, sha256_hex

REPORT_FORMAT = "greenlang/quality-report@1"
THRESHOLD = 0.70

#: Weight -> its dimensions with their share of the whole and their floor in words.
WEIGHTS: dict[str, dict[str, tuple[float, str]]] = {
    "code_quality": {
        "complexity": (0.10, "cyclomatic complexity of every function ≤ 10"),
        "maintainability": (0.10, "radon's index of every file ≥ 40"),
        "style": (0.05, "no finding of ruff, nothing suppressed"),
    },
    "test_coverage": {
        "coverage": (0.20, "lines and branches ≥ 0.85 each, every test passes"),
        "test_strength": (0.10, "share of mutants killed ≥ 0.70"),
    },
    "documentation": {
        "docstrings": (0.08, "share of documented definitions ≥ 0.80"),
        "type_hints": (0.07, "annotated share ≥ 0.90, no error of mypy --strict"),
    },
    "performance": {"runtime": (0.10, "P95 of calls within the pack's budget, no anti-pattern")},
    "security": {
        "static_analysis": (0.05, "no finding of bandit of medium severity or more, imports allowed"),
        "secrets_and_dependencies": (0.05, "no secret, everything pinned by hash"),
    },
    "standards": {
        "zero_hallucination": (0.05, "no arithmetic, network, clock or randomness; two runs identical"),
        "provenance_and_units": (0.05, "every number has unit, citation and pinned factors"),
    },
}
DIMENSIONS = tuple(name for group in WEIGHTS.values() for name in group)


@dataclass(frozen=True)
class Measured:
    """One dimension as it was found.

    Attributes:
        score: 0 to 1.
        held: whether the floor is held.
        measure: the figures, JSON-ready.
        findings: what to mend, in words, cut at twenty.
        unmeasured: why it could not be measured; such a pack is never valid.
    """

    score: float
    held: bool
    measure: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    unmeasured: str | None = None

    @classmethod
    def not_measured(cls, reason: str) -> Measured:
        """A dimension about which nothing is known."""
        return cls(0.0, False, unmeasured=reason[:400])


@dataclass(frozen=True)
class QualityReport:
    """The verdict on one archive.

    Attributes:
        pack_id: of the pack.
        version: of the pack.
        archive_sha256: what was measured.
        dimensions: all twelve by name.
        tools: the tools' versions.
        timings: milliseconds, outside the digest.
    """

    pack_id: str
    version: str
    archive_sha256: str
    dimensions: Mapping[str, Measured]
    tools: Mapping[str, str]
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def overall(self) -> float:
        """The weighted sum, to four decimals."""
        shares = {name: share for group in WEIGHTS.values() for name, (share, _) in group.items()}
        return round(sum(shares[name] * self.dimensions[name].score for name in DIMENSIONS), 4)

    @property
    def valid(self) -> bool:
        """Every floor held, the sum high enough, nothing unmeasured."""
        return not self.failed and self.overall >= THRESHOLD

    @property
    def failed(self) -> tuple[str, ...]:
        """Dimensions whose floor is not held, or that were not measured."""
        return tuple(
            name
            for name in DIMENSIONS
            if not self.dimensions[name].held or self.dimensions[name].unmeasured is not None
        )

    def body(self) -> dict[str, Any]:
        """Everything but the times, as JSON-ready data."""
        return {
            "format": REPORT_FORMAT,
            "pack": {"id": self.pack_id, "version": self.version, "archive_sha256": self.archive_sha256},
            "valid": self.valid,
            "overall": self.overall,
            "threshold": THRESHOLD,
            "failed": list(self.failed),
            "weights": {
                group: {
                    "weight": round(sum(share for share, _ in parts.values()), 4),
                    "score": round(
                        sum(share * self.dimensions[name].score for name, (share, _) in parts.items())
                        / sum(share for share, _ in parts.values()),
                        4,
                    ),
                }
                for group, parts in WEIGHTS.items()
            },
            "dimensions": {
                name: {
                    "weight": group,
                    "share": share,
                    "floor": floor,
                    "score": round(self.dimensions[name].score, 4),
                    "held": self.dimensions[name].held,
                    "measure": dict(self.dimensions[name].measure),
                    "findings": list(self.dimensions[name].findings[:20]),
                    "unmeasured": self.dimensions[name].unmeasured,
                }
                for group, parts in WEIGHTS.items()
                for name, (share, floor) in parts.items()
            },
            "tools": dict(self.tools),
        }

    def canonical(self) -> bytes:
        """The canonical bytes that are stored, hashed and certified."""
        return canonical_bytes(self.body())

    @property
    def sha256(self) -> str:
        """The report's digest."""
        return sha256_hex(self.canonical())
