"""Archives of packs: the same files give the same bytes, and any tar can read them."""

from __future__ import annotations

import io
import json
import tarfile

from hypothesis import given
from hypothesis import strategies as st

from factory_ops.packaging.builder import PackBuilder
from factory_ops.packaging.reader import PACK_FORMAT, read_pack
from factory_ops.packaging.tar import gzip_bytes, tar_bytes
from greenlang_assets.core.provenance.canonical import sha256_hex


def pack(files: dict[str, bytes]) -> dict[str, bytes]:
    listed = {name: {"sha256": sha256_hex(data), "size": len(data)} for name, data in files.items()}
    manifest = {"format": PACK_FORMAT, "id": "a/b", "version": "1.0.0", "files": listed}
    return {**files, "manifest.json": json.dumps(manifest).encode()}


FILES = pack({"agent.py": b"x = 1\n", "tests/test_agent.py": b"", "README.md": b"y" * 70_000})


def test_the_same_files_give_the_same_bytes_in_any_order() -> None:
    first = PackBuilder().create_pack(FILES)
    second = PackBuilder().create_pack(dict(reversed(FILES.items())))
    assert first.archive == second.archive
    assert first.archive_sha256 == sha256_hex(first.archive)
    assert dict(first.source) == FILES
    assert (first.pack_id, first.version) == ("a/b", "1.0.0")


def test_any_tar_reads_it() -> None:
    archive = PackBuilder().create_pack(FILES).archive
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        members = tar.getmembers()
        assert [member.name for member in members] == sorted(FILES)
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {
            (0, 0, 0, "", "", 0o644)
        }
        for member in members:
            stream = tar.extractfile(member)
            assert stream is not None
            assert stream.read() == FILES[member.name]


@given(
    st.dictionaries(
        st.from_regex(r"tests/[a-z]{1,12}\.py", fullmatch=True), st.binary(max_size=2000), max_size=6
    )
)
def test_what_is_written_is_read(files: dict[str, bytes]) -> None:
    whole = pack(files)
    assert dict(read_pack(gzip_bytes(tar_bytes(whole))).files) == whole
