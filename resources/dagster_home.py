"""Where Dagster keeps its state, and the environment in which its processes run.

Belongs here: DAGSTER_HOME and the variables that ``dagster.yaml`` reads. Dagster itself is not imported.
Does not belong here: running anything.
"""

from __future__ import annotations

from pathlib import Path

from greenlang_assets.core.data_root import PROJECT_ROOT


def prepare(home: Path, *, dagster_url: str) -> dict[str, str]:
    """Make DAGSTER_HOME and return the environment in which Dagster's processes run.

    Args:
        home: state folder; Dagster's lies in ``dagster/`` below it.
        dagster_url: SQLAlchemy address of the database, its driver named.
    """
    folder = home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dagster.yaml").write_bytes((PROJECT_ROOT / "dagster.yaml").read_bytes())
    return {
        "DAGSTER_HOME": str(folder),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "GREENLANG_HOME": str(home),
        "GREENLANG_DAGSTER_DATABASE_URL": dagster_url,
    }
