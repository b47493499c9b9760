"""The certificate of an agent: the factory's signature over the digests of all that was judged.

Belongs here: the statement, its envelope, issuing and verifying. Does not belong here: the gate itself,
keeping certificates, revoking them.

The envelope is that of DSSE (https://github.com/secure-systems-lab/dsse): the signature is over
``"DSSEv1" SP length SP payload type SP length SP payload``, so neither payload nor type can be exchanged. The
payload is an in-toto Statement in canonical JSON; its subjects are archive, specification and interface.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from factory_ops.packaging.reader import read_pack
from factory_ops.quality.report import DIMENSIONS, REPORT_FORMAT, THRESHOLD
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import canonical_bytes, content_sha256, sha256_hex
from greenlang_assets.core.provenance.ports import Clock, Signer
from greenlang_assets.sdk.pack import PackSpec
from greenlang_assets.sdk.plan import CalculationPlan

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://greenlang.io/attestations/agent-certificate/v1"
#: Where an agent may run with the factory's signature alone.
ENVIRONMENTS = ("local",)
MAX_BYTES = 256 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SUBJECTS = ("artifact", "spec", "io_schema")


@dataclass(frozen=True)
class Certificate:
    """A signed certificate, as it is stored: ``envelope`` are its bytes, the rest is read from them.

    Attributes:
        certificate_id: ``CERT-GL-<NAME>-<YYYYMMDD>-<8 hex>``; the digits are of what is certified.
        agent_id: the pack's id.
        version: the pack's version.
        digests: SHA-256 of ``artifact``, ``spec``, ``io_schema`` and ``quality_report``.
        overall: the weighted sum of the quality report, as decimal text.
        dimensions: score of each of the twelve, as decimal text.
        ef_datasets: pinned datasets, with version and hash.
        formulas: pinned formulas, with version and hash.
        gwp_set: of the pack.
        environments: where the agent may run.
        issued_at: by the issuer's clock; not part of ``certified_sha256``.
        certified_sha256: SHA-256 over everything certified; the same for the same pack at any time.
        key_id: the key that signed.
        envelope: canonical bytes with payload and signature.
    """

    certificate_id: str
    agent_id: str
    version: str
    digests: Mapping[str, str]
    overall: str
    dimensions: Mapping[str, str]
    ef_datasets: tuple[Mapping[str, str], ...]
    formulas: tuple[Mapping[str, str], ...]
    gwp_set: str | None
    environments: tuple[str, ...]
    issued_at: str
    certified_sha256: str
    key_id: str
    envelope: bytes

    @property
    def sha256(self) -> str:
        """Identity of the envelope."""
        return sha256_hex(self.envelope)


def io_schema_sha256(spec: PackSpec) -> str:
    """Identity of the interface: inputs and outputs, whatever else the pack says."""
    compute = spec.canonical()["compute"]
    return content_sha256({"inputs": compute.get("inputs", {}), "outputs": compute.get("outputs", {})})


def issue_certificate(archive: bytes, report: bytes, signer: Signer, clock: Clock) -> Certificate:
    """Certify an archive that passed the gate.

    Args:
        archive: the tar.gz.
        report: the quality report's canonical bytes.
        signer: the factory's key.
        clock: gives ``issued_at``.

    Raises:
        GreenlangError: ``REPORT_INVALID``, ``QUALITY_NOT_HELD``, ``REPORT_OF_OTHER_PACK``, and what
            ``read_pack`` refuses.
    """
    pack = read_pack(archive)
    body = _report(report)
    if body["pack"] != {"id": pack.id, "version": pack.version, "archive_sha256": pack.sha256}:
        raise _refused(
            "REPORT_OF_OTHER_PACK", "the report is about another archive", body["pack"], pack.sha256
        )
    if not _passed(body):
        raise _refused(
            "QUALITY_NOT_HELD",
            "the pack did not pass its quality gate, so it is not certified",
            f"sum {body['overall']}, not held: {', '.join(body['failed']) or 'none'}",
            f"every floor held and a sum of {THRESHOLD} or more",
        )
    spec = PackSpec.from_canonical(pack.files["pack.json"])
    plan = CalculationPlan.from_json(pack.files["plan.json"])
    certified = {
        "agent_id": pack.id,
        "version": pack.version,
        "quality_report_sha256": sha256_hex(report),
        "overall": str(body["overall"]),
        "dimensions": {name: str(found["score"]) for name, found in body["dimensions"].items()},
        "ef_datasets": [
            {"name": pin.name, "reference": pin.canonical, "version": pin.version, "sha256": pin.sha256}
            for pin in plan.datasets
        ],
        "formulas": [{"id": plan.formula.id, "version": plan.formula.version, "sha256": plan.formula.sha256}],
        "gwp_set": plan.gwp_set,
        "plan_sha256": plan.sha256,
        "environments": list(ENVIRONMENTS),
    }
    digests = {"artifact": pack.sha256, "spec": spec.sha256, "io_schema": io_schema_sha256(spec)}
    certified_sha256 = content_sha256({"subjects": digests, "certified": certified})
    now = clock.now().astimezone(dt.UTC)
    statement = {
        "_type": STATEMENT_TYPE,
        "predicateType": PREDICATE_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digests[name]}} for name in _SUBJECTS],
        "predicate": {
            "certificate_id": _id(pack.id, now, certified_sha256),
            "certified": certified,
            "certified_sha256": certified_sha256,
            "issued_at": now.isoformat(),
        },
    }
    payload = canonical_bytes(statement)
    signature = signer.sign(pre_authentication(PAYLOAD_TYPE, payload))
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": signer.key_id, "sig": base64.b64encode(signature).decode()}],
    }
    return read_certificate(canonical_bytes(envelope))


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """What DSSE signs: type and payload with their lengths before them."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def read_certificate(envelope: bytes) -> Certificate:
    """The certificate in an envelope; its signature is not looked at (:func:`verify_certificate` does).

    Raises:
        GreenlangError: ``CERTIFICATE_INVALID``.
    """
    if len(envelope) > MAX_BYTES:
        raise _invalid(f"{len(envelope)} bytes", f"at most {MAX_BYTES}")
    try:
        outer = _json(envelope, {"payloadType", "payload", "signatures"})
        if outer["payloadType"] != PAYLOAD_TYPE:
            raise _invalid(outer["payloadType"], PAYLOAD_TYPE)
        (signature,) = outer["signatures"]
        if signature.keys() != {"keyid", "sig"}:
            raise _invalid(sorted(signature), "keyid, sig")
        payload = _decoded(outer["payload"])
        _decoded(signature["sig"])
        statement = _json(payload, {"_type", "predicateType", "subject", "predicate"})
        if (statement["_type"], statement["predicateType"]) != (STATEMENT_TYPE, PREDICATE_TYPE):
            raise _invalid(statement["predicateType"], PREDICATE_TYPE)
        names = tuple(subject["name"] for subject in statement["subject"])
        if names != _SUBJECTS or any(s.keys() != {"name", "digest"} for s in statement["subject"]):
            raise _invalid(f"subjects {names}", f"subjects {_SUBJECTS}")
        digests = {subject["name"]: subject["digest"]["sha256"] for subject in statement["subject"]}
        predicate = statement["predicate"]
        certified = predicate["certified"]
        if content_sha256({"subjects": digests, "certified": certified}) != predicate["certified_sha256"]:
            raise _invalid("another digest of what is certified", predicate["certified_sha256"])
        digests["quality_report"] = certified["quality_report_sha256"]
        if not all(isinstance(item, str) and _SHA256.fullmatch(item) for item in digests.values()):
            raise _invalid("a digest that is none", "SHA-256 in hexadecimal digits")
        return Certificate(
            certificate_id=str(predicate["certificate_id"]),
            agent_id=str(certified["agent_id"]),
            version=str(certified["version"]),
            digests=digests,
            overall=str(certified["overall"]),
            dimensions=dict(certified["dimensions"]),
            ef_datasets=tuple(certified["ef_datasets"]),
            formulas=tuple(certified["formulas"]),
            gwp_set=certified["gwp_set"],
            environments=tuple(certified["environments"]),
            issued_at=str(predicate["issued_at"]),
            certified_sha256=str(predicate["certified_sha256"]),
            key_id=str(signature["keyid"]),
            envelope=envelope,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
        raise _invalid(f"{type(error).__name__}: {error}", "a DSSE envelope in canonical JSON") from error


def verify_certificate(
    certificate: Certificate | bytes,
    archive: bytes,
    signer: Signer,
    *,
    environment: str = "local",
    agent_id: str | None = None,
    version: str | None = None,
    report: bytes | None = None,
) -> Certificate:
    """The certificate, when it vouches for exactly these bytes here.

    In this order: envelope, key and signature, agent and version, the archive's digest and content,
    specification and interface, the report where it is given, environment. What is loaded must be
    the ``archive`` that was given.

    Raises:
        GreenlangError: ``CERTIFICATE_INVALID``, ``CERTIFICATE_KEY``, ``CERTIFICATE_SIGNATURE``,
            ``CERTIFICATE_OF_OTHER_AGENT``, ``CERTIFICATE_OF_OTHER_BYTES``, ``CERTIFICATE_ENVIRONMENT``.
    """
    envelope = certificate if isinstance(certificate, bytes) else certificate.envelope
    found = read_certificate(envelope)
    outer = json.loads(envelope)
    payload, signature = _decoded(outer["payload"]), _decoded(outer["signatures"][0]["sig"])
    if found.key_id != signer.key_id:
        raise _refused(
            "CERTIFICATE_KEY",
            "the certificate names another key than the factory's",
            found.key_id,
            signer.key_id,
        )
    signed = pre_authentication(outer["payloadType"], payload)
    if not signer.verify(signed, signature, key_id=found.key_id):
        raise _refused(
            "CERTIFICATE_SIGNATURE",
            "the signature is not over this certificate",
            found.certificate_id,
            "the factory's",
        )
    pack = read_pack(archive)
    _same("CERTIFICATE_OF_OTHER_BYTES", "artifact", pack.sha256, found.digests["artifact"])
    _same(
        "CERTIFICATE_OF_OTHER_AGENT",
        "agent",
        f"{pack.id} {pack.version}",
        f"{found.agent_id} {found.version}",
    )
    wanted = f"{agent_id or pack.id} {version or pack.version}"
    _same("CERTIFICATE_OF_OTHER_AGENT", "agent", wanted, f"{found.agent_id} {found.version}")
    spec = PackSpec.from_canonical(pack.files["pack.json"])
    _same("CERTIFICATE_OF_OTHER_BYTES", "spec", spec.sha256, found.digests["spec"])
    _same("CERTIFICATE_OF_OTHER_BYTES", "io_schema", io_schema_sha256(spec), found.digests["io_schema"])
    if report is not None:
        _same("CERTIFICATE_OF_OTHER_BYTES", "report", sha256_hex(report), found.digests["quality_report"])
    if environment not in found.environments:
        raise _refused(
            "CERTIFICATE_ENVIRONMENT",
            "the certificate does not reach this environment",
            environment,
            ", ".join(found.environments),
        )
    return found


def _id(agent_id: str, now: dt.datetime, certified_sha256: str) -> str:
    name = re.sub(r"[^A-Z0-9]+", "-", agent_id.upper()).strip("-")
    return f"CERT-GL-{name}-{now:%Y%m%d}-{certified_sha256[:8]}"


def _report(data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data)
        names = set(body["dimensions"])
        sound = body["format"] == REPORT_FORMAT and names == set(DIMENSIONS) and canonical_bytes(body) == data
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _refused(
            "REPORT_INVALID", "this is no quality report", str(error)[:200], REPORT_FORMAT
        ) from error
    if not sound:
        raise _refused(
            "REPORT_INVALID", "this is no quality report", sorted(names), f"{REPORT_FORMAT}, canonical"
        )
    report: dict[str, Any] = body
    return report


def _passed(body: Mapping[str, Any]) -> bool:
    """The verdict, judged again from the dimensions and not believed."""
    held = all(found["held"] is True and found["unmeasured"] is None for found in body["dimensions"].values())
    sums = sum(float(found["share"]) * float(found["score"]) for found in body["dimensions"].values())
    return bool(body["valid"] is True and held and not body["failed"] and sums >= THRESHOLD - 1e-6)


def _json(data: bytes, keys: set[str]) -> dict[str, Any]:
    value = json.loads(data, object_pairs_hook=_once)
    if not isinstance(value, dict) or value.keys() != keys or canonical_bytes(value) != data:
        raise ValueError("not the canonical form, or other keys")
    return value


def _decoded(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("a second spelling of the same bytes")
    return data


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _same(code: str, what: str, found: str, expected: str) -> None:
    if found != expected:
        raise _refused(code, f"the certificate vouches for another {what}", found, expected)


def _refused(code: str, message: str, found: object, expected: object) -> GreenlangError:
    return GreenlangError(code, message, found=found, expected=expected)


def _invalid(found: object, expected: object) -> GreenlangError:
    return _refused("CERTIFICATE_INVALID", "this is no certificate of an agent", str(found)[:200], expected)
