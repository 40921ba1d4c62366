"""Analytic predictions: what the weights would do on a flat landscape and in a quadratic well."""

from __future__ import annotations

from glassnet.theory import brownian, quadratic_well

__all__ = ["brownian", "quadratic_well"]
