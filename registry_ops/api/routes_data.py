"""Routes: emission factors and formulas, as they ship.

Belongs here: parameters in, JSON out. Does not belong here: look-up rules (``core.factors.catalogue``).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from registry_ops.api.services import Services

Word = Annotated[str, Query(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Words = Annotated[str | None, Query(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


def data_routes(services: Services) -> APIRouter:
    """The routes over these services."""
    router = APIRouter(prefix="/api/v1")

    @router.get("/ef/lookup")
    def lookup(
        activity: Word,
        region: Word,
        year: Annotated[int, Query(ge=1900, le=2100)],
        publisher: Words = None,
        dataset: Words = None,
        edition: Words = None,
        activity_unit: Words = None,
        calorific_basis: Words = None,
        fallback: bool = False,
    ) -> dict[str, Any]:
        """One factor, exact unless ``fallback`` allows a wider region or an earlier year."""
        match = services.catalogue.lookup(
            activity=activity,
            region=region,
            year=year,
            publisher=publisher,
            dataset=dataset,
            edition=edition,
            activity_unit=activity_unit,
            calorific_basis=calorific_basis,
            fallback=fallback,
        )
        return {
            "matched_level": match.matched_level,
            "year_distance": match.year_distance,
            "sha256": match.factor.sha256,
            **match.factor.model_dump(mode="json", exclude_none=True),
        }

    @router.get("/ef/search")
    def search(query: Word, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> dict[str, Any]:
        """Factors for free text, best first."""
        hits = services.catalogue.search(query, limit=limit)
        return {"query": query, "hits": [asdict(hit) for hit in hits]}

    @router.get("/formulas/{formula_id:path}")
    def formula(
        formula_id: Annotated[str, Path(max_length=400, pattern=r"^[^\x00]+$")],
    ) -> dict[str, Any]:
        """An equation, or an equation bound to a factor: expression, symbols, citation, test vectors."""
        library = services.library
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
