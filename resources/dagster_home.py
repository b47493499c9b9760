"""Where Dagster keeps its state, and the environment in which its processes run.

Belongs here: DAGSTER_HOME and the variables that ``dagster.yaml`` reads. Dagster itself is not imported.
Does not belong here: running anything.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from greenlang_assets.core.data_root import PROJECT_ROOT

#: What of the allowed runs a backfill leaves to others: a pack that arrives, a verification.
OTHER_RUNS = 2


def prepare(home: Path, *, dagster_url: str, workers: int | None = None) -> dict[str, str]:
    """Make DAGSTER_HOME and return the environment in which Dagster's processes run.

    Args:
        home: state folder; Dagster's lies in ``dagster/`` below it.
        dagster_url: SQLAlchemy address of the database, its driver named.
        workers: runs of a backfill at the same time, as ``dagster.yaml`` says unless given.
    """
    folder = home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    text = (PROJECT_ROOT / "dagster.yaml").read_text(encoding="utf-8")
    if workers is not None:
        instance = yaml.safe_load(text)
        runs = instance["concurrency"]["runs"]
        runs["max_concurrent_runs"] = workers + OTHER_RUNS
        runs["tag_concurrency_limits"] = [{"key": "dagster/backfill", "limit": workers}]
        text = yaml.safe_dump(instance, sort_keys=False)
    (folder / "dagster.yaml").write_text(text, encoding="utf-8")
    return {
        "DAGSTER_HOME": str(folder),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "GREENLANG_HOME": str(home),
        "GREENLANG_DAGSTER_DATABASE_URL": dagster_url,
    }
