"""The ``ef://`` references of a pack against the catalogue: one error for each that names nothing.

Belongs here: resolving all of them and what follows for GWP sets and pinned editions. Does not belong
here: their grammar (``core.factors.references``), choosing rows and formulas (``formula_inference``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, get_args

from factory_ops.specification.answer import Judge
from greenlang_assets.core.calculation.model import GwpSet
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.references import label_version
from greenlang_assets.core.strict_yaml import Path
from greenlang_assets.sdk.pack import PackSpec

if TYPE_CHECKING:
    from greenlang_assets.core.factors.references import Resolved


def resolve_all(spec: PackSpec, resolve: Callable[[str], Resolved], judge: Judge) -> dict[str, Resolved]:
    """Every reference that resolves, by the factor's name in the pack; the others are errors."""
    found: dict[str, Resolved] = {}
    for name, factor in spec.compute.factors.items() if spec.compute is not None else ():
        path: Path = ("compute", "factors", name, "ref")
        try:
            resolved = resolve(factor.ref)
        except GreenlangError as error:
            judge.refuse(error, path)
            continue
        found[name] = resolved
        if resolved.normalised:
            judge.warn(
                "REFERENCE_READ_AS",
                path,
                f"read as {resolved.canonical}: {'; '.join(resolved.normalised)}",
                found=factor.ref,
            )
    _gwp_sets(spec, found, judge)
    _pinned_edition(spec, found, judge)
    return found


def gwp_set(spec: PackSpec, resolved: Mapping[str, Resolved]) -> GwpSet | None:
    """The one GWP set that a pack computes under: its own statement, else that of its reference."""
    if spec.provenance is not None and spec.provenance.gwp_set is not None:
        return spec.provenance.gwp_set
    named = {item.edition for item in resolved.values() if item.kind == "gwp"}
    sets = [known for known in get_args(GwpSet) if known in named]
    return sets[0] if len(sets) == 1 else None


def _gwp_sets(spec: PackSpec, resolved: dict[str, Resolved], judge: Judge) -> None:
    """Sets are never mixed: the pack's, those of its references and those stated beside a factor are one."""
    stated: dict[str, Path] = {}
    if spec.provenance is not None and spec.provenance.gwp_set is not None:
        stated[spec.provenance.gwp_set] = ("provenance", "gwp_set")
    for name, factor in spec.compute.factors.items() if spec.compute is not None else ():
        if factor.gwp_set is not None:
            stated.setdefault(factor.gwp_set, ("compute", "factors", name, "gwp_set"))
        if name in resolved and resolved[name].kind == "gwp":
            stated.setdefault(resolved[name].edition, ("compute", "factors", name, "ref"))
    if len(stated) > 1:
        judge.error(
            "GWP_SETS_MIXED",
            list(stated.values())[1],
            "one total holds one GWP set",
            found=" and ".join(stated),
            expected="the same set in provenance.gwp_set and in every reference",
        )


def _pinned_edition(spec: PackSpec, resolved: dict[str, Resolved], judge: Judge) -> None:
    pin = spec.provenance.ef_version_pin if spec.provenance is not None else None
    if pin is None:
        return
    version = label_version(pin)
    if version is None:
        judge.error(
            "PIN_LABEL",
            ("provenance", "ef_version_pin"),
            "this label names no edition",
            found=pin,
            expected="a year, with a quarter where there are several: 2024, 2024-Q4",
        )
        return
    year = version.split(".")[0]
    for name, item in resolved.items():
        edition = re.search(r"\d{4}", item.edition)
        if item.kind != "gwp" and edition is not None and edition.group() != year:
            judge.warn(
                "PIN_OTHER_EDITION",
                ("provenance", "ef_version_pin"),
                f"the pin says {pin} ({version}); {name} names edition {item.edition}, which is what is used",
                found=pin,
                expected=item.edition,
            )
