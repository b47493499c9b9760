"""The generator: specification and plan in, the files of an agent out.

Belongs here: which files there are, and what goes into their templates.
Does not belong here: how a value becomes code (``literals``), what is tested with (``samples``).

Two generations from the same specification and plan give the same bytes: no clock, no environment, sorted
names. Templates ship with the package; no text of a pack ever is one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

from factory_ops.generation.literals import identifier, md, prove, py
from factory_ops.generation.samples import properties, refused_calls, valid_calls
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import content_sha256, sha256_hex
from greenlang_assets.sdk.pack import NUMERIC, PackSpec, Property
from greenlang_assets.sdk.plan import CalculationPlan

PACK_FORMAT = "greenlang/pack@1"
_TEMPLATES = ("agent.py.j2", "models.py.j2", "entrypoint.py.j2", "test_agent.py.j2", "README.md.j2")
_KINDS = {
    "string": "Text", "float64": "Number", "float32": "Number", "int64": "Whole", "int32": "Whole",
    "bool": "Truth", "list": "Items", "object": "Record",
}  # fmt: skip


@dataclass(frozen=True)
class GenerationOutput:
    """The files of an agent.

    Attributes:
        agent_code: ``agent.py``.
        models_code: ``models.py``.
        test_code: ``tests/test_agent.py``.
        documentation: ``README.md``.
        files: every file of the pack by its path, the manifest included.
        manifest: what ``manifest.json`` says.
        unchecked: properties of the pack whose rule is prose to a program; no test was made of them.
    """

    agent_code: str
    models_code: str
    test_code: str
    documentation: str
    files: dict[str, bytes]
    manifest: dict[str, Any]
    unchecked: tuple[Property, ...]


@lru_cache(maxsize=1)
def _templates() -> dict[str, str]:
    folder = resources.files("factory_ops.generation") / "templates"
    return {name: (folder / name).read_text(encoding="utf-8") for name in _TEMPLATES}


def templates_sha256() -> str:
    """Identity of the templates, as every manifest names it."""
    return content_sha256(_templates())


@lru_cache(maxsize=2)
def _environment(*, skeleton: bool) -> Environment:
    # Autoescaping is for HTML; here every value goes through a filter of its own.
    environment = Environment(  # noqa: S701
        loader=DictLoader(_templates()),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.clear()
    environment.filters["py"] = (lambda value: "None") if skeleton else py
    environment.filters["identifier"] = identifier
    environment.filters["md"] = md
    return environment


class CodeGenerator:
    """Makes code of specifications. Holds no state; one may serve all."""

    def generate(self, spec: PackSpec, plan: CalculationPlan | None) -> GenerationOutput:
        """The files of the agent that a pack describes.

        Args:
            spec: the pack in canonical form.
            plan: its formula and factors, resolved; only calculators have one.

        Raises:
            GreenlangError: ``PATTERN_NOT_SUPPORTED`` for a pack that is no calculator,
                ``PLAN_OF_OTHER_PACK``, ``NAME_NOT_SAFE``, ``TEST_INPUT_UNKNOWN``,
                ``GENERATED_CODE_ALTERED``.
        """
        plan = _matching(spec, plan)
        module, function = _entrypoint(spec)
        class_name = _class_name(spec.id)
        known, unchecked = properties(spec)
        calls = valid_calls(spec, plan)
        units = {
            "INPUT_UNITS": {n: f.unit for n, f in sorted(spec.compute.inputs.items()) if f.unit},
            "OUTPUT_UNITS": {n: f.unit for n, f in sorted(spec.compute.outputs.items()) if f.unit},
        }
        code = {
            "agent.py": _code(
                "agent.py.j2",
                {
                    "AGENT_ID": spec.id,
                    "AGENT_NAME": spec.name,
                    "VERSION": spec.version,
                    "PACK_SHA256": spec.sha256,
                    "PLAN_SHA256": plan.sha256,
                },
                class_name=class_name,
            ),
            "models.py": _code("models.py.j2", units, inputs=_inputs(spec), outputs=_outputs(spec)),
            "tests/test_agent.py": _code(
                "test_agent.py.j2",
                {
                    "CALLS": calls,
                    "REFUSED": refused_calls(spec, plan, calls[0]),
                    "PROPERTIES": known,
                    "NUMBERS": [n for n, f in sorted(spec.compute.outputs.items()) if f.dtype in NUMERIC],
                    "IDENTITY": [spec.id, spec.name, spec.version],
                    **units,
                },
                class_name=class_name,
                entry_module=module,
                function=function,
            ),
        }
        code[module.replace(".", "/") + ".py"] = _code("entrypoint.py.j2", {}, function=function)
        readme = (
            _environment(skeleton=False)
            .get_template("README.md.j2")
            .render(spec=spec, plan=plan, unchecked=unchecked)
        )
        files = {path: text.encode() for path, text in code.items()}
        files |= {
            "README.md": readme.encode(),
            "pack.json": spec.canonical_json(),
            "plan.json": plan.to_json(),
        }
        manifest = _manifest(spec, plan, files)
        files["manifest.json"] = manifest_bytes(manifest)
        return GenerationOutput(
            agent_code=code["agent.py"],
            models_code=code["models.py"],
            test_code=code["tests/test_agent.py"],
            documentation=readme,
            files=dict(sorted(files.items())),
            manifest=manifest,
            unchecked=tuple(unchecked),
        )


def manifest_bytes(manifest: dict[str, Any]) -> bytes:
    """``manifest.json``."""
    return (json.dumps(manifest, ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode()


def _matching(spec: PackSpec, plan: CalculationPlan | None) -> CalculationPlan:
    if plan is None:
        raise GreenlangError(
            "PATTERN_NOT_SUPPORTED",
            "agents are made of packs that calculate by a formula; this one names none and none was inferred",
            found=spec.id,
            expected="references to factors, or compute.formula",
            hint="calculators come first; the pack itself is valid",
            where={"path": "compute"},
        )
    if plan.pack_sha256 != spec.sha256:
        raise GreenlangError(
            "PLAN_OF_OTHER_PACK",
            "the plan was made for a pack with other content",
            found=spec.sha256,
            expected=plan.pack_sha256,
        )
    return plan


def _code(template: str, literals: dict[str, Any], **names: Any) -> str:
    source, skeleton = (
        _environment(skeleton=bare).get_template(template).render(literals=literals, **names)
        for bare in (False, True)
    )
    prove(template.removesuffix(".j2"), source, skeleton, literals)
    return source


def _entrypoint(spec: PackSpec) -> tuple[str, str]:
    """Module and function that the pack names, every part fit to be a name."""
    module, _, function = spec.compute.entrypoint.removeprefix("python://").partition(":")
    parts = [identifier(part) for part in module.split(".")]
    if len(parts) < 2 or parts[0] not in ("agents", "gl", "greenlang"):
        raise GreenlangError(
            "ENTRYPOINT_OUTSIDE",
            "the module does not belong to the pack",
            found=module[:120],
            expected="a module under agents, gl or greenlang",
            where={"path": "compute.entrypoint"},
        )
    return ".".join(parts), identifier(function)


def _class_name(pack_id: str) -> str:
    """``emissions/carbon_calculator_v1`` -> ``CarbonCalculatorV1Agent``; a fixed name where none is fit."""
    try:
        last = identifier(pack_id.rsplit("/", 1)[-1])
    except GreenlangError:
        return "PackAgent"
    return "".join(word.title() for word in last.split("_")) + "Agent"


def _inputs(spec: PackSpec) -> list[tuple[str, str, bool]]:
    fields = sorted(spec.compute.inputs.items(), key=lambda item: (not item[1].required, item[0]))
    return [(name, _KINDS[field.dtype], field.required) for name, field in fields]


def _outputs(spec: PackSpec) -> list[tuple[str, str, bool]]:
    return [(name, _KINDS[field.dtype], True) for name, field in sorted(spec.compute.outputs.items())]


def _manifest(spec: PackSpec, plan: CalculationPlan, files: dict[str, bytes]) -> dict[str, Any]:
    return {
        "format": PACK_FORMAT,
        "id": spec.id,
        "version": spec.version,
        "pack_sha256": spec.sha256,
        "plan_sha256": plan.sha256,
        "templates_sha256": templates_sha256(),
        "files": {
            path: {"sha256": sha256_hex(data), "size": len(data)} for path, data in sorted(files.items())
        },
    }
