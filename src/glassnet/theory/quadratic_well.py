r"""Weights in a quadratic well L = k/2 sum_i w_i^2 under Langevin dynamics (Appendices F, G and H).

One formula covers every start. A weight begins at w(0) from the well's centre (``initial_offset``), relaxes
for ``waiting_time`` steps, and from there the displacement over t more steps is Gaussian. With a = the
factor by which a weight decays in one step and v = the stationary variance,

    mean      -a^tw (1 - a^t) w(0)
    variance  v [(1 - a^(2 tw)) (1 - a^t)^2 + 1 - a^(2 t)]

- fixed start (Eqs. F1 to F7, G1):     ``waiting_time=0``, ``initial_offset=w(0)``
- start at the minimum, then wait:     ``waiting_time=tw``, ``initial_offset=0``: what the protocol sees
- between two equilibrium times:       ``waiting_time=np.inf``

``step="continuous"`` is the paper's stochastic differential equation, a = exp(-mu k) and v = T/(k P_D).
``step="discrete"`` is the update that engines make, w <- (1 - mu k) w + sqrt(2 mu T/P_D) xi: exactly
a = 1 - mu k and v = T/(k P_D) / (1 - mu k/2), at whole numbers of steps.

Where this differs from what is printed: F1 to F7 hold with T/P_D in place of T (G1 and H1 to H4 have it).
H4's T/(k P_D) is the variance about the centre, :func:`stationary_variance`; the mean square displacement
between two equilibrium times tends to twice that. G1 is ``overlap(np.inf, ..., waiting_time=0)``; between
two equilibrium times the limit is erf((eps/2) sqrt(k P_D/T)) instead. G1 goes as T^-0.5 only for |w(0)|
much below sqrt(T/(k P_D)). The centre is 0 only for weights that the data does not hold; offsets are from
wherever it is.

All functions broadcast over their arguments. Times are in steps (infinity gives the limit), weights in
their own unit.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erf

from glassnet.theory._values import Floats, finite, non_negative, positive

Step = Literal["continuous", "discrete"]


def stationary_variance(
    *,
    stiffness: ArrayLike,
    temperature: ArrayLike,
    learning_rate: ArrayLike,
    n_samples: ArrayLike,
    step: Step = "continuous",
) -> Floats:
    """<w^2> about the centre in equilibrium (Eqs. H2 to H4): v = T/(k P_D), over 1 - mu k/2 if
    ``"discrete"``.

    Raises:
        ValueError: stiffness, learning_rate or n_samples <= 0, temperature < 0, or mu k >= 2 with a
            discrete step, which diverges. Without stiffness there is no equilibrium: see
            :mod:`glassnet.theory.brownian`.
    """
    mu_k = _relaxation_rate(stiffness, learning_rate, step)
    variance = finite("temperature", temperature, low=0.0) / (
        positive("stiffness", stiffness) * positive("n_samples", n_samples)
    )
    return np.asarray(variance / (1.0 - mu_k / 2.0) if step == "discrete" else variance)


def displacement_moments(
    times: ArrayLike,
    *,
    stiffness: ArrayLike,
    temperature: ArrayLike,
    learning_rate: ArrayLike,
    n_samples: ArrayLike,
    initial_offset: ArrayLike,
    waiting_time: ArrayLike,
    step: Step = "continuous",
) -> tuple[Floats, Floats]:
    """Mean and variance of the Gaussian displacement w(tw + t) - w(tw), the module's formula (F3 for tw = 0).

    Args:
        times: t >= 0, steps since the wait ended.
        stiffness: k > 0, the curvature of the loss (not of P_D times the loss).
        temperature: T >= 0.
        learning_rate: mu > 0.
        n_samples: P_D > 0.
        initial_offset: w(0), distance from the centre when the Langevin stage began.
        waiting_time: t_w >= 0, steps of the Langevin stage before t = 0.
        step: "continuous" or "discrete".

    Raises:
        ValueError: an argument out of its range, or a fraction of a step where steps are discrete.
    """
    mu_k = _relaxation_rate(stiffness, learning_rate, step)
    v = stationary_variance(
        stiffness=stiffness,
        temperature=temperature,
        learning_rate=learning_rate,
        n_samples=n_samples,
        step=step,
    )
    waited = _relaxed("waiting_time", waiting_time, mu_k, step)
    relaxed = _relaxed("times", times, mu_k, step)
    mean = -(1.0 - waited) * relaxed * finite("initial_offset", initial_offset)
    variance = v * (waited * (2.0 - waited) * relaxed**2 + relaxed * (2.0 - relaxed))
    return np.asarray(mean), np.asarray(variance)


def mean_square_displacement(
    times: ArrayLike,
    *,
    stiffness: ArrayLike,
    temperature: ArrayLike,
    learning_rate: ArrayLike,
    n_samples: ArrayLike,
    initial_offset: ArrayLike,
    waiting_time: ArrayLike,
    step: Step = "continuous",
) -> Floats:
    """<dw^2>(t), mean squared plus variance of :func:`displacement_moments`, whose arguments it takes."""
    mean, variance = displacement_moments(
        times,
        stiffness=stiffness,
        temperature=temperature,
        learning_rate=learning_rate,
        n_samples=n_samples,
        initial_offset=initial_offset,
        waiting_time=waiting_time,
        step=step,
    )
    return np.asarray(mean**2 + variance)


def overlap(
    times: ArrayLike,
    *,
    epsilon: ArrayLike,
    stiffness: ArrayLike,
    temperature: ArrayLike,
    learning_rate: ArrayLike,
    n_samples: ArrayLike,
    initial_offset: ArrayLike,
    waiting_time: ArrayLike,
    step: Step = "continuous",
) -> Floats:
    """Q(t), the share of displacements within epsilon: Eq. F6 with T/P_D, for any start; Eq. G1 at infinite
    time.

    Q = 1/2 {erf[(m + eps)/sqrt(2 s)] - erf[(m - eps)/sqrt(2 s)]}, m and s from
    :func:`displacement_moments`, whose arguments it takes. Average it over ``initial_offset`` for a network
    whose weights lie at different distances.

    Raises:
        ValueError: epsilon <= 0, or as :func:`displacement_moments`.
    """
    eps = positive("epsilon", epsilon)
    mean, variance = displacement_moments(
        times,
        stiffness=stiffness,
        temperature=temperature,
        learning_rate=learning_rate,
        n_samples=n_samples,
        initial_offset=initial_offset,
        waiting_time=waiting_time,
        step=step,
    )
    eps, mean, variance = np.broadcast_arrays(eps, mean, variance)
    spreads = variance > 0
    width = np.sqrt(2.0 * variance, out=np.ones(variance.shape), where=spreads)
    within = 0.5 * (erf((mean + eps) / width) - erf((mean - eps) / width))
    return np.where(spreads, within, np.abs(mean) <= eps).astype(np.float64)


def _relaxation_rate(stiffness: ArrayLike, learning_rate: ArrayLike, step: Step) -> Floats:
    if step not in get_args(Step):
        raise ValueError(f"step must be one of 'continuous', 'discrete', but got {step!r}")
    mu_k = np.asarray(positive("learning_rate", learning_rate) * positive("stiffness", stiffness))
    if step == "discrete" and np.any(mu_k >= 2.0):
        raise ValueError(
            f"learning_rate times stiffness must be < 2 for discrete steps, which diverge beyond, but got {mu_k.max()}"
        )
    return mu_k


def _relaxed(name: str, times: ArrayLike, mu_k: Floats, step: Step) -> Floats:
    """1 - a^t, without the cancellation at small mu k t."""
    t = non_negative(name, times)
    if step == "continuous":
        return np.asarray(-np.expm1(-mu_k * t))
    whole = np.isfinite(t)
    if np.any(t[whole] != np.floor(t[whole])):
        raise ValueError(f"{name} must be whole numbers of discrete steps, but got {times!r}")
    monotonic = mu_k < 0.5
    slow = -np.expm1(t * np.log1p(-np.where(monotonic, mu_k, 0.25)))
    return np.where(monotonic, slow, 1.0 - (1.0 - mu_k) ** t)
