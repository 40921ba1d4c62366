"""Analytic predictions: weights on a flat landscape and in a quadratic well, and schematic mode-coupling theory."""

from __future__ import annotations

from glassnet.theory import brownian, mode_coupling, quadratic_well

__all__ = ["brownian", "mode_coupling", "quadratic_well"]
