"""Many distinct questions at once: their plans, as columns.

Belongs here: answering the plain questions (everything named, an exact factor) by joining tables, handing
the others to :func:`batch_plans.resolve`, and keeping formulas that were made ready.
Does not belong here: what an answer is (``batch_plans``: both ways give the same), rows of quantities.

A join answers ten thousand questions in the time of a few hundred look-ups. It takes only the questions of
which it is certain: the method names publisher, data set, edition and unit as the catalogue spells them, and
one row has them in that region and year. What it leaves is looked up one by one, and refused in the words of
the look-up.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from greenlang_assets.core.calculation import batch_layout as layout
from greenlang_assets.core.calculation.batch_plans import (
    FORMULA_COLUMNS,
    MASSES,
    Plan,
    ReadyFormula,
    methods_of,
    ready_formula,
    resolve,
)
from greenlang_assets.core.calculation.model import GwpSet
from greenlang_assets.core.calculation.quantities import ratio
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue, Match
from greenlang_assets.core.factors.index import current
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.gwp import GwpTable
from greenlang_assets.core.provenance.canonical import number_text
from greenlang_assets.core.tenants.contracts import LINES

_NAMED = ("factor_activity", "publisher", "dataset", "edition", "activity_unit")
_PLACE = (*_NAMED, "region")


@dataclass(frozen=True)
class Answers:
    """Plans of distinct questions, as columns over the questions.

    Attributes:
        questions: the distinct questions, in the order in which they were asked.
        formulas: number of each question's formula in ``ready``, int32; -1 where it is refused.
        rows: its factor's row of the catalogue, int64.
        levels: the rung at which the factor was found.
        distances: the year asked for less the factor's.
        ratios: of the units, float64.
        refused: question → why it has no plan.
        ready: the formulas.
        tables: the same, as the loops take them.
        catalogue: where ``rows`` count.
    """

    questions: pl.DataFrame
    formulas: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int64]
    levels: pl.Series
    distances: npt.NDArray[np.int64]
    ratios: npt.NDArray[np.float64]
    refused: Mapping[int, GreenlangError]
    ready: list[ReadyFormula]
    tables: FormulaTables
    catalogue: Catalogue

    def __len__(self) -> int:
        return self.questions.height

    def and_these(self, new: Answers) -> Answers:
        """These plans and then those of other questions, answered later by the same resolver."""
        return Answers(
            questions=pl.concat([self.questions, new.questions]),
            formulas=np.concatenate([self.formulas, new.formulas]),
            rows=np.concatenate([self.rows, new.rows]),
            levels=pl.concat([self.levels, new.levels]),
            distances=np.concatenate([self.distances, new.distances]),
            ratios=np.concatenate([self.ratios, new.ratios]),
            refused={**self.refused, **{len(self) + number: error for number, error in new.refused.items()}},
            ready=new.ready,
            tables=new.tables,
            catalogue=self.catalogue,
        )

    def plan(self, number: int) -> Plan | GreenlangError:
        """One plan, or why there is none."""
        if number in self.refused:
            return self.refused[number]
        match = Match(
            int(self.rows[number]), self.levels[number], int(self.distances[number]), self.catalogue
        )
        return Plan(match, self.ready[self.formulas[number]], float(self.ratios[number]))

    @cached_property
    def coefficients(
        self,
    ) -> tuple[
        npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.uint8]
    ]:
        """What the loop takes of each plan: all coefficients, ratio and figure of a plain one, its kind."""
        found = self.tables.coefficients[self.formulas]
        found[:, layout.RATIO] = self.ratios
        plain = self.tables.plain[self.formulas]
        ratios, figures = (np.where(plain, found[:, at], np.nan) for at in (layout.RATIO, layout.CO2E))
        return found, ratios, figures, self.tables.kinds[self.formulas]

    @cached_property
    def given(self) -> npt.NDArray[np.bool_]:
        """Which masses each plan gives: (plans, masses)."""
        given: npt.NDArray[np.bool_] = self.tables.given[self.formulas]
        return given

    def said(self, start: int, stop: int) -> dict[str, list[Any]]:
        """How some questions are answered, in as few words as tell it: what a proof shows of a plan.

        Returns:
            Columns: the question; the SHA-256 of factor, formula and GWPs; the rung at which the factor was
            found and the years between; the ratio of units as a decimal text; or instead of these, which are
            nothing then, the code of the refusal.
        """
        identities = [*self.tables.identities, None]
        ratios = self.ratios[start:stop].tolist()
        texts = {number: number_text(number) for number in set(ratios)}
        said: dict[str, list[Any]] = self.questions[start:stop].to_dict(as_series=False)
        said |= {
            "calculation_sha256": [identities[number] for number in self.formulas[start:stop].tolist()],
            "matched_level": self.levels[start:stop].to_list(),
            "year_distance": self.distances[start:stop].tolist(),
            "ratio": [texts[number] for number in ratios],
            "refused": [None] * len(ratios),
        }
        for place in np.flatnonzero(self.formulas[start:stop] < 0).tolist():
            said["year_distance"][place] = said["ratio"][place] = None
            said["refused"][place] = self.refused[start + place].code
        return said

    @cached_property
    def columns(self) -> pl.DataFrame:
        """The columns of a line that are the same in every row of a plan; nothing where it is refused."""
        used = np.unique(self.formulas[self.formulas >= 0])
        texts = pl.DataFrame(
            [{"formula": number, **self.ready[number].columns} for number in used.tolist()],
            schema={"formula": pl.Int64(), **{name: LINES.schema[name] for name in FORMULA_COLUMNS}},
        )
        return (
            pl.DataFrame({"formula": self.formulas.astype(np.int64)})
            .join(texts, on="formula", how="left", maintain_order="left")
            .drop("formula")
            .with_columns(self.levels.alias("matched_level"), pl.Series("year_distance", self.distances))
        )


@dataclass(frozen=True)
class FormulaTables:
    """What the loops take of formulas, a row each; the last row stands for questions that are refused.

    Attributes:
        coefficients: (formulas + 1, ``batch_layout.WIDTH``) float64; zeros where a formula is not linear.
        plain: whether CO2e is the quantity by one figure, of any quantity not below zero, and nothing else is
            given.
        kinds: ``batch_layout.GIVES_GASES`` and the like, uint8.
        given: (formulas + 1, masses): which masses it gives.
        units: number of the unit of its activity, int32; -1 for the last row.
        identities: the SHA-256 of a formula with its factor and GWPs, in hexadecimal.
    """

    coefficients: npt.NDArray[np.float64]
    plain: npt.NDArray[np.bool_]
    kinds: npt.NDArray[np.uint8]
    given: npt.NDArray[np.bool_]
    units: npt.NDArray[np.int32]
    identities: list[str]

    @classmethod
    def of(cls, formulas: Sequence[ReadyFormula], numbers: dict[str, int]) -> FormulaTables:
        """The tables of some formulas and of refusals; units get numbers as they appear."""
        nothing = np.zeros(layout.WIDTH)
        rows, kinds, plain = [], [], []
        for item in formulas:
            row = item.coefficients
            gases = any(item.given[:-1])
            rows.append(nothing if row is None else row)
            kinds.append(layout.IS_OTHER if row is None else layout.GIVES_GASES * gases)
            plain.append(row is not None and not gases and _is_plain(row))
        return cls(
            coefficients=np.array([*rows, nothing]),
            plain=np.array([*plain, False]),
            kinds=np.array([*kinds, layout.IS_REFUSED], dtype=np.uint8),
            given=np.array([*(item.given for item in formulas), (False,) * len(MASSES)], dtype=bool),
            units=np.array(
                [*(numbers.setdefault(item.bounds.unit, len(numbers)) for item in formulas), -1],
                dtype=np.int32,
            ),
            identities=[item.identity for item in formulas],
        )

    def and_these(self, new: FormulaTables) -> FormulaTables:
        """The tables of other formulas after these."""
        return FormulaTables(
            coefficients=np.concatenate([self.coefficients[:-1], new.coefficients]),
            plain=np.concatenate([self.plain[:-1], new.plain]),
            kinds=np.concatenate([self.kinds[:-1], new.kinds]),
            given=np.concatenate([self.given[:-1], new.given]),
            units=np.concatenate([self.units[:-1], new.units]),
            identities=[*self.identities, *new.identities],
        )


class Resolver:
    """Answers questions over one catalogue and library, and keeps what it made ready; one thread at a time.

    Args:
        catalogue: emission factors.
        library: formulas bound to them.
        gwp: global warming potentials.
    """

    def __init__(self, catalogue: Catalogue, library: Library, gwp: GwpTable) -> None:
        self.catalogue, self.library, self.gwp = catalogue, library, gwp
        self._ready: list[ReadyFormula] = []
        #: The units of activities, numbered as formulas bring them.
        self._to_units: dict[str, int] = {}
        self._tables = FormulaTables.of([], self._to_units)
        self._numbers: dict[str, npt.NDArray[np.int32]] = {}
        self._prepared: tuple[pl.DataFrame, pl.DataFrame] | None = None
        #: Formulas are numbered as they are made ready: batches of several threads share the resolver.
        self._lock = threading.Lock()

    def answer(self, questions: pl.DataFrame, method: pl.DataFrame) -> Answers:
        """The plans of distinct questions.

        Args:
            questions: the columns :data:`batch_plans.QUESTION` as texts and integers, no row twice.
            method: contract ``method``.
        """
        with self._lock:
            return self._answered(questions, method)

    def _answered(self, questions: pl.DataFrame, method: pl.DataFrame) -> Answers:
        found = self._joined(questions, method)
        rows = found["row"].fill_null(-1).to_numpy().copy()
        distances = (found["data_year"] - found["year"]).fill_null(0).to_numpy().copy()
        formulas = self._formulas(rows, found["gwp_set"])
        ratios = self._ratios(questions["unit"], formulas)
        levels: list[str | None] = ["exact"] * questions.height
        refused: dict[int, GreenlangError] = {}
        methods = methods_of(method) if (np.isnan(ratios)).any() else {}
        for number in np.flatnonzero(np.isnan(ratios)).tolist():
            question = questions.row(number, named=True)
            try:
                plan = resolve(question, methods, self.catalogue, self.library, self.gwp)
            except GreenlangError as error:
                refused[number] = error
                formulas[number], ratios[number], levels[number] = -1, 0.0, None
                continue
            gwp_set = methods[question["data_year"], question["activity"]]["gwp_set"]
            formulas[number] = self._number(plan.match.row, gwp_set)
            rows[number], ratios[number] = plan.match.row, plan.ratio
            levels[number], distances[number] = plan.match.matched_level, plan.match.year_distance
        return Answers(
            questions, formulas, rows, pl.Series(levels, dtype=pl.String), distances, ratios, refused,
            self._ready, self._known_tables(), self.catalogue,
        )  # fmt: skip

    def _known_tables(self) -> FormulaTables:
        new = self._ready[len(self._tables.identities) :]
        if new:
            self._tables = self._tables.and_these(FormulaTables.of(new, self._to_units))
        return self._tables

    @cached_property
    def _exact(self) -> pl.DataFrame:
        """The one row that answers for each place and year, where it is certain which.

        Left to the look-up: rows that their publisher withdrew, places where one unit is given on several
        calorific bases, years with several rows of which not exactly one counts.
        """
        frame = self.catalogue.frame
        rows = (
            frame.select(
                pl.int_range(pl.len(), dtype=pl.Int64).alias("row"),
                "publisher", "dataset", "edition", "region", "year", "calorific_basis",
                factor_activity="activity", plain="activity_unit", counts=pl.col("not_counted").is_null(),
            )
            .filter(current(frame))
            .with_columns(
                pl.when(pl.col("calorific_basis").is_null())
                .then("plain")
                .otherwise(pl.format("{}[{}]", "plain", "calorific_basis"))
                .alias("activity_unit"),
                pl.col("calorific_basis")
                .n_unique()
                .over("factor_activity", "publisher", "dataset", "edition", "region", "plain")
                .alias("bases"),
            )
            .filter((pl.col("bases") == 1) | pl.col("calorific_basis").is_not_null())
        )  # fmt: skip
        by_year = rows.group_by(*_PLACE, "year").agg(
            pl.len().alias("rows"),
            pl.col("counts").sum().alias("counting"),
            pl.col("row").sort_by("counts", descending=True).first(),
        )
        certain = by_year.with_columns(
            pl.when((pl.col("rows") == 1) | (pl.col("counting") == 1)).then("row").alias("row")
        )
        return certain.select(*_PLACE, "year", "row")

    def _joined(self, questions: pl.DataFrame, method: pl.DataFrame) -> pl.DataFrame:
        """The questions, in their order, with row, year and GWP set where a join answers."""
        if self._prepared is None or not self._prepared[0].equals(method):
            self._prepared = (method, self._answerable(method))
        return questions.join(
            self._prepared[1], on=["data_year", "activity", "region"], how="left", maintain_order="left"
        )

    def _answerable(self, method: pl.DataFrame) -> pl.DataFrame:
        """Each place in which a row of the method finds its factor: row of the catalogue, year, GWP set.

        The row of the data year itself, or the one of an edition that has a single year there.
        """
        how = method.select("data_year", "activity", *_NAMED, "gwp_set")
        rows = how.join(self._exact, on=_NAMED)
        alone = pl.len().over("data_year", "activity", "region") == 1
        return rows.filter((pl.col("year") == pl.col("data_year")) | alone).select(
            "data_year", "activity", "region", "gwp_set", "row", "year"
        )

    def _formulas(self, rows: npt.NDArray[np.int64], gwp_sets: pl.Series) -> npt.NDArray[np.int32]:
        """The number of each row's formula; -1 where there is none (the look-up says why)."""
        formulas = np.full(len(rows), -1, dtype=np.int32)
        for gwp_set in gwp_sets.drop_nulls().unique():
            mine = (gwp_sets == gwp_set).fill_null(False).to_numpy() & (rows >= 0)
            numbers = self._numbers_of(gwp_set)
            for row in np.unique(rows[mine][numbers[rows[mine]] == _NEW]).tolist():
                try:
                    self._number(row, gwp_set)
                except GreenlangError:
                    numbers[row] = _NONE
            formulas[mine] = np.maximum(numbers[rows[mine]], -1)
        return formulas

    def _numbers_of(self, gwp_set: str) -> npt.NDArray[np.int32]:
        if gwp_set not in self._numbers:
            self._numbers[gwp_set] = np.full(self.catalogue.frame.height, _NEW, dtype=np.int32)
        return self._numbers[gwp_set]

    def _number(self, row: int, gwp_set: GwpSet) -> int:
        numbers = self._numbers_of(gwp_set)
        if numbers[row] < 0:
            factor_id = self.catalogue.frame["factor_id"][row]
            self._ready.append(ready_formula(factor_id, gwp_set, self.library, self.gwp))
            numbers[row] = len(self._ready) - 1
        return int(numbers[row])

    def _ratios(self, units: pl.Series, formulas: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
        """Each question's ratio of units; NaN where there is no formula or no way from unit to unit."""
        # Units and formulas' units by number: each pair that is asked for is converted once.
        codes = units.cast(pl.Categorical()).to_physical().to_numpy()
        numbers = (np.cumsum(np.bincount(codes) > 0) - 1)[codes]
        row_of = np.empty(numbers.max(initial=-1) + 1, dtype=np.int64)
        row_of[numbers] = np.arange(len(numbers))
        to = self._known_tables().units[formulas]
        to_units = [*self._to_units, None]
        pairs = numbers * len(to_units) + to % len(to_units)
        asked = np.zeros(len(row_of) * len(to_units), dtype=bool)
        asked[pairs] = True
        found = np.empty(len(asked))
        for pair in np.flatnonzero(asked).tolist():
            number, place = divmod(pair, len(to_units))
            found[pair] = _ratio(units[int(row_of[number])], to_units[place])
        ratios: npt.NDArray[np.float64] = found[pairs]
        return ratios


def _is_plain(row: npt.NDArray[np.float64]) -> bool:
    """CO2e by one figure, of any quantity that is not negative."""
    return bool(
        row[layout.LOW] == 0.0
        and row[layout.HIGH] == np.finfo(np.float64).max
        and row[layout.CO2E + 1] == 1.0
        and not row[[layout.CO2, layout.CH4, layout.N2O, layout.BIOGENIC]].any()
    )


#: Numbers of formulas that were not yet made ready, and of factors that have none for batches.
_NEW, _NONE = -2, -1


def _ratio(unit: str, to: str | None) -> float:
    if to is None:
        return float("nan")
    try:
        return ratio(unit, to)
    except GreenlangError:
        return float("nan")


@lru_cache(maxsize=4)
def resolver_of(catalogue: Catalogue, library: Library, gwp: GwpTable) -> Resolver:
    """The resolver over these, kept: formulas made ready once serve every run of a process."""
    return Resolver(catalogue, library, gwp)
