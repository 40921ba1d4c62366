"""Straight lines through points with weights."""

from __future__ import annotations

import numpy as np

from glassnet.analysis.intervals import Floats


def spacing(x: Floats) -> Floats:
    """The length of the axis that each of the increasing points ``x`` stands for (trapezoids).

    With it a fit approximates one over the continuous curve, whatever grid the curve was saved on.
    """
    if len(x) < 2:
        return np.ones_like(x)
    gaps = np.diff(x)
    return np.asarray((np.append(gaps, 0.0) + np.append(0.0, gaps)) / 2.0)


def fit_line(x: Floats, y: Floats, weight: Floats | None = None) -> tuple[float, float]:
    """Slope and value at x = 0 of the least-squares line, NaN for fewer than two different x."""
    w = np.ones_like(x) if weight is None else weight
    if len(x) < 2 or not x.max() > x.min():
        return np.nan, np.nan
    x0, y0 = np.average(x, weights=w), np.average(y, weights=w)
    slope = np.sum(w * (x - x0) * (y - y0)) / np.sum(w * (x - x0) ** 2)
    return float(slope), float(y0 - slope * x0)


def slope(x: Floats, y: Floats, weight: Floats | None = None) -> float:
    """Slope of the least-squares line."""
    return fit_line(x, y, weight)[0]
