"""``ef://`` references: their grammar, their aliases, and what they name.

    ef://authority/dataset[/item…]/edition[@semver][#sha256=<64 hex digits>]
    ef://<factor id>

Belongs here: parsing, normalising (every change is stated), resolving against the tables.
Does not belong here: choosing a factor for an activity (``catalogue``).

A reference that names nothing is an error with candidates, never a silent pass. Items narrow a dataset:
an activity, a region, or the first level of the publisher's path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers.base import GWP_KEY, slug
from greenlang_assets.core.factors.model import FACTOR_KEY
from greenlang_assets.core.provenance.canonical import table_sha256

_SEGMENT = r"[A-Za-z0-9][A-Za-z0-9._*-]*"
_REFERENCE = re.compile(
    rf"ef://(?P<segments>{_SEGMENT}(?:/{_SEGMENT})+)"
    r"(?:@(?P<version>\d+\.\d+\.\d+))?(?:#sha256=(?P<sha256>[0-9a-f]{64}))?"
)
_FORM = "ef://authority/dataset[/item…]/edition[@1.2.3][#sha256=<64 hex digits>]"

#: What people call a publisher.
PUBLISHERS = {
    "epa": "us-epa",
    "usepa": "us-epa",
    "us-epa": "us-epa",
    "defra": "uk-desnz",
    "desnz": "uk-desnz",
    "beis": "uk-desnz",
    "uk-desnz": "uk-desnz",
    "uk-ets": "uk-ets",
    "ipcc": "ipcc",
}
#: What people call a dataset: the dataset, and the item that narrows it to what they mean.
_DATASETS: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("us-epa", "egrid"): ("egrid-subregion", ()),
    ("us-epa", "mobile-combustion"): ("mobile-combustion-co2", ()),
    ("uk-desnz", "stationary-combustion"): ("conversion-factors", ("fuels",)),
    ("uk-desnz", "electricity"): ("conversion-factors", ("uk-electricity",)),
}
#: What people call an item, by publisher.
_ITEMS: dict[tuple[str, str], tuple[str, ...]] = {
    ("us-epa", "gasoline"): ("motor-gasoline",),
    ("us-epa", "grid-average"): ("grid-electricity", "us"),
    ("us-epa", "us_average"): ("grid-electricity", "us"),
    ("uk-desnz", "gasoline"): ("motor-gasoline",),
    ("uk-desnz", "petrol"): ("motor-gasoline",),
    ("uk-desnz", "grid-average"): ("grid-electricity",),
}


@dataclass(frozen=True)
class Reference:
    """A reference as written: its segments, and the version and content it insists on."""

    segments: tuple[str, ...]
    version: str | None = None
    sha256: str | None = None

    def __str__(self) -> str:
        version = f"@{self.version}" if self.version else ""
        return f"ef://{'/'.join(self.segments)}{version}" + (f"#sha256={self.sha256}" if self.sha256 else "")


@dataclass(frozen=True)
class Resolved:
    """What a reference names.

    ``canonical`` is the reference in our own spelling, ``normalised`` says what each part became.
    ``factors`` holds the rows (GWP rows where ``kind`` is ``gwp``), ``content_sha256`` their hash.
    """

    reference: str
    canonical: str
    kind: str
    publisher: str
    dataset: str
    edition: str
    version: str
    content_sha256: str
    factors: pl.DataFrame
    normalised: tuple[str, ...] = ()

    @property
    def pinned(self) -> str:
        """The canonical reference with version and content hash: it can only ever mean these rows."""
        return f"{self.canonical}@{self.version}#sha256={self.content_sha256}"


def parse(text: str) -> Reference:
    """Read a reference.

    Raises:
        GreenlangError: ``REFERENCE_MALFORMED``.
    """
    match = _REFERENCE.fullmatch(text.strip())
    if match is None:
        raise GreenlangError(
            "REFERENCE_MALFORMED",
            "this is not a reference to emission factors",
            found=repr(text),
            expected=_FORM,
        )
    return Reference(tuple(match["segments"].split("/")), match["version"], match["sha256"])


def publisher_id(name: str) -> str:
    """The id behind a publisher's name or alias (``EPA`` is ``us-epa``); unknown names stay as they are."""
    plain = slug(name.lower().removesuffix(" egrid"))
    return PUBLISHERS.get(plain, plain)


def label_version(label: str) -> str | None:
    """Semantic version of a label: ``2024`` is 2024.0.0, ``2024-Q4`` 2024.4.0, ``eGRID2012`` 2012.0.0."""
    match = re.fullmatch(r"(?:egrid)?(\d{4})(?:-?q([1-4])|\.(\d+)(?:\.(\d+))?)?", label.lower())
    if match is None:
        return None
    year, quarter, minor, patch = match.groups()
    return f"{year}.{int(quarter or minor or 0)}.{int(patch or 0)}"


#: Former versions of editions that may hold what a reference insists on, newest first; asked only when it
#: names none in force.
Former = Callable[[Reference], Iterable[pl.DataFrame]]


def resolve(
    text: str, frame: pl.DataFrame, gwp: pl.DataFrame | None = None, former: Sequence[Former] = ()
) -> Resolved:
    """What a reference names among the rows of ``FACTOR_SCHEMA`` (and of ``GWP_SCHEMA``).

    A reference that insists on a version or a content is answered from what was in force once, where what
    is in force now is another: a pin means the same rows for ever.

    Raises:
        GreenlangError: ``REFERENCE_MALFORMED``, ``REFERENCE_UNRESOLVED`` with candidates,
            ``REFERENCE_VERSION_UNKNOWN``, ``REFERENCE_HASH_MISMATCH``.
    """
    try:
        return _resolve(text, frame, gwp)
    except GreenlangError as refused:
        if not former or refused.code == "REFERENCE_MALFORMED":
            raise
        reference = parse(text)
        if reference.version is None and reference.sha256 is None:
            raise
        for rows in chain.from_iterable(source(reference) for source in former):
            try:
                return _resolve(text, rows, None)
            except GreenlangError:
                continue
        raise refused from None


def _resolve(text: str, frame: pl.DataFrame, gwp: pl.DataFrame | None) -> Resolved:
    reference = parse(text)
    said: list[str] = []
    authority = reference.segments[0].lower()
    publisher = PUBLISHERS.get(authority) or authority
    if publisher != "ipcc" and not frame.filter(publisher=publisher).height:
        raise _unresolved(text, frame, gwp, f"no tables of the authority {reference.segments[0]} ship")
    _say(said, "authority", reference.segments[0], publisher)
    if publisher == "ipcc":
        return _gwp(text, reference, gwp, frame, said)
    whole = "/".join((publisher, *reference.segments[1:])).lower()
    named = frame.filter(factor_id=whole)
    if named.height:
        return _checked(text, reference, f"ef://{whole}", "factor", named, said)
    if len(reference.segments) < 3:
        raise _unresolved(text, frame, gwp, "an edition is missing")
    asked, label = reference.segments[1].lower(), reference.segments[-1]
    dataset, narrowing = _DATASETS.get((publisher, asked), (asked, ()))
    rows = frame.filter(publisher=publisher, dataset=dataset)
    if not rows.height:
        raise _unresolved(text, frame, gwp, f"{publisher} has no dataset {asked} here")
    _say(said, "dataset", asked, "/".join((dataset, *narrowing)))
    edition = _edition(label, rows)
    if edition is None:
        raise _unresolved(text, frame, gwp, f"{publisher}/{dataset} has no edition {label} here")
    _say(said, "edition", label, edition)
    rows = rows.filter(edition=edition)
    items = list(narrowing)
    for item in reference.segments[2:-1]:
        becomes = _ITEMS.get((publisher, item.lower()), (item.lower(),))
        _say(said, "item", item, "/".join(becomes))
        items += becomes
    for item in items:
        rows = _narrow(rows, item)
        if not rows.height:
            raise _unresolved(
                text, frame, gwp, f"{publisher}/{dataset}/{edition} holds nothing called {item}"
            )
    canonical = "ef://" + "/".join((publisher, dataset, *items, edition))
    return _checked(
        text, reference, canonical, "factor" if items and rows.height == 1 else "dataset", rows, said
    )


def _say(said: list[str], part: str, written: str, became: str) -> None:
    if written != became:
        said.append(f"{part} {written} became {became}")


def _edition(label: str, rows: pl.DataFrame) -> str | None:
    editions = dict(rows.select("edition", "version").unique().sort("edition").iter_rows())
    for edition in editions:
        if edition.lower() == label.lower():
            return str(edition)
    wanted = label_version(label)
    for edition, version in editions.items():
        # The patch is the publisher's correction of one and the same edition.
        if wanted is not None and version.rsplit(".", 1)[0] == wanted.rsplit(".", 1)[0]:
            return str(edition)
    return None


def _narrow(rows: pl.DataFrame, item: str) -> pl.DataFrame:
    by_activity = rows.filter(pl.col("activity") == item)
    if by_activity.height:
        return by_activity
    by_region = rows.filter(pl.col("region").str.to_lowercase().is_in([item, f"us-egrid-{item}"]))
    if by_region.height:
        return by_region
    roots = {path.split(" > ")[0] for path in rows["activity_path"]}
    return rows.filter(
        pl.col("activity_path")
        .str.split(" > ")
        .list.first()
        .is_in([root for root in roots if slug(root) == item])
    )


def _checked(
    text: str, reference: Reference, canonical: str, kind: str, rows: pl.DataFrame, said: list[str]
) -> Resolved:
    """The resolved rows, once version and content are those that the reference insists on."""
    key = GWP_KEY if kind == "gwp" else FACTOR_KEY
    first = rows.row(0, named=True)
    version = first["version"] if kind != "gwp" else f"{first['gwp_set'].removeprefix('AR')}.0.0"
    digest = table_sha256(rows, key=key)
    if reference.version is not None and reference.version != version:
        raise GreenlangError(
            "REFERENCE_VERSION_UNKNOWN",
            "the reference insists on another version than the one that ships",
            found=f"@{reference.version} in {text}",
            expected=f"@{version}",
        )
    if reference.sha256 is not None and reference.sha256 != digest:
        raise GreenlangError(
            "REFERENCE_HASH_MISMATCH",
            "the rows that ship are not those that the reference insists on",
            found=digest,
            expected=reference.sha256,
            hint="the tables changed since the reference was pinned, or the reference was altered",
        )
    return Resolved(
        reference=text,
        canonical=canonical,
        kind=kind,
        publisher=first["publisher"] if kind != "gwp" else "ipcc",
        dataset=first["dataset"] if kind != "gwp" else "gwp",
        edition=first["edition"] if kind != "gwp" else first["gwp_set"],
        version=version,
        content_sha256=digest,
        factors=rows,
        normalised=tuple(said),
    )


def _gwp(
    text: str, reference: Reference, gwp: pl.DataFrame | None, frame: pl.DataFrame, said: list[str]
) -> Resolved:
    segments = tuple(segment.lower() for segment in reference.segments[1:])
    if gwp is not None and len(segments) == 2 and segments[0] == "gwp":
        rows = gwp.filter(gwp_set=segments[1].upper())
        if rows.height:
            return _checked(text, reference, f"ef://ipcc/gwp/{segments[1]}", "gwp", rows, said)
    raise _unresolved(text, frame, gwp, "the IPCC has no such table here")


def _unresolved(text: str, frame: pl.DataFrame, gwp: pl.DataFrame | None, reason: str) -> GreenlangError:
    from rapidfuzz import fuzz, process

    near = [
        match for match, _, _ in process.extract(text, candidates(frame, gwp), scorer=fuzz.WRatio, limit=5)
    ]
    return GreenlangError(
        "REFERENCE_UNRESOLVED",
        f"the reference names nothing: {reason}",
        found=text,
        expected="one of the nearest: " + ", ".join(near),
    )


def candidates(frame: pl.DataFrame, gwp: pl.DataFrame | None = None) -> list[str]:
    """Every dataset and GWP set that a reference can name, in canonical spelling."""
    names: Iterable[tuple[str, str, str]] = (
        frame.select("publisher", "dataset", "edition").unique().iter_rows()
    )
    sets = [] if gwp is None else [f"ef://ipcc/gwp/{name.lower()}" for name in gwp["gwp_set"].unique()]
    return sorted(["ef://" + "/".join(name) for name in names] + sets)
