"""The rules that look at more than one value of a pack, apart from those about factors and formulas.

Belongs here: names, constraints, entrypoint, golden cases, promises that contradict each other.
Does not belong here: the shape of single values (``schema``), references (``references``), the formula
(``formula_inference``). Every rule speaks through the judge, so one answer holds all faults.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from factory_ops.specification.answer import Judge
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.strict_yaml import Path
from greenlang_assets.sdk.pack import INTEGERS, NUMERIC, Constraints, InputField, PackSpec
from greenlang_assets.sdk.pattern import check_pattern
from greenlang_assets.sdk.schema import check_value, checked_inputs

#: Names become identifiers of generated code: ASCII alone, so that no two of them look alike.
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_RESERVED = frozenset(("self", "cls"))
#: A pack brings its own modules, under ``agents`` or, as found in the wild, ``gl`` or ``greenlang``. Any
#: other module belongs to somebody else.
ENTRYPOINT = re.compile(
    r"python://(?P<module>[a-z][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)+):(?P<name>[a-z_][a-z0-9_]*)"
)
ROOTS = ("agents", "gl", "greenlang")
#: Methods whose results depend on a seed, looked for in tags, entrypoint and names of inputs and tools.
_RANDOM = re.compile(
    r"isolation[_-]?forest|iforest|random[_-]?forest|monte[_-]?carlo|bootstrap(?:ping)?|k[_-]?means|"
    r"neural|lstm|gradient[_-]?boost|simulated[_-]?annealing|genetic[_-]?algorithm|n_estimators"
)
_SEEDS = frozenset(("seed", "random_seed", "random_state"))
_MENTION = re.compile(r"\b(input|output)s?\.([A-Za-z_]\w*)")


def check_rules(spec: PackSpec, data: dict[str, Any], judge: Judge) -> None:
    """Apply every rule of this module.

    Args:
        spec: the specification; of a faulty one, its sound parts.
        data: the normalised data behind it, for what is not sound.
        judge: takes the notes.
    """
    _names(data, judge)
    for rule in _RULES:
        rule(spec, judge)


def _places(data: dict[str, Any]) -> Iterator[tuple[str, Path]]:
    """Every name with its path: inputs, outputs, factors, tools."""
    compute = data.get("compute")
    for side in ("inputs", "outputs", "factors"):
        part = compute.get(side) if isinstance(compute, dict) else None
        for name in part if isinstance(part, dict) else ():
            yield name, ("compute", side, name)
    ai = data.get("ai")
    tools = ai.get("tools") if isinstance(ai, dict) else None
    for index, tool in enumerate(tools if isinstance(tools, list) else ()):
        if isinstance(tool, dict) and isinstance(tool.get("name"), str):
            yield tool["name"], ("ai", "tools", index, "name")


def _names(data: dict[str, Any], judge: Judge) -> None:
    first: dict[str, Path] = {}
    for name, path in _places(data):
        if not NAME.fullmatch(name) or keyword.iskeyword(name) or name in _RESERVED or "__" in name:
            judge.error(
                "NAME_INVALID",
                path,
                "this cannot be a name in generated code",
                found=name[:80],
                expected="a-z, then a-z 0-9 _, at most 64, no Python keyword, no double underscore",
            )
        if name in first:
            place = judge.document.place(judge.source_path(first[name])) if judge.document else None
            judge.error(
                "NAME_NOT_UNIQUE",
                path,
                f"{name} is also the name of {_words(first[name])}"
                + (f", line {place.line}" if place else ""),
                found=name,
                expected="names that are unique over inputs, outputs, factors and tools",
                hint="an output that repeats an input is called e.g. " + f"{name}_used" if place else None,
            )
        else:
            first[name] = path


def _words(path: Path) -> str:
    return {"inputs": "an input", "outputs": "an output", "factors": "a factor"}.get(str(path[1]), "a tool")


def _fields(spec: PackSpec) -> Iterator[tuple[Path, Constraints]]:
    if spec.compute is None:
        return
    for name, field in spec.compute.inputs.items():
        yield ("compute", "inputs", name), field
    for name, output in spec.compute.outputs.items():
        yield ("compute", "outputs", name), output


def _constraints(spec: PackSpec, judge: Judge) -> None:
    for path, field in _fields(spec):
        _applicable(path, field, judge)
        if field.dtype in NUMERIC and not _satisfiable(path, field, judge):
            continue
        if field.pattern is not None and field.dtype == "string":
            try:
                check_pattern(field.pattern)
            except GreenlangError as error:
                judge.refuse(error, (*path, "pattern"))
                continue
        _choices(path, field, judge)


def _applicable(path: Path, field: Constraints, judge: Judge) -> None:
    for key in ("ge", "gt", "le", "lt"):
        if getattr(field, key) is not None and field.dtype not in NUMERIC:
            judge.error(
                "CONSTRAINT_NOT_APPLICABLE",
                (*path, key),
                f"{key} bounds numbers, and this is {field.dtype}",
                found=f"{key}: {getattr(field, key):g}",
                expected="a numeric dtype, or no bound",
            )
    if field.pattern is not None and field.dtype != "string":
        judge.error(
            "CONSTRAINT_NOT_APPLICABLE",
            (*path, "pattern"),
            f"a pattern describes text, and this is {field.dtype}",
            found=field.pattern,
            expected="dtype string, or no pattern",
        )
    if field.enum is not None and field.dtype in ("list", "object"):
        judge.error(
            "CONSTRAINT_NOT_APPLICABLE",
            (*path, "enum"),
            f"an enum lists single values, and this is {field.dtype}",
            found=field.enum,
            expected="dtype string, bool or a number",
        )
    if field.unit is None and field.dtype in NUMERIC and path[1] == "outputs":
        judge.error(
            "UNIT_MISSING",
            path,
            "a numeric output needs its unit",
            found=f"dtype {field.dtype} without unit",
            expected="unit",
            hint='a plain number has the unit "1"',
        )


def _satisfiable(path: Path, field: Constraints, judge: Judge) -> bool:
    low = max((bound for bound in (field.ge, field.gt) if bound is not None), default=-math.inf)
    high = min((bound for bound in (field.le, field.lt) if bound is not None), default=math.inf)
    open_ends = low == field.gt or high == field.lt
    empty = low > high or (low == high and open_ends)
    if not empty and field.dtype in INTEGERS and math.isfinite(low) and math.isfinite(high):
        least = math.floor(low) + 1 if low == field.gt else math.ceil(low)
        most = math.ceil(high) - 1 if high == field.lt else math.floor(high)
        empty = least > most
    if empty:
        stated = {key: getattr(field, key) for key in ("ge", "gt", "le", "lt")}
        judge.error(
            "BOUNDS_UNSATISFIABLE",
            path,
            f"no {field.dtype} holds these bounds",
            found=", ".join(f"{key} {bound:g}" for key, bound in stated.items() if bound is not None),
            expected="a lower bound below the upper one",
        )
    return not empty


def _choices(path: Path, field: Constraints, judge: Judge) -> None:
    """Enum values and defaults are values of the field, and held to everything else that it says."""
    seen: list[tuple[type, Any]] = []
    alone = field.model_copy(update={"enum": None})
    for index, value in enumerate(field.enum or ()):
        for fault in check_value(str(path[-1]), alone, value)[1]:
            judge.error(
                "ENUM_" + fault.code,
                (*path, "enum", index),
                f"this choice can never be taken: {fault.message}",
                found=value,
                expected=fault.expected,
                hint=_quote(field, value),
            )
        if (type(value), value) in seen:
            judge.error(
                "ENUM_REPEATED",
                (*path, "enum", index),
                "this choice stands twice",
                found=value,
                expected="once",
            )
        seen.append((type(value), value))
    if not isinstance(field, InputField) or field.default is None:
        return
    if field.required:
        judge.error(
            "DEFAULT_ON_REQUIRED",
            (*path, "default"),
            "a required input never takes its default",
            found=f"default: {field.default}",
            expected="required: false, or no default",
        )
    for fault in check_value(str(path[-1]), field, field.default)[1]:
        judge.error(
            "DEFAULT_" + fault.code,
            (*path, "default"),
            f"the default is refused by its own field: {fault.message}",
            found=field.default,
            expected=fault.expected,
            hint=_quote(field, field.default),
        )


def _quote(field: Constraints, value: Any) -> str | None:
    return "put it in quotes" if field.dtype == "string" and not isinstance(value, str) else None


def _activities(spec: PackSpec, judge: Judge) -> None:
    """``compute.activities`` maps values that one text input can take."""
    compute = spec.compute
    if compute is None or not compute.activities:
        return
    offered = {
        name: set(map(str, field.enum))
        for name, field in compute.inputs.items()
        if field.dtype == "string" and field.enum
    }
    if any(set(compute.activities) <= values for values in offered.values()):
        return
    every = set().union(*offered.values())
    for value in compute.activities:
        if value not in every or len(offered) > 1:
            judge.error(
                "ACTIVITY_KEY_UNKNOWN",
                ("compute", "activities", value),
                "this is no value of the text input that names the activity",
                found=value,
                expected=", ".join(sorted(every)) or "an input with an enum",
            )


def _code_locations(spec: PackSpec, judge: Judge) -> None:
    if spec.compute is not None and spec.compute.entrypoint is not None:
        _location(spec.compute.entrypoint, ("compute", "entrypoint"), judge)
    for index, tool in enumerate(spec.ai.tools if spec.ai else ()):
        _location(tool.impl, ("ai", "tools", index, "impl"), judge)


def _location(text: str, path: Path, judge: Judge) -> None:
    form = "python://agents.module:function, with a module that the pack brings"
    read = ENTRYPOINT.fullmatch(text)
    words = [*read["module"].split("."), read["name"]] if read else []
    if read is None or any(keyword.iskeyword(word) or "__" in word for word in words):
        judge.error(
            "ENTRYPOINT_FORM", path, "this does not name a function in a module", found=text, expected=form
        )
    elif words[0] not in ROOTS:
        judge.error(
            "ENTRYPOINT_OUTSIDE",
            path,
            "the module does not belong to the pack",
            found=text,
            expected=f"a module under {', '.join(ROOTS)}",
            hint="code is generated into the pack; nothing else is called",
        )


def _promises(spec: PackSpec, judge: Judge) -> None:
    compute, provenance = spec.compute, spec.provenance
    if compute is None:
        return
    if not compute.factors and provenance is not None and provenance.pin_ef:
        judge.error(
            "PIN_WITHOUT_FACTOR",
            ("provenance", "pin_ef"),
            "factors are to be pinned and none is named",
            found="pin_ef: true, factors: none",
            expected="at least one ef:// reference, or pin_ef: false",
        )
    if not compute.factors:
        judge.warn(
            "NO_FACTORS",
            ("compute", "factors"),
            "the pack names no emission factor, so it computes no emissions of its own",
            expected="ef:// references, where it is a calculator",
        )
    if compute.dependencies:
        judge.warn(
            "DEPENDENCIES_NOT_INSTALLED",
            ("compute", "dependencies"),
            "nothing is installed for an agent: it computes with the formula library",
            found=", ".join(compute.dependencies),
            expected="no dependencies",
        )
    if not compute.outputs and "outputs" in compute.model_fields_set:
        judge.error(
            "NO_OUTPUTS", ("compute", "outputs"), "nothing comes out of this pack", expected="an output"
        )


def _seeds(spec: PackSpec, judge: Judge) -> None:
    compute = spec.compute
    if compute is None or not compute.deterministic or _SEEDS & set(compute.inputs):
        return
    texts = [*(spec.tags or ()), compute.entrypoint or "", *compute.inputs]
    texts += [tool.name for tool in spec.ai.tools] if spec.ai else []
    for text in texts:
        method = _RANDOM.search(text.lower())
        if method:
            judge.warn(
                "SEED_MISSING",
                ("compute", "deterministic"),
                f"{method.group()} draws random numbers: it is not a calculation by formula, and two runs "
                "agree only with a seed",
                found=f"deterministic: true, {text}",
                expected="an input named seed (int64), with a default",
                hint="determinism is tested by running twice, never believed",
            )
            return


def _goldens(spec: PackSpec, judge: Judge) -> None:
    if spec.tests is None or spec.compute is None:
        return
    inputs, outputs = spec.compute.inputs, spec.compute.outputs
    # Against inputs that are wrong themselves, every case would be wrong once more.
    sound = not any(issue.path.startswith("compute.inputs") for issue in judge.errors)
    for index, case in enumerate(spec.tests.golden):
        path: Path = ("tests", "golden", index)
        if bool(case.expect) == (case.error is not None):
            judge.error(
                "GOLDEN_EXPECTS_NOTHING" if case.error is None else "GOLDEN_EXPECTS_BOTH",
                path,
                "a golden case expects values or an error code",
                found=case.name,
                expected="expect or error",
            )
        for name in case.expect:
            if name not in outputs:
                judge.error(
                    "GOLDEN_OUTPUT_UNKNOWN",
                    (*path, "expect", name),
                    "the case expects an output that the pack does not give",
                    found=name,
                    expected=", ".join(outputs),
                )
        if case.error is None and sound:
            try:
                checked_inputs(inputs, case.input)
            except GreenlangError as error:
                for fault in getattr(error, "faults", ()):
                    judge.error(
                        "GOLDEN_" + fault.code,
                        (*path, "input", fault.field),
                        f"the pack refuses the input of its own golden case: {fault.message}",
                        found=fault.found,
                        expected=fault.expected,
                    )


def _properties(spec: PackSpec, judge: Judge) -> None:
    if spec.tests is None or spec.compute is None:
        return
    known = {"input": list(spec.compute.inputs), "output": list(spec.compute.outputs)}
    for index, item in enumerate(spec.tests.properties):
        for side, name in _MENTION.findall(item.rule):
            if name not in known[side]:
                judge.error(
                    "PROPERTY_NAME_UNKNOWN",
                    ("tests", "properties", index, "rule"),
                    f"the property speaks of an {side} that the pack does not have",
                    found=name,
                    expected=", ".join(known[side]),
                )


_RULES: tuple[Callable[[PackSpec, Judge], None], ...] = (
    _constraints,
    _activities,
    _code_locations,
    _promises,
    _seeds,
    _goldens,
    _properties,
)
