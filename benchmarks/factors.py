"""The factor catalogue: loading, look-up, text search, beside a plain dict, SQLite and DuckDB.

Belongs here: the same questions put to each, over the same rows. Does not belong here: a pass or a fail.

Where fewer factors ship than a catalogue is to carry, the rows are repeated with shifted years, as kind
``synthetic``, in a temporary folder: such rows exist nowhere else.
"""

from __future__ import annotations

import json
import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from benchmarks.timing import median_ms, of_calls
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import tables
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.factors.search import SearchIndex
from greenlang_assets.core.factors.search_words import fold, words_of

ROWS = 60_000
#: What a question can name, and what makes it one factor's.
ASKED = (
    "activity", "region", "year", "activity_unit", "calorific_basis", "publisher", "dataset", "scope",
    "edition", "activity_path",
)  # fmt: skip
#: A question names at least these.
LEAST = ASKED[:4]
TEXTS = (
    "uk grid electricity 2024", "gaz naturel", "natural gas us 2025", "diesel litre uk", "petrol uk 2025",
    "steam and heat us", "anthracite coal", "électricité france 2020", "wtt diesel uk 2024", "r-410a",
    "short haul flight business class", "aluminium cans recycling", "heating oil", "national rail",
    "concrete block", "beef", "lorry 32 tonnes", "train passager km", "waste landfill", "steel",
)  # fmt: skip


@contextmanager
def folder_of(rows: int) -> Iterator[tuple[Path, str]]:
    """A folder of tables with at least so many factors, and what they are in words."""
    shipped = tables.FACTORS_ROOT
    entries = tables.read_manifest(shipped)["tables"]
    factors = {name: entry for name, entry in entries.items() if entry["kind"] == "factors"}
    have = sum(entry["rows"] for entry in factors.values())
    if have >= rows:
        yield shipped, f"{have:,} rows as they ship"
        return
    with tempfile.TemporaryDirectory(prefix="greenlang-bench-") as name:
        root, made = Path(name), dict(entries)
        for path in shipped.glob("*.parquet"):
            (root / path.name).symlink_to(path)
        missing, copy = rows - have, 0
        while missing > 0:
            copy += 1
            for table, entry in factors.items():
                again = _again(pl.read_parquet(shipped / table).head(max(missing, 0)), copy)
                if again.height:
                    again.write_parquet(root / f"{copy}-{table}", compression="zstd", compression_level=19)
                    made[f"{copy}-{table}"] = {**entry, "rows": again.height}
                    missing -= again.height
        manifest = {"format": tables.FORMAT, "tables": made}
        (root / tables.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
        yield root, f"{rows:,} rows: the {have:,} that ship, and synthetic copies of them in other years"


def _again(frame: pl.DataFrame, copy: int) -> pl.DataFrame:
    shift = 50 * copy  # beyond every year that is published
    return frame.with_columns(
        factor_id=pl.col("factor_id") + f"/copy-{copy}",
        year=pl.col("year") - shift,
        kind=pl.lit("synthetic"),
    )


def catalogue_benchmarks() -> dict[str, Any]:
    """Everything, over the catalogue as it ships or made as large as it is to become."""
    with folder_of(ROWS) as (root, what):
        catalogue = Catalogue.shipped(root).prepare()
        frame = catalogue.frame
        return {
            "factors": what,
            "load, ms": loading(root, frame),
            "look-up": lookups(catalogue),
            "search": searches(catalogue),
        }


def loading(root: Path, frame: pl.DataFrame) -> dict[str, float]:
    """From files on disk to the first answer, imports apart."""

    def ours() -> Catalogue:
        catalogue = Catalogue.shipped(root)
        catalogue.index.rows  # noqa: B018
        return catalogue

    def plain() -> dict[str, dict[str, Any]]:
        return {row["factor_id"]: row for row in tables.load("factors", root).iter_rows(named=True)}

    files = [str(path) for path in sorted(root.glob("*.parquet")) if path.name in _factor_tables(root)]

    def duck() -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        connection.execute("create table factors as select * from read_parquet($1)", [files])
        return connection

    with tempfile.TemporaryDirectory(prefix="greenlang-bench-") as name:
        path = Path(name) / "factors.sqlite"
        _fill(sqlite3.connect(path), frame).close()

        def lite() -> object:
            connection = sqlite3.connect(path)
            connection.execute(
                "select * from factors where factor_id = ?", (frame["factor_id"][0],)
            ).fetchone()
            return connection

        return {
            "ours: tables, and rows by id and by question": median_ms(ours),
            "ours: the index of text search, made when first asked for": median_ms(
                lambda: SearchIndex(frame), times=5
            ),
            "plain dict of the same rows": median_ms(plain, times=3),
            "SQLite: an indexed file is opened and asked once": median_ms(lite),
            "DuckDB: the same Parquet files into a table": median_ms(duck, times=3),
        }


def _factor_tables(root: Path) -> set[str]:
    entries = tables.read_manifest(root)["tables"]
    return {name for name, entry in entries.items() if entry["kind"] == "factors"}


def _fill(connection: sqlite3.Connection, frame: pl.DataFrame) -> sqlite3.Connection:
    columns = ", ".join(frame.columns)
    marks = ", ".join("?" * frame.width)
    connection.execute(f"create table factors ({columns}, primary key (factor_id))")
    plain = frame.with_columns(pl.col(pl.Date).cast(pl.String))
    connection.executemany(f"insert into factors values ({marks})", plain.iter_rows())
    connection.execute("create index question on factors (activity, region, year)")
    connection.commit()
    return connection


def questions(frame: pl.DataFrame, count: int) -> list[dict[str, Any]]:
    """Questions that each one factor answers, of factors drawn at random, each naming all it can."""
    rows = frame.filter(pl.struct(ASKED).is_unique() & pl.col("not_counted").is_null()).select(ASKED)
    drawn = rows.sample(min(count, rows.height), seed=1, shuffle=True)
    return [{name: cell for name, cell in row.items() if cell is not None} for row in drawn.to_dicts()]


def shortest(catalogue: Catalogue, question: dict[str, Any]) -> dict[str, Any]:
    """The question as people ask it: activity, region, year and unit; more where that is not enough."""
    for length in range(len(LEAST), len(ASKED)):
        shorter = {name: question[name] for name in ASKED[:length] if name in question}
        try:
            catalogue.lookup(**shorter)
        except GreenlangError:
            continue
        return shorter
    return question


def lookups(catalogue: Catalogue) -> dict[str, Any]:
    """Different questions, each asked once, and again."""
    full = questions(catalogue.frame, 20_000)
    asked = [shortest(catalogue, question) for question in full]
    few = asked[:1000]
    # Choosing the questions has asked them all; what was made then is gone.
    catalogue = Catalogue(catalogue.frame, catalogue.properties, catalogue.gwp).prepare()

    def sql(run: Callable[[str, list[Any]], Any], question: dict[str, Any]) -> Any:
        where = " and ".join(f"{name} = ?" for name in question)
        return run(f"select * from factors where {where}", list(question.values())).fetchone()

    found = {
        "ours, the factor found": of_calls(lambda q=q: catalogue.lookup(**q) for q in asked),
        "ours, the factor found by a question that names all it can": of_calls(
            lambda q=q: catalogue.lookup(**q) for q in full
        ),
        "ours, its record with citation made for the first time": of_calls(
            lambda q=q: catalogue.lookup(**q).factor for q in asked
        ),
    }
    for question in few:
        catalogue.lookup(**question).factor  # noqa: B018
    again = of_calls(lambda q=q: catalogue.lookup(**q).factor for _ in range(10) for q in few)
    ids = catalogue.frame["factor_id"].sample(5000, seed=2).to_list()
    ours = {
        **found,
        "ours, with its record, questions asked ten times more": again,
        "ours, a record by its id": of_calls(lambda i=i: catalogue.factor(i) for i in ids),
    }
    # What the others hold is made when ours is measured: it would be in the way of the same caches.
    plain = {tuple(row[name] for name in ASKED): row for row in catalogue.frame.iter_rows(named=True)}
    keys = [tuple(question.get(name) for name in ASKED) for question in full]
    lite = _fill(sqlite3.connect(":memory:"), catalogue.frame)
    duck = duckdb.connect()
    duck.register("frame", catalogue.frame.to_arrow())
    duck.execute("create table factors as select * from frame")

    peers = {
        "plain dict by the whole question, a row as dict": of_calls(lambda k=k: plain[k] for k in keys),
        "SQLite in memory, indexed by activity, region and year, a row": of_calls(
            lambda q=q: sql(lite.execute, q) for q in few
        ),
        "DuckDB in memory, a row": of_calls(lambda q=q: sql(duck.execute, q) for q in few[:200]),
    }
    lite.close()
    duck.close()
    return {"different questions": len(asked), **ours, **peers}


def misspelt(texts: tuple[str, ...], count: int) -> list[str]:
    """Texts with one letter of one word changed."""
    chance = random.Random(1)
    made = []
    for number in range(count):
        words = texts[number % len(texts)].split()
        place = max(range(len(words)), key=lambda at: (len(words[at]), at))
        word = words[place]
        at = chance.randrange(len(word))
        words[place] = word[:at] + chance.choice("abcdefghijklmnopqrstuvwxyz") + word[at + 1 :]
        made.append(" ".join(words))
    return made


def searches(catalogue: Catalogue) -> dict[str, Any]:
    """The twenty best for people's words; peers give what has all words, or what their own ranking gives."""
    typed, wrong = list(TEXTS) * 10, misspelt(TEXTS, 200)
    texts = catalogue.frame.select(
        "factor_id",
        text=pl.concat_str(
            "activity", "activity_path", "publisher", "region", "year", "activity_unit", separator=" "
        ),
    )
    plain = [(factor_id, fold(text)) for factor_id, text in texts.iter_rows()]
    lite = sqlite3.connect(":memory:")
    lite.execute("create virtual table words using fts5(factor_id unindexed, text)")
    lite.executemany("insert into words values (?, ?)", plain)
    duck = duckdb.connect()
    duck.register("texts", pl.DataFrame(plain, ["factor_id", "text"], orient="row").to_arrow())
    duck.execute("create table words as select * from texts")

    def scan(text: str) -> list[str]:
        words = words_of(text)
        return [factor_id for factor_id, row in plain if all(word in row for word in words)][:20]

    def fts(text: str) -> list[Any]:
        query = " OR ".join(f'"{word}"' for word in words_of(text))
        return lite.execute(
            "select factor_id from words where words match ? order by rank limit 20", (query,)
        ).fetchall()

    def like(text: str) -> list[Any]:
        words = words_of(text)
        where = " and ".join("contains(text, ?)" for _ in words)
        return duck.execute(f"select factor_id from words where {where} limit 20", list(words)).fetchall()

    answers = {
        "ours, ranked": of_calls(lambda t=t: catalogue.search(t) for t in typed),
        "ours, ranked, a letter wrong": of_calls(lambda t=t: catalogue.search(t) for t in wrong),
        "plain Python, rows that contain all words, no ranking": of_calls(lambda t=t: scan(t) for t in TEXTS),
        "SQLite FTS5, ranked by bm25, no synonyms or typing errors": of_calls(
            lambda t=t: fts(t) for t in typed
        ),
        "DuckDB, rows that contain all words, no ranking": of_calls(lambda t=t: like(t) for t in typed),
    }
    lite.close()
    duck.close()
    return {"queries": len(typed), **answers, "first for “uk grid electricity 2024”": _first(catalogue)}


def _first(catalogue: Catalogue) -> str:
    return catalogue.search("uk grid electricity 2024", limit=1)[0].factor_id
