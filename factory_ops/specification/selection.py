"""Which factor row does a call lead to: the inputs that choose activity and region, and what they choose.

Belongs here: enum values to activities and regions of the rows that a pack refers to. Does not belong
here: formulas and units (``formula_inference``).

A value that names no activity, or several, does not make the pack invalid: the agent answers it with a
typed error, and the pack's reader is warned. ``compute.activities`` decides where a name alone cannot
(``coal`` is nine kinds in EPA's table).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenlang_assets.core.calculation.fuel_names import activity_of, slug
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.sdk.pack import Compute, InputField
from greenlang_assets.sdk.plan import FactorChoice, Refusal

if TYPE_CHECKING:
    from greenlang_assets.core.formulas.binding import Binding

#: Names of inputs that choose a fuel or an activity where several inputs could.
_ACTIVITY_NAMES = ("activity", "fuel_type", "fuel", "energy_carrier", "mode", "refrigerant")
_REGION_NAMES = frozenset(
    ("country", "country_code", "region", "subregion", "egrid_subregion", "grid_region", "grid_subregion")
)
#: ISO 3166-1 calls the United Kingdom GB and reserves UK for it.
_REGION_ALIASES = {"UK": "GB"}
_SUBREGION = "US-EGRID-"
#: Columns in which rows of one activity and region can differ.
_DISTINGUISHING = (
    "publisher",
    "dataset",
    "edition",
    "activity_path",
    "activity_unit",
    "calorific_basis",
    "scope",
    "year",
)


class Misfit(Exception):
    """Why a formula does not fit a pack, in words; ``step`` says how far it fitted."""

    def __init__(self, words: str, step: int = 4) -> None:
        super().__init__(words)
        self.step = step


@dataclass(frozen=True, slots=True)
class Selection:
    """What a call's values lead to."""

    choices: tuple[FactorChoice, ...]
    activity_input: str | None = None
    activities: Mapping[str, str] = field(default_factory=dict)
    region_input: str | None = None
    regions: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, Refusal] = field(default_factory=dict)


def select(compute: Compute, bindings: Sequence[Binding], taken: set[str]) -> Selection:
    """The factor rows that the pack's inputs choose between.

    Args:
        compute: inputs, and ``activities`` where the pack states them.
        bindings: one formula's bindings to the rows that the pack refers to, all fed alike.
        taken: text inputs that feed the formula itself.

    Raises:
        Misfit: no input chooses where rows have to be chosen, or every choice is refused.
    """
    texts = {
        name: item for name, item in compute.inputs.items() if item.dtype == "string" and name not in taken
    }
    known = sorted({binding.row["activity"] for binding in bindings})
    stated = compute.activities or {}
    activity_input = _activity_input(texts, known, stated)
    region_input = _region_input(
        {name: item for name, item in texts.items() if name != activity_input}, bindings
    )
    if activity_input is None and len(known) > 1:
        raise Misfit(
            f"the references hold {len(known)} activities ({', '.join(known[:4])} …) and no input chooses one"
        )
    values = (compute.inputs[activity_input].enum or []) if activity_input else []
    meant: dict[str, str] = {}
    refused: dict[str, Refusal] = {}
    for value in values:
        answer = _meaning(str(value), known, stated)
        if isinstance(answer, Refusal):
            refused[str(value)] = answer
        else:
            meant[str(value)] = answer
    choices: dict[tuple[str, str], FactorChoice] = {}
    for activity in sorted(set(meant.values())) if activity_input else known:
        found = _of_activity([item for item in bindings if item.row["activity"] == activity])
        if isinstance(found, Refusal):
            for value in [value for value, name in meant.items() if name == activity]:
                refused[value] = found.model_copy(update={"found": value})
                del meant[value]
            if activity_input is None:
                raise Misfit(found.message + ": " + found.found)
        else:
            choices |= {(choice.activity, choice.region): choice for choice in found}
    if not choices:
        reasons = "; ".join(f"{value}: {item.message}" for value, item in refused.items())
        raise Misfit(f"no value of {activity_input} leads to a factor ({reasons})")
    places = sorted({region for _, region in choices})
    if region_input is None and len(places) > 1:
        raise Misfit(f"the references hold {len(places)} regions and no input chooses one")
    return Selection(
        choices=tuple(choices[key] for key in sorted(choices)),
        activity_input=activity_input,
        activities=meant,
        region_input=region_input,
        regions=_spellings(places) if region_input else {},
        refused=refused,
    )


def region_of(text: str, places: Sequence[str]) -> str | None:
    """The region that a text names: itself, an eGRID acronym, or UK for GB."""
    for spelled in (text, text.upper(), _SUBREGION + text.upper(), _REGION_ALIASES.get(text.upper(), "")):
        if spelled in places:
            return spelled
    return None


def _spellings(places: Sequence[str]) -> dict[str, str]:
    """Other ways to write a region, for the agent, which looks nothing up."""
    short = {place.removeprefix(_SUBREGION): place for place in places if place.startswith(_SUBREGION)}
    return short | {alias: place for alias, place in _REGION_ALIASES.items() if place in places}


def _activity_input(
    texts: Mapping[str, InputField], known: Sequence[str], stated: Mapping[str, str]
) -> str | None:
    if stated:
        able = [name for name, item in texts.items() if item.enum and set(stated) <= set(map(str, item.enum))]
    else:
        able = [
            name
            for name, item in texts.items()
            if item.enum and any(isinstance(_meaning(str(value), known, {}), str) for value in item.enum)
        ]
    if len(able) > 1:
        named = [name for name in _ACTIVITY_NAMES if name in able]
        if not named:
            raise Misfit(f"several inputs could choose the activity: {', '.join(able)}")
        able = named
    if stated and not able:
        raise Misfit(f"no text input has the values {', '.join(stated)} that compute.activities maps")
    return able[0] if able else None


def _region_input(texts: Mapping[str, InputField], bindings: Sequence[Binding]) -> str | None:
    places = {binding.row["region"] for binding in bindings}
    able = [
        name
        for name, item in texts.items()
        if name in _REGION_NAMES
        or (item.enum and all(region_of(str(value), sorted(places)) for value in item.enum))
    ]
    if len(able) > 1:
        raise Misfit(f"several inputs could choose the region: {', '.join(able)}")
    return able[0] if able else None


def _meaning(value: str, known: Sequence[str], stated: Mapping[str, str]) -> str | Refusal:
    """The activity that a value names among those known, or why it names none."""
    mapped = stated.get(value)
    if mapped is not None and mapped in known:
        return mapped
    try:
        return activity_of(mapped or value, known)
    except GreenlangError as error:
        nearest = error.expected or ""
    words = set(slug(value).split("-"))
    kinds = [activity for activity in known if words <= set(activity.split("-"))]
    if kinds and mapped is None:
        return Refusal(
            code="ACTIVITY_AMBIGUOUS",
            message=f"{value} is several activities of the pack's references",
            found=value,
            expected="one of " + ", ".join(kinds),
            hint=f"decide in compute.activities, e.g. {value}: {kinds[0]}",
        )
    return Refusal(
        code="ACTIVITY_NOT_REFERENCED",
        message=f"the pack's references hold no factor for {mapped or value}",
        found=value,
        expected=nearest,
        hint=f"add a reference that covers {value}, or say in compute.activities which of these it is",
    )


def _of_activity(bindings: Sequence[Binding]) -> list[FactorChoice] | Refusal:
    """One choice for each region, or what the rows that compete differ in."""
    by_region: dict[str, list[Binding]] = {}
    for binding in bindings:
        by_region.setdefault(binding.row["region"], []).append(binding)
    for region, rows in by_region.items():
        if len(rows) > 1:
            columns = _DISTINGUISHING
            differ = {
                name: sorted({str(item.row[name]) for item in rows})
                for name in columns
                if len({item.row[name] for item in rows}) > 1
            }
            return Refusal(
                code="FACTOR_AMBIGUOUS",
                message=f"{len(rows)} factors fit {rows[0].row['activity']} in {region}",
                found="; ".join(f"{name}: {', '.join(cells)}" for name, cells in differ.items()),
                expected="one factor",
                hint=f"name {' or '.join(differ)} in the reference or in the unit",
            )
    return [
        FactorChoice(
            activity=rows[0].row["activity"],
            region=region,
            binding=rows[0].id,
            binding_sha256=rows[0].sha256,
            factor_id=rows[0].factor_id,
            factor_sha256=rows[0].factor.sha256,
        )
        for region, rows in sorted(by_region.items())
    ]
