"""The audit bundle: a number and everything that proves it, for somebody without the platform.

Belongs here: gathering rows, proofs, entries, links and checkpoints behind a number; the archive's bytes.
Does not belong here: checking a bundle (``standalone_verifier``, which travels in it), the command.

The bundle of a number is the same, byte by byte, whenever and wherever it is made from the same ledger: it
holds no time of its own, takes each table's first record and the first checkpoint after it, and its archive
stores files uncompressed, in order, with one fixed date.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance import potentials, standalone_verifier
from greenlang_assets.core.provenance.canonical import StoredTable, sha256_hex
from greenlang_assets.core.provenance.ledger import Checkpoint, InputRef, LedgerLink
from greenlang_assets.core.provenance.merkle import RowProof, RowTree, fact_of
from greenlang_assets.core.provenance.ports import ArtifactStore, CheckpointLog, Ledger
from greenlang_assets.core.provenance.verify import place
from greenlang_assets.core.unit_text import read_factors

FORMAT = "greenlang/bundle@1"
VERIFIER = Path(standalone_verifier.__file__)
#: Tables of which every row is needed, or that are so small that one row's proof would be as long.
METHOD = "tenants/method"
PROPERTIES = "factors/fuel_properties"
#: Kinds of rows that a bundle proves, by the column that holds their hash.
SUBJECTS = ("total_sha256", "line_sha256", "calculation_sha256")

_README = """\
An audit bundle: published emission figures with everything that proves them.

Check it with Python 3.10 or later and nothing else:

    python3 verify.py BUNDLE.zip

Take verify.py from the project's own source rather than from here when you do not trust the sender, and
compare the fingerprint of the key that it prints with the one that the platform's operator publishes
(then: python3 verify.py BUNDLE.zip --key FINGERPRINT).

manifest.json        what is proved (subjects), and every file with its size and SHA-256
tables/              rows as they were recorded: first line the columns, then one JSON array a row
proofs.json          where each row stands in its table, and the hashes that lead to the recorded root
ledger.json          entries (what was made from what, by which code) and the chain's links
checkpoints.json     signed statements of the chain's newest link
public-key.txt       the Ed25519 key that signed them
unit-spellings.json  unit texts of publishers and tenants in canonical spelling
verify.py            the check: one file, Python's standard library only
"""


@dataclass
class _Part:
    """A recorded table, and which of its rows the bundle shows."""

    link: LedgerLink
    data: bytes
    table: StoredTable
    rows: set[int] = field(default_factory=set)

    @property
    def whole(self) -> bool:
        return fact_of(self.link.entry.facts) is None

    @property
    def inputs(self) -> tuple[InputRef, ...]:
        return self.link.entry.inputs


@dataclass(frozen=True)
class Bundle:
    """A finished bundle.

    Attributes:
        files: name -> bytes, sorted.
        numbers: published integers that the verifier computed again.
        key_sha256: fingerprint of the key that signed.
    """

    files: Mapping[str, bytes]
    numbers: int
    key_sha256: str

    def archive(self) -> bytes:
        """The bundle as a zip archive: stored, sorted, with one fixed date."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            for name, data in self.files.items():
                member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                member.create_system = 3  # the mode below is read as Unix's, whatever this system is
                member.external_attr = 0o100644 << 16
                archive.writestr(member, data)
        return out.getvalue()


def make_bundle(
    hashes: Sequence[str],
    ledger: Ledger,
    store: ArtifactStore,
    checkpoints: CheckpointLog,
    public_key: bytes,
) -> Bundle:
    """The bundle of totals, result lines and recorded calculations, checked by its own verifier.

    Args:
        hashes: of totals, lines or calculations.
        ledger: where they are recorded.
        store: where the tables are.
        checkpoints: signed heads of the ledger.
        public_key: 32 bytes, the key behind the signatures.

    Raises:
        GreenlangError: ``PROVENANCE_UNKNOWN``, ``BUNDLE_SUBJECT`` for a hash that is no such number,
            ``BUNDLE_UNRESOLVED`` where something behind it was not recorded, ``BUNDLE_NOT_SEALED``,
            ``BUNDLE_DOES_NOT_VERIFY``, ``ARTIFACT_MISSING``, ``ARTIFACT_ALTERED``.
    """
    wanted = sorted(set(hashes))
    gatherer = _Gatherer(ledger, store)
    for sha256 in wanted:
        gatherer.subject(sha256)
    files = {
        "README.txt": _README.encode(),
        "public-key.txt": public_key.hex().encode() + b"\n",
        "unit-spellings.json": _pretty(gatherer.spellings),
        "verify.py": VERIFIER.read_bytes(),
        **gatherer.tables(),
        **_ledger_files(gatherer.entries(), ledger, checkpoints),
    }
    listed = [
        {"name": name, "size": len(data), "sha256": sha256_hex(data)} for name, data in sorted(files.items())
    ]
    files["manifest.json"] = _pretty({"format": FORMAT, "subjects": wanted, "files": listed})
    files = dict(sorted(files.items()))
    check = standalone_verifier.Check(files)
    if not check.run():
        raise GreenlangError(
            "BUNDLE_DOES_NOT_VERIFY",
            "the bundle was made and does not hold: it is not handed out",
            found="; ".join(map(str, check.faults[:3])),
            expected="every hash, proof and number to hold",
            hint="`glac provenance verify` tells whether the ledger and the store are intact",
        )
    return Bundle(files, check.numbers, check.fingerprint)


def _pretty(record: Any) -> bytes:
    """JSON for people, the same bytes every time."""
    return json.dumps(record, ensure_ascii=False, sort_keys=True, indent=1).encode() + b"\n"


class _Gatherer:
    """Follows references from row to row, and remembers which rows of which tables were needed."""

    def __init__(self, ledger: Ledger, store: ArtifactStore) -> None:
        self._ledger = ledger
        self._store = store
        self._parts: dict[str, _Part] = {}
        self._weighed: set[tuple[str, str]] = set()
        self.spellings: dict[str, str] = {}

    def subject(self, sha256: str) -> None:
        """One number and all that is behind it."""
        row, part = self._row(sha256, "number", None)
        found = next((name for name in SUBJECTS if row.get(name) == sha256), None)
        if found == "total_sha256":
            for line in str(row["line_sha256s"]).split(" "):
                self._line(*self._row(line, "line", part.inputs))
        elif found == "line_sha256":
            self._line(row, part)
        elif found == "calculation_sha256":
            self._calculation(row, part)
        else:
            raise GreenlangError(
                "BUNDLE_SUBJECT",
                "a bundle proves totals, result lines and recorded calculations",
                found=sha256,
                expected="the hash of one of them",
                hint="`glac provenance show` walks any hash back",
            )

    def _line(self, row: Mapping[str, Any], part: _Part) -> None:
        self._row(str(row["activity_sha256"]), "activity", part.inputs)
        self._spell(str(row["unit"]))
        self._formula(str(row["formula_sha256"]), str(row["factor_sha256"]), part)
        self._gwp(row, part)
        for ref in part.inputs:
            if ref.asset == METHOD:
                held = self._part(ref.content_sha256)
                held.rows.update(range(1, len(held.table) + 1))

    def _calculation(self, row: Mapping[str, Any], part: _Part) -> None:
        body = json.loads(row["calculation"])
        self._formula(str(row["formula_sha256"]), row["factor_sha256"], part)
        self._gwp(row, part)
        for item in body["inputs"]:
            self._spell(str(item["given_unit"]))
        for property_id in body["properties"]:
            self._property(str(property_id), part)

    def _formula(self, formula_sha256: str, factor_sha256: str | None, part: _Part) -> None:
        row, _ = self._row(formula_sha256, "formula", part.inputs)
        definition = json.loads(row["definition"])
        if "equation" in definition:
            self._row(str(definition["equation"]["sha256"]), "equation", part.inputs)
        if factor_sha256 is not None:
            factor, _ = self._row(factor_sha256, "factor", part.inputs)
            self._spell(str(factor["activity_unit"]))
            for figure in definition["figures"]:
                column = str(figure["column"])
                self._spell(str(factor["co2e_unit" if column.startswith("co2e") else f"{column}_unit"]))

    def _gwp(self, row: Mapping[str, Any], part: _Part) -> None:
        """The rows of GWP values behind a line or calculation; none where its publisher applied them."""
        sha256, gwp_set = row["gwp_sha256"], row["gwp_set"]
        if sha256 is None or sha256 == potentials.applied_by_publisher(str(gwp_set), row["factor_id"]):
            return
        once = (part.link.entry_sha256, str(sha256))
        if once in self._weighed:
            return
        self._weighed.add(once)
        for ref in part.inputs:
            if ref.external or not ref.asset.startswith("factors/"):
                continue
            held = self._part(ref.content_sha256)
            found = (
                potentials.find(sha256, str(gwp_set), held.table)
                if potentials.is_gwp_table(held.table)
                else []
            )
            if found:
                rows = (held.table.row(number) for number in range(1, len(held.table) + 1))
                held.rows.update(number for number, row in enumerate(rows, 1) if row in found)
                return
        raise _unresolved(f"GWP values of {gwp_set}", str(sha256))

    def _property(self, property_id: str, part: _Part) -> None:
        """The row of a fuel property: of the table that the run read, or that its library was made with."""
        upstream = [ref for ref in part.inputs if not ref.external]
        for ref in list(upstream):
            upstream += self._made(ref.content_sha256).entry.inputs if ref.asset != PROPERTIES else ()
        for ref in upstream:
            if ref.asset == PROPERTIES:
                held = self._part(ref.content_sha256)
                for number in range(1, len(held.table) + 1):
                    row = held.table.row(number)
                    if row["property_id"] == property_id:
                        held.rows.add(number)
                        self._spell(str(row["unit"]))
                        return
        raise _unresolved("the fuel property", property_id)

    def _row(self, sha256: str, what: str, among: Sequence[InputRef] | None) -> tuple[dict[str, Any], _Part]:
        """A row by its hash, in one of the tables that what refers to it was made from."""
        allowed = None if among is None else {ref.content_sha256 for ref in among}
        for leaf in self._ledger.find_row(sha256):
            if allowed is None or leaf.content_sha256 in allowed:
                part = self._part(leaf.content_sha256)
                part.rows.add(leaf.row)
                return part.table.row(leaf.row), part
        if among is None:
            raise GreenlangError(
                "PROVENANCE_UNKNOWN",
                "nothing was recorded under this hash",
                found=sha256,
                expected="the hash of a total, a result line or a calculation",
                hint="hashes are compared whole: was it copied whole?",
            )
        raise _unresolved(what, sha256)

    def _part(self, content_sha256: str) -> _Part:
        if content_sha256 not in self._parts:
            data = self._store.get(content_sha256)
            self._parts[content_sha256] = _Part(self._made(content_sha256), data, StoredTable(data))
        return self._parts[content_sha256]

    def _made(self, content_sha256: str) -> LedgerLink:
        """The first entry about a content; of several the first that states the root of its rows."""
        links = [
            link for link in self._ledger.find(content_sha256) if link.entry.content_sha256 == content_sha256
        ]
        if not links:
            raise _unresolved("the ledger's entry about", content_sha256)
        return next((link for link in links if fact_of(link.entry.facts) is not None), links[0])

    def _spell(self, text: str) -> None:
        """Notes a unit text that the verifier, which knows canonical spelling only, could not read."""
        try:
            standalone_verifier.read_factors(text)
        except standalone_verifier.Fault:
            parts = [
                ("/" if power < 0 else "*", name, mark, abs(power))
                for name, mark, power in read_factors(text)
            ]
            words = [
                f"{sign}{name}{f'[{mark}]' if mark else ''}{'' if power == 1 else f'^({power})'}"
                for sign, name, mark, power in parts
            ]
            self.spellings[text] = "1" + "".join(words)

    # --- what goes into the bundle

    def tables(self) -> dict[str, bytes]:
        """The rows that were needed, a file a table, and ``proofs.json``."""
        files: dict[str, bytes] = {}
        listed = []
        for content, part in sorted(self._parts.items()):
            if not part.rows:
                continue
            entry = part.link.entry
            name = f"tables/{entry.asset.replace('/', '-')}-{content[:12]}.txt"
            proof: dict[str, Any] = {
                "file": name,
                "content_sha256": content,
                "entry_sha256": part.link.entry_sha256,
                "whole": part.whole,
            }
            if part.whole:
                files[name] = part.data
                proof["rows"] = {str(number): [] for number in sorted(part.rows)}
            else:
                files[name], proof["header"], proof["rows"] = _proved(part)
            listed.append(proof)
        files["proofs.json"] = _pretty({"tables": listed})
        return files

    def entries(self) -> list[LedgerLink]:
        """The entries about the tables, and about everything that these were made from, in order."""
        found: dict[int, LedgerLink] = {}
        waiting = [part.link for part in self._parts.values() if part.rows]
        while waiting:
            link = waiting.pop()
            if link.seq in found:
                continue
            found[link.seq] = link
            for ref in link.entry.inputs:
                if not ref.external:
                    waiting.append(self._input(ref, before=link.seq))
        return [link for _, link in sorted(found.items())]

    def _input(self, ref: InputRef, *, before: int) -> LedgerLink:
        part = self._parts.get(ref.content_sha256)
        if part is not None and part.rows:
            return part.link
        made = [
            link
            for link in self._ledger.find(ref.content_sha256)
            if link.seq < before and (link.entry.asset, link.entry.partition) == (ref.asset, ref.partition)
        ]
        if not made:
            raise _unresolved(f"{place(ref.asset, ref.partition)}, never recorded", ref.content_sha256)
        return made[0]


def _proved(part: _Part) -> tuple[bytes, list[str], dict[str, list[str]]]:
    """The lines of the needed rows after the header's, the header's path and every row's."""
    fact = fact_of(part.link.entry.facts)
    assert fact is not None
    tree = RowTree(part.data, block=int(fact["block"]))
    header = tree.header()
    proofs: dict[int, RowProof] = {}
    for number in sorted(part.rows):
        proof = tree.row(number)
        proofs[proof.leaf] = proof
    lines = [header.data, *(proof.data for proof in proofs.values())]
    return (
        b"\n".join(lines) + b"\n",
        [item.hex() for item in header.path],
        {str(leaf): [item.hex() for item in proof.path] for leaf, proof in proofs.items()},
    )


def _ledger_files(entries: Sequence[LedgerLink], ledger: Ledger, log: CheckpointLog) -> dict[str, bytes]:
    """Entries, the links from each to the first checkpoint after it, and these checkpoints without a gap."""
    kept = log.checkpoints(ledger.chain)
    sealed_by = {link.seq: _covering(kept, link.seq) for link in entries}
    used = [item for item in sealed_by.values() if item is not None]
    if not used or len(used) < len(entries):
        missing = next((seq for seq, item in sealed_by.items() if item is None), None)
        raise GreenlangError(
            "BUNDLE_NOT_SEALED",
            "no signed checkpoint covers what the number was made from",
            found=f"entry {missing}" if missing else "no entry",
            expected="a checkpoint after it",
        )
    first, last = kept.index(min(used, key=_seq)), kept.index(max(used, key=_seq))
    links = {
        link.seq: link for start, item in sealed_by.items() if item for link in _run(ledger, start, item.seq)
    }
    return {
        "checkpoints.json": _pretty([json.loads(item.to_bytes()) for item in kept[first : last + 1]]),
        "ledger.json": _pretty(
            {
                "entries": [json.loads(link.body) for link in entries],
                "links": [
                    {
                        "seq": link.seq,
                        "prev_sha256": link.prev_sha256,
                        "entry_sha256": link.entry_sha256,
                        "run_id": link.run_id,
                        "recorded_at": link.recorded_at.astimezone(dt.UTC).isoformat(),
                    }
                    for _, link in sorted(links.items())
                ],
            }
        ),
    }


def _seq(checkpoint: Checkpoint) -> int:
    return checkpoint.seq


def _covering(kept: Sequence[Checkpoint], seq: int) -> Checkpoint | None:
    """The first checkpoint at or after an entry."""
    return next((item for item in kept if item.seq >= seq), None)


def _run(ledger: Ledger, start: int, end: int) -> Iterator[LedgerLink]:
    for seq in range(start, end + 1):
        link = ledger.at(seq)
        if link is not None:
            yield link


def _unresolved(what: str, found: str) -> GreenlangError:
    return GreenlangError(
        "BUNDLE_UNRESOLVED",
        f"{what} cannot be proved from the tables that the number was made from",
        found=found,
        expected="a row of a recorded table among the inputs",
        hint="`glac provenance show` tells what the number refers to",
    )
