"""What generated code may not say, read from its syntax tree.

Belongs here: rules about arithmetic, imports, calls, secrets, documentation and annotations.
Does not belong here: the tools' own rules (``static``).
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from typing import Any

from factory_ops.syntax import parse

#: Modules that the compute path may import.
_ALLOWED = frozenset(("__future__", "collections.abc", "dataclasses", "functools", "pathlib", "typing"))
_ALLOWED_TREES = ("greenlang_assets.core", "greenlang_assets.sdk")
_ALLOWED_IN_TESTS = frozenset(("fractions", "unittest", "operator", "unittest.mock"))
_FORBIDDEN_CALLS = frozenset(
    ("eval", "exec", "compile", "open", "input", "print", "globals", "locals", "vars", "__import__",
     "breakpoint", "sum", "round", "pow", "divmod", "abs", "min", "max", "float", "int", "complex", "hash",
     "id")
)  # fmt: skip
_DUNDERS = frozenset(("__file__", "__name__", "__init__", "__future__"))
_SUPPRESSION = re.compile(
    r"#.*\b(noqa|nosec|type:\s*ignore|pragma:\s*no\s*cover|fmt:\s*(?:off|skip))", re.IGNORECASE
)
_SECRETS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "an access key of AWS": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a token": re.compile(
        r"\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*|\bgh[pousr]_[A-Za-z0-9]{30,}|\bsk-[A-Za-z0-9_-]{20,}"
    ),
    "a password": re.compile(
        r"(?i)\b(?:password|passwd|secret|api[_-]?key|access[_-]?token)\b['\"]?\s*[:=]\s*['\"]?[^\s'\"{<\[(]{6,}"
    ),
    "credentials in an address": re.compile(r"://[^/\s:@'\"]+:[^/\s@'\"]+@"),
}


def own_modules(paths: Mapping[str, Any]) -> frozenset[str]:
    """Dotted names of a pack's own modules."""
    return frozenset(path.removesuffix(".py").replace("/", ".") for path in paths if path.endswith(".py"))


def forbidden(path: str, source: str, own: frozenset[str]) -> Iterator[str]:
    """What keeps a file of the compute path from being pure: arithmetic, imports, calls, dunders."""
    for node in ast.walk(parse(source)):
        place = f"{path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.BinOp | ast.AugAssign) and not isinstance(node.op, ast.BitOr):
            yield f"{place}: arithmetic ({type(node.op).__name__}) outside the formula engine"
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Invert):
            if not isinstance(node.operand, ast.Constant):
                yield f"{place}: arithmetic outside the formula engine"
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in _FORBIDDEN_CALLS
        ):
            yield f"{place}: calls {node.func.id}"
        elif isinstance(node, ast.Attribute | ast.Name):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            if name.startswith("__") and name not in _DUNDERS:
                yield f"{place}: reaches for {name}"
        elif isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.Global | ast.Nonlocal | ast.Lambda):
            yield f"{place}: {type(node).__name__} has no place in a calculator"
    yield from imports(path, source, own)


def imports(path: str, source: str, own: frozenset[str]) -> Iterator[str]:
    """Imports that are not allowed; tests may import a few more."""
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "" if not node.level else "a relative module"]
        else:
            continue
        for name in names:
            known = name in _ALLOWED or name in own or name.startswith(tuple(f"{t}." for t in _ALLOWED_TREES))
            if not known and not (path.startswith("tests/") and name in _ALLOWED_IN_TESTS):
                yield f"{path}:{node.lineno}: imports {name}"


def anti_patterns(path: str, source: str) -> Iterator[str]:
    """Loops that have no end in sight, and loops in loops in loops."""

    def depth(node: ast.AST, level: int) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            inner = level + isinstance(child, ast.For | ast.While | ast.comprehension)
            if isinstance(child, ast.While) and isinstance(child.test, ast.Constant):
                yield f"{path}:{child.lineno}: a loop without a condition"
            if inner > 2 and inner > level:
                yield f"{path}:{getattr(child, 'lineno', 0)}: loops nested three deep"
            yield from depth(child, inner)

    yield from depth(parse(source), 0)


def suppressions(path: str, source: str) -> Iterator[str]:
    """Comments that would silence a tool."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and (found := _SUPPRESSION.search(token.string)):
            yield f"{path}:{token.start[0]}: suppresses findings ({found.group(1)})"


def secrets(path: str, text: str) -> Iterator[str]:
    """What looks like a secret; what it is stays untold."""
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in _SECRETS.items():
            if pattern.search(line):
                yield f"{path}:{number}: {what}"


def documented(source: str) -> tuple[int, int, list[str]]:
    """Definitions with a docstring, definitions at all, and those without; module, classes, functions."""
    tree = parse(source)
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    nodes = [node for node in ast.walk(tree) if isinstance(node, kinds)]
    public = [node for node in nodes if not getattr(node, "name", "x").startswith("_")]
    bare = [getattr(node, "name", "the module") for node in public if not ast.get_docstring(node)]
    return len(public) - len(bare), len(public), bare


def annotated(source: str) -> tuple[int, int]:
    """Annotated places and all places: arguments but ``self`` and ``cls``, and returns."""
    have = total = 0
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            arguments += [
                argument for argument in (node.args.vararg, node.args.kwarg) if argument is not None
            ]
            hints = [argument.annotation for argument in arguments if argument.arg not in ("self", "cls")]
            hints.append(node.returns)
            have, total = have + sum(hint is not None for hint in hints), total + len(hints)
    return have, total


def duplication(sources: Mapping[str, str], *, window: int = 8) -> float:
    """Share of lines that stand in a block of ``window`` lines found more than once."""
    seen: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    total = 0
    for path, source in sorted(sources.items()):
        lines = [line.strip() for line in source.splitlines() if line.strip()]
        total += len(lines)
        for start in range(len(lines) - window + 1):
            seen.setdefault(tuple(lines[start : start + window]), []).append((path, start))
    doubled = {
        (path, start + offset)
        for places in seen.values()
        if len(places) > 1
        for path, start in places
        for offset in range(window)
    }
    return round(len(doubled) / total, 4) if total else 0.0
