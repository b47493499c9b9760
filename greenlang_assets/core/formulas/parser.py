"""Reads formula text into a syntax tree: a recursive-descent parser of a small grammar.

Belongs here: the grammar, its limits, errors with line and column.
Does not belong here: whether names exist and units fit (``dimensions``).

Grammar (spaces are free; inside parentheses a line may be broken)::

    program    = statement { (newline | ";") statement }
    statement  = name "=" sum
    sum        = product { ("+" | "-") product }
    product    = unary { ("*" | "/") unary }
    unary      = "-" unary | power
    power      = atom [ "^" exponent ]
    exponent   = ["-"] decimal | "(" ["-"] integer ["/" integer] ")"
    atom       = decimal [ "<" unit ">" ] | name [ "[" name "]" ] | "(" sum ")"
               | ("min" | "max") "(" sum "," sum { "," sum } ")" | ("exp" | "log" | "abs") "(" sum ")"
               | "if" "(" sum compare sum "," sum "," sum ")" | "sum" "(" name "in" name ":" sum ")"

There are no strings, attributes, assignments inside expressions, or calls of anything else: a formula
cannot reach the machine it runs on. Text is at most 4 kB, nesting 32, nodes 512.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Literal, TypeVar, cast

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.ast import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_NODES,
    Binary,
    Call,
    Comparison,
    Conditional,
    Element,
    Expression,
    Name,
    Negative,
    Number,
    Power,
    Program,
    Statement,
    Sum,
)
from greenlang_assets.core.formulas.tokens import Token, fault, tokens

MAX_DIGITS = 30
MAX_EXPONENT = 16
MAX_EXPONENT_DENOMINATOR = 10_000
RESERVED = frozenset({"min", "max", "exp", "log", "abs", "if", "sum", "in"})

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_COMPARE = ("<", "<=", ">", ">=", "==", "!=")
_FUNCTIONS = "min, max, exp, log, abs, if or sum"
#: What somebody may have meant by a sign that cannot stand where it stands.
_UNEXPECTED = {
    ",": "a decimal number has a full stop and no thousands separators",
    ":": "a result is named at the start of a line of its own, with =",
    "=": "== compares; a function takes its values by their place",
    "[": "a table is looked up by its name, as in factor[key]; there are no lists",
    "(": f"only {_FUNCTIONS} are called, and by their name",
    "*": "* stands between two values",
}

_Node = TypeVar("_Node", bound=Expression)


def parse(source: str) -> Program:
    """Reads a formula.

    Args:
        source: the text, at most 4 kB in UTF-8.

    Raises:
        GreenlangError: ``FORMULA_SYNTAX`` or ``FORMULA_LIMIT``, with line, column and offset.
    """
    # Characters first: encoding a huge text only to refuse it would cost more than the refusal.
    if len(source) > MAX_BYTES or len(source.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise fault(
            "FORMULA_LIMIT",
            "the formula is too long",
            source[:1],
            0,
            found=f"{len(source)} characters",
            expected=f"at most {MAX_BYTES} bytes",
            hint="split it into several formulas",
        )
    return _Parser(source).program()


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens = tokens(source)
        self.next = 0
        self.depth = 0
        self.nodes = 0

    def program(self) -> Program:
        statements = []
        while True:
            while self.peek().kind == "newline":
                self.next += 1
            if self.peek().kind == "end":
                break
            statements.append(self.statement())
            if self.peek().kind not in ("newline", "end"):
                raise self.unexpected("an operator or the end of the line")
        if not statements:
            raise fault(
                "FORMULA_SYNTAX",
                "the formula is empty",
                self.source,
                0,
                expected="name = expression",
            )
        return Program(tuple(statements), self.source)

    def statement(self) -> Statement:
        token = self.peek()
        name = self.name("the name of a result")
        self.sign("=", "results are named: co2 = activity * ef_co2")
        return Statement(name, self.sum(), token.at)

    def sum(self) -> Expression:
        left = self.product()
        while self.peek().kind == "sign" and self.peek().text in ("+", "-"):
            token = self.take()
            operator = cast(Literal["+", "-"], token.text)
            left = self.grown(Binary(operator, left, self.product(), token.at))
        return left

    def product(self) -> Expression:
        left = self.unary()
        while self.peek().kind == "sign" and self.peek().text in ("*", "/"):
            token = self.take()
            operator = cast(Literal["*", "/"], token.text)
            left = self.grown(Binary(operator, left, self.unary(), token.at))
        return left

    def unary(self) -> Expression:
        token = self.peek()
        if token.text != "-" or token.kind != "sign":
            return self.power()
        self.take()
        self.deeper(token)
        operand = self.unary()
        self.depth -= 1
        return self.grown(Negative(operand, token.at))

    def power(self) -> Expression:
        base = self.atom()
        token = self.peek()
        if token.text == "**":
            raise self.unexpected("an operator", "powers are written ^ with a literal exponent")
        if token.text != "^":
            return base
        self.take()
        exponent = self.exponent()
        if self.peek().text in ("^", "**"):
            raise self.unexpected("an operator", "a power of a power needs parentheses")
        return self.grown(Power(base, exponent, token.at))

    def exponent(self) -> Fraction:
        token = self.peek()
        bracketed = self.skip("(")
        negative = self.skip("-")
        value = self.decimal("a literal exponent, as in x ^ 2 or x ^ (1/3)")
        if bracketed:
            if self.skip("/"):
                below = self.decimal("a literal denominator")
                if below == 0:
                    raise self.refuse(token, "the exponent divides by zero")
                value /= below
            self.sign(")", "an exponent is a literal: x ^ 2, x ^ -1, x ^ 0.75, x ^ (1/3)")
        if value > MAX_EXPONENT or value.denominator > MAX_EXPONENT_DENOMINATOR:
            raise fault(
                "FORMULA_LIMIT",
                "the exponent is too large or too fine",
                self.source,
                token.at,
                found=str(value)[:40],
                expected=f"at most {MAX_EXPONENT}, denominator at most {MAX_EXPONENT_DENOMINATOR}",
            )
        return -value if negative else value

    def atom(self) -> Expression:
        token = self.peek()
        if token.kind == "number":
            return self.number()
        if token.kind == "word":
            if token.text in ("min", "max", "exp", "log", "abs"):
                return self.call()
            if token.text == "if":
                return self.conditional()
            if token.text == "sum":
                return self.total()
            name = self.name("a name or a number")
            if self.skip("["):
                key = self.name("the name of a key", "a key is a name, not a number or a text")
                self.sign("]", "a table is looked up by one key")
                return self.grown(Element(name, key, token.at))
            if self.peek().text == "(":
                raise self.refuse(
                    token, "there is no such function", _FUNCTIONS, "a product is written with *"
                )
            return self.grown(Name(name, token.at))
        if token.kind == "sign" and token.text == "(":
            self.open()
            inside = self.sum()
            self.close()
            return inside
        raise self.unexpected("a name, a number or (")

    def number(self) -> Expression:
        token = self.peek()
        value = self.decimal("a number")
        unit = self.take().text if self.peek().kind == "unit" else None
        return self.grown(Number(value, unit, token.at))

    def call(self) -> Expression:
        token = self.take()
        function = cast(Literal["min", "max", "exp", "log", "abs"], token.text)
        self.open()
        arguments = [self.sum()]
        while self.skip(","):
            arguments.append(self.sum())
        several = function in ("min", "max")
        if (len(arguments) < 2) if several else (len(arguments) != 1):
            wanted = "two arguments or more" if several else "one argument"
            raise self.refuse(token, f"{function} takes {wanted}", wanted)
        self.close()
        return self.grown(Call(function, tuple(arguments), token.at))

    def conditional(self) -> Expression:
        token = self.take()
        self.open()
        left = self.sum()
        compare = self.peek()
        if compare.text not in _COMPARE:
            raise self.unexpected("a comparison: < <= > >= == !=")
        operator = cast(Literal["<", "<=", ">", ">=", "==", "!="], self.take().text)
        condition = Comparison(operator, left, self.sum(), compare.at)
        self.nodes += 1
        self.sign(",", "if(condition, then, otherwise)")
        then = self.sum()
        self.sign(",", "if(condition, then, otherwise)")
        otherwise = self.sum()
        self.close()
        return self.grown(Conditional(condition, then, otherwise, token.at))

    def total(self) -> Expression:
        token = self.take()
        self.open()
        variable = self.name("a summation variable", "sum(i in materials: quantity[i] * factor[i])")
        if self.peek().text != "in":
            raise self.unexpected("in", "sum(i in materials: quantity[i] * factor[i])")
        self.take()
        index = self.name("the name of an index")
        self.sign(":", "sum(i in materials: quantity[i] * factor[i])")
        body = self.sum()
        self.close()
        return self.grown(Sum(variable, index, body, token.at))

    def decimal(self, expected: str) -> Fraction:
        token = self.peek()
        if token.kind != "number":
            raise self.unexpected(expected)
        after = self.source[token.at + len(token.text) : token.at + len(token.text) + 1]
        if after.isalnum() or after in ("_", "."):
            raise self.refuse(
                token, "a number is a plain decimal", "digits with one full stop", "write 10^6, not 1e6"
            )
        if len(token.text) > MAX_DIGITS:
            raise fault(
                "FORMULA_LIMIT",
                "the number is too long",
                self.source,
                token.at,
                found=f"{len(token.text)} digits",
                expected=f"at most {MAX_DIGITS}",
            )
        self.take()
        return Fraction(token.text)

    def name(self, expected: str, hint: str | None = None) -> str:
        token = self.peek()
        if token.kind != "word":
            raise self.unexpected(expected, hint)
        if token.text in RESERVED:
            raise self.refuse(token, f"{token.text} is a word of the language", expected)
        if not _NAME.fullmatch(token.text):
            raise self.refuse(
                token,
                "this cannot be a name",
                "a lower-case letter, then lower-case letters, digits or _, at most 64",
                "as in emission_factor_2",
            )
        self.take()
        return token.text

    def open(self) -> None:
        token = self.peek()
        self.sign("(", None)
        self.deeper(token)

    def close(self) -> None:
        self.sign(")", None)
        self.depth -= 1

    def deeper(self, token: Token) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise fault(
                "FORMULA_LIMIT",
                "the formula is nested too deeply",
                self.source,
                token.at,
                found=f"{self.depth} levels",
                expected=f"at most {MAX_DEPTH}",
                hint="name intermediate results: part = ...",
            )

    def grown(self, node: _Node) -> _Node:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise fault(
                "FORMULA_LIMIT",
                "the formula has too many parts",
                self.source,
                node.at,
                expected=f"at most {MAX_NODES} nodes",
                hint="split it into several formulas",
            )
        return node

    def peek(self) -> Token:
        return self.tokens[self.next]

    def take(self) -> Token:
        token = self.tokens[self.next]
        self.next += 1
        return token

    def skip(self, text: str) -> bool:
        token = self.peek()
        found = token.kind == "sign" and token.text == text
        self.next += found
        return found

    def sign(self, text: str, hint: str | None) -> None:
        if not self.skip(text):
            raise self.unexpected(text, hint)

    def unexpected(self, expected: str, hint: str | None = None) -> GreenlangError:
        token = self.peek()
        ends = {"end": "the end of the formula", "newline": "the end of the line"}
        hint = hint or _UNEXPECTED.get(token.text)
        return self.error(token, "the formula cannot be read here", ends.get(token.kind), expected, hint)

    def refuse(
        self, token: Token, message: str, expected: str | None = None, hint: str | None = None
    ) -> GreenlangError:
        return self.error(token, message, None, expected, hint)

    def error(
        self, token: Token, message: str, found: str | None, expected: str | None, hint: str | None
    ) -> GreenlangError:
        return fault(
            "FORMULA_SYNTAX",
            message,
            self.source,
            token.at,
            found=found or token.text[:40],
            expected=expected,
            hint=hint,
        )
