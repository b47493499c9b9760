"""Every file behind the shipped tables, imported again by a user, is nothing new."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from greenlang_assets.core.factors.editions import Editions, keep
from greenlang_assets.core.factors.publishers import PUBLISHERS
from greenlang_assets.core.factors.rebuild import to_read

pytestmark = pytest.mark.publisher_files
FOLDER = os.environ.get("GREENLANG_PUBLISHER_FILES")
AT_HAND = to_read(Path(FOLDER)) if FOLDER else {}
FILES = [(publisher, stem) for publisher in PUBLISHERS for stem in publisher.files if stem in AT_HAND]


@pytest.mark.parametrize(("publisher", "stem"), FILES, ids=[stem for _, stem in FILES])
def test_what_ships_is_known(publisher: object, stem: str, tmp_path: Path) -> None:
    (known,) = [found for found in PUBLISHERS if found is publisher]
    kept = keep(known.read(AT_HAND[stem], Editions().active("factors")), known.name, tmp_path)
    assert {outcome.state for outcome in kept} == {"known"}
    assert not (tmp_path / "manifest.json").exists()
