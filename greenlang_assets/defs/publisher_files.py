"""The publishers' files as Dagster sees them: observed, not made; and how often we look.

Belongs here: one observable source asset a publisher, the quarterly schedules.
Does not belong here: which files there are (``core.factors.publishers``), their hashes
(``core.recipes.publisher_files``).

**Why there are no partitions by quarter.** A partition is a piece of content that is made by itself. What
publishers put out is an edition, at most one a year each and never on the same day: a quarter in which nobody
published would record last quarter's content once more under another name, and a table of fifty thousand
factors would look as if it had four versions a year. So the quarter is *when we look*, not *what we hold*:
each quarter the files are observed (their SHA-256 is the data version) and the factor assets are made again,
which is idle where nothing changed. *What we hold* is versioned by edition: every asset's metadata names the
semantic version of each edition, and a label with a quarter (``2024-Q4``) is the version 2024.4.0. The
quarter of a run is its run key and its tag, so that no quarter runs twice and each can be found.
"""

import datetime as dt
import warnings

import dagster as dg

from greenlang_assets.core.factors.publishers import PUBLISHERS, Publisher
from greenlang_assets.core.recipes.publisher_files import data_version, hashes
from resources.dagster.resource import WorldResource

GROUP = "publisher_files"
QUARTER_TAG = "greenlang/quarter"


def key_of(name: str) -> dg.AssetKey:
    """Key of a publisher's files, by the name that ``glac factors import`` takes."""
    return dg.AssetKey([GROUP, name.replace("-", "_")])


def _source(publisher: Publisher) -> dg.AssetsDefinition | dg.SourceAsset:
    files = sorted({file.rpartition("/")[2] for file in publisher.files.values()})
    listed = "\n".join(f"* `{file}`" for file in files) or "* none ships: the user brings a licensed copy"

    @dg.observable_source_asset(
        key=key_of(publisher.name),
        group_name=GROUP,
        description=(
            f"The files of `{publisher.name}`, in their publisher's own format; none of them is part of the "
            "project.\n\nThe data version covers the SHA-256 of every file: of the files themselves where "
            "`GREENLANG_PUBLISHER_FILES` names their folder, of what the tables were made from (by their "
            f"manifest) elsewhere.\n\n{listed}"
        ),
        tags={"dagster/kind/file": ""},
    )
    def observed(world: WorldResource) -> dg.ObserveResult:
        found = hashes(publisher.name, world.world())
        return dg.ObserveResult(
            data_version=dg.DataVersion(data_version(found)),
            metadata={
                "files": dg.MetadataValue.json(found),
                "read from": "the files" if world.world().publisher_files else "the manifest of the tables",
            },
        )

    return observed


with warnings.catch_warnings():
    # Observable source assets are still called a beta.
    warnings.simplefilter("ignore", dg.BetaWarning)
    SOURCES = [_source(publisher) for publisher in PUBLISHERS]
    _ALL = dg.AssetSelection.groups(GROUP, include_sources=True)

OBSERVE_JOB = dg.define_asset_job(
    "publisher_files",
    selection=_ALL,
    description="Look at every publisher's files: which are other files than last quarter?",
    executor_def=dg.in_process_executor,
)


def quarter(day: dt.datetime) -> str:
    """The quarter of a day: ``2026-Q4``."""
    return f"{day.year}-Q{(day.month + 2) // 3}"


def _schedule(job: object, name: str, hour: int, description: str) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name,
        job=job,  # type: ignore[arg-type]
        cron_schedule=f"0 {hour} 1 1,4,7,10 *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
    def quarterly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        label = quarter(context.scheduled_execution_time)
        return dg.RunRequest(run_key=f"{name}-{label}", tags={QUARTER_TAG: label})

    return quarterly


def schedules(factors_job: object) -> list[dg.ScheduleDefinition]:
    """The quarter's two runs: look at the files, then make what follows from them.

    Args:
        factors_job: the job over all factor assets.
    """
    return [
        _schedule(
            OBSERVE_JOB, "publisher_files_quarterly", 4, "The first day of a quarter at 04:00 UTC: observe."
        ),
        _schedule(factors_job, "factors_quarterly", 5, "The first day of a quarter at 05:00 UTC: make."),
    ]
