"""A small recorded world with real factors and formulas, for the tests of audit bundles.

Belongs here: recording activity, lines, totals and a calculation as the recipes do. No test.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from greenlang_assets.core.calculation.batch import calculate_batch
from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.calculation.lines import line_sha256, total_sha256
from greenlang_assets.core.calculation.model import CalculationContext
from greenlang_assets.core.factors.model import FACTOR_KEY
from greenlang_assets.core.provenance.bundle import Bundle, make_bundle
from greenlang_assets.core.provenance.canonical import canonical_bytes, sha256_hex, table_bytes
from greenlang_assets.core.provenance.ledger import InputRef, ProvenanceEntry
from greenlang_assets.core.provenance.merkle import FACT, RowTree
from greenlang_assets.core.provenance.rows import table_leaves
from greenlang_assets.core.provenance.standalone_verifier import Check
from greenlang_assets.core.tenants.contracts import ACTIVITY, METHOD
from registry_ops.runtime.records import record_calculation
from resources.platform import Platform

SOURCE = sha256_hex(b"a city's file")
GAS = "us-epa/stationary-combustion/2024/natural-gas-natural-gas/us/2024/mmbtu/gross"
DIESEL = "uk-desnz/conversion-factors/2024/fuels-liquid-fuels-diesel-average-biofuel-blend/gb/2024/l/scope-1"
RAIL = "uk-desnz/conversion-factors/2024/business-travel-land-rail-national-rail/gb/2024/passenger_km/scope-3"
HOTEL = "uk-desnz/conversion-factors/2024/hotel-stay-hotel-stay-uk/gb/2024/room_night/scope-3"
_ROW = {
    "tenant": "town",
    "period": "2016",
    "facility_id": "house-1",
    "facility_name": "City Hall",
    "scope": "1",
    "activity": "natural-gas",
    "region": "US",
    "quantity": 12345.678,
    "unit": "kBtu[gross]",
    "data_year": 2016,
    "source_document": "A document",
    "source_row": 2,
    "source_file": "a.csv",
    "source_sha256": SOURCE,
}
_POWER = {"scope": "2", "activity": "grid-electricity", "region": "US-EGRID-RFCW", "unit": "kilowatt hour"}
_HOW = {
    "data_year": 2016,
    "activity": "natural-gas",
    "factor_activity": "natural-gas",
    "publisher": "us-epa",
    "dataset": "stationary-combustion",
    "edition": "2024",
    "activity_unit": "mmBtu",
    "gwp_set": "AR4",
    "reason": "a test",
}
_HOW_POWER = _HOW | {
    "activity": "grid-electricity",
    "factor_activity": "grid-electricity",
    "dataset": "egrid-subregion",
    "edition": "eGRID2012",
    "activity_unit": "MWh",
}

#: Table by asset -> the same table, changed before it is recorded: a platform that lies.
Change = Callable[[str, pl.DataFrame], pl.DataFrame]


class World:
    """A platform with one building of two lines among others, and calculations.

    Args:
        platform: an open, empty one.
        engine: over everything that ships.
        change: applied to every table before it is recorded.
        tree: whether entries state the root of their rows.
    """

    def __init__(
        self,
        platform: Platform,
        engine: CalculationEngine,
        change: Change | None = None,
        *,
        tree: bool = True,
    ) -> None:
        self.platform = platform
        self.engine = engine
        self._change = change or (lambda _, frame: frame)
        self._tree = tree
        self._refs: dict[str, InputRef] = {}
        self._record_all()

    def bundle(self, *hashes: str) -> Bundle:
        """A sealed bundle of some numbers."""
        self.platform.checkpoints.seal(self.platform.ledger)
        return make_bundle(
            hashes,
            self.platform.ledger,
            self.platform.store,
            self.platform.checkpoints,
            self.platform.signer.public_key,
        )

    def calculation(
        self, formula_id: str, inputs: Mapping[str, Any], gwp_set: str | None = "AR5", **context: Any
    ) -> str:
        """One calculation, recorded as an agent's answer; its hash."""
        result = self.engine.calculate(
            formula_id, inputs, CalculationContext.model_validate({"gwp_set": gwp_set, **context})
        )
        return record_calculation(
            {
                "calculation": result.body,
                "provenance_hash": result.provenance_hash,
                "outputs": {item.symbol: str(item.value) for item in result.outputs},
            },
            inputs,
            agent_id="a/calculator",
            version="1.0.0",
            artifact_sha256=sha256_hex(b"archive"),
            store=self.platform.store,
            ledger=self.platform.ledger,
        )

    def _put(self, asset: str, frame: pl.DataFrame, key: list[str], *, read: tuple[str, ...] = ()) -> None:
        frame = self._change(asset, frame)
        data = table_bytes(frame, key=key)
        content = self.platform.store.put(data)
        files = {
            column: [sha for sha in frame[column].unique().sort() if sha is not None]
            for column in ("source_sha256", "cite_source_sha256")
            if column in frame.columns
        }
        inputs = [InputRef("file:source", None, sha) for found in files.values() for sha in found]
        entry = ProvenanceEntry(
            asset=asset,
            partition="c|2016" if asset.startswith("tenants/") and asset != "tenants/method" else None,
            content_sha256=content,
            inputs=(*inputs, *(self._refs[name] for name in read)),
            code="1.0.0+test",
            facts={FACT: RowTree(data).fact} if self._tree else {},
        )
        self.platform.ledger.append([entry], run_id=f"run {asset}", leaves=table_leaves(content, data))
        self._refs[asset] = InputRef(asset, entry.partition, content)
        # Several checkpoints, so that their own chain is under test, and several links before each.
        if asset in ("factors/fuel_properties", "formulas/library", "tenants/activity"):
            self.platform.checkpoints.seal(self.platform.ledger)

    def _record_all(self) -> None:
        catalogue, library = self.engine.catalogue, self.engine.library
        power = catalogue.frame.filter(edition="eGRID2012", region="US-EGRID-RFCW")["factor_id"].to_list()
        near = catalogue.frame.filter(pl.col("publisher").is_in(["us-epa"])).head(40)["factor_id"].to_list()
        wanted = pl.col("factor_id").is_in([GAS, DIESEL, RAIL, HOTEL, *power, *near])
        self._put("factors/catalogue", catalogue.frame.filter(wanted), list(FACTOR_KEY))
        self._put("factors/fuel_properties", catalogue.properties, ["property_id"])
        self._put("factors/ipcc_gwp", self.engine.gwp.frame, ["gwp_set", "gas", "horizon_years"])
        kept = {GAS, DIESEL, RAIL, HOTEL, *power}
        formulas = [
            *(("equation", item) for item in library.equations),
            *(("binding", item) for item in library.factor_bindings if item.factor_id in kept),
        ]
        rows = [
            {
                "formula_id": item.id,
                "version": item.version,
                "kind": kind,
                "title": item.title,
                "sha256": item.sha256,
                "definition": canonical_bytes(item.record()).decode(),
            }
            for kind, item in formulas
        ]
        self._put(
            "formulas/library",
            pl.DataFrame(rows),
            ["formula_id"],
            read=("factors/catalogue", "factors/fuel_properties"),
        )
        method = pl.DataFrame([_HOW, _HOW_POWER], schema=METHOD.schema)
        self._put("tenants/method", method, ["data_year", "activity"])
        self._emissions(method)

    def _emissions(self, method: pl.DataFrame) -> None:
        changes: list[dict[str, Any]] = [{}, _POWER | {"quantity": 98765.4321}]
        changes += [{"facility_id": f"house-{n}", "quantity": 10.0 * n} for n in range(2, 40)]
        rows = [_ROW | {"activity_id": f"a-{number}"} | change for number, change in enumerate(changes)]
        activity = pl.DataFrame(rows, schema=ACTIVITY.schema)
        result = calculate_batch(
            activity,
            method,
            catalogue=self.engine.catalogue,
            library=self.engine.library,
            gwp=self.engine.gwp,
        )
        self._put("tenants/activity", activity, ["activity_id"])
        read = (
            "tenants/activity", "tenants/method", "factors/catalogue", "factors/fuel_properties",
            "factors/ipcc_gwp", "formulas/library",
        )  # fmt: skip
        self._put("tenants/emissions", result.lines, ["activity_id"], read=read)
        totals = result.totals
        self._put(
            "tenants/totals",
            totals,
            ["facility_id", "period"],
            read=("tenants/activity", "tenants/emissions"),
        )
        recorded = self._change("tenants/totals", totals).filter(facility_id="house-1").row(0, named=True)
        self.total = str(recorded["total_sha256"])
        self.lines = str(recorded["line_sha256s"]).split(" ")


def resealed_lines(frame: pl.DataFrame) -> pl.DataFrame:
    """Lines with hashes that fit what they say now."""
    hashes = [line_sha256(row) for row in frame.iter_rows(named=True)]
    return frame.with_columns(pl.Series("line_sha256", hashes))


def resealed_totals(frame: pl.DataFrame) -> pl.DataFrame:
    """Totals with hashes that fit what they say now."""
    hashes = [total_sha256(row) for row in frame.iter_rows(named=True)]
    return frame.with_columns(pl.Series("total_sha256", hashes))


def relisted(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Files under a list that fits them: what whoever alters a bundle does first."""
    manifest = json.loads(files["manifest.json"])
    manifest["files"] = [
        {"name": name, "size": len(data), "sha256": sha256_hex(data)}
        for name, data in sorted(files.items())
        if name != "manifest.json"
    ]
    return {**files, "manifest.json": json.dumps(manifest).encode()}


def codes(files: Mapping[str, bytes], key: str | None = None) -> list[str]:
    """Codes of the faults that the verifier finds, in order."""
    check = Check(files, key)
    check.run()
    return [fault.code for fault in check.faults]
