#!/usr/bin/env python3
"""verify.py: checks an audit bundle of GreenLang without GreenLang.

    python3 verify.py BUNDLE.zip [--key FINGERPRINT] [--json]

One file, Python 3.10 or later, its standard library and nothing else; it reads the bundle and writes to the
terminal. It checks every hash, proof, link and signature, and computes every number again from the inputs,
the published figures and the formula's text. Exit code 0: everything holds. 1: something does not, and is
named. 2: this is no bundle that can be read safely, or the command was not understood.

Belongs here: the whole check, written a second time and apart from the platform, so that a fault of the
platform is not repeated; it shares no line of code with it and imports none of it.
Does not belong here: trust. Whose key it is, and what a publisher's document says, is for the reader to see.

What is computed, and how. Published numbers are integers (milligrams): the float64 result times a power of
ten, rounded once, half to even. Here each is computed twice: in float64, the same operations in the same
order, which must give the very integer; and in exact rationals, which shows how far rounding ever led away.

Sources: RFC 8032 (Ed25519), RFC 6962 section 2.1 (the tree over rows), the SI Brochure, 9th edition, and
NIST Special Publication 811, appendix B (units).
"""

from __future__ import annotations

import argparse
import base64
import binascii
import datetime as dt
import hashlib
import json
import math
import os
import re
import stat
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import partial
from operator import itemgetter
from typing import Any, ClassVar

FORMAT = "greenlang/bundle@1"
MAX_ARCHIVE = 256 * 1024 * 1024
MAX_FILES = 2_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99}){0,3}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

#: What broken content makes Python raise; every one of them becomes a fault with a place.
MALFORMED = (
    KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, ZeroDivisionError,
    ArithmeticError, RecursionError,
)  # fmt: skip


class Unreadable(Exception):
    """This is no bundle, or none that can be read safely."""


class Fault(Exception):
    """Something does not hold.

    Args:
        code: stable name of the fault.
        message: what, for a person.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


def require(holds: bool, code: str, message: str) -> None:
    """Raises a fault unless something holds."""
    if not holds:
        raise Fault(code, message)


# --- bytes and hashes


def sha256(data: bytes) -> str:
    """SHA-256 as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def canonical(record: Any) -> bytes:
    """A record as it is hashed: JSON, keys sorted, no spaces, UTF-8."""
    return json.dumps(
        record, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a key stands twice in one record")
    return record


def _no_float(text: str) -> Any:
    raise ValueError(f"{text[:40]} is not written as a decimal string")


def read_json(data: bytes | str) -> Any:
    """JSON without doubled keys and without floating point numbers."""
    return json.loads(data, object_pairs_hook=_once, parse_float=_no_float, parse_constant=_no_float)


_DECIMAL = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?")


def rational(text: Any) -> Fraction:
    """A number as rows hold it: a decimal text, exactly."""
    require(isinstance(text, str) and bool(_DECIMAL.fullmatch(text)), "NUMBER_UNREADABLE", str(text)[:40])
    return Fraction(text)


def number_text(value: float) -> str:
    """The shortest decimal text that reads back as this float64, without an exponent."""
    text = format(Decimal(repr(value)), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def present(row: Mapping[str, Any]) -> dict[str, Any]:
    """The cells of a row that are not empty."""
    return {name: cell for name, cell in row.items() if cell is not None}


def with_citation(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as the record that is hashed: its citation is a record of its own."""
    plain = {name: cell for name, cell in present(row).items() if not name.startswith("cite_")}
    cited = {name[5:]: cell for name, cell in present(row).items() if name.startswith("cite_")}
    return {**plain, "citation": cited}


# --- the archive


def read_files(path: str) -> dict[str, bytes]:
    """The files of a bundle, from its archive or from the folder that it was unpacked into.

    An archive's members are stored, never compressed, so it cannot grow while it is read; their names are
    plain; nothing is written anywhere.
    """
    try:
        return _read_folder(path) if os.path.isdir(path) else _read_archive(path)  # noqa: PTH112
    except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, *MALFORMED) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error


def _read_archive(path: str) -> dict[str, bytes]:
    size = os.stat(path).st_size  # noqa: PTH116
    _limit(size <= MAX_ARCHIVE, f"the archive has {size:,} bytes, more than {MAX_ARCHIVE:,}")
    with open(path, "rb") as file:  # noqa: PTH123
        _limit(file.read(4) == b"PK\3\4", "this is not a zip archive, or something stands before it")
        file.seek(max(0, size - 22))
        _check_end(file.read())
    files: dict[str, bytes] = {}
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _limit(len(members) <= MAX_FILES, f"the archive holds {len(members):,} files")
        for member in members:
            kind = stat.S_IFMT(member.external_attr >> 16)
            _limit(member.filename not in files, f"{show(member.filename)} is there twice")
            _limit(bool(_NAME.fullmatch(member.filename)), f"{show(member.filename)} is no plain file name")
            _limit(kind in (0, stat.S_IFREG), f"{member.filename} is no plain file")
            _limit(
                member.compress_type == zipfile.ZIP_STORED and member.compress_size == member.file_size,
                f"{member.filename} is compressed; a bundle's files are stored as they are",
            )
            _limit(not member.flag_bits & 1, f"{member.filename} is encrypted")
            files[member.filename] = b""
        total = sum(member.file_size for member in members)
        _limit(total <= size, f"its files claim {total:,} bytes in an archive of {size:,}")
        for member in members:
            files[member.filename] = archive.read(member)
    return files


def _check_end(end: bytes) -> None:
    """The last record of a zip archive, before its directory is read: plain, and not too long."""
    _limit(len(end) == 22 and end[:4] == b"PK\5\6", "the archive is cut off, or something stands after it")
    count, length = int.from_bytes(end[10:12], "little"), int.from_bytes(end[12:16], "little")
    _limit(count <= MAX_FILES and length <= MAX_FILES * 256, f"the archive lists {count:,} files")


def _read_folder(path: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    total = 0
    for folder, folders, names in os.walk(path):
        for name in (*folders, *names):
            whole = os.path.join(folder, name)  # noqa: PTH118
            inside = os.path.relpath(whole, path).replace(os.sep, "/")
            state = os.lstat(whole)
            _limit(bool(_NAME.fullmatch(inside)), f"{show(inside)} is no plain file name")
            if stat.S_ISDIR(state.st_mode):
                continue
            _limit(stat.S_ISREG(state.st_mode), f"{inside} is no plain file")
            total += state.st_size
            _limit(total <= MAX_ARCHIVE and len(files) < MAX_FILES, "the folder is too large for a bundle")
            with open(whole, "rb") as file:  # noqa: PTH123
                files[inside] = file.read()
    return files


def _limit(holds: bool, message: str) -> None:
    if not holds:
        raise Unreadable(message)


# --- Ed25519 (RFC 8032, section 5.1)

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
#: A point in extended coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, x*y = T/Z.
_Point = tuple[int, int, int, int]
_NEUTRAL: _Point = (0, 1, 1, 0)


def _add(left: _Point, right: _Point) -> _Point:
    """Section 5.1.4; the formulas are complete, so that they double as well."""
    a = (left[1] - left[0]) * (right[1] - right[0]) % _P
    b = (left[1] + left[0]) * (right[1] + right[0]) % _P
    c = 2 * _D * left[3] * right[3] % _P
    d = 2 * left[2] * right[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar: int, point: _Point) -> _Point:
    result = _NEUTRAL
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point, scalar = _add(point, point), scalar >> 1
    return result


def _same(left: _Point, right: _Point) -> bool:
    return not (
        (left[0] * right[2] - right[0] * left[2]) % _P or (left[1] * right[2] - right[1] * left[2]) % _P
    )


def _point(data: bytes) -> _Point | None:
    """Section 5.1.3: the point behind 32 bytes, None where there is none."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    x = x if x & 1 == sign else _P - x
    return x, y, 1, x * y % _P


_BASE = _point((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))


def ed25519_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Section 5.1.7: whether the holder of a public key signed this message."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, commitment = _point(public), _point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or scalar >= _ORDER or _BASE is None:
        return False
    # A key of small order would hold for messages that nobody signed.
    if _same(_times(8, key), _NEUTRAL):
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    challenge = int.from_bytes(digest, "little") % _ORDER
    return _same(_times(scalar, _BASE), _add(commitment, _times(challenge, key)))


# --- the tree over the rows of a table (RFC 6962, section 2.1)


def tree_root(data: bytes, leaf: int, leaves: int, path: Sequence[str]) -> str:
    """The root that a leaf's bytes and the hashes beside its way lead to."""
    require(0 <= leaf < leaves, "PROOF_WRONG", f"leaf {leaf} of {leaves}")
    found = hashlib.sha256(b"\0" + data).digest()
    beside = [bytes.fromhex(item) for item in path]
    at, width, used = leaf, leaves, 0
    while width > 1:
        if at % 2 or at + 1 < width:
            require(used < len(beside), "PROOF_WRONG", "the path to the root is too short")
            pair = (beside[used], found) if at % 2 else (found, beside[used])
            found, used = hashlib.sha256(b"\1" + pair[0] + pair[1]).digest(), used + 1
        at, width = at // 2, (width + 1) // 2
    require(used == len(beside), "PROOF_WRONG", "the path to the root is too long")
    return found.hex()


# --- units

_KINDS: dict[str, dict[str, int]] = {
    "mass": {"mass": 1},
    "energy": {"energy": 1},
    "power": {"energy": 1, "time": -1},
    "voltage": {"mass": 1, "length": 2, "time": -3, "current": -1},
    "volume": {"length": 3},
    "length": {"length": 1},
    "area": {"length": 2},
    "time": {"time": 1},
    "amount": {"amount": 1},
    "temperature": {"temperature": 1},
    "pressure": {"energy": 1, "length": -3},
    "ratio": {},
    "freight": {"mass": 1, "length": 1},
    "passenger_transport": {"passenger": 1, "length": 1},
    "passenger_equivalent_transport": {"passenger_equivalent": 1, "length": 1},
    "vehicle_transport": {"vehicle": 1, "length": 1},
}
#: Symbol = how many SI base units it is (energy in joules), by kind. Those of the second table are their own.
_SCALES = {
    "mass": "kg=1 g=1/1000 mg=1/1000000 tonne=1000 Mg=1000 kt=1000000 Mt=1000000000 Gg=1000000 Tg=1000000000"
    " Gt=1000000000000 lb=0.45359237 oz=0.45359237/16 short_ton=907.18474 long_ton=1016.0469088",
    "energy": "J=1 kJ=1000 MJ=1000000 GJ=1000000000 TJ=1000000000000 PJ=1000000000000000"
    " EJ=1000000000000000000 Wh=3600 kWh=3600000 MWh=3600000000 GWh=3600000000000 TWh=3600000000000000"
    " Btu=1055.05585262 kBtu=1055055.85262 mmBtu=1055055852.62 therm=105505585.262"
    " million_therm=105505585262000 therm_us=105480400 therm_ec=105505600 toe=41868000000",
    "power": "W=1 kW=1000 MW=1000000 GW=1000000000",
    "voltage": "V=1 mV=1/1000",
    "volume": "m3=1 cm3=1/1000000 L=1/1000 mL=1/1000000 kL=1 ML=1000 ft3=0.028316846592"
    " scf=0.028316846592 ccf=2.8316846592 Mcf=28.316846592 MMcf=28316.846592 gallon=0.003785411784"
    " imp_gallon=0.00454609 barrel=0.158987294928",
    "length": "m=1 mm=1/1000 cm=1/100 km=1000 hundred_km=100000 inch=0.0254 ft=0.3048 mile=1609.344"
    " nautical_mile=1852",
    "area": "m2=1 km2=1000000 ha=10000 ft2=0.09290304 acre=4046.8564224",
    "time": "s=1 min=60 h=3600 d=86400 month=2628000 year=31536000",
    "amount": "mol=1 kmol=1000",
    "temperature": "K=1 degC=1 degF=5/9 degR=5/9",
    "pressure": "Pa=1 kPa=1000 MPa=1000000 bar=100000 atm=101325",
    "ratio": "1=1 %=1/100 ppm=1/1000000",
    "freight": "tonne_km=1000000 tonne_mile=1609344 short_ton_mile=1459972.31821056",
    "passenger_transport": "passenger_km=1000 passenger_mile=1609.344",
    "passenger_equivalent_transport": "passenger_equivalent_km=1000",
    "vehicle_transport": "vehicle_km=1000 vehicle_mile=1609.344",
}
_OWN = "passenger vehicle head person room_night person_night item FTE=fte hundred_item=item*100"
_CURRENCIES = frozenset(
    ("USD", "EUR", "GBP", "CAD", "AUD", "JPY", "CHF", "CNY", "INR", "BRL", "SEK", "NOK", "DKK")
)
_QUALIFIED = ("mass", "energy", "volume", "amount")


def _decimal(text: str) -> Fraction:
    over, _, under = text.partition("/")
    return Fraction(over) / Fraction(under or "1")


def _unit_table() -> dict[str, tuple[str, Fraction, dict[str, int]]]:
    table = {}
    for kind, scales in _SCALES.items():
        for pair in scales.split():
            symbol, _, scale = pair.partition("=")
            table[symbol] = (kind, _decimal(scale), _KINDS[kind])
    for word in _OWN.split():
        symbol, _, definition = word.partition("=")
        base, _, times = (definition or symbol).partition("*")
        table[symbol] = (base, Fraction(times or "1"), {base: 1})
    return table


#: Symbol -> kind, scale and dimension.
UNITS = _unit_table()
#: ``(symbol, qualifier, exponent)`` in reading order.
Factors = tuple[tuple[str, str, Fraction], ...]
_FACTOR = re.compile(
    r"(?P<symbol>[A-Za-z%][A-Za-z0-9_]*|1)(\[(?P<mark>[A-Za-z0-9][A-Za-z0-9_.-]{0,63})\])?"
    r"(\^(?P<power>-?\d{1,2}|\(-?\d{1,2}/[1-9]\d?\)))?"
)


def read_factors(text: str, depth: int = 0) -> Factors:
    """A unit text in canonical spelling, ``kg[CO2]/mmBtu[gross]``, cut at ``*`` and ``/``."""
    require(len(text) <= 400 and depth < 5, "UNIT_UNKNOWN", f"the unit {show(text[:60])} is too long")
    operands, signs, start, level = [], [1], 0, 0
    for at, character in enumerate(text):
        level += (character in "([") - (character in ")]")
        if character in "*/" and level == 0:
            operands.append(text[start:at])
            signs.append(-1 if character == "/" else 1)
            start = at + 1
    operands.append(text[start:])
    factors: list[tuple[str, str, Fraction]] = []
    for sign, operand in zip(signs, operands, strict=True):
        if operand.startswith("(") and operand.endswith(")"):
            inner = read_factors(operand[1:-1], depth + 1)
        else:
            inner = (_read_factor(operand, text),)
        factors += [(name, mark, power * sign) for name, mark, power in inner]
    return tuple(factors)


def _read_factor(word: str, text: str) -> tuple[str, str, Fraction]:
    found = _FACTOR.fullmatch(word)
    symbol = found["symbol"] if found else ""
    known = symbol in UNITS or symbol in _CURRENCIES
    require(bool(found) and known, "UNIT_UNKNOWN", f"{show(word)} in the unit {show(text)} is not known here")
    assert found is not None
    return symbol, found["mark"] or "", _decimal((found["power"] or "1").strip("()"))


class Unit:
    """A product of powers of symbols; equal factors are counted together."""

    def __init__(self, factors: Factors) -> None:
        powers: dict[tuple[str, str], Fraction] = {}
        for symbol, mark, power in factors:
            if symbol != "1":
                powers[symbol, mark] = powers.get((symbol, mark), Fraction(0)) + power
        self.powers = {key: power for key, power in powers.items() if power}

    @property
    def factors(self) -> Factors:
        """Symbol, qualifier and exponent of each factor."""
        return tuple((symbol, mark, power) for (symbol, mark), power in self.powers.items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unit) and self.powers == other.powers

    def __hash__(self) -> int:
        return hash(frozenset(self.powers.items()))

    def __str__(self) -> str:
        over = [_factor_text(*factor) for factor in self.factors if factor[2] > 0]
        under = [_factor_text(name, mark, -power) for name, mark, power in self.factors if power < 0]
        return "/".join(["*".join(over) or "1", *under])

    def to_the(self, power: Fraction | int) -> Unit:
        """A power of the unit."""
        return Unit(tuple((name, mark, old * power) for name, mark, old in self.factors))

    def times(self, other: Unit) -> Unit:
        """The product with another unit."""
        return Unit((*self.factors, *other.factors))

    def over(self, other: Unit) -> Unit:
        """The quotient by another unit."""
        return self.times(other.to_the(-1))

    @property
    def dimension(self) -> dict[str, Fraction]:
        """Exponents of the base dimensions."""
        powers: dict[str, Fraction] = {}
        for symbol, mark, exponent in self.factors:
            for base, power in _dimension(symbol, mark).items():
                powers[base] = powers.get(base, Fraction(0)) + power * exponent
        return {base: power for base, power in powers.items() if power}


def _factor_text(symbol: str, mark: str, power: Fraction) -> str:
    name = f"{symbol}[{mark}]" if mark else symbol
    if power == 1:
        return name
    return f"{name}^{power}" if power.denominator == 1 else f"{name}^({power})"


def _dimension(symbol: str, mark: str) -> dict[str, int]:
    if symbol in _CURRENCIES:
        return {f"{symbol}[{mark}]": 1}
    kind, _, dimension = UNITS[symbol]
    if not mark:
        return dimension
    require(kind in _QUALIFIED, "UNIT_UNKNOWN", f"{symbol} carries no qualifier {show(mark)}")
    return {f"{kind}[{mark}]": 1}


def conversion(source: Unit, target: Unit) -> Fraction:
    """The exact factor between two units of one dimension."""
    if source == target:
        return Fraction(1)
    require(source.dimension == target.dimension, "UNIT_MISMATCH", f"{source} does not convert into {target}")
    require(not {str(source), str(target)} & {"degC", "degF"}, "UNIT_MISMATCH", "a temperature has an offset")
    result = Fraction(1)
    for symbol, _, power in source.over(target).factors:
        scale = UNITS[symbol][1] if symbol in UNITS else Fraction(1)
        result *= _exact_power(scale, power)
    return result


def _exact_power(base: Fraction, power: Fraction) -> Fraction:
    roots = []
    for part in (base.numerator, base.denominator):
        root = round(part ** (1 / power.denominator)) if power.denominator > 1 else part
        require(root**power.denominator == part, "UNIT_MISMATCH", "a unit's root is no rational number")
        roots.append(root)
    return Fraction(roots[0], roots[1]) ** int(power.numerator)


# --- the language of formulas

MAX_BYTES, MAX_DEPTH, MAX_NODES, MAX_EXPANDED = 4096, 32, 512, 5_000
_TOKEN = re.compile(
    r"(?P<space>[ \t]+)|(?P<newline>\r?\n|;)|(?P<number>[0-9]+(?:\.[0-9]+)?)"
    r"(?:[ \t]*<(?P<unit>[^\s,<>=]{1,100})>)?|(?P<word>[a-z][a-z0-9_]*)"
    r"|(?P<sign><=|>=|==|!=|[-+*/^(),=<>\[\]:])"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda left, right: bool(left < right),
    "<=": lambda left, right: bool(left <= right),
    ">": lambda left, right: bool(left > right),
    ">=": lambda left, right: bool(left >= right),
    "==": lambda left, right: bool(left == right),
    "!=": lambda left, right: bool(left != right),
}
_RESERVED = frozenset({"min", "max", "exp", "log", "abs", "if", "sum", "in"})
#: A node of an expression: its kind, then its parts.
Node = tuple[Any, ...]


def _tokens(text: str) -> list[tuple[str, str, str | None]]:
    """Kind, text and, of a number, its unit."""
    found: list[tuple[str, str, str | None]] = []
    at = depth = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Fault("FORMULA_SYNTAX", f"no formula holds {show(text[at])}")
        kind = "number" if match["number"] else str(match.lastgroup)
        if kind == "sign":
            depth += (match["sign"] in "([") - (match["sign"] in ")]")
        if kind != "space" and not (kind == "newline" and depth > 0 and match["newline"] != ";"):
            found.append((kind, match["number"] or match.group(), match["unit"]))
        at = match.end()
    return [*found, ("end", "", None)]


class _Parser:
    """Recursive descent over the grammar of the platform's documentation; limits as there."""

    def __init__(self, text: str) -> None:
        require(len(text.encode()) <= MAX_BYTES, "FORMULA_LIMIT", "the formula is longer than 4 kB")
        self.tokens = _tokens(text)
        self.at = self.depth = self.nodes = 0

    def program(self) -> list[tuple[str, Node]]:
        """The statements: name and expression of each."""
        statements = []
        while True:
            while self.kind == "newline":
                self.at += 1
            if self.kind == "end":
                break
            name = self.name()
            self.sign("=")
            statements.append((name, self.sum()))
            require(self.kind in ("newline", "end"), "FORMULA_SYNTAX", f"unexpected {show(self.text)}")
        require(bool(statements), "FORMULA_SYNTAX", "the formula is empty")
        return statements

    @property
    def kind(self) -> str:
        return self.tokens[self.at][0]

    @property
    def text(self) -> str:
        return self.tokens[self.at][1]

    def take(self) -> str:
        text = self.text
        self.at += 1
        return text

    def skip(self, text: str) -> bool:
        found = self.kind == "sign" and self.text == text
        self.at += found
        return found

    def sign(self, text: str) -> None:
        require(self.skip(text), "FORMULA_SYNTAX", f"{show(self.text)} where {text} belongs")

    def node(self, *parts: Any) -> Node:
        self.nodes += 1
        require(self.nodes <= MAX_NODES, "FORMULA_LIMIT", f"more than {MAX_NODES} nodes")
        return parts

    def deeper(self) -> None:
        self.depth += 1
        require(self.depth <= MAX_DEPTH, "FORMULA_LIMIT", f"nested deeper than {MAX_DEPTH}")

    def name(self) -> str:
        fits = self.kind == "word" and len(self.text) <= 64 and self.text not in _RESERVED
        require(fits, "FORMULA_SYNTAX", f"{show(self.text)} where a name belongs")
        return self.take()

    def sum(self) -> Node:
        left = self.product()
        while self.kind == "sign" and self.text in "+-":
            left = self.node("op", self.take(), left, self.product())
        return left

    def product(self) -> Node:
        left = self.unary()
        while self.kind == "sign" and self.text in "*/":
            left = self.node("op", self.take(), left, self.unary())
        return left

    def unary(self) -> Node:
        if not self.skip("-"):
            return self.power()
        self.deeper()
        operand = self.unary()
        self.depth -= 1
        return self.node("neg", operand)

    def power(self) -> Node:
        base = self.atom()
        if not self.skip("^"):
            return base
        bracketed, negative = self.skip("("), self.skip("-")
        value = self.decimal()
        if bracketed:
            value = value / self.decimal() if self.skip("/") else value
            self.sign(")")
        require(value <= 16 and value.denominator <= 10_000, "FORMULA_LIMIT", f"the exponent {value}")
        require(not self.skip("^"), "FORMULA_SYNTAX", "a power of a power needs parentheses")
        return self.node("power", base, -value if negative else value)

    def decimal(self) -> Fraction:
        fits = self.kind == "number" and len(self.text) <= 30
        require(fits, "FORMULA_SYNTAX", f"{show(self.text)} where a number belongs")
        return Fraction(self.take())

    def atom(self) -> Node:
        if self.kind == "number":
            unit = self.tokens[self.at][2]
            return self.node("number", self.decimal(), unit)
        if self.kind == "sign":
            self.open()
            inside = self.sum()
            self.close()
            return inside
        if self.text in ("min", "max", "exp", "log", "abs"):
            return self.call()
        if self.text == "if":
            return self.conditional()
        if self.text == "sum":
            return self.total()
        name = self.name()
        if self.skip("["):
            key = self.name()
            self.sign("]")
            return self.node("element", name, key)
        return self.node("name", name)

    def open(self) -> None:
        self.sign("(")
        self.deeper()

    def close(self) -> None:
        self.sign(")")
        self.depth -= 1

    def call(self) -> Node:
        function = self.take()
        self.open()
        arguments = [self.sum()]
        while self.skip(","):
            arguments.append(self.sum())
        self.close()
        right = len(arguments) > 1 if function in ("min", "max") else len(arguments) == 1
        require(right, "FORMULA_SYNTAX", f"{function} with {len(arguments)} arguments")
        return self.node("call", function, arguments)

    def conditional(self) -> Node:
        self.take()
        self.open()
        left = self.sum()
        require(self.text in _COMPARE, "FORMULA_SYNTAX", f"{show(self.text)} where a comparison belongs")
        compare, right = self.take(), self.sum()
        self.sign(",")
        then = self.sum()
        self.sign(",")
        otherwise = self.sum()
        self.close()
        return self.node("if", compare, left, right, then, otherwise)

    def total(self) -> Node:
        self.take()
        self.open()
        variable = self.name()
        require(self.take() == "in", "FORMULA_SYNTAX", "sum without in")
        index = self.name()
        self.sign(":")
        body = self.sum()
        self.close()
        return self.node("sum", variable, index, body)


# --- from the text to operations on plain numbers: names and units are resolved here

#: An operation and its unit; the unit of a bare zero is None, it fits everywhere.
Typed = tuple[Node, "Unit | None"]
_PLAIN = Unit(())


class Formula:
    """An equation's text with the units of its symbols, and the figures that are fixed.

    Args:
        equation: its definition.
        unit: the unit of activity, where the equation leaves it open.
    """

    def __init__(self, equation: Mapping[str, Any], unit: Unit | None) -> None:
        self.equation = equation
        self.unit = unit
        self.inputs = {item["symbol"]: item for item in equation["inputs"]}
        self.outputs = {item["symbol"]: self.unit_of(item) for item in equation["outputs"]}
        self.precisions = {item["symbol"]: int(item["precision"]) for item in equation["outputs"]}
        self.columns: dict[str, Unit | None] = {}
        self.units: dict[str, Unit | None] = {}
        self.lowered = 0
        self.functions: set[str] = set()
        self.steps: list[tuple[str, Node]] = []
        for name, expression in _Parser(equation["expression"]).program():
            require(
                name not in self.inputs and name not in self.units, "FORMULA_NAME", f"{name} is set twice"
            )
            typed = self.lower(expression, {})
            if name in self.outputs:
                typed = (self.brought(typed, self.outputs[name]), self.outputs[name])
            self.steps.append((name, typed[0]))
            self.units[name] = typed[1]
        missing = self.outputs.keys() - self.units.keys()
        require(not missing, "FORMULA_NAME", f"{', '.join(sorted(missing))} is never computed")

    def unit_of(self, item: Mapping[str, Any]) -> Unit:
        """The unit of an input or output, the open unit of activity filled in."""
        text = str(item["unit"])
        if "{unit}" in text:
            require(self.unit is not None, "FORMULA_UNIT", "the unit of activity is not known")
            text = text.replace("{unit}", f"({self.unit})")
        return Unit(read_factors(text))

    def lower(self, node: Node, bound: Mapping[str, str]) -> Typed:
        """A node of the text as an operation with its unit."""
        self.lowered += 1
        require(self.lowered <= MAX_EXPANDED, "FORMULA_LIMIT", "the formula is too large once written out")
        kind = node[0]
        if kind == "number":
            unit = Unit(read_factors(node[2])) if node[2] else _PLAIN if node[1] else None
            return ("const", node[1]), unit
        if kind == "name":
            return self.named(node[1], bound)
        if kind == "element":
            return self.element(node[1], node[2], bound)
        if kind == "neg":
            inner, unit = self.lower(node[1], bound)
            return ("neg", inner), unit
        if kind == "op":
            return self.operation(node[1], self.lower(node[2], bound), self.lower(node[3], bound))
        if kind == "power":
            return self.power(self.lower(node[1], bound), node[2])
        if kind == "call":
            return self.call(node[1], [self.lower(item, bound) for item in node[2]])
        if kind == "if":
            left, right, _ = self.matched(self.lower(node[2], bound), self.lower(node[3], bound))
            then, otherwise, unit = self.matched(self.lower(node[4], bound), self.lower(node[5], bound))
            return ("if", node[1], left, right, then, otherwise), unit
        return self.total(node, bound)

    def named(self, name: str, bound: Mapping[str, str]) -> Typed:
        """An earlier result, or an input with one value."""
        if name in self.units:
            return ("step", name), self.units[name]
        item = self.inputs.get(name)
        plain = item is not None and item["role"] != "key" and not item.get("index") and not item.get("rows")
        require(plain and name not in bound, "FORMULA_NAME", f"{name} is no plain input")
        assert item is not None
        return self.column(item, name)

    def column(self, item: Mapping[str, Any], name: str) -> Typed:
        """One value of an input."""
        unit = self.columns[name] = self.unit_of(item)
        return ("input", name), unit

    def element(self, name: str, key: str, bound: Mapping[str, str]) -> Typed:
        """A cell: of a sum's member, or of the case that a key names."""
        table = self.inputs[name]
        if key in bound:
            return self.cell(table, bound[key])
        item = self.inputs[key]
        require(item["role"] == "key", "FORMULA_NAME", f"{key} is no key")
        self.columns[key] = None
        return (
            "select",
            key,
            {member: self.cell(table, member)[0] for member in item["keys"]},
        ), self.unit_of(table)

    def cell(self, table: Mapping[str, Any], member: str) -> Typed:
        """A cell of a fixed table or of an indexed input."""
        if table.get("rows"):
            return ("const", rational(table["rows"][member])), self.unit_of(table)
        require(
            member in self.equation["indices"][table["index"]], "FORMULA_NAME", f"no member {show(member)}"
        )
        return self.column(table, f"{table['symbol']}[{member}]")

    def operation(self, sign: str, left: Typed, right: Typed) -> Typed:
        """One of the four operations."""
        if sign in "+-":
            first, second, unit = self.matched(left, right)
            return ("op", sign, first, second), unit
        over, under = left[1] or _PLAIN, right[1] or _PLAIN
        zero = sign == "*" and (left[1] is None or right[1] is None)
        found = over.times(under) if sign == "*" else over.over(under)
        return ("op", sign, left[0], right[0]), None if zero else found

    def power(self, base: Typed, exponent: Fraction) -> Typed:
        """A literal power."""
        node, unit = base
        if unit is None or not unit.dimension:
            node, unit = self.brought(base, _PLAIN), _PLAIN
        if exponent.denominator != 1 and exponent != Fraction(1, 2):
            self.functions.add("a broken power")
        return ("power", node, exponent), unit.to_the(exponent)

    def call(self, name: str, arguments: list[Typed]) -> Typed:
        """A function of one number, or the least or greatest of several."""
        if name == "abs":
            return ("abs", arguments[0][0]), arguments[0][1]
        if name in ("exp", "log"):
            self.functions.add(name)
            return (name, self.brought(arguments[0], _PLAIN)), _PLAIN
        best = arguments[0]
        for other in arguments[1:]:
            first, second, unit = self.matched(best, other)
            best = ((name, first, second), unit)
        return best

    def total(self, node: Node, bound: Mapping[str, str]) -> Typed:
        """A sum over an index, its terms in the order of the members."""
        members = self.equation["indices"][node[2]]
        typed = [self.lower(node[3], {**bound, node[1]: member}) for member in members]
        require(bool(typed), "FORMULA_NAME", f"the index {node[2]} is empty")
        unit = next((unit for _, unit in typed if unit is not None), None)
        terms = [item[0] if unit is None else self.brought(item, unit) for item in typed]
        return ("total", terms), unit

    def matched(self, left: Typed, right: Typed) -> tuple[Node, Node, Unit | None]:
        """Both in the unit of the left one."""
        if left[1] is None:
            return left[0], right[0], right[1]
        return left[0], self.brought(right, left[1]), left[1]

    def brought(self, value: Typed, unit: Unit) -> Node:
        """The value in another unit of its dimension."""
        node, found = value
        if found is None or found == unit:
            return node
        factor = conversion(found, unit)
        if factor == 1:
            return node
        return ("const", node[1] * factor) if node[0] == "const" else ("scale", node, factor)

    def compute(
        self, numbers: Mapping[str, Fraction], keys: Mapping[str, str], arithmetic: _Floats
    ) -> dict[str, Any]:
        """The value of each output in its declared unit, not rounded."""
        given = {name: arithmetic.number(value) for name, value in numbers.items()}
        missing = [
            name for name, unit in self.columns.items() if name not in (keys if unit is None else given)
        ]
        require(not missing, "INPUT_MISSING", f"the formula's {', '.join(missing)} has no value")
        results: dict[str, Any] = {}
        for name, node in self.steps:
            results[name] = arithmetic.value(node, given, keys, results)
        return {name: results[name] for name in self.outputs}


class _Floats:
    """Float64: IEEE 754 operations in the order of the text; a quotient is a product with a reciprocal."""

    def number(self, value: Fraction) -> Any:
        return float(value)

    def value(self, node: Node, given: Mapping[str, Any], keys: Mapping[str, str], done: Any) -> Any:
        def of(part: Node) -> Any:
            return self.value(part, given, keys, done)

        kind = node[0]
        if kind == "const":
            return self.number(node[1])
        if kind == "input":
            return given[node[1]]
        if kind == "step":
            return done[node[1]]
        if kind == "scale":
            return self.kept(of(node[1]) * self.number(node[2]))
        if kind == "neg":
            return -of(node[1])
        if kind == "op":
            return self.kept(self.operation(node[1], of(node[2]), of(node[3])))
        if kind == "total":
            total = of(node[1][0])
            for term in node[1][1:]:
                total = self.kept(total + of(term))
            return total
        if kind == "power":
            return self.kept(self.power(of(node[1]), node[2]))
        if kind in ("min", "max"):
            left, right = of(node[1]), of(node[2])
            return right if (right < left if kind == "min" else right > left) else left
        if kind == "if":
            return of(node[4]) if _COMPARE[node[1]](of(node[2]), of(node[3])) else of(node[5])
        if kind == "select":
            return of(node[2][keys[node[1]]])
        return self.function(kind, of(node[1]))

    def kept(self, value: Any) -> Any:
        return value

    def operation(self, sign: str, left: Any, right: Any) -> Any:
        if sign == "+":
            return left + right
        if sign == "-":
            return left - right
        return left * right if sign == "*" else left * (1.0 / right)

    def power(self, base: Any, exponent: Fraction) -> Any:
        if exponent.denominator == 1:
            result = base if exponent else 1.0
            for _ in range(abs(int(exponent)) - 1):
                result = result * base
            return 1.0 / result if exponent < 0 else result
        return math.sqrt(base) if exponent * 2 == 1 else math.pow(base, float(exponent))

    def function(self, name: str, value: Any) -> Any:
        return abs(value) if name == "abs" else math.exp(value) if name == "exp" else math.log(value)


class _Exact(_Floats):
    """Rationals; ``exp``, ``log`` and broken powers with sixty digits."""

    _context = Context(prec=60, rounding=ROUND_HALF_EVEN, Emin=-999_999, Emax=999_999)

    def number(self, value: Fraction) -> Any:
        return value

    def kept(self, value: Any) -> Any:
        large = max(value.numerator.bit_length(), value.denominator.bit_length()) > 16_384
        require(not large, "FORMULA_LIMIT", "a number grows beyond what is computed exactly")
        return value

    def operation(self, sign: str, left: Any, right: Any) -> Any:
        return left / right if sign == "/" else super().operation(sign, left, right)

    def power(self, base: Any, exponent: Fraction) -> Any:
        if exponent.denominator == 1:
            return Fraction(base) ** int(exponent)
        if not base:
            return base
        if exponent == Fraction(1, 2):
            return Fraction(self._context.sqrt(self._rounded(base)))
        logarithm = self._context.multiply(self._context.ln(self._rounded(base)), self._rounded(exponent))
        return Fraction(self._context.exp(logarithm))

    def function(self, name: str, value: Any) -> Any:
        if name == "abs":
            return abs(value)
        require(name == "log" or abs(value) < 1_000, "FORMULA_LIMIT", "an exponential is too large")
        number = self._rounded(value)
        return Fraction(self._context.exp(number) if name == "exp" else self._context.ln(number))

    def _rounded(self, value: Fraction) -> Decimal:
        return self._context.divide(Decimal(value.numerator), Decimal(value.denominator))


def published(value: float, precision: int) -> int:
    """The integer that is published: rounded once, half to even."""
    return round(value * float(10**precision))


# --- the bundle


class Table:
    """Rows of one recorded table that are proved to stand in it.

    Attributes:
        content: SHA-256 of the whole table.
        entry: the ledger's entry about it.
        rows: row number -> cells by column; numbers are decimal texts.
    """

    def __init__(
        self, content: str, entry: Mapping[str, Any], header: bytes, lines: Mapping[int, bytes]
    ) -> None:
        self.content, self.entry = content, entry
        head = read_json(header)
        require(head["format"] == "greenlang/table@1", "TABLE_UNREADABLE", "another format of tables")
        self.names = [str(name) for name, _ in head["columns"]]
        self.rows: dict[int, dict[str, Any]] = {}
        self._by: dict[str, dict[str | None, dict[str, Any]]] = {}
        for number, line in lines.items():
            cells = read_json(line)
            require(
                len(cells) == len(self.names), "TABLE_UNREADABLE", f"row {number} does not fill its columns"
            )
            self.rows[number] = dict(zip(self.names, cells, strict=True))

    def by(
        self, what: str, identity: Callable[[Mapping[str, Any]], str | None]
    ) -> Mapping[str | None, dict[str, Any]]:
        """The rows by one of their hashes."""
        if what not in self._by:
            self._by[what] = {identity(row): row for row in self.rows.values()}
        return self._by[what]

    @property
    def inputs(self) -> set[str]:
        """Content hashes of what the table was made from."""
        return {str(ref["content_sha256"]) for ref in self.entry["inputs"]}

    @property
    def place(self) -> str:
        """Where the table was recorded, and by which code, for people."""
        partition = self.entry["partition"]
        name = str(self.entry["asset"]) + (f" [{partition}]" if partition is not None else "")
        return f"{name}, code {self.entry['code']}"


class Check:
    """One bundle's check, stage by stage; what fails is noted and the check goes on where it can.

    Args:
        files: name -> bytes.
        key: fingerprint of the public key that the reader trusts, where it is known.
    """

    def __init__(self, files: Mapping[str, bytes], key: str | None = None) -> None:
        self.files = files
        self.key = key
        self.faults: list[Fault] = []
        self.lines: list[str] = []
        self.numbers = self.inexact = 0
        self.chain = ""
        self.sealed: dict[int, str] = {}
        self.links: dict[int, Mapping[str, Any]] = {}
        self.entries: dict[str, Mapping[str, Any]] = {}
        self.tables: list[Table] = []
        self.spellings: Mapping[str, str] = {}
        self.fingerprint = ""
        self.subjects: list[str] = []
        self._sources: dict[str, set[str]] = {}
        self._formulas: dict[tuple[bytes, str], Formula] = {}

    def run(self) -> bool:
        """Whether everything holds."""
        for name, stage in (
            ("files", self.check_files),
            ("signature", self.check_checkpoints),
            ("chain", self.check_chain),
            ("rows", self.check_tables),
        ):
            self.attempt(name, stage)
        for subject in self.subjects:
            self.attempt(subject, partial(self.check_subject, subject))
        if not self.subjects and not self.faults:
            self.faults.append(Fault("NOTHING_PROVED", "the bundle names no number"))
        return not self.faults

    def attempt(self, name: str, stage: Callable[[], None]) -> None:
        """One stage; a fault in it does not keep the others from being looked at."""
        try:
            stage()
        except Fault as fault:
            self.faults.append(fault)
        except MALFORMED as error:
            self.faults.append(
                Fault("MALFORMED", f"{show(name)}: {type(error).__name__}: {show(str(error))}")
            )

    def say(self, text: str) -> None:
        """Notes a line of the report."""
        self.lines.append(show(text))

    def json(self, name: str) -> Any:
        """A file of the bundle as JSON."""
        require(name in self.files, "FILE_MISSING", name)
        return read_json(self.files[name])

    # --- files

    def check_files(self) -> None:
        """Every file is listed, and as it is listed."""
        manifest = self.json("manifest.json")
        require(manifest["format"] == FORMAT, "FORMAT_UNKNOWN", f"this verifier reads {FORMAT}")
        self.subjects = [str(item) for item in manifest["subjects"]]
        listed = {str(item["name"]): item for item in manifest["files"]}
        faults = [
            *(Fault("FILE_MISSING", name) for name in sorted(listed.keys() - self.files.keys())),
            *(
                Fault("FILE_NOT_LISTED", name)
                for name in sorted(self.files.keys() - listed.keys() - {"manifest.json"})
            ),
            *(
                Fault("FILE_ALTERED", f"{name} is not what the list says")
                for name, item in sorted(listed.items())
                if name in self.files
                and (len(self.files[name]), sha256(self.files[name])) != (item["size"], item["sha256"])
            ),
        ]
        self.faults += faults
        if not faults:
            self.say(f"files      {len(listed)} and the list itself; each is what the list says")
        self.spellings = self.json("unit-spellings.json")

    # --- who vouches

    def check_checkpoints(self) -> None:
        """Every checkpoint is signed by the key, and each names the one before it."""
        public = bytes.fromhex(self.files["public-key.txt"].decode().strip())
        self.fingerprint = sha256(public)
        if self.key is not None:
            given = self.key.lower().replace(" ", "").replace(":", "")
            known = len(given) >= 32 and self.fingerprint.startswith(given)
            if not known:
                self.faults.append(Fault("KEY_NOT_TRUSTED", f"the key's fingerprint is {self.fingerprint}"))
        before: Mapping[str, Any] | None = None
        checkpoints = self.json("checkpoints.json")
        require(bool(checkpoints), "CHECKPOINT_MISSING", "no checkpoint is in the bundle")
        for item in checkpoints:
            body = {name: value for name, value in item.items() if name != "signature"}
            signature = _base64(item["signature"])
            holds = ed25519_holds(public, canonical(body), signature)
            require(
                holds, "SIGNATURE_FORGED", f"the checkpoint of entry {item['seq']} is not signed by the key"
            )
            require(
                item["format"] == "greenlang/checkpoint@1"
                and item["key_id"] == self.fingerprint[:16]
                and item["count"] == item["seq"]
                and item["chain"] == checkpoints[0]["chain"],
                "CHECKPOINT_WRONG",
                f"the checkpoint of entry {item['seq']} contradicts itself",
            )
            if before is not None:
                follows = item["previous"] == sha256(canonical(before)) and item["seq"] > before["seq"]
                require(follows, "CHECKPOINT_CUT", f"a checkpoint before entry {item['seq']} is missing")
            self.sealed[item["seq"]] = item["head"]
            before = item
        self.chain = str(checkpoints[0]["chain"])
        self.say(
            f"signature  {len(checkpoints)} checkpoint{'s' if len(checkpoints) > 1 else ''} of chain"
            f" {self.chain}, the last of entry {checkpoints[-1]['seq']},"
            f" {checkpoints[-1]['recorded_at']}"
        )

    def check_chain(self) -> None:
        """Links lead without a gap from each entry to a signed checkpoint."""
        ledger = self.json("ledger.json")
        reached = None
        for link in sorted(ledger["links"], key=lambda item: -item["seq"]):
            body = {
                "format": "greenlang/link@1",
                "chain": self.chain,
                **{
                    name: link[name]
                    for name in ("seq", "prev_sha256", "entry_sha256", "run_id", "recorded_at")
                },
            }
            found = sha256(canonical(body))
            # Read backwards: a link is good when a checkpoint names it, or the link after it does.
            good = found == self.sealed.get(link["seq"]) or (
                reached is not None and reached["seq"] == link["seq"] + 1 and reached["prev_sha256"] == found
            )
            require(good, "CHAIN_BROKEN", f"entry {link['seq']} does not lead to a signed checkpoint")
            reached = link
            self.links[link["seq"]] = link
        kept = {link["entry_sha256"]: link for link in self.links.values()}
        for entry in ledger["entries"]:
            body_sha256 = sha256(canonical(entry))
            require(
                body_sha256 in kept and entry["format"] == "greenlang/entry@1",
                "ENTRY_ALTERED",
                f"the entry about {show(str(entry['asset']))} is not one of the chain",
            )
            self.entries[body_sha256] = entry
        self.say(f"chain      {len(self.links)} links, {len(self.entries)} entries, each led to a checkpoint")

    def check_tables(self) -> None:
        """Every row stands in a table whose hash, or the root of whose rows, the ledger holds."""
        listed = self.json("proofs.json")["tables"]
        for item in listed:
            self.attempt(str(item["file"]), partial(self._take_table, item))
        shown = sum(len(table.rows) for table in self.tables)
        if len(self.tables) == len(listed):
            self.say(
                f"rows       {shown} rows of {len(listed)} recorded tables, each proved to stand in its table"
            )

    def _take_table(self, item: Mapping[str, Any]) -> None:
        self.tables.append(self.table(item))

    def table(self, item: Mapping[str, Any]) -> Table:
        """The proved rows of one table."""
        data, content = self.files[item["file"]], str(item["content_sha256"])
        entry = self.entries.get(str(item["entry_sha256"]))
        require(
            entry is not None and entry["content_sha256"] == content,
            "TABLE_UNPROVED",
            f"no entry of the ledger is about {show(item['file'])}",
        )
        assert entry is not None
        header, *rest = data.removesuffix(b"\n").split(b"\n")
        if item["whole"]:
            require(sha256(data) == content, "TABLE_ALTERED", f"{item['file']} is not what was recorded")
            return Table(content, entry, header, {int(n): rest[int(n) - 1] for n in item["rows"]})
        tree = entry["facts"]["row_tree"]
        block, rows = int(tree["block"]), int(tree["rows"])
        leaves = 1 + -(-rows // block)
        found = tree_root(header, 0, leaves, item["header"])
        require(found == tree["root"], "ROW_ALTERED", f"{item['file']}: the header is not what was recorded")
        lines: dict[int, bytes] = {}
        at = 0
        for leaf, path in sorted((int(number), path) for number, path in item["rows"].items()):
            first = (leaf - 1) * block
            part = rest[at : at + min(block, rows - first)]
            at += len(part)
            found = tree_root(b"\n".join(part), leaf, leaves, path)
            require(
                found == tree["root"],
                "ROW_ALTERED",
                f"{item['file']}: row {first + 1} is not what was recorded",
            )
            lines.update({first + 1 + offset: line for offset, line in enumerate(part)})
        require(at == len(rest), "ROW_UNPROVED", f"{item['file']} holds rows without a proof")
        return Table(content, entry, header, lines)

    # --- finding rows

    def find(
        self,
        what: str,
        wanted: str,
        identity: Callable[[Mapping[str, Any]], str | None],
        among: set[str] | None,
    ) -> tuple[dict[str, Any], Table]:
        """The row with a hash, in a table that what asks for it was made from."""
        for table in self.tables:
            if among is None or table.content in among:
                row = table.by(what, identity).get(wanted)
                if row is not None:
                    return row, table
        raise Fault("ROW_MISSING", f"no proved row is the {what} {show(wanted)[:64]}")

    def files_behind(self, table: Table) -> set[str]:
        """SHA-256 of every outside file that stands behind a table, by the ledger."""
        if table.content in self._sources:
            return self._sources[table.content]
        by_content: dict[str, list[Mapping[str, Any]]] = {}
        for entry in self.entries.values():
            by_content.setdefault(str(entry["content_sha256"]), []).append(entry)
        found = self._sources[table.content] = set()
        seen: set[str] = set()
        waiting = [table.entry]
        while waiting:
            for ref in waiting.pop()["inputs"]:
                content = str(ref["content_sha256"])
                if str(ref["asset"]).startswith("file:"):
                    found.add(content)
                elif content not in seen:
                    seen.add(content)
                    waiting += by_content.get(content, [])
        return found

    def from_file(self, sha: str, table: Table, what: str) -> None:
        """The file that a row cites stands behind its table in the ledger."""
        require(
            sha in self.files_behind(table),
            "SOURCE_UNPROVED",
            f"the ledger knows no file {show(sha)[:16]}… behind {what}",
        )

    # --- numbers

    def check_subject(self, wanted: str) -> None:
        """A total, a line or a calculation, and everything below it."""
        require(bool(_SHA256.fullmatch(wanted)), "SUBJECT_UNKNOWN", show(wanted))
        for column, check in (
            ("total_sha256", self.check_total),
            ("line_sha256", self.check_line),
            ("calculation_sha256", self.check_calculation),
        ):
            for table in self.tables:
                row = table.by(column, itemgetter(column)).get(wanted) if column in table.names else None
                if row is not None:
                    check(row, table)
                    return
        raise Fault("SUBJECT_MISSING", f"no proved row is {wanted}")

    def check_total(self, row: Mapping[str, Any], table: Table) -> None:
        """A building's total: its hash, its lines and its sums."""
        names = str(row["line_sha256s"]).split(" ")
        body = {
            name: row[name]
            for name in ("tenant", "period", "facility_id", "rejected", "co2e_mg", "co2e_market_mg")
        }
        require(
            sha256(canonical({**body, "lines": names})) == row["total_sha256"],
            "TOTAL_ALTERED",
            f"the total of {show(str(row['facility_id']))} does not answer to its hash",
        )
        self.say("")
        self.say(f"TOTAL      {row['facility_name']}, {row['period']}")
        location = market = 0
        require(len(set(names)) == len(names) == row["lines"], "TOTAL_WRONG", "its lines are miscounted")
        for name in names:
            line, held = self.find("line_sha256", name, lambda cells: cells.get("line_sha256"), table.inputs)
            same = all(line[key] == row[key] for key in ("tenant", "period", "facility_id"))
            require(same and line["scope"] != "outside", "TOTAL_WRONG", "a line of somebody else's is in it")
            self.check_line(line, held)
            location += line["co2e_mg"]
            market += line["co2e_mg"] if line["co2e_market_mg"] is None else line["co2e_market_mg"]
        self.compare("sum of the lines, location-based", location, row["co2e_mg"])
        self.compare("sum of the lines, market-based", market, row["co2e_market_mg"])
        self.say(
            f"  = {kilograms(location)} kg CO2e location-based, {kilograms(market)} kg market-based,"
            f" {len(names)} lines, {row['rejected']} activity rows rejected"
        )

    def compare(self, what: str, found: int, stated: int) -> None:
        """One published integer against the one computed here."""
        self.numbers += 1
        require(found == stated, "NUMBER_WRONG", f"{what}: {found} was computed, {stated} is published")

    HASHED: ClassVar[tuple[str, ...]] = (
        *("activity_sha256", "scope", "quantity", "unit", "converted_quantity", "converted_unit"),
        *("factor_id", "factor_sha256", "formula_id", "formula_sha256", "gwp_set", "gwp_sha256"),
        *("co2_mg", "ch4_mg", "n2o_mg", "co2_biogenic_mg", "co2e_mg", "co2e_market_mg", "market_basis"),
    )
    MASSES: ClassVar[Mapping[str, str]] = {
        "co2": "CO2",
        "ch4": "CH4",
        "n2o": "N2O",
        "co2_biogenic": "CO2_biogenic",
        "co2e": "CO2e",
    }

    def check_line(self, line: Mapping[str, Any], table: Table) -> None:
        """A result line: its hash, what it was made from, and its numbers."""
        body = {name: line[name] for name in self.HASHED if line[name] is not None}
        label = show(str(line["activity_id"]))
        require(
            sha256(canonical({**body, "precision": 6})) == line["line_sha256"],
            "LINE_ALTERED",
            f"the line {label} does not answer to its hash",
        )
        self.say("")
        self.say(f"LINE       {label}: {line['activity']}, scope {line['scope']}")
        self.say(f"  ledger   {table.place}")
        activity = self.activity(line, table)
        factor, binding, equation, unit = self.formula(
            str(line["formula_sha256"]), str(line["factor_sha256"]), table, str(line["factor_id"])
        )
        assert factor is not None
        formula = self.compiled(equation, unit)
        require(
            line["formula_id"] == binding["id"] and line["licence"] == factor["cite_licence"],
            "LINE_WRONG",
            f"{label}: formula or licence is another's",
        )
        self.method(line, activity, factor, table)
        source = self.spelled(str(line["unit"]))
        name, item = self.one_input(formula, binding)
        target = formula.unit_of(item)
        require(
            Unit(read_factors(line["converted_unit"])) == target,
            "LINE_WRONG",
            f"{label}: unit of the formula",
        )
        ratio = conversion(Unit(source), target)
        quantity = float(line["quantity"]) * float(ratio)
        require(
            number_text(quantity) == line["converted_quantity"],
            "NUMBER_WRONG",
            f"{label}: it is {number_text(quantity)} {target}, {line['converted_quantity']} is recorded",
        )
        self.bounds(item, quantity)
        self.say(f"  input    {line['quantity']} {line['unit']} = {line['converted_quantity']} {target}")
        constants, gwp_sha256 = self.constants(formula, binding, factor, str(line["gwp_set"]), table)
        require(
            gwp_sha256 == line["gwp_sha256"], "GWP_ALTERED", f"{label}: the GWP values are not the line's"
        )
        rounded = {**constants, name: Fraction(number_text(quantity))}
        exact = {**constants, name: rational(line["quantity"]) * ratio}
        results = self.results(formula, rounded, exact, {})
        for symbol, gas in self.MASSES.items():
            stated = line[f"{symbol}_mg"]
            if symbol not in results:
                require(stated is None, "NUMBER_WRONG", f"{label}: {symbol} is published and not computed")
                continue
            require(str(formula.outputs[symbol]) == f"kg[{gas}]", "LINE_WRONG", f"{label}: unit of {symbol}")
            scale = 10 ** (6 - formula.precisions[symbol])
            self.outcome(
                f"{label} {symbol}", formula, results[symbol], stated, formula.precisions[symbol], scale
            )
            self.say(f"  = {symbol:<12} {kilograms(stated)} kg, computed again: the same")
        self.scope2(line, label)

    def activity(self, line: Mapping[str, Any], table: Table) -> dict[str, Any]:
        """The activity row behind a line, as it was recorded."""
        wanted = str(line["activity_sha256"])
        row, held = self.find(
            "activity", wanted, lambda cells: sha256(canonical(present(cells))), table.inputs
        )
        shared = (
            "tenant", "period", "facility_id", "activity_id",
            "scope", "activity", "region", "quantity", "unit",
        )  # fmt: skip
        differs = [name for name in shared if row[name] != line[name]]
        require(not differs, "LINE_WRONG", f"its activity row differs in {', '.join(differs)}")
        self.from_file(str(row["source_sha256"]), held, "the activity row")
        self.say(
            f"  recorded {row['source_document']}, {row['source_file']},"
            f" row {row['source_row']}, file SHA-256 {row['source_sha256']}"
        )
        return row

    def method(
        self, line: Mapping[str, Any], activity: Mapping[str, Any], factor: Mapping[str, Any], table: Table
    ) -> None:
        """The row of the method table that chose this factor and GWP set, and the factor's place and year."""
        distance = activity["data_year"] - factor["year"]
        level, place = line["matched_level"], factor["region"]
        fits = {
            "exact": place == line["region"],
            "country": place == line["region"].split("-")[0],
            "region group": place.startswith("GROUP-"),
            "world": place == "WORLD",
        }
        require(fits.get(level, False), "FACTOR_WRONG", "the factor is another region's")
        require(
            line["year_distance"] == distance,
            "FACTOR_WRONG",
            f"the factor is of {factor['year']}, which is not {line['year_distance']} from the data year",
        )
        wanted = {
            "data_year": activity["data_year"],
            "activity": line["activity"],
            "factor_activity": factor["activity"],
            "publisher": factor["publisher"],
            "dataset": factor["dataset"],
            "edition": factor["edition"],
            "activity_unit": factor["activity_unit"],
            "gwp_set": line["gwp_set"],
        }
        for held in self.tables:
            if held.content in table.inputs and "factor_activity" in held.names:
                for row in held.rows.values():
                    if all(row[name] == value for name, value in wanted.items()):
                        allowed = level == "exact" or row.get("fallback") in ("region", "both")
                        require(allowed, "FACTOR_WRONG", "the method allows no factor of a wider region")
                        self.say(f"  method   {row['reason']}")
                        return
        raise Fault("METHOD_MISSING", f"no row of the method table chooses {show(str(factor['factor_id']))}")

    def formula(
        self, formula_sha256: str, factor_sha256: str | None, table: Table, factor_id: str | None
    ) -> tuple[dict[str, Any] | None, dict[str, Any], dict[str, Any], Unit | None]:
        """Factor row, definition, equation and its open unit of activity, each proved by its hash."""
        definition = self.definition(formula_sha256, table)
        if "equation" not in definition:
            require(factor_sha256 is None, "FORMULA_WRONG", "an equation by itself takes no factor")
            self.say_formula(definition)
            return None, definition, definition, None
        require(
            definition["factor"]["sha256"] == factor_sha256, "FORMULA_WRONG", "it is bound to another factor"
        )
        factor, held = self.find("factor", str(factor_sha256), _factor_sha256, table.inputs)
        require(
            factor["factor_id"] == factor_id == definition["factor"]["id"],
            "FACTOR_WRONG",
            "the factor's id is another's",
        )
        self.from_file(str(factor["cite_source_sha256"]), held, "the factor")
        equation = self.definition(str(definition["equation"]["sha256"]), table)
        require(
            definition["id"] == f"{definition['equation']['id']}/{factor_id}"
            and equation["id"] == definition["equation"]["id"],
            "FORMULA_WRONG",
            "the binding names another equation",
        )
        unit = Unit(self.qualified(str(factor["activity_unit"]), None, factor["calorific_basis"]))
        require(unit == Unit(read_factors(definition["unit"])), "FORMULA_WRONG", "unit of activity")
        self.say_formula(equation)
        return factor, definition, equation, unit if _is_open(equation) else None

    def compiled(self, equation: Mapping[str, Any], unit: Unit | None) -> Formula:
        """The equation's text as operations, read once for all lines that it computes."""
        key = (canonical(equation), str(unit))
        if key not in self._formulas:
            self._formulas[key] = Formula(equation, unit)
        return self._formulas[key]

    def say_formula(self, equation: Mapping[str, Any]) -> None:
        """Notes where an equation stands, and its text."""
        cited = equation["citation"]
        self.say(
            f"  formula  {equation['id']} {equation['version']}: {cited['document']}, {cited['locator']}"
        )
        for text in str(equation["expression"]).split("\n"):
            self.say(f"             {text}")

    def definition(self, wanted: str, table: Table) -> dict[str, Any]:
        """A formula's definition, hashed again."""
        row, _ = self.find("formula", wanted, _formula_sha256, table.inputs)
        return dict(read_json(row["definition"]))

    def constants(
        self,
        formula: Formula,
        definition: Mapping[str, Any],
        factor: Mapping[str, Any] | None,
        gwp_set: str | None,
        table: Table,
        gwp_sha256: str | None = None,
    ) -> tuple[dict[str, Fraction], str | None]:
        """Figures of the factor and GWP values, exactly, in the formula's units; hash of the GWPs taken."""
        values: dict[str, Fraction] = {str(symbol): Fraction(0) for symbol in definition.get("absent", ())}
        applied = False
        for figure in definition.get("figures", ()):
            assert factor is not None
            values[figure["symbol"]] = self.figure(figure, formula, factor)
            applied = applied or str(figure["column"]).startswith("co2e")
        if applied and factor is not None:
            require(factor["gwp_set"] == gwp_set, "GWP_WRONG", "the publisher applied another GWP set")
        wanted = [
            item for item in formula.inputs.values() if item["role"] == "gwp" and item["symbol"] not in values
        ]
        if not wanted:
            by = factor["factor_id"] if factor is not None else "caller"
            return values, sha256(canonical({"applied_by": by, "gwp_set": gwp_set})) if gwp_set else None
        taken: dict[str, Any] = {}
        for item in wanted:
            row = self.potential(item, str(gwp_set), table, gwp_sha256)
            values[item["symbol"]] = rational(row["value"])
            taken[row["gas"]] = {
                **{name: row[name] for name in ("gwp_set", "gas", "horizon_years", "value")},
                "citation": with_citation(row)["citation"],
            }
            self.say(
                f"  GWP      {item['symbol']} = {row['value']} kg CO2e per kg {row['gas']},"
                f" {gwp_set}: {cited(row)}"
            )
        return values, sha256(canonical(taken))

    def figure(self, figure: Mapping[str, Any], formula: Formula, factor: Mapping[str, Any]) -> Fraction:
        """A figure of the factor row in the formula's unit, from the row as its publisher prints it."""
        column, symbol = str(figure["column"]), str(figure["symbol"])
        gases = {"co2": "CO2", "ch4": "CH4", "n2o": "N2O", "co2_biogenic": "CO2_biogenic"}
        gas = "CO2e" if column.startswith("co2e") else gases[column]
        text = factor["co2e_unit" if gas == "CO2e" else f"{column}_unit"]
        unit = Unit(self.qualified(str(text), gas, factor["calorific_basis"]))
        target = formula.unit_of(formula.inputs[symbol])
        value = rational(factor[column]) * conversion(unit, target)
        require(
            factor[column] == figure["published"]
            and unit == Unit(read_factors(figure["published_unit"]))
            and target == Unit(read_factors(figure["unit"]))
            and f"{value.numerator}/{value.denominator}" == figure["value"],
            "FIGURE_WRONG",
            f"{symbol} of the formula is not {column} of the factor row",
        )
        self.say(f"  factor   {symbol} = {factor[column]} {text}: {cited(factor)}")
        return value

    def potential(
        self, item: Mapping[str, Any], gwp_set: str, table: Table, gwp_sha256: str | None
    ) -> dict[str, Any]:
        """The GWP row that an input takes."""
        named = item.get("gas") or (item["symbol"][4:] if item["symbol"].startswith("gwp_") else None)
        gas = _gas(str(named)) if named else None
        if gas == "ch4" and item.get("combustion") and gwp_set == "AR6":
            gas = "ch4nonfossil"  # the carbon of burnt fuel is in CO2 already
        for held in self.tables:
            if held.content not in table.inputs or "horizon_years" not in held.names:
                continue
            for row in held.rows.values():
                if row["gwp_set"] != gwp_set or row["horizon_years"] != 100:
                    continue
                if gas is None:
                    alone = {name: row[name] for name in ("gwp_set", "gas", "horizon_years", "value")}
                    record = {row["gas"]: {**alone, "citation": with_citation(row)["citation"]}}
                    if sha256(canonical(record)) == gwp_sha256:
                        return row
                elif _gas(str(row["gas"])) == gas:
                    return row
        raise Fault("GWP_MISSING", f"no proved row gives {item['symbol']} in {show(gwp_set)}")

    def one_input(self, formula: Formula, definition: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """The one input that a line's quantity feeds."""
        bound = {figure["symbol"] for figure in definition["figures"]} | set(definition.get("absent", ()))
        found = [
            item
            for item in formula.inputs.values()
            if item["symbol"] not in bound and item["role"] != "gwp" and not item.get("rows")
        ]
        fits = len(found) == 1 and found[0]["role"] == "activity" and not found[0].get("index")
        require(fits, "FORMULA_WRONG", "a line's formula takes one quantity")
        return str(found[0]["symbol"]), found[0]

    def bounds(self, item: Mapping[str, Any], quantity: float) -> None:
        """The interval of an input."""
        low, high = item.get("min"), item.get("max")
        inside = (low is None or quantity >= float(low)) and (high is None or quantity <= float(high))
        require(inside, "INPUT_OUT_OF_BOUNDS", f"{item['symbol']} is outside the formula's bounds")

    def results(
        self,
        formula: Formula,
        rounded: Mapping[str, Fraction],
        exact: Mapping[str, Fraction],
        keys: Mapping[str, str],
    ) -> dict[str, tuple[float, Fraction]]:
        """Each output in float64 and exactly, not rounded."""
        floats = formula.compute(rounded, keys, _Floats())
        exactly = formula.compute(exact, keys, _Exact())
        return {symbol: (floats[symbol], exactly[symbol]) for symbol in formula.outputs}

    def outcome(
        self,
        what: str,
        formula: Formula,
        found: tuple[float, Fraction],
        stated: int,
        precision: int,
        scale: int = 1,
    ) -> None:
        """One published integer against float64 and against exact arithmetic."""
        floated = published(found[0], precision) * scale
        exact = round(found[1] * 10**precision) * scale
        # exp, log and broken powers come from a machine's C library, which may differ in its last bit.
        near = abs(stated - exact) <= scale * (1 + abs(exact) // 10**12)
        if not (formula.functions and near):
            self.compare(what, floated, stated)
        else:
            self.numbers += 1
        require(near, "NUMBER_WRONG", f"{what}: exactly {exact}, published {stated}")
        self.inexact += stated != exact

    def scope2(self, line: Mapping[str, Any], label: str) -> None:
        """A line's market-based figure: the location-based one, and so labelled, or none at all."""
        if line["scope"] == "2":
            self.compare(f"{label} market-based", line["co2e_mg"], line["co2e_market_mg"])
            labelled = str(line["market_basis"]).startswith("grid average: no contractual instrument")
            require(labelled, "LINE_WRONG", f"{label}: {show(str(line['market_basis']))}")
            self.say(f"  = market-based {kilograms(line['co2e_market_mg'])} kg: {line['market_basis']}")
        else:
            none = line["co2e_market_mg"] is None and line["market_basis"] is None
            require(none, "LINE_WRONG", f"{label}: a market-based figure outside scope 2")

    # --- a calculation of the API

    def check_calculation(self, row: Mapping[str, Any], table: Table) -> None:
        """A calculation that an agent or the API answered: the hashed body, and its numbers."""
        body = read_json(row["calculation"])
        require(
            sha256(canonical(body)) == row["calculation_sha256"],
            "CALCULATION_ALTERED",
            "the calculation does not answer to its hash",
        )
        formula_of, factor_of, gwp_of = body["formula"], body["factor"], body["gwp"]
        self.say("")
        agent = row["agent_id"]
        self.say(f"CALCULATED {formula_of['id']}" + (f" (agent {agent} {row['version']})" if agent else ""))
        self.say(f"  ledger   {table.place}")
        columns = (
            row["formula_id"], row["formula_sha256"], row["factor_id"], row["factor_sha256"],
            row["gwp_set"], row["gwp_sha256"],
        )  # fmt: skip
        inside = (
            formula_of["id"], formula_of["sha256"], factor_of["id"], factor_of["sha256"],
            gwp_of["set"], gwp_of["sha256"],
        )  # fmt: skip
        require(columns == inside, "CALCULATION_ALTERED", "the row says otherwise than the calculation")
        factor, definition, equation, unit = self.formula(
            formula_of["sha256"], factor_of["sha256"], table, factor_of["id"]
        )
        require(formula_of["id"] == definition["id"], "FORMULA_WRONG", "the formula's id is another's")
        if unit is None and _is_open(equation):
            unit = _told_unit(equation, body["inputs"])
        formula = self.compiled(equation, unit)
        properties = self.properties(body["properties"], factor, table)
        rounded: dict[str, Fraction] = {}
        exact: dict[str, Fraction] = {}
        for item in body["inputs"]:
            symbol = str(item["symbol"])
            declared = formula.inputs[symbol.partition("[")[0]]
            rounded[symbol], exact[symbol] = self.given(item, formula.unit_of(declared), properties)
            self.bounds(declared, float(item["quantity"]))
        constants, gwp_sha256 = self.constants(
            formula, definition, factor, gwp_of["set"], table, gwp_of["sha256"]
        )
        require(gwp_sha256 == gwp_of["sha256"], "GWP_ALTERED", "the GWP values are not the calculation's")
        twice = sorted(constants.keys() & rounded.keys())
        require(not twice, "FORMULA_WRONG", f"{', '.join(twice)} is fixed by the formula and given as well")
        outputs = {item["symbol"]: item for item in body["outputs"]}
        require(outputs.keys() == formula.outputs.keys(), "NUMBER_WRONG", "outputs are missing or added")
        results = self.results(formula, {**constants, **rounded}, {**constants, **exact}, body["keys"])
        for symbol, item in outputs.items():
            same = item["precision"] == formula.precisions[symbol]
            same = same and Unit(read_factors(item["unit"])) == formula.outputs[symbol]
            require(same, "NUMBER_WRONG", f"unit or precision of {symbol}")
            self.outcome(symbol, formula, results[symbol], item["scaled"], item["precision"])
            value = scaled_text(item["scaled"], item["precision"])
            self.say(f"  = {symbol:<12} {value} {item['unit']}, computed again: the same")

    def properties(
        self, wanted: Mapping[str, str], factor: Mapping[str, Any] | None, table: Table
    ) -> list[dict[str, Any]]:
        """The fuel properties that conversions went through, each proved by its hash."""
        found = []
        for name, property_sha256 in sorted(wanted.items()):
            row, held = self.find(
                "fuel property",
                str(property_sha256),
                lambda cells: sha256(canonical(with_citation(cells))) if "property_id" in cells else None,
                None,
            )
            upstream = {
                content for part in self.tables if part.content in table.inputs for content in part.inputs
            }
            require(
                held.content in table.inputs | upstream and row["property_id"] == name,
                "PROPERTY_WRONG",
                f"{show(name)} is not of the tables that the calculation read",
            )
            same = factor is not None and row["activity"] == factor["activity"]
            require(same, "PROPERTY_WRONG", f"{show(name)} is another fuel's")
            self.from_file(str(row["cite_source_sha256"]), held, "the fuel property")
            self.say(f"  property {row['value']} {row['unit']}: {cited(row)}")
            found.append(row)
        return found

    def given(
        self, item: Mapping[str, Any], target: Unit, properties: Sequence[Mapping[str, Any]]
    ) -> tuple[Fraction, Fraction]:
        """An input in the formula's unit: as float64 made it, and exactly."""
        source = Unit(self.spelled(str(item["given_unit"])))
        require(Unit(read_factors(item["unit"])) == target, "INPUT_WRONG", f"unit of {item['symbol']}")
        ways = [[conversion(source, target)]] if source.dimension == target.dimension else []
        for row in properties:
            unit = Unit(self.qualified(str(row["unit"]), None, row["calorific_basis"]))
            fuel = Unit(tuple((name, mark, -power) for name, mark, power in unit.factors if power < 0))
            content = Unit(tuple(factor for factor in unit.factors if factor[2] > 0))
            if source.dimension == fuel.dimension and content.dimension == target.dimension:
                ways.append([conversion(source, fuel), rational(row["value"]), conversion(content, target)])
        for way in ways:
            quantity, exact = float(item["given"]), rational(item["given"])
            for factor in way:
                quantity, exact = quantity * float(factor), exact * factor
            if number_text(quantity) == item["quantity"]:
                self.say(
                    f"  input    {item['symbol']} = {item['given']} {item['given_unit']}"
                    f" = {item['quantity']} {target}"
                )
                return rational(item["quantity"]), exact
        raise Fault("INPUT_WRONG", f"{item['symbol']} does not convert into {item['quantity']} {target}")

    # --- unit texts as people write them

    def spelled(self, text: str) -> Factors:
        """A unit text in canonical spelling; another spelling is read as the bundle says, and shown."""
        try:
            return read_factors(text)
        except Fault:
            read = self.spellings.get(text)
            if read is None:
                raise
            note = f"  unit     {show(text)} is read as {show(read)}"
            if note not in self.lines:
                self.say(note)
            return read_factors(read)

    def qualified(self, text: str, gas: str | None, basis: str | None) -> Factors:
        """A factor row's unit with what its row implies: the gas of the column, the basis of the energy."""
        factors = []
        waiting = gas
        for symbol, mark, power in self.spelled(text):
            kind = UNITS[symbol][0] if symbol in UNITS else "currency"
            implied = mark
            if kind == "mass" and waiting and power > 0:
                implied, waiting = waiting, None
            elif kind == "energy" and basis:
                implied = basis
            require(not mark or mark == implied, "UNIT_MISMATCH", f"{show(text)} contradicts its row")
            factors.append((symbol, implied, power))
        require(waiting is None, "UNIT_MISMATCH", f"{show(text)} holds no mass of {waiting}")
        return tuple(factors)


def _told_unit(equation: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]]) -> Unit:
    """The unit of activity of an equation that is bound to no factor: that in which its inputs were taken."""
    declared = {item["symbol"]: item for item in equation["inputs"]}
    for item in inputs:
        if declared[str(item["symbol"]).partition("[")[0]]["unit"] == "{unit}":
            return Unit(read_factors(item["unit"]))
    raise Fault("FORMULA_UNIT", "no input tells the unit of activity")


def _is_open(equation: Mapping[str, Any]) -> bool:
    return any("{unit}" in item["unit"] for item in (*equation["inputs"], *equation["outputs"]))


def _factor_sha256(cells: Mapping[str, Any]) -> str | None:
    return sha256(canonical(with_citation(cells))) if "factor_id" in cells and "cite_row" in cells else None


def _formula_sha256(cells: Mapping[str, Any]) -> str | None:
    if "definition" not in cells:
        return None
    record = read_json(cells["definition"])
    shown = ("title", "citation", "factor_citation", "vectors") if "equation" in record else ("vectors",)
    return sha256(canonical({name: value for name, value in record.items() if name not in shown}))


_PFC = {
    "pfc14": "cf4", "pfc116": "c2f6", "pfc218": "c3f8", "pfc318": "cc4f8", "pfc3110": "c4f10",
    "pfc4112": "c5f12", "pfc5114": "c6f14", "pfc9118": "c10f18",
}  # fmt: skip


def _gas(name: str) -> str:
    plain = "".join(character for character in name.lower() if character.isalnum())
    return _PFC.get(plain, plain)


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise Fault("SIGNATURE_FORGED", "the signature is not base64") from error


# --- what people see


def show(text: str) -> str:
    """Text from the bundle for a terminal: nothing in it can move the cursor or colour a line."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)[:2000]


def cited(row: Mapping[str, Any]) -> str:
    """Where a figure was read."""
    names = ("cite_publisher", "cite_document", "cite_table")
    return (
        ", ".join(show(str(row[name])) for name in names)
        + f", row {row['cite_row']}; {show(str(row['cite_licence']))}; file SHA-256"
        + f" {show(str(row['cite_source_sha256']))}"
    )


def scaled_text(scaled: int, precision: int) -> str:
    """A published integer as decimal text."""
    digits = str(abs(scaled)).zfill(precision + 1)
    whole, decimals = (digits[:-precision], digits[-precision:]) if precision else (digits, "")
    return ("-" if scaled < 0 else "") + f"{int(whole):,}" + (f".{decimals}" if decimals else "")


def kilograms(milligrams: int) -> str:
    """Milligrams as kilograms."""
    return scaled_text(milligrams, 6)


def report(check: Check, name: str) -> Iterator[str]:
    """What was found, line by line."""
    yield f"audit bundle {show(name)}"
    yield ""
    yield from check.lines
    yield ""
    if check.fingerprint:
        grouped = " ".join(check.fingerprint[at : at + 8] for at in range(0, 64, 8))
        trusted = (
            "the one that you gave" if check.key else "compare it with the one that the platform publishes"
        )
        yield f"key        Ed25519, fingerprint {grouped}"
        yield f"           {trusted}"
    yield "not shown  that a publisher's document says what a factor row says: open the document at its row,"
    yield "           its file is named by SHA-256; that a total lists every line of its building;"
    yield "           that what was recorded was true"
    yield ""
    if check.faults:
        for fault in check.faults:
            yield f"FAULT      {fault.code}: {show(fault.message)}"
        yield f"DOES NOT HOLD: {len(check.faults)} fault{'s' if len(check.faults) > 1 else ''}"
        return
    apart = (
        f"; {check.inexact} of them differ from exact arithmetic in the last digit" if check.inexact else ""
    )
    yield f"EVERYTHING HOLDS: {check.numbers} published numbers were computed again{apart}"


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    sys.setrecursionlimit(4_000)
    parser = argparse.ArgumentParser(prog="verify.py", description="Check an audit bundle.")
    parser.add_argument("bundle", nargs="?", help="the archive, or the folder that it was unpacked into")
    parser.add_argument("--key", help="fingerprint of the public key that you trust, at least 32 digits")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")
    chosen = parser.parse_args(words)
    path = chosen.bundle or os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    try:
        files = read_files(path)
        if "manifest.json" not in files:
            raise Unreadable("there is no manifest.json: this is no audit bundle")
    except Unreadable as error:
        sys.stderr.write(f"UNREADABLE {show(str(error))}\n")
        return 2
    check = Check(files, chosen.key)
    holds = check.run()
    if chosen.json:
        answer = {
            "holds": holds,
            "faults": [{"code": fault.code, "message": fault.message} for fault in check.faults],
            "subjects": check.subjects,
            "numbers": check.numbers,
            "last_digit_differs_from_exact": check.inexact,
            "key_sha256": check.fingerprint,
            "checked_at": dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),  # noqa: UP017
        }
        sys.stdout.write(json.dumps(answer, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(report(check, path)) + "\n")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
