"""Synthetic curves with known answers, as the tests of the analysis share them."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, erfinv

Floats = NDArray[np.float64]


def curves(
    values: ArrayLike, times: ArrayLike, temperatures: ArrayLike | None = None, **on_replica: ArrayLike
) -> xr.DataArray:
    """``(temperature, origin, time)`` (or ``(origin, time)``) as an observable ``(replica, waiting_time, time)``."""
    array = np.asarray(values, dtype=np.float64)
    n_origins = array.shape[-2]
    n_groups = array.shape[0] if array.ndim == 3 else 1
    names: dict[str, ArrayLike] = {"seed": np.zeros(n_groups * n_origins, int)}
    names["origin"] = np.tile(np.arange(n_origins), n_groups)
    if temperatures is not None:
        names["temperature"] = np.repeat(np.asarray(temperatures, dtype=np.float64), n_origins)
    return xr.DataArray(
        array.reshape(n_groups * n_origins, 1, -1),
        dims=("replica", "waiting_time", "time"),
        coords={
            "waiting_time": [100],
            "time": np.asarray(times),
            **{k: ("replica", np.asarray(v)) for k, v in {**names, **on_replica}.items()},
        },
        attrs={"long_name": "curve"},
    )


def free(tau: ArrayLike, times: ArrayLike, threshold: float = 0.9) -> Floats:
    """Overlaps of free diffusion that pass ``threshold`` at tau, ``(*tau.shape, time)``."""
    x = np.asarray(times) / np.asarray(tau, dtype=np.float64)[..., None]
    return np.asarray(erf(erfinv(threshold) / np.sqrt(x)))


def coverage_tolerance(trials: int) -> float:
    """3.5 binomial standard errors of a coverage of 95 % counted over independent trials."""
    return 3.5 * float(np.sqrt(0.95 * 0.05 / trials))
