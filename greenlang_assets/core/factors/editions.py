"""Editions: what is known of each, which version is in force, and how a user's own import becomes one.

Belongs here: the union of the tables that ship and those of the user, versions, corrections, pins' past.
Does not belong here: reading a publisher's file (``importers``), comparing editions (``edition_diff``),
finding a factor (``catalogue``).

An edition is ``publisher/dataset/edition``, e.g. ``uk-desnz/conversion-factors/2024``. It is immutable:

* the same content again is nothing new (how the file is called, and its bytes, say where a figure was read,
  not what it is);
* other content under the same label is a correction and becomes the next patch version. The former version
  stays where it is, and a reference that insists on it (``@2024.0.1``, ``#sha256=…``) resolves for ever;
* of all versions the highest is in force. One that lacks most rows of the version it would replace is kept
  but held back: a torn file must not empty a catalogue. An edition that comes in several files is one
  edition, so a file of which every row is known already is nothing new.

The user's tables have the form of the shipped ones, one table a version of an edition and kind; the
manifest is replaced last, in one step, under a lock, so that a reader sees the old set or the new one.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import contracts, reference_contracts, tables
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.factors.importers.base import ImportResult, slug
from greenlang_assets.core.factors.rebuild import cross_check
from greenlang_assets.core.factors.references import label_version, publisher_id
from greenlang_assets.core.provenance.canonical import content_sha256, table_sha256

#: Name of the user's tables below the state folder.
FOLDER = "factors"
#: A new version of an edition that lacks more than this share of the former one's rows is held back.
MOST_THAT_MAY_VANISH = 0.5
#: Columns that say where a figure was read or which version it came in, not what it is.
_NOT_CONTENT = ("version", "cite_source_file", "cite_source_sha256")
_LOCK = ".lock"
#: The kind whose hash stands for an edition, the first that it has.
_MAIN = ("factors", "gwp", "goods")

Read = Callable[["Stored"], pl.DataFrame]


class EditionName(NamedTuple):
    """What an edition is called: ``publisher/dataset/edition``."""

    publisher: str
    dataset: str
    edition: str

    def __str__(self) -> str:
        return "/".join(self)


@dataclass(frozen=True)
class Stored:
    """One table of a set: where it lies and what its manifest says of it."""

    root: Path
    name: str
    entry: Mapping[str, Any]
    own: bool

    @property
    def kind(self) -> str:
        """Kind of table (``tables.KINDS``)."""
        return str(self.entry["kind"])

    @property
    def path(self) -> Path:
        """The table's file."""
        return self.root / self.name

    @property
    def edition(self) -> EditionName:
        """The edition behind one of the user's tables, which hold one each."""
        entry = self.entry
        return EditionName(entry["publisher"], entry["datasets"][0], entry["editions"][0])

    @property
    def version(self) -> str:
        """Version of one of the user's tables."""
        return str(self.entry["versions"][0])


@dataclass(frozen=True)
class Kept:
    """What became of one edition of an imported file.

    ``state`` is ``new``, ``correction``, ``known`` (same content as ``version``) or ``held back`` with
    ``reason``.
    """

    name: EditionName
    version: str
    state: str
    rows: int
    reason: str | None = None


@dataclass(frozen=True)
class Listed:
    """One version of one edition, as people are told of it.

    ``state`` is ``in force``, ``superseded`` or ``held back: …``; ``rows`` counts by kind of table;
    ``sha256`` is the content hash of its factors, the one that a reference pins.
    """

    name: EditionName
    version: str
    state: str
    origin: str
    rows: Mapping[str, int]
    sha256: str
    licence: str

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, the edition as one text."""
        return {**vars(self), "name": str(self.name)}


def version_key(version: str) -> tuple[int, ...]:
    """A semantic version as numbers that compare."""
    return tuple(int(part) for part in version.split("."))


def next_patch(version: str) -> str:
    """The version after it: 2024.0.1 becomes 2024.0.2."""
    major, minor, patch = version.split(".")
    return f"{major}.{minor}.{int(patch) + 1}"


def names(kind: str, frame: pl.DataFrame, publisher: str) -> pl.DataFrame:
    """The edition of each row: columns ``publisher``, ``dataset``, ``edition``.

    Args:
        kind: of the table.
        frame: its rows.
        publisher: whose they are, where the rows do not say so (GWP sets, nomenclatures).
    """
    if kind == "gwp":
        return frame.select(
            pl.lit(publisher).alias("publisher"), pl.lit("gwp").alias("dataset"), edition="gwp_set"
        )
    if kind == "goods":
        return frame.select(
            pl.lit(publisher).alias("publisher"),
            dataset="nomenclature",
            edition=pl.col("year").cast(pl.String),
        )
    return frame.select("publisher", "dataset", "edition")


def split(parts: Mapping[str, pl.DataFrame], publisher: str) -> dict[EditionName, dict[str, pl.DataFrame]]:
    """Tables of several editions by edition, then by kind; empty ones are left out."""
    found: dict[EditionName, dict[str, pl.DataFrame]] = {}
    for kind, frame in sorted(parts.items()):
        owned = names(kind, frame, publisher)
        marked = frame.with_columns(owned.select(pl.all().name.prefix("_edition_")))
        keys = ["_edition_publisher", "_edition_dataset", "_edition_edition"]
        for key, rows in marked.partition_by(keys, as_dict=True, include_key=False).items():
            found.setdefault(EditionName(*map(str, key)), {})[kind] = rows
    return dict(sorted(found.items()))


def content_of(parts: Mapping[str, pl.DataFrame]) -> str:
    """Identity of what an edition says: every column of every kind but version and place of the file."""
    hashes = {
        kind: table_sha256(frame.drop(_NOT_CONTENT, strict=False), key=tables.KINDS[kind][1])
        for kind, frame in parts.items()
        if frame.height
    }
    return content_sha256(hashes)


def version_of(name: EditionName, parts: Mapping[str, pl.DataFrame]) -> str:
    """The version that an edition's rows carry, else the one that its label stands for."""
    if "factors" in parts and parts["factors"].height:
        return str(max(parts["factors"]["version"].unique(), key=version_key))
    if name.dataset == "gwp":
        return f"{name.edition.removeprefix('AR').split('-')[0]}.0.0"
    return label_version(name.edition) or "1.0.0"


class Editions:
    """Every edition at hand: the shipped tables and, above them, the user's own.

    Args:
        shipped: folder of the shipped tables.
        own: folder of the user's tables; it need not exist.
    """

    def __init__(self, shipped: Path = tables.FACTORS_ROOT, own: Path | None = None) -> None:
        self.shipped = shipped
        self.own = own

    @cached_property
    def stored(self) -> tuple[Stored, ...]:
        """Every table of both sets, shipped ones first."""
        found = [_stored(self.shipped, own=False)]
        if self.own is not None and (self.own / tables.MANIFEST).is_file():
            found.append(_stored(self.own, own=True))
        return tuple(table for part in found for table in part)

    @cached_property
    def _own_versions(self) -> dict[EditionName, str]:
        """The highest version of each edition that the user brought, those held back left out."""
        highest: dict[EditionName, str] = {}
        for table in self.stored:
            if table.own and not table.entry.get("held_back"):
                known = highest.get(table.edition)
                if known is None or version_key(table.version) > version_key(known):
                    highest[table.edition] = table.version
        return highest

    @cached_property
    def _shipped_versions(self) -> dict[EditionName, str]:
        """The shipped version of each edition that the user brought too; what only ships needs no look."""
        found = {}
        for name in {table.edition for table in self.stored if table.own}:
            parts = self._shipped_parts(name)
            if parts:
                found[name] = version_of(name, parts)
        return found

    @cached_property
    def replaced(self) -> frozenset[EditionName]:
        """Shipped editions for which a higher version of the user's is in force."""
        return frozenset(
            name
            for name, version in self._own_versions.items()
            if name in self._shipped_versions
            and version_key(version) > version_key(self._shipped_versions[name])
        )

    def _stands(self, table: Stored) -> bool:
        """Whether one of the user's tables is what the catalogue shows."""
        name = table.edition
        return table.version == self._own_versions.get(name) and self._own_wins(name)

    def active(self, kind: str, *, importer: str | None = None, read: Read | None = None) -> pl.DataFrame:
        """The rows in force of one kind, of one importer or of all.

        Args:
            kind: ``factors``, ``values``, ``properties``, ``gwp`` or ``goods``.
            importer: a publisher's name as ``glac factors import`` takes it.
            read: reads a table; a recipe verifies its hash as it does so.

        Raises:
            GreenlangError: ``TABLES_MISSING``, ``TABLE_UNREADABLE``, ``TABLE_ROWS``, ``TABLE_SCHEMA``.
        """
        frames = [
            self._kept_rows(table, (read or read_stored)(table)) for table in self.in_force(kind, importer)
        ]
        return pl.concat(frames) if frames else pl.DataFrame(schema=dict(tables.KINDS[kind][0]))

    def in_force(self, kind: str, importer: str | None = None) -> tuple[Stored, ...]:
        """The tables of one kind that hold rows in force (and may hold shipped rows that are not)."""
        return tuple(
            table
            for table in self.stored
            if table.kind == kind
            and importer in (None, table.entry.get("importer"))
            and (not table.own or self._stands(table))
        )

    def _kept_rows(self, table: Stored, rows: pl.DataFrame) -> pl.DataFrame:
        if table.own or not self.replaced:
            return rows
        return rows.filter(~self._is_replaced(table, rows))

    def _is_replaced(self, table: Stored, rows: pl.DataFrame) -> pl.Series:
        owned = names(table.kind, rows, str(table.entry.get("publisher", "")))
        gone = pl.DataFrame(sorted(self.replaced), schema=list(EditionName._fields), orient="row")
        marked = owned.join(
            gone.with_columns(pl.lit(value=True).alias("gone")),
            on=list(EditionName._fields),
            how="left",
            maintain_order="left",
        )
        return marked["gone"].fill_null(value=False)

    def former(self) -> list[pl.DataFrame]:
        """Factors that were in force once or are held back, newest version first: what pins still name.

        One frame a table, because two versions of an edition share their factors' ids.
        """
        frames = []
        for table in self.stored:
            if table.kind != "factors":
                continue
            if not table.own and self.replaced:
                rows = read_stored(table)
                frames.append(rows.filter(self._is_replaced(table, rows)))
            elif table.own and not self._stands(table):
                frames.append(read_stored(table))
        return sorted(
            (frame for frame in frames if frame.height),
            key=lambda frame: version_key(frame["version"][0]),
            reverse=True,
        )

    def rows(self, text: str) -> tuple[EditionName, str, pl.DataFrame]:
        """The factors of one edition, ``publisher/dataset/edition[@version]``; the one in force unless said.

        Raises:
            GreenlangError: ``EDITION_UNKNOWN`` with what is near.
        """
        label, _, version = text.removeprefix("ef://").partition("@")
        wanted = _parsed(label)
        found = [
            known
            for known in self._versions()
            if tuple(map(str.lower, known[0])) == wanted and version in ("", known[1])
        ]
        chosen = next((known for known in found if known[2] == "in force"), None) or (
            found[0] if version and found else None
        )
        if chosen is None:
            raise self._unknown(text)
        name, number, state = chosen
        for frame in [self.active("factors")] if state == "in force" else self.former():
            rows = frame.filter(
                publisher=name.publisher, dataset=name.dataset, edition=name.edition, version=number
            )
            if rows.height:
                return name, number, rows
        raise self._unknown(text)

    def _unknown(self, text: str) -> GreenlangError:
        from rapidfuzz import fuzz, process

        known = [f"{name}@{version}" for name, version, _ in self._versions()]
        near = [match for match, _, _ in process.extract(text, known, scorer=fuzz.WRatio, limit=5)]
        return GreenlangError(
            "EDITION_UNKNOWN",
            "no factors of this edition are at hand",
            found=text,
            expected="one of the nearest: " + ", ".join(near),
            hint="`glac factors editions` lists all of them",
        )

    def _versions(self) -> list[tuple[EditionName, str, str]]:
        """Name, version and state of every version that holds factors."""
        columns = ("publisher", "dataset", "edition", "version")
        found = [(key, "in force") for key in _distinct(self.active("factors"), columns)]
        for frame in self.former():
            found += [(key, self._state(EditionName(*key[:3]), key[3])) for key in _distinct(frame, columns)]
        return [(EditionName(*key[:3]), key[3], state) for key, state in found]

    def _state(self, name: EditionName, version: str) -> str:
        """Why a version is not in force."""
        for table in self.stored:
            if table.own and table.edition == name and table.version == version:
                reason = table.entry.get("held_back")
                return f"held back: {reason}" if reason else "superseded"
        return "superseded"

    def listed(self) -> list[Listed]:
        """Every version of every edition with its counts and the hash that a reference pins."""
        parts: dict[EditionName, dict[str, pl.DataFrame]] = {}
        for kind in tables.KINDS:
            for table in self.in_force(kind):
                rows = self._kept_rows(table, read_stored(table))
                for name, found in split({kind: rows}, str(table.entry.get("publisher", ""))).items():
                    known = parts.setdefault(name, {}).get(kind)
                    parts[name][kind] = found[kind] if known is None else pl.concat([known, found[kind]])
        listed = [self._listed(name, found, "in force") for name, found in parts.items()]
        for frame in self.former():
            for name, found in split({"factors": frame}, "").items():
                listed.append(self._listed(name, found, self._state(name, version_of(name, found))))
        return sorted(listed, key=lambda item: (item.name, version_key(item.version)))

    def _listed(self, name: EditionName, parts: Mapping[str, pl.DataFrame], state: str) -> Listed:
        in_force = state == "in force"
        version = self.version_in_force(name, parts) if in_force else version_of(name, parts)
        own = any(table.own and (table.edition, table.version) == (name, version) for table in self.stored)
        main = next(kind for kind in (*_MAIN, *parts) if kind in parts)
        return Listed(
            name=name,
            version=version,
            state=state,
            origin="own" if own else "shipped",
            rows={kind: parts[kind].height for kind in tables.KINDS if kind in parts},
            sha256=table_sha256(parts[main], key=tables.KINDS[main][1]),
            licence=" | ".join(sorted(parts[main]["cite_licence"].unique())),
        )

    def _shipped_parts(self, name: EditionName) -> dict[str, pl.DataFrame]:
        """The shipped rows of one edition, by kind."""
        parts: dict[str, list[pl.DataFrame]] = {}
        for table in self.stored:
            if table.own or not _may_hold(table, name):
                continue
            rows = read_stored(table)
            owned = names(table.kind, rows, str(table.entry.get("publisher", "")))
            mine = rows.filter(
                (owned["publisher"] == name.publisher)
                & (owned["dataset"] == name.dataset)
                & (owned["edition"] == name.edition)
            )
            if mine.height:
                parts.setdefault(table.kind, []).append(mine)
        return {kind: pl.concat(frames) for kind, frames in parts.items()}

    def known(self, name: EditionName) -> list[tuple[str, str]]:
        """Version and content hash of everything that is known under a name."""
        found = []
        parts = self._shipped_parts(name)
        if parts:
            found.append((version_of(name, parts), content_of(parts)))
        own = {
            (table.version, str(table.entry["edition_sha256"]))
            for table in self.stored
            if table.own and table.edition == name
        }
        return [*found, *sorted(own, key=lambda item: version_key(item[0]))]

    def parts_in_force(self, name: EditionName) -> dict[str, pl.DataFrame]:
        """The rows in force of one edition, by kind."""
        if name not in self._own_versions or not self._own_wins(name):
            return self._shipped_parts(name)
        return {
            table.kind: read_stored(table)
            for table in self.stored
            if table.own and table.edition == name and self._stands(table)
        }

    def version_in_force(self, name: EditionName, parts: Mapping[str, pl.DataFrame]) -> str:
        """The version of the rows in force of one edition."""
        if name in self._own_versions and self._own_wins(name):
            return self._own_versions[name]
        return version_of(name, parts)

    def _own_wins(self, name: EditionName) -> bool:
        return name in self.replaced or name not in self._shipped_versions


def catalogue(own: Path | None, shipped: Path = tables.FACTORS_ROOT) -> Catalogue:
    """The catalogue in force: the shipped one, and what the user brought.

    Args:
        own: folder of the user's tables; it need not exist.
        shipped: folder of the shipped tables.
    """
    editions = Editions(shipped, own)
    if not any(table.own for table in editions.stored):
        return Catalogue.shipped(shipped)
    factors, properties, gwp = (editions.active(kind) for kind in ("factors", "properties", "gwp"))
    made = Catalogue(factors, properties, gwp, values=lambda: editions.active("values"))
    made.former = (lambda _: editions.former(),)
    return made


def _stored(root: Path, *, own: bool) -> list[Stored]:
    entries = tables.read_manifest(root)["tables"]
    return [Stored(root, name, entry, own) for name, entry in sorted(entries.items())]


def read_stored(table: Stored) -> pl.DataFrame:
    """One table, its columns and row count checked."""
    return tables.read_table(table.path, table.entry)


def _may_hold(table: Stored, name: EditionName) -> bool:
    """Whether a shipped table's entry leaves room for an edition (the common table of properties does)."""
    said = table.entry.get("editions")
    return said is None or table.kind in ("gwp", "goods") or name.edition in said


def _distinct(frame: pl.DataFrame, columns: tuple[str, ...]) -> list[tuple[str, ...]]:
    return sorted(frame.select(columns).unique().iter_rows())


def _parsed(label: str) -> tuple[str, ...]:
    parts = label.lower().split("/")
    return (publisher_id(parts[0]), *parts[1:])


# --- keeping what was imported


def judge(result: ImportResult, gwp: pl.DataFrame) -> None:
    """Refuse an import that breaks a contract, or that holds nothing at all.

    Raises:
        GreenlangError: ``NOTHING_READ``, ``CONTRACT_BROKEN``, ``GWP_CROSS_CHECK``, ``UNIT_UNKNOWN``.
    """
    parts = _parts(result)
    if not parts:
        raise GreenlangError(
            "NOTHING_READ",
            "the file holds no figure",
            found=f"{result.rows_read} rows, all left out: {result.skipped}",
            expected="at least one factor, value or property",
            where={"file": result.source.file},
        )
    if "factors" in parts:
        contracts.require(parts["factors"], result.source.file)
    for kind, require in _CONTRACTS.items():
        if kind in parts:
            require(parts[kind])
    cross_check(result, result.others.get("gwp", gwp))


#: What is required of the tables beside the factors.
_CONTRACTS = {
    "gwp": reference_contracts.require_gwp,
    "properties": reference_contracts.require_properties,
    "values": reference_contracts.require_values,
    "goods": reference_contracts.require_goods,
}


def _parts(result: ImportResult) -> dict[str, pl.DataFrame]:
    parts = {"factors": result.factors, "properties": result.properties, **result.others}
    return {kind: frame for kind, frame in parts.items() if frame.height}


def keep(
    result: ImportResult, importer: str, own: Path, shipped: Path = tables.FACTORS_ROOT
) -> tuple[Kept, ...]:
    """Keep an import as editions of the user; what is refused changes nothing.

    Args:
        result: what the importer read.
        importer: the publisher's name as ``glac factors import`` takes it.
        own: folder of the user's tables; made when it is missing.
        shipped: folder of the shipped tables.

    Returns:
        What became of each edition of the file.

    Raises:
        GreenlangError: those of ``judge``, ``MANIFEST_UNREADABLE`` when the user's set cannot be read.
    """
    judge(result, Editions(shipped, own).active("gwp"))
    with _locked(own):
        editions = Editions(shipped, own)
        kept: list[Kept] = []
        made: list[tables.Table] = []
        for name, parts in split(_parts(result), result.publisher).items():
            outcome = _outcome(editions, name, parts)
            kept.append(outcome)
            if outcome.state != "known":
                made += _tables(outcome, parts, result, importer)
        if made:
            _add(made, own)
    return tuple(kept)


def _outcome(editions: Editions, name: EditionName, parts: Mapping[str, pl.DataFrame]) -> Kept:
    rows = sum(frame.height for frame in parts.values())
    known = editions.known(name)
    content = content_of(parts)
    for version, sha256 in known:
        if sha256 == content:
            return Kept(name, version, "known", rows)
    version = version_of(name, parts)
    if not known:
        return Kept(name, version, "new", rows)
    highest = max((number for number, _ in known), key=version_key)
    if version_key(version) <= version_key(highest):
        version = next_patch(highest)
    before = editions.parts_in_force(name)
    if _contained(parts, before):
        # One of the files that an edition comes in says nothing that the whole of them does not.
        return Kept(name, editions.version_in_force(name, before), "known", rows)
    gone, of = _vanished(parts, before)
    if gone > MOST_THAT_MAY_VANISH * of:
        return Kept(name, version, "held back", rows, f"lacks {gone:,} of the {of:,} rows in force")
    return Kept(name, version, "correction", rows)


def _contained(parts: Mapping[str, pl.DataFrame], whole: Mapping[str, pl.DataFrame]) -> bool:
    """Whether every row stands in the whole already, with the same content."""
    for kind, frame in parts.items():
        if kind not in whole:
            return False
        columns = [name for name in frame.columns if name not in _NOT_CONTENT]
        if frame.join(whole[kind], on=columns, how="anti", nulls_equal=True).height:
            return False
    return True


def _vanished(parts: Mapping[str, pl.DataFrame], before: Mapping[str, pl.DataFrame]) -> tuple[int, int]:
    """How many rows in force a new version lacks, and how many there are; of factors, where there are any."""
    kinds = ["factors"] if "factors" in before else list(before)
    gone = 0
    for kind in kinds:
        key = list(tables.KINDS[kind][1])
        there = parts.get(kind, before[kind].clear())
        gone += before[kind].join(there, on=key, how="anti").height
    return gone, sum(before[kind].height for kind in kinds)


def _tables(
    kept: Kept, parts: Mapping[str, pl.DataFrame], result: ImportResult, importer: str
) -> list[tables.Table]:
    """The tables of one version of an edition, one a kind."""
    facts: dict[str, Any] = {
        "importer": importer,
        "publisher": kept.name.publisher,
        "datasets": [kept.name.dataset],
        "editions": [kept.name.edition],
        "versions": [kept.version],
        "edition_sha256": content_of(parts),
        "rows_read": result.rows_read,
        "skipped": dict(sorted(result.skipped.items())),
        "notes": list(result.notes),
    }
    if kept.reason is not None:
        facts["held_back"] = kept.reason
    stem = "__".join(slug(part) for part in (*kept.name, kept.version))
    made = []
    for kind, frame in parts.items():
        rows = frame
        if "version" in frame.columns:
            rows = frame.with_columns(pl.lit(kept.version).alias("version"))
        made.append(tables.Table(f"{stem}__{kind}.parquet", kind, rows, facts))
    return made


@contextmanager
def _locked(own: Path) -> Iterator[None]:
    """One import at a time; the kernel lets go of the lock however the process ends."""
    own.mkdir(parents=True, exist_ok=True)
    handle = os.open(own / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _add(made: Iterable[tables.Table], own: Path) -> None:
    """Add tables to the user's set: files under their own names first, the manifest in one step last."""
    entries: dict[str, Any] = {}
    if (own / tables.MANIFEST).is_file():
        entries = dict(tables.read_manifest(own)["tables"])
    with tempfile.TemporaryDirectory(dir=own, prefix=".writing-") as holding:
        for table in made:
            ordered = replace(table, frame=table.frame.sort(tables.KINDS[table.kind][1]))
            path = Path(holding) / table.name
            ordered.frame.write_parquet(path, compression="zstd")
            entries[table.name] = tables.entry_of(ordered)
            path.replace(own / table.name)
        last = Path(holding) / tables.MANIFEST
        last.write_text(tables.manifest_text(tables.sealed(entries)), encoding="utf-8")
        last.replace(own / tables.MANIFEST)
