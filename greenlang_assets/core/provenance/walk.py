"""The walk: from a hash back to what it was made from, down to the publisher's row.

Belongs here: the tree behind an entry, an artefact, a result line or a building's total.
Does not belong here: showing it (a command renders it), verifying the whole chain (``verify``).

Every object on the way is read through the store, which hashes it again, and every row must answer to
the hash it was found by: a tree that comes back is a tree whose contents were proved while it grew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance import potentials
from greenlang_assets.core.provenance.canonical import StoredTable, number_text, row_sha256
from greenlang_assets.core.provenance.ledger import InputRef, LedgerLink
from greenlang_assets.core.provenance.ports import ArtifactStore, Ledger
from greenlang_assets.core.provenance.rows import answers_to, is_factor, is_table
from greenlang_assets.core.provenance.verify import place

#: Columns of a line that refer to another row, and what stands there.
REFERENCES = (
    ("activity_sha256", "activity"),
    ("factor_sha256", "factor"),
    ("formula_sha256", "formula"),
)


@dataclass(frozen=True, slots=True)
class Node:
    """One thing on the way.

    Attributes:
        kind: ``entry``, ``total``, ``line``, ``calculation`` (an agent's), ``activity``, ``factor``,
            ``formula``, ``gwp``, ``row``, ``file`` (what came from outside) or ``unresolved`` (a
            reference that nothing recorded).
        label: its name, for a person.
        sha256: its identity.
        facts: what it says: the row's cells, the entry's facts, the place in the publisher's document.
        children: what it was made from.
        repeated: the same thing stands elsewhere in the tree with its children.
    """

    kind: str
    label: str
    sha256: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    children: tuple[Node, ...] = ()
    repeated: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The tree as JSON-ready data."""
        return {
            "kind": self.kind,
            "label": self.label,
            "sha256": self.sha256,
            "facts": {name: _json_ready(value) for name, value in self.facts.items()},
            "repeated": self.repeated,
            "children": [child.as_dict() for child in self.children],
        }


def walk(sha256: str, ledger: Ledger, store: ArtifactStore) -> Node:
    """The tree behind a hash: of an artefact, an entry, a link, or a row of a stored table.

    Raises:
        GreenlangError: ``PROVENANCE_UNKNOWN`` when nothing was recorded under this hash, ``HASH_INVALID``,
            ``ARTIFACT_MISSING``, ``ARTIFACT_ALTERED``, ``ROW_INDEX_WRONG``.
    """
    walker = _Walker(ledger, store)
    links = ledger.find(sha256)
    if links:
        return walker.entry(links[-1])
    node = walker.row(sha256, "row")
    if node.kind != "unresolved":
        return node
    raise GreenlangError(
        "PROVENANCE_UNKNOWN",
        "nothing was recorded under this hash",
        found=sha256,
        expected="the hash of an artefact, a ledger entry, a result line or a total",
        hint="hashes are compared whole: was it copied whole?",
    )


class _Walker:
    def __init__(self, ledger: Ledger, store: ArtifactStore) -> None:
        self._ledger = ledger
        self._store = store
        self._shown: set[str] = set()
        self._tables: dict[str, StoredTable] = {}
        self._origins: dict[str, LedgerLink | None] = {}

    def entry(self, link: LedgerLink) -> Node:
        """An entry and, below it, its inputs."""
        entry = link.entry
        facts = {
            "seq": link.seq,
            "run_id": link.run_id,
            "recorded_at": link.recorded_at.isoformat(),
            "code": entry.code,
            "content_sha256": entry.content_sha256,
            "chain_sha256": link.chain_sha256,
            **{f"facts.{name}": value for name, value in entry.facts.items()},
        }
        label = place(entry.asset, entry.partition)
        if not self._first_time(link.entry_sha256):
            return Node("entry", label, link.entry_sha256, facts, repeated=True)
        children = tuple(self._input(ref, before=link.seq) for ref in entry.inputs)
        return Node("entry", label, link.entry_sha256, facts, children)

    def row(self, sha256: str, kind: str) -> Node:
        """A row of a stored table and what it refers to."""
        leaves = self._ledger.find_row(sha256)
        if not leaves:
            return Node("unresolved", f"{kind} that no stored table holds", sha256)
        leaf = leaves[0]
        cells = self._table(leaf.content_sha256).row(leaf.row)
        if not answers_to(cells, sha256):
            raise GreenlangError(
                "ROW_INDEX_WRONG",
                "the index of rows points to a row that does not have this hash",
                found=f"row {leaf.row} of {leaf.content_sha256}",
                expected=sha256,
                hint="the index is derived from the store: build it anew",
            )
        kind, label = _kind_and_label(cells, kind)
        origin = self._origin(leaf.content_sha256)
        facts = {
            **{name: cell for name, cell in cells.items() if cell is not None},
            "recorded_in": place(origin.entry.asset, origin.entry.partition) if origin else None,
            "recorded_entry": origin.entry_sha256 if origin else None,
            "recorded_content": leaf.content_sha256,
            "recorded_row": leaf.row,
        }
        if not self._first_time(sha256):
            return Node(kind, label, sha256, facts, repeated=True)
        return Node(kind, label, sha256, facts, self._below(kind, cells, origin))

    def _below(self, kind: str, cells: Mapping[str, Any], origin: LedgerLink | None) -> tuple[Node, ...]:
        children = [self.row(part, "line") for part in str(cells.get("line_sha256s") or "").split()]
        if kind in ("line", "calculation"):
            children += [self.row(cells[name], what) for name, what in REFERENCES if cells.get(name)]
            if cells.get("gwp_sha256") and cells.get("gwp_set"):
                children.append(self._gwp(cells, origin))
        children += [self.row(sha256, "parameter") for sha256 in _parameters_of(cells)]
        source = _source_file(cells)
        return (*children, source) if source else tuple(children)

    def _gwp(self, line: Mapping[str, Any], origin: LedgerLink | None) -> Node:
        """The GWP values that a line took, each with its source."""
        sha256, gwp_set = str(line["gwp_sha256"]), str(line["gwp_set"])
        factor_id = line.get("factor_id")
        if sha256 == potentials.applied_by_publisher(gwp_set, factor_id):
            return Node("gwp", f"{gwp_set}, applied by the publisher in {factor_id}", sha256)
        for ref in origin.entry.inputs if origin else ():
            table = None if ref.external else self._table_if_any(ref.content_sha256)
            if table is None or not potentials.is_gwp_table(table):
                continue
            rows = potentials.find(sha256, gwp_set, table)
            if rows:
                label = f"{gwp_set}: " + ", ".join(
                    f"{row['gas']} {number_text(row['value'])}" for row in rows
                )
                facts = {"gwp_set": gwp_set, "recorded_in": ref.asset, "recorded_content": ref.content_sha256}
                return Node("gwp", label, sha256, facts, tuple(_gwp_value(row) for row in rows))
        return Node("unresolved", f"values of {gwp_set} that no recorded table gives", sha256)

    def _input(self, ref: InputRef, *, before: int) -> Node:
        label = place(ref.asset, ref.partition)
        if ref.external:
            return Node("file", label, ref.content_sha256)
        made = [
            link
            for link in self._ledger.find(ref.content_sha256)
            if link.seq < before and (link.entry.asset, link.entry.partition) == (ref.asset, ref.partition)
        ]
        if not made:
            return Node("unresolved", f"{label}, never recorded", ref.content_sha256)
        return self.entry(made[-1])

    def _table(self, content_sha256: str) -> StoredTable:
        if content_sha256 not in self._tables:
            self._tables[content_sha256] = StoredTable(self._store.get(content_sha256))
        return self._tables[content_sha256]

    def _table_if_any(self, content_sha256: str) -> StoredTable | None:
        if content_sha256 in self._tables:
            return self._tables[content_sha256]
        return self._table(content_sha256) if is_table(self._store.get(content_sha256)) else None

    def _origin(self, content_sha256: str) -> LedgerLink | None:
        if content_sha256 not in self._origins:
            links = self._ledger.find(content_sha256)
            self._origins[content_sha256] = links[-1] if links else None
        return self._origins[content_sha256]

    def _first_time(self, sha256: str) -> bool:
        fresh = sha256 not in self._shown
        self._shown.add(sha256)
        return fresh


def _kind_and_label(cells: Mapping[str, Any], asked_as: str) -> tuple[str, str]:
    if "total_sha256" in cells:
        name = cells.get("facility_name") or cells.get("facility_id")
        return "total", f"{name}, {cells.get('period')}"
    if "line_sha256" in cells:
        return "line", f"{cells.get('activity_id')}: {cells.get('activity')}"
    if "calculation_sha256" in cells:
        return "calculation", f"{cells.get('agent_id')} {cells.get('version')}"
    if is_factor(cells):
        return "factor", str(cells["factor_id"])
    if "activity_id" in cells:
        return "activity", str(cells["activity_id"])
    named = next((cells[name] for name in cells if name == "id" or name.endswith("_id")), None)
    return asked_as, str(named if named is not None else next(iter(cells.values()), ""))


def _parameters_of(cells: Mapping[str, Any]) -> list[str]:
    """Hashes of the parameter rows that a formula of the library is bound to."""
    if "formula_id" not in cells or '"parameters":' not in str(cells.get("definition")):
        return []
    return [parameter["sha256"] for parameter in json.loads(cells["definition"]).get("parameters", ())]


def _gwp_value(row: Mapping[str, Any]) -> Node:
    """One gas's GWP, in kg CO2e per kg of the gas, and where it was read."""
    source = _source_file(row)
    facts = {name: cell for name, cell in row.items() if cell is not None}
    label = f"{row['gas']} {number_text(row['value'])} over {row['horizon_years']} years"
    return Node("gwp", label, row_sha256(row), facts, (source,) if source else ())


def _source_file(cells: Mapping[str, Any]) -> Node | None:
    """Where the row was read: the publisher's or the tenant's file, its sheet and row."""
    if cells.get("cite_source_sha256"):
        facts = {name.removeprefix("cite_"): cell for name, cell in cells.items() if name.startswith("cite_")}
        label = f"{facts['publisher']}: {facts['document']}, {facts['table']}, row {facts['row']}"
    elif cells.get("source_sha256"):
        facts = {name: cell for name, cell in cells.items() if name.startswith("source_")}
        document = facts.get("source_document") or facts.get("source_file")
        label = f"{document}, row {facts.get('source_row')}"
    else:
        return None
    facts = {name: cell for name, cell in facts.items() if cell is not None}
    return Node("file", label, str(facts.get("source_sha256")), facts)


def _json_ready(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)
