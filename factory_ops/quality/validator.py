"""The quality gate: an archive in, a report over all twelve dimensions out.

Belongs here: the order of measuring, and that a fault in measuring is never a pass.
Does not belong here: any measure.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

from factory_ops.packaging.reader import ReadPack, read_pack
from factory_ops.quality.dynamic import DynamicMeasure
from factory_ops.quality.report import Measured, QualityReport
from factory_ops.quality.static import StaticMeasure, secrets_and_dependencies, tool_versions
from factory_ops.sandbox import Sandbox
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.sdk.pack import PackSpec
from greenlang_assets.sdk.plan import CalculationPlan


class QualityValidator:
    """Measures packs.

    Args:
        sandbox: where their code runs.
        cache: a folder that the type checker may keep between packs; without one the first 15 seconds of
            reading the platform's own types are spent on every pack.
    """

    def __init__(self, sandbox: Sandbox, *, cache: Path | None = None) -> None:
        self._sandbox, self._cache = sandbox, cache

    def validate(self, archive: bytes, *, sha256: str | None = None) -> QualityReport:
        """The report on an archive.

        Args:
            archive: the tar.gz.
            sha256: what it must hash to, where that is known.

        Raises:
            GreenlangError: what ``read_pack`` refuses. What fails while it is measured is in the report.
        """
        pack = read_pack(archive, sha256=sha256)
        spec = PackSpec.from_canonical(pack.files["pack.json"])
        plan = CalculationPlan.from_json(pack.files["plan.json"])
        started = time.perf_counter()
        timings: dict[str, float] = {}
        with tempfile.TemporaryDirectory(prefix="greenlang-quality-") as name:
            folder = Path(name) / "pack"
            cache = self._cache or Path(name) / "cache"
            cache.mkdir(parents=True, exist_ok=True)
            for path, data in pack.files.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(data)
            sources = {path: data.decode() for path, data in pack.files.items() if path.endswith(".py")}
            static = StaticMeasure(folder, sources, cache)
            # Reading and running side by side: two processors are common, and each half takes seconds.
            with ThreadPoolExecutor(max_workers=1) as beside:
                read = beside.submit(_read, static, pack, spec, plan, timings)
                found = self._run(static, pack, spec, plan, timings, read)
                found |= read.result()
        timings["total_ms"] = round((time.perf_counter() - started) * 1000, 1)
        return QualityReport(pack.id, pack.version, pack.sha256, found, tool_versions(), timings)

    def _run(
        self,
        static: StaticMeasure,
        pack: ReadPack,
        spec: PackSpec,
        plan: CalculationPlan,
        timings: dict[str, float],
        read: Future[dict[str, Measured]],
    ) -> dict[str, Measured]:
        # Times come last, when the type checker no longer wants the processor that they are taken on.
        names = ("coverage", "test_strength", "zero_hallucination", "provenance_and_units", "runtime")
        try:
            measure = DynamicMeasure(self._sandbox, pack.files, spec, plan)
        except GreenlangError as error:
            return dict.fromkeys(names, Measured.not_measured(str(error)))
        with measure:
            steps: dict[str, Callable[[], Measured]] = {
                "coverage": measure.coverage,
                "test_strength": measure.test_strength,
                "runtime": lambda: measure.runtime(static.anti_patterns(), timings),
                "zero_hallucination": lambda: measure.zero_hallucination(static.impurities()),
                "provenance_and_units": measure.provenance_and_units,
            }
            found = {}
            for name in names:
                if name == "runtime":
                    wait([read])
                found[name] = _measured(name, steps[name], timings)
            return found


def _read(
    static: StaticMeasure, pack: ReadPack, spec: PackSpec, plan: CalculationPlan, timings: dict[str, float]
) -> dict[str, Measured]:
    steps: dict[str, Callable[[], Measured]] = {
        "type_hints": static.type_hints,
        "complexity": static.complexity,
        "maintainability": static.maintainability,
        "style": static.style,
        "docstrings": static.docstrings,
        "static_analysis": static.static_analysis,
        "secrets_and_dependencies": lambda: secrets_and_dependencies(pack.files, spec, plan),
    }
    return {name: _measured(name, step, timings) for name, step in steps.items()}


def _measured(name: str, step: Callable[[], Measured], timings: dict[str, float]) -> Measured:
    started = time.perf_counter()
    try:
        return step()
    except GreenlangError as error:
        return Measured.not_measured(str(error))
    except (OSError, ValueError, KeyError, TypeError, SyntaxError, RecursionError) as error:
        return Measured.not_measured(f"{type(error).__name__}: {error}")
    finally:
        timings[f"{name}_ms"] = round((time.perf_counter() - started) * 1000, 1)
