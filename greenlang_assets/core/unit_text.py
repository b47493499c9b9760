"""Reads unit texts: canonical, or as people write them.

Belongs here: spelling. Does not belong here: dimensions and conversions (``units``).
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.unit_symbols import (
    ALIASES,
    AMBIGUOUS,
    BASES,
    KIND,
    QUALIFIABLE,
    QUALIFIER_SPELLINGS,
)

#: ``(symbol, qualifier or "", exponent)`` in reading order.
Factors = tuple[tuple[str, str, Fraction], ...]

_MAX_TEXT = 200
_MAX_DEPTH = 4
_QUALIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_BASIS_WORDS = re.compile(r"\s*[(,]?\s*\b(gross cv|net cv|gross|net|hhv|lhv|gcv|ncv)\b\s*\)?", re.IGNORECASE)
_GAS_WORDS = re.compile(
    r"(?P<symbol>.*?[A-Za-z])[\s_]*(?:of\s+)?"
    r"(?P<gas>CO2[\s_-]?e(?:q(?:uivalent)?)?|CO2|CH4|N2O|SF6|NF3)",
    re.IGNORECASE,
)
_POWER = re.compile(
    r"(?P<base>.+?)\s*\^\s*(?:(?P<whole>[+-]?\d{1,2})|\((?P<fraction>[+-]?\d{1,2}(?:/[1-9]\d?)?)\))"
)


def read_factors(text: str) -> Factors:
    """The factors of a unit text as written: kg/kg is still a mass over a mass here.

    Raises:
        GreenlangError: ``UNIT_UNKNOWN`` with the nearest symbols, ``UNIT_AMBIGUOUS``, ``UNIT_QUALIFIER``.
    """
    if len(text) > _MAX_TEXT:
        raise GreenlangError(
            "UNIT_UNKNOWN",
            "a unit text is short",
            found=f"{len(text)} characters",
            expected=f"at most {_MAX_TEXT}",
        )
    clean = unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("\u2044", "/").strip()
    # A raised dot may join a name (t·km) or multiply: read as a full stop, which _word may cut at.
    clean = re.sub(r"[·⋅∙•‧]", ".", clean).replace("**", "^").replace("×", "*")
    whole = _alias(clean)
    if whole is not None:
        return ((whole, checked_qualifier(whole, "", text), Fraction(1)),)
    clean = re.sub(r"\bper\b", "/", clean, flags=re.IGNORECASE)
    return _read_product(clean, text)


def _read_product(clean: str, text: str, depth: int = 0) -> Factors:
    """Cuts at ``*`` and ``/`` outside parentheses; an operand in parentheses is a product of its own."""
    operands, signs, start, level = [], [1], 0, 0
    for position, character in enumerate(clean):
        level += (character in "([") - (character in ")]")
        if character in "*/" and level == 0:
            operands.append(clean[start:position].strip())
            signs.append(-1 if character == "/" else 1)
            start = position + 1
    operands.append(clean[start:].strip())
    factors: list[tuple[str, str, Fraction]] = []
    for sign, operand in zip(signs, operands, strict=True):
        if not operand or depth > _MAX_DEPTH:
            raise _unknown(operand, text)
        grouped = operand.startswith("(") and operand.endswith(")")
        inner = _read_product(operand[1:-1], text, depth + 1) if grouped else _word(operand, text)
        factors += [(name, mark, power * sign) for name, mark, power in inner]
    return tuple(factors)


def _alias(word: str) -> str | None:
    """The symbol behind one word, or None."""
    if word in KIND:
        return word
    key = re.sub(r"[\s_.\-]+", "_", word.strip()).lower()
    for candidate in (key, key.removesuffix("s")):
        if candidate in AMBIGUOUS:
            raise GreenlangError(
                "UNIT_AMBIGUOUS",
                f"the unit {word!r} means different things to different people",
                found=word,
                expected="a unit with one meaning",
                hint=AMBIGUOUS[candidate],
            )
        found = ALIASES.get(candidate) or _LOWER.get(candidate)
        if found and not _is_another_prefix(word, found):
            return found
    return None


def _is_another_prefix(word: str, symbol: str) -> bool:
    """Whether reading ``mJ`` as ``MJ`` would turn milli into mega; ``mj`` and ``MJ`` are people's habits."""
    return (
        len(word) <= 3 and word[0] in "mM" and word[0] != symbol[0] and not (word.islower() or word.isupper())
    )


#: Symbols in lower case, where no two symbols share one; single letters keep their case.
_LOWER = {
    symbol.lower(): symbol
    for symbol in KIND
    if len(symbol) > 1 and sum(other.lower() == symbol.lower() for other in KIND) == 1
}


def _word(word: str, text: str) -> Factors:
    """One factor: symbol, optional qualifier, optional exponent."""
    exponent = Fraction(1)
    powered = _POWER.fullmatch(word)
    if powered:
        exponent = Fraction(powered["whole"] or powered["fraction"])
        word = powered["base"].strip()
    qualifier = ""
    bracket = re.fullmatch(r"(?P<symbol>[^\[\]]+)\[(?P<qualifier>[^\[\]]*)\]", word)
    if bracket:
        word, qualifier = bracket["symbol"].strip(), bracket["qualifier"].strip()
    symbol = _alias(word)
    if symbol is None and not qualifier:
        basis = _BASIS_WORDS.search(word)
        gas = _GAS_WORDS.fullmatch(word)
        if basis and basis.start():
            qualifier = basis.group(1)
            symbol = _alias((word[: basis.start()] + word[basis.end() :]).strip())
        elif gas:
            qualifier = gas["gas"]
            symbol = _alias(gas["symbol"])
    if symbol is None and not powered:
        digit = re.fullmatch(r"(?P<base>[A-Za-z_]+)(?P<exponent>-?[1-9])", word)
        symbol = _alias(digit["base"]) if digit else None
        exponent = Fraction(digit["exponent"]) if digit else exponent
    if symbol is None and "." in word.strip(".") and not powered and not bracket:
        return tuple(factor for part in word.split(".") for factor in _word(part.strip(), text))
    if symbol is None:
        raise _unknown(word, text)
    if exponent.denominator == 1 and f"{symbol}{exponent}" in KIND and not qualifier:
        symbol, exponent = f"{symbol}{exponent}", Fraction(1)
    return ((symbol, checked_qualifier(symbol, qualifier, text), exponent),)


def checked_qualifier(symbol: str, qualifier: str, text: str) -> str:
    """The canonical qualifier of a symbol, empty if it has none.

    Raises:
        GreenlangError: ``UNIT_QUALIFIER`` where the symbol cannot carry it, or must carry one.
    """
    kind = KIND[symbol]
    key = re.sub(r"[\s_-]+", "_", qualifier).lower()
    qualifier = QUALIFIER_SPELLINGS.get(key, qualifier)
    expected: str | None = None
    if kind == "currency":
        if not re.fullmatch(r"[12]\d{3}", qualifier, re.ASCII):
            expected = f"the price year, e.g. {symbol}[2022]"
    elif qualifier and kind not in QUALIFIABLE:
        expected = f"no qualifier; only {', '.join(QUALIFIABLE)} and currency carry one"
    elif qualifier and kind == "energy" and qualifier not in BASES:
        expected = "gross or net"
    elif qualifier and kind != "energy" and qualifier in BASES:
        expected = "a substance; gross and net belong to energy"
    elif qualifier and not _QUALIFIER.fullmatch(qualifier):
        expected = "letters, digits, '_', '.' or '-'"
    if expected:
        raise GreenlangError(
            "UNIT_QUALIFIER",
            f"the qualifier of {symbol} in {text!r} cannot be used",
            found=qualifier or "none",
            expected=expected,
        )
    return qualifier


def _unknown(word: str, text: str) -> GreenlangError:
    from rapidfuzz import process

    spellings = {**_LOWER, **ALIASES, **{name: name for name in KIND}}
    near = [spellings[name] for name, _, _ in process.extract(word, list(spellings), limit=6)]
    return GreenlangError(
        "UNIT_UNKNOWN",
        f"no unit is called {word!r}",
        found=text,
        expected="one of " + ", ".join(dict.fromkeys(near)),
        hint="a unit text is a product of symbols, e.g. kg[CO2]/mmBtu[gross]",
    )
