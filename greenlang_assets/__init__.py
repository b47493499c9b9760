"""Layers 1 and 2: what is true (factors, formulas), and how it is computed (engine, SDK)."""
