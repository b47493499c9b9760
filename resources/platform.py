"""Everything that a command or a run needs of the world, opened together.

Belongs here: putting adapters together from settings.
Does not belong here: work.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.ports import ArtifactStore
from resources.checkpoints import StoredCheckpoints
from resources.clock import SystemClock
from resources.database import Database, open_database
from resources.ledger import PostgresLedger
from resources.settings import S3Location, Settings
from resources.signing import Ed25519Signer
from resources.store import FolderStore

KEY_FILE = "ledger.pem"
#: The factory's own key: what it signs says nothing about the ledger, and the other way round.
FACTORY_KEY_FILE = "factory.pem"


@dataclass(frozen=True, slots=True)
class Platform:
    """Settings and the adapters made from them; a context manager that closes them."""

    settings: Settings
    database: Database
    store: ArtifactStore
    ledger: PostgresLedger
    signer: Ed25519Signer
    checkpoints: StoredCheckpoints

    def close(self) -> None:
        """Close connections, then let go of the database server."""
        self.ledger.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_store(settings: Settings) -> ArtifactStore:
    """The object store that the settings name."""
    if isinstance(settings.store, S3Location):
        from resources.s3_store import S3Store

        return S3Store(settings.store)
    return FolderStore(settings.store)


def factory_signer(settings: Settings) -> Ed25519Signer:
    """The key that certificates are signed with; made when it is missing."""
    return Ed25519Signer(settings.home / "keys" / FACTORY_KEY_FILE)


def open_platform(settings: Settings) -> Platform:
    """Open everything; what fails leaves nothing open.

    Raises:
        GreenlangError: ``SETTING_HOME`` when the state folder cannot be made, and what the parts raise.
    """
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GreenlangError(
            "SETTING_HOME",
            "the state folder cannot be made",
            found=str(error),
            expected="a folder that this user may write to",
            hint="name another one in GREENLANG_HOME",
            where={"variable": "GREENLANG_HOME"},
        ) from error
    clock = SystemClock()
    store = open_store(settings)
    signer = Ed25519Signer(settings.home / "keys" / KEY_FILE)
    database = open_database(settings)
    return Platform(
        settings=settings,
        database=database,
        store=store,
        ledger=PostgresLedger(database, clock),
        signer=signer,
        checkpoints=StoredCheckpoints(store, settings.home / "checkpoints", signer, clock),
    )
