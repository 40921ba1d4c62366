"""Checks of the arrays that the formulas take."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def non_negative(name: str, value: ArrayLike) -> Floats:
    """``value`` as float64, every entry >= 0; infinity is allowed."""
    array = np.asarray(value, dtype=np.float64)
    _refuse(name, ">= 0", array, ~(array >= 0))
    return array


def positive(name: str, value: ArrayLike) -> Floats:
    """``value`` as float64, every entry finite and > 0."""
    array = np.asarray(value, dtype=np.float64)
    _refuse(name, "finite and > 0", array, ~((array > 0) & (array < np.inf)))
    return array


def finite(name: str, value: ArrayLike, *, low: float = -np.inf) -> Floats:
    """``value`` as float64, every entry finite and not below ``low``."""
    array = np.asarray(value, dtype=np.float64)
    demand = "finite" if low == -np.inf else f"finite and >= {low:g}"
    _refuse(name, demand, array, ~(np.isfinite(array) & (array >= low)))
    return array


def between(name: str, value: ArrayLike, low: float, high: float) -> Floats:
    """``value`` as float64, every entry strictly between ``low`` and ``high``."""
    array = np.asarray(value, dtype=np.float64)
    _refuse(name, f"between {low:g} and {high:g}, ends excluded", array, ~((array > low) & (array < high)))
    return array


def _refuse(name: str, demand: str, array: Floats, bad: NDArray[np.bool_]) -> None:
    if np.any(bad):
        raise ValueError(f"{name} must be {demand}, but got {array[bad].flat[0]}")
