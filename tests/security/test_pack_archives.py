"""Attacks on pack archives: each is refused with its code, within a second, and nothing is written."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory_ops.packaging.builder import PackBuilder
from factory_ops.packaging.reader import MAX_ARCHIVE, PACK_FORMAT, read_pack
from factory_ops.packaging.tar import gzip_bytes, header, tar_bytes
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import sha256_hex


def listed(files: dict[str, bytes], **more: object) -> bytes:
    entries = {name: {"sha256": sha256_hex(data), "size": len(data)} for name, data in files.items()}
    return json.dumps(
        {"format": PACK_FORMAT, "id": "a/b", "version": "1.0.0", "files": entries, **more}
    ).encode()


GOOD = {"agent.py": b"x = 1\n", "tests/test_agent.py": b"y = 2\n"}
WHOLE = {**GOOD, "manifest.json": listed(GOOD)}
ARCHIVE = gzip_bytes(tar_bytes(WHOLE))


def code_of(archive: bytes) -> str:
    with pytest.raises(GreenlangError) as refused:
        read_pack(archive)
    assert refused.value.found is not None
    return refused.value.code


def with_tarfile(build: Callable[[tarfile.TarFile], None], form: int = tarfile.USTAR_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=form) as tar:
        build(tar)
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


def raw(name: bytes, data: bytes = b"") -> bytes:
    """A member whose name no writer would accept, its checksum right."""
    block = bytearray(header("x", len(data)))
    block[:100] = name.ljust(100, b"\0")[:100]
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + data + b"\0" * (-len(data) % 512)


END = b"\0" * 1024


def test_the_archive_that_the_others_are_made_from_is_good() -> None:
    assert dict(read_pack(ARCHIVE).files) == WHOLE


@pytest.mark.parametrize(
    "name",
    [
        b"../evil.py",
        b"/etc/passwd",
        b"C:\\evil.py",
        b"C:/evil.py",
        b"tests/../../evil.py",
        b"tests//x.py",
        b"./agent.py",
        b"tests/./x.py",
        b"tests/.hidden.py",
        b"tests/a\\b.py",
        b"tests/a\x01.py",
        b"tests/a\n.py",
        b"tests/\xc3\xa9.py",
        b"tests/x.py/",
        b"",
        b"tests/ x.py",
        b"tests/x.py ",
        b"agent.py\0evil",
        b"~/x.py",
        b"tests/con:.py",
        b"tests/" + b"a" * 94,
    ],
)
def test_unsafe_names(name: bytes) -> None:
    assert code_of(gzip_bytes(raw(name) + END)) in ("MEMBER_NAME", "MEMBER_FORBIDDEN", "MEMBER_HEADER")


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.FIFOTYPE,
        tarfile.DIRTYPE,
        tarfile.CONTTYPE,
        tarfile.GNUTYPE_SPARSE,
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
        b"7",
        b"Z",
    ],
)
def test_everything_that_is_no_regular_file(kind: bytes) -> None:
    block = bytearray(header("agent.py", 0))
    block[156:157] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    assert code_of(gzip_bytes(bytes(block) + END)) == "MEMBER_KIND"


def test_the_path_max_chain_and_its_relatives_leave_the_sentinel_alone(tmp_path: Path) -> None:
    sentinel = tmp_path / "sentinel"
    sentinel.write_text("untouched")

    def chain(tar: tarfile.TarFile) -> None:
        path = ""
        for step in "abcdefghijklmnop":
            tar.addfile(member(f"{path}{'d' * 55}", tarfile.DIRTYPE))
            tar.addfile(member(f"{path}{step}", tarfile.SYMTYPE, "d" * 55))
            path += f"{step}/"
        tar.addfile(member(f"{path}{'l' * 200}", tarfile.SYMTYPE, "../" * 16))
        tar.addfile(member("escape", tarfile.SYMTYPE, f"{path}{'l' * 200}/{sentinel}"))
        tar.addfile(member("newfile", tarfile.LNKTYPE, "escape"))

    def empty_link(tar: tarfile.TarFile) -> None:
        tar.addfile(member("", tarfile.SYMTYPE, "../sentinel"))

    def link_to_link(tar: tarfile.TarFile) -> None:
        tar.addfile(member("agent.py", tarfile.SYMTYPE, str(sentinel)))
        tar.addfile(member("models.py", tarfile.LNKTYPE, "agent.py"))

    for build in (chain, empty_link, link_to_link):
        for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
            assert code_of(with_tarfile(build, form)) in ("MEMBER_KIND", "ARCHIVE_NOT_TAR")
    assert sentinel.read_text() == "untouched"
    assert [path.name for path in tmp_path.iterdir()] == ["sentinel"]


@pytest.mark.parametrize(
    "names",
    [
        ("agent.py", "agent.py"),
        ("tests/a.py", "tests/A.py"),
        ("README.md", "README.md"),
        ("tests/a.py", "tests/a.py/b.py"),
        ("tests/a.py/b.py", "tests/A.py"),
    ],
)
def test_two_members_for_one_place(names: tuple[str, str]) -> None:
    content = b"".join(header(name, 0) for name in names) + END
    assert code_of(gzip_bytes(content)) == "MEMBER_DOUBLED"


def bomb() -> bytes:
    return gzip.compress(b"\0" * 200_000_000, 9)


def test_bombs_are_refused_fast_and_without_memory() -> None:
    packed = bomb()
    nested = gzip.compress(packed)
    tiny = gzip.compress(b"".join(header(f"tests/t{n}.py", 0) for n in range(20_000)) + END)
    tracemalloc.start()
    started = time.perf_counter()
    codes = [code_of(packed), code_of(nested), code_of(tiny), code_of(b"\x1f\x8b" + b"0" * MAX_ARCHIVE)]
    took = time.perf_counter() - started
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert codes == ["ARCHIVE_TOO_LARGE", "ARCHIVE_NOT_TAR", "ARCHIVE_TOO_LARGE", "ARCHIVE_TOO_LARGE"]
    assert took < 1
    assert peak < 100_000_000


def test_half_an_archive_two_of_them_and_what_follows() -> None:
    for cut in (20, 600, len(ARCHIVE) - 5):
        assert code_of(ARCHIVE[:cut]) in ("ARCHIVE_TRUNCATED", "ARCHIVE_NOT_GZIP")
    assert code_of(gzip_bytes(tar_bytes(WHOLE)[:-700])) == "ARCHIVE_TRUNCATED"
    assert code_of(ARCHIVE + ARCHIVE) == "ARCHIVE_TRAILING"
    assert code_of(ARCHIVE + b"PK\x03\x04") == "ARCHIVE_TRAILING"
    assert code_of(gzip_bytes(tar_bytes(WHOLE) + b"\0" * 512)) == "ARCHIVE_TRAILING"
    assert code_of(gzip_bytes(tar_bytes(WHOLE) + tar_bytes(WHOLE))) == "ARCHIVE_TRAILING"
    damaged = bytearray(ARCHIVE)
    damaged[-6] ^= 1
    assert code_of(bytes(damaged)) == "ARCHIVE_NOT_GZIP"


def test_rights_owners_and_times_are_refused() -> None:
    for change in ({"mode": 0o4755}, {"uid": 1000}, {"mtime": 1}, {"uname": "root"}, {"mode": 0o600}):
        info = member("agent.py")
        for key, value in change.items():
            setattr(info, key, value)
        block = info.tobuf(tarfile.USTAR_FORMAT)
        assert code_of(gzip_bytes(block + END)) == "MEMBER_HEADER", change
    broken = bytearray(tar_bytes(WHOLE))
    broken[150] = ord("7")
    assert code_of(gzip_bytes(bytes(broken))) == "MEMBER_HEADER"


@pytest.mark.parametrize(
    "name",
    [
        "json.py",
        "os.py",
        "sitecustomize.py",
        "usercustomize.py",
        "conftest.py",
        "tests/conftest.py",
        "evil.pth",
        "tests/evil.pth",
        "tests/x.so",
        "greenlang_assets/__init__.py",
        "greenlang_assets/x.py",
        "numpy.py",
        "tests/__pycache__/x.pyc",
        "agents/sitecustomize.py",
        "Makefile",
        "models/x.py",
        "AGENT.py",
    ],
)
def test_files_that_shadow_or_run_by_being_there(name: str) -> None:
    assert code_of(gzip_bytes(tar_bytes({**WHOLE, name: b""}))) in ("MEMBER_FORBIDDEN", "MEMBER_NAME")


def test_the_list_of_files_is_that_of_the_manifest() -> None:
    def packed(files: dict[str, bytes]) -> bytes:
        return gzip_bytes(tar_bytes(files))

    assert code_of(packed(GOOD)) == "MANIFEST_MISSING"
    assert code_of(packed({**WHOLE, "tests/more.py": b""})) == "MANIFEST_DIFFERS"
    assert (
        code_of(packed({"manifest.json": WHOLE["manifest.json"], "agent.py": GOOD["agent.py"]}))
        == "MANIFEST_DIFFERS"
    )
    assert code_of(packed({**WHOLE, "agent.py": b"x = 2\n"})) == "MANIFEST_DIFFERS"
    for text in (
        b"{",
        b"[]",
        b"null",
        b'{"a":1,"a":2}',
        b"\xff",
        b"[" * 100_000,
        listed(GOOD, format="other/pack@9"),
    ):
        assert code_of(packed({**GOOD, "manifest.json": text})) == "MANIFEST_INVALID"


def test_another_archive_than_the_one_asked_for() -> None:
    with pytest.raises(GreenlangError) as refused:
        read_pack(ARCHIVE, sha256="0" * 64)
    assert refused.value.code == "ARCHIVE_DIGEST"


def test_a_zip_is_known_by_its_first_bytes() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("agent.py", "x = 1")
    assert code_of(buffer.getvalue()) == "ARCHIVE_NOT_GZIP"
    assert code_of(buffer.getvalue() + ARCHIVE) == "ARCHIVE_NOT_GZIP"
    assert code_of(b"") == "ARCHIVE_NOT_GZIP"


def test_the_builder_refuses_what_the_reader_would() -> None:
    for files in ({**WHOLE, "evil.pth": b""}, GOOD):
        with pytest.raises(GreenlangError):
            PackBuilder().create_pack(files)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(tar_bytes(WHOLE)) - 1), st.integers(1, 255))
def test_no_changed_byte_is_overlooked(place: int, change: int) -> None:
    content = bytearray(tar_bytes(WHOLE))
    content[place] ^= change
    with pytest.raises(GreenlangError):
        read_pack(gzip_bytes(bytes(content)), sha256=sha256_hex(ARCHIVE))
    try:
        files = dict(read_pack(gzip_bytes(bytes(content))).files)
    except GreenlangError:
        return
    # Only the manifest's own free text may differ; whatever it lists is verified.
    assert {name: data for name, data in files.items() if name != "manifest.json"} == GOOD


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=3000))
def test_noise_is_refused_and_never_raises_anything_else(noise: bytes) -> None:
    for archive in (noise, gzip_bytes(noise), b"\x1f\x8b\x08" + noise):
        with pytest.raises(GreenlangError):
            read_pack(archive)
