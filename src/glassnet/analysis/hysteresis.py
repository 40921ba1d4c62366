"""Sweeps of l2 up and down: where networks fall into W = 0, where all of them end in one state, and where it ends.

Everything here is of arrays, so that it can be tried on made-up sweeps. ``step`` counts the values of l2 on one way,
``look`` the times near the end of a step at which losses are taken, ``replica`` the initial conditions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from glassnet.analysis.intervals import CONFIDENCE

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ZERO_LOSS: Final = 0.5
"""Loss of W = 0 under the quadratic hinge, at every l2."""

FALLEN: Final = 1e-3
"""A data loss nearer to 1/2 than this is of W = 0, or of a network on its way there, which only l2 still moves."""

ONE_STATE: Final = 2.0
"""Spread between origins, in units of SGD's own, up to which they count as one state."""


@dataclass(frozen=True)
class Transition:
    """A value of l2 at which something happens.

    Args:
        value: mean over the origins that reached it; None where none did.
        low: lower end of the interval: of the grid, and of Student's 95 % over origins where each has its own.
        high: upper end.
        n_origins: that were followed.
        n_reached: those of them that reached it.
        outcome: "found", or in words why there is no value or only a bound.
    """

    value: float | None
    low: float | None
    high: float | None
    n_origins: int
    n_reached: int
    outcome: str


@dataclass(frozen=True)
class Brackets:
    """Where each of the origins passes, ``(replica,)``: the grid points on both sides and the place, NaN for nowhere.

    ``early`` are those at W = 0 from the first step on, of which nothing can be seen.
    """

    below: Floats
    above: Floats
    at: Floats
    early: Bools


ROUNDING: Final = 1e-6
"""A spread that small is that of single-precision gradients, and no sign of two states."""


def is_away(data_loss: Floats) -> Bools:
    """Which networks are away from W = 0; one that diverged (NaN) is not."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(data_loss - ZERO_LOSS) > FALLEN) & np.isfinite(data_loss)


def participation_ratio(singular_values: Floats) -> Floats:
    """Effective rank of matrices: (sum of s^2)^2 / sum of s^4 over their singular values s.

    It is r for r equal ones, and NaN for a matrix of zeros.

    Args:
        singular_values: ``(..., value)``.
    """
    largest = singular_values.max(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = (singular_values / largest) ** 2
        return np.asarray(squares.sum(axis=-1) ** 2 / (squares**2).sum(axis=-1))


def spread_between(losses: Floats, away: Bools) -> Floats:
    """Standard deviation between the origins that are away from W = 0, ``(step,)``; NaN for fewer than two.

    Of the losses at one look, as a mean square over looks: what SGD adds to a single look is in it, as it is in
    :func:`spread_within`, and origins in one state have equal ones but for chance.

    Args:
        losses: ``(step, look, replica)``.
        away: ``(step, replica)``.
    """
    return _rms_deviation(losses, away, axis=2)


def spread_within(losses: Floats, away: Bools) -> Floats:
    """SGD's own: standard deviation between the looks of one origin, ``(step,)``, as a mean square over origins.

    About a straight line through the looks, where there are three or more: a network that still moves on is not noise.
    NaN for fewer than two looks.
    """
    n = losses.shape[1]
    if n > 2:
        time = np.arange(n) - (n - 1) / 2
        slope = (losses * time[:, None]).sum(axis=1, keepdims=True) / (time**2).sum()
        losses = (losses - slope * time[:, None]) * np.sqrt((n - 1) / (n - 2))
    return _rms_deviation(losses, away, axis=1)


def _rms_deviation(losses: Floats, away: Bools, axis: int) -> Floats:
    found = np.full(len(losses), np.nan)
    for i, (one, there) in enumerate(zip(losses, away, strict=True)):
        kept = one[:, there]
        if kept.size and kept.shape[axis - 1] > 1:
            found[i] = np.sqrt(kept.var(axis=axis - 1, ddof=1).mean())
    return found


def falls(l2: Floats, away: Bools) -> Brackets:
    """Where each origin falls into W = 0 for good: between the last l2 at which it is away, and the next.

    Args:
        l2: ``(step,)``, increasing.
        away: ``(step, replica)``.
    """
    last = len(l2) - 1 - away[::-1].argmax(axis=0)
    early = np.logical_not(away.any(axis=0))
    reached = (last < len(l2) - 1) & ~early
    below = np.where(reached, l2[last], np.nan)
    above = np.where(reached, l2[np.minimum(last + 1, len(l2) - 1)], np.nan)
    return Brackets(below, above, (below + above) / 2, np.asarray(early))


def crossings(l2: Floats, total_loss: Floats, away: Bools) -> Brackets:
    """Where the total loss of each origin passes 1/2 while it is away from W = 0, by a straight line between steps.

    Args:
        l2: ``(step,)``, increasing.
        total_loss: ``(step, replica)``.
        away: ``(step, replica)``.

    Returns:
        Nowhere for an origin that falls before, or whose loss is not on both sides of 1/2.
    """
    found = np.full((3, away.shape[1]), np.nan)
    for r in range(away.shape[1]):
        over = np.flatnonzero(away[:, r] & (total_loss[:, r] >= ZERO_LOSS))
        i = int(over[0]) if len(over) else 0
        if i > 0 and away[i - 1, r]:
            before, after = total_loss[i - 1, r] - ZERO_LOSS, total_loss[i, r] - ZERO_LOSS
            found[:, r] = l2[i - 1], l2[i], l2[i - 1] + (l2[i] - l2[i - 1]) * before / (before - after)
    return Brackets(found[0], found[1], found[2], np.asarray(np.logical_not(away.any(axis=0))))


def transition(found: Brackets, never: str, *, placed: bool = False) -> Transition:
    """One value of the origins' own, with Student's 95 % interval of their mean, widened by the grid.

    Args:
        found: where each passes.
        never: what it means, in words, that one passes nowhere.
        placed: whether ``at`` is known better than the grid, which then widens only what one origin says.
    """
    n, reached = len(found.at), np.isfinite(found.at)
    k, early = int(reached.sum()), int(found.early.sum())
    said = [f"found for {k} of {n}"] if k else []
    said += [f"{early} at W = 0 from the first step on"] if early else []
    said += [f"{n - k - early} {never}"] if n > k + early else []
    outcome = "found" if k == n else "; ".join(said)
    if not k:
        return Transition(None, None, None, n, 0, outcome)
    at = found.at[reached]
    reach = float(stdtrit(k - 1, 0.5 + CONFIDENCE / 2) * at.std(ddof=1) / np.sqrt(k)) if k > 1 else 0.0
    below, above = (at, at) if placed and k > 1 else (found.below[reached], found.above[reached])
    return Transition(float(at.mean()), max(0.0, below.mean() - reach), float(above.mean() + reach), n, k, outcome)


def unique_from(
    l2: Floats, between: Floats, within: Floats, n_away: NDArray[np.int64], factor: float = ONE_STATE
) -> Transition:
    """From which l2 on all origins are in one state: their spread is no more than SGD's own, from there to the end.

    The end is the last step at which two origins are away from W = 0; steps after which one falls are not judged, since
    it may be falling. One state up to symmetry is meant, and equal losses do not prove it: two states of one loss would
    be taken for one.

    Args:
        l2: ``(step,)``, increasing.
        between: ``(step,)``, :func:`spread_between`.
        within: ``(step,)``, :func:`spread_within`.
        n_away: ``(step,)``, origins away from W = 0.
        factor: of SGD's own spread.

    Returns:
        Between two steps of the grid, or a bound where the first step decides or none does.
    """
    n = int(n_away.max(initial=0))
    stays = np.append(n_away[1:] == n_away[:-1], True)
    known = np.flatnonzero(np.isfinite(between) & np.isfinite(within) & stays)
    if not len(known):
        return Transition(
            None, None, None, n, 0, "cannot be told: no step has two looks and two origins that stay away from W = 0"
        )
    apart = known[between[known] > np.maximum(factor * within[known], ROUNDING)]
    if not len(apart):
        first = float(l2[known[0]])
        return Transition(None, 0.0, first, n, n, f"one state already at the first step, {first:g}")
    if apart[-1] == known[-1]:
        last = float(l2[apart[-1]])
        return Transition(
            None, last, None, n, 0, f"not reached: still apart at {last:g}, the last step with two origins"
        )
    low, high = float(l2[apart[-1]]), float(l2[known[known > apart[-1]][0]])
    return Transition((low + high) / 2, low, high, n, n, "found")


def row(name: str, meaning: str, found: Transition) -> dict[str, Any]:
    """A transition as a row of a table."""
    return {
        "name": name,
        "meaning": meaning,
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "n_origins": found.n_origins,
        "n_reached": found.n_reached,
        "outcome": found.outcome,
    }
