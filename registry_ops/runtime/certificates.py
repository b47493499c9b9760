"""Certificates as registry and runtime see them: read by hash, judged right before something is loaded.

Belongs here: from stored bytes to a record, from record and archive to a verdict. Does not belong here: what
a certificate says and how it is signed (``factory_ops.certification``).
"""

from __future__ import annotations

from typing import Protocol

from registry_ops.registry.models import CertificateRecord


class Certificates(Protocol):
    """Reads and judges certificates."""

    def read(self, content_sha256: str) -> CertificateRecord:
        """The certificate whose bytes the store keeps under this hash."""
        ...

    def verify(self, certificate: CertificateRecord, archive: bytes) -> None:
        """Refuse an archive that its certificate does not cover, and a certificate that nobody signed."""
        ...
