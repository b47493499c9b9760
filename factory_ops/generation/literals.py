"""How values become source code: as literals, and nothing else.

Belongs here: the filters that templates use, and the proof that what came out is what went in.
Does not belong here: templates.

A text that a stranger wrote reaches a Python file only as ``repr``, on the right side of an assignment at
module level. :func:`prove` parses the file again: every such literal must be equal to the value that was
meant, and with the literals taken out the syntax tree must be that of the template alone.
"""

from __future__ import annotations

import ast
import html
import keyword
import re
from collections.abc import Mapping
from typing import Any

from factory_ops.syntax import parse
from greenlang_assets.core.errors import GreenlangError

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,63}")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-!|~$])")


def py(value: Any) -> str:
    """A value as a Python literal that reads back as the same value.

    Raises:
        GreenlangError: ``LITERAL_NOT_PLAIN``: it is not text, number, truth, None, list, tuple or mapping.
    """
    text = ascii(value)
    try:
        again = ast.literal_eval(text)
    except (ValueError, SyntaxError) as error:
        raise _not_plain(text) from error
    if not _same(again, value):
        raise _not_plain(text)
    return text


def identifier(value: str) -> str:
    """A text that may stand as a name in code.

    Raises:
        GreenlangError: ``NAME_NOT_SAFE``.
    """
    if not _IDENTIFIER.fullmatch(value) or keyword.iskeyword(value) or "__" in value:
        raise GreenlangError(
            "NAME_NOT_SAFE",
            "this text cannot be a name in generated code",
            found=ascii(value)[:80],
            expected="a-z, then a-z 0-9 _, at most 64, no Python keyword, no double underscore",
        )
    return value


def md(value: Any) -> str:
    """A text as Markdown that shows it as it is, on one line."""
    return _MARKDOWN.sub(r"\\\1", html.escape(" ".join(str(value).split()), quote=False))


def prove(path: str, source: str, skeleton: str, literals: Mapping[str, Any]) -> None:
    """Refuse a generated file that says anything but its template and the values meant for it.

    Args:
        path: of the file, for the error.
        source: the file.
        skeleton: the same template rendered with ``None`` for every literal.
        literals: name at module level -> the value that it must have; no more, no fewer.

    Raises:
        GreenlangError: ``GENERATED_CODE_ALTERED``.
    """
    try:
        tree, plain = parse(source), parse(skeleton)
        found = {}
        for node in tree.body:
            if _is_literal(node, literals):
                assert isinstance(node, ast.AnnAssign)
                assert node.value is not None
                found[node.target.id] = ast.literal_eval(node.value)  # type: ignore[union-attr]
                node.value = ast.Constant(None)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise _altered(path, f"{type(error).__name__}: {error}") from error
    if ast.dump(tree) != ast.dump(plain):
        raise _altered(path, "another syntax tree than the template's")
    if found.keys() != literals.keys():
        raise _altered(path, f"literals {', '.join(sorted(found))}")
    for name, value in literals.items():
        if not _same(found[name], value):
            raise _altered(path, f"another value of {name}")


def _is_literal(node: ast.stmt, literals: Mapping[str, Any]) -> bool:
    return (
        isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id in literals
    )


def _same(left: Any, right: Any) -> bool:
    """Equal, and of the same kind all the way down (1, 1.0 and True are three values)."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(_same, left, right))
    return isinstance(left, str | int | float | None) and bool(left == right)


def _not_plain(text: str) -> GreenlangError:
    return GreenlangError(
        "LITERAL_NOT_PLAIN",
        "this value cannot stand in code as a literal",
        found=text[:120],
        expected="text, finite number, truth, None, list, tuple or mapping",
    )


def _altered(path: str, found: str) -> GreenlangError:
    return GreenlangError(
        "GENERATED_CODE_ALTERED",
        "a generated file says something else than its template and the pack's values",
        found=found[:200],
        expected="the template's syntax tree with the pack's values as literals",
        hint="nothing was kept; this is a fault of the generator, not of the pack",
        where={"file": path},
    )
