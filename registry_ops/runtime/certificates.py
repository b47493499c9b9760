"""Certificates as registry and runtime see them: read by hash, judged right before something is loaded.

Belongs here: from stored bytes to a record, from record and archive to a verdict. Does not belong here: what
a certificate says and how it is signed (``factory_ops.certification``).
"""

from __future__ import annotations

from typing import Protocol

from factory_ops.certification.certificate import read_certificate, verify_certificate
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.ports import ArtifactStore, Signer
from registry_ops.registry.models import LOCAL, CertificateRecord


class Certificates(Protocol):
    """Reads and judges certificates."""

    def read(self, content_sha256: str) -> CertificateRecord:
        """The certificate whose bytes the store keeps under this hash."""
        ...

    def verify(self, certificate: CertificateRecord, archive: bytes) -> None:
        """Refuse an archive that its certificate does not cover, and a certificate that nobody signed."""
        ...


class SignedCertificates:
    """Certificates that the factory signed.

    Args:
        store: keeps their envelopes.
        signer: the factory's key.
    """

    def __init__(self, store: ArtifactStore, signer: Signer) -> None:
        self._store = store
        self._signer = signer

    def read(self, content_sha256: str) -> CertificateRecord:
        """The certificate behind a stored envelope; who signed it is not looked at.

        Raises:
            GreenlangError: ``ARTIFACT_MISSING``, ``ARTIFACT_ALTERED``, ``CERTIFICATE_INVALID``.
        """
        found = read_certificate(self._store.get(content_sha256))
        return CertificateRecord(
            certificate_id=found.certificate_id,
            agent_id=found.agent_id,
            version=found.version,
            artifact_sha256=found.digests["artifact"],
            content_sha256=content_sha256,
        )

    def verify(self, certificate: CertificateRecord, archive: bytes) -> None:
        """Whether the factory vouches for exactly these bytes, as this agent and version, here.

        Raises:
            GreenlangError: ``CERTIFICATE_OF_OTHER_AGENT`` when the record says something else than the
                envelope, and what ``verify_certificate`` refuses.
        """
        known = self.read(certificate.content_sha256)
        if known != certificate:
            raise GreenlangError(
                "CERTIFICATE_OF_OTHER_AGENT",
                "the registry says something else about the certificate than it says itself",
                found=f"{certificate.certificate_id}, {certificate.agent_id} {certificate.version}",
                expected=f"{known.certificate_id}, {known.agent_id} {known.version}",
            )
        verify_certificate(
            self._store.get(certificate.content_sha256),
            archive,
            self._signer,
            environment=LOCAL,
            agent_id=certificate.agent_id,
            version=certificate.version,
        )
