"""Free text to factors, best first.

Belongs here: the words of a factor, and how a hit is scored. Does not belong here: exact look-up.

A word of the query that a factor has counts in full, a word that it has in another spelling (typing
errors, parts of words) by its likeness; years and regions count most, because a factor of the wrong
year or country is the costliest mistake.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass

import polars as pl

_WORD = re.compile(r"[a-z0-9]+")
#: Words that people use, and the words of the factors. The region words stand for a code.
_SYNONYMS = {
    "uk": "gb",
    "britain": "gb",
    "usa": "us",
    "america": "us",
    "gasoline": "petrol",
    "petrol": "gasoline",
    "defra": "desnz",
    "beis": "desnz",
    "gallons": "gallon",
    "litre": "l",
    "litres": "l",
    "power": "electricity",
}
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
        for row, fact in enumerate(self._facts):
            # The activity is the name that people look for; the path explains it.
            weights = Counter({word: 1.0 for word in _words(fact["activity_path"], fact["dataset"])})
            weights |= {word: 0.8 for word in _words(fact["publisher"], fact["activity_unit"], fact["edition"])}
            weights |= {word: 2.0 for word in _words(fact["activity"])}
            for word, weight in weights.items():
                self._words[word][row] = weight
            self._length[row] = len(weights)
            self._years[fact["year"]].add(row)
            for part in _words(fact["region"]):
                self._regions[part].add(row)

    def search(self, text: str, *, limit: int = 20) -> list[SearchHit]:
        """The best factors for a query such as ``uk grid electricity 2024``; equal scores go by id."""
        words = list(dict.fromkeys(_words(text)))
        scores: dict[int, float] = defaultdict(float)
        for word in words:
            if word.isdigit() and int(word) in self._years:
                for row in self._years[int(word)]:
                    scores[row] += _YEAR_WEIGHT
                continue
            region = _SYNONYMS.get(word, word)
            if region in self._regions:
                for row in self._regions[region]:
                    scores[row] += _REGION_WEIGHT
                if region not in self._words:
                    continue
            for known, likeness in self._spellings(word).items():
                rows = self._words[known]
                rarity = math.log1p(len(self._facts) / len(rows))
                for row, weight in rows.items():
                    scores[row] += weight * likeness * rarity
        ranked = sorted(
            scores,
            key=lambda row: (-scores[row] / (1 + 0.05 * self._length[row]), self._facts[row]["factor_id"]),
        )
        names = SearchHit.__dataclass_fields__
        return [
            SearchHit(
                score=round(scores[row] / (1 + 0.05 * self._length[row]), 4),
                **{name: value for name, value in self._facts[row].items() if name in names},
            )
            for row in ranked[:limit]
        ]

    def _spellings(self, word: str) -> dict[str, float]:
        """Known words for a word of the query, each with its likeness from 0 to 1."""
        exact = [known for known in (word, _SYNONYMS.get(word)) if known in self._words]
        if exact:
            return {known: 1.0 for known in exact if known is not None}
        from rapidfuzz import fuzz, process

        near = process.extract(word, self._words.keys(), scorer=fuzz.ratio, limit=3, score_cutoff=_FUZZY_FLOOR)
        found = {known: 0.7 * score / 100 for known, score, _ in near}
        if len(word) >= 3:
            found |= {known: 0.6 for known in self._words if known.startswith(word) and known not in found}
        return found


def _words(*texts: str) -> list[str]:
    return [word for text in texts for word in _WORD.findall(text.lower())]
