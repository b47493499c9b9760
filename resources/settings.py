"""Settings: the one place where the environment is read, once, when somebody asks.

Belongs here: names of variables, their defaults, and what makes a value unusable.
Does not belong here: opening anything that a setting points to.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from greenlang_assets.core.errors import GreenlangError

_BUCKET = re.compile(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
_PREFIX = re.compile(r"^[A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*$")


@dataclass(frozen=True, slots=True)
class S3Location:
    """A bucket, the prefix below which we write, and the endpoint when it is not Amazon's own."""

    bucket: str
    prefix: str = ""
    endpoint_url: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Where this installation keeps its state, and where it reads what it does not ship.

    Attributes:
        home: state folder (GREENLANG_HOME; ``.greenlang`` in the project folder unless named).
        store: folder, or bucket, of the content-addressed store (GREENLANG_STORE).
        database_url: an existing PostgreSQL (GREENLANG_DATABASE_URL); None means the embedded one.
        publisher_files: folder with the publishers' own files (GREENLANG_PUBLISHER_FILES), if at hand.
    """

    home: Path
    store: Path | S3Location
    database_url: str | None = None
    publisher_files: Path | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None, *, folder: Path | None = None) -> Settings:
        """Read the settings; an empty variable counts as not set.

        Args:
            env: the environment, ``os.environ`` unless given.
            folder: where the search for the project folder starts, the current one unless given.

        Raises:
            GreenlangError: ``SETTING_HOME``, ``SETTING_STORE``, ``SETTING_DATABASE_URL``,
                ``SETTING_PUBLISHER_FILES``; each names the variable, what it holds and what it may hold.
        """
        values = {
            name: value.strip()
            for name, value in (os.environ if env is None else env).items()
            if name.startswith(("GREENLANG_", "AWS_ENDPOINT_URL")) and value.strip()
        }
        start = Path.cwd() if folder is None else folder
        home = _folder(values, "GREENLANG_HOME") or _project_folder(start) / ".greenlang"
        publisher_files = _folder(values, "GREENLANG_PUBLISHER_FILES")
        if publisher_files is not None and not publisher_files.is_dir():
            raise _unusable(
                "GREENLANG_PUBLISHER_FILES",
                publisher_files,
                "an existing folder",
                "unset it to work with the shipped factor tables alone",
            )
        return cls(
            home=home,
            store=_store(values, home),
            database_url=_database_url(values),
            publisher_files=publisher_files,
        )


def _project_folder(start: Path) -> Path:
    """The nearest folder upwards that holds ``workspace.yaml``, so that subfolders share one state."""
    start = start.resolve()
    return next((path for path in (start, *start.parents) if (path / "workspace.yaml").is_file()), start)


def _unusable(name: str, found: object, expected: str, hint: str | None = None) -> GreenlangError:
    return GreenlangError(
        "SETTING_" + name.removeprefix("GREENLANG_"),
        f"the setting {name} cannot be used",
        found=found,
        expected=expected,
        hint=hint,
        where={"variable": name},
    )


def _folder(values: Mapping[str, str], name: str) -> Path | None:
    text = values.get(name)
    if text is None:
        return None
    if "\0" in text or "://" in text:
        raise _unusable(name, repr(text), "the path of a folder")
    path = Path(text).expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise _unusable(name, path, "a folder, not a file")
    return path


def _store(values: Mapping[str, str], home: Path) -> Path | S3Location:
    text = values.get("GREENLANG_STORE")
    if text is None or "://" not in text:
        return _folder(values, "GREENLANG_STORE") or home / "store"
    parts = urlsplit(text)
    prefix = parts.path.strip("/")
    usable = (
        parts.scheme == "s3"
        and _BUCKET.match(parts.netloc)
        and not (parts.query or parts.fragment)
        and (not prefix or (_PREFIX.match(prefix) and not {".", ".."} & set(prefix.split("/"))))
    )
    if not usable:
        raise _unusable("GREENLANG_STORE", text, "a folder, or s3://bucket or s3://bucket/prefix")
    endpoint = values.get("AWS_ENDPOINT_URL_S3") or values.get("AWS_ENDPOINT_URL")
    return S3Location(bucket=parts.netloc, prefix=prefix, endpoint_url=endpoint)


def _database_url(values: Mapping[str, str]) -> str | None:
    name = "GREENLANG_DATABASE_URL"
    text = values.get(name)
    if text is None:
        return None
    expected = "postgresql://user:password@host:5432/database"
    try:
        parts = urlsplit(text)
        port_is_readable = parts.port is None or parts.port > 0
    except ValueError:
        port_is_readable = False
    if not port_is_readable:
        raise _unusable(name, "a URL whose port is no number", expected)
    if parts.scheme.startswith("postgresql+"):
        hint = "leave the driver out: the same address serves two drivers, which are added where needed"
        raise _unusable(name, parts.scheme + "://…", expected, hint)
    if parts.scheme not in ("postgresql", "postgres"):
        raise _unusable(name, (parts.scheme or "no scheme") + "://…", expected)
    if "/" in unquote(parts.path.lstrip("/")):
        raise _unusable(name, "a database name with a slash", expected)
    return text
