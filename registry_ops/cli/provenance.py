"""``glac provenance``: walk a number back to its publisher, verify that nothing was changed.

Belongs here: the tree and the findings as people read them.
Does not belong here: walking (``core.provenance.walk``), verifying (``resources.dagster.verification``),
what is in an audit bundle (``core.provenance.bundle``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry_ops.cli.output import console, print_json, print_table, print_verdict

if TYPE_CHECKING:
    from rich.tree import Tree

    from greenlang_assets.core.provenance.walk import Node

app = typer.Typer(help="Where a number comes from, and whether anything was changed.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of a tree.")]

#: What of a node's facts stands beside its label, by kind of node.
_SHOWN = {
    "total": ("tenant", "lines", "rejected"),
    "line": ("scope", "quantity", "converted_quantity", "gwp_set", "market_basis"),
    "calculation": ("gwp_set", "inputs", "outputs"),
    "activity": ("quantity", "data_year", "region"),
    "factor": ("co2", "ch4", "n2o", "co2_biogenic", "co2e"),
    "formula": ("title", "version"),
    "gwp": ("gwp_set", "gas", "value"),
    "file": ("source_file", "row", "table", "licence"),
    "entry": ("seq", "code", "recorded_at"),
}

#: Columns whose unit stands in a column of another name.
_UNITS = {"quantity": "unit", "converted_quantity": "converted_unit"}


@app.command()
def show(
    sha256: Annotated[
        str, typer.Argument(metavar="HASH", help="Hash of a total, a line, an artefact or an entry.")
    ],
    depth: Annotated[int, typer.Option(min=1, max=40, help="Levels to show.")] = 40,
    as_json: AsJson = False,
) -> int:
    """The tree behind a hash, down to publisher, document, table and row."""
    from greenlang_assets.core.provenance.walk import walk
    from resources.platform import open_platform
    from resources.settings import Settings

    with open_platform(Settings.from_env()) as platform:
        node = walk(sha256.strip().lower(), platform.ledger, platform.store)
    if as_json:
        print_json(node.as_dict())
    else:
        console().print(_tree(node, depth))
    return 0


def _tree(node: Node, depth: int) -> Tree:
    from rich.tree import Tree

    tree = Tree(_label(node), guide_style="dim")
    _grow(tree, node, depth - 1)
    return tree


def _grow(tree: Tree, node: Node, depth: int) -> None:
    if depth <= 0 and node.children:
        tree.add(f"… {len(node.children)} below; more with --depth", style="dim")
        return
    for child in node.children:
        _grow(tree.add(_label(child)), child, depth - 1)


def _label(node: Node) -> Any:
    from rich.text import Text

    text = Text.assemble((f"{node.kind} ", "cyan"), (node.label, "bold"))
    for name in ("co2e_mg", "co2e_market_mg"):
        mass = node.facts.get(name)
        if isinstance(mass, int):
            what = "location-based" if name == "co2e_mg" else "market-based"
            text.append(f"  {mass / 10**6:,.6f} kg CO2e", "green")
            text.append(f" {what}" if "co2e_market_mg" in node.facts else "")
    said = [_fact(node, name) for name in _SHOWN.get(node.kind, ()) if node.facts.get(name) is not None]
    if said:
        text.append("\n" + ", ".join(said), "dim")
    text.append(f"\nsha256 {node.sha256}", "dim")
    if node.repeated:
        text.append("  (shown above)", "dim")
    return text


def _fact(node: Node, name: str) -> str:
    """A fact with its unit, where the row has a column for it."""
    from greenlang_assets.core.provenance.canonical import number_text

    value, unit = node.facts[name], node.facts.get(f"{name}_unit") or node.facts.get(_UNITS.get(name, ""))
    text = number_text(value) if isinstance(value, float) else str(value)
    return f"{name} {text} {unit}" if unit else f"{name} {text}"


@app.command()
def verify(as_json: AsJson = False) -> int:
    """Ledger, store, row index and Dagster's event log against each other; names what was changed first."""
    from resources.dagster.instance import open_instance
    from resources.dagster.verification import report_of
    from resources.dagster.verification import verify as verify_everything
    from resources.dagster_home import prepare
    from resources.platform import open_platform
    from resources.settings import Settings

    with open_platform(Settings.from_env()) as platform:
        environment = prepare(platform.settings.home, dagster_url=platform.database.dagster_url)
        with open_instance(environment) as instance:
            verification = verify_everything(platform, instance)
    chain, findings = verification.chain, verification.findings
    if as_json:
        print_json(report_of(verification))
    elif not findings:
        print_verdict(
            "intact",
            f"{chain.entries:,} ledger entries, sealed up to {chain.sealed:,}; "
            f"{verification.events:,} Dagster events agree; head {chain.head}",
        )
    else:
        print_table(
            f"{len(findings)} findings, the first at entry {findings[0].seq or 'none'}",
            ["code", "entry", "asset", "what", "found", "expected"],
            [(f.code, f.seq, f.asset, f.message, f.found, f.expected) for f in findings],
            numeric=["entry"],
            folded=["asset", "what", "found", "expected"],
        )
    return 0 if verification.intact else 1


@app.command()
def bundle(
    hashes: Annotated[
        list[str], typer.Argument(metavar="HASH...", help="Hashes of totals, result lines or calculations.")
    ],
    out: Annotated[Path, typer.Option(help="The archive to write, e.g. building.zip.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of a line.")] = False,
) -> int:
    """An archive that proves numbers to somebody without this platform: python3 verify.py FILE."""
    from greenlang_assets.core.errors import GreenlangError
    from greenlang_assets.core.provenance.bundle import make_bundle
    from greenlang_assets.core.provenance.canonical import sha256_hex
    from greenlang_assets.core.provenance.ledger import require_sha256
    from resources.platform import open_platform
    from resources.settings import Settings

    wanted = [require_sha256(item.strip().lower(), "what is to be proved") for item in hashes]
    with open_platform(Settings.from_env()) as platform:
        platform.checkpoints.seal(platform.ledger)
        made = make_bundle(
            wanted, platform.ledger, platform.store, platform.checkpoints, platform.signer.public_key
        )
    archive = made.archive()
    try:
        out.write_bytes(archive)
    except OSError as error:
        raise GreenlangError(
            "BUNDLE_NOT_WRITTEN", "the archive cannot be written", found=str(error), where={"file": str(out)}
        ) from error
    answer = {
        "file": str(out),
        "bytes": len(archive),
        "sha256": sha256_hex(archive),
        "files": len(made.files),
        "numbers": made.numbers,
        "key_sha256": made.key_sha256,
        "verifier_sha256": sha256_hex(made.files["verify.py"]),
    }
    if as_json:
        print_json(answer)
    else:
        print_verdict(
            str(out),
            f"{len(made.files)} files, {len(archive):,} bytes; {made.numbers} numbers computed again\n"
            f"sha256 {answer['sha256']}\nkey    {made.key_sha256}\n"
            f"check it anywhere: unpack verify.py, then python3 verify.py {out.name}",
        )
    return 0
