"""``docs/tenants.md`` says what is: its columns are those of the contracts, its units are read as it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from greenlang_assets.core.calculation.question import ActivityQuestion, ask
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.tenants.contracts import ACTIVITY, FALLBACKS, METHOD, RELIABILITIES
from greenlang_assets.core.units import normalise_unit
from greenlang_assets.sdk.calculator import shipped_engine
from registry_ops.api.routes_calculate import MAX_DRAWS, MAX_QUESTIONS

PAGE = (Path(__file__).parents[2] / "docs" / "tenants.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return re.split(r"^#", PAGE.split(f"# {title}", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def cells(text: str) -> list[list[str]]:
    rows = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return rows[1:]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_columns_are_those_of_the_contracts() -> None:
    for title, contract in (("activity: what was used", ACTIVITY), ("method: how it is calculated", METHOD)):
        described = [name for row in cells(section(title)) for name in words(row[0])]
        assert sorted(described) == sorted(contract.columns), title
    optional = [row[0] for row in cells(section("method: how it is calculated")) if "optional" in row[0]]
    assert [name for cell in optional for name in words(cell)] == list(METHOD.optional)


def test_the_words_of_the_method_table_are_named() -> None:
    described = {name: set(words(row[1])) for row in cells(section("method")) for name in words(row[0])}
    assert set(FALLBACKS) == described["fallback"]
    assert set(RELIABILITIES) == described["reliability"]


UNITS = [
    (text, words(row[1])[0]) for row in cells(section("Units as people write")) for text in words(row[0])
]


@pytest.mark.parametrize(("written", "read"), UNITS)
def test_a_unit_is_read_as_the_page_says(written: str, read: str) -> None:
    assert normalise_unit(written) == read


def test_the_refused_words_are_refused() -> None:
    assert len(UNITS) > 20
    assert {"kWh", "m3", "US gal", "t.km"} <= {written for written, _ in UNITS}
    for word in ("tons", "MBtu"):
        assert f"`{word}`" in PAGE
        with pytest.raises(GreenlangError, match="UNIT_AMBIGUOUS"):
            normalise_unit(word)


def test_the_example_over_http_is_answered_and_the_limits_are_the_routes() -> None:
    example = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    answer = ask(shipped_engine(), ActivityQuestion(**json.loads(example[1])))
    assert answer.scope2 is not None
    assert f"up to {MAX_QUESTIONS:,} as" in PAGE
    assert MAX_DRAWS == 1_000_000
    assert "at most a million draws a request" in PAGE
