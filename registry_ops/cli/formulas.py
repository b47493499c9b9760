"""``glac formulas``: what the library holds, one formula whole, the proof of all of them.

Belongs here: words and tables. Does not belong here: the language or the library (``core.formulas``).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry_ops.cli import in_force
from registry_ops.cli.output import console, print_json, print_table, print_verdict

if TYPE_CHECKING:
    from greenlang_assets.core.formulas.bound import Bound
    from greenlang_assets.core.formulas.library import Library
    from greenlang_assets.core.formulas.model import Equation

app = typer.Typer(help="Formulas: list, show, validate, count.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")]


def _library() -> Library:
    from greenlang_assets.core.formulas.library import Library

    return Library.shipped(in_force.catalogue())


@app.command("list")
def list_formulas(
    family: Annotated[str | None, typer.Option(help="Only this family.")] = None,
    bindings: Annotated[
        bool, typer.Option("--bindings", help="Formulas bound to factors, not equations.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="Most rows to show.")] = 200,
    as_json: AsJson = False,
) -> int:
    """Equations (or, with --bindings, formulas bound to sourced factors)."""
    library = _library()
    every: tuple[Equation | Bound, ...] = library.bindings if bindings else library.equations
    found = [formula for formula in every if family is None or formula.family == family]
    if as_json:
        print_json([_brief(formula) for formula in found[:limit]])
        return 0 if found else 1
    what = "bindings" if bindings else "equations"
    print_table(
        f"{len(found):,} {what}" + (f" of family {family}" if family else ""),
        ["id", "version", "title", "domain", "stands in"],
        [
            (
                formula.id,
                formula.version,
                formula.title,
                formula.domain,
                f"{formula.citation.document}, {formula.citation.locator}",
            )
            for formula in found[:limit]
        ],
        folded=["id", "title", "stands in"],
    )
    if len(found) > limit:
        console().print(f"… {len(found) - limit:,} more; --limit shows them")
    return 0 if found else 1


def _brief(formula: Equation | Bound) -> dict[str, Any]:
    return {
        "id": formula.id,
        "version": formula.version,
        "title": formula.title,
        "family": formula.family,
        "domain": formula.domain,
        "sha256": formula.sha256,
        "citation": formula.citation.model_dump(exclude_none=True),
    }


def _find(library: Library, formula_id: str) -> Equation | Bound:
    return library.binding(formula_id) if "/" in formula_id else library.equation(formula_id)


@app.command()
def show(
    formula_id: Annotated[str, typer.Argument(metavar="ID", help="Id of an equation or binding.")],
    as_json: AsJson = False,
) -> int:
    """One formula whole: expression, inputs, outputs, citation, test vectors."""
    from greenlang_assets.core.formulas.bound import Bound

    formula = _find(_library(), formula_id)
    if as_json:
        print_json({**_brief(formula), **formula.record()})
        return 0
    cite = formula.citation
    read = "official text" if cite.text == "official" else "second-hand text"
    print_table(
        f"{formula.id}  {formula.version}",
        ["", " "],
        [
            ("title", formula.title),
            ("stands in", f"{cite.publisher}: {cite.document}, {cite.locator}"),
            ("read in", f"{cite.read_in} ({read})"),
            ("licence", cite.licence),
            ("sha256", formula.sha256),
        ],
        folded=[" "],
    )
    equation = formula.equation if isinstance(formula, Bound) else formula
    console().print(equation.expression.rstrip(), markup=False)
    print_table(
        "\ninputs and outputs",
        ["", "symbol", "unit", "meaning"],
        [
            *(("in", item.symbol, item.unit, item.meaning or item.role) for item in formula.inputs),
            *(("out", item.symbol, item.unit, item.meaning) for item in formula.outputs),
        ],
        folded=["meaning"],
    )
    if isinstance(formula, Bound):
        print_table(
            "figures bound",
            ["symbol", "published", "in the formula's unit", "stands in"],
            [
                (
                    f.symbol,
                    f"{f.published} {f.published_unit}",
                    f"{float(f.value):.12g} {f.unit}",
                    _place(formula.citation_of(f.source_id)),
                )
                for f in formula.figures
            ],
            folded=["stands in"],
        )
    console().print(f"{len(formula.vectors)} test vectors; `--json` shows them")
    return 0


def _place(citation: dict[str, Any]) -> str:
    """Where a figure was published, and where it was read if that is another place."""
    read_in = f"; read in {citation['read_in']}, line {citation['row']}" if "read_in" in citation else ""
    return f"{citation['publisher']}: {citation['document']}, {citation['table']}{read_in}"


@app.command("rebuild-parameters")
def rebuild_parameters(
    wheel: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The package bonsai_ipcc.")],
    pages: Annotated[
        Path,
        typer.Option(exists=True, file_okay=False, help="Texts of the IPCC's PDF files (pdftotext -layout)."),
    ],
    as_json: AsJson = False,
) -> int:
    """Read the default parameters again, compare each with its printed table, write data/parameters."""
    from greenlang_assets.core.parameters.rebuild import rebuild

    manifest = rebuild(wheel, pages)
    total: Counter[str] = Counter()
    for counts in manifest.counts.values():
        total.update(counts)
    if as_json:
        print_json({"content_sha256": manifest.content_sha256, "source": manifest.source, **total})
        return 0
    print_table(
        f"{len(manifest.counts)} tables from {manifest.source['package']}",
        ["figures", ""],
        [(what, f"{count:,}") for what, count in sorted(total.items())],
    )
    return 0


@app.command()
def validate(
    formula_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One formula; all of them by default.")
    ] = None,
    expression: Annotated[
        str | None, typer.Option(help='Check an expression instead, e.g. "y = a * b".')
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Syntax, dimensions, doubles and test vectors on every engine; lists every fault."""
    if expression is not None:
        return _validate_expression(expression, as_json=as_json)
    with console(stderr=True).status("proving every formula on three engines …"):
        proof = _library().prove(formula_id)
    faults = [{"formula": fault.formula, **fault.error.as_dict()} for fault in proof.faults]
    if as_json:
        print_json(
            {
                "valid": not faults,
                "equations": proof.equations,
                "bindings": proof.bindings,
                "vectors": proof.vectors,
                "faults": faults,
            }
        )
    elif faults:
        print_table(
            f"{len(faults)} faults",
            ["formula", "code", "what", "found", "expected"],
            [(f["formula"], f["code"], f["message"], f["found"], f["expected"]) for f in faults],
            folded=["formula", "what", "found", "expected"],
        )
    else:
        print_verdict(
            "valid",
            f"{proof.equations:,} equations, {proof.bindings:,} bindings, "
            f"{proof.vectors:,} test vectors on the exact, the float and the Polars engine",
        )
    return 1 if faults else 0


def _validate_expression(expression: str, *, as_json: bool) -> int:
    from greenlang_assets.core.formulas.parser import parse

    program = parse(expression)  # its error carries line, column and hint
    if as_json:
        print_json({"valid": True, "canonical": program.canonical})
    else:
        print_verdict("valid", program.canonical)
    return 0


@app.command()
def stats(as_json: AsJson = False) -> int:
    """Equations, bindings and how they are proved; what could not be read stands among the gaps."""
    counted = _library().stats()
    if as_json:
        print_json(counted)
        return 0
    rows = [
        (group.removeprefix("by_"), name, counts.get("equations", 0), counts.get("bindings", 0))
        for group in ("by_family", "by_domain")
        for name, counts in counted[group].items()
    ]
    print_table(
        f"{counted['equations']:,} equations whose official text was read, "
        f"{counted['second_hand']:,} second-hand, {counted['bindings']:,} bindings",
        ["by", "", "equations", "bindings"],
        [(by, name, f"{equations:,}", f"{bindings:,}") for by, name, equations, bindings in rows],
        numeric=["equations", "bindings"],
    )
    largest = counted["largest_share"]
    console().print(
        f"largest share: {largest['equation']} with {largest['bindings']:,} bindings, {largest['share']:.1%}"
        if largest
        else "no bindings"
    )
    console().print(
        f"{counted['with_external_vector']:,} equations have a result that somebody else worked out "
        f"({counted['external_from_documents']:,} in a document, {counted['external_from_peers']:,} by a "
        f"peer's code), {counted['bindings_with_external_figure']:,} bindings one that a publisher states; "
        f"{counted['duplicates']} duplicates; {len(counted['gaps'])} gaps"
    )
    return 0
