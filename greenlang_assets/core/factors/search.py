"""Free text to factors, best first.

Belongs here: the words of a factor, and how a hit is scored. Does not belong here: exact look-up.

A word of the query that a factor has counts in full, a word that it has in another spelling (typing
errors, parts of words) by its likeness; years and regions count most, because a factor of the wrong
year or country is the costliest mistake.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

_WORD = re.compile(r"[a-z0-9]+")
#: Words that people use, and the words of the factors. The region words stand for a code.
_SYNONYMS: dict[str, tuple[str, ...]] = {
    "uk": ("gb",),
    "britain": ("gb",),
    "usa": ("us",),
    "america": ("us",),
    "gasoline": ("motor", "petrol"),
    "petrol": ("motor", "gasoline"),
    "defra": ("desnz",),
    "beis": ("desnz",),
    "gallons": ("gallon",),
    "litre": ("l",),
    "litres": ("l",),
    "power": ("electricity",),
}
#: A factor whose harmonised activity the query names in full is what people look for.
_ACTIVITY_BONUS = 6.0
#: Well-to-tank factors share every word with the factor of the fuel itself: the query says which by "WTT".
_WELL_TO_TANK = 0.6
_YEAR_WEIGHT = 4.0
_REGION_WEIGHT = 3.0
_FUZZY_FLOOR = 80.0


@dataclass(frozen=True)
class SearchHit:
    """One factor of a result list."""

    factor_id: str
    score: float
    activity: str
    activity_path: str
    publisher: str
    edition: str
    region: str
    year: int
    activity_unit: str


class SearchIndex:
    """Words of every factor, for ranked search.

    Args:
        frame: rows of ``FACTOR_SCHEMA``.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        columns = [name for name in SearchHit.__dataclass_fields__ if name != "score"]
        self._facts = list(frame.select(*columns, "dataset").iter_rows(named=True))
        self._words: dict[str, dict[int, float]] = defaultdict(dict)
        self._length = [0] * len(self._facts)
        self._years: dict[int, set[int]] = defaultdict(set)
        self._regions: dict[str, set[int]] = defaultdict(set)
        self._activities: dict[frozenset[str], list[int]] = defaultdict(list)
        self._well_to_tank: set[int] = set()
        for row, fact in enumerate(self._facts):
            # The activity is the name that people look for; the path explains it.
            weights = dict.fromkeys(_words(fact["publisher"], fact["activity_unit"], fact["edition"]), 0.8)
            weights |= dict.fromkeys(_words(fact["activity_path"], fact["dataset"]), 1.0)
            weights |= dict.fromkeys(_words(fact["activity"]), 2.0)
            for word, weight in weights.items():
                self._words[word][row] = weight
            self._length[row] = len(weights)
            self._activities[frozenset(_words(fact["activity"]))].append(row)
            if "wtt" in weights:
                self._well_to_tank.add(row)
            self._years[fact["year"]].add(row)
            # "GB" and "RFCW" are names of regions, the words inside a slug are not.
            code = fact["region"].removeprefix("US-EGRID-").lower()
            if "-" not in code:
                self._regions[code].add(row)

    def search(self, text: str, *, limit: int = 20) -> list[SearchHit]:
        """The best factors for a query such as ``uk grid electricity 2024``; equal scores go by id."""
        scores: dict[int, float] = defaultdict(float)
        understood: set[str] = set()
        words = dict.fromkeys(_words(text))
        for word in words:
            if word.isdigit() and int(word) in self._years:
                _add(scores, self._years[int(word)], _YEAR_WEIGHT)
                continue
            regions = [name for name in (word, *_SYNONYMS.get(word, ())) if name in self._regions]
            for region in regions:
                _add(scores, self._regions[region], _REGION_WEIGHT)
            spellings = {} if regions else self._spellings(word)
            understood |= set(spellings)
            for known, likeness in spellings.items():
                rarity = math.log1p(len(self._facts) / len(self._words[known]))
                for row, weight in self._words[known].items():
                    scores[row] += weight * likeness * rarity
        for activity, rows in self._activities.items():
            if activity <= understood:
                _add(scores, rows, _ACTIVITY_BONUS)
        for row in scores:
            scores[row] /= 1 + 0.05 * self._length[row]
            if (row in self._well_to_tank) != ("wtt" in words):
                scores[row] *= _WELL_TO_TANK
        ranked = sorted(scores, key=lambda row: (-scores[row], self._facts[row]["factor_id"]))
        return [self._hit(row, scores[row]) for row in ranked[:limit]]

    def _hit(self, row: int, score: float) -> SearchHit:
        names = SearchHit.__dataclass_fields__
        facts = {name: value for name, value in self._facts[row].items() if name in names}
        return SearchHit(score=round(score, 4), **facts)

    def _spellings(self, word: str) -> dict[str, float]:
        """Known words for a word of the query, each with its likeness from 0 to 1."""
        exact = [known for known in (word, *_SYNONYMS.get(word, ())) if known in self._words]
        if exact:
            return dict.fromkeys(exact, 1.0)
        from rapidfuzz import fuzz, process

        near = process.extract(
            word, self._words.keys(), scorer=fuzz.ratio, limit=3, score_cutoff=_FUZZY_FLOOR
        )
        found = {known: 0.7 * score / 100 for known, score, _ in near}
        if len(word) >= 3:
            longer = (known for known in self._words if known.startswith(word))
            found |= {known: 0.6 for known in longer if known not in found}
        return found


def _words(*texts: str) -> list[str]:
    return [word for text in texts for word in _WORD.findall(text.lower())]


def _add(scores: dict[int, float], rows: Iterable[int], weight: float) -> None:
    for row in rows:
        scores[row] += weight
