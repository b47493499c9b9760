"""Progress of long work, one line a stage, and carrying a stage out in this process.

Belongs here: what a person sees while `glac run` and `glac emissions backfill` work.
Does not belong here: which stages there are (``core.recipes.plan``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from registry_ops.cli.output import console

if TYPE_CHECKING:
    from greenlang_assets.core.recipes.base import World
    from greenlang_assets.core.recipes.plan import Stage
    from resources.dagster.instance import Runner


class Step(Protocol):
    """What is called when a step has ended."""

    def __call__(self, at: str, made: bool = True) -> None:
        """Say where it was, and whether it was made."""


class Stages:
    """Progress, one line a stage: what is done, how far, how long."""

    def __init__(self, *, quiet: bool) -> None:
        self._console = console(stderr=quiet)
        self.started = time.monotonic()

    @contextmanager
    def stage(self, name: str, total: int, *, idle: str = "up to date") -> Iterator[Step]:
        """A stage of ``total`` steps; call the yielded function after each. ``idle`` is said of no steps."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        began = time.monotonic()
        if not self._console.is_terminal:
            self._console.print(f"{name} …")
        with Progress(
            TextColumn("{task.description:<34}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[at]}", style="dim"),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        ) as progress:
            task = progress.add_task(name, total=max(total, 1), at="")
            ended = {True: 0, False: 0}

            def step(at: str, made: bool = True) -> None:
                progress.update(task, advance=1, at=at)
                ended[made] += 1
                if at and not self._console.is_terminal:
                    self._console.print(f"  {sum(ended.values())} of {total}  {at}")

            yield step
        done = f"{ended[True]} made" if total else idle
        if ended[False]:
            done += f", {ended[False]} failed"
        self._console.print(f"{name:<34} {done:<12} {time.monotonic() - began:6.1f} s")


def carry_out(stage: Stage, world: World, runner: Runner, stages: Stages) -> int:
    """Make what is stale of a stage; the number of materialisations."""
    from greenlang_assets.core.recipes.plan import stale

    steps = stale(stage, world)
    with stages.stage(stage.title, len(steps)) as step:
        for assets, partition in steps:
            runner.materialise(stage.job, assets=assets, partition=partition)
            step(came_of(world, assets, partition) if partition else "")
    return sum(len(assets) for assets, _ in steps)


def came_of(world: World, assets: Sequence[str], partition: str) -> str:
    """A partition and what came of it, in a line: the counts of the last of its assets that states any."""
    from greenlang_assets.core.recipes.plan import counts

    told = ", ".join(f"{count:,} {name}" for name, count in counts(world, assets, partition).items())
    return f"{partition}  {told}"
