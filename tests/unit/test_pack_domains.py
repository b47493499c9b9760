"""Domains: where a pack belongs, with confidence and runner-up, and ``unknown`` below the floor."""

from __future__ import annotations

import pytest

from factory_ops.specification.domains import DOMAIN_TEMPLATES, DOMAINS, FLOOR, UNKNOWN
from factory_ops.specification.processor import SpecProcessor
from greenlang_assets.sdk.pack import PackSpec

PROCESSOR = SpecProcessor()


def spec(identity: str, *tags: str, unit: str = "1", reference: str | None = None) -> PackSpec:
    return PackSpec.from_canonical(
        {
            "schema_version": "2.0.0",
            "id": identity,
            "name": "N",
            "version": "1.0.0",
            "summary": "S",
            "tags": list(tags),
            "compute": {
                "entrypoint": "python://agents.a:compute",
                "inputs": {"given": {"dtype": "string"}},
                "outputs": {"answer": {"dtype": "float64", "unit": unit}},
                "factors": {"f": {"ref": reference}} if reference else {},
            },
        }
    )


def test_the_fourteen_domains() -> None:
    assert list(DOMAINS) == [
        "emissions", "energy", "cbam", "csrd", "eudr", "scope3", "buildings", "industrial", "water", "waste",
        "lca", "finance", "data", "reporting",
    ]  # fmt: skip
    assert DOMAIN_TEMPLATES.keys() == {*DOMAINS, UNKNOWN}


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_first_segment_of_an_id_names_each_domain(domain: str) -> None:
    match = PROCESSOR.match_domain(spec(f"{sorted(DOMAINS[domain].first)[0]}/agent_v1"))
    assert match.domain == domain
    assert match.confidence >= FLOOR
    assert match.suggested_templates == DOMAIN_TEMPLATES[domain]
    assert match.runner_up[0] != domain
    assert match.runner_up[1] <= match.confidence


def test_tags_units_and_references_add_up() -> None:
    alone = PROCESSOR.match_domain(spec("emissions/a"))
    tagged = PROCESSOR.match_domain(spec("emissions/a", "carbon", "scope1"))
    whole = PROCESSOR.match_domain(
        spec(
            "emissions/a",
            "carbon",
            "scope1",
            unit="kg[CO2e]",
            reference="ef://us-epa/stationary-combustion/2024",
        )
    )
    assert alone.confidence < tagged.confidence < whole.confidence == 1.0


def test_what_belongs_nowhere_is_unknown() -> None:
    match = PROCESSOR.match_domain(spec("kitchen/recipes_v1", "soup"))
    assert (match.domain, match.confidence, match.suggested_templates) == (UNKNOWN, 0.0, ())
