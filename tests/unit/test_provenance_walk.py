"""The walk from a building's total to the publishers' rows, over tables made here."""

from __future__ import annotations

import json
from dataclasses import dataclass

import polars as pl
import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.model import FACTOR_KEY, FACTOR_SCHEMA, Citation, EmissionFactor, GwpValue
from greenlang_assets.core.parameters.model import PARAMETER_SCHEMA, Parameter
from greenlang_assets.core.provenance.canonical import content_sha256, row_sha256, sha256_hex, table_bytes
from greenlang_assets.core.provenance.ledger import InputRef, Leaf, LedgerLink, ProvenanceEntry
from greenlang_assets.core.provenance.rows import check_leaves, identity, table_leaves
from greenlang_assets.core.provenance.verify import verify_index
from greenlang_assets.core.provenance.walk import Node, walk
from resources.platform import Platform
from resources.store import cas_key

FILE, TENANT_FILE = sha256_hex(b"hub.xlsx"), sha256_hex(b"city.csv")


def citation(row: int) -> Citation:
    return Citation(
        publisher="An agency",
        document="A table of factors",
        edition="2024",
        table="Table 1",
        row=row,
        licence="public domain",
        source_file="hub.xlsx",
        source_sha256=FILE,
    )


FACTOR = EmissionFactor(
    factor_id="agency/stationary/2024/gas/us/2024/mmbtu",
    publisher="agency",
    dataset="stationary",
    edition="2024",
    version="2024.0.0",
    activity_path="Gas",
    activity="natural-gas",
    region="US",
    year=2024,
    activity_unit="mmBtu",
    co2=53.0,
    co2_unit="kg/mmBtu",
    ch4=1.0,
    ch4_unit="g/mmBtu",
    citation=citation(17),
)
GWPS = [
    GwpValue(gwp_set="AR4", gas=gas, value=value, citation=citation(row))
    for gas, value, row in (("CH4", 20.0, 3), ("N2O", 300.0, 4), ("SF6", 9000.0, 5))
]


def flat(record: EmissionFactor | GwpValue) -> dict[str, object]:
    plain = record.model_dump()
    cited = plain.pop("citation")
    return {**plain, **{f"cite_{name}": cell for name, cell in cited.items()}}


@dataclass
class Recorded:
    """What the fixture recorded: a link for each asset, and the hashes one may ask for."""

    links: dict[str, LedgerLink]
    total: str
    line: str
    activity: str


def record(
    platform: Platform, asset: str, data: bytes, inputs: list[InputRef], *, partition: str | None = None
) -> LedgerLink:
    content = platform.store.put(data)
    entry = ProvenanceEntry(asset, partition, content, tuple(inputs), "1.0.0")
    (link,) = platform.ledger.append([entry], run_id="run-1", leaves=table_leaves(content, data))
    return link


def ref(link: LedgerLink) -> InputRef:
    return InputRef(link.entry.asset, link.entry.partition, link.entry.content_sha256)


@pytest.fixture
def recorded(platform: Platform) -> Recorded:
    source = InputRef("file:hub.xlsx", None, FILE)
    factors = record(
        platform,
        "factors/catalogue",
        table_bytes(pl.DataFrame([flat(FACTOR)], schema=FACTOR_SCHEMA), key=FACTOR_KEY),
        [source],
    )
    gwp = record(
        platform,
        "factors/gwp",
        table_bytes(
            pl.DataFrame(
                [flat(value) for value in GWPS],
                schema={
                    "gwp_set": pl.String,
                    "gas": pl.String,
                    "horizon_years": pl.Int64,
                    "value": pl.Float64,
                    **{name: dtype for name, dtype in FACTOR_SCHEMA.items() if name.startswith("cite_")},
                },
            ),
            key=["gwp_set", "gas"],
        ),
        [source],
    )
    formula_sha256 = content_sha256({"co2 =": "activity * ef"})
    library = record(
        platform,
        "formulas/library",
        table_bytes(
            pl.DataFrame({"formula_id": ["gas@agency"], "sha256": [formula_sha256], "definition": ["{}"]}),
            key=["formula_id"],
        ),
        [InputRef("file:gas.yaml", None, sha256_hex(b"yaml")), ref(factors)],
    )
    activity = {
        "activity_id": "b1-gas-2014",
        "facility_id": "b1",
        "activity": "natural-gas",
        "quantity": 1000.5,
        "source_document": "City benchmarking",
        "source_row": 12,
        "source_file": "city.csv",
        "source_sha256": TENANT_FILE,
    }
    activities = record(
        platform,
        "tenants/activity",
        table_bytes(pl.DataFrame([activity]), key=["activity_id"]),
        [InputRef("file:city.csv", None, TENANT_FILE)],
        partition="c1|2014",
    )
    taken = {value.gas: value.model_dump(exclude_none=True) for value in GWPS[:2]}
    line = {
        "activity_id": "b1-gas-2014",
        "activity": "natural-gas",
        "activity_sha256": row_sha256(activity),
        "factor_id": FACTOR.factor_id,
        "factor_sha256": FACTOR.sha256,
        "formula_sha256": formula_sha256,
        "gwp_set": "AR4",
        "gwp_sha256": content_sha256(taken),
        "co2e_mg": 53_046_510_000,
        "line_sha256": sha256_hex(b"line"),
    }
    lines = record(
        platform,
        "tenants/lines",
        table_bytes(pl.DataFrame([line]), key=["activity_id"]),
        [ref(activities), ref(factors), ref(gwp), ref(library)],
        partition="c1|2014",
    )
    total = {
        "facility_id": "b1",
        "facility_name": "City Hall",
        "period": "2014",
        "lines": 1,
        "co2e_mg": 53_046_510_000,
        "line_sha256s": line["line_sha256"],
        "total_sha256": sha256_hex(b"total"),
    }
    totals = record(
        platform,
        "tenants/totals",
        table_bytes(pl.DataFrame([total]), key=["facility_id"]),
        [ref(lines)],
        partition="c1|2014",
    )
    links = {link.entry.asset: link for link in (factors, gwp, library, activities, lines, totals)}
    return Recorded(links, str(total["total_sha256"]), str(line["line_sha256"]), row_sha256(activity))


def kinds(node: Node) -> list[str]:
    return [child.kind for child in node.children]


def test_a_total_leads_to_every_publishers_row(platform: Platform, recorded: Recorded) -> None:
    total = walk(recorded.total, platform.ledger, platform.store)
    assert (total.kind, total.label, kinds(total)) == ("total", "City Hall, 2014", ["line"])
    assert total.facts["co2e_mg"] == 53_046_510_000
    assert total.facts["recorded_in"] == "tenants/totals [c1|2014]"
    (line,) = total.children
    assert kinds(line) == ["activity", "factor", "formula", "gwp"]
    activity, factor, formula, gwp = line.children
    assert activity.facts["quantity"] == 1000.5
    assert activity.children[0].kind == "file"
    assert activity.children[0].label == "City benchmarking, row 12"
    assert activity.children[0].sha256 == TENANT_FILE
    assert factor.sha256 == FACTOR.sha256
    assert factor.children[0].label == "An agency: A table of factors, Table 1, row 17"
    assert factor.children[0].facts["licence"] == "public domain"
    assert factor.children[0].sha256 == FILE
    assert formula.label == "gas@agency"
    assert gwp.label == "AR4: CH4 20, N2O 300"
    assert [child.label for child in gwp.children] == ["CH4 20 over 100 years", "N2O 300 over 100 years"]
    assert [child.children[0].facts["row"] for child in gwp.children] == [3, 4]
    assert json.loads(json.dumps(total.as_dict()))["children"][0]["sha256"] == recorded.line


def test_a_line_and_an_activity_can_be_asked_alone(platform: Platform, recorded: Recorded) -> None:
    assert walk(recorded.line, platform.ledger, platform.store).kind == "line"
    assert walk(recorded.activity, platform.ledger, platform.store).label == "b1-gas-2014"
    assert walk(FACTOR.sha256, platform.ledger, platform.store).label == FACTOR.factor_id


def test_an_artefact_leads_to_its_files_through_every_entry(platform: Platform, recorded: Recorded) -> None:
    link = recorded.links["tenants/totals"]
    for sha256 in (link.entry_sha256, link.entry.content_sha256, link.chain_sha256):
        node = walk(sha256, platform.ledger, platform.store)
        assert (node.kind, node.label) == ("entry", "tenants/totals [c1|2014]")
        assert node.facts["seq"] == 6
    (lines,) = node.children
    assert [child.label for child in lines.children] == [
        "factors/catalogue",
        "factors/gwp",
        "formulas/library",
        "tenants/activity [c1|2014]",
    ]
    factors, _, library, activity = lines.children
    assert [(child.kind, child.sha256) for child in factors.children] == [("file", FILE)]
    assert [(child.kind, child.sha256) for child in activity.children] == [("file", TENANT_FILE)]
    assert [(child.label, child.repeated) for child in library.children] == [
        ("factors/catalogue", True),
        ("file:gas.yaml", False),
    ]


def test_a_formula_leads_to_the_printed_figures_that_it_is_bound_to(platform: Platform) -> None:
    figure = dict.fromkeys(PARAMETER_SCHEMA, "x") | {
        "parameter_id": "book.table1/cow",
        "keys": '{"animal":["cow"]}',
        "value": "126",
        "source_document": "a package 1.0",
        "source_sha256": FILE,
        "source_row": 4,
    }
    frame = pl.DataFrame([figure], schema=PARAMETER_SCHEMA)
    parameter = Parameter(frame.row(0, named=True))
    made = record(
        platform,
        "formulas/parameters",
        table_bytes(frame, key=["parameter_id"]),
        [InputRef("file:package.whl", None, FILE)],
    )
    formula = {
        "formula_id": "eq/book.table1/cow",
        "sha256": sha256_hex(b"formula"),
        "definition": json.dumps({"parameters": [{"id": parameter.id, "sha256": parameter.sha256}]}),
    }
    table = table_bytes(pl.DataFrame([formula]), key=["formula_id"])
    record(platform, "formulas/library", table, [ref(made)])
    (figure_node,) = walk(sha256_hex(b"formula"), platform.ledger, platform.store).children
    assert (figure_node.label, figure_node.facts["value"]) == ("book.table1/cow", "126")
    assert figure_node.facts["recorded_in"] == "formulas/parameters"
    (source,) = figure_node.children
    assert source.label == "a package 1.0, row 4"


def test_a_factor_with_an_applied_set_says_so(platform: Platform) -> None:
    line = {
        "activity_id": "x",
        "factor_id": "f",
        "gwp_set": "AR5",
        "gwp_sha256": content_sha256({"applied_by": "f", "gwp_set": "AR5"}),
        "line_sha256": sha256_hex(b"l"),
    }
    record(platform, "tenants/lines", table_bytes(pl.DataFrame([line]), key=["activity_id"]), [])
    (gwp,) = walk(sha256_hex(b"l"), platform.ledger, platform.store).children
    assert (gwp.kind, gwp.label) == ("gwp", "AR5, applied by the publisher in f")


def test_what_nobody_recorded_is_shown_as_such(platform: Platform) -> None:
    line = {
        "activity_id": "x",
        "factor_sha256": sha256_hex(b"?"),
        "gwp_set": "AR4",
        "gwp_sha256": sha256_hex(b"?"),
        "line_sha256": sha256_hex(b"l"),
    }
    link = record(
        platform,
        "tenants/lines",
        table_bytes(pl.DataFrame([line]), key=["activity_id"]),
        [InputRef("never", None, platform.store.put(b"unrecorded"))],
    )
    assert kinds(walk(sha256_hex(b"l"), platform.ledger, platform.store)) == ["unresolved", "unresolved"]
    assert kinds(walk(link.entry_sha256, platform.ledger, platform.store)) == ["unresolved"]


@pytest.mark.parametrize(("sha256", "code"), [("0" * 64, "PROVENANCE_UNKNOWN"), ("0" * 12, "HASH_INVALID")])
def test_an_unknown_hash_is_refused(platform: Platform, sha256: str, code: str) -> None:
    with pytest.raises(GreenlangError) as caught:
        walk(sha256, platform.ledger, platform.store)
    assert caught.value.code == code


def test_the_walk_does_not_pass_an_altered_table(platform: Platform, recorded: Recorded) -> None:
    content = recorded.links["factors/catalogue"].entry.content_sha256
    path = platform.settings.home / "store" / cas_key(content)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b'"53"', b'"35"'))
    with pytest.raises(GreenlangError) as caught:
        walk(recorded.total, platform.ledger, platform.store)
    assert (caught.value.code, caught.value.expected) == ("ARTIFACT_ALTERED", content)


def test_the_walk_does_not_believe_a_wrong_index(platform: Platform, recorded: Recorded) -> None:
    content = recorded.links["tenants/activity"].entry.content_sha256
    platform.ledger.replace_leaves(content, [Leaf(sha256_hex(b"lie"), content, 1)])
    with pytest.raises(GreenlangError) as caught:
        walk(sha256_hex(b"lie"), platform.ledger, platform.store)
    assert caught.value.code == "ROW_INDEX_WRONG"
    found = verify_index(platform.ledger.since(), platform.store, platform.ledger.indexed_leaves)
    assert {(finding.code, finding.asset) for finding in found} == {
        ("ROW_INDEX_WRONG", "tenants/activity [c1|2014]")
    }


def test_the_index_is_rebuilt_from_the_store(platform: Platform, recorded: Recorded) -> None:
    for link in recorded.links.values():
        content = link.entry.content_sha256
        platform.ledger.replace_leaves(content, table_leaves(content, platform.store.get(content)))
    assert verify_index(platform.ledger.since(), platform.store, platform.ledger.indexed_leaves) == []
    assert walk(recorded.total, platform.ledger, platform.store).kind == "total"


def test_index_faults_are_told_one_by_one() -> None:
    data = table_bytes(pl.DataFrame({"id": ["a", "b", "c"]}), key=["id"])
    right = list(table_leaves("0" * 64, data))
    assert list(check_leaves(data, right)) == []
    assert list(check_leaves(data, right[:1])) == ["2 of 3 rows are not indexed, row 2 first"]
    assert list(check_leaves(data, [*right, Leaf("1" * 64, "0" * 64, 4)])) == [
        "row 4 is indexed, the table has 3"
    ]
    assert "no table" in next(check_leaves(b"text", right))


def test_a_factor_row_is_the_factor() -> None:
    assert identity(flat(FACTOR)) == FACTOR.sha256
