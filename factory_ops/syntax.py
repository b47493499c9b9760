"""Source text as a syntax tree, one at a time.

Belongs here: the one way in which the factory parses Python. Does not belong here: what is looked for in a
tree (``quality.rules``, ``quality.mutants``, ``generation.literals``).

Python 3.11 counts the depth of the tree that it builds for all threads together (python/cpython#106905): two
threads that parse at the same moment may end in ``SystemError: AST constructor recursion depth mismatch``.
"""

from __future__ import annotations

import ast
import threading

_one_at_a_time = threading.Lock()


def parse(source: str) -> ast.Module:
    """The tree of a module's text.

    Raises:
        SyntaxError: the text is not Python.
    """
    with _one_at_a_time:
        return ast.parse(source)
