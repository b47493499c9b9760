"""Which generation of pack file is this? Only schema version 2.0.0 is read; the others are known by name.

Belongs here: recognising, and saying why nothing is generated. Does not belong here: reading any of them.
Signs are looked for in the keys alone, so a file is recognised however much of it is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from greenlang_assets.core.strict_yaml import Path
from greenlang_assets.sdk.pack import SCHEMA_VERSION

_Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Generation:
    """A recognised kind of file.

    Attributes:
        name: shown as ``schema`` in the answer.
        code: of the error.
        path: the key by which it was recognised.
        found: what stands there.
        reason: why no agent can be made of it.
        hint: what to do.
    """

    name: str
    code: str
    path: Path
    found: str
    reason: str
    hint: str


def recognise(data: Any) -> Generation | None:
    """The older or foreign generation that this data belongs to; None for 2.0.0 and for unknown data."""
    if not isinstance(data, Mapping):
        return None
    for look in _LOOKS:
        found = look(data)
        if found:
            return found
    return None


def _names(value: Any) -> str:
    """Of a list of mappings with a name, how many and the first three."""
    items = value if isinstance(value, list) else []
    names = [str(item["name"]) for item in items if isinstance(item, Mapping) and "name" in item]
    return f"{len(items)} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"


def _kubernetes(data: _Data) -> Generation | None:
    if "apiVersion" not in data or "kind" not in data:
        return None
    label = f"{data['apiVersion']} {data['kind']}"
    spec = data.get("spec")
    body = spec if isinstance(spec, Mapping) else {}
    if body.get("dependencies"):
        return Generation(
            label,
            "PACK_BUNDLE",
            ("spec", "dependencies"),
            f"{label} with dependencies on {_names(body['dependencies'])}",
            "this is a bundle that names other packs; it holds no inputs, outputs or calculation of its own",
            "hand in the packs that it names, one file each, as schema_version 2.0.0",
        )
    if not body.get("inputs") and not body.get("outputs"):
        return Generation(
            label,
            "PACK_EMPTY",
            ("spec",),
            f"{label} without inputs and outputs",
            "there is nothing to generate: this is an empty shell",
            f"say what goes in and what comes out, as a pack of schema_version {SCHEMA_VERSION}",
        )
    return Generation(
        label,
        "PACK_GENERATION",
        ("apiVersion",),
        label,
        "this is a Kubernetes-style specification; its fields have no place for units, factors and a formula",
        f"write it as schema_version {SCHEMA_VERSION}, with units, factors and formula",
    )


def _contract(data: _Data) -> Generation | None:
    if "contract_version" not in data:
        return None
    return Generation(
        f"contract {data['contract_version']}",
        "PACK_CONTRACT",
        ("contract_version",),
        f"contract_version {data['contract_version']}, app_id {data.get('app_id', 'absent')}",
        "this is the contract of an application (pipeline, signatures, support), not an agent",
        "hand in the packs of the agents that the application runs",
    )


def _version_one(data: _Data) -> Generation | None:
    version = data.get("pack_schema_version")
    if version is None:
        return None
    name = f"pack {version}"
    if "compute" not in data and "ai" in data:
        return Generation(
            name,
            "PACK_GENERATION",
            ("pack_schema_version",),
            f"pack_schema_version {version} with the ai section of 2.0.0 and no compute section",
            "this is a 2.0.0 pack downgraded to 1.0: inputs, outputs and entrypoint went with compute",
            f"hand in schema_version {SCHEMA_VERSION} with its compute section, under a new version",
        )
    return Generation(
        name,
        "PACK_GENERATION",
        ("pack_schema_version",),
        f"pack_schema_version {version}, kind {data.get('kind', 'absent')}",
        "version 1.0 lists files and sandbox capabilities; it declares no inputs, outputs, units or factors",
        f"write inputs, outputs and factors as schema_version {SCHEMA_VERSION}; no tool can know them",
    )


def _dialect(data: _Data) -> Generation | None:
    if not isinstance(data.get("pack"), Mapping) or not isinstance(data.get("agents"), list):
        return None
    return Generation(
        f"{data.get('schema_version', 'no version')}, factory dialect",
        "PACK_DIALECT",
        ("pack",),
        f"schema_version {data.get('schema_version', 'absent')}, pack: and agents: ({len(data['agents'])})",
        "the number is 2.0.0's, the shape is another's: id, name and version stand under pack:, inputs and "
        "outputs are lists under agents:, and factors carry figures of their own",
        "write each agent as one pack with id, name, version and compute at the top; figures come from the "
        "catalogue through ef:// references",
    )


def _top_level(data: _Data) -> Generation | None:
    if "schema_version" in data or "compute" in data or not ("inputs" in data and "outputs" in data):
        return None
    safety = data.get("safety")
    level = safety.get("sil_level") if isinstance(safety, Mapping) else None
    if safety is not None:
        return Generation(
            "no version, inputs and outputs at the top",
            "PACK_SAFETY_SYSTEM",
            ("safety",),
            f"inputs and outputs at the top level, a safety section (SIL {level if level else 'not stated'})",
            "this configures a safety function of equipment; no agent that controls or trips a plant is "
            "generated here, and its inputs and outputs have no units",
            "hand in the reporting part (efficiency, emissions) alone, as a pack of "
            f"schema_version {SCHEMA_VERSION}",
        )
    return Generation(
        "no version, inputs and outputs at the top",
        "PACK_GENERATION",
        ("inputs",),
        "inputs and outputs at the top level, no schema_version",
        "this generation has no schema version and declares neither units nor factors",
        f"put inputs and outputs under compute, with units, and state schema_version {SCHEMA_VERSION}",
    )


def _empty(data: _Data) -> Generation | None:
    compute = data.get("compute")
    if data.get("schema_version") != SCHEMA_VERSION or not isinstance(compute, Mapping):
        return None
    if compute.get("inputs") or compute.get("outputs"):
        return None
    return Generation(
        SCHEMA_VERSION,
        "PACK_EMPTY",
        ("compute",),
        "a compute section without inputs and outputs",
        "there is nothing to generate: this is an empty shell",
        "say what goes in and what comes out",
    )


_LOOKS: tuple[Callable[[_Data], Generation | None], ...] = (
    _kubernetes,
    _contract,
    _version_one,
    _dialect,
    _top_level,
    _empty,
)
