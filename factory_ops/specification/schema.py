"""The shape of a pack: known keys, types and ranges of single values, all faults at once.

Belongs here: data against the model of ``greenlang_assets.sdk.pack``. Does not belong here: rules that
look at more than one value (``rules``).
"""

from __future__ import annotations

import difflib
import types
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from factory_ops.specification.answer import Judge
from factory_ops.specification.readers import as_written
from greenlang_assets.core.strict_yaml import Document, Path
from greenlang_assets.sdk.pack import FREE_KEY, OutputField, PackSpec

#: pydantic's error types -> our codes; every other one is a value of the wrong type.
_CODES = {
    "missing": "FIELD_MISSING",
    "literal_error": "VALUE_NOT_ALLOWED",
    "string_pattern_mismatch": "VALUE_NOT_ALLOWED",
    "greater_than": "VALUE_OUT_OF_RANGE",
    "greater_than_equal": "VALUE_OUT_OF_RANGE",
    "less_than": "VALUE_OUT_OF_RANGE",
    "less_than_equal": "VALUE_OUT_OF_RANGE",
    "string_too_short": "VALUE_OUT_OF_RANGE",
    "string_too_long": "VALUE_OUT_OF_RANGE",
    "too_long": "VALUE_OUT_OF_RANGE",
    "too_short": "VALUE_OUT_OF_RANGE",
}
#: What is expected, and a hint, where the model's own words are a regular expression.
_HINTS: dict[Path, tuple[str, str | None]] = {
    ("version",): ("three numbers, e.g. 1.0.0 (Semantic Versioning)", None),
    ("id",): ("segments of a-z 0-9 _ - joined by /, e.g. emissions/carbon_calculator_v1", None),
}


def checked(data: dict[str, Any], document: Document, judge: Judge, *, strict: bool) -> PackSpec:
    """The specification behind normalised data; faults go to the judge.

    With faults, what comes back holds only the parts that are sound (others are None or left out), so
    that the rules across fields can speak about them in the same answer.
    """
    _Walk(document, judge, strict).mapping(PackSpec, data, ())
    try:
        return PackSpec.model_validate(data)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            _note(fault, judge)
        sound: PackSpec = _sound_parts(PackSpec, data)
        return sound


def _note(fault: Any, judge: Judge) -> None:
    path: Path = tuple(fault["loc"])
    said = fault["msg"].removeprefix("Value error, ")
    context = fault.get("ctx") or {}
    expected, hint = _HINTS.get(path, (context.get("expected") or context.get("pattern") or said, None))
    missing = fault["type"] == "missing"
    judge.error(
        _CODES.get(fault["type"], "VALUE_TYPE"),
        path,
        f"{path[-1] if path else 'the pack'} is missing" if missing else said,
        found=None if missing else fault.get("input"),
        expected="this key" if missing else expected,
        hint=hint,
    )


def _bare(annotation: Any) -> Any:
    """An annotation without Annotated and without None."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            annotation = next(part for part in get_args(annotation) if part is not type(None))
        else:
            return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


@dataclass(frozen=True, slots=True)
class _Walk:
    """Takes unknown keys out of the data, each with its note; puts text where a number was meant as text."""

    document: Document
    judge: Judge
    strict: bool

    def mapping(self, model: type[BaseModel], data: dict[str, Any], path: Path) -> None:
        for key in list(data):
            if key in model.model_fields:
                kind = _bare(model.model_fields[key].annotation)
                data[key] = self.value(kind, data[key], (*path, key))
            elif not key.startswith(FREE_KEY):
                self.unknown(model, key, data.pop(key), (*path, key))

    def value(self, kind: Any, value: Any, path: Path) -> Any:
        if kind is str:
            return as_written(value, self.judge.source_path(path), self.document)
        if _is_model(kind):
            if isinstance(value, dict):
                self.mapping(kind, value, path)
            return value
        if isinstance(value, dict) and get_origin(kind) is dict:
            inner = _bare(get_args(kind)[1])
            return {key: self.value(inner, item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list) and get_origin(kind) is list:
            inner = _bare(get_args(kind)[0])
            return [self.value(inner, item, (*path, index)) for index, item in enumerate(value)]
        return value

    def unknown(self, model: type[BaseModel], key: str, value: Any, path: Path) -> None:
        if model is OutputField and key in ("required", "default"):
            self.judge.error(
                "OUTPUT_KEY_NOT_ALLOWED",
                path,
                f"an output carries no {key}: every output is always given",
                found=f"{key}: {value}",
                expected=", ".join(model.model_fields),
                hint=f"remove {key}",
            )
            return
        near = difflib.get_close_matches(key, model.model_fields, n=1)
        note = self.judge.error if self.strict else self.judge.warn
        note(
            "UNKNOWN_KEY",
            path,
            "this key is not part of schema 2.0.0" + ("" if self.strict else "; it is left out"),
            found=key[:80],
            expected=", ".join(model.model_fields),
            hint=(f"did you mean {near[0]}? " if near else "") + f"keys of your own start with {FREE_KEY}",
        )


@cache
def _adapter(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    field = model.model_fields[name]
    whole: Any = Annotated[field.annotation, field] if field.metadata else field.annotation
    return TypeAdapter(whole)


def _sound_parts(model: type[BaseModel], data: dict[str, Any]) -> Any:
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        values[name] = _sound(model, name, data[name], default) if name in data else default
    return model.model_construct(None, **values)


def _sound(model: type[BaseModel], name: str, value: Any, default: Any) -> Any:
    try:
        return _adapter(model, name).validate_python(value)
    except ValidationError:
        kind = _bare(model.model_fields[name].annotation)
    if _is_model(kind) and isinstance(value, dict):
        return _sound_parts(kind, value)
    inner: Any = _bare(get_args(kind)[-1]) if get_args(kind) else None
    if not _is_model(inner):
        return default
    if isinstance(value, dict) and get_origin(kind) is dict:
        return {key: part for key, item in value.items() if (part := _part(inner, item)) is not None}
    if isinstance(value, list) and get_origin(kind) is list:
        return [part for item in value if (part := _part(inner, item)) is not None]
    return default


def _part(model: type[BaseModel], item: Any) -> Any:
    try:
        return model.model_validate(item)
    except ValidationError:
        return None
