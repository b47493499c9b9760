"""The command line ``glac``.

Belongs here: words typed in a terminal, turned into calls and back into tables or JSON.
Does not belong here: anything that computes. Heavy modules are imported by the command that needs them,
so that ``--help`` answers at once.

Exit codes: 0 fine, 1 a negative answer (not found, invalid, does not verify), 2 unreadable input, 64 usage.
"""

from registry_ops.cli.app import main

__all__ = ["main"]
