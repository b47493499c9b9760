"""Free text to factors, best first.

Belongs here: the index of words, and how a hit is scored. Does not belong here: exact look-up
(``catalogue``), what words stand for (``search_words``).

A word of the query that a factor has counts in full, a word that it has in another spelling (typing
errors, beginnings of words) by its likeness, and each the more the fewer factors have it. A factor of another
year, country or unit than the query names keeps about half of its score, because that is the costliest
mistake; one that lacks words of the query loses in proportion.

A bare word means the thing itself: "steel" is its production, "diesel" the fuel, "electricity" the grid's.
Factors of the thing's waste, of what was emitted before it was burnt, of losses on the way or of the money
spent on it have the same words, and shorter names at times; they keep a share of their score unless the query
asks for their stage ("steel recycling", "WTT diesel", "spend on paper"), and then the others do
(``search_stages``). Of equal scores the later year comes first, then the id, so that a query has one answer.

Words are indexed once per *subject* (publisher, dataset, activity, path, unit), which many regions and
years share; years, regions and editions are brought in as whole columns. The index is made in
memory from the very rows that it serves, in a fraction of a second when the first search asks for it: there
is no copy on disk that could be out of step with the catalogue's content hash.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import polars as pl

from greenlang_assets.core.factors.index import Coded, current
from greenlang_assets.core.factors.regions import WORLD
from greenlang_assets.core.factors.search_stages import THE_THING_ITSELF, stages_of
from greenlang_assets.core.factors.search_words import SearchWords, shipped_words, words_expr, words_of

#: What makes a subject, and how much a word in each of them says. The activity is the name that people look
#: for; the path explains it.
_SUBJECT = {"publisher": 0.8, "activity_unit": 0.8, "activity_path": 1.0, "dataset": 1.0, "activity": 2.0}
_EDITION_WEIGHT = 0.8
#: A factor whose harmonised activity the query names in full is what people look for; the longer name
#: is the more exact one.
_ACTIVITY_BONUS = 6.0
_ACTIVITY_WORD = 0.5
#: Of two activities whose names differ in an aside, the one that has it as the query has comes first.
_ASIDE = 0.75
#: What is left of the score of a factor of another stage than the query asks for: the factor of a thing's
#: waste, or of what happened before it was burnt, has every word that the factor of the thing itself has.
_OTHER_STAGE = 0.6
#: Waste is the furthest from what a material's bare name means; spending stands in for what is not weighed.
_STAGE_SHARES = {"waste-disposal": 0.45, "spend-based": 0.85}
#: What is left of the score of a factor that is of another year, or another region, than the query names;
#: the world's factor serves where a region has none.
_OTHER_YEAR = 0.6
_OTHER_REGION = 0.45
_WORLD = 0.55
#: The same for another unit than the query names.
_OTHER_UNIT = 0.6
#: A query that names nothing but a year or a region finds its factors.
_NAMED_ALONE = 0.3
#: A region's name stands in many paths where it is not the region.
_PLACE_WORD = 0.2
#: So much less is a factor worth that has none of the query's words; one that has some, in proportion.
_MISSING = 0.5
#: A synonym says a little less than the word itself.
_SYNONYM = 0.95
#: So does its singular or plural.
_OTHER_NUMBER = 0.98
_FUZZY_FLOOR = 80.0
_FUZZY_LIKENESS = 0.7
_BEGINNING_LIKENESS = 0.6
_MOST_SPELLINGS = 40
_SHORTEST_MISSPELT_NAME = 5
#: The longest sequence of words that may be one name.
_LONGEST_NAME = 6
#: A query has so many words at most; the rest is not read.
_MOST_WORDS = 32

_Numbers = npt.NDArray[np.int32]
_Scores = npt.NDArray[np.float64]


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


_SHOWN = [name for name in SearchHit.__dataclass_fields__ if name != "score"]


@dataclass
class _Query:
    """A text understood: each word's known spellings with their likeness, and the facts it names."""

    spellings: list[dict[str, float]] = field(default_factory=list)
    years: set[int] = field(default_factory=set)
    regions: set[str] = field(default_factory=set)
    editions: set[str] = field(default_factory=set)
    units: set[str] = field(default_factory=set)
    stages: set[str] = field(default_factory=set)


class _Postings:
    """Which subjects (or activities) have a word, and with which weight; the words in alphabetical order.

    Args:
        cells: columns ``word``, ``owner``, ``weight``; each word once an owner.
    """

    def __init__(self, cells: pl.DataFrame) -> None:
        cells = cells.sort("word", "owner")
        runs = cells["word"].rle().struct.unnest()
        self.words: list[str] = runs["value"].to_list()
        ends = np.concatenate([[0], np.cumsum(runs["len"].to_numpy())])
        self._span = {
            word: (int(ends[number]), int(ends[number + 1])) for number, word in enumerate(self.words)
        }
        self._owners = cells["owner"].to_numpy()
        self._weights = cells["weight"].to_numpy()

    def __contains__(self, word: str) -> bool:
        return word in self._span

    def of(self, word: str) -> tuple[_Numbers, _Scores]:
        """Owners of a known word and its weight in each."""
        begin, end = self._span[word]
        return self._owners[begin:end], self._weights[begin:end]


class SearchIndex:
    """Words of every factor that its publisher has not withdrawn, for ranked search.

    Args:
        frame: rows of ``FACTOR_SCHEMA``.
        words: what words of a query stand for; the shipped table by default.
    """

    def __init__(self, frame: pl.DataFrame, words: SearchWords | None = None) -> None:
        self._said = words or shipped_words()
        rows = frame.select(*_SHOWN, "dataset").filter(current(frame))
        self._facts = rows.select(_SHOWN)
        self._years = rows["year"].to_numpy()
        self._known_years = set(rows["year"].unique())
        self._region, self._edition, self._publisher = (
            Coded(rows[name]) for name in ("region", "edition", "publisher")
        )
        self._region_names = _region_names(self._region.names)
        self._one_word_names = sorted(
            key[0] for key, codes in self._said.regions.items() if len(key) == 1 and self._here(codes)
        )
        self._edition_words = [frozenset(words_of(name)) for name in self._edition.names]
        order = np.empty(rows.height, dtype=np.int32)
        order[rows["factor_id"].arg_sort().to_numpy()] = np.arange(rows.height, dtype=np.int32)
        self._id_order = order
        self._index_subjects(rows)
        self._spellings = lru_cache(maxsize=4096)(self._find_spellings)

    def _index_subjects(self, rows: pl.DataFrame) -> None:
        subjects = (
            rows.lazy()
            .select(*_SUBJECT, pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"))
            .group_by(*_SUBJECT, maintain_order=True)
            .agg("row")
            .with_row_index("owner")
            .collect()
        )
        placed = subjects.select("owner", "row").explode("row")
        self._subject_of = np.empty(rows.height, dtype=np.int32)
        self._subject_of[placed["row"].to_numpy()] = placed["owner"].to_numpy()
        cells = pl.concat(
            _words_in(subjects, name).with_columns(weight=pl.lit(weight)) for name, weight in _SUBJECT.items()
        )
        cells = cells.group_by("owner", "word").agg(pl.col("weight").max())
        self._count = subjects.height
        self._postings = _Postings(cells)
        lengths = cells.group_by("owner").len().sort("owner")
        self._brevity = np.ones(self._count)
        self._brevity[lengths["owner"].to_numpy()] = 1 / (1 + 0.05 * lengths["len"].to_numpy())
        self._stage = Coded(stages_of(subjects))
        unit = Coded(subjects["activity_unit"])
        self._unit_of, self._unit_words = unit.codes, [frozenset(words_of(name)) for name in unit.names]
        self._words_of_units = frozenset().union(*self._unit_words)
        activity = Coded(subjects["activity"])
        self._activity_of = activity.codes
        named = pl.DataFrame({"activity": activity.names}, schema={"activity": pl.String}).with_row_index(
            "owner"
        )
        whole = _words_in(named, "activity").unique()
        aside = pl.col("word").is_in(self._said.asides)
        words = whole.filter(~aside)
        self._has_aside = np.zeros(len(activity.names), dtype=bool)
        self._has_aside[whole.filter(aside)["owner"].to_numpy()] = True
        self._activities = _Postings(words.with_columns(weight=pl.lit(1.0)))
        self._activity_length = np.full(len(activity.names), np.iinfo(np.int32).max)
        lengths = words.group_by("owner").len()
        self._activity_length[lengths["owner"].to_numpy()] = lengths["len"].to_numpy()

    # --- questions

    def search(
        self,
        text: str,
        *,
        limit: int = 20,
        publisher: str | None = None,
        region: str | None = None,
        year: int | None = None,
    ) -> list[SearchHit]:
        """The best factors for a query such as ``uk grid electricity 2024``.

        Args:
            text: in people's own words; accents, capitals and small typing errors do not matter.
            limit: most hits to give.
            publisher: only factors of this publisher's id.
            region: only factors of this region's code.
            year: only factors of this year.
        """
        scores = self._scores(self._understand(text))
        for coded, wanted in ((self._publisher, publisher), (self._region, region)):
            if wanted is not None:
                scores = np.where(coded.codes == coded.code.get(wanted, -2), scores, 0.0)
        if year is not None:
            scores = np.where(self._years == year, scores, 0.0)
        best = self._best(scores, limit)
        return [self._hit(row, float(scores[row])) for row in best.tolist()]

    def _hit(self, row: int, score: float) -> SearchHit:
        facts = dict(zip(_SHOWN, self._facts.row(row), strict=True))
        return SearchHit(score=round(score, 4), **facts)

    def _scores(self, query: _Query) -> _Scores:
        wanted = query.stages or {THE_THING_ITSELF}
        stage = np.array(
            [1.0 if name in wanted else _STAGE_SHARES.get(name, _OTHER_STAGE) for name in self._stage.names]
        )
        subjects = self._subject_scores(query.spellings) * self._brevity * stage[self._stage.codes]
        if query.units:
            named_units = [words <= query.units for words in self._unit_words]
            subjects = subjects * np.where(named_units, 1.0, _OTHER_UNIT)[self._unit_of]
        scores: _Scores = subjects[self._subject_of]
        if query.editions:
            told = [len(words & query.editions) for words in self._edition_words]
            scores += _EDITION_WEIGHT * math.log1p(len(told)) * np.array(told)[self._edition.codes]
        if query.years:
            named = np.isin(self._years, list(query.years))
            scores = scores * np.where(named, 1.0, _OTHER_YEAR) + _NAMED_ALONE * named
        if query.regions:
            shares = {WORLD: _WORLD, **dict.fromkeys(query.regions, 1.0)}
            share = np.array([shares.get(name, _OTHER_REGION) for name in self._region.names])
            at = share[self._region.codes]
            scores = scores * at + _NAMED_ALONE * (at == 1.0)
        return scores

    def _subject_scores(self, spellings: Iterable[dict[str, float]]) -> _Scores:
        total = np.zeros(self._count)
        had, said = np.zeros(self._count), 0
        understood: set[str] = set()
        for known in spellings:
            understood |= known.keys()
            best = np.zeros(self._count)
            for word, likeness in known.items():
                owners, weights = self._postings.of(word)
                best[owners] = np.maximum(best[owners], weights * likeness)
            # Spellings of one word are as rare together: "van" is no name in a path because vans are many.
            total += best * math.log1p(self._count / max(1, int(np.count_nonzero(best))))
            if max(known.values(), default=0.0) > _PLACE_WORD:
                said += 1
                had += best > 0
        named = np.zeros(len(self._activity_length), dtype=np.int64)
        for word in understood:
            if word in self._activities:
                named[self._activities.of(word)[0]] += 1
        # A part of a longer name is worth little, and one word of several nothing.
        part = np.where(named > 1, (named / self._activity_length) ** 2, 0.0)
        bonus = (_ACTIVITY_BONUS + _ACTIVITY_WORD * named) * np.where(
            named == self._activity_length, 1.0, part
        )
        bonus[self._has_aside != bool(understood & self._said.asides)] *= _ASIDE
        total += bonus[self._activity_of]
        # "Stainless steel" is not the steel of cans, however short the name of that is.
        return total * (1 - _MISSING * (1 - had / max(1, said)))

    def _best(self, scores: _Scores, limit: int) -> _Numbers:
        """Rows with the highest scores; of equal ones the later year, then the id."""
        rows = np.flatnonzero(scores)
        if rows.size > limit:
            some = scores[rows]
            least = np.partition(some, rows.size - limit)[rows.size - limit]
            rows = rows[some >= least]
        order = np.lexsort((self._id_order[rows], -self._years[rows], -scores[rows]))
        return rows[order[:limit]].astype(np.int32)

    # --- understanding

    def _understand(self, text: str) -> _Query:
        query = _Query()
        shouted = {word.lower() for word in text.split() if word.isupper()}
        words = list(dict.fromkeys(words_of(text)))[:_MOST_WORDS]
        place = 0
        while place < len(words):
            place += self._take_name(words, place, query) or self._take_word(words[place], shouted, query)
        query.stages = {stage for word in words for stage in self._said.stages.get((word,), ())}
        return query

    def _take_name(self, words: list[str], place: int, query: _Query) -> int:
        """How many words from here are one name of a region or of a thing; 0 for none."""
        for length in range(min(_LONGEST_NAME, len(words) - place), 1, -1):
            key = tuple(words[place : place + length])
            regions = self._regions_called(key)
            if regions:
                query.regions |= regions
                return length
            meant = [word for word in self._said.means.get(key, ()) if word in self._postings]
            if meant:
                said = len(query.spellings)
                for word in key:
                    self._take_word(word, set(), query)
                # The name means one thing, whatever its words mean apart.
                query.spellings[said:] = [
                    {word: likeness / 2 for word, likeness in known.items()}
                    for known in query.spellings[said:]
                ]
                query.spellings.append(dict.fromkeys(meant, _SYNONYM))
                return length
        return 0

    def _take_word(self, word: str, shouted: set[str], query: _Query) -> int:
        ignored = word in self._said.ignored
        if word.isdigit() and int(word) in self._known_years:
            query.years.add(int(word))
            return 1
        if not ignored or word in shouted:
            regions = self._regions_called((word,))
            query.regions |= regions
            if regions:
                # The word may stand in a publisher's name or path as well ("UK electricity").
                if not ignored and word in self._postings:
                    query.spellings.append({word: _PLACE_WORD})
                return 1
        if ignored:
            return 1
        if any(word in words for words in self._edition_words):
            query.editions.add(word)
        query.units.update({word, *self._said.means.get((word,), ())} & self._words_of_units)
        spellings = self._spellings(word)
        if max(spellings.values(), default=0.0) < _SYNONYM * _FUZZY_LIKENESS:
            query.regions |= self._regions_like(word)
        if spellings:
            query.spellings.append(spellings)
        return 1

    def _regions_like(self, word: str) -> set[str]:
        """Regions whose name of one word this is with a typing error."""
        if len(word) < _SHORTEST_MISSPELT_NAME:
            return set()
        from rapidfuzz import fuzz, process

        near = process.extractOne(word, self._one_word_names, scorer=fuzz.ratio, score_cutoff=_FUZZY_FLOOR)
        return set() if near is None else self._regions_called((near[0],))

    def _regions_called(self, key: tuple[str, ...]) -> set[str]:
        codes = (*self._region_names.get(key, ()), *self._said.regions.get(key, ()))
        return self._here(codes)

    def _here(self, codes: Iterable[str]) -> set[str]:
        return {code for code in codes if code in self._region.code}

    def _find_spellings(self, word: str) -> dict[str, float]:
        """Known words for a word of the query, each with its likeness from 0 to 1."""
        found = {known: _SYNONYM for known in self._said.means.get((word,), ()) if known in self._postings}
        if word in self._postings:
            found[word] = 1.0
        for other in _singular_or_plural(word):
            if other in self._postings:
                found.setdefault(other, _OTHER_NUMBER)
        if found:
            return found
        from bisect import bisect_left

        from rapidfuzz import fuzz, process

        known_words = self._postings.words
        near = process.extract(word, known_words, scorer=fuzz.ratio, limit=3, score_cutoff=_FUZZY_FLOOR)
        found = {known: _FUZZY_LIKENESS * score / 100 for known, score, _ in near}
        if len(word) >= 3:
            first = bisect_left(known_words, word)
            for known in known_words[first : first + _MOST_SPELLINGS]:
                if known.startswith(word):
                    found.setdefault(known, _BEGINNING_LIKENESS)
        return self._with_synonyms(found)

    def _with_synonyms(self, found: dict[str, float]) -> dict[str, float]:
        """The synonyms of the words that were nearest ("gaz naturl" is natural gas too)."""
        for known, likeness in list(found.items()):
            for meant in self._said.means.get((known,), ()):
                if meant in self._postings:
                    found.setdefault(meant, _SYNONYM * likeness)
        return found


def _singular_or_plural(word: str) -> tuple[str, ...]:
    """The word without or with an ``s`` at its end; words of fewer than three letters have neither."""
    if not word.isalpha() or len(word) < 3:
        return ()
    if word.endswith("s"):
        return (word[:-1],) if len(word) > 3 and not word.endswith("ss") else ()
    return (f"{word}s",)


def _words_in(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Columns ``word`` and ``owner``: each text is taken apart once, however many rows have it."""
    texts = frame.select(pl.col(name).unique()).with_columns(word=words_expr(pl.col(name))).explode("word")
    return frame.select("owner", name).join(texts.drop_nulls("word"), on=name).select("word", "owner")


def _region_names(codes: Iterable[str]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """What regions are called in their own codes: ``gb``, ``rfcw``, ``latin america``, ``us tx``."""
    names: dict[tuple[str, ...], tuple[str, ...]] = {}
    for code in codes:
        key = words_of(code.removeprefix("US-EGRID-").removeprefix("GROUP-"))
        names[key] = (*names.get(key, ()), code)
    return names
