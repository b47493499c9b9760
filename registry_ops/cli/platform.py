"""``glac run``, ``glac up``, ``glac clean``: the whole platform from one command.

Belongs here: the summary, starting and stopping processes.
Does not belong here: progress (``stages``), what is made (``greenlang_assets``), in which order
(``core.recipes.plan``).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry_ops.cli import agents
from registry_ops.cli.output import console, print_json
from registry_ops.cli.stages import Stages, carry_out

if TYPE_CHECKING:
    from resources.platform import Platform

Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Runs of a backfill at the same time, each a process of about 0.5 GB."),
]
AsJson = Annotated[bool, typer.Option("--json", help="The summary as one JSON document.")]


def run(as_json: AsJson = False) -> int:
    """Do the main job: factors, formulas, tenants, marts, verified provenance. Idle where nothing changed."""
    from resources.platform import open_platform
    from resources.settings import Settings

    stages = Stages(quiet=as_json)
    with stages.stage("Database", 0, idle="open"):
        platform = open_platform(Settings.from_env())
    with platform:
        summary = _run(platform, stages)
    if as_json:
        print_json(summary)
    else:
        _print_summary(summary)
    return 0 if summary["provenance"]["findings"] == [] else 1


def _run(platform: Platform, stages: Stages) -> dict[str, Any]:
    from resources.world import world_of

    with stages.stage("Definitions", 0, idle="loaded"):
        from greenlang_assets.core.data_root import DBT_ROOT
        from greenlang_assets.core.recipes import plan
        from greenlang_assets.core.recipes.ledger import is_due, recorded_report
        from greenlang_assets.core.recipes.marts import mart_recipe
        from greenlang_assets.definitions import defs
        from resources.dagster.instance import Runner, open_instance
        from resources.dagster.recovery import recover
        from resources.dagster.verification import report_of, verify
        from resources.dagster_home import prepare
        from resources.dbt_project import read_marts
        from resources.factory_world import factory_world_of
        from resources.registry_world import open_registry_world

        world = world_of(platform)
    made = 0
    marts = tuple(mart_recipe(mart.name, mart.key) for mart in read_marts(DBT_ROOT))
    environment = prepare(platform.settings.home, dagster_url=platform.database.dagster_url)
    with open_instance(environment) as instance, open_registry_world(platform) as registry:
        recover(platform, instance)
        runner = Runner(defs, instance)
        runner.add_partitions("period", plan.periods(world))
        for stage in plan.stages(marts):
            made += carry_out(stage, world, runner, stages)
        factory = factory_world_of(platform)
        agents.drop_examples(platform.store)
        new = agents.take_in_new(factory)
        runner.add_partitions("pack", new)
        steps = plan.stale(agents.pack_stage(new), factory)
        with stages.stage("Agent packs", len(steps)) as step:
            built, refused = agents.build_packs(runner, steps, step)
            made += built
        made += carry_out(agents.registry_stage(), registry, runner, stages)
        with (
            stages.stage("Agents answer over HTTP", 0, idle="asked"),
            agents.serving(platform, environment) as ask,
        ):
            answers = agents.first_answers(ask)
        due = is_due(world)
        with stages.stage("Provenance", int(due), idle="verified") as step:
            if due:
                runner.materialise("provenance_verification")
                step("")
                made += 1
            report = recorded_report(world) if due else report_of(verify(platform, instance))
    return {
        **plan.summary(world),
        "agents": answers,
        "refused_packs": refused,
        "materialisations": made,
        "provenance": report,
        "seconds": round(time.monotonic() - stages.started, 1),
        "home": str(platform.settings.home),
    }


def _print_summary(summary: dict[str, Any]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    tie_out, proof, example = summary["tie_out"], summary["provenance"], summary["example"]
    findings = proof["findings"]
    table = Table(
        title="What stands now", title_justify="left", title_style="bold", box=box.SIMPLE, show_header=False
    )
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in (
        ("emission factors", f"{summary['factors']:,} ({summary['published_values']:,} published values)"),
        ("formulas", f"{summary['formulas']:,} from {summary['equations']:,} equations"),
        ("tenants", f"{summary['tenants']:,} with {summary['building_years']:,} building-years calculated"),
        ("emissions", f"{summary['tco2e_location']:,.0f} t CO2e location-based, "
                      f"{summary['tco2e_market']:,.0f} t market-based"),
        ("activity rows", f"{summary['lines']:,} calculated, {summary['rejected']:,} rejected with reasons"),
        ("ties out with the city", f"{tie_out['within_1_percent']:,} of {tie_out['compared']:,} "
                                   f"({tie_out['share_percent']} %) within 1 %"),
        ("compared are", tie_out["predicate"]),
        ("provenance", "verified" if not findings else f"{len(findings)} findings"),
        ("", f"{proof['entries']:,} ledger entries, {proof['events']:,} Dagster events compared"),
        *(_answered(item) for item in summary["agents"]),
        *(("refused pack", f"{pack}: {why}") for pack, why in summary["refused_packs"].items()),
        *((asset, digest) for asset, digest in summary["hashes"].items()),
        ("made in this run", f"{summary['materialisations']:,} materialisations in {summary['seconds']} s"),
        ("kept in", summary["home"]),
    ):  # fmt: skip
        table.add_row(name, value)
    out = console()
    out.print(table)
    for finding in findings[:10]:
        out.print(Text.assemble((finding["code"], "bold red"), "  ", finding["message"]))
    out.print("Try next", style="bold")
    out.print(f"  .venv/bin/glac provenance show {example['total_sha256']}")
    out.print(
        f"      {example['facility']}, {example['period']}: {example['tco2e']:,.1f} t CO2e, "
        "down to the publisher's row"
    )
    out.print("  .venv/bin/glac factors lookup natural-gas --region US --year 2024 --unit mmBtu")
    out.print("  make up      Dagster's UI: the same assets, their lineage, tables and plots")


def _answered(item: dict[str, Any]) -> tuple[str, str]:
    """One line an agent: what was asked and what it answered, with its unit."""
    given = ((name, value, item["units"].get(name, "")) for name, value in item["inputs"].items())
    asked = ", ".join(" ".join(map(str, words)).strip() for words in given)
    answer = item["answer"]
    if "result" not in answer:
        return f"agent {item['agent']}", f"{answer.get('code', 'no answer')}: {answer.get('detail', '')}"
    name = next((name for name, value in answer["outputs"].items() if value == answer["result"]), None)
    unit = answer["units"].get(name, "") if name else ""
    return f"agent {item['agent']}", f"{asked} → {answer['result']:,} {unit}"


def up(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of Dagster's UI.")] = 3000,
    api_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the API.")] = agents.API_PORT,
    workers: Workers = None,
) -> int:
    """Bring Dagster's UI, its daemon, the API and the database up together; Ctrl-C takes them down."""
    from greenlang_assets.core.data_root import PROJECT_ROOT
    from registry_ops.cli.services import Service, keep_running
    from resources.dagster.backfill import forget_daemon
    from resources.dagster.instance import open_instance
    from resources.dagster.recovery import recover
    from resources.dagster_home import prepare
    from resources.platform import open_platform
    from resources.settings import Settings

    with open_platform(Settings.from_env()) as platform:
        environment = prepare(
            platform.settings.home, dagster_url=platform.database.dagster_url, workers=workers
        )
        with open_instance(environment) as instance:
            for run in recover(platform, instance):
                console().print(f"run {run[:8]} has lost its process; it failed and will be tried again")
        log = platform.settings.home / "logs" / "dagster.log"
        service = Service(
            name="Dagster",
            module="dagster",
            arguments=("dev", "-w", str(PROJECT_ROOT / "workspace.yaml"), "-h", host, "-p", str(port)),
            environment=environment,
            ready_url=f"http://{host}:{port}/server_info",
            log=log,
        )
        home, bucket = platform.settings.home, platform.settings.store
        api = agents.api_service(environment, home, api_port)
        code = keep_running(
            (service, api),
            said=(
                f"Dagster's UI   http://{host}:{port}",
                f"API            http://127.0.0.1:{api_port}   token in {home}/keys/api-token",
                f"Spec bucket    copy a pack.yaml into {bucket}/specs/inbox/",
            ),
        )
        with open_instance(environment) as instance:
            forget_daemon(instance)
        return code


def clean() -> int:
    """Stop the embedded database and remove its state. What is in an external database or S3 stays."""
    from registry_ops.cli.services import remove_state
    from resources.settings import Settings

    settings = Settings.from_env()
    for path in remove_state(settings):
        console().print(f"removed {path}")
    return 0
