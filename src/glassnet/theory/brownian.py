r"""Free Brownian weights: Langevin dynamics on a flat landscape (Section III B, Eqs. 5 and 6).

Every weight moves by independent Gaussian steps of variance 2 mu T / P_D. The formulas are exact at whole
numbers of steps, without a limit of small steps. All displacements are Gaussian with mean 0, so alpha_2
(Eq. 9) is 0.

Eq. 6 is printed as (2/sqrt(pi)) erf(eps/sqrt(4 D t)). Its prefactor belongs inside the error function,
which is erf(x) = (2/sqrt(pi)) int_0^x exp(-s^2) ds: the printed form is 1.128 at t = 0 where Q must be 1,
and 12.8 % high throughout. Here Q(t) = erf(eps/sqrt(4 D t)).

All functions broadcast over their arguments. Times are in steps, displacements in units of a weight.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erf, erfinv

from glassnet.theory._values import Floats, between, finite, positive


def diffusion_constant(*, temperature: ArrayLike, learning_rate: ArrayLike, n_samples: ArrayLike) -> Floats:
    """D = mu T / P_D (below Eq. 5), in squared weight per step.

    Raises:
        ValueError: temperature < 0, or learning_rate or n_samples <= 0.
    """
    mu, p_d = positive("learning_rate", learning_rate), positive("n_samples", n_samples)
    return np.asarray(mu * finite("temperature", temperature, low=0.0) / p_d)


def mean_square_displacement(
    times: ArrayLike, *, temperature: ArrayLike, learning_rate: ArrayLike, n_samples: ArrayLike
) -> Floats:
    """MSD(t) = 2 D t, the second moment of Eq. 5."""
    d = diffusion_constant(temperature=temperature, learning_rate=learning_rate, n_samples=n_samples)
    return np.asarray(2.0 * d * finite("times", times, low=0.0))


def displacement_density(
    displacement: ArrayLike,
    times: ArrayLike,
    *,
    temperature: ArrayLike,
    learning_rate: ArrayLike,
    n_samples: ArrayLike,
) -> Floats:
    """P(dw, t) of Eq. 5, per unit of weight; it integrates to 1 over all dw.

    Raises:
        ValueError: a time or a temperature is not > 0, where there is no density.
    """
    d = diffusion_constant(
        temperature=positive("temperature", temperature), learning_rate=learning_rate, n_samples=n_samples
    )
    spread = 4.0 * d * positive("times", times)
    return np.asarray(np.exp(-(finite("displacement", displacement) ** 2) / spread) / np.sqrt(np.pi * spread))


def overlap(
    times: ArrayLike,
    *,
    epsilon: ArrayLike,
    temperature: ArrayLike,
    learning_rate: ArrayLike,
    n_samples: ArrayLike,
) -> Floats:
    """Q(t) = erf(eps/sqrt(4 D t)), Eq. 6 corrected (see the module); 1 where nothing has moved.

    Raises:
        ValueError: epsilon <= 0, a negative time, or as :func:`diffusion_constant`.
    """
    variance = mean_square_displacement(
        times, temperature=temperature, learning_rate=learning_rate, n_samples=n_samples
    )
    eps, variance = np.broadcast_arrays(positive("epsilon", epsilon), variance)
    reach = np.divide(eps, np.sqrt(2.0 * variance), out=np.full(eps.shape, np.inf), where=variance > 0)
    return np.asarray(erf(reach))


def relaxation_time(
    threshold: ArrayLike = 0.9,
    *,
    epsilon: ArrayLike,
    temperature: ArrayLike,
    learning_rate: ArrayLike,
    n_samples: ArrayLike,
) -> Floats:
    """The time at which Q = threshold: tau = eps^2 / (4 D erfinv(threshold)^2), infinite at T = 0.

    For 0.9 it is eps^2/(5.41 D). It may be less than one step.

    Raises:
        ValueError: threshold not between 0 and 1, or as :func:`overlap`.

    Examples:
        >>> import glassnet as gn
        >>> bath = {"temperature": 1e-3, "learning_rate": 1e-3, "n_samples": 60_000}
        >>> print(gn.theory.brownian.relaxation_time(0.9, epsilon=2e-4, **bath).round())
        444.0
    """
    d = diffusion_constant(temperature=temperature, learning_rate=learning_rate, n_samples=n_samples)
    reach = positive("epsilon", epsilon) / erfinv(between("threshold", threshold, 0.0, 1.0))
    reach, d = np.broadcast_arrays(reach, d)
    return np.asarray(np.divide(reach**2, 4.0 * d, out=np.full(d.shape, np.inf), where=d > 0))
