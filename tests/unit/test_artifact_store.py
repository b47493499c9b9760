"""The contract of ``ArtifactStore``, run on the folder and on S3 alike."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.ports import ArtifactStore
from resources.s3_store import S3Store
from resources.settings import S3Location
from resources.store import FolderStore, cas_key


@dataclass
class Kept:
    """A store, and a way past it to the bytes it keeps."""

    store: ArtifactStore
    overwrite: Callable[[str, bytes], None]
    delete: Callable[[str], None]
    keys: Callable[[], list[str]]


@pytest.fixture(params=["folder", "s3"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    if request.param == "folder":
        root = tmp_path / "a store"

        def overwrite(key: str, data: bytes) -> None:
            (root / key).chmod(0o644)
            (root / key).write_bytes(data)

        return Kept(
            FolderStore(root),
            overwrite,
            lambda key: (root / key).unlink(),
            lambda: sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()),
        )
    import boto3

    location: S3Location = request.getfixturevalue("s3_location")
    client = boto3.client("s3", endpoint_url=location.endpoint_url)
    name = {"Bucket": location.bucket}
    return Kept(
        S3Store(location),
        lambda key, data: client.put_object(**name, Key=f"{location.prefix}/{key}", Body=data) and None,
        lambda key: client.delete_object(**name, Key=f"{location.prefix}/{key}") and None,
        lambda: [
            item["Key"].removeprefix(location.prefix + "/")
            for item in client.list_objects_v2(**name).get("Contents", [])
        ],
    )


def test_bytes_come_back_under_their_hash(kept: Kept) -> None:
    for data in (b"", b"hello", bytes(range(256)) * 4096):
        sha256 = kept.store.put(data)
        assert sha256 == hashlib.sha256(data).hexdigest()
        assert kept.store.exists(sha256)
        assert kept.store.get(sha256) == data


def test_the_object_lies_under_its_own_hash(kept: Kept) -> None:
    sha256 = kept.store.put(b"hello")
    assert kept.keys() == [f"cas/sha256/{sha256[:2]}/{sha256[2:]}"]


def test_putting_again_changes_nothing(kept: Kept) -> None:
    first = kept.store.put(b"same")
    before = kept.keys()
    assert kept.store.put(b"same") == first
    assert kept.keys() == before


def test_a_missing_artefact_is_named(kept: Kept) -> None:
    sha256 = hashlib.sha256(b"never").hexdigest()
    assert not kept.store.exists(sha256)
    with pytest.raises(GreenlangError) as caught:
        kept.store.get(sha256)
    assert caught.value.code == "ARTIFACT_MISSING"
    assert caught.value.expected == sha256


def test_an_altered_artefact_is_found_on_read_and_on_write(kept: Kept) -> None:
    sha256 = kept.store.put(b"truth")
    kept.overwrite(cas_key(sha256), b"truth!")
    for attempt in (lambda: kept.store.get(sha256), lambda: kept.store.put(b"truth")):
        with pytest.raises(GreenlangError) as caught:
            attempt()
        assert caught.value.code == "ARTIFACT_ALTERED"
        assert caught.value.expected == sha256
        assert caught.value.found == hashlib.sha256(b"truth!").hexdigest()


@pytest.mark.parametrize("name", ["", "abc", "A" * 64, "../" + "0" * 61, "g" * 64, "0" * 63 + "\n"])
def test_a_name_that_is_no_hash_is_refused(kept: Kept, name: str) -> None:
    for attempt in (kept.store.get, kept.store.exists):
        with pytest.raises(GreenlangError) as caught:
            attempt(name)
        assert caught.value.code == "HASH_INVALID"


def test_named_objects_are_written_read_and_replaced(kept: Kept) -> None:
    first = kept.store.put_named("specs/inbox/a pack – ü.yaml", b"one")
    assert (first.key, first.size) == ("specs/inbox/a pack – ü.yaml", 3)
    assert kept.store.get_named(first.key) == (b"one", first)
    second = kept.store.put_named(first.key, b"other")
    assert second.version != first.version
    assert kept.store.get_named(first.key) == (b"other", second)


def test_a_missing_named_object(kept: Kept) -> None:
    with pytest.raises(GreenlangError) as caught:
        kept.store.get_named("specs/none")
    assert caught.value.code == "OBJECT_MISSING"


def test_if_absent_lets_the_first_writer_win(kept: Kept) -> None:
    kept.store.put_named("once", b"first", if_absent=True)
    with pytest.raises(GreenlangError) as caught:
        kept.store.put_named("once", b"second", if_absent=True)
    assert caught.value.code == "OBJECT_EXISTS"
    assert kept.store.get_named("once")[0] == b"first"


def test_if_match_replaces_just_the_version_that_was_read(kept: Kept) -> None:
    read = kept.store.put_named("state", b"1")
    kept.store.put_named("state", b"2", if_match=read.version)
    with pytest.raises(GreenlangError) as caught:
        kept.store.put_named("state", b"3", if_match=read.version)
    assert caught.value.code == "OBJECT_CHANGED"
    assert kept.store.get_named("state")[0] == b"2"
    with pytest.raises(GreenlangError) as caught:
        kept.store.put_named("absent", b"3", if_match=read.version)
    assert caught.value.code == "OBJECT_CHANGED"


@pytest.mark.parametrize("condition", ["if_absent", "if_match"])
def test_sixteen_writers_race_and_one_wins(kept: Kept, condition: str) -> None:
    version = kept.store.put_named("race/match", b"start").version
    gate = threading.Barrier(16)

    def write(number: int) -> bytes | None:
        data = f"writer {number}".encode()
        gate.wait()
        try:
            if condition == "if_absent":
                kept.store.put_named("race/absent", data, if_absent=True)
            else:
                kept.store.put_named("race/match", data, if_match=version)
        except GreenlangError as error:
            if error.code not in ("OBJECT_EXISTS", "OBJECT_CHANGED"):
                raise
            return None
        return data

    with ThreadPoolExecutor(16) as pool:
        winners = [data for data in pool.map(write, range(16)) if data is not None]
    assert len(winners) == 1
    name = "race/absent" if condition == "if_absent" else "race/match"
    assert kept.store.get_named(name)[0] == winners[0]


def test_writers_of_the_same_artefact_do_not_disturb_each_other(kept: Kept) -> None:
    data = b"x" * 300_000
    with ThreadPoolExecutor(8) as pool:
        hashes = set(pool.map(lambda _: kept.store.put(data), range(16)))
    assert hashes == {hashlib.sha256(data).hexdigest()}
    assert kept.store.get(hashes.pop()) == data


def test_listing_pages_in_key_order_without_artefacts(kept: Kept) -> None:
    keys = ["a", "b-c/1", "b/1", "b/2/x", "b/2-x", "b/20", "b0", "ä/1", "z/9"]
    for key in keys:
        kept.store.put_named(key, key.encode())
    kept.store.put(b"an artefact")
    expected = sorted(keys, key=str.encode)
    assert [item.key for item in kept.store.list_named()] == expected
    assert [item.key for item in kept.store.list_named("b/")] == ["b/1", "b/2-x", "b/2/x", "b/20"]
    assert [item.key for item in kept.store.list_named("b/2")] == ["b/2-x", "b/2/x", "b/20"]
    assert kept.store.list_named("nothing/") == []
    for size in (1, 2, 4):
        seen: list[str] = []
        while page := kept.store.list_named(start_after=seen[-1] if seen else "", limit=size):
            assert len(page) <= size
            seen += [item.key for item in page]
        assert seen == expected
    assert [item.key for item in kept.store.list_named(start_after="b/2")] == expected[
        expected.index("b/2-x") :
    ]


def test_listed_versions_serve_as_conditions(kept: Kept) -> None:
    kept.store.put_named("x", b"1")
    (listed,) = kept.store.list_named("x")
    assert listed == kept.store.get_named("x")[1]
    kept.store.put_named("x", b"2", if_match=listed.version)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "../up",
        "a/../b",
        "a/./b",
        "a//b",
        "a/",
        ".hidden",
        "a/.hidden",
        "cas/sha256/00/x",
        "CAS/x",
        "a\\b",
        "a\0b",
        "a\nb",
        "a\u2028b",
        "a\u202eb",
        "e\u0301",
        "\ud800",
        " a",
        "a /b",
        "x" * 256,
        "/".join(["x" * 200] * 5),
    ],
)
def test_names_that_could_climb_or_deceive_are_refused(kept: Kept, key: str) -> None:
    for attempt in (lambda: kept.store.put_named(key, b""), lambda: kept.store.get_named(key)):
        with pytest.raises(GreenlangError) as caught:
            attempt()
        assert caught.value.code == "OBJECT_KEY_INVALID"
    assert kept.keys() == []


def test_a_bucket_that_does_not_answer_is_named(s3_endpoint: str) -> None:
    store = S3Store(S3Location("no-such-bucket", "", s3_endpoint))
    with pytest.raises(GreenlangError) as caught:
        store.put(b"x")
    assert caught.value.code == "STORE_UNREACHABLE"


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    store.put_named("a/b", b"")
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "store" / "out").symlink_to(tmp_path)
    with pytest.raises(GreenlangError) as caught:
        store.get_named("out/secret")
    assert caught.value.code == "OBJECT_KEY_INVALID"
    assert [item.key for item in store.list_named()] == ["a/b"]


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path)

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.put(b"data")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_name_cannot_be_object_and_folder(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put_named("a", b"object")
    with pytest.raises(GreenlangError) as caught:
        store.put_named("a/b", b"below")
    assert caught.value.code == "OBJECT_KEY_INVALID"
    assert store.get_named("a")[0] == b"object"
