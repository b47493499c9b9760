"""Settings: defaults, every variable, every refusal."""

from __future__ import annotations

from pathlib import Path

import pytest

from greenlang_assets.core.errors import GreenlangError
from resources.settings import S3Location, Settings


def test_defaults_lie_in_the_project_folder(tmp_path: Path) -> None:
    (tmp_path / "workspace.yaml").touch()
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    settings = Settings.from_env({}, folder=below)
    assert settings == Settings(home=tmp_path / ".greenlang", store=tmp_path / ".greenlang" / "store")


def test_without_a_project_the_present_folder_is_used(tmp_path: Path) -> None:
    assert Settings.from_env({}, folder=tmp_path).home == tmp_path / ".greenlang"


def test_an_empty_variable_is_not_set(tmp_path: Path) -> None:
    env = dict.fromkeys(("GREENLANG_HOME", "GREENLANG_STORE", "GREENLANG_DATABASE_URL"), " ")
    assert Settings.from_env(env, folder=tmp_path) == Settings.from_env({}, folder=tmp_path)


def test_every_variable(tmp_path: Path) -> None:
    settings = Settings.from_env(
        {
            "GREENLANG_HOME": str(tmp_path / "state"),
            "GREENLANG_STORE": "s3://bucket-1/some/prefix/",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:5000",
            "GREENLANG_DATABASE_URL": "postgresql://u:secret@host:5432/db",
            "GREENLANG_PUBLISHER_FILES": str(tmp_path),
        }
    )
    assert settings.home == tmp_path / "state"
    assert settings.store == S3Location("bucket-1", "some/prefix", "http://127.0.0.1:5000")
    assert settings.database_url == "postgresql://u:secret@host:5432/db"
    assert settings.publisher_files == tmp_path


def test_the_environment_is_read_only_when_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GREENLANG_HOME", str(tmp_path / "late"))
    assert Settings.from_env().home == tmp_path / "late"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GREENLANG_STORE", "gs://bucket"),
        ("GREENLANG_STORE", "s3://"),
        ("GREENLANG_STORE", "s3://Bucket_Name"),
        ("GREENLANG_STORE", "s3://bucket/a/../b"),
        ("GREENLANG_STORE", "s3://bucket/a?x=1"),
        ("GREENLANG_STORE", __file__),
        ("GREENLANG_HOME", __file__),
        ("GREENLANG_HOME", "file:///tmp"),
        ("GREENLANG_DATABASE_URL", "mysql://host/db"),
        ("GREENLANG_DATABASE_URL", "host/db"),
        ("GREENLANG_DATABASE_URL", "postgresql+psycopg2://host/db"),
        ("GREENLANG_DATABASE_URL", "postgresql://host:port/db"),
        ("GREENLANG_DATABASE_URL", "postgresql://host/db/more"),
        ("GREENLANG_PUBLISHER_FILES", "/no/such/folder"),
    ],
)
def test_unusable_values_name_the_variable(variable: str, value: str) -> None:
    with pytest.raises(GreenlangError) as caught:
        Settings.from_env({variable: value})
    assert caught.value.code == variable.replace("GREENLANG_", "SETTING_")
    assert caught.value.where == {"variable": variable}
    assert caught.value.expected


def test_a_refused_address_does_not_show_its_password() -> None:
    for url in ("mysql://u:hunter2@host/db", "postgresql://u:hunter2@host:port/db", "u:hunter2@host/db"):
        with pytest.raises(GreenlangError) as caught:
            Settings.from_env({"GREENLANG_DATABASE_URL": url})
        assert "hunter2" not in str(caught.value)
