"""``glac factors``: find a factor, look one up exactly, see what the catalogue covers, import a file.

Belongs here: words and tables. Does not belong here: look-up rules (``core.factors.catalogue``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry_ops.cli import factor_comparison, factor_editions, in_force
from registry_ops.cli.output import console, print_json, print_table

if TYPE_CHECKING:
    from greenlang_assets.core.factors.model import EmissionFactor

app = typer.Typer(help="Emission factors: search, look up, count, import.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")]
_FIGURES = ("co2", "ch4", "n2o", "co2_biogenic", "co2e")


@app.command()
def search(
    words: Annotated[list[str], typer.Argument(help='What to look for, e.g. "uk grid electricity 2024".')],
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most hits to show.")] = 10,
    region: Annotated[str | None, typer.Option(help="Only this region: US, GB …")] = None,
    year: Annotated[int | None, typer.Option(help="Only this year.")] = None,
    publisher: Annotated[str | None, typer.Option(help="Only this publisher: us-epa …")] = None,
    as_json: AsJson = False,
) -> int:
    """Ranked text search; forgives typing errors, knows French words and the names of countries."""
    text = " ".join(words)
    catalogue = in_force.catalogue()
    found = catalogue.search(text, limit=limit, region=region, year=year, publisher=publisher)
    hits = [(hit.score, catalogue.factor(hit.factor_id)) for hit in found]
    if as_json:
        answers = [{"score": score, **_summary(factor)} for score, factor in hits]
        print_json({"query": text, "hits": answers})
    elif hits:
        print_table(
            f"{len(hits)} best for “{text}”",
            ["activity path", "region", "year", "figures per unit", "publisher", "edition", "factor id"],
            [
                (f.activity_path, f.region, f.year, figures(f), f.publisher, f.edition, f.factor_id)
                for _, f in hits
            ],
            folded=["activity path", "factor id", "figures per unit"],
        )
    else:
        console().print(
            f"nothing found for “{text}”: try fewer words; `glac factors stats` shows what is there"
        )
    return 0 if hits else 1


@app.command()
def lookup(
    activity: Annotated[str, typer.Argument(help="Activity (natural-gas), factor id, or ef:// reference.")],
    region: Annotated[str | None, typer.Option(help="US, GB, US-EGRID-RFCW …")] = None,
    year: Annotated[int | None, typer.Option(help="Year that the factor describes.")] = None,
    publisher: Annotated[str | None, typer.Option(help="us-epa, uk-desnz …")] = None,
    dataset: Annotated[str | None, typer.Option(help="stationary-combustion, egrid-subregion …")] = None,
    edition: Annotated[str | None, typer.Option(help="2024, eGRID2012 …")] = None,
    unit: Annotated[str | None, typer.Option(help="Activity unit: mmBtu, kWh, litre …")] = None,
    basis: Annotated[str | None, typer.Option(help="Calorific basis: gross or net.")] = None,
    scope: Annotated[str | None, typer.Option(help="1, 2, 3 or outside.")] = None,
    path: Annotated[
        str | None, typer.Option(help="The publisher's own path, where an activity has several.")
    ] = None,
    fallback: Annotated[
        bool, typer.Option("--fallback", help="Allow the ladder: wider region, earlier year.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Exact by default: an unknown region, year or activity is an error that names what is near."""
    from greenlang_assets.core.errors import GreenlangError

    catalogue = in_force.catalogue()
    if activity.startswith("ef://"):
        return _show_reference(catalogue.resolve(activity), as_json=as_json)
    if region is None and year is None:
        factor, level, distance = catalogue.factor(activity), "exact", 0
    elif region is None or year is None:
        raise GreenlangError(
            "LOOKUP_INCOMPLETE",
            "an activity is looked up with its region and year",
            found=f"region {region}, year {year}",
            expected="both --region and --year",
            hint="a factor id or an ef:// reference needs neither",
        )
    else:
        match = catalogue.lookup(
            activity=activity, region=region, year=year, publisher=publisher, dataset=dataset,
            edition=edition, activity_unit=unit, calorific_basis=basis, scope=scope, activity_path=path,
            fallback=fallback,
        )  # fmt: skip
        factor, level, distance = match.factor, match.matched_level, match.year_distance
    if as_json:
        print_json(
            {
                "matched_level": level,
                "year_distance": distance,
                "sha256": factor.sha256,
                **factor.model_dump(mode="json", exclude_none=True),
            }
        )
        return 0
    print_factor(factor, matched=f"{level}, {distance} years away" if distance else level)
    return 0


def _show_reference(resolved: Any, *, as_json: bool) -> int:
    facts = {
        "reference": resolved.reference,
        "canonical": resolved.canonical,
        "kind": resolved.kind,
        "publisher": resolved.publisher,
        "dataset": resolved.dataset,
        "edition": resolved.edition,
        "version": resolved.version,
        "content_sha256": resolved.content_sha256,
        "rows": resolved.factors.height,
    }
    if as_json:
        print_json(facts)
    else:
        print_table("reference", ["", ""], facts.items(), folded=[""])
    return 0


def _summary(factor: EmissionFactor) -> dict[str, Any]:
    return factor.model_dump(mode="json", exclude_none=True)


def figures(factor: EmissionFactor) -> str:
    """The published figures with their units, as one line."""
    from greenlang_assets.core.provenance.canonical import number_text

    parts = []
    for name in _FIGURES:
        value = getattr(factor, name)
        if value is not None:
            unit = getattr(factor, f"{name}_unit")
            label = "CO2e" if name == "co2e" else name.upper().replace("_BIOGENIC", " biogenic")
            parts.append(
                f"{number_text(value)} {unit if 'CO2e' in unit else unit.replace('/', f' {label}/', 1)}"
            )
    return "; ".join(parts)


def print_factor(factor: EmissionFactor, *, matched: str) -> None:
    """One factor with its figures and the citation down to the row."""
    cite = factor.citation
    rows = [
        ("factor", factor.factor_id),
        ("activity", f"{factor.activity}  ({factor.activity_path})"),
        ("figures", figures(factor)),
        ("region, year", f"{factor.region}, {factor.year}"),
        (
            "basis",
            f"per {factor.activity_unit}" + (f", {factor.calorific_basis}" if factor.calorific_basis else ""),
        ),
        ("GWP set", factor.gwp_set or "none: masses of gases, the set is chosen when calculating"),
        ("matched", matched),
        ("published in", f"{cite.document}, {cite.edition}"),
        ("at", f"{cite.table}, row {cite.row} of {cite.source_file}"),
        ("file sha256", cite.source_sha256),
        ("licence", cite.licence),
        ("row sha256", factor.sha256),
    ]
    if factor.note:
        rows.append(("note", factor.note))
    print_table("emission factor", ["", " "], rows, folded=[" "])


@app.command()
def stats(as_json: AsJson = False) -> int:
    """What the catalogue holds, by publisher, kind, licence and year."""

    counted = in_force.catalogue().stats()
    if as_json:
        print_json(counted)
        return 0
    print_table(
        f"{counted['total']:,} factors, {counted['published_values']:,} published values",
        ["by", "", "factors"],
        [
            (group.removeprefix("by_"), name, f"{count:,}")
            for group in ("by_publisher", "by_kind", "by_licence", "by_year", "not_counted")
            for name, count in counted[group].items()
        ],
        numeric=["factors"],
    )
    for rule in counted["rules"]:
        console().print(f"· {rule}", markup=False)
    return 0


@app.command()
def rebuild(
    folder: Annotated[Path, typer.Argument(help="Folder of publishers' files, one sub-folder a publisher.")],
    out: Annotated[Path | None, typer.Option(help="Where the tables go; data/factors by default.")] = None,
    as_json: AsJson = False,
) -> int:
    """Import every publisher's file anew and write the shipped tables; all of them, or none."""
    from greenlang_assets.core.factors.rebuild import rebuild as rebuild_tables
    from greenlang_assets.core.factors.tables import FACTORS_ROOT

    with console(stderr=True).status("reading every publisher's file …"):
        manifest = rebuild_tables(folder, out or FACTORS_ROOT)
    if as_json:
        print_json(manifest)
        return 0
    print_table(
        f"tables in {out or FACTORS_ROOT}",
        ["table", "rows", "content sha256"],
        [(name, entry["rows"], entry["content_sha256"]) for name, entry in manifest["tables"].items()],
        numeric=["rows"],
    )
    return 0


factor_comparison.add_to(app)
factor_editions.add_to(app)
