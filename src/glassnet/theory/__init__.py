"""Analytic predictions: weights on a flat landscape and in a quadratic well, schematic mode-coupling theory, and the
null of drift plus diffusion."""

from __future__ import annotations

from glassnet.theory import brownian, drift, mode_coupling, quadratic_well
from glassnet.theory.drift import drift_null, power_curvature

__all__ = ["brownian", "drift", "drift_null", "mode_coupling", "power_curvature", "quadratic_well"]
