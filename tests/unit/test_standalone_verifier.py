"""The verifier against public vectors and against the platform: written twice, they must agree."""

from __future__ import annotations

import ast
import hashlib
import sys
import time
from fractions import Fraction
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from greenlang_assets.core import units
from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.evaluate import evaluate_float
from greenlang_assets.core.formulas.reference import evaluate_exact
from greenlang_assets.core.formulas.rounding import publish
from greenlang_assets.core.formulas.values import number
from greenlang_assets.core.provenance import canonical, standalone_verifier
from greenlang_assets.core.provenance.canonical import canonical_bytes
from greenlang_assets.core.provenance.merkle import RowTree, leaf_hash, root_of
from greenlang_assets.core.provenance.standalone_verifier import (
    Fault,
    Formula,
    Unit,
    conversion,
    ed25519_holds,
    number_text,
    published,
    read_factors,
    read_json,
    tree_root,
)
from greenlang_assets.core.unit_symbols import KIND

# --- it stands alone


def test_it_needs_the_standard_library_and_nothing_else() -> None:
    tree = ast.parse(Path(standalone_verifier.__file__).read_text("utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= set(sys.stdlib_module_names)
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"eval", "exec", "compile", "__import__", "getattr", "setattr"}


# --- Ed25519: RFC 8032, section 7.1

RFC_8032 = {
    "TEST 1": (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd"
        "25bf5f0595bbe24655141438e7a100b",
    ),
    "TEST 2": (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    "TEST 3": (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
    "TEST SHA(abc)": (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").hexdigest(),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
        "3dca179c138ac17ad9bef1177331a704",
    ),
}


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032.values(), ids=RFC_8032)
def test_signatures_of_the_rfc_hold_and_their_neighbours_do_not(
    public: str, message: str, signature: str
) -> None:
    key, text, good = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
    assert ed25519_holds(key, text, good)
    assert not ed25519_holds(key, text + b"x", good)
    for at in (0, 31, 32, 63):
        bad = bytearray(good)
        bad[at] ^= 1
        assert not ed25519_holds(key, text, bytes(bad))
    assert not ed25519_holds(bytes(32), text, good)
    assert not ed25519_holds(key, text, good[:63])
    assert not ed25519_holds(key[:31], text, good)


def test_a_second_form_of_the_same_signature_is_refused() -> None:
    """S plus the group's order: RFC 8032, section 5.1.7, asks for S below it."""
    public, _, signature = (bytes.fromhex(part) for part in RFC_8032["TEST 1"])
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = int.from_bytes(signature[32:], "little") + order
    assert not ed25519_holds(public, b"", signature[:32] + scalar.to_bytes(32, "little"))


@pytest.mark.parametrize("y", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 1], ids=str)
def test_a_key_of_small_order_signs_nothing(y: int) -> None:
    key = y.to_bytes(32, "little")
    neutral = (1).to_bytes(32, "little")
    assert not ed25519_holds(key, b"anything", neutral + bytes(32))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_it_agrees_with_another_implementation(seed: bytes, message: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    assert ed25519_holds(key.public_key().public_bytes_raw(), message, key.sign(message))


# --- the tree over rows: RFC 6962, section 2.1


def by_definition(leaves: list[bytes]) -> bytes:
    """The tree hash as the RFC defines it, from above."""
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


@pytest.mark.parametrize("block", [1, 3])
@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4, 5, 8, 9, 31, 33, 100])
def test_every_row_is_proved_and_no_other_is(rows: int, block: int) -> None:
    lines = [b"header", *(f"row {row}".encode() for row in range(1, rows + 1))]
    tree = RowTree(b"\n".join(lines) + b"\n", block)
    leaves = [lines[0], *(b"\n".join(lines[1:][at : at + block]) for at in range(0, rows, block))]
    assert tree.root == by_definition(leaves).hex()
    assert tree.fact == {"block": block, "root": tree.root, "rows": rows}
    for row in range(1, rows + 1):
        proof = tree.row(row)
        assert lines[row] in proof.data.split(b"\n")
        path = [item.hex() for item in proof.path]
        assert (
            root_of(proof, len(leaves)) == tree_root(proof.data, proof.leaf, len(leaves), path) == tree.root
        )
        assert tree_root(proof.data + b" ", proof.leaf, len(leaves), path) != tree.root
        for wrong in (path[:-1], [*path, path[-1]]):
            with pytest.raises(Fault):
                tree_root(proof.data, proof.leaf, len(leaves), wrong)
    for row in (0, -1, rows + 1):
        with pytest.raises(GreenlangError, match="ROW_INDEX_WRONG"):
            tree.row(row)


def test_a_row_of_a_large_table_is_proved_in_far_less_than_a_millisecond() -> None:
    tree = RowTree(b"header\n" + b"".join(b"row %d\n" % row for row in range(1, 200_001)))
    started = time.perf_counter()
    for row in range(1, 200_001, 200):
        tree.row(row)
    # A thousand proofs; a hundredth of this is what they take on an idle machine.
    assert time.perf_counter() - started < 1


# --- units


@pytest.mark.parametrize("symbol", [name for name, kind in KIND.items() if kind != "currency"])
def test_a_unit_is_what_the_platform_says(symbol: str) -> None:
    """A new symbol in ``unit_symbols`` is added to ``UNITS`` of the verifier too, from its own source."""
    scale, dimension = units._symbol(symbol, "")
    assert symbol in standalone_verifier.UNITS, f"add {symbol} = {scale} to standalone_verifier"
    assert standalone_verifier.UNITS[symbol][1:] == (scale, dict(dimension))


UNITS = [
    "kg[CO2]/mmBtu[gross]", "lb[CH4]/GWh", "g[N2O]/mile", "kg[CO2e]/USD[2022]", "1/year", "m3", "kg/m^3",
    "kg[CO2e]/tonne*km", "MJ[net]/kg", "m^(1/2)", "%", "kg[HFC-134a]", "tonne/ha/year", "kWh/m2",
]  # fmt: skip


@pytest.mark.parametrize("first", UNITS)
def test_units_convert_as_the_platform_converts_them(first: str) -> None:
    for second in (
        *UNITS,
        "g[CO2]/MJ[gross]",
        "tonne[CO2e]/EUR[2022]",
        "L",
        "g/cm3",
        "s^-1",
        "kg[CO2e]/tonne_km",
    ):
        ours = _outcome(lambda other=second: conversion(Unit(read_factors(first)), Unit(read_factors(other))))
        theirs = _outcome(lambda other=second: units.conversion(first, other))
        assert ours == theirs, (first, second)


def _outcome(call: object) -> Fraction | None:
    try:
        return call()  # type: ignore[operator]
    except (Fault, GreenlangError):
        return None


# --- formulas


@pytest.fixture(scope="module")
def engine() -> CalculationEngine:
    return CalculationEngine.shipped()


def both(
    formula: Formula, plain: dict[str, Fraction], keys: dict[str, str]
) -> dict[str, tuple[float, Fraction]]:
    floats = formula.compute(plain, keys, standalone_verifier._Floats())
    exactly = formula.compute(plain, keys, standalone_verifier._Exact())
    return {name: (floats[name], exactly[name]) for name in floats}


def split(given_inputs: dict[str, object], item_keys: set[str]) -> tuple[dict[str, Fraction], dict[str, str]]:
    numbers: dict[str, Fraction] = {}
    keys: dict[str, str] = {}
    for name, value in given_inputs.items():
        if name in item_keys:
            keys[name] = str(value)
        elif isinstance(value, dict):
            numbers.update({f"{name}[{member}]": number(name, cell) for member, cell in value.items()})
        else:
            numbers[name] = number(name, value)  # type: ignore[arg-type]
    return numbers, keys


def test_every_equation_of_the_library_computes_the_same_float64_and_the_same_rational(
    engine: CalculationEngine,
) -> None:
    seen = 0
    for equation in engine.library.equations:
        record = read_json(canonical_bytes(equation.record()))
        ours = Formula(record, Unit(read_factors("item")) if equation.is_generic else None)
        names = {item.symbol for item in equation.inputs if item.role == "key"}
        for vector in equation.vectors:
            given_inputs = dict(vector.inputs)
            if vector.gwp_set is not None:
                for item in equation.inputs:
                    if item.role == "gwp" and item.symbol not in given_inputs:
                        given_inputs[item.symbol] = engine.library._gwp(vector.gwp_set, item)
            floats = evaluate_float(equation, given_inputs)
            exact = evaluate_exact(equation, given_inputs)
            found = both(ours, *split(given_inputs, names))
            assert {name: value[0].hex() for name, value in found.items()} == {
                name: value.hex() for name, value in floats.items()
            }, equation.id
            assert {name: value[1] for name, value in found.items()} == exact, equation.id
            for output in equation.outputs:
                assert published(found[output.symbol][0], output.precision) == publish(
                    floats[output.symbol], output.precision
                )
            seen += 1
    assert seen > 300


FORMULAS = {
    "eval": "y = __import__('os')",
    "attribute": "y = a.b",
    "string": "y = 'a'",
    "power of a variable": "y = a ^ a",
    "power tower": "y = a ^ 9 ^ 9",
    "large power": "y = a ^ 17",
    "fine power": "y = a ^ (1/10001)",
    "scientific": "y = 1e6 * a",
    "call": "y = open(a)",
    "unknown name": "y = b",
    "set twice": "y = a\ny = a",
    "reserved": "sum = a",
    "too deep": "y = " + "(" * 33 + "a" + ")" * 33,
    "too many nodes": "y = a" + " + a" * 300,
    "too long": "y = a" + " " * 4100,
    "too many digits": "y = a * " + "9" * 31,
    "unknown unit": "y = a * 1<parsec>",
    "mixed units": "y = a + 1<kg>",
    "one argument": "y = min(a)",
    "three arguments": "y = abs(a, a)",
    "empty": "",
    "unfinished": "y = a *",
    "not ASCII": "y = a × a",
}


@pytest.mark.parametrize("text", FORMULAS.values(), ids=FORMULAS)
def test_what_the_language_does_not_have_is_refused(text: str) -> None:
    record = {
        "inputs": [{"symbol": "a", "unit": "1", "role": "parameter"}],
        "outputs": [{"symbol": "y", "unit": "1", "precision": 6}],
        "indices": {},
        "expression": text,
    }
    with pytest.raises(Fault):
        Formula(record, None)


# --- numbers and texts


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_written_as_the_platform_writes_them(value: float) -> None:
    assert number_text(value) == canonical.number_text(value)


@pytest.mark.parametrize(
    "text", ["1e999999999", "1/3", "0x10", " 1", "1_0", "", "NaN", "inf", "9" * 500, 5, None]
)
def test_a_number_of_a_row_is_a_plain_decimal(text: object) -> None:
    with pytest.raises(Fault):
        standalone_verifier.rational(text)


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', '{"a":1.5}', '{"a":NaN}', '{"a":1e3}', "[" * 100_000])
def test_records_with_two_readings_are_refused(text: str) -> None:
    with pytest.raises(standalone_verifier.MALFORMED):
        read_json(text)


def test_nothing_in_a_bundle_can_move_the_cursor() -> None:
    assert standalone_verifier.show("a\x1b[2Jb\r\nc\u202e") == "a\ufffd[2Jb\ufffd\ufffdc\ufffd"
