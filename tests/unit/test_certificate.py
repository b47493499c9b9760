"""Certificates: what passed is vouched for; whatever is changed afterwards is refused."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from factory_ops.certification.certificate import (
    PAYLOAD_TYPE,
    Certificate,
    issue_certificate,
    pre_authentication,
    verify_certificate,
)
from factory_ops.generation.generator import CodeGenerator
from factory_ops.packaging.builder import PackBuilder
from factory_ops.quality.report import DIMENSIONS, Measured, QualityReport
from factory_ops.specification.processor import SpecProcessor
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import canonical_bytes, sha256_hex
from resources.signing import Ed25519Signer

ROOT = Path(__file__).resolve().parents[2]


def archive_of(name: str) -> bytes:
    made = SpecProcessor().process((ROOT / "data/packs" / name / "pack.yaml").read_bytes())
    assert made.spec is not None
    return PackBuilder().create_pack(CodeGenerator().generate(made.spec, made.plan).files).archive


ARCHIVE, OTHER = archive_of("natural_gas_v1"), archive_of("diesel_fleet_v1")


class Noon:
    def __init__(self, day: int = 1) -> None:
        self.day = day

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 5, self.day, 12, tzinfo=dt.UTC)


def report_on(archive: bytes, **other: Measured) -> bytes:
    from factory_ops.packaging.reader import read_pack

    pack = read_pack(archive)
    dimensions = {**dict.fromkeys(DIMENSIONS, Measured(1.0, True)), **other}
    return QualityReport(pack.id, pack.version, pack.sha256, dimensions, {"ruff": "1"}).canonical()


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Ed25519Signer:
    return Ed25519Signer(tmp_path_factory.mktemp("keys") / "factory.pem")


@pytest.fixture
def certificate(signer: Ed25519Signer) -> Certificate:
    return issue_certificate(ARCHIVE, report_on(ARCHIVE), signer, Noon())


def test_a_certificate_binds_all_digests(certificate: Certificate, signer: Ed25519Signer) -> None:
    found = verify_certificate(certificate, ARCHIVE, signer, report=report_on(ARCHIVE))
    assert found == certificate
    assert found.digests["artifact"] == sha256_hex(ARCHIVE)
    assert found.digests["quality_report"] == sha256_hex(report_on(ARCHIVE))
    name = found.agent_id.upper().replace("/", "-").replace("_", "-")
    assert found.certificate_id == f"CERT-GL-{name}-20260501-{found.certified_sha256[:8]}"
    assert found.environments == ("local",)
    assert found.formulas
    assert found.ef_datasets
    assert found.gwp_set == "AR6"
    assert set(found.dimensions) == set(DIMENSIONS)


def test_the_time_is_outside_of_what_is_certified(certificate: Certificate, signer: Ed25519Signer) -> None:
    later = issue_certificate(ARCHIVE, report_on(ARCHIVE), signer, Noon(2))
    assert later.certified_sha256 == certificate.certified_sha256
    assert later.issued_at != certificate.issued_at
    assert issue_certificate(ARCHIVE, report_on(ARCHIVE), signer, Noon()).envelope == certificate.envelope


def test_what_did_not_pass_is_not_certified(signer: Ed25519Signer) -> None:
    for bad in (Measured(0.0, False), Measured.not_measured("no tool")):
        with pytest.raises(GreenlangError) as refused:
            issue_certificate(ARCHIVE, report_on(ARCHIVE, secrets_and_dependencies=bad), signer, Noon())
        assert refused.value.code == "QUALITY_NOT_HELD"
    body = json.loads(report_on(ARCHIVE, style=Measured(0.0, False)))
    body |= {"valid": True, "failed": []}
    for data, code in (
        (canonical_bytes(body), "QUALITY_NOT_HELD"),
        (report_on(OTHER), "REPORT_OF_OTHER_PACK"),
        (b"{}", "REPORT_INVALID"),
        (report_on(ARCHIVE) + b" ", "REPORT_INVALID"),
    ):
        with pytest.raises(GreenlangError) as refused:
            issue_certificate(ARCHIVE, data, signer, Noon())
        assert refused.value.code == code


def reworked(
    certificate: Certificate, change: Callable[[dict[str, Any]], None], signer: Ed25519Signer | None = None
) -> bytes:
    """The envelope with another payload; signed again where somebody has a key."""
    outer = json.loads(certificate.envelope)
    payload = json.loads(base64.b64decode(outer["payload"]))
    change(payload)
    data = canonical_bytes(payload)
    outer["payload"] = base64.b64encode(data).decode()
    if signer is not None:
        signature = signer.sign(pre_authentication(PAYLOAD_TYPE, data))
        outer["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    return canonical_bytes(outer)


def code_of(envelope: bytes, archive: bytes, signer: Ed25519Signer, **more: Any) -> str:
    with pytest.raises(GreenlangError) as refused:
        verify_certificate(envelope, archive, signer, **more)
    return refused.value.code


def later(payload: dict[str, Any]) -> None:
    payload["predicate"]["issued_at"] = "2020-01-01T00:00:00+00:00"


def wider(payload: dict[str, Any]) -> None:
    payload["predicate"]["certified"]["environments"] = ["local", "production"]


def another_subject(payload: dict[str, Any]) -> None:
    payload["subject"].append({"name": "artifact", "digest": {"sha256": "0" * 64}})


def another_digest(payload: dict[str, Any]) -> None:
    payload["subject"][0]["digest"]["sha256"] = "0" * 64


def test_changed_payloads(certificate: Certificate, signer: Ed25519Signer) -> None:
    assert code_of(reworked(certificate, later), ARCHIVE, signer) == "CERTIFICATE_SIGNATURE"
    for change in (wider, another_subject, another_digest):
        for key in (None, signer):
            assert code_of(reworked(certificate, change, key), ARCHIVE, signer) == "CERTIFICATE_INVALID"


def test_another_type_for_the_same_payload(certificate: Certificate, signer: Ed25519Signer) -> None:
    outer = json.loads(certificate.envelope)
    outer["payloadType"] = "application/json"
    assert code_of(canonical_bytes(outer), ARCHIVE, signer) == "CERTIFICATE_INVALID"
    payload = base64.b64decode(outer["payload"])
    raw = {**json.loads(certificate.envelope)}
    raw["signatures"] = [{"keyid": signer.key_id, "sig": base64.b64encode(signer.sign(payload)).decode()}]
    assert code_of(canonical_bytes(raw), ARCHIVE, signer) == "CERTIFICATE_SIGNATURE"


def test_other_keys(certificate: Certificate, signer: Ed25519Signer, tmp_path: Path) -> None:
    stranger = Ed25519Signer(tmp_path / "stranger.pem")
    foreign = issue_certificate(ARCHIVE, report_on(ARCHIVE), stranger, Noon())
    assert code_of(foreign.envelope, ARCHIVE, signer) == "CERTIFICATE_KEY"
    outer = json.loads(foreign.envelope)
    outer["signatures"][0]["keyid"] = signer.key_id
    assert code_of(canonical_bytes(outer), ARCHIVE, signer) == "CERTIFICATE_SIGNATURE"
    twice = json.loads(certificate.envelope)
    twice["signatures"] *= 2
    assert code_of(canonical_bytes(twice), ARCHIVE, signer) == "CERTIFICATE_INVALID"
    none = {**twice, "signatures": []}
    assert code_of(canonical_bytes(none), ARCHIVE, signer) == "CERTIFICATE_INVALID"


def test_other_bytes_agents_versions_and_places(certificate: Certificate, signer: Ed25519Signer) -> None:
    envelope = certificate.envelope
    assert code_of(envelope, OTHER, signer) == "CERTIFICATE_OF_OTHER_BYTES"
    assert code_of(envelope, ARCHIVE, signer, version="9.9.9") == "CERTIFICATE_OF_OTHER_AGENT"
    assert code_of(envelope, ARCHIVE, signer, agent_id="a/b") == "CERTIFICATE_OF_OTHER_AGENT"
    assert code_of(envelope, ARCHIVE, signer, environment="production") == "CERTIFICATE_ENVIRONMENT"
    assert code_of(envelope, ARCHIVE, signer, report=report_on(OTHER)) == "CERTIFICATE_OF_OTHER_BYTES"
    damaged = bytearray(ARCHIVE)
    damaged[-1] ^= 1
    assert code_of(envelope, bytes(damaged), signer).startswith(("ARCHIVE_", "CERTIFICATE_OF"))


def test_doubled_keys_and_other_forms(certificate: Certificate, signer: Ed25519Signer) -> None:
    text = certificate.envelope.decode()
    for broken in (
        text.replace('"payloadType"', '"payloadType":"x","payloadType"', 1),
        text.replace(",", ", ", 1),
        text[:-1],
        "[]",
        "null",
        "{}",
        "[" * 100_000,
        " " * 300_000,
        text.replace('"sig":"', '"sig":"!!', 1),
    ):
        found = code_of(broken.encode(), ARCHIVE, signer)
        assert found == "CERTIFICATE_INVALID", broken[:80]
