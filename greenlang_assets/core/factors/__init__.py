"""Emission factors: their model, the publishers' importers, the catalogue and its look-up."""
