"""The words that people use for what factors are called: synonyms, regions, words that say nothing.

Belongs here: reading ``data/factors/search-words.csv`` and the names of countries, and taking a text apart
into words. Does not belong here: any synonym in code, scoring (``search``).

Kinds in the table: ``word`` (also look for this one), ``region`` (the code behind a name), ``ignore`` (says
nothing about a factor; written in capitals it may still be a country's code, as ``IN`` or ``DE``), ``aside``
(stands in the names of activities, and people who mean them leave it out, as ``life cycle``), ``stage`` (asks
for factors of this stage of ``search_stages``, as ``landfill`` for those of waste).
"""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import polars as pl

from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import countries

TABLE = DATA_ROOT / "factors" / "search-words.csv"
_COLUMNS = ["word", "kind", "means"]
_KINDS = ("word", "region", "ignore", "aside", "stage")
_WORD = re.compile(r"[a-z0-9]+")
#: Letters that are two letters elsewhere; everything else folds by Unicode's own rules.
_LIGATURES = {"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l"}


@dataclass(frozen=True)
class SearchWords:
    """What words of a query stand for; the keys are sequences of folded words.

    Args:
        means: words → further words that a factor may carry instead.
        regions: words → codes of regions.
        ignored: words that say nothing.
        asides: words of activities' names that people leave out.
        stages: words → the stages that they ask for.
    """

    means: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)
    regions: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    asides: frozenset[str] = frozenset()
    stages: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)


def fold(text: str) -> str:
    """Lower case without accents: ``Électricité`` is ``electricite``."""
    text = text.lower()
    for letter, plain in _LIGATURES.items():
        text = text.replace(letter, plain)
    return "".join(
        character for character in unicodedata.normalize("NFKD", text) if not unicodedata.combining(character)
    )


def fold_expr(column: pl.Expr) -> pl.Expr:
    """:func:`fold` over a column."""
    lower = column.str.to_lowercase().str.replace_many(list(_LIGATURES), list(_LIGATURES.values()))
    return lower.str.normalize("NFKD").str.replace_all(r"\p{M}", "")


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text, folded: letters and digits without what stands between."""
    return tuple(_WORD.findall(fold(text)))


def words_expr(column: pl.Expr) -> pl.Expr:
    """:func:`words_of` over a column, a list in each row."""
    return fold_expr(column).str.extract_all(_WORD.pattern)


@cache
def shipped_words(table: Path = TABLE) -> SearchWords:
    """The table that ships, with the names of countries.

    Raises:
        GreenlangError: ``LAYOUT_UNKNOWN`` for other columns or an unknown kind.
    """
    means: dict[tuple[str, ...], tuple[str, ...]] = {}
    regions: dict[tuple[str, ...], tuple[str, ...]] = {}
    stages: dict[tuple[str, ...], tuple[str, ...]] = {}
    ignored: set[str] = set()
    asides: set[str] = set()
    for name, code in countries.names().items():
        _add(regions, name, code)
    with table.open(encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        if reader.fieldnames != _COLUMNS:
            raise _layout(table, 1, reader.fieldnames, _COLUMNS)
        for number, row in enumerate(reader, start=2):
            if row["kind"] == "word":
                _add(means, row["word"], *words_of(row["means"]))
            elif row["kind"] == "region":
                _add(regions, row["word"], row["means"])
            elif row["kind"] == "ignore":
                ignored.update(words_of(row["word"]))
            elif row["kind"] == "aside":
                asides.update(words_of(row["word"]))
            elif row["kind"] == "stage":
                _add(stages, row["word"], row["means"])
            else:
                raise _layout(table, number, row["kind"], _KINDS)
    return SearchWords(means, regions, frozenset(ignored), frozenset(asides), stages)


def _add(table: dict[tuple[str, ...], tuple[str, ...]], words: str, *found: str) -> None:
    key = words_of(words)
    table[key] = tuple(dict.fromkeys((*table.get(key, ()), *found)))


def _layout(table: Path, row: int, found: object, expected: object) -> GreenlangError:
    return GreenlangError(
        "LAYOUT_UNKNOWN",
        "the table of search words is not as it is read here",
        found=found,
        expected=expected,
        where={"file": table.name, "row": row},
    )
