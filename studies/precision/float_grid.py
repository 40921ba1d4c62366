r"""The effect of the float32 grid on one Langevin step of weights that are kept in float32.

An update rounds twice to the weight's grid, whose spacing is u: after the drift -mu grad L, and after the noise of
standard deviation s = sqrt(2 mu T/P_D). The noise arrives as u round(s xi/u), of variance
u^2 sum_k (2k - 1) erfc((k - 1/2) u/(s sqrt 2)): about s^2 + u^2/12 where s > u, nothing where s is much smaller. A
drift of many u leaves a rounding error of variance u^2/12; one below u/2 is lost whole, step after step.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

Floats = NDArray[np.float64]

_TERMS: Final = 12
"""For s <= u all others together are below 1e-29."""


def spacing(weights: Floats) -> Floats:
    """u, the distance between neighbouring float32 numbers at each weight: 3.7e-9 near 0.05."""
    return np.spacing(np.abs(weights).astype(np.float32)).astype(np.float64)


def rounded_variance(u: Floats, s: float) -> Floats:
    """Variance of Gaussian noise of standard deviation ``s`` rounded to grids of spacing ``u``."""
    if s == 0.0:
        return np.zeros_like(u)
    k = np.arange(1, _TERMS + 1)
    tails = erfc((k - 0.5) * np.minimum(u[..., None] / s, 1e3) / np.sqrt(2.0))
    coarse = u**2 * np.sum((2 * k - 1) * tails, axis=-1)
    # The exact variance differs from this by less than exp(-2 pi^2) of u^2.
    return np.where(u < s, s**2 + u**2 / 12.0, coarse)


def excess_a_step(weights: Floats, s: float) -> float:
    """Excess of the MSD of one step on the grid over that off it, if roundings were independent."""
    u = spacing(weights)
    return float((rounded_variance(u, s) - s**2 + u**2 / 12.0).mean())


def drift_below_half(weights: Floats, drift: Floats) -> float:
    """The share of weights whose drift of one step is below u/2, and lost."""
    return float((np.abs(drift) < spacing(weights) / 2.0).mean())
