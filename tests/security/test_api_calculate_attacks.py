"""Attacks on ``POST /api/v1/ef/calculate``: what is not named, what is too much, what is made to be slow."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from api_server import Api, api

from greenlang_assets.core import units
from greenlang_assets.core.calculation import quantities
from registry_ops.api import routes_calculate
from registry_ops.api.routes_calculate import HEAVY_AT_ONCE, MAX_DRAWS, MAX_QUESTIONS

__all__ = ["api"]

PATH = "/api/v1/ef/calculate"
GAS: dict[str, Any] = {
    "activity": "natural-gas", "region": "US", "year": 2024, "publisher": "EPA", "quantity": 1000,
    "unit": "therm", "calorific_basis": "gross", "gwp_set": "AR5",
}  # fmt: skip
RATE = {"value": 0, "source": "somebody"}
INSTRUMENT = {"instrument_id": "a", "kind": "b", "quantity": 1, "rate": RATE}


@pytest.fixture(scope="module", autouse=True)
def warm(api: Api) -> None:
    """The first question loads the formulas; no attack is to be timed by that."""
    assert ask(api, {**GAS, "record": False}).status_code == 200


def ask(api: Api, body: Any) -> httpx.Response:
    with api.client() as client:
        return client.post(PATH, json=body)


def refused(api: Api, body: Any, code: str = "REQUEST_INVALID", status: int = 422) -> None:
    answer = ask(api, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text[:500]
    assert len(answer.content) < 100_000


@pytest.mark.parametrize(
    "body",
    [
        {**GAS, "tenant": "other"},
        {**GAS, "recorded": True},
        {**GAS, "provenance_hash": "0" * 64},
        {**GAS, "matched_level": "exact"},
        {**GAS, "simulation": {"draws": 1000, "generator": "mine"}},
        {**GAS, "instruments": [{**INSTRUMENT, "covered": 1}]},
        {**GAS, "residual_mix": {**RATE, "unit": "kg"}},
        {"formula_id": "a.b", "inputs": {}, "context": {"matched_level": "exact"}},
        {"formula_id": "a.b", "inputs": {}, "activity": "natural-gas"},
        {"questions": [GAS], "seed": 1},
        {"questions": GAS},
        {"questions": [[GAS]]},
        {"questions": [GAS], "record": "no"},
        {**GAS, "record": 1},
        [GAS],
        "natural-gas",
        {},
        5,
    ],
)
def test_only_what_is_named_is_taken(api: Api, body: Any) -> None:
    refused(api, body)


@pytest.mark.parametrize(
    "body",
    [
        {**GAS, "uncertainty": {f"n{number}": "1%" for number in range(201)}},
        {**GAS, "instruments": [{**INSTRUMENT, "instrument_id": str(n)} for n in range(201)]},
        {"formula_id": "a.b", "inputs": {f"n{number}": 1 for number in range(201)}},
        {"formula_id": "a.b", "inputs": {"x": {f"n{number}": 1 for number in range(201)}}},
        {"formula_id": "a" * 1001, "inputs": {}},
        {**GAS, "unit": "k" * 201},
        {**GAS, "activity": "k" * 1001},
        {**GAS, "question_id": "k" * 201},
        {**GAS, "region": "US\x00"},
        {**GAS, "activity": "natural-gas\x00"},
        {**GAS, "activity": ""},
        {**GAS, "year": 10**9},
        {**GAS, "year": 2024.5},
        {**GAS, "quantity": None},
        {**GAS, "quantity": [1]},
        {**GAS, "fallback": "yes"},
        {"questions": [GAS] * (MAX_QUESTIONS + 1)},
    ],
)
def test_everything_has_bounds(api: Api, body: Any) -> None:
    refused(api, body)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "9" * 5000])
def test_no_number_is_infinite(api: Api, number: str) -> None:
    body = f'{{"activity":"natural-gas","region":"US","year":2024,"unit":"therm","quantity":{number}}}'
    with api.client() as client:
        answer = client.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "JSON_INVALID")


@pytest.mark.parametrize(
    "unit",
    [
        "(" * 200,
        "kg" + "*kg" * 60,
        "kg^99" + "*m^99" * 30,
        "((((((((((kg))))))))))",
        "k g" * 60,
        "kWh[" + "a" * 150 + "]",
        "kg[" * 60,
        "a.b" * 66,
        "\u202ekWh",
        "кWh",
        "'; DROP TABLE greenlang.ledger; --",
        "{{7*7}}",
        "__import__('os')",
        "../../etc/passwd",
    ],
)
def test_unit_texts_are_only_read(api: Api, unit: str) -> None:
    began = time.monotonic()
    answer = ask(api, {**GAS, "unit": unit, "calorific_basis": None, "activity_unit": "mmBtu"})
    assert time.monotonic() - began < 2
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"].startswith("UNIT_")


def test_units_made_up_by_callers_do_not_fill_the_memory() -> None:
    for remembered in (quantities.ratio, units._symbol, units.parse_unit, units.conversion, units.qualify):
        assert remembered.cache_info().maxsize is not None


@pytest.mark.parametrize(
    "formula",
    [
        "../../etc/passwd",
        "a.b/../../x",
        "%00",
        "a'; DROP TABLE greenlang.ledger; --",
        "__class__",
        "x" * 1000,
    ],
)
def test_a_formulas_id_is_a_name(api: Api, formula: str) -> None:
    refused(api, {"formula_id": formula, "inputs": {}}, "FORMULA_NOT_FOUND", 404)


def test_a_list_of_questions_that_are_slow_to_refuse_ends_and_starves_nobody(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes_calculate, "LIST_SECONDS", 3.0)
    slow = {"formula_id": "no.such/" + "abc/" * 98, "inputs": {}}
    with api.client() as client, ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        running = pool.submit(ask, api, {"questions": [slow] * MAX_QUESTIONS})
        took = []
        while not running.done():
            start = time.monotonic()
            assert client.get("/healthz").status_code == 200
            took.append(time.monotonic() - start)
            time.sleep(0.2)
        told = running.result().json()
        assert time.monotonic() - began < 20
    codes = [item["error"]["code"] for item in told["answers"]]
    assert len(codes) == MAX_QUESTIONS
    assert codes[0] == "FORMULA_NOT_FOUND"
    assert codes[-1] == "CALCULATION_BUSY"
    assert set(codes) == {"FORMULA_NOT_FOUND", "CALCULATION_BUSY"}
    assert max(took) < 5


def test_large_requests_wait_for_each_other_and_are_told_when_it_is_too_long(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes_calculate, "WAIT_SECONDS", 0.05)
    heavy = {
        **GAS,
        "record": False,
        "uncertainty": {"activity": "40% lognormal", "factor": "5%"},
        "simulation": {"draws": MAX_DRAWS},
    }
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: ask(api, heavy), range(12)))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 503}
    assert statuses.count(200) >= HEAVY_AT_ONCE
    busy = next(answer for answer in answers if answer.status_code == 503)
    assert busy.json()["code"] == "CALCULATION_BUSY"
    monkeypatch.setattr(routes_calculate, "WAIT_SECONDS", 20.0)
    assert ask(api, {**heavy, "simulation": {"draws": 1000}}).status_code == 200


def test_numbers_are_the_callers_and_nothing_is_executed(api: Api) -> None:
    for quantity in ("1000 ** 9", "0x10", "1_000", "１００", "1e5000 therm", "- 5", "1;2", "=1+1", "1,000"):
        answer = ask(api, {**GAS, "quantity": quantity, "unit": None})
        assert answer.status_code == 422, (quantity, answer.text)


@pytest.mark.parametrize("canary", ["AKIA" + "CANARY0000000001", "postgresql://canary:password@db/x"])
def test_what_is_asked_reaches_no_log(api: Api, canary: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        ask(api, {**GAS, "question_id": canary, "record": False})
        ask(api, {**GAS, "unit": canary})
        ask(api, {"questions": [{**GAS, "publisher": canary}, {canary: canary}]})
    logged = "\n".join(r.getMessage() for r in caplog.records if not r.name.startswith(("httpx", "httpcore")))
    assert canary not in logged
