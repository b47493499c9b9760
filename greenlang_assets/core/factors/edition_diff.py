"""Two editions side by side: what was added, what was removed, what changed and by how much.

Belongs here: which factors are the same one in both, and the differences of their figures.
Does not belong here: where editions come from (``editions``), how a difference is shown (``glac``).

A factor is the same one in both editions when everything but the edition is: path, region, unit, calorific
basis, and the year where editions hold several years each (a yearly edition's year says nothing else than
its label). A path that its publisher spells differently is one factor removed and one added.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from greenlang_assets.core.factors.model import CO2E_PARTS, MASS_GASES

#: Figure -> the column of its unit.
UNIT_OF = {
    **{gas: f"{gas}_unit" for gas in MASS_GASES},
    **dict.fromkeys(CO2E_PARTS, "co2e_unit"),
}
#: What else of a factor is compared, as text.
_WORDS = ("gwp_set", "other_gases", "other_gases_unit", "activity", "scope", "uncertainty_percent")
#: Position of the year among the parts of a factor's id.
_YEAR = 5
#: Money of a year as it stands in a factor's id: the next edition has the next year's, which is another unit
#: (no relative change is made of it), and still the same factor.
_MONEY = re.compile(r"^([a-z]{3})-\d{4}$")
_CHANGE_SCHEMA = {
    "factor": pl.String(),
    "figure": pl.String(),
    "unit_before": pl.String(),
    "unit": pl.String(),
    "before": pl.Float64(),
    "after": pl.Float64(),
    "relative": pl.Float64(),
}


@dataclass(frozen=True)
class EditionDiff:
    """The differences between two editions.

    Attributes:
        before: the former edition, as it was named.
        after: the latter.
        rows: factors of each.
        added: ids of factors that only the latter has.
        removed: ids of factors that only the former has.
        unchanged: factors whose figures, units and GWP set are the same in both.
        changed: one row a figure: factor (id in the latter), figure, units, before, after, and ``relative``,
            which is (after - before) / before; null where one of them is missing or zero, or the unit is
            another.
        words: what else changed: one row a factor and column, as text (GWP set, further gases …).
    """

    before: str
    after: str
    rows: tuple[int, int]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int
    changed: pl.DataFrame
    words: pl.DataFrame

    @property
    def differs(self) -> bool:
        """Whether anything differs at all."""
        return bool(self.added or self.removed or self.changed.height or self.words.height)

    @property
    def factors_changed(self) -> int:
        """Factors of both editions of which something differs."""
        return len(set(self.changed["factor"]) | set(self.words["factor"]))

    def summary(self) -> dict[str, Any]:
        """The counts."""
        relative = self.changed["relative"].drop_nulls().abs()
        return {
            "before": self.before,
            "after": self.after,
            "factors_before": self.rows[0],
            "factors_after": self.rows[1],
            "added": len(self.added),
            "removed": len(self.removed),
            "changed": self.factors_changed,
            "unchanged": self.unchanged,
            "figures_changed": self.changed.height,
            "median_relative_change": relative.median(),
            "largest_relative_change": relative.max(),
        }

    def as_dict(self) -> dict[str, Any]:
        """Everything, JSON-ready; the largest relative change first."""
        return {
            **self.summary(),
            "added_factors": list(self.added),
            "removed_factors": list(self.removed),
            "changed_figures": largest(self.changed).to_dicts(),
            "changed_words": self.words.to_dicts(),
        }


def largest(changed: pl.DataFrame) -> pl.DataFrame:
    """Changed figures, the largest relative change first, those without one last."""
    return (
        changed.with_columns(pl.col("relative").abs().alias("_size"))
        .sort("_size", "factor", "figure", descending=[True, False, False], nulls_last=True)
        .drop("_size")
    )


def compare(
    before: pl.DataFrame, after: pl.DataFrame, *, names: tuple[str, str] = ("before", "after")
) -> EditionDiff:
    """Compare the factors of two editions.

    Args:
        before: rows of ``FACTOR_SCHEMA``, each identity once.
        after: likewise.
        names: what the two are called.
    """
    yearly = before["year"].n_unique() <= 1 and after["year"].n_unique() <= 1
    left, right = (_keyed(frame, yearly=yearly) for frame in (before, after))
    both = right.join(left, on="_key", how="inner", suffix="_before", maintain_order="left")
    changed = _figures(both)
    words = _words(both)
    touched = set(changed["factor"]) | set(words["factor"])
    return EditionDiff(
        before=names[0],
        after=names[1],
        rows=(before.height, after.height),
        added=tuple(sorted(right.join(left, on="_key", how="anti")["factor_id"])),
        removed=tuple(sorted(left.join(right, on="_key", how="anti")["factor_id"])),
        unchanged=both.height - len(touched),
        changed=changed,
        words=words,
    )


def _keyed(frame: pl.DataFrame, *, yearly: bool) -> pl.DataFrame:
    """The rows with what makes them the same factor in another edition."""
    keys = []
    for factor_id in frame["factor_id"]:
        parts = str(factor_id).split("/")
        parts[_YEAR + 1] = _MONEY.sub(r"\1", parts[_YEAR + 1])
        keys.append("/".join(parts[3:_YEAR] + parts[_YEAR + yearly :]))
    return frame.with_columns(pl.Series("_key", keys, dtype=pl.String))


def _figures(both: pl.DataFrame) -> pl.DataFrame:
    """Every figure that is not the same in both, or not in the same unit."""
    found = []
    for figure, unit in UNIT_OF.items():
        same_unit = pl.col(unit).eq_missing(pl.col(f"{unit}_before"))
        comparable = same_unit & (pl.col(f"{figure}_before") != 0)
        differs = pl.col(figure).ne_missing(pl.col(f"{figure}_before")) | (
            ~same_unit & pl.col(figure).is_not_null() & pl.col(f"{figure}_before").is_not_null()
        )
        found.append(
            both.filter(differs).select(
                factor="factor_id",
                figure=pl.lit(figure),
                unit_before=pl.when(pl.col(f"{figure}_before").is_not_null()).then(f"{unit}_before"),
                unit=pl.when(pl.col(figure).is_not_null()).then(unit),
                before=f"{figure}_before",
                after=figure,
                relative=pl.when(comparable).then(
                    (pl.col(figure) - pl.col(f"{figure}_before")) / pl.col(f"{figure}_before")
                ),
            )
        )
    return pl.concat(found).cast(_CHANGE_SCHEMA).sort("factor", "figure")  # type: ignore[arg-type]


def _words(both: pl.DataFrame) -> pl.DataFrame:
    """What else is not the same, as text."""
    found = [
        both.filter(pl.col(name).ne_missing(pl.col(f"{name}_before"))).select(
            factor="factor_id",
            column=pl.lit(name),
            before=pl.col(f"{name}_before").cast(pl.String),
            after=pl.col(name).cast(pl.String),
        )
        for name in _WORDS
    ]
    return pl.concat(found).sort("factor", "column")


def gwp_sets(before: pl.DataFrame, after: pl.DataFrame) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The GWP sets behind the CO2e of each edition: where they differ, so do all figures."""
    return tuple(sorted(before["gwp_set"].drop_nulls().unique())), tuple(
        sorted(after["gwp_set"].drop_nulls().unique())
    )


def buckets(changed: pl.DataFrame, edges: tuple[float, ...]) -> Mapping[str, int]:
    """How many figures changed by how much.

    Args:
        changed: of an ``EditionDiff``.
        edges: ascending sizes of relative changes, e.g. 0.01 for one percent.
    """
    size = changed["relative"].drop_nulls().abs()
    found: dict[str, int] = {}
    low = 0.0
    for edge in edges:
        found[f"up to {edge:.0%}"] = int(((size > low) & (size <= edge)).sum())
        low = edge
    found[f"over {edges[-1]:.0%}"] = int((size > edges[-1]).sum())
    found["no relative figure"] = int(changed["relative"].null_count())
    return found
