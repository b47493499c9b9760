"""What the shipped library covers of documents that number their equations, and that nothing counts twice.

A printed number is covered by an equation of its own, by one that puts several numbers together, or as a
``same_form``: the very form of another number, printed again. A number that is none
of these is in the gap list.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.formulas.model import Equation
from greenlang_assets.core.formulas.parser import RESERVED
from greenlang_assets.core.units import parse_unit

LIBRARY = Library.shipped(Catalogue.shipped())
REGULATION = "Implementing Regulation (EU) 2025/2547"
GUIDANCE = "Technical Guidance for Calculating Scope 3 Emissions, version 1.0 (2013)"

#: Equations of one document that differ only in what their symbols mean: other numbers, other quantities.
SAME_SHAPE = [
    {"cbam.2025-2547.annex2.eq34", "cbam.2025-2547.annex3.eq47", "cbam.2025-2547.annex3.eq48"},
    {"cbam.2025-2547.annex2.eq35", "cbam.2025-2547.annex3.eq52b"},
    {"cbam.2025-2547.annex2.g.carbonate", "cbam.2025-2547.annex2.g.oxide"},
    {"cbam.2025-2547.annex3.eq51", "cbam.2025-2547.annex3.eq52"},
    {"cbam.2025-2547.annex3.eq64", "cbam.2025-2547.annex3.eq65"},
    {"ghgp.scope3.11.2", "ghgp.scope3.3.2"},
    {"pcaf.a.attribution", "pcaf.a.attribution.property"},
]
FAMILIES = ("cbam", "scope-3", "pcaf", "freight", "energy", "gleam", "targets-and-software")


def of(document: str) -> list[Equation]:
    return [equation for equation in LIBRARY.equations if equation.citation.document == document]


def printed(equation: Equation) -> list[str]:
    """Every place that the citation names: its locator and the forms printed again."""
    return [equation.citation.locator, *(equation.citation.same_form or ())]


def numbers(text: str) -> set[int]:
    """The equation numbers of a locator: ``Equations 21, 22 and 23`` or ``first Equation 52``."""
    found: set[int] = set()
    for run in re.findall(r"Equations? (\d+(?:(?:, | and | to )\d+)*)", text):
        found |= {int(number) for number in re.findall(r"\d+", run)}
    return found


def test_every_numbered_equation_of_the_cbam_regulation_is_covered() -> None:
    covered = set().union(*(numbers(place) for equation in of(REGULATION) for place in printed(equation)))
    assert covered == set(range(4, 67)) - {56}
    own = {equation.id for equation in of(REGULATION)}
    assert "cbam.2025-2547.annex3.eq56" not in own
    assert "cbam.2025-2547.annex3.eq56" in {gap.id for gap in LIBRARY.gaps}
    assert {"cbam.2025-2547.annex3.eq52", "cbam.2025-2547.annex3.eq52b"} <= own, "52 is printed twice"


def test_annex_iv_of_the_cbam_regulation_is_covered() -> None:
    named = [place for equation in LIBRARY.equations for place in printed(equation) if "Annex IV" in place]
    for part in ("point 2, first", "point 2, second", "point 3, first", "point 3, input materials"):
        assert any(part in place for place in named), part


def test_every_scope_3_calculation_formula_is_covered() -> None:
    forms = Counter(
        number
        for equation in of(GUIDANCE)
        for place in printed(equation)
        for number in re.findall(r"\[([AC\d]+\.\d+)\]", place)
    )
    chapters = {1: 5, 3: 4, 4: 9, 5: 3, 6: 1, 7: 2, 8: 5, 10: 2, 11: 5, 12: 1, 14: 5, 15: 4}
    expected = {f"{chapter}.{number}" for chapter, last in chapters.items() for number in range(1, last + 1)}
    assert set(forms) == expected | {"A.1", "C.1"}
    assert {number: count for number, count in forms.items() if count > 1} == {"15.4": 2}, (
        "the guidance prints 15.4 twice"
    )
    assert sum(forms.values()) == 49


def test_a_form_printed_again_is_named_once_and_counted_apart() -> None:
    named = [
        (equation.citation.document, place)
        for equation in LIBRARY.equations
        for place in equation.citation.same_form or ()
    ]
    assert len(named) == len(set(named)) == LIBRARY.stats()["same_form"] > 30


def shape(equation: Equation) -> tuple[object, ...]:
    """The expression with its names taken away, the dimensions that stand in their places, and those that may
    stand where the equation leaves them open."""
    places: dict[str, str] = {}

    def place(match: re.Match[str]) -> str:
        name = match[0]
        return name if name in RESERVED else places.setdefault(name, f"x{len(places)}")

    parts = re.split(r"((?<=\d)<[^>]*>)", equation.program.canonical)
    text = "".join(part if part.startswith("<") else re.sub(r"[a-z]\w*", place, part) for part in parts)
    signature = equation.signature()
    quantities = [(item.symbol, item.unit or "1", bool(item.index)) for item in signature.inputs]
    quantities += [(name, unit, False) for name, unit in signature.outputs]
    spoken_of = {parse_unit(unit).dimension for unit in equation.activity_units or ()}
    dimensions = sorted((places[name], parse_unit(unit).dimension, many) for name, unit, many in quantities)
    return text, *dimensions, frozenset(spoken_of)


def test_equations_of_one_document_differ_in_more_than_their_names() -> None:
    groups: dict[object, set[str]] = defaultdict(set)
    for equation in LIBRARY.equations:
        if equation.family in FAMILIES or equation.citation.document in (REGULATION, GUIDANCE):
            groups[equation.citation.document, shape(equation)].add(equation.id)
    doubled = [ids for ids in groups.values() if len(ids) > 1]
    assert sorted(map(sorted, doubled)) == sorted(map(sorted, SAME_SHAPE))


def test_each_family_keeps_its_vectors_from_public_documents() -> None:
    proved = Counter(
        equation.family
        for equation in LIBRARY.equations
        if any(vector.external for vector in equation.vectors)
    )
    for family, least in {"cbam": 30, "scope-3": 29, "pcaf": 10, "freight": 4, "gleam": 25}.items():
        assert proved[family] >= least, family


def test_more_than_half_of_the_equations_have_a_result_that_somebody_else_worked_out() -> None:
    counted = LIBRARY.stats()
    assert counted["with_external_vector"] >= 305
    assert 2 * counted["with_external_vector"] > counted["equations"] + counted["second_hand"]
    assert counted["external_from_documents"] >= 160
    assert counted["external_from_peers"] >= 140
