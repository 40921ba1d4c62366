r"""Schematic mode-coupling models F1, F2 and F12: theory curves to hold a master curve against (Section III C).

The correlator phi(t), 1 at t = 0, obeys the overdamped equation of motion

    tau_0 phi'(t) + phi(t) + int_0^t m(t - s) phi'(s) ds = 0,    m = v1 phi + v2 phi^2

F1 is v2 = 0, F2 is v1 = 0 (Leutheusser 1984; Goetze, Complex Dynamics of Glass-Forming Liquids, 2009, chapter 4).
phi tends to 0 in the liquid and to f > 0 in the glass. F2 becomes a glass at v2 = 4, where f jumps to 1/2; F1 at
v1 = 1, where f grows from 0 and phi decays as t^-1/2; F12 along a line between them, see :func:`critical_couplings`.

Times have the unit of tau_0. Nothing here knows of networks: a correlator is compared with an overlap after each is
rescaled by its own relaxation time.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import gammaln

from glassnet.theory._values import Floats, finite, positive

_CRITICAL: Final = 0.5
"""The smallest exponent parameter on F12's line: F2's."""

_ROUNDING: Final = 8.0 * float(np.finfo(np.float64).eps)


def correlator(times: ArrayLike, *, v1: float = 0.0, v2: float = 0.0, tau_0: float = 1.0, points: int = 512) -> Floats:
    r"""phi(t) of the F12 model, on a grid whose step doubles as time goes on.

    On each block of ``points`` equal steps the memory integral is split at its middle, so that each half has its
    fast factor integrated by parts or differenced only where that varies slowly, with moments of phi and m over each
    step; then every second point is kept and the step doubled (Fuchs, Goetze, Hofacker & Latz, J. Phys.: Condens.
    Matter 3, 5047 (1991)). Because m is quadratic each step is solved in closed form, without iteration. The error
    goes as the square of 1/points: with 512 it is below 1e-6 for exponentials, a relative 1e-4 at t = 1e5 and 2e-4
    at 1e8 in the slowest case with a known answer, F1 at its transition. Between grid points phi is linear in t.

    Args:
        times: t >= 0, any shape.
        v1: linear coupling, >= 0.
        v2: quadratic coupling, >= 0.
        tau_0: microscopic time, > 0.
        points: steps a block, even, at least 32.

    Raises:
        ValueError: an argument out of its range.
    """
    a, b = float(finite("v1", v1, low=0.0)), float(finite("v2", v2, low=0.0))
    if points < 32 or points % 2:
        raise ValueError(f"points must be an even number >= 32, but got {points}")
    t = finite("times", times, low=0.0) / float(positive("tau_0", tau_0))
    grid, phi = _solve(a, b, float(t.max(initial=0.0)), points)
    return np.asarray(np.interp(t, grid, phi))


def non_ergodicity(*, v1: float = 0.0, v2: float = 0.0) -> float:
    """f, the limit of phi(t) at long times: the largest solution in [0, 1) of f/(1 - f) = v1 f + v2 f^2.

    F1: 1 - 1/v1 for v1 > 1; F2: (1 + sqrt(1 - 4/v2))/2 for v2 >= 4; else 0. Where f jumps, at
    :func:`critical_couplings`, it is known to 1e-7, the square root of rounding, and is that of the glass.

    Raises:
        ValueError: a coupling that is not finite and >= 0.
    """
    a, b = float(finite("v1", v1, low=0.0)), float(finite("v2", v2, low=0.0))
    # f = 0, or 1 = (1 - f)(v1 + v2 f).
    if b == 0.0:
        return 1.0 - 1.0 / a if a > 1.0 else 0.0
    inside = (b - a) ** 2 - 4.0 * b * (1.0 - a)
    # At a discontinuous transition it is 0, and what rounding leaves must not turn the glass into a liquid.
    if inside < -_ROUNDING * ((b - a) ** 2 + 4.0 * b):
        return 0.0
    root = float(np.sqrt(max(0.0, inside)))
    # The same root twice, each without cancellation.
    return max(0.0, (b - a + root) / (2.0 * b) if b >= a else 2.0 * (a - 1.0) / (a - b + root))


def critical_couplings(exponent_parameter: float) -> tuple[float, float]:
    """(v1, v2) of F12's line of discontinuous transitions: v1 = (2 lambda - 1)/lambda^2, v2 = 1/lambda^2.

    There f jumps from 0 to 1 - lambda. lambda = 1/2 is F2.

    Raises:
        ValueError: lambda not from 1/2 to 1, 1 excluded.
    """
    x = float(finite("exponent_parameter", exponent_parameter))
    if not _CRITICAL <= x < 1.0:
        raise ValueError(f"exponent_parameter must be from 0.5 to 1, 1 excluded, but got {x}")
    return (2.0 * x - 1.0) / x**2, 1.0 / x**2


def exponents(exponent_parameter: float) -> tuple[float, float]:
    r"""(a, b) of the critical decay phi - f ~ t^-a and of von Schweidler's law f - phi ~ t^b.

    Gamma(1 - a)^2/Gamma(1 - 2a) = Gamma(1 + b)^2/Gamma(1 + 2b) = lambda. 0 < a < 0.395 and 0 < b <= 1 for
    1/2 <= lambda < 1; F1's transition, where lambda is 0, has a = 1/2 and no b (NaN).

    Raises:
        ValueError: lambda not from 0 to 1, 1 excluded.
    """
    x = float(finite("exponent_parameter", exponent_parameter))
    if not 0.0 <= x < 1.0:
        raise ValueError(f"exponent_parameter must be from 0 to 1, 1 excluded, but got {x}")
    if x == 0.0:
        return 0.5, np.nan

    def off(y: float) -> float:
        return float(np.exp(2.0 * gammaln(1.0 + y) - gammaln(1.0 + 2.0 * y))) - x

    a = -float(brentq(off, -0.5 + 1e-12, -1e-12, xtol=1e-14))
    b = float(brentq(off, 1e-12, 1.0, xtol=1e-14)) if x > _CRITICAL else 1.0 if x == _CRITICAL else np.nan
    return a, b


def _solve(v1: float, v2: float, end: float, points: int) -> tuple[Floats, Floats]:
    """phi on all points of all blocks, times in units of tau_0."""
    half = points // 2
    step = _FIRST / points
    index = np.arange(points + 1)
    # Before the memory acts, phi = 1 - t: exact to t^2 (1 + v1 + v2)/2, which is below rounding at these times.
    phi = 1.0 - step * index * (1.0 - 0.5 * step * index * (1.0 + v1 + v2))
    memory = _memory(phi, v1, v2)
    phi_moment, memory_moment = _moments(phi), _moments(memory)
    times, values = [step * index], [phi.copy()]
    while step * points < end:
        for array in (phi, memory):
            array[: half + 1] = array[::2]
        for moment in (phi_moment, memory_moment):
            moment[1 : half + 1] = 0.5 * (moment[1::2] + moment[2::2])
        step *= 2.0
        for i in range(half + 1, points + 1):
            _advance(i, step, v1, v2, phi, memory, phi_moment, memory_moment)
        times.append(step * index[half + 1 :])
        values.append(phi[half + 1 :].copy())
    return np.concatenate(times), np.concatenate(values)


_FIRST: Final = 1e-6
"""End of the first block, in units of tau_0."""


def _advance(
    i: int,
    step: float,
    v1: float,
    v2: float,
    phi: Floats,
    memory: Floats,
    phi_moment: Floats,
    memory_moment: Floats,
) -> None:
    """Solve for phi at point i, from all before it: ``rate phi_i = m_i weight + known``."""
    middle = i // 2
    far = (memory[i - middle + 1 : i] - memory[i - middle : i - 1]) @ phi_moment[middle:1:-1]
    near = (phi[middle + 1 : i] - phi[middle : i - 1]) @ memory_moment[i - middle : 1 : -1]
    known = (
        (4.0 * phi[i - 1] - phi[i - 2]) / (2.0 * step)
        - memory[i - middle] * phi[middle]
        + memory[i - 1] * phi_moment[1]
        + phi[i - 1] * memory_moment[1]
        - far
        - near
    )
    rate, weight = 1.5 / step + 1.0 + memory_moment[1], 1.0 - phi_moment[1]
    # v2 weight phi^2 - (rate - v1 weight) phi + known = 0; the smaller root is the one that starts at 1.
    linear = rate - v1 * weight
    phi[i] = 2.0 * known / (linear + np.sqrt(max(0.0, linear**2 - 4.0 * v2 * weight * known)))
    memory[i] = _memory(phi[i], v1, v2)
    phi_moment[i] = 0.5 * (phi[i] + phi[i - 1])
    memory_moment[i] = 0.5 * (memory[i] + memory[i - 1])


def _memory(phi: ArrayLike, v1: float, v2: float) -> Floats:
    x = np.asarray(phi, dtype=np.float64)
    return np.asarray(v1 * x + v2 * x**2)


def _moments(values: Floats) -> Floats:
    """Mean over each step, the k-th ending at point k; the entry at 0 is not used."""
    moment = np.zeros_like(values)
    moment[1:] = 0.5 * (values[1:] + values[:-1])
    return moment
