"""The formula library: family files of our own making, bound to factor rows of our own making."""

from __future__ import annotations

import subprocess
import sys
import time
from fractions import Fraction
from typing import Any

import polars as pl
import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.factors.model import FACTOR_SCHEMA
from greenlang_assets.core.formulas.evaluate import evaluate_float
from greenlang_assets.core.formulas.library import MAX_FILE_BYTES, Library
from greenlang_assets.core.formulas.reference import evaluate_exact
from greenlang_assets.core.strict_yaml import MAX_BYTES, MAX_NODES

FAMILY = """
family: test-combustion
title: Combustion, made up
equations:
  - id: test.by-gas
    version: 1.0.0
    title: Gases of a fuel
    domain: carbon
    citation:
      {publisher: Us, document: A test, locator: line 1, text: official, read_in: here, licence: ours}
    inputs:
      - {symbol: activity, unit: "mmBtu[gross]", min: 0}
      - {symbol: ef_co2, unit: "kg[CO2]/mmBtu[gross]", role: factor}
      - {symbol: ef_ch4, unit: "kg[CH4]/mmBtu[gross]", role: factor}
      - {symbol: gwp_ch4, unit: "kg[CO2e]/kg[CH4]", role: gwp, gas: CH4, combustion: true}
      - {symbol: gwp_co2, unit: "kg[CO2e]/kg[CO2]", role: gwp, gas: CO2}
    outputs:
      - {symbol: co2, unit: "kg[CO2]"}
      - {symbol: co2e, unit: "kg[CO2e]", precision: 3}
    expression: |
      co2 = activity * ef_co2
      ch4 = activity * ef_ch4
      co2e = co2 * gwp_co2 + ch4 * gwp_ch4
    vectors:
      - inputs: {activity: 10, ef_co2: 50, ef_ch4: 0.5, gwp_ch4: 20, gwp_co2: 1}
        outputs: {co2e: 600}
        source: by hand
  - id: test.per-unit
    version: 2.1.0
    title: CO2e per unit of anything
    domain: waste
    citation:
      {publisher: Us, document: A test, locator: line 1, text: second-hand, read_in: here, licence: ours}
    inputs:
      - {symbol: activity, unit: "{unit}"}
      - {symbol: ef, unit: "kg[CO2e]/{unit}", role: factor}
    outputs: [{symbol: co2e, unit: "kg[CO2e]"}]
    expression: co2e = activity * ef
    vectors: [{inputs: {activity: 3, ef: 0.25}, outputs: {co2e: 0.75}, source: a leaflet, external: true}]
bindings:
  - equation: test.by-gas
    factors: {publisher: us-test, edition: ["2024", "2025"]}
    roles: {ef_co2: co2, ef_ch4: ch4}
    vectors: {activity: 1, gwp_co2: 1, gwp_ch4: 28}
    expect: {co2: co2}
  - equation: test.per-unit
    factors: {publisher: uk-test}
    roles: {ef: co2e}
    vectors: {activity: 7}
gaps:
  - {id: test.missing, reason: never read}
"""


def row(factor_id: str, **cells: Any) -> dict[str, Any]:
    filled = {
        "factor_id": factor_id,
        "kind": "sourced",
        "publisher": "us-test",
        "dataset": "fuels",
        "edition": "2024",
        "version": "2024.0.0",
        "activity_path": "Fuels > Gas",
        "activity": "gas",
        "region": "US",
        "year": 2024,
        "activity_unit": "mmBtu",
        "calorific_basis": "gross",
        "cite_publisher": "Us",
        "cite_document": "Table",
        "cite_edition": "2024",
        "cite_table": "T1",
        "cite_row": 3,
        "cite_licence": "ours",
        "cite_source_file": "t.csv",
        "cite_source_sha256": "0" * 64,
        **cells,
    }
    return {name: filled.get(name) for name in FACTOR_SCHEMA}


GAS = {"co2": 53.06, "co2_unit": "kg/mmBtu", "ch4": 1.0, "ch4_unit": "g/mmBtu"}
UK = {"publisher": "uk-test"}
ROWS = [
    row("us-test/fuels/2024/gas", **GAS),
    row(
        "us-test/fuels/2025/oil",
        **{**GAS, "edition": "2025", "co2": 160.0, "co2_unit": "lb/mmBtu", "ch4": 3.0},
    ),
    row("us-test/fuels/2025/no-methane", edition="2025", co2=1.0, co2_unit="kg/mmBtu"),
    row("us-test/fuels/2023/old", edition="2023", **GAS),
    row(
        "uk-test/fuels/2024/gas-net",
        **UK,
        activity_unit="kWh",
        calorific_basis="net",
        co2e=0.2,
        co2e_unit="kg/kWh",
    ),
    row(
        "uk-test/fuels/2024/desk",
        **UK,
        activity_unit="FTE*h",
        calorific_basis=None,
        co2e=0.3,
        co2e_unit="kg/(FTE*h)",
    ),
]


def catalogue(rows: list[dict[str, Any]] = ROWS) -> Catalogue:
    return Catalogue.from_frames(pl.DataFrame(rows, schema=FACTOR_SCHEMA), pl.DataFrame())


def library(text: str = FAMILY) -> Library:
    return Library({"test.yaml": text}, catalogue())


def test_bindings_are_one_for_each_complete_row() -> None:
    assert [binding.id for binding in library().bindings] == [
        "test.by-gas/us-test/fuels/2024/gas",
        "test.by-gas/us-test/fuels/2025/oil",
        "test.per-unit/uk-test/fuels/2024/desk",
        "test.per-unit/uk-test/fuels/2024/gas-net",
    ]


def test_figures_are_the_publisher_s_in_the_equation_s_units() -> None:
    oil = library().binding("test.by-gas/us-test/fuels/2025/oil")
    assert oil.constants == {"ef_co2": 160 * Fraction(45359237, 10**8), "ef_ch4": Fraction(3, 1000)}
    assert [(item.published, item.published_unit) for item in oil.figures] == [
        (160.0, "lb[CO2]/mmBtu[gross]"),
        (3.0, "g[CH4]/mmBtu[gross]"),
    ]
    assert [item.symbol for item in oil.inputs] == ["activity", "gwp_ch4", "gwp_co2"]
    assert oil.version == "1.0.0"
    assert oil.factor.citation.row == 3


def test_a_binding_is_calculated_like_an_equation() -> None:
    gas = library().find_binding(factor_id="us-test/fuels/2024/gas")
    inputs = {"activity": 1000, "gwp_ch4": 28, "gwp_co2": 1}
    assert evaluate_exact(gas, inputs) == {"co2": 53060, "co2e": 53088}
    assert evaluate_float(gas, inputs) == {"co2": 53060.0, "co2e": 53088.0}
    with pytest.raises(GreenlangError, match="fixed by the binding"):
        evaluate_exact(gas, {**inputs, "ef_co2": 1})


def test_what_a_peer_printed_is_counted_apart_from_what_a_document_prints() -> None:
    peer = "external: true, peer: {package: p, version: 1.0.0, functions: [f]}"
    counted = library(FAMILY.replace("external: true", peer)).stats()
    assert (counted["external_from_documents"], counted["external_from_peers"]) == (0, 1)
    assert counted["with_external_vector"] == 1


def test_what_a_peer_printed_is_not_our_own_arithmetic() -> None:
    peer = "external: false, peer: {package: p, version: 1.0.0, functions: [f]}"
    with pytest.raises(GreenlangError) as refused:
        library(FAMILY.replace("external: true", peer))
    assert refused.value.code == "FAMILY_INVALID"
    assert "external" in refused.value.message


def test_a_vector_says_how_close_each_output_must_come() -> None:
    near = "tolerance: {co2e: 0.2}"
    found = library(FAMILY.replace("source: a leaflet", f"source: a leaflet, {near}"))
    equation = found.equation("test.per-unit")
    assert equation.vectors[0].allowed(equation.outputs[0]) == Fraction(1, 5)


def test_a_word_where_a_number_stands_is_a_fault_of_the_file() -> None:
    with pytest.raises(GreenlangError) as refused:
        library(FAMILY.replace("ef_co2: 50", "ef_co2: {oil: fifty}"))
    assert refused.value.code == "FAMILY_INVALID"


def test_an_open_unit_is_the_row_s_own() -> None:
    found = library()
    desk, net = (found.find_binding(factor_id=f"uk-test/fuels/2024/{name}") for name in ("desk", "gas-net"))
    assert [item.unit for item in desk.inputs] == ["FTE*h"]
    assert [item.unit for item in net.inputs] == ["kWh[net]"]
    assert desk.outputs[0].unit == "kg[CO2e]"
    assert net.vectors[0].outputs == {"co2e": Fraction(7, 5)}


SUM = """
family: test-sum
equations:
  - id: test.sum
    version: 1.0.0
    title: A distance and a stay
    domain: carbon
    citation:
      {publisher: Us, document: A test, locator: line 2, text: official, read_in: here, licence: ours}
    inputs:
      - {symbol: energy, unit: "{unit}"}
      - {symbol: ef, unit: "kg[CO2e]/{unit}", role: factor}
      - {symbol: hours, unit: "FTE*h"}
      - {symbol: ef_hour, unit: "kg[CO2e]/(FTE*h)", role: factor}
    outputs: [{symbol: co2e, unit: "kg[CO2e]"}]
    activity_units: ["kWh[net]"]
    expression: co2e = energy * ef + hours * ef_hour
    vectors:
      - {inputs: {energy: 2, ef: 3, hours: 5, ef_hour: 7}, outputs: {co2e: 41}, source: by hand}
bindings:
  - equation: test.sum
    factors: {publisher: uk-test, factor_id: "uk-test/fuels/2024/gas*"}
    roles: {ef: co2e}
    absent: [hours, ef_hour]
    vectors: {energy: 1}
    expect: {co2e: co2e}
  - equation: test.sum
    factors: {publisher: uk-test, activity_unit: "FTE*h"}
    roles: {ef_hour: co2e}
    absent: [energy, ef]
    vectors: {hours: 1}
    expect: {co2e: co2e}
"""


def test_a_binding_has_one_term_of_a_sum_and_the_others_are_zero() -> None:
    found = library(SUM)
    assert found.prove().faults == []
    gas, desk = (found.find_binding(factor_id=f"uk-test/fuels/2024/{name}") for name in ("gas-net", "desk"))
    assert [(item.symbol, item.unit) for item in gas.inputs] == [("energy", "kWh[net]")]
    assert [(item.symbol, item.unit) for item in desk.inputs] == [("hours", "FTE*h")]
    assert gas.constants == {"ef": Fraction(1, 5), "hours": 0, "ef_hour": 0}
    assert evaluate_exact(desk, {"hours": 10}) == {"co2e": 3}
    assert evaluate_float(gas, {"energy": 10.0}) == {"co2e": 2.0}
    assert (gas.content["absent"], desk.content["absent"]) == (["hours", "ef_hour"], ["energy", "ef"])
    assert "absent" not in library().bindings[0].content
    with pytest.raises(GreenlangError, match="fixed by the binding"):
        evaluate_exact(gas, {"energy": 1, "hours": 1})


def test_an_equation_takes_only_the_units_of_which_its_source_speaks() -> None:
    wrong = SUM.replace("fuels/2024/gas*", "fuels/2024/desk*").replace('activity_unit: "FTE*h"', "year: 1900")
    with pytest.raises(GreenlangError, match="BINDING_RULE"):
        library(wrong)
    (fault,) = (
        library(wrong.partition("  - equation: test.sum\n    factors: {publisher: uk-test, year")[0])
        .prove()
        .faults
    )
    assert (fault.error.code, fault.error.found) == ("FORMULA_UNIT_STRANGE", "FTE*h")
    with pytest.raises(GreenlangError, match="no unit holds"):
        library(SUM.replace("{unit}", "kWh"))


@pytest.mark.parametrize("absent", ["[nothing]", "[ef]"])
def test_absent_inputs_are_inputs_that_nothing_feeds(absent: str) -> None:
    with pytest.raises(GreenlangError, match="an absent input is an input that nothing feeds"):
        library(SUM.replace("[hours, ef_hour]", absent))


def test_counts_keep_the_three_things_apart() -> None:
    counted = library().stats()
    assert (counted["equations"], counted["second_hand"], counted["bindings"]) == (1, 1, 4)
    assert counted["by_domain"] == {
        "carbon": {"bindings": 2, "equations": 1},
        "waste": {"bindings": 2, "equations": 1},
    }
    assert counted["with_external_vector"] == counted["external_from_documents"] == 1
    assert counted["external_from_peers"] == 0
    assert counted["bindings_with_external_figure"] == 0, "a figure put in and expected is no outside proof"
    assert counted["unbound_rows"] == 1
    assert counted["largest_share"] == {"equation": "test.by-gas", "bindings": 2, "share": 0.5}
    assert counted["duplicates"] == 0
    assert [gap["id"] for gap in counted["gaps"]] == ["test.missing"]


def test_a_form_that_is_printed_again_is_named_and_not_an_equation() -> None:
    again = FAMILY.replace("locator: line 1,", "locator: line 1, same_form: [line 7, line 9],", 1)
    assert again != FAMILY
    found = library(again)
    assert found.equation("test.by-gas").citation.same_form == ("line 7", "line 9")
    counted, before = found.stats(), library().stats()
    assert (counted["same_form"], before["same_form"]) == (2, 0)
    assert (counted["equations"], counted["second_hand"]) == (before["equations"], before["second_hand"])
    assert library().equation("test.by-gas").sha256 != found.equation("test.by-gas").sha256
    with pytest.raises(GreenlangError, match="FAMILY_INVALID"):
        library(FAMILY.replace("locator: line 1,", "locator: line 1, same_form: [],", 1))


def test_validation_proves_every_formula_on_every_engine() -> None:
    proof = library().validate()
    assert (proof.equations, proof.bindings, proof.vectors) == (2, 4, 6)
    assert proof.bounds["test.by-gas.co2e"] >= proof.largest_ulps["test.by-gas.co2e"]
    assert library().prove("test.per-unit").vectors == 1
    assert library().prove("test.per-unit/uk-test/fuels/2024/desk").vectors == 1


FAULTS = [
    ("outputs: {co2e: 600}", "outputs: {co2e: 601}", "VECTOR_NOT_REPRODUCED"),
    ("ch4 = activity * ef_ch4", "ch4 = activity * ef_co2", "UNIT_MISMATCH"),
    ("ch4 = activity * ef_ch4", "ch4 = activity * * ef_ch4", "FORMULA_SYNTAX"),
    ('unit: "kg[CO2]"', 'unit: "kg[CH4]"', "UNIT_MISMATCH"),
    ('unit: "kg[CO2]"', 'unit: "kgg"', "UNIT_UNKNOWN"),
    ("role: gwp, gas: CH4", "role: factor, gas: CH4", "UNIT_GWP"),
    ("{activity: 10,", "{activity: -10,", "FORMULA_INPUT"),
    ("{activity: 10,", "{", "FORMULA_INPUT"),
    ("gwp_ch4: 28}", "gwp_ch4: .}", "FORMULA_INPUT"),
    ("gwp_co2: 1, gwp_ch4: 28}", "gwp_co2: 1}", "BINDING_VECTOR"),
    ("expect: {co2: co2}", "expect: {co2: ch4}", "UNIT_MISMATCH"),
]


@pytest.mark.parametrize(("good", "bad", "code"), FAULTS)
def test_a_faulty_formula_is_found_and_named(good: str, bad: str, code: str) -> None:
    found = library(FAMILY.replace(good, bad, 1))
    faults = found.prove().faults
    assert code in {fault.error.code for fault in faults}
    assert all(fault.formula.startswith("test.") for fault in faults)
    with pytest.raises(GreenlangError, match="LIBRARY_INVALID"):
        found.validate()


def copy_of_the_first(identity: str) -> str:
    head, tail = FAMILY.split("  - id: test.per-unit")
    first = head.split("equations:\n")[1].replace("test.by-gas", identity)
    return head + first + "  - id: test.per-unit" + tail


def test_a_formula_that_repeats_another_is_refused() -> None:
    found = library(copy_of_the_first("test.copy"))
    assert [fault.error.code for fault in found.prove().faults] == ["FORMULA_DOUBLED"]
    assert found.stats()["duplicates"] == 1
    with pytest.raises(GreenlangError, match="FORMULA_DOUBLED"):
        library(copy_of_the_first("test.by-gas"))


def test_a_row_bound_twice_by_one_equation_is_refused() -> None:
    rule = FAMILY[FAMILY.index("  - equation: test.per-unit") : FAMILY.index("gaps:")]
    with pytest.raises(GreenlangError, match="FORMULA_DOUBLED"):
        library(FAMILY.replace("gaps:", rule + "gaps:"))


MALFORMED = [
    ("    citation:\n      {publisher: Us,", "    note:\n      {publisher: Us,", "FAMILY_INVALID"),
    ("publisher: Us, document: A test, ", "publisher: Us, ", "FAMILY_INVALID"),
    ("text: official", "text: guessed", "FAMILY_INVALID"),
    ("    vectors: [", "    tests: [", "FAMILY_INVALID"),
    ("    vectors: [{", "    vectors: []\n    x: [{", "FAMILY_INVALID"),
    ("outputs: {co2e: 600}", "outputs: {co2: 500, tea: 1}", "FAMILY_INVALID"),
    ("source: by hand", "source: ''", "FAMILY_INVALID"),
    ("version: 1.0.0", "version: 1.0", "FAMILY_INVALID"),
    ("domain: carbon", "domain: magic", "FAMILY_INVALID"),
    ("family: test-combustion\n", "", "FAMILY_INVALID"),
    ("title: Gases", "tittle: Gases", "FAMILY_INVALID"),
    ("equation: test.by-gas", "equation: test.by-gass", "BINDING_RULE"),
    ("roles: {ef_co2: co2,", "roles: {activity: co2,", "BINDING_RULE"),
    ("roles: {ef_co2: co2,", "roles: {ef_co2: co3,", "BINDING_RULE"),
    ("factors: {publisher: us-test,", "factors: {publisher: nobody,", "BINDING_RULE"),
    ("factors: {publisher: us-test,", "factors: {editor: us-test,", "BINDING_RULE"),
    ("family: test-combustion", "family: &a test-combustion", "YAML_INVALID"),
]


@pytest.mark.parametrize(("good", "bad", "code"), MALFORMED)
def test_a_malformed_family_is_refused_with_its_file(good: str, bad: str, code: str) -> None:
    assert good in FAMILY
    with pytest.raises(GreenlangError) as refused:
        library(FAMILY.replace(good, bad, 1))
    assert refused.value.code == code
    assert refused.value.where["file"] == "test.yaml"


def test_a_malformed_equation_is_named_with_its_line() -> None:
    with pytest.raises(GreenlangError) as refused:
        library(FAMILY.replace("domain: carbon", "domain: magic"))
    assert refused.value.where["formula"] == "test.by-gas"
    assert refused.value.where["path"] == "equations.0.domain"
    assert FAMILY.split("\n")[refused.value.where["line"] - 1].strip() == "domain: carbon"


def test_a_missing_key_is_told_at_the_start_of_its_equation() -> None:
    with pytest.raises(GreenlangError) as refused:
        library(FAMILY.replace("    domain: carbon\n", "", 1))
    assert refused.value.where["path"] == "equations.0.domain"
    assert FAMILY.split("\n")[refused.value.where["line"] - 1].strip() == "- id: test.by-gas"


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("family: a\nfamily: b\n", "YAML_INVALID", 2, 1),
        ("family: a\ntitle: [\n", "YAML_INVALID", 3, 1),
        ("family: " + "[" * 30, "YAML_LIMIT", 1, 28),
        ("family: " + "x" * MAX_FILE_BYTES, "YAML_LIMIT", 1, 1),
    ],
)
def test_text_that_is_not_strict_yaml_is_refused_with_its_place(
    text: str, code: str, line: int, column: int
) -> None:
    with pytest.raises(GreenlangError) as refused:
        library(text)
    assert refused.value.code == code
    assert refused.value.where == {"file": "test.yaml", "line": line, "column": column}


def test_family_files_may_be_larger_than_files_of_strangers() -> None:
    gaps = "".join(f"  - {{id: gap-{number}, reason: {'x' * 60}}}\n" for number in range(4000))
    text = FAMILY[: FAMILY.index("gaps:")] + "gaps:\n" + gaps
    assert len(text) > MAX_BYTES
    assert gaps.count(":") * 2 > MAX_NODES
    assert len(library(text).gaps) == 4000


def test_an_unknown_formula_names_the_nearest() -> None:
    for ask in (library().equation, library().binding):
        with pytest.raises(GreenlangError, match="FORMULA_NOT_FOUND") as refused:
            ask("test.per-unti/uk-test/fuels/2024/desk")
        assert "test.per-unit" in str(refused.value.expected)
    with pytest.raises(GreenlangError, match="FORMULA_NOT_FOUND"):
        library().find_binding(factor_id="us-test/fuels/2023/old")


def test_a_factor_of_two_equations_asks_which() -> None:
    rule = (
        "  - equation: test.copy\n    factors: {publisher: us-test, edition: '2024'}\n"
        "    roles: {ef_co2: co2, ef_ch4: ch4}\n    vectors: {activity: 2, gwp_set: AR5}\n"
    )
    found = library(copy_of_the_first("test.copy").replace("gaps:", rule + "gaps:"))
    with pytest.raises(GreenlangError, match="FORMULA_AMBIGUOUS"):
        found.find_binding(factor_id="us-test/fuels/2024/gas")
    chosen = found.find_binding(factor_id="us-test/fuels/2024/gas", equation="test.copy")
    assert chosen.equation.id == "test.copy"


def test_the_hash_is_of_what_the_formula_says() -> None:
    same = library(
        FAMILY.replace("co2 = activity * ef_co2", "co2 = (activity)*ef_co2").replace(
            "source: by hand", "source: head"
        )
    )
    other = library(FAMILY.replace("ch4 = activity * ef_ch4", "ch4 = ef_ch4 * activity"))
    key = "test.by-gas/us-test/fuels/2024/gas"
    mine = library()
    assert mine.equation("test.by-gas").sha256 == same.equation("test.by-gas").sha256
    assert mine.binding(key).sha256 == same.binding(key).sha256
    assert mine.equation("test.by-gas").sha256 != other.equation("test.by-gas").sha256
    assert mine.binding(key).sha256 != other.binding(key).sha256
    assert len({item.sha256 for item in (*mine.equations, *mine.bindings)}) == 6
    assert mine.binding(key).record()["vectors"][0]["outputs"] == {"co2": "53.06"}


def test_the_shipped_library_is_proved() -> None:
    found = Library.shipped(Catalogue.shipped())
    proof = found.validate()
    assert proof.equations >= 12
    assert proof.bindings >= 50
    assert all(proof.largest_ulps[name] <= bound for name, bound in proof.bounds.items())
    assert found.stats()["duplicates"] == 0


def test_listing_the_shipped_library_is_instant() -> None:
    script = (
        "import sys\n"
        "from greenlang_assets.core.factors.catalogue import Catalogue\n"
        "from greenlang_assets.core.formulas.library import Library\n"
        "library = Library.shipped(Catalogue.shipped())\n"
        "[(item.id, item.version, item.title) for item in (*library.equations, *library.bindings)]\n"
        "sys.exit('pint' in sys.modules or 'pandera' in sys.modules)\n"
    )
    started = time.monotonic()
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
    assert time.monotonic() - started < 10, "a second on a quiet machine"
