"""Contracts of the tenant tables: each fault is refused in words that name its column and row."""

import subprocess
import sys

import polars as pl
import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.tenants.contracts import ACTIVITY, LINES, METHOD, REJECTED, REPORTED, TOTALS, check

ROW = {
    "tenant": "a-town",
    "period": "2016",
    "facility_id": "a-1",
    "facility_name": "A house",
    "activity_id": "a-1-2016-gas",
    "scope": "1",
    "activity": "natural-gas",
    "region": "US",
    "quantity": 12.5,
    "unit": "kBtu[gross]",
    "data_year": 2016,
    "source_document": "A document",
    "source_row": 2,
    "source_file": "a.csv",
    "source_sha256": "0" * 64,
}


def activity(*changes):
    rows = [ROW | {"activity_id": f"a-{number}"} | change for number, change in enumerate(changes)]
    return pl.DataFrame(rows, schema=ACTIVITY.schema)


def test_a_good_table_passes_and_an_empty_one_too():
    frame = activity({}, {"quantity": None})
    assert check(frame, ACTIVITY) is frame
    for contract in (ACTIVITY, REPORTED, METHOD, LINES, TOTALS, REJECTED):
        assert check(contract.empty(), contract).is_empty()


@pytest.mark.parametrize(
    ("change", "column", "shown"),
    [
        ({"scope": "4"}, "scope", "'4' (activity_id a-1)"),
        ({"tenant": "A Town"}, "tenant", "'A Town' (activity_id a-1)"),
        ({"period": "16"}, "period", "'16' (activity_id a-1)"),
        ({"source_row": 0}, "source_row", "'0' (activity_id a-1)"),
        ({"source_sha256": "F" * 64}, "source_sha256", "(activity_id a-1)"),
        ({"source_file": "folder/a.csv"}, "source_file", "folder/a.csv"),
        ({"quantity": float("nan")}, "quantity", "a-1"),
        ({"quantity": float("inf")}, "quantity", "a-1"),
    ],
)
def test_a_value_outside_the_contract_is_named(change, column, shown):
    with pytest.raises(GreenlangError) as caught:
        check(activity({}, change), ACTIVITY)
    assert caught.value.code == "CONTRACT_VALUES"
    assert column in str(caught.value)
    assert shown in caught.value.found


def test_all_faults_are_told_at_once():
    with pytest.raises(GreenlangError) as caught:
        check(activity({"scope": "4"}, {"period": "16"}), ACTIVITY)
    assert "scope" in caught.value.found
    assert "period" in caught.value.found


def test_columns_and_keys_are_checked_first():
    good = activity({}, {})
    broken = {
        "unit is missing": good.drop("unit"),
        "more is not of this table": good.with_columns(more=1),
        "quantity is Float32, not Float64": good.with_columns(pl.col("quantity").cast(pl.Float32)),
        "another order": good.select(reversed(good.columns)),
    }
    for words, frame in broken.items():
        with pytest.raises(GreenlangError, match="CONTRACT_COLUMNS") as caught:
            check(frame, ACTIVITY)
        assert words in caught.value.found
    with pytest.raises(GreenlangError, match="CONTRACT_KEY") as caught:
        check(pl.concat([good, good]), ACTIVITY)
    assert "a-0" in caught.value.found


def test_checking_leaves_the_environment_of_spark_alone():
    """pandera points Spark at loopback when it is imported; a driver of a cluster would not be reached."""
    code = (
        "import os, sys; from greenlang_assets.core.tenants.contracts import METHOD, check;"
        "before = dict(os.environ); check(METHOD.empty(), METHOD);"
        "print(dict(os.environ) == before, 'pyspark' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
