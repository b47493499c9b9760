"""Every route over real HTTP: what it answers, what it refuses, and how."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from api_server import CARBON, Api, api, archive_of, pack_text

from greenlang_assets.core.provenance.walk import walk
from greenlang_assets.sdk.pack import PackSpec

__all__ = ["api"]

ROOT = Path(__file__).parents[2]
GAS = {"fuel_type": "natural_gas", "consumption": 1000, "country": "US"}


def execute(client: httpx.Client, inputs: dict[str, object], **more: object) -> httpx.Response:
    return client.post("/api/v1/execute", json={"agent_id": CARBON, "inputs": inputs, **more})


def kinds(node: dict[str, object]) -> set[str]:
    children = node["children"]
    assert isinstance(children, list)
    return {str(node["kind"])}.union(*(kinds(child) for child in children))


def test_the_specifications_example_answers_and_walks_to_the_publishers_row(api: Api) -> None:
    with api.client() as client:
        answer = execute(client, GAS)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert {"result", "outputs", "units", "factors", "formulas", "provenance_hash"} <= told.keys()
        assert round(told["result"], 2) == 181.23
        assert (told["agent_id"], told["version"]) == (CARBON, "1.0.0")
        assert any(cite.get("table") == "Table 1 Stationary Combustion" for cite in told["citations"])
        tree = client.get(f"/api/v1/provenance/{told['provenance_hash']}")
    assert tree.status_code == 200
    node = tree.json()
    assert node["kind"] == "calculation"
    assert kinds(node) >= {"calculation", "factor", "formula", "gwp", "file"}
    assert "unresolved" not in kinds(node)
    files = [child for factor in node["children"] for child in factor["children"] if child["kind"] == "file"]
    assert any("Table 1 Stationary Combustion, row 40" in file["label"] for file in files)
    assert json.loads(node["facts"]["inputs"]) == GAS


def test_the_same_call_gives_the_same_hash_and_is_recorded_once(api: Api) -> None:
    with api.client() as client:
        first = execute(client, {**GAS, "consumption": 7}).json()
        head = api.platform.ledger.head()
        assert execute(client, {**GAS, "consumption": 7}).json() == first
        assert api.platform.ledger.head() == head
        assert (
            execute(client, {**GAS, "consumption": 8}).json()["provenance_hash"] != first["provenance_hash"]
        )


@pytest.mark.parametrize(
    ("inputs", "status"),
    [
        ({**GAS, "fuel_type": "electricity"}, 422),
        ({**GAS, "country": "FR"}, 422),
        ({**GAS, "consumption": -1}, 422),
        ({**GAS, "consumption": "much"}, 422),
        ({**GAS, "unknown": 1}, 422),
        ({"fuel_type": "natural_gas"}, 422),
    ],
)
def test_a_refusal_of_the_agent_is_a_typed_problem(api: Api, inputs: dict[str, object], status: int) -> None:
    before = api.platform.ledger.head()
    with api.client() as client:
        answer = execute(client, inputs)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["code"].isupper()
    assert told["detail"]
    assert {"found", "expected", "hint", "where"} <= told.keys()
    assert api.platform.ledger.head() == before, "a refusal is no calculation"


def test_unknown_agents_versions_and_versions_that_do_not_run(api: Api) -> None:
    with api.client() as client:
        for body, status, code in (
            ({"agent_id": "no/such", "inputs": {}}, 404, "AGENT_NOT_FOUND"),
            ({"agent_id": CARBON, "version": "9.9.9", "inputs": GAS}, 404, "AGENT_NOT_FOUND"),
            ({"agent_id": "No Such", "inputs": {}}, 422, "REQUEST_INVALID"),
            ({"agent_id": CARBON, "inputs": []}, 422, "REQUEST_INVALID"),
            ({"agent_id": CARBON}, 422, "REQUEST_INVALID"),
        ):
            answer = client.post("/api/v1/execute", json=body)
            assert (answer.status_code, answer.json()["code"]) == (status, code)
        spec, archive = archive_of(pack_text("diesel_fleet_v1"))
        registry = api.services.registry("default")
        registry.register_agent(spec, api.platform.store.put(archive), None, "test")
        for version in (None, spec.version):
            answer = client.post(
                "/api/v1/execute", json={"agent_id": spec.id, "version": version, "inputs": {}}
            )
            assert (answer.status_code, answer.json()["code"]) == (409, "DEPLOYMENT_NOT_LIVE")


def test_the_registry_is_listed_and_paged(api: Api) -> None:
    with api.client() as client:
        listed = client.get("/api/v1/registry/agents", params={"query": "carbon", "page_size": 5}).json()
        assert listed["total"] == 1
        assert [agent["agent_id"] for agent in listed["agents"]] == [CARBON]
        entry = client.get(f"/api/v1/registry/agents/{CARBON}").json()
        assert entry["current_version"] == "1.0.0"
        assert [known["status"] for known in entry["versions"]] == ["active"]
        assert [known["status"] for known in entry["deployments"]] == ["LIVE"]
        missing = client.get("/api/v1/registry/agents/no/such")
        assert (missing.status_code, missing.json()["code"]) == (404, "AGENT_NOT_FOUND")


def test_factors_and_formulas_are_looked_up(api: Api) -> None:
    with api.client() as client:
        wanted = {"activity": "natural-gas", "region": "US", "year": 2024, "activity_unit": "mmBtu"}
        factor = client.get("/api/v1/ef/lookup", params={**wanted, "publisher": "us-epa"}).json()
        assert (factor["co2"], factor["matched_level"]) == (53.06, "exact")
        refused = client.get("/api/v1/ef/lookup", params={**wanted, "region": "XX"})
        assert refused.status_code == 404
        assert refused.json()["hint"] or refused.json()["expected"]
        found = client.get("/api/v1/ef/search", params={"query": "natural gas us 2024", "limit": 3}).json()
        assert len(found["hits"]) == 3
        equation = client.get("/api/v1/formulas/epa.cccl.stationary.heat-content").json()
        assert equation["citation"]["publisher"]
        binding = client.get(
            "/api/v1/formulas/epa.cccl.stationary.heat-content/us-epa/stationary-combustion/2024/"
            "natural-gas-natural-gas/us/2024/mmbtu/gross"
        ).json()
        assert binding["version"] == equation["version"]
        bound = (
            "ipcc2006.v5.eq3.2/ipcc2006.v5.table2.4.doc/msw-food/wet"
            "+ipcc2019.v5.table3.0.doc_f/msw-food+ipcc2019.v5.table3.1.mcf/managed"
        )
        landfill = client.get(f"/api/v1/formulas/{bound}").json()
        assert landfill["id"] == bound
        assert client.get("/api/v1/formulas/no.such").json()["code"] == "FORMULA_NOT_FOUND"


def test_factors_are_looked_up_by_id_and_reference_and_searched_within_a_region(api: Api) -> None:
    gas = "us-epa/stationary-combustion/2024/natural-gas-natural-gas/us/2024/mmbtu/gross"
    path = "/api/v1/ef/lookup"
    with api.client() as client:
        found = client.get(path, params={"activity": gas}).json()
        assert (found["factor_id"], found["co2"], found["matched_level"]) == (gas, 53.06, "exact")
        named = {"activity": "natural-gas", "region": "US", "year": 2024, "activity_unit": "mmBtu"}
        more = {"calorific_basis": "gross", "activity_path": found["activity_path"]}
        assert client.get(path, params={**named, **more}).json() == found
        set_of = client.get(path, params={"activity": "ef://epa/stationary-combustion/2024"}).json()
        assert set_of["rows"] > 100
        assert client.get(path, params={"activity": set_of["pinned"]}).json()["pinned"] == set_of["pinned"]
        older = {**named, "year": 2031, "region": "US-TX", "fallback": True}
        answer = client.get(path, params=older).json()
        assert (answer["matched_level"], answer["year_distance"]) == ("country", 2031 - answer["year"])
        for wrong, code in (
            ({"activity": "natural-gas", "region": "US"}, "LOOKUP_INCOMPLETE"),
            ({**named, "scope": "9"}, "FACTOR_NOT_FOUND"),
            ({**named, "activity_path": "x" * 1001}, "REQUEST_INVALID"),
            ({"activity": "no/such/id"}, "FACTOR_NOT_FOUND"),
            ({"activity": "ef://epa/nothing/2024"}, "REFERENCE_UNRESOLVED"),
        ):
            assert client.get(path, params=wrong).json()["code"] == code
        narrowed = {"query": "gaz naturel", "region": "GB", "year": 2025, "publisher": "defra", "limit": 50}
        hits = client.get("/api/v1/ef/search", params=narrowed).json()["hits"]
        assert hits
        assert {(hit["region"], hit["year"], hit["publisher"]) for hit in hits} == {("GB", 2025, "uk-desnz")}


def test_a_pack_is_validated_with_all_its_errors_at_their_lines(api: Api) -> None:
    good = pack_text("natural_gas_v1").decode()
    with api.client() as client:
        assert client.post("/api/v1/factory/validate", json={"pack": good}).json()["valid"] is True
        broken = good.replace('"kg[CO2]"', '"kg[CO2"').replace("AR6", "AR9")
        answer = client.post("/api/v1/factory/validate", json={"pack": broken})
        assert answer.status_code == 200
        told = answer.json()
        assert told["valid"] is False
        assert len(told["errors"]) >= 2
        assert all(issue["line"] for issue in told["errors"])
        unreadable = client.post("/api/v1/factory/validate", json={"pack": "a: [1"})
        assert unreadable.status_code == 422
        assert unreadable.json()["valid"] is False


def test_a_pack_that_is_handed_in_lies_where_the_sensor_sees_it(api: Api) -> None:
    text = pack_text("natural_gas_v1")
    with api.client() as client:
        answer = client.post("/api/v1/factory/create", json={"pack": text.decode()})
        assert answer.status_code == 202, answer.text
        told = answer.json()
        assert (told["status"], told["created_by"]) == ("PENDING", "developer")
        assert answer.headers["location"] == f"/api/v1/factory/operations/{told['operation_id']}"
        (item,) = api.platform.store.list_named("specs/inbox/")
        assert api.platform.store.get_named(item.key)[0] == text
        again = client.post("/api/v1/factory/create", json={"pack": text.decode()}).json()
        assert again["operation_id"] != told["operation_id"]
        assert len(api.platform.store.list_named("specs/inbox/")) == 1

        spec, archive = archive_of(text)
        api.deploy(spec, archive)
        ended = client.get(answer.headers["location"]).json()
        assert (ended["status"], ended["agent_id"], ended["agent_status"], ended["deployment_status"]) == (
            "SUCCEEDED", spec.id, "active", "LIVE",
        )  # fmt: skip
        unknown = client.get(f"/api/v1/factory/operations/{uuid4()}")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "OPERATION_NOT_FOUND")


def test_an_invalid_pack_is_answered_with_all_its_errors_and_stored_nowhere(api: Api) -> None:
    before = api.platform.store.list_named("specs/inbox/")
    broken = pack_text("refrigerants_v1").decode().replace("dtype:", "dtipe:")
    with api.client() as client:
        answer = client.post("/api/v1/factory/create", json={"pack": broken})
    assert answer.status_code == 422
    told = answer.json()
    assert told["code"] == "PACK_INVALID"
    assert len(told["answer"]["errors"]) > 1
    assert api.platform.store.list_named("specs/inbox/") == before


def test_a_published_version_cannot_be_handed_in_with_other_content(api: Api) -> None:
    changed = pack_text("emissions_carbon_calculator_v1").decode().replace("Calculator", "Reckoner")
    with api.client() as client:
        answer = client.post("/api/v1/factory/create", json={"pack": changed})
    assert answer.status_code == 422
    assert "VERSION_REUSED" in {issue["code"] for issue in answer.json()["answer"]["errors"]}


def test_calls_of_many_at_once_are_all_answered(api: Api) -> None:
    with api.client() as client, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: execute(client, {**GAS, "consumption": n}), range(100, 164)))
    assert {answer.status_code for answer in answers} == {200}
    for number, answer in zip(range(100, 164), answers, strict=True):
        assert answer.json()["result"] == pytest.approx(number * 0.181233514, abs=1e-5)
    assert api.router.workers() <= 4
    seen = [link.seq for link in api.platform.ledger.since()]
    assert seen == list(range(1, len(seen) + 1))


def test_every_calculation_can_be_walked_from_the_command_lines_side(api: Api) -> None:
    with api.client() as client:
        told = execute(client, {**GAS, "consumption": 3}).json()
    node = walk(told["provenance_hash"], api.platform.ledger, api.platform.store)
    assert (node.kind, node.label) == ("calculation", f"{CARBON} 1.0.0")
    entry = walk(str(node.facts["recorded_entry"]), api.platform.ledger, api.platform.store)
    assert {child.label for child in entry.children} >= {
        "factors/catalogue", "factors/ipcc_gwp", "formulas/library",
    }  # fmt: skip


def test_health_is_answered_without_a_token_and_tells_nothing(api: Api) -> None:
    for path in ("/healthz", "/readyz"):
        answer = httpx.get(api.url + path)
        assert answer.status_code == 200
        assert set(answer.json()) == {"status"}


def test_the_api_never_imports_dagster() -> None:
    code = (
        "import sys, registry_ops.api.server, registry_ops.api.app, registry_ops.api.assembly\n"
        "print([name for name in sys.modules if name.split('.')[0].startswith('dagster')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_pack_that_is_executed_is_the_one_that_was_registered(api: Api) -> None:
    entry = api.services.registry("default").get_agent(CARBON)
    spec, _ = archive_of(pack_text("emissions_carbon_calculator_v1"))
    assert isinstance(spec, PackSpec)
    assert entry.versions[0].spec_hash == spec.sha256
