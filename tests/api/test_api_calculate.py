"""``POST /api/v1/ef/calculate`` over real HTTP: one question, many, and what stands in the ledger then."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest
from api_server import Api, api

from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.calculation.model import CalculationContext
from greenlang_assets.core.calculation.uncertainty import Simulation
from greenlang_assets.core.provenance.bundle import make_bundle
from greenlang_assets.core.provenance.verify import verify_index
from greenlang_assets.sdk.calculator import shipped_engine
from registry_ops.api.routes_calculate import MAX_DRAWS, MAX_QUESTIONS
from registry_ops.runtime.answers import BESIDE
from registry_ops.runtime.records import ASSET

__all__ = ["api"]

PATH = "/api/v1/ef/calculate"
GAS_FACTOR = "us-epa/stationary-combustion/2024/natural-gas-natural-gas/us/2024/mmbtu/gross"
GAS = {
    "activity": "natural-gas", "region": "US", "year": 2024, "publisher": "EPA", "quantity": 1000,
    "unit": "therm", "calorific_basis": "gross", "gwp_set": "AR5",
}  # fmt: skip
POWER = {
    "activity": "grid-electricity", "region": "US-EGRID-RFCW", "year": 2022, "publisher": "us-epa",
    "dataset": "egrid-subregion", "quantity": 250_000, "unit": "kWh", "gwp_set": "AR5",
}  # fmt: skip
REC = {
    "instrument_id": "rec-1", "kind": "renewable energy certificate", "quantity": "100 MWh",
    "rate": {"value": 0, "source": "the certificate"},
}  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> CalculationEngine:
    return shipped_engine()


def ask(api: Api, body: dict[str, Any]) -> httpx.Response:
    with api.client() as client:
        return client.post(PATH, json=body)


def answered(api: Api, body: dict[str, Any]) -> dict[str, Any]:
    answer = ask(api, body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def outputs(told: dict[str, Any]) -> dict[str, str]:
    return {item["symbol"]: item["value"] for item in told["outputs"]}


def walked(api: Api, sha256: str) -> dict[str, Any]:
    with api.client() as client:
        answer = client.get(f"/api/v1/provenance/{sha256}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def kinds(node: dict[str, Any]) -> set[str]:
    return {str(node["kind"])}.union(*(kinds(child) for child in node["children"]))


def test_an_activity_is_answered_as_the_engine_calculates_it(api: Api, engine: CalculationEngine) -> None:
    told = answered(api, {**GAS, "question_id": "bill 7"})
    binding = engine.library.find_binding(factor_id=GAS_FACTOR)
    expected = engine.calculate(
        binding.id, {"activity": "1000 therm[gross]"}, CalculationContext(gwp_set="AR5")
    )
    assert told["provenance_hash"] == expected.provenance_hash
    assert outputs(told) == {item.symbol: format(item.value, "f") for item in expected.outputs}
    assert (told["matched_level"], told["year_distance"], told["question_id"]) == ("exact", 0, "bill 7")
    assert told["factor"]["factor_id"] == GAS_FACTOR
    cited = {(figure["kind"], figure["symbol"]) for figure in told["figures"]}
    assert {kind for kind, _ in cited} == {"factor", "gwp"}
    assert all(
        figure["citation"]["document"] and figure["citation"]["source_sha256"] for figure in told["figures"]
    )
    assert told["formula_citation"]["publisher"]
    assert "scope2" not in told
    assert "uncertainty" not in told


def test_a_formula_is_calculated_with_its_inputs_and_context(api: Api, engine: CalculationEngine) -> None:
    binding = engine.library.find_binding(factor_id=GAS_FACTOR)
    body = {
        "formula_id": binding.id,
        "inputs": {"activity": "100 mmBtu[gross]"},
        "context": {"gwp_set": "AR6"},
    }
    told = answered(api, body)
    expected = engine.calculate(
        binding.id, {"activity": "100 mmBtu[gross]"}, CalculationContext(gwp_set="AR6")
    )
    assert told["provenance_hash"] == expected.provenance_hash
    without = ask(api, {**body, "context": {}})
    assert (without.status_code, without.json()["code"]) == (422, "GWP_SET_MISSING")


@pytest.mark.parametrize(
    ("question", "unit", "quantity"),
    [
        ({"activity": "natural-gas", "region": "GB", "quantity": 10, "unit": "m3"}, "m3", 10),
        ({"activity": "natural-gas", "region": "GB", "quantity": "10 m³"}, "m3", 10),
        ({"activity": "natural-gas", "region": "GB", "quantity": 10, "unit": "kWh (gross CV)"},
         "kWh[gross]", 10),
        ({"activity": "natural-gas", "region": "GB", "quantity": 10, "unit": "kWh", "calorific_basis": "net"},
         "kWh[net]", 10),
        ({"activity": "diesel", "region": "US", "quantity": 10, "unit": "US gal", "gwp_set": "AR5"},
         "gallon", 10),
        ({"activity": "freighting-goods-cargo-ship-bulk-carrier-average", "region": "GB", "quantity": 5,
          "unit": "t.km"}, "tonne_km", 5),
        ({"activity": "freighting-goods-cargo-ship-bulk-carrier-average", "region": "GB",
          "quantity": "5 tonne-kilometres"}, "tonne_km", 5),
        ({"activity": "grid-electricity", "region": "GB", "publisher": "DEFRA", "quantity": "10 MWh"},
         "kWh", 10_000),
    ],
)  # fmt: skip
def test_units_as_people_write_them_choose_the_factor_of_that_unit(
    api: Api, question: dict[str, Any], unit: str, quantity: float
) -> None:
    told = answered(api, {"year": 2024, **question})
    (read,) = told["inputs"]
    assert (read["unit"], read["quantity"]) == (unit, quantity)


def test_purchased_electricity_has_both_scope_2_figures(api: Api) -> None:
    plain = answered(api, POWER)
    scope2 = plain["scope2"]
    assert scope2["location"]["value"] == outputs(plain)["co2e"] == scope2["market"]["value"]
    assert scope2["basis"] == "grid-average"
    assert "claimed by two consumers" in scope2["disclosure"]
    covered = answered(api, {**POWER, "instruments": [REC]})["scope2"]
    assert covered["basis"] == "instruments+grid-average"
    assert covered["location"] == scope2["location"]
    # 150 of 250 MWh are left: the same factor, three fifths of the figure, rounded once.
    assert abs(Decimal(covered["market"]["value"]) - Decimal(scope2["market"]["value"]) * 3 / 5) < Decimal(
        "0.000002"
    )
    mix = {"value": 600.5, "per": "MWh", "gwp_set": "AR5", "source": "a residual mix, of a test"}
    mixed = answered(api, {**POWER, "residual_mix": mix})["scope2"]
    assert (mixed["basis"], mixed["market"]["value"]) == ("residual-mix", "150125.000000")
    for body, code in (
        ({**POWER, "instruments": [{**REC, "quantity": "300 MWh"}]}, "INSTRUMENTS_EXCEED_USE"),
        ({**POWER, "residual_mix": {**mix, "gwp_set": "AR6"}}, "GWP_SET_MIXED"),
        ({**GAS, "instruments": [REC]}, "SCOPE2_ONLY"),
    ):
        answer = ask(api, body)
        assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_fallback_is_asked_for_and_says_what_it_took(api: Api) -> None:
    later = {
        "activity": "grid-electricity", "region": "GB-SCT", "year": 2031, "publisher": "DEFRA",
        "quantity": "10 MWh",
    }  # fmt: skip
    exact = ask(api, later)
    assert (exact.status_code, exact.json()["code"]) == (404, "FACTOR_NOT_FOUND")
    for half in ("region", "year"):
        assert ask(api, {**later, "fallback": half}).json()["code"] == "FACTOR_NOT_FOUND"
    told = answered(api, {**later, "fallback": True})
    assert told["matched_level"] == "country"
    assert told["year_distance"] == 2031 - told["factor"]["year"] > 0
    scores = told["data_quality"]["scores"]
    assert (scores["geographical"], scores["temporal"]) == (2, 3)
    assert scores["reliability"] is None
    assert "reliability" in told["data_quality"]["not_assessed"]
    measured = answered(api, {**later, "fallback": True, "reliability": "verified-measurement"})
    assert measured["data_quality"]["scores"]["reliability"] == 1
    assert measured["provenance_hash"] == told["provenance_hash"], "a score is said beside the number"


def test_uncertainty_is_the_engines_with_its_seed_and_contains_the_value(
    api: Api, engine: CalculationEngine
) -> None:
    body = {
        **GAS,
        "uncertainty": {"activity": "5%", "factor": "40% lognormal"},
        "simulation": {"draws": 20_000, "seed": 7},
    }
    told = answered(api, body)
    binding = engine.library.find_binding(factor_id=GAS_FACTOR)
    expected = engine.calculate_with_uncertainty(
        binding.id,
        {"activity": "1000 therm[gross]"},
        CalculationContext(gwp_set="AR5"),
        body["uncertainty"],
        Simulation(20_000, 7),
    )
    assert told["uncertainty"]["provenance_hash"] == expected.provenance_hash
    assert told["provenance_hash"] == expected.result.provenance_hash, "the calculation's hash stays its own"
    for bounds in (*told["uncertainty"]["propagated"], *told["uncertainty"]["simulated"]):
        assert Decimal(bounds["lower_value"]) <= Decimal(bounds["value"]) <= Decimal(bounds["upper_value"])
    assert answered(api, body) == told
    other = answered(api, {**body, "simulation": {"draws": 20_000, "seed": 8}})
    assert other["uncertainty"]["simulated"] != told["uncertainty"]["simulated"]
    unstated = ask(api, {**GAS, "uncertainty": {}})
    assert unstated.json()["code"] == "UNCERTAINTY_MISSING", "unstated is not the same as certain"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"unit": "kWh", "calorific_basis": "net"}, 404, "FACTOR_NOT_FOUND"),
        ({"calorific_basis": None}, 422, "UNIT_MISMATCH"),
        ({"calorific_basis": None, "unit": "kg"}, 422, "UNIT_MISMATCH"),
        ({"calorific_basis": None, "publisher": None, "region": "GB", "unit": "kWh"}, 422, "UNIT_MISMATCH"),
        ({"unit": "tons"}, 422, "UNIT_AMBIGUOUS"),
        ({"unit": "stone"}, 422, "UNIT_UNKNOWN"),
        ({"unit": "therm[net]"}, 422, "UNIT_QUALIFIER"),
        ({"unit": "kg", "activity_unit": "mmBtu"}, 422, "UNIT_MISMATCH"),
        ({"unit": None}, 422, "UNIT_MISSING"),
        ({"quantity": "1000 therm"}, 422, "UNIT_TWICE"),
        ({"quantity": "1,000"}, 422, "INPUT_NOT_A_NUMBER"),
        ({"quantity": "much"}, 422, "INPUT_NOT_A_NUMBER"),
        ({"quantity": -1}, 422, "INPUT_OUT_OF_BOUNDS"),
        ({"quantity": 10**400}, 422, "INPUT_NOT_FINITE"),
        ({"quantity": 1e300}, 422, "NUMBER_OVERFLOW"),
        ({"quantity": True}, 422, "REQUEST_INVALID"),
        ({"year": "2024"}, 422, "REQUEST_INVALID"),
        ({"year": 1999}, 404, "FACTOR_NOT_FOUND"),
        ({"region": "XX"}, 404, "FACTOR_NOT_FOUND"),
        ({"region": None}, 422, "LOOKUP_INCOMPLETE"),
        ({"publisher": "nobody"}, 404, "FACTOR_NOT_FOUND"),
        ({"gwp_set": None}, 422, "GWP_SET_MISSING"),
        ({"gwp_set": "AR7"}, 422, "REQUEST_INVALID"),
        ({"simulation": {"draws": 10}}, 422, "SIMULATION_SIZE"),
        ({"simulation": {"draws": MAX_DRAWS + 1}}, 422, "SIMULATION_SIZE"),
        ({"simulation": {"draws": 1000, "seed": -1}}, 422, "SIMULATION_SEED"),
        ({"uncertainty": {"activity": "much"}}, 422, "UNCERTAINTY_UNREADABLE"),
        ({"uncertainty": {"nothing": "5%"}}, 422, "UNCERTAINTY_UNKNOWN"),
        ({"tenant": "other"}, 422, "REQUEST_INVALID"),
    ],
)
def test_a_refusal_is_a_typed_problem_and_records_nothing(
    api: Api, change: dict[str, Any], status: int, code: str
) -> None:
    before = api.platform.ledger.head()
    answer = ask(api, {**GAS, **change})
    told = answer.json()
    assert (answer.status_code, told["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"found", "expected", "hint", "where"} <= told.keys()
    assert api.platform.ledger.head() == before


def test_many_questions_are_each_answered_or_refused(api: Api) -> None:
    questions: list[dict[str, Any]] = [
        {**GAS, "question_id": "a"},
        {**GAS, "unit": "stone", "question_id": "b"},
        {**POWER, "question_id": "c"},
        {"formula_id": "no.such", "inputs": {}},
        {"activity": 5},
        {**GAS, "quantity": 2000},
    ]
    told = answered(api, {"questions": questions})
    assert (told["questions"], told["answered"], told["refused"]) == (6, 3, 3)
    assert [item["index"] for item in told["answers"]] == list(range(6))
    assert [item.get("error", {}).get("code") for item in told["answers"]] == [
        None, "UNIT_UNKNOWN", None, "FORMULA_NOT_FOUND", "REQUEST_INVALID", None,
    ]  # fmt: skip
    assert [item.get("question_id") for item in told["answers"]] == ["a", "b", "c", None, None, None]
    assert told["answers"][3]["error"]["status"] == 404
    for index in (0, 2, 5):
        alone = answered(api, {**questions[index], "record": False})
        mine = told["answers"][index]["answer"]
        assert mine == {
            name: value for name, value in alone.items() if name not in ("recorded", "question_id")
        }
        assert walked(api, mine["provenance_hash"])["kind"] == "calculation"


def test_the_limit_of_a_list_is_far_above_a_hundred(api: Api) -> None:
    questions = [{**POWER, "quantity": number} for number in range(1, MAX_QUESTIONS + 1)]
    before = api.platform.ledger.head()
    began = time.monotonic()
    told = answered(api, {"questions": questions})
    assert time.monotonic() - began < 60
    assert (told["answered"], told["refused"]) == (MAX_QUESTIONS, 0)
    head = api.platform.ledger.head()
    assert before is not None
    assert head is not None
    assert head.seq - before.seq == 2, "one request is one append: calculations, and what rests on them"
    sums = [Decimal(outputs(item["answer"])["co2e"]) for item in told["answers"]]
    assert sums == sorted(sums)
    beyond = ask(api, {"questions": [*questions, POWER]})
    assert (beyond.status_code, beyond.json()["code"]) == (422, "REQUEST_INVALID")
    nothing = ask(api, {"questions": []})
    assert (nothing.status_code, nothing.json()["code"]) == (422, "REQUEST_INVALID")


def test_the_draws_of_a_list_are_counted_together(api: Api) -> None:
    one = {**GAS, "uncertainty": {"activity": "5%"}, "simulation": {"draws": MAX_DRAWS // 2}}
    answer = ask(api, {"questions": [one, one, {**one, "simulation": {"draws": 1000}}]})
    assert (answer.status_code, answer.json()["code"]) == (422, "SIMULATION_SIZE")


def test_what_is_answered_can_be_walked_to_the_publishers_row(api: Api) -> None:
    some = {"instruments": [REC | {"quantity": "100 kWh"}], "uncertainty": {"activity": "2%"}}
    told = answered(api, {**POWER, "quantity": 777, **some})
    assert told["recorded"] is True
    node = walked(api, told["provenance_hash"])
    assert (node["kind"], node["label"]) == ("calculation", told["formula_id"])
    assert kinds(node) >= {"calculation", "factor", "formula", "gwp", "file"}
    assert "unresolved" not in kinds(node)
    for part, kind in ((told["scope2"], "scope 2"), (told["uncertainty"], "uncertainty")):
        node = walked(api, part["provenance_hash"])
        assert node["kind"] == kind
        assert [child["sha256"] for child in node["children"]] == [told["provenance_hash"]]
    mine = [link for link in api.platform.ledger.since() if link.entry.asset in (ASSET, BESIDE)]
    assert len(mine) >= 2
    assert verify_index(mine, api.platform.store, api.platform.ledger.indexed_leaves) == []


def test_the_same_again_is_recorded_once_and_a_trial_never(api: Api) -> None:
    body = {**GAS, "quantity": 4321}
    trial = answered(api, {**body, "record": False})
    assert trial["recorded"] is False
    with api.client() as client:
        unknown = client.get(f"/api/v1/provenance/{trial['provenance_hash']}")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "PROVENANCE_UNKNOWN")
    first = answered(api, body)
    assert first["provenance_hash"] == trial["provenance_hash"]
    head = api.platform.ledger.head()
    assert answered(api, {**body, "question_id": "again"})["provenance_hash"] == first["provenance_hash"]
    assert api.platform.ledger.head() == head


def test_an_auditor_verifies_an_answer_without_the_platform(api: Api) -> None:
    told = answered(api, {**POWER, "quantity": 98_765})
    platform = api.platform
    platform.checkpoints.seal(platform.ledger)
    bundle = make_bundle(
        [told["provenance_hash"]],
        platform.ledger,
        platform.store,
        platform.checkpoints,
        platform.signer.public_key,
    )
    assert bundle.numbers > 0


def test_look_ups_are_answered_while_large_requests_are_calculated(api: Api) -> None:
    large = {
        **GAS,
        "record": False,
        "uncertainty": {"activity": "40% lognormal", "factor": "5%"},
        "simulation": {"draws": MAX_DRAWS},
    }
    with api.client() as client, ThreadPoolExecutor(4) as pool:
        running = [pool.submit(ask, api, large) for _ in range(4)]
        took = []
        while not all(job.done() for job in running):
            began = time.monotonic()
            wanted = {"activity": GAS_FACTOR}
            assert client.get("/api/v1/ef/lookup", params=wanted).status_code == 200
            took.append(time.monotonic() - began)
        assert [job.result().status_code for job in running] == [200] * 4
    assert sorted(took)[len(took) // 2] < 0.5
