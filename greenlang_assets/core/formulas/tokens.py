"""Cuts formula text into tokens.

Belongs here: the characters of the language, and errors that point into a text.
Does not belong here: the grammar (``parser``).
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from greenlang_assets.core.errors import GreenlangError

_TOKEN = re.compile(
    r"(?P<space>[ \t]+)|(?P<newline>\r?\n)|(?P<number>[0-9]+(?:\.[0-9]+)?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign><=|>=|==|!=|\*\*|[-+*/^(),=<>\[\]:;])",
    re.ASCII,
)
_UNIT = re.compile(r"[ \t]*<(?P<unit>[^\s,<>=]{1,100})>")


class Token(NamedTuple):
    """A word, number, unit or sign of the text, and where it stands."""

    kind: Literal["number", "unit", "word", "sign", "newline", "end"]
    text: str
    at: int


#: What helps against an error that brings no hint of its own.
_HINTS = {
    "FORMULA_SYNTAX": "one result a line, as in total = mass * factor",
    "FORMULA_LIMIT": "split it into several formulas",
    "FORMULA_NAME": "inputs are declared beside the text; a result is computed once, above where it is used",
    "FORMULA_DIVISION_BY_ZERO": "guard the operation with if(condition, ..., ...)",
    "UNIT_MISMATCH": "a factor with a unit brings one dimension to another; or correct a declared unit",
    "UNIT_GWP": "declare an input with the role gwp",
}


def fault(code: str, message: str, source: str, at: int, **details: str | None) -> GreenlangError:
    """An error at an offset of a formula's text, with line and column counted from 1, and with a hint."""
    details["hint"] = details.get("hint") or _HINTS.get(code)
    line = source.count("\n", 0, at) + 1
    column = at - (source.rfind("\n", 0, at) + 1) + 1
    where = {"line": line, "column": column, "position": at}
    return GreenlangError(code, message, where=where, **details)


def tokens(source: str) -> list[Token]:
    """The tokens of a formula; a unit in angle brackets counts as one right after a number only.

    Raises:
        GreenlangError: ``FORMULA_SYNTAX`` at a character that no formula contains.
    """
    found: list[Token] = []
    at = depth = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise _bad_character(source, at)
        kind, text = str(match.lastgroup), match.group()
        if kind == "sign":
            depth += (text in "([") - (text in ")]")
        if kind == "number":
            found.append(Token("number", text, at))
            unit = _UNIT.match(source, match.end())
            if unit:
                found.append(Token("unit", unit["unit"], unit.start("unit")))
                at = unit.end()
                continue
        elif kind == "word":
            found.append(Token("word", text, at))
        elif kind == "sign" and text != ";":
            found.append(Token("sign", text, at))
        elif kind == "sign" or (kind == "newline" and depth <= 0):
            found.append(Token("newline", text, at))
        at = match.end()
    found.append(Token("end", "", len(source)))
    return found


_CHARACTER_HINTS = {
    "'": "the language has no strings",
    '"': "the language has no strings",
    "`": "the language has no strings",
    "{": "the language has no sets or formatted strings",
    ".": "there are no attributes; a number starts with a digit, as in 0.5",
    "%": "write a fraction, or give the input the unit %",
    "!": "there is no factorial; != compares",
    "#": "a remark stands in the note of the equation",
    "\\": "a line that is open in parentheses goes on by itself",
    "−": "use the ASCII hyphen-minus for minus",
    "×": "multiply with *",
    "·": "multiply with *",
    "÷": "divide with /",
}


def _bad_character(source: str, at: int) -> GreenlangError:
    character = source[at]
    printable = character if character.isprintable() else f"U+{ord(character):04X}"
    hint = _CHARACTER_HINTS.get(character)
    if hint is None and not (character.isascii() and character.isprintable()):
        hint = "formulas are written in printable ASCII"
    return fault(
        "FORMULA_SYNTAX",
        "a character that no formula contains",
        source,
        at,
        found=printable,
        expected="names, decimal numbers and + - * / ^ ( ) , = < > [ ] :",
        hint=hint,
    )
