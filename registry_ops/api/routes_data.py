"""Routes: emission factors and formulas, as they ship.

Belongs here: parameters in, JSON out. Does not belong here: look-up rules (``core.factors.catalogue``).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.model import EmissionFactor
from greenlang_assets.core.factors.references import Resolved
from registry_ops.api.services import Services

Word = Annotated[str, Query(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Words = Annotated[str | None, Query(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
#: Ids of factors, pinned references and paths with a tariff's wording are longer than words.
Reference = Annotated[str, Query(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]
ActivityPath = Annotated[str | None, Query(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]
Year = Annotated[int | None, Query(ge=1900, le=2100)]


def data_routes(services: Services) -> APIRouter:
    """The routes over these services."""
    router = APIRouter(prefix="/api/v1")

    @router.get("/ef/lookup")
    async def lookup(
        activity: Reference,
        region: Words = None,
        year: Year = None,
        publisher: Words = None,
        dataset: Words = None,
        edition: Words = None,
        activity_unit: Words = None,
        calorific_basis: Words = None,
        scope: Words = None,
        activity_path: ActivityPath = None,
        fallback: bool = False,
    ) -> JSONResponse:
        """One factor by activity, region and year, by its id, or what an ``ef://`` reference names.

        Exact unless ``fallback`` allows a wider region or an earlier year. Answered where it arrives: a
        look-up takes microseconds, handing it to a thread a hundred times as long.
        """
        in_force = services.factors.loaded()
        if in_force is None:
            in_force = await run_in_threadpool(services.factors.now)
        catalogue = in_force.catalogue
        if activity.startswith("ef://"):
            # A dataset is hashed as a whole before it is named.
            return JSONResponse(_resolved(await run_in_threadpool(catalogue.resolve, activity)))
        if region is None and year is None:
            return JSONResponse(_answer(catalogue.factor(activity), "exact", 0))
        if region is None or year is None:
            raise GreenlangError(
                "LOOKUP_INCOMPLETE",
                "an activity is looked up with its region and year",
                found=f"region {region}, year {year}",
                expected="both region and year",
                hint="a factor id or an ef:// reference needs neither",
            )
        match = catalogue.lookup(
            activity=activity,
            region=region,
            year=year,
            publisher=publisher,
            dataset=dataset,
            edition=edition,
            activity_unit=activity_unit,
            calorific_basis=calorific_basis,
            scope=scope,
            activity_path=activity_path,
            fallback=fallback,
        )
        return JSONResponse(_answer(match.factor, match.matched_level, match.year_distance))

    @router.get("/ef/search")
    def search(
        query: Word,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        region: Words = None,
        year: Year = None,
        publisher: Words = None,
    ) -> JSONResponse:
        """Factors for free text, best first; region, year and publisher narrow exactly."""
        catalogue = services.factors.now().catalogue
        hits = catalogue.search(query, limit=limit, region=region, year=year, publisher=publisher)
        return JSONResponse({"query": query, "hits": [asdict(hit) for hit in hits]})

    @router.get("/formulas/{formula_id:path}")
    def formula(
        formula_id: Annotated[str, Path(max_length=400, pattern=r"^[^\x00]+$")],
    ) -> dict[str, Any]:
        """An equation, or an equation bound to a factor: expression, symbols, citation, test vectors."""
        library = services.factors.now().library
        found = library.binding(formula_id) if "/" in formula_id else library.equation(formula_id)
        return {
            "id": found.id,
            "version": found.version,
            "title": found.title,
            "family": found.family,
            "domain": found.domain,
            "sha256": found.sha256,
            "citation": found.citation.model_dump(mode="json", exclude_none=True),
            **found.record(),
        }

    return router


def _answer(factor: EmissionFactor, level: str, distance: int) -> dict[str, Any]:
    return {
        "matched_level": level,
        "year_distance": distance,
        "sha256": factor.sha256,
        **factor.model_dump(mode="json", exclude_none=True),
    }


def _resolved(resolved: Resolved) -> dict[str, Any]:
    """What a reference names; the rows themselves are looked up by their ids."""
    return {
        "reference": resolved.reference,
        "canonical": resolved.canonical,
        "pinned": resolved.pinned,
        "kind": resolved.kind,
        "publisher": resolved.publisher,
        "dataset": resolved.dataset,
        "edition": resolved.edition,
        "version": resolved.version,
        "content_sha256": resolved.content_sha256,
        "rows": resolved.factors.height,
        "normalised": list(resolved.normalised),
    }
