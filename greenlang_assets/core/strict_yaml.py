"""Strict YAML: the subset in which packs and data files are written, read in bounded time.

Belongs here: bytes to plain data, with line and column of every node. Does not belong here: what the
data means, and which file it came from.

Read are the scalars of YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema), so that
Norway's ``NO`` stays text. Two things are narrower than it: a number with a leading zero (``010``) is
text, because YAML 1.1 and 1.2 disagree about it, and infinities and NaN are refused. The source text of
every number is kept: whoever expects text there finds ``1.10``, not 1.1; whoever computes exactly asks
for decimals.

Refused, each with its place: anchors, aliases, merge keys, tags, directives other than ``%YAML 1.2``,
duplicate keys, keys that are not text, a second document, byte order marks, UTF-16, line breaks of
YAML 1.1 alone (U+0085, U+2028, U+2029), and anything beyond the limits below. They are for files of
strangers; a caller who reads its own may allow more bytes and nodes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NoReturn

import yaml

from greenlang_assets.core.errors import GreenlangError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
#: A pack has some hundreds; this many are read in well under 100 ms.
MAX_NODES = 10_000
#: The largest number of characters of a number; float64 needs no more than 24.
MAX_NUMBER = 40

#: Where a node stands in the data: keys and indices from the root.
Path = tuple[str | int, ...]

# libyaml reads 256 kB in milliseconds; without it the same events come from PyYAML's own parser.
_PARSER: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE = frozenset(("true", "True", "TRUE"))
_FALSE = frozenset(("false", "False", "FALSE"))
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_FOREIGN_BREAK = re.compile("[\x85\u2028\u2029]")
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


class YamlRefused(GreenlangError):
    """A text that is not YAML, or YAML that is not read here; ``where`` holds line and column."""


@dataclass(frozen=True, slots=True)
class Place:
    """A position in the file; both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data with the place of every node.

    Attributes:
        data: mappings, lists, text, integers, numbers (float, or Decimal where asked for), booleans, None.
        places: path of a node -> where its value starts.
        key_places: path of a mapping's entry -> where its key starts.
        texts: path of a number -> the characters that were written for it.
    """

    data: Any
    places: Mapping[Path, Place]
    key_places: Mapping[Path, Place]
    texts: Mapping[Path, str]

    def place(self, path: Path) -> Place:
        """Where a path stands; of a path that is not there, the place of its nearest ancestor."""
        while path:
            found = self.key_places.get(path) or self.places.get(path)
            if found:
                return found
            path = path[:-1]
        return self.places.get((), Place(1, 1))


def load(
    source: str | bytes, *, max_bytes: int = MAX_BYTES, max_nodes: int = MAX_NODES, decimals: bool = False
) -> Document:
    """Read one YAML document.

    Args:
        source: the file's bytes (UTF-8) or its text.
        max_bytes: its largest size in UTF-8.
        max_nodes: the largest number of keys and values.
        decimals: numbers that are no integers become the Decimal that was written, not the nearest float.

    Raises:
        YamlRefused: codes ``YAML_TOO_LARGE``, ``YAML_ENCODING``, ``YAML_SYNTAX``, ``YAML_TOO_DEEP``,
            ``YAML_TOO_MANY_NODES``, ``YAML_ALIAS``, ``YAML_MERGE``, ``YAML_TAG``, ``YAML_DIRECTIVE``,
            ``YAML_DUPLICATE_KEY``, ``YAML_KEY_NOT_TEXT``, ``YAML_NUMBER``, ``YAML_DOCUMENTS``,
            ``YAML_EMPTY``. Nothing else is ever raised.
    """
    text = _decoded(source, max_bytes)
    reader = _Reader(max_nodes, decimals)
    try:
        return reader.read(yaml.parse(text, Loader=_PARSER))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
        position = getattr(error, "position", None)
        if mark is not None:
            place = Place(mark.line + 1, mark.column + 1)
        elif isinstance(position, int):
            place = _place_of(text, position)
        else:
            place = Place(1, 1)
        _refuse("YAML_SYNTAX", "this is not YAML", place, found=problem, expected="YAML 1.2")


def _refuse(
    code: str,
    message: str,
    place: Place,
    *,
    found: object = None,
    expected: object = None,
    hint: str | None = None,
) -> NoReturn:
    shown = found if found is None else str(found)[:200]
    raise YamlRefused(
        code,
        message,
        found=shown,
        expected=expected,
        hint=hint,
        where={"line": place.line, "column": place.column},
    ) from None


def _place_of(text: str, position: int) -> Place:
    before = text[:position]
    return Place(before.count("\n") + 1, position - before.rfind("\n"))


def _decoded(source: str | bytes, max_bytes: int) -> str:
    start = Place(1, 1)
    if len(source) > max_bytes:
        _refuse(
            "YAML_TOO_LARGE",
            "the file is too large",
            start,
            found=f"{len(source)} bytes or characters",
            expected=f"at most {max_bytes} bytes",
        )
    if isinstance(source, bytes):
        if source.startswith(_MARKS):
            _refuse(
                "YAML_ENCODING",
                "the file starts with a byte order mark",
                start,
                found=source[:4].hex(" "),
                expected="UTF-8 without a byte order mark",
            )
        try:
            text = source.decode()
        except UnicodeDecodeError as error:
            _refuse(
                "YAML_ENCODING",
                "the file is not UTF-8",
                _place_of(source[: error.start].decode(), error.start),
                found=f"byte 0x{source[error.start]:02x} at offset {error.start}",
                expected="UTF-8",
            )
    else:
        text = source
        try:
            size = len(text.encode())
        except UnicodeEncodeError as error:
            _refuse(
                "YAML_ENCODING",
                "the text holds half a surrogate pair",
                _place_of(text, error.start),
                found=f"U+{ord(text[error.start]):04X}",
                expected="Unicode text",
            )
        if size > max_bytes:
            _refuse(
                "YAML_TOO_LARGE",
                "the text is too large",
                start,
                found=f"{size} bytes",
                expected=f"at most {max_bytes} bytes",
            )
        if text.startswith("\ufeff"):
            _refuse("YAML_ENCODING", "the text starts with a byte order mark", start, expected="plain UTF-8")
    foreign = _FOREIGN_BREAK.search(text)
    if foreign:
        _refuse(
            "YAML_SYNTAX",
            "YAML 1.1 and 1.2 disagree whether this character ends a line",
            _place_of(text, foreign.start()),
            found=f"U+{ord(foreign.group()):04X}",
            expected="line breaks LF or CRLF",
            hint=f'write it as "\\u{ord(foreign.group()):04X}" inside double quotes',
        )
    return text


@dataclass(slots=True)
class _Open:
    """A collection whose end has not been read yet."""

    path: Path
    value: dict[str, Any] | list[Any]
    key: str | None = None


@dataclass(slots=True)
class _Reader:
    max_nodes: int
    decimals: bool
    places: dict[Path, Place] = field(default_factory=dict)
    key_places: dict[Path, Place] = field(default_factory=dict)
    texts: dict[Path, str] = field(default_factory=dict)
    stack: list[_Open] = field(default_factory=list)
    root: Any = None
    nodes: int = 0
    documents: int = 0

    def read(self, events: Iterator[Any]) -> Document:
        for event in events:
            mark = event.start_mark
            self._take(event, Place(mark.line + 1, mark.column + 1))
        if not self.places:
            _refuse("YAML_EMPTY", "there is no document in this file", Place(1, 1), expected="a mapping")
        return Document(self.root, self.places, self.key_places, self.texts)

    def _take(self, event: Any, place: Place) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._start(event, place)
        elif isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            _refuse(
                "YAML_ALIAS",
                "anchors and aliases are not read",
                place,
                found=f"{'*' if isinstance(event, yaml.AliasEvent) else '&'}{event.anchor}",
                expected="every value written where it belongs",
                hint="write the value out again; a few bytes can grow to gigabytes through aliases",
            )
        elif getattr(event, "tag", None):
            _refuse(
                "YAML_TAG",
                "tags are not read",
                place,
                found=event.tag,
                expected="plain values",
                hint="remove the tag; to keep a number as text, put it in quotes",
            )
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event, place)
        elif isinstance(event, yaml.MappingStartEvent):
            self._open({}, place)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._open([], place)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.stack.pop()

    def _start(self, event: Any, place: Place) -> None:
        self.documents += 1
        if self.documents > 1:
            _refuse(
                "YAML_DOCUMENTS",
                "there is more than one document in this file",
                place,
                expected="one document",
                hint="a second --- starts a second document; write it in a file of its own",
            )
        if event.tags or (event.version and tuple(event.version) != (1, 2)):
            _refuse(
                "YAML_DIRECTIVE",
                "directives are not read",
                place,
                found=event.tags or f"%YAML {event.version[0]}.{event.version[1]}",
                expected="no directive, or %YAML 1.2",
            )

    def _count(self, place: Place) -> None:
        self.nodes += 1
        if self.nodes > self.max_nodes:
            _refuse(
                "YAML_TOO_MANY_NODES",
                "the file holds too many keys and values",
                place,
                found=f"more than {self.max_nodes}",
                expected=f"at most {self.max_nodes}",
            )

    def _open(self, value: dict[str, Any] | list[Any], place: Place) -> None:
        if len(self.stack) >= MAX_DEPTH:
            _refuse(
                "YAML_TOO_DEEP",
                "collections are nested too deeply",
                place,
                found=f"more than {MAX_DEPTH} levels",
                expected=f"at most {MAX_DEPTH} levels",
            )
        path = self._attach(value, place)
        self.stack.append(_Open(path, value))

    def _attach(self, value: Any, place: Place) -> Path:
        """Put a finished value, or a collection that is about to be filled, where it belongs."""
        self._count(place)
        if not self.stack:
            path: Path = ()
            self.root = value
        else:
            parent = self.stack[-1]
            if isinstance(parent.value, list):
                path = (*parent.path, len(parent.value))
                parent.value.append(value)
            elif parent.key is None:
                _refuse(
                    "YAML_KEY_NOT_TEXT",
                    "a key is text",
                    place,
                    found="a mapping" if isinstance(value, dict) else "a list",
                    expected="text",
                )
            else:
                path = (*parent.path, parent.key)
                parent.value[parent.key] = value
                parent.key = None
        self.places[path] = place
        return path

    def _scalar(self, event: Any, place: Place) -> None:
        text: str = event.value
        plain = bool(event.implicit[0])
        parent = self.stack[-1] if self.stack else None
        value: Any = _resolved(text, place, self.decimals) if plain else text
        if parent is not None and isinstance(parent.value, dict) and parent.key is None:
            self._key(parent, value, text, plain, place)
            return
        path = self._attach(value, place)
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            self.texts[path] = text

    def _key(self, parent: _Open, value: Any, text: str, plain: bool, place: Place) -> None:
        self._count(place)
        if plain and text == "<<":
            _refuse(
                "YAML_MERGE",
                "merge keys are not read",
                place,
                found="<<",
                expected="every key written where it belongs",
            )
        if not isinstance(value, str):
            _refuse(
                "YAML_KEY_NOT_TEXT",
                "a key is text",
                place,
                found=f"{text or 'nothing'} ({type(value).__name__})",
                expected="text",
                hint="put the key in quotes",
            )
        path = (*parent.path, value)
        assert isinstance(parent.value, dict)
        if value in parent.value:
            first = self.key_places[path]
            _refuse(
                "YAML_DUPLICATE_KEY",
                "a key stands twice in one mapping",
                place,
                found=f"{value}, first at line {first.line}",
                expected="each key once",
            )
        parent.key = value
        parent.value[value] = None
        self.key_places[path] = place


def _resolved(text: str, place: Place, decimals: bool) -> Any:
    """A plain scalar by YAML 1.2's core schema."""
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text[0] not in "+-.0123456789":
        return text
    if _NOT_FINITE.fullmatch(text):
        _refuse(
            "YAML_NUMBER",
            "infinities and what is not a number are not read",
            place,
            found=text,
            expected="a finite number",
        )
    whole = _INTEGER.fullmatch(text)
    based = None if whole else _BASED.fullmatch(text)
    if not (whole or based or _NUMBER.fullmatch(text)):
        return text
    if len(text) > MAX_NUMBER:
        _refuse(
            "YAML_NUMBER",
            "a number is longer than any that can be computed with",
            place,
            found=f"{text[:20]}…, {len(text)} characters",
            expected=f"at most {MAX_NUMBER} characters",
            hint="put it in quotes if it is an identifier",
        )
    if whole or based:
        value = int(text, 0) if based else int(text)
        if not -(2**63) <= value < 2**63:
            _refuse(
                "YAML_NUMBER",
                "an integer does not fit in 64 bits",
                place,
                found=text,
                expected="−2^63 … 2^63−1",
                hint="put it in quotes if it is an identifier",
            )
        return value
    number = float(text)
    if not math.isfinite(number):
        _refuse(
            "YAML_NUMBER", "a number is too large for float64", place, found=text, expected="below 1.8e308"
        )
    return Decimal(text) if decimals else number
