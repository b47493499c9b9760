"""Generous readers: what is written in the wild becomes the canonical form, and each change is told.

Belongs here: other spellings of the same thing. Does not belong here: anything that a reader would have
to guess (figures, units, formulas), and the other generations (``generations``).
"""

from __future__ import annotations

import copy
import re
from typing import Any

from factory_ops.specification.answer import Judge
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.strict_yaml import Document, Path
from greenlang_assets.core.units import normalise_unit
from greenlang_assets.sdk.pack import NUMERIC, SCHEMA_VERSION

_Map = dict[str, Any]

_DTYPES = {
    "str": "string", "text": "string",
    "float": "float64", "double": "float64", "number": "float64",
    "int": "int64", "integer": "int64",
    "boolean": "bool",
    "array": "list",
    "dict": "object", "mapping": "object",
}  # fmt: skip

#: Words that packs use as units and ``core.units`` does not, because they are not units. Each becomes a
#: plain number; the text says what is lost.
_PLAIN_NUMBERS = {
    "fraction": "a share of one is a plain number",
    "ratio": "a ratio is a plain number",
    "count": "a count is a plain number",
    "degrees": "an angle is kept as a plain number of degrees; nothing converts it to radians",
    "dimensionless": "a plain number",
}
_GWP_SET = re.compile(r"(AR[456])[\s_-]*(?:GWP[\s_-]*(?:100)?)?", re.IGNORECASE)
_EDITION = re.compile(r"(?:\d{4}(?:-q[1-4])?|v?\d+(?:\.\d+)*)(?:@.*)?", re.IGNORECASE)


def normalised(document: Document, judge: Judge) -> _Map:
    """A 2.0.0 pack's data in canonical spelling; each change is a warning of the judge.

    The document is left as it is. What cannot be read is left as it is too, for the schema to refuse.
    """
    data: _Map = copy.deepcopy(document.data)
    _schema_version(data, document, judge)
    compute = _mapping(data, "compute")
    for side in ("inputs", "outputs"):
        _named(compute, side, ("compute", side), judge)
        for name, part in _mapping(compute, side).items():
            if isinstance(part, dict):
                _field(part, ("compute", side, name), document, judge)
    _factors(compute, judge)
    _formula(compute, judge)
    for name, factor in _mapping(compute, "factors").items():
        if isinstance(factor, dict):
            _gwp_set(factor, ("compute", "factors", name, "gwp_set"), judge)
    _gwp_set(_mapping(data, "provenance"), ("provenance", "gwp_set"), judge)
    _rag(_mapping(data, "ai"), judge)
    _goldens(data, document, judge)
    return data


def _mapping(data: Any, key: str) -> _Map:
    """The mapping under a key; an empty one, unattached, where there is none."""
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, dict) else {}


def _schema_version(data: _Map, document: Document, judge: Judge) -> None:
    value = document.texts.get(("schema_version",), data.get("schema_version"))
    if value in ("2", "2.0"):
        data["schema_version"] = SCHEMA_VERSION
        judge.warn(
            "SCHEMA_VERSION_READ_AS",
            ("schema_version",),
            f"read as {SCHEMA_VERSION}",
            found=value,
            expected=SCHEMA_VERSION,
        )


def _named(parent: _Map, key: str, path: Path, judge: Judge) -> None:
    """A list of mappings with a ``name`` becomes a mapping; names that repeat stay a list, for the schema."""
    value = parent.get(key)
    if value is None and key in parent:
        parent[key] = {}
    if not isinstance(value, list) or not value:
        if value == []:
            parent[key] = {}
        return
    names = [item.get("name") if isinstance(item, dict) else None for item in value]
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        return
    parent[key] = {item.pop("name"): item for item in value}
    for index, name in enumerate(names):
        judge.moved[(*path, str(name))] = (*path, index)
    judge.warn(
        "LIST_READ_AS_MAPPING",
        path,
        f"the list became a mapping by name: {', '.join(map(str, names))}",
        expected="a mapping name -> field",
    )


def _field(part: _Map, path: Path, document: Document, judge: Judge) -> None:
    dtype = part.get("dtype")
    if isinstance(dtype, str) and dtype not in _DTYPES.values() and dtype.lower() in _DTYPES:
        part["dtype"] = _DTYPES[dtype.lower()]
        judge.warn("DTYPE_READ_AS", (*path, "dtype"), f"read as {part['dtype']}", found=dtype)
    _unit(part, path, document, judge)
    if path[1] == "inputs" and part.get("default") is not None and "required" not in part:
        part["required"] = False
        judge.warn(
            "DEFAULT_READ_AS_OPTIONAL",
            (*path, "default"),
            "an input with a default is optional; read as required: false",
            expected="required: false beside a default",
        )
    if part.get("dtype") == "string":
        for key in ("default", "enum", "pattern"):
            if key in part:
                part[key] = as_written(part[key], judge.source_path((*path, key)), document)


def as_written(value: Any, path: Path, document: Document) -> Any:
    """A number as the text that was written for it (``1.10``), also inside a list."""
    if isinstance(value, list):
        return [as_written(item, (*path, index), document) for index, item in enumerate(value)]
    return document.texts.get(path, value) if not isinstance(value, str | bool) else value


def _unit(part: _Map, path: Path, document: Document, judge: Judge) -> None:
    here = (*path, "unit")
    written = document.texts.get(judge.source_path(here), part.get("unit"))
    if not isinstance(written, str):
        return
    part["unit"] = written
    plain = _PLAIN_NUMBERS.get(written.strip().lower())
    if plain:
        part["unit"] = "1"
        judge.warn("UNIT_READ_AS", here, f"read as 1: {plain}", found=written)
        return
    try:
        unit = normalise_unit(written)
    except GreenlangError as error:
        if error.code == "UNIT_QUALIFIER" and str(part.get("dtype")) in NUMERIC:
            judge.refuse(error, here, as_warning=True)
        else:
            judge.refuse(error, here)
        return
    if unit != written:
        part["unit"] = unit
        judge.warn("UNIT_READ_AS", here, f"read as {unit}", found=written)
    if unit in ("degC", "degF"):
        judge.warn(
            "UNIT_AFFINE",
            here,
            f"{unit} has a zero of its own: it is converted as a temperature, never by a factor, and is "
            "neither summed nor multiplied",
            found=written,
            hint="differences of temperature are given in K",
        )


def factor_name(reference: str, taken: set[str]) -> str:
    """A name for a factor from the last segment of its reference, an edition's label passed over.

    ``ef://epa/stationary-combustion/2024`` is ``stationary_combustion``, ``ef://ipcc/gwp/ar6`` is ``ar6``.
    """
    segments = [part for part in reference.removeprefix("ef://").split("#")[0].split("/") if part]
    telling = [part for part in segments if not _EDITION.fullmatch(part)] or segments or ["factor"]
    base = re.sub(r"[^a-z0-9]+", "_", telling[-1].lower()).strip("_") or "factor"
    base = (base if base[0].isalpha() else f"factor_{base}")[:60]
    name, number = base, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def _factors(compute: _Map, judge: Judge) -> None:
    path: Path = ("compute", "factors")
    value = compute.get("factors")
    if value is None or value == []:
        compute["factors"] = {}
        return
    if isinstance(value, list):
        formed: _Map = {}
        for index, item in enumerate(value):
            if isinstance(item, str):
                name, factor, ref = factor_name(item, set(formed)), {"ref": item}, (*path, index)
            elif isinstance(item, dict) and isinstance(item.get("ref"), str):
                name = item.pop("name", None) or factor_name(item["ref"], set(formed))
                factor, ref = item, (*path, index, "ref")
            else:
                return
            if not isinstance(name, str) or name in formed:
                return
            formed[name] = factor
            judge.moved[(*path, name)] = (*path, index)
            judge.moved[(*path, name, "ref")] = ref
        compute["factors"] = formed
        judge.warn(
            "FACTORS_READ_AS_MAPPING",
            path,
            f"the list became a mapping: {', '.join(formed)}",
            expected="a mapping name -> {ref}",
        )
    elif isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, str):
                value[name] = {"ref": item}
                judge.moved[(*path, name, "ref")] = (*path, name)
                judge.warn("FACTOR_READ_AS", (*path, name), f"read as {{ref: {item}}}", found=item)


def _formula(compute: _Map, judge: Judge) -> None:
    value = compute.get("formula")
    if not isinstance(value, str):
        return
    identifier, _, version = value.partition("@")
    path: Path = ("compute", "formula")
    compute["formula"] = {"id": identifier} | ({"version": version} if version else {})
    judge.moved[(*path, "id")] = judge.moved[(*path, "version")] = path
    judge.warn(
        "FORMULA_READ_AS", path, f"read as id {identifier}, version {version or 'the newest'}", found=value
    )


def _gwp_set(parent: _Map, path: Path, judge: Judge) -> None:
    written = parent.get("gwp_set")
    if not isinstance(written, str):
        return
    known = _GWP_SET.fullmatch(written.strip())
    if known and known.group(1).upper() != written:
        parent["gwp_set"] = known.group(1).upper()
        judge.warn(
            "GWP_SET_READ_AS",
            path,
            f"read as {parent['gwp_set']}, whose horizon is 100 years",
            found=written,
        )


def _rag(ai: _Map, judge: Judge) -> None:
    if "rag_collections" not in ai or "rag" in ai:
        return
    collections = ai.pop("rag_collections")
    ai["rag"] = {"collections": [] if collections is None else collections}
    judge.moved[("ai", "rag")] = ("ai", "rag_collections")
    judge.moved[("ai", "rag", "collections")] = ("ai", "rag_collections")
    judge.warn(
        "RAG_READ_AS", ("ai", "rag"), "rag_collections became rag.collections", found="rag_collections"
    )


def _goldens(data: _Map, document: Document, judge: Judge) -> None:
    tests = _mapping(data, "tests")
    cases = tests.get("golden")
    inputs = _mapping(_mapping(data, "compute"), "inputs")
    for index, case in enumerate(cases if isinstance(cases, list) else []):
        if not isinstance(case, dict):
            continue
        path: Path = ("tests", "golden", index)
        given = _mapping(case, "input")
        for name in given:
            if _mapping(inputs, name).get("dtype") == "string":
                given[name] = as_written(given[name], (*path, "input", name), document)
        expected = _mapping(case, "expect")
        for name, value in expected.items():
            if not isinstance(value, dict):
                expected[name] = {"value": value}
                judge.moved[(*path, "expect", name, "value")] = (*path, "expect", name)
