"""Canonical bytes: known bytes, refusals, and round trips of whatever hypothesis thinks of."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import unicodedata
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import (
    StoredTable,
    canonical_bytes,
    content_sha256,
    exact,
    number_text,
    read_table,
    row_sha256,
    sha256_hex,
    table_bytes,
    table_sha256,
)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({}, "{}"),
        ({"b": 1, "a": None, "A": True}, '{"A":true,"a":null,"b":1}'),
        ({"é": 1, "z": 2, "\U0001f600": 3}, '{"z":2,"é":1,"\U0001f600":3}'),
        ([1.0, 0.1, 53.06, 1e22, 5e-324 * 0, -0.0], '["1","0.1","53.06","10000000000000000000000","0","0"]'),
        (1e-7, '"0.0000001"'),
        (np.float64(1.5), '"1.5"'),
        (Decimal("1.500"), '"1.5"'),
        (Decimal("-0.0"), '"0"'),
        (Decimal("0.100000000000000000000000010"), '"0.10000000000000000000000001"'),
        (Decimal("1E+3"), '"1000"'),
        (2**200, str(2**200)),
        (-(2**63), str(-(2**63))),
        ("e\u0301", '"é"'),
        ({"e\u0301": "e\u0301"}, '{"é":"é"}'),
        ("\u2028\u2029\x85", '"\u2028\u2029\x85"'),
        ('line\n"tab\t\\', '"line\\n\\"tab\\t\\\\"'),
        ("\x00\x1f\x7f", '"\\u0000\\u001f\x7f"'),
        (dt.date(2024, 2, 29), '"2024-02-29"'),
        (
            dt.datetime(2026, 1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))),
            '"2026-01-01T00:00:00+00:00"',
        ),
        ((1, [2, ()]), "[1,[2,[]]]"),
    ],
)
def test_known_bytes(record: Any, expected: str) -> None:
    assert canonical_bytes(record) == expected.encode()
    assert content_sha256(record) == hashlib.sha256(expected.encode()).hexdigest()


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (math.nan, "NUMBER_NOT_FINITE"),
        ({"a": [math.inf]}, "NUMBER_NOT_FINITE"),
        (-math.inf, "NUMBER_NOT_FINITE"),
        (Decimal("NaN"), "NUMBER_NOT_FINITE"),
        (Decimal("-Infinity"), "NUMBER_NOT_FINITE"),
        ({1: 2}, "KEY_NOT_TEXT"),
        ({"é": 1, "e\u0301": 2}, "KEY_DOUBLED"),
        (b"bytes", "NOT_CANONICAL"),
        (bytearray(b"x"), "NOT_CANONICAL"),
        ({1, 2}, "NOT_CANONICAL"),
        (Fraction(1, 3), "NOT_CANONICAL"),
        (1j, "NOT_CANONICAL"),
        (dt.datetime(2026, 1, 1), "TIME_WITHOUT_ZONE"),  # noqa: DTZ001 that is what is refused
        ("\ud800", "TEXT_NOT_UNICODE"),
        ({"\udfff": 1}, "TEXT_NOT_UNICODE"),
    ],
)
def test_what_has_no_canonical_form_is_refused(record: Any, code: str) -> None:
    with pytest.raises(GreenlangError) as caught:
        canonical_bytes(record)
    assert caught.value.code == code


TABLE = pl.DataFrame(
    {
        "id": ["b", "a", "e\u0301"],
        "n": [1, None, -(2**63)],
        "x": [53.06, -0.0, None],
        "ok": [True, None, False],
        "day": [dt.date(2024, 1, 31), None, dt.date(1, 1, 1)],
    },
    schema={"id": pl.String, "n": pl.Int64, "x": pl.Float64, "ok": pl.Boolean, "day": pl.Date},
)
TABLE_TEXT = (
    '{"columns":[["id","text"],["n","integer"],["x","number"],["ok","boolean"],["day","date"]],'
    '"format":"greenlang/table@1","key":["id"]}\n'
    '["a",null,"0",null,null]\n'
    '["b",1,"53.06",true,"2024-01-31"]\n'
    '["é",-9223372036854775808,null,false,"0001-01-01"]\n'
)


def test_known_table() -> None:
    assert table_bytes(TABLE, key=["id"]) == TABLE_TEXT.encode()
    assert table_sha256(TABLE, key=["id"]) == sha256_hex(TABLE_TEXT.encode())


def test_a_table_is_read_row_by_row() -> None:
    table = StoredTable(TABLE_TEXT.encode())
    assert (len(table), table.key) == (3, ("id",))
    assert table.row(2) == {"id": "b", "n": 1, "x": 53.06, "ok": True, "day": dt.date(2024, 1, 31)}
    for number in (0, 4):
        with pytest.raises(GreenlangError):
            table.row(number)


def test_row_order_and_chunks_do_not_matter() -> None:
    frames = [
        TABLE.reverse(),
        pl.concat([TABLE[:1], TABLE[1:]], rechunk=False),
        TABLE.sample(3, shuffle=True),
    ]
    assert {table_sha256(frame, key=["id"]) for frame in frames} == {table_sha256(TABLE, key=["id"])}


def test_spelling_of_a_letter_does_not_move_a_row() -> None:
    composed = pl.DataFrame({"id": ["é", "f", "z"]})
    decomposed = pl.DataFrame({"id": ["e\u0301", "f", "z"]})
    assert table_bytes(composed, key=["id"]) == table_bytes(decomposed, key=["id"])
    both = pl.DataFrame({"id": ["é", "e\u0301"]})
    with pytest.raises(GreenlangError) as caught:
        table_bytes(both, key=["id"])
    assert caught.value.code == "TABLE_KEY_NOT_UNIQUE"


def test_narrow_integers_are_integers() -> None:
    wide = pl.DataFrame({"a": [1, 2]}, schema={"a": pl.Int64})
    for dtype in (pl.Int8, pl.UInt32):
        assert table_bytes(wide.cast(dtype), key=["a"]) == table_bytes(wide, key=["a"])


@pytest.mark.parametrize(
    ("frame", "key", "code"),
    [
        (pl.DataFrame({"a": [1, 1]}), ["a"], "TABLE_KEY_NOT_UNIQUE"),
        (pl.DataFrame({"a": [None, None]}, schema={"a": pl.String}), ["a"], "TABLE_KEY_NOT_UNIQUE"),
        (pl.DataFrame({"a": [1]}), ["b"], "TABLE_KEY_MISSING"),
        (pl.DataFrame({"a": [None]}), ["a"], "TABLE_COLUMN_TYPE"),
        (pl.DataFrame({"a": [[1]]}), [], "TABLE_COLUMN_TYPE"),
        (pl.DataFrame({"a": [1.5]}, schema={"a": pl.Float32}), [], "TABLE_COLUMN_TYPE"),
        (pl.DataFrame({"a": [dt.datetime(2026, 1, 1, tzinfo=dt.UTC)]}), [], "TABLE_COLUMN_TYPE"),
        (pl.DataFrame({"a": [math.nan]}), [], "NUMBER_NOT_FINITE"),
    ],
)
def test_tables_that_are_refused(frame: pl.DataFrame, key: list[str], code: str) -> None:
    with pytest.raises(GreenlangError) as caught:
        table_bytes(frame, key=key)
    assert caught.value.code == code


HEADER = '{"columns":[["a","integer"],["b","text"]],"format":"greenlang/table@1","key":["a"]}\n'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "not json",
        "\xff",
        HEADER.replace("table@1", "table@2"),
        HEADER.replace('"integer"', '"decimal"'),
        HEADER.replace('[["a","integer"],["b","text"]]', "7"),
        HEADER + '[1,"x",2]\n',
        HEADER + "[1]\n",
        HEADER + '["1","x"]\n',
        HEADER + '[true,"x"]\n',
        HEADER + "[1.5,null]\n",
        HEADER + '{"a":1,"b":"x"}\n',
        HEADER + "[99999999999999999999,null]\n",
        HEADER + '[1,"x"\n',
        HEADER + '\n[1,"x"]\n',
        HEADER.replace("integer", "number") + '["NaN","x"]\n',
        HEADER.replace("integer", "number") + '[1,"x"]\n',
        HEADER.replace("integer", "date") + '["2024-02-30","x"]\n',
    ],
)
def test_bytes_that_are_no_table_are_refused(text: str) -> None:
    with pytest.raises(GreenlangError) as caught:
        read_table(text.encode("latin-1"))
    assert caught.value.code == "TABLE_NOT_CANONICAL"


def test_an_empty_table_keeps_its_columns() -> None:
    assert_frame_equal(read_table(HEADER.encode()), pl.DataFrame(schema={"a": pl.Int64, "b": pl.String}))


def test_null_cells_do_not_count_in_a_row_hash() -> None:
    assert row_sha256({"a": 1, "b": None}) == row_sha256({"a": 1}) == content_sha256({"a": 1})


def test_exact_is_the_printed_decimal() -> None:
    assert exact(53.06) == Fraction(5306, 100)
    assert exact(-0.0) == 0


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
records = st.recursive(
    st.none() | st.booleans() | st.integers() | texts | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(texts.map(lambda text: unicodedata.normalize("NFC", text)), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(records)
def test_canonical_bytes_are_a_fixed_point(record: Any) -> None:
    data = canonical_bytes(record)
    assert b"\n" not in data
    assert canonical_bytes(json.loads(data)) == data


@given(st.dictionaries(texts.map(lambda text: unicodedata.normalize("NFC", text)), st.integers(), max_size=6))
def test_key_order_does_not_matter(record: dict[str, int]) -> None:
    assert canonical_bytes(dict(reversed(record.items()))) == canonical_bytes(record)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_number_text_reads_back(value: float) -> None:
    text = number_text(value)
    assert float(text) == value
    assert "e" not in text
    assert text != "-0"


table_rows = st.lists(
    st.tuples(
        texts.map(lambda text: unicodedata.normalize("NFC", text)),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.booleans(),
        st.none() | st.dates(),
    ),
    max_size=8,
    unique_by=lambda row: row[0],
)


@given(table_rows)
def test_tables_come_back(rows: list[tuple[Any, ...]]) -> None:
    frame = pl.DataFrame(rows, schema=TABLE.schema, orient="row")
    data = table_bytes(frame, key=["id"])
    back = read_table(data)
    assert_frame_equal(back, frame.sort("id").with_columns(pl.col("x") + 0.0), check_exact=True)
    assert table_bytes(back.reverse(), key=["id"]) == data
    table = StoredTable(data)
    assert [table.row(number) for number in range(1, len(table) + 1)] == list(back.iter_rows(named=True))


@pytest.mark.parametrize(
    "text", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\r", "\r\n", "\n", "\\n", ""]
)
def test_no_character_breaks_a_row(text: str) -> None:
    frame = pl.DataFrame({"id": [text], "b": ["x"]})
    data = table_bytes(frame, key=["id"])
    assert data.count(b"\n") == 2
    assert_frame_equal(read_table(data), frame)


@given(st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]))), min_size=1))
def test_a_row_has_the_bytes_of_a_record(cells: list[str | None]) -> None:
    """Tables are written by another encoder than records; whoever reads both sees one form."""
    frame = pl.DataFrame({f"c{at}": pl.Series([cell], dtype=pl.String) for at, cell in enumerate(cells)})
    assert table_bytes(frame, key=[]).split(b"\n")[1] == canonical_bytes(cells)


def test_rows_are_read_one_by_one_in_blocks_and_from_the_start_alike() -> None:
    frame = pl.DataFrame({"a": range(10_000), "b": [None if at % 7 else at / 8 for at in range(10_000)]})
    data = table_bytes(frame, key=["a"])
    table = StoredTable(data)
    assert list(table.records()) == frame.rows(named=True)
    assert [table.row(number) for number in (1, 4096, 4097, 10_000)] == [
        frame.row(at, named=True) for at in (0, 4095, 4096, 9_999)
    ]
    assert_frame_equal(read_table(data, rows=6), frame.head(6))
    assert_frame_equal(read_table(data, rows=20_000), frame)
