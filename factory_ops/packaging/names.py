"""Which paths a pack may hold.

Belongs here: names. Does not belong here: contents.

The list of what is allowed is closed: a few files and folders at the top, three kinds of file. So nothing
can shadow a module of Python or of the platform, and nothing is run by merely being there
(``sitecustomize.py``, ``conftest.py``, ``.pth``).
"""

from __future__ import annotations

import re

from factory_ops.packaging.tar import MAX_NAME
from greenlang_assets.core.errors import GreenlangError

MANIFEST = "manifest.json"
_TOP_FILES = frozenset(("agent.py", "models.py", "README.md", "pack.json", "plan.json", MANIFEST))
_TOP_FOLDERS = frozenset(("tests", "agents", "gl", "greenlang"))
_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9][A-Za-z0-9_-]*)*")
_KINDS = (".py", ".json", ".md")
_RUN_BY_BEING_THERE = frozenset(("sitecustomize.py", "usercustomize.py", "conftest.py"))


def checked_name(name: str) -> str:
    """The name itself when a pack may hold such a file.

    Raises:
        GreenlangError: ``MEMBER_NAME`` for a name that is unsafe anywhere, ``MEMBER_FORBIDDEN`` for one
            that has no place in a pack.
    """
    if not name.isascii() or not name.isprintable() or not 1 <= len(name) <= MAX_NAME:
        raise _refused("MEMBER_NAME", name, f"1 to {MAX_NAME} printable ASCII characters")
    parts = name.split("/")
    if not all(_SEGMENT.fullmatch(part) for part in parts):
        raise _refused(
            "MEMBER_NAME", name, "segments of letters, digits, - and _ that start with a letter or digit"
        )
    allowed = name in _TOP_FILES if len(parts) == 1 else parts[0] in _TOP_FOLDERS
    if not allowed or not name.endswith(_KINDS) or parts[-1].lower() in _RUN_BY_BEING_THERE:
        raise _refused(
            "MEMBER_FORBIDDEN",
            name,
            f"one of {', '.join(sorted(_TOP_FILES))}, or a file under {', '.join(sorted(_TOP_FOLDERS))}",
        )
    return name


def check_together(names: list[str]) -> None:
    """Refuse names that are one file on some file system, and files that are folders as well.

    Raises:
        GreenlangError: ``MEMBER_DOUBLED``.
    """
    seen: set[str] = set()
    for name in names:
        folded = name.casefold()
        if folded in seen:
            raise _refused("MEMBER_DOUBLED", name, "each name once, whatever its case")
        seen.add(folded)
    for name in names:
        parts = name.casefold().split("/")
        if any("/".join(parts[:depth]) in seen for depth in range(1, len(parts))):
            raise _refused("MEMBER_DOUBLED", name, "a file or a folder, not both")


def _refused(code: str, name: str, expected: str) -> GreenlangError:
    messages = {
        "MEMBER_NAME": "a member of the archive has a name that is unsafe",
        "MEMBER_FORBIDDEN": "a pack holds no such file",
        "MEMBER_DOUBLED": "two members of the archive claim one place",
    }
    return GreenlangError(
        code, messages[code], found=ascii(name)[:140], expected=expected, where={"member": ascii(name)[:140]}
    )
