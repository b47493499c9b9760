"""Which domain does a pack belong to, and which templates serve it.

Belongs here: the vocabulary of domains and the weighted overlap with a pack. Does not belong here: the
templates themselves.

Affinity is a sum of four shares, each between 0 and 1: the id's segments (weight 0.4), the tags (0.3),
the units of outputs (0.15) and the datasets of the references (0.15). The answer holds the best domain
with the runner-up, and is ``unknown`` below :data:`FLOOR`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from greenlang_assets.sdk.pack import PackSpec

#: Below this no domain is named: one word in the tags alone says too little.
FLOOR = 0.2
UNKNOWN = "unknown"
_WEIGHTS = {"id": 0.4, "tags": 0.3, "units": 0.15, "references": 0.15}


@dataclass(frozen=True, slots=True)
class Domain:
    """The words by which a domain is known.

    Attributes:
        first: first segments of an id that name the domain outright.
        words: words of ids and tags.
        units: pieces of output units.
        references: words of ``ef://`` references.
    """

    first: frozenset[str]
    words: frozenset[str]
    units: frozenset[str] = frozenset()
    references: frozenset[str] = frozenset()


def _domain(first: str, words: str, units: str = "", references: str = "") -> Domain:
    return Domain(*(frozenset(part.split()) for part in (first, words, units, references)))


DOMAINS: Mapping[str, Domain] = {
    "emissions": _domain(
        "emissions carbon ghg",
        "emissions carbon ghg scope1 scope2 combustion fuel fugitive refrigerants fleet co2e",
        "CO2e CO2 CH4 N2O",
        "stationary-combustion mobile-combustion-co2 refrigerant-blends conversion-factors gwp",
    ),
    "energy": _domain(
        "energy", "energy electricity grid heat steam renewable solar load", "kWh MWh GJ mmBtu", "electricity"
    ),
    "cbam": _domain("cbam", "cbam border clinker embedded aluminium fertilisers hydrogen", "CO2e"),
    "csrd": _domain("csrd esrs", "csrd esrs materiality sustainability-statement double-materiality"),
    "eudr": _domain("eudr", "eudr deforestation commodity geolocation due-diligence cocoa soy cattle"),
    "scope3": _domain(
        "scope3",
        "scope3 upstream downstream travel commuting freight supplier purchased business-travel rail air",
        "CO2e",
        "business-travel-commuting transportation-distribution",
    ),
    "buildings": _domain(
        "buildings building", "buildings building hvac lighting boiler occupancy retrofit envelope", "m2 ft2"
    ),
    "industrial": _domain(
        "industrial industry process",
        "industrial process-heat heat-pump steel cement furnace decarbonization electrification kiln",
    ),
    "water": _domain("water", "water wastewater supply treatment", "m3 ML", "water-supply water-treatment"),
    "waste": _domain("waste", "waste landfill recycling compost incineration", "", "waste"),
    "lca": _domain("lca", "lca life-cycle footprint product pcf cradle-to-gate", "kg[CO2e]/item"),
    "finance": _domain(
        "finance", "finance capex npv financed-emissions portfolio carbon-price", "USD EUR GBP"
    ),
    "data": _domain("data ml", "data ml anomaly-detection data-quality outlier forecasting machine-learning"),
    "reporting": _domain(
        "reports reporting",
        "reporting report reports tcfd cdp gri sasb sec iso14064 disclosure multi-framework",
    ),
}

#: The patterns for which templates exist, by domain. A domain without any is recognised and not served.
DOMAIN_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    domain: ("calculator",) if domain in ("emissions", "energy", "scope3", "water", "waste") else ()
    for domain in DOMAINS
} | {UNKNOWN: ()}


@dataclass(frozen=True, slots=True)
class DomainMatch:
    """The domain of a pack.

    Attributes:
        domain: one of :data:`DOMAINS`, or ``unknown``.
        confidence: the affinity of the best domain, 0 to 1.
        runner_up: the second best, with its affinity.
        suggested_templates: of :data:`DOMAIN_TEMPLATES`.
    """

    domain: str
    confidence: float
    runner_up: tuple[str, float]
    suggested_templates: tuple[str, ...]


def match_domain(spec: PackSpec) -> DomainMatch:
    """The domain that a pack overlaps with most; equal affinities go by the order of :data:`DOMAINS`."""
    scores = {name: round(_affinity(spec, domain), 4) for name, domain in DOMAINS.items()}
    order = list(DOMAINS)
    best, second = sorted(scores, key=lambda name: (-scores[name], order.index(name)))[:2]
    known = scores[best] >= FLOOR
    return DomainMatch(
        domain=best if known else UNKNOWN,
        confidence=scores[best],
        runner_up=(second, scores[second]),
        suggested_templates=DOMAIN_TEMPLATES[best if known else UNKNOWN],
    )


def _affinity(spec: PackSpec, domain: Domain) -> float:
    segments = spec.id.split("/")
    words = {word for part in segments for word in _pieces(part)}
    tags = {tag.lower() for tag in spec.tags}
    tags |= {word for tag in tags for word in _pieces(tag)}
    units = [field.unit for field in spec.compute.outputs.values() if field.unit not in (None, "1")]
    references = {piece for item in spec.compute.factors.values() for piece in item.ref.lower().split("/")}
    return (
        _WEIGHTS["id"] * (1.0 if segments[0] in domain.first else 0.5 * bool(words & domain.words))
        + _WEIGHTS["tags"] * min(1.0, len(tags & domain.words) / 2)
        + _WEIGHTS["units"] * _share([any(part in str(unit) for part in domain.units) for unit in units])
        + _WEIGHTS["references"] * bool(references & domain.references)
    )


def _pieces(text: str) -> set[str]:
    lower = text.lower()
    return {lower, *re.split(r"[_\-\s]+", lower)}


def _share(hits: list[bool]) -> float:
    return sum(hits) / len(hits) if hits else 0.0
