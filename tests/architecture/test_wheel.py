"""The wheel carries everything: built, installed elsewhere, the definitions load from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    source = tmp_path_factory.mktemp("source") / "greenlang"
    names = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    # The build tool of this environment, without a network: what the project needs to build is installed.
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)],
        check=True,
        capture_output=True,
    )
    (built,) = out.glob("*.whl")
    return built


def test_every_shipped_file_is_in_the_wheel(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    (base,) = {
        name.split("/")[0] for name in inside if name.endswith(".data/data/share/greenlang/dagster.yaml")
    }
    names = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "data", "dbt", "dagster.yaml", "workspace.yaml"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert names
    assert not [name for name in names if f"{base}/data/share/greenlang/{name}" not in inside]


def test_definitions_load_from_an_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    # A bare environment that sees this one's libraries but not the checkout.
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = tmp_path / "env" / "lib" / version / "site-packages"
    libraries = next(path for path in sys.path if path.endswith("site-packages"))
    subprocess.run(
        [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--python",
            str(python),
            str(wheel),
        ],
        check=True,
    )
    (site / "libraries.pth").write_text(libraries + "\n")
    code = (
        "import json, greenlang_assets\n"
        "from greenlang_assets.definitions import defs\n"
        "from greenlang_assets.core.factors.catalogue import Catalogue\n"
        "keys = [k.to_user_string() for k in defs.resolve_asset_graph().get_all_asset_keys()]\n"
        "print(json.dumps([greenlang_assets.__file__, len(keys), Catalogue.shipped().frame.height]))\n"
    )
    env = {key: value for key, value in os.environ.items() if not key.startswith(("GREENLANG", "PYTHON"))}
    done = subprocess.run(
        [str(python), "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    where, assets, factors = json.loads(done.stdout.strip().splitlines()[-1])
    assert str(site) in where
    assert assets > 10
    assert factors > 1000
