"""YAML that says one thing: our strict reader of data files and packs.

Belongs here: turning YAML text into plain values, refusing what could surprise.
Does not belong here: what the values mean.

YAML 1.2 core scalars: ``NO`` stays text, ``010`` and ``12:30:45`` stay text, ``1.10`` is the decimal 1.10 and
prints as such. Refused: aliases, anchors, merges, tags, doubled or non-text keys, several documents, a byte
order mark, ``.nan`` and ``.inf``, nesting over 20, more than 256 kB unless the caller allows it. The text is
read as a stream of events, so a bomb is refused where it starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

from greenlang_assets.core.errors import GreenlangError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,30})", re.ASCII)
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,30})\.[0-9]{1,30}(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)
_EXPONENT = re.compile(r"[-+]?[1-9][0-9]{0,30}[eE][-+]?[0-9]{1,3}", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", re.ASCII)
_WORDS = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

#: Keys and list positions from the root to a value.
Path = tuple[str | int, ...]


@dataclass
class Document:
    """The value of a text, and the line (from 1) on which each part of it starts."""

    value: Any
    lines: dict[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int | None:
        """Line of a part, or of the nearest part around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def read_yaml(text: str, *, name: str, max_bytes: int = MAX_BYTES) -> Document:
    """Reads one document.

    Args:
        text: the YAML text.
        name: file name for errors.
        max_bytes: largest size in UTF-8.

    Raises:
        GreenlangError: ``YAML_INVALID`` or ``YAML_LIMIT`` with file, line and column.
    """
    if len(text) > max_bytes or len(text.encode("utf-8", "surrogatepass")) > max_bytes:
        raise GreenlangError(
            "YAML_LIMIT",
            "the file is too large",
            found=f"{len(text)} characters",
            expected=f"at most {max_bytes} bytes",
            where={"file": name},
        )
    return _Reader(text, name).document()


class _Reader:
    def __init__(self, text: str, name: str) -> None:
        self.name = name
        if text.startswith("\ufeff"):
            raise GreenlangError(
                "YAML_INVALID",
                "the file starts with a byte order mark",
                expected="UTF-8",
                where={"file": name},
            )
        self.events: Iterator[Any] = iter(yaml.parse(text, Loader=_LOADER))
        self.lines: dict[Path, int] = {}

    def document(self) -> Document:
        try:
            self.take()
            start = self.take()
            if isinstance(start, yaml.StreamEndEvent):
                raise GreenlangError("YAML_INVALID", "the file is empty", where={"file": self.name})
            value = self.value(self.take(), (), 0)
            self.take()
            after = self.take()
            if not isinstance(after, yaml.StreamEndEvent):
                raise self.error(after, "a file holds one document", "no second ---")
        except (yaml.YAMLError, UnicodeEncodeError) as error:
            mark = getattr(error, "problem_mark", None)
            where: dict[str, Any] = {"file": self.name}
            if mark is not None:
                where |= {"line": mark.line + 1, "column": mark.column + 1}
            problem = getattr(error, "problem", None) or str(error)
            raise GreenlangError(
                "YAML_INVALID", "the file is not YAML", found=problem, where=where
            ) from error
        return Document(value, self.lines)

    def take(self) -> Any:
        return next(self.events)

    def value(self, event: Any, path: Path, depth: int) -> Any:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise self.error(event, "aliases and anchors are not read", "the value written out")
        if event.tag is not None:
            raise self.error(event, "tags are not read", "a plain value", found=event.tag)
        self.lines[path] = event.start_mark.line + 1
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event)
        if depth >= MAX_DEPTH:
            raise self.error(
                event, "the file is nested too deeply", f"at most {MAX_DEPTH} levels", "YAML_LIMIT"
            )
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Any] = []
            while not isinstance(inner := self.take(), yaml.SequenceEndEvent):
                items.append(self.value(inner, (*path, len(items)), depth + 1))
            return items
        mapping: dict[str, Any] = {}
        while not isinstance(inner := self.take(), yaml.MappingEndEvent):
            key = self.value(inner, path, depth + 1)
            if not isinstance(key, str) or key == "<<":
                raise self.error(
                    inner, "a key is text, and merges are not read", "a text key", found=str(key)
                )
            if key in mapping:
                raise self.error(inner, "the key stands twice", "each key once", found=key)
            mapping[key] = self.value(self.take(), (*path, key), depth + 1)
        return mapping

    def scalar(self, event: Any) -> Any:
        text: str = event.value
        if event.style:  # quoted or block: text as it stands
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        if _DECIMAL.fullmatch(text) or _EXPONENT.fullmatch(text):
            return Decimal(text)
        if _NOT_FINITE.fullmatch(text):
            raise self.error(event, "a number is finite", "a decimal number", found=text)
        return text

    def error(
        self, event: Any, message: str, expected: str, code: str = "YAML_INVALID", found: str | None = None
    ) -> GreenlangError:
        mark = event.start_mark
        where = {"file": self.name, "line": mark.line + 1, "column": mark.column + 1}
        return GreenlangError(code, message, found=found, expected=expected, where=where)
