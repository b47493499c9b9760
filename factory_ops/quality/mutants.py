"""Small faults put into code on purpose, to see whether its tests notice.

Belongs here: which faults there are. Does not belong here: running tests against them.

Left alone: docstrings, annotations, and the texts of errors and logs (of an error, only its code counts).
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

from factory_ops.syntax import parse

#: More than a calculator has; a larger file is sampled evenly.
MAX_MUTANTS = 80
_SWAPS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_LOGS = frozenset(("debug", "info", "warning", "error", "exception", "critical", "log"))


@dataclass(frozen=True)
class Mutant:
    """One faulty version of a file."""

    path: str
    line: int
    what: str
    source: str


def mutants(path: str, source: str) -> list[Mutant]:
    """Every mutant of a file, or an even sample of :data:`MAX_MUTANTS`, in the file's order."""
    tree = parse(source)
    spots = [spot for spot in _spots(tree) if not isinstance(spot[0], ast.expr_context)]
    if len(spots) > MAX_MUTANTS:
        spots = [spots[index * len(spots) // MAX_MUTANTS] for index in range(MAX_MUTANTS)]
    made = []
    for node, what in spots:
        twin, position = copy.deepcopy(tree), _index(tree, node)
        fresh = _at(twin, position)
        _apply(twin, fresh, what)
        line = getattr(node, "lineno", 0)
        made.append(Mutant(path, line, what, ast.unparse(ast.fix_missing_locations(twin))))
    return made


def _index(tree: ast.AST, node: ast.AST) -> int:
    return next(number for number, item in enumerate(ast.walk(tree)) if item is node)


def _at(tree: ast.AST, position: int) -> ast.AST:
    return next(item for number, item in enumerate(ast.walk(tree)) if number == position)


def _spots(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    skipped = _skipped(tree)
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Constant):
            if isinstance(node.value, bool):
                yield node, "truth turned round"
            elif isinstance(node.value, int | float):
                yield node, "number changed"
            elif isinstance(node.value, str):
                yield node, "text changed"
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in _SWAPS:
            yield node, "comparison turned round"
        elif isinstance(node, ast.BoolOp):
            yield node, "and/or exchanged"
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield node, "not removed"
        elif isinstance(node, ast.Raise):
            yield node, "raise removed"
        elif isinstance(node, ast.Return) and node.value is not None:
            yield node, "nothing returned"
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and not _is_log(node.value):
            yield node, "call removed"


def _skipped(tree: ast.Module) -> set[int]:
    """Nodes that are no behaviour: docstrings, annotations, texts of errors and logs."""
    parts: list[ast.AST | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                parts.append(first)
        if isinstance(node, ast.AnnAssign | ast.arg):
            parts.append(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            parts.append(node.returns)
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            parts.extend(node.exc.args[1:])
            parts.extend(keyword.value for keyword in node.exc.keywords)
        elif isinstance(node, ast.Call) and _is_log(node):
            parts.append(node)
    return {id(inner) for part in parts if part is not None for inner in ast.walk(part)}


def _is_log(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in _LOGS


def _apply(tree: ast.AST, node: ast.AST, what: str) -> None:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            node.value = not node.value
        elif isinstance(node.value, int | float):
            node.value += 1
        else:
            node.value = f"{node.value}~"  # type: ignore[str-bytes-safe]
    elif isinstance(node, ast.Compare):
        node.ops[0] = _SWAPS[type(node.ops[0])]()
    elif isinstance(node, ast.BoolOp):
        node.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
    elif isinstance(node, ast.Return):
        node.value = ast.Constant(None)
    elif isinstance(node, ast.UnaryOp):
        _replace(tree, node, node.operand)
    else:
        _replace(tree, node, ast.Pass())
    del what


def _replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list) and any(item is old for item in value):
                value[:] = [new if item is old else item for item in value]
