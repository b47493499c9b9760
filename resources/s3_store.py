"""The artifact store in a bucket of S3 or of a server that speaks its protocol (boto3).

Belongs here: requests, conditional writes, and what each answer means.
Does not belong here: rules about names (``resources.store``) or what the bytes mean.
"""

from __future__ import annotations

import base64
import hashlib
import time
from typing import TYPE_CHECKING, Any

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import sha256_hex
from greenlang_assets.core.provenance.ports import NamedObject
from resources.settings import S3Location
from resources.store import cas_key, checked, lost_race, missing, named_key, object_missing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ATTEMPTS = 6
#: Two conditional writes met: the server asks to try again.
_CONFLICT = frozenset({"ConditionalRequestConflict", "409"})
_PRECONDITION = frozenset({"PreconditionFailed", "412"})
_ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})


class S3Store:
    """An ``ArtifactStore`` below one prefix of a bucket; credentials come by boto3's own ways."""

    def __init__(self, location: S3Location) -> None:
        import boto3
        from botocore.config import Config

        self._bucket = location.bucket
        self._prefix = location.prefix + "/" if location.prefix else ""
        self._client: S3Client = boto3.client(
            "s3",
            endpoint_url=location.endpoint_url,
            config=Config(
                connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 4}
            ),
        )

    def put(self, data: bytes) -> str:
        """Keep bytes under their SHA-256; an object that is there is verified, never replaced."""
        sha256 = sha256_hex(data)
        if self._write(cas_key(sha256), data, {"IfNoneMatch": "*"}) is None:
            self.get(sha256)
        return sha256

    def get(self, sha256: str) -> bytes:
        """The bytes with this SHA-256, hashed again."""
        found = self._read(cas_key(sha256))
        if found is None:
            raise missing(sha256)
        return checked(sha256, found[0])

    def exists(self, sha256: str) -> bool:
        """Whether an object is kept under this SHA-256."""
        key = self._prefix + cas_key(sha256)
        return self._request("head_object", absent=_ABSENT, Key=key) is not None

    def put_named(
        self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None
    ) -> NamedObject:
        """Write a named object; the server itself decides which conditional writer wins."""
        condition = {}
        if if_absent:
            condition["IfNoneMatch"] = "*"
        if if_match is not None:
            condition["IfMatch"] = if_match
        version = self._write(named_key(key), data, condition)
        if version is None:
            raise lost_race(key, if_absent=if_absent)
        return NamedObject(key, version, len(data))

    def get_named(self, key: str) -> tuple[bytes, NamedObject]:
        """The bytes of a named object and what describes them."""
        found = self._read(named_key(key))
        if found is None:
            raise object_missing(key)
        data, version = found
        return data, NamedObject(key, version, len(data))

    def list_named(self, prefix: str = "", *, start_after: str = "", limit: int = 1000) -> list[NamedObject]:
        """The next named objects in key order, at most 1000 for each request."""
        found: list[NamedObject] = []
        while len(found) < limit:
            page = self._request(
                "list_objects_v2",
                Prefix=self._prefix + prefix,
                StartAfter=self._prefix + start_after,
                MaxKeys=min(1000, limit - len(found)),
            )
            for item in page.get("Contents", []):
                start_after = item["Key"].removeprefix(self._prefix)
                if not start_after.startswith("cas/"):
                    found.append(NamedObject(start_after, item["ETag"], item["Size"]))
            if start_after.startswith("cas/"):
                start_after = "cas0"  # "0" follows "/": past every content-addressed object at once
            if not page.get("IsTruncated"):
                break
        return found

    def _write(self, key: str, data: bytes, condition: dict[str, str]) -> str | None:
        """Write an object; its version, or None when the condition did not hold."""
        answer = self._request(
            "put_object",
            absent=_PRECONDITION | (_ABSENT if "IfMatch" in condition else frozenset()),
            Key=self._prefix + key,
            Body=data,
            ChecksumSHA256=base64.b64encode(hashlib.sha256(data).digest()).decode(),
            **condition,
        )
        return None if answer is None else str(answer["ETag"])

    def _read(self, key: str) -> tuple[bytes, str] | None:
        answer = self._request("get_object", absent=_ABSENT, Key=self._prefix + key)
        return None if answer is None else (answer["Body"].read(), answer["ETag"])

    def _request(self, operation: str, *, absent: frozenset[str] = frozenset(), **arguments: Any) -> Any:
        """One request; None when the answer's code is in ``absent``.

        Raises:
            GreenlangError: ``STORE_UNREACHABLE`` for everything else that goes wrong.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return getattr(self._client, operation)(Bucket=self._bucket, **arguments)
            except ClientError as error:
                code = str(error.response.get("Error", {}).get("Code"))
                if code in absent:
                    return None
                if code in _CONFLICT and attempt < _ATTEMPTS:
                    time.sleep(0.05 * 2**attempt)
                    continue
                raise self._fault(operation, error) from error
            except BotoCoreError as error:
                raise self._fault(operation, error) from error
        raise AssertionError("the last attempt returns or raises")

    def _fault(self, operation: str, error: Exception) -> GreenlangError:
        return GreenlangError(
            "STORE_UNREACHABLE",
            f"the object store did not do what was asked ({operation})",
            found=str(error),
            expected=f"bucket {self._bucket} with read and write rights",
            hint="check GREENLANG_STORE, AWS_ENDPOINT_URL, and the credentials that boto3 finds",
        )
