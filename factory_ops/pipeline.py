"""From a file in the inbox to a built pack, and which files are new.

Belongs here: reading a pack's text into what the factory needs, building it, planning a tick of the sensor.
Does not belong here: recording (``recipes``), Dagster, the clock of the machine.

The inbox is every named object of the store below ``specs/inbox/``; in a store that is a folder, that is the
folder ``<store>/specs/inbox``, and a file copied there is an object. What became of a file is told by its
receipt, ``specs/receipts/<name>.json``: for a faulty one with all its errors at their lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from factory_ops.generation.generator import CodeGenerator
from factory_ops.packaging.builder import BuiltPack, PackBuilder
from factory_ops.specification.answer import ValidationAnswer
from factory_ops.specification.processor import Processed, SpecProcessor
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import sha256_hex
from greenlang_assets.core.provenance.ports import ArtifactStore, NamedObject
from greenlang_assets.core.strict_yaml import YamlRefused, load
from greenlang_assets.sdk.pack import PACK_ID, PackSpec
from greenlang_assets.sdk.plan import CalculationPlan

INBOX = "specs/inbox/"
RECEIPTS = "specs/receipts/"
ACCEPTED = "specs/accepted/"
#: Files that one run builds; of more there are several runs.
BATCH = 20
#: Objects asked for at a time.
PAGE = 200
#: Partition of a file whose pack id cannot be read: this and the first digits of its hash.
UNREADABLE = "unreadable/"
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class SpecOutcome:
    """What a pack's text came to.

    Attributes:
        partition: the pack's id, also of a faulty pack that says it; else ``unreadable/<hash>``.
        answer: errors and warnings.
        spec: the canonical specification; None when the pack is not valid.
        plan: how its numbers come about; None for packs that are no calculators.
    """

    partition: str
    answer: ValidationAnswer
    spec: PackSpec | None = None
    plan: CalculationPlan | None = None


@dataclass(frozen=True, slots=True)
class PackFile:
    """A file of the inbox that is to be processed.

    Attributes:
        key: its name in the store.
        version: opaque mark of its content.
    """

    key: str
    version: str

    @property
    def run_key(self) -> str:
        """The same for the same content under the same name, so that it is never run twice."""
        return f"{self.key}@{self.version}"


@dataclass(frozen=True, slots=True)
class Sweep:
    """What one tick of the sensor found.

    Attributes:
        files: new files in the order of their names.
        cursor: name after which the next tick goes on; empty: from the beginning.
    """

    files: tuple[PackFile, ...]
    cursor: str

    @property
    def batches(self) -> list[tuple[PackFile, ...]]:
        """The files in groups of at most :data:`BATCH`, one run each."""
        return [self.files[start : start + BATCH] for start in range(0, len(self.files), BATCH)]


def plan_new_packs(listing: Sequence[NamedObject], processed: Mapping[str, str]) -> list[PackFile]:
    """The files of a listing that have no receipt for the content that they have now.

    Args:
        listing: objects of the inbox.
        processed: name of a file -> version that its receipt is about.
    """
    return [
        PackFile(item.key, item.version)
        for item in sorted(listing, key=lambda item: item.key.encode())
        if item.key.startswith(INBOX)
        and item.key.lower().endswith(_SUFFIXES)
        and processed.get(item.key) != item.version
    ]


def sweep_inbox(
    store: ArtifactStore,
    cursor: str = "",
    *,
    budget_s: float = 20.0,
    monotonic: Callable[[], float],
    limit: int = 5 * BATCH,
) -> Sweep:
    """Go through the inbox from the cursor on, page by page, until time or limit is used up.

    A store that cannot be read raises: a failed listing is not an empty one, and the cursor stays.

    Args:
        store: holds the inbox.
        cursor: as the last sweep gave it.
        budget_s: seconds after which no further page is asked for.
        monotonic: seconds that only grow.
        limit: files after which the sweep stops.
    """
    started = monotonic()
    files: list[PackFile] = []
    while True:
        page = store.list_named(INBOX, start_after=cursor, limit=PAGE)
        known = {item.key: version for item in page if (version := _receipt_version(store, item.key))}
        for found in plan_new_packs(page, known):
            files.append(found)
            if len(files) == limit:
                return Sweep(tuple(files), found.key)
        if len(page) < PAGE:
            return Sweep(tuple(files), "")
        cursor = page[-1].key
        if monotonic() - started >= budget_s:
            return Sweep(tuple(files), cursor)


def process_spec(data: bytes, processor: SpecProcessor | None = None) -> SpecOutcome:
    """Specification and plan of a pack's text, or all its errors.

    Args:
        data: the file.
        processor: with the catalogue and library to resolve against; the shipped ones unless given.
    """
    made: Processed = (processor or SpecProcessor()).process(data)
    partition = made.spec.id if made.spec is not None else _stated_id(data)
    return SpecOutcome(partition, made.answer, made.spec, made.plan)


def build_pack(spec: PackSpec, plan: CalculationPlan | None) -> BuiltPack:
    """Code, tests, documentation and manifest of a pack, and the archive over them.

    Raises:
        GreenlangError: what generator and builder refuse.
    """
    return PackBuilder().create_pack(CodeGenerator().generate(spec, plan).files)


def take_in(store: ArtifactStore, file: PackFile) -> str:
    """Keep a file of the inbox by its hash and name it as the newest of its partition, which is returned.

    Raises:
        GreenlangError: ``OBJECT_MISSING``, ``OBJECT_CHANGED``: it is another file by now; the next sweep
            sees that one.
    """
    data, now = store.get_named(file.key)
    if now.version != file.version:
        raise GreenlangError(
            "OBJECT_CHANGED",
            "the file was replaced since it was listed",
            found=now.version,
            expected=file.version,
            where={"object": file.key},
        )
    partition = _stated_id(data)
    pointer = {"key": file.key, "version": file.version, "sha256": store.put(data)}
    store.put_named(f"{ACCEPTED}{partition}/file.json", _json(pointer))
    return partition


def accepted_file(store: ArtifactStore, partition: str) -> PackFile:
    """The newest file of a partition.

    Raises:
        GreenlangError: ``OBJECT_MISSING``.
    """
    pointer = json.loads(store.get_named(f"{ACCEPTED}{partition}/file.json")[0])
    return PackFile(str(pointer["key"]), str(pointer["version"]))


def accepted(store: ArtifactStore, partition: str) -> tuple[str, str]:
    """Name and hash of the newest file of a partition.

    Raises:
        GreenlangError: ``OBJECT_MISSING``.
    """
    pointer = json.loads(store.get_named(f"{ACCEPTED}{partition}/file.json")[0])
    return str(pointer["key"]), str(pointer["sha256"])


def write_receipt(
    store: ArtifactStore, file: PackFile, partition: str, outcome: Mapping[str, Any]
) -> NamedObject:
    """Say what became of a file; from now on this content under this name is done with."""
    told = {"key": file.key, "version": file.version, "partition": partition, **outcome}
    return store.put_named(_receipt_key(file.key), _json(told))


def receipts(store: ArtifactStore) -> Iterator[dict[str, Any]]:
    """Every receipt, in the order of the files' names."""
    after = ""
    while page := store.list_named(RECEIPTS, start_after=after, limit=PAGE):
        for item in page:
            told: dict[str, Any] = json.loads(store.get_named(item.key)[0])
            yield told
        after = page[-1].key


def _receipt_key(key: str) -> str:
    return f"{RECEIPTS}{key.removeprefix(INBOX)}.json"


def _receipt_version(store: ArtifactStore, key: str) -> str | None:
    try:
        data, _ = store.get_named(_receipt_key(key))
    except GreenlangError as error:
        if error.code in ("OBJECT_MISSING", "OBJECT_KEY_INVALID"):
            return None
        raise
    return str(json.loads(data)["version"])


def _stated_id(data: bytes) -> str:
    """The id that a pack states, where it can be read and is fit to be one."""
    try:
        content = load(data).data
    except YamlRefused:
        content = None
    stated = content.get("id") if isinstance(content, dict) else None
    if isinstance(stated, str) and len(stated) <= 128 and re.fullmatch(PACK_ID, stated):
        return stated
    return f"{UNREADABLE}{sha256_hex(data)[:12]}"


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode()
