"""``glac emissions backfill``: recorded emission runs of many partitions, several processes at a time.

Belongs here: choosing partitions, seeing to a daemon, showing progress, the outcome.
Does not belong here: what a run makes (``core.recipes``); asking Dagster for it (``resources.dagster``).
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from greenlang_assets.core.errors import GreenlangError
from registry_ops.cli.output import console, print_json, print_table
from registry_ops.cli.platform import AsJson, Workers
from registry_ops.cli.stages import Stages, Step, came_of, carry_out

if TYPE_CHECKING:
    import subprocess

    from greenlang_assets.core.recipes.base import World
    from greenlang_assets.core.recipes.plan import Stage
    from registry_ops.cli.services import Service
    from resources.dagster.backfill import Backfill, PartitionRun
    from resources.platform import Platform

_LOOK_SECONDS = 1.0
#: In the line of progress; the table at the end has all of it.
_WHY_WIDTH = 100


def backfill(
    tenants: Annotated[
        list[str] | None,
        typer.Option("--tenant", help="Only cohorts of this tenant; others in the same cohort come along."),
    ] = None,
    cohorts: Annotated[list[str] | None, typer.Option("--cohort", help="Only this cohort: cohort-3.")] = None,
    periods: Annotated[list[str] | None, typer.Option("--period", help="Only this period: 2016.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also what is up to date; the same inputs give the same hashes.")
    ] = False,
    workers: Workers = None,
    as_json: AsJson = False,
) -> int:
    """Calculate tenants' partitions in runs of their own, several at a time; idle where nothing changed."""
    from resources.platform import open_platform
    from resources.settings import Settings

    stages = Stages(quiet=as_json)
    with stages.stage("Database", 0, idle="open"):
        platform = open_platform(Settings.from_env())
    with platform:
        outcome = _backfill(platform, stages, Choice(tenants, cohorts, periods, again), workers)
    if as_json:
        print_json(outcome)
    else:
        _print(outcome)
    return 1 if outcome["failed"] else 0


@dataclass(frozen=True)
class Choice:
    """Which partitions a person asked for; an empty choice is all of them."""

    tenants: Sequence[str] | None
    cohorts: Sequence[str] | None
    periods: Sequence[str] | None
    again: bool = False

    def of(self, stage: Stage, world: World) -> list[tuple[tuple[str, ...], str]]:
        """What is to be made of the chosen partitions: what is not up to date; everything if ``again``."""
        from greenlang_assets.core.recipes.plan import stale
        from greenlang_assets.core.tenants.cohorts import cohort_of, parts_of

        keys = [key for key in stage.partitions(world) if key is not None]
        chosen = set(self.cohorts or ()) | {cohort_of(tenant) for tenant in self.tenants or ()}
        found = [
            key
            for key in keys
            if (not chosen or parts_of(key)[0] in chosen)
            and (not self.periods or parts_of(key)[1] in self.periods)
        ]
        if not found:
            raise GreenlangError(
                "PARTITION_UNKNOWN",
                "no tenant reports for what was asked",
                found=", ".join([*(self.tenants or ()), *(self.cohorts or ()), *(self.periods or ())]),
                expected=_named(keys),
            )
        if self.again:
            return [(tuple(recipe.asset for recipe in stage.recipes), key) for key in found]
        return [(assets, key) for assets, key in stale(stage, world) if key in found]


def _named(keys: Sequence[str]) -> str:
    from greenlang_assets.core.tenants.cohorts import parts_of

    cohorts, periods = zip(*map(parts_of, keys), strict=True) if keys else ((), ())
    return f"a cohort of {', '.join(sorted(set(cohorts)))} and a period of {', '.join(sorted(set(periods)))}"


def _backfill(platform: Platform, stages: Stages, choice: Choice, workers: int | None) -> dict[str, Any]:
    from resources.world import world_of

    with stages.stage("Definitions", 0, idle="loaded"):
        from greenlang_assets.core.recipes import plan
        from greenlang_assets.definitions import defs
        from resources.dagster.backfill import Backfill, daemon_is_up
        from resources.dagster.instance import Runner, open_instance
        from resources.dagster.recovery import recover
        from resources.dagster_home import prepare

    world, stage = world_of(platform), plan.emission_runs()
    environment = prepare(platform.settings.home, dagster_url=platform.database.dagster_url, workers=workers)
    with open_instance(environment) as instance:
        recover(platform, instance)
        if workers is not None and daemon_is_up(instance):
            raise GreenlangError(
                "DAEMON_RUNS_ALREADY",
                "Dagster's daemon is up, and it was told how many runs to start when it began",
                expected="`glac up --workers N`, or this command without --workers",
            )
        runner = Runner(defs, instance)
        runner.add_partitions("period", plan.periods(world))
        carry_out(plan.tenant_register(), world, runner, stages)
        plan.require_factors(world)
        steps = choice.of(stage, world)
        if not steps:
            return {"backfill": None, "partitions": 0, "made": {}, "failed": {}, "seconds": 0.0}
        asked = Backfill.request(defs, instance, steps=steps, title=f"{len(steps)} emission runs")
        daemon = _Daemon(platform, instance, environment)
        began = time.monotonic()
        try:
            with stages.stage(f"{stage.title} ({asked.id})", len(steps)) as step:
                runs = _watch(asked, daemon, len(steps), _told(step, world, stage))
        finally:
            if daemon.is_ours:
                daemon.stop()
                recover(platform, instance)
                asked.give_up()
    return {
        "backfill": asked.id,
        "partitions": len(steps),
        "made": {key: run.run_id for key, run in runs.items() if run.state == "made"},
        "failed": {key: _why(runs.get(key)) for _, key in steps if _why(runs.get(key))},
        "seconds": round(time.monotonic() - began, 1),
    }


def _why(run: PartitionRun | None) -> str:
    if run is None:
        return "Dagster closed the backfill before this partition's run began"
    return run.why


def _watch(
    asked: Backfill, daemon: _Daemon, partitions: int, ended: Callable[[PartitionRun], None]
) -> dict[str, PartitionRun]:
    """Look at the runs until the backfill is over; ``ended`` is called once for each partition."""
    told: set[str] = set()
    while True:
        daemon.see_to_it()
        over, runs = asked.over, asked.runs()
        final = {key: run for key, run in runs.items() if run.state in ("made", "failed")}
        for key in sorted(final.keys() - told):
            # What failed may be tried again as long as Dagster has not closed the backfill.
            if final[key].state == "made" or over:
                told.add(key)
                ended(final[key])
        everything_made = len(told) == partitions
        if over or (everything_made and not daemon.is_ours):
            return runs
        time.sleep(_LOOK_SECONDS)


def _told(step: Step, world: World, stage: Stage) -> Callable[[PartitionRun], None]:
    """What is said of a partition when it has ended: its counts, or why it failed."""
    assets = [recipe.asset for recipe in stage.recipes]

    def told(run: PartitionRun) -> None:
        if run.state == "failed":
            step(f"{run.partition}  failed: {textwrap.shorten(run.why, _WHY_WIDTH)}", made=False)
        else:
            step(came_of(world, assets, run.partition))

    return told


class _Daemon:
    """Dagster's daemon: that of `glac up` where it runs, else one of ours for as long as it is needed."""

    def __init__(self, platform: Platform, instance: Any, environment: dict[str, str]) -> None:
        self._platform = platform
        self._instance = instance
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_ours(self) -> bool:
        """Whether it ends with this command."""
        return self._process is not None

    def see_to_it(self) -> None:
        """Start one when there is none.

        Raises:
            GreenlangError: ``SERVICE_ENDED`` when ours ended by itself.
        """
        from resources.dagster.backfill import daemon_is_up

        if self._process is not None:
            self._service.require_alive(self._process)
        elif not daemon_is_up(self._instance):
            self._process = self._service.start()

    def stop(self) -> None:
        """End ours, and the runs that it still has."""
        from resources.dagster.backfill import forget_daemon

        if self._process is not None:
            self._service.stop(self._process)
            self._process = None
            forget_daemon(self._instance)

    @property
    def _service(self) -> Service:
        from greenlang_assets.core.data_root import PROJECT_ROOT
        from registry_ops.cli.services import Service

        return Service(
            name="Dagster's daemon",
            module="dagster._daemon",
            arguments=("run", "-w", str(PROJECT_ROOT / "workspace.yaml")),
            environment=self._environment,
            log=self._platform.settings.home / "logs" / "dagster.log",
        )


def _print(outcome: dict[str, Any]) -> None:
    out = console()
    if outcome["backfill"] is None:
        out.print("Nothing to do: every chosen partition is up to date (--again makes it once more).")
        return
    out.print(f"{len(outcome['made'])} of {outcome['partitions']} partitions made in {outcome['seconds']} s")
    if outcome["failed"]:
        print_table(
            "failed; what is made stays, and the same command goes on with these",
            ["partition", "why"],
            sorted(outcome["failed"].items()),
            folded=["why"],
        )
    out.print(f"in Dagster's UI (glac up): Runs, Backfills, {outcome['backfill']}")
