"""Where the shipped files lie: the one setting through which ``data/`` and ``dbt/`` are found.

Belongs here: the folders. Does not belong here: what is in them.
"""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]
_INSTALLED = Path(sysconfig.get_paths()["data"]) / "share" / "greenlang"


def _root() -> Path:
    """The checkout when we run from one, else where the wheel put its data files."""
    named = os.environ.get("GREENLANG_DATA_ROOT")
    if named:
        return Path(named)
    return _CHECKOUT if (_CHECKOUT / "data" / "factors").is_dir() else _INSTALLED


#: Holds ``data/``, ``dbt/``, ``dagster.yaml`` and ``workspace.yaml``.
PROJECT_ROOT = _root()
#: Factor tables, formula families, example tenants.
DATA_ROOT = PROJECT_ROOT / "data"
#: The dbt project over tenant results.
DBT_ROOT = PROJECT_ROOT / "dbt"
