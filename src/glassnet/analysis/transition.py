"""Where a network's final loss passes a level as width or l2 grows: N* and lambda* (Fig. 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import chdtri, ndtri

from glassnet.analysis.groups import check_dims, origins
from glassnet.analysis.intervals import CONFIDENCE, Floats, estimate
from glassnet.analysis.measured import Measured, unknown

Direction = Literal["rising", "falling"]

ONCE: Final = "crosses once"
SEVERAL: Final = "crosses several times"
BEFORE: Final = "before the first value"
BEYOND: Final = "beyond the last value"
NOT_RECORDED: Final = "not recorded"

LOCATED: Final = "located"
PARTLY: Final = "not all initial conditions cross"
NONE: Final = "no initial condition crosses"


@dataclass(frozen=True)
class Transition:
    """Where the loss passes a level, of each initial condition and in the mean.

    Args:
        location: mean over initial conditions of the logarithm of the middle of their brackets, taken back. Its
            interval holds where in its bracket each one lies: Student's low end of the lower edges, high end of the
            upper ones. Only a bound where none crosses (``low`` or ``high`` at the end of the values); NaN if some do.
        half: where half of the initial conditions are past the level: between the last value at which it is fewer, and
            the first at which it is more, with Wilson's intervals (low 0 or high infinite where there is none).
        spread: standard deviation between initial conditions of log location, about their relative spread, with the
            interval of a Gaussian sample. Its low end is 0 where one bracket could hold all.
        of_origin: ``(origin,)``: ``location``, ``lower``, ``upper`` (the bracket), ``outcome`` ("crosses once",
            "crosses several times": then where fewest values are on the wrong side; "before the first value",
            "beyond the last value", "not recorded"), ``loss_before`` and ``loss_after`` at the bracket's edges.
        share: along the control: ``past``, the share of initial conditions past the level, with Wilson's interval
            ``_low``, ``_high``, and ``n``.
        outcome: "located"; "not all initial conditions cross"; "no initial condition crosses".
    """

    location: Measured
    half: Measured
    spread: Measured
    of_origin: xr.Dataset
    share: xr.Dataset
    outcome: str


def transition(loss: xr.DataArray, *, level: float, direction: Direction) -> Transition:
    r"""The transition of each initial condition, and between them (Fig. 1b, c; claims C1, C2).

    For N*, the data loss at l2 = 0 against N/P_D, ``direction="falling"`` through a level that counts as zero (1e-6).
    For lambda*, the data loss at one width against l2, ``direction="rising"`` through a level between the disordered
    state's and 1/2, that of W = 0. A replica's transition lies between the last value before it and the first past
    it: nothing finer is known than the values that were run.

    Args:
        loss: final loss ``(replica, <control>)`` as :func:`by_origin` lays it out, the control's coordinate
            increasing and > 0; NaN where a replica was lost.
        level: the loss that separates the two sides.
        direction: of the loss as the control grows.

    Raises:
        ValueError: other dimensions, no replicas, a control that does not increase from > 0, a level that is not
            finite, or an unknown direction.
    """
    if direction not in get_args(Direction):
        raise ValueError(f"direction must be one of 'rising', 'falling', but got {direction!r}")
    check_dims(loss, "replica")
    if not np.isfinite(level):
        raise ValueError(f"level must be a finite loss, but got {level}")
    if loss.ndim != 2:
        raise ValueError(f"loss must be (replica, control), but has {loss.dims}")
    control = str(next(d for d in loss.dims if d != "replica"))
    x = np.asarray(loss[control].values, dtype=np.float64)
    if len(x) == 0 or not (np.all(x > 0) and np.all(np.diff(x) > 0)):
        raise ValueError(f"{control} must increase from above 0, but got {x.tolist()}")
    values = np.asarray(loss.transpose("replica", control).values, dtype=np.float64)
    past = values > level if direction == "rising" else values <= level
    found = [_one(x, row, is_past) for row, is_past in zip(values, past, strict=True)]
    of_origin = xr.Dataset(
        {name: ("replica", np.array([one[name] for one in found])) for name in found[0]},
        {str(n): c.variable for n, c in loss.coords.items() if c.dims == ("replica",)},
        {"long_name": f"{control} at the transition", "level": level, "direction": direction},
    )
    location, spread, outcome = _between_origins(of_origin, origins(loss), x)
    share = _shares(control, x, past, np.isfinite(values))
    return Transition(location, _half(x, share, location.n_origins), spread, of_origin, share, outcome)


def by_origin(losses: Mapping[float, xr.DataArray], control: str) -> xr.DataArray:
    """Final losses of several runs as one array ``(replica, control)``, a row an initial condition.

    Args:
        losses: by value of the control (l2, or N/P_D), the loss ``(replica,)`` with coordinates seed and origin.
        control: its name.

    Returns:
        NaN where an initial condition was not run at a value.

    Raises:
        ValueError: no losses, other dimensions, or an initial condition twice at one value.
    """
    if not losses:
        raise ValueError("losses must hold at least one value of the control, but got none")
    rows = []
    for value in sorted(losses):
        one = losses[value]
        if one.dims != ("replica",) or "origin" not in one.coords:
            raise ValueError(f"losses must be (replica,) with a coordinate origin, but at {value:g} got {one.dims}")
        seed = one["seed"].values if "seed" in one.coords else np.zeros(one.sizes["replica"], int)
        names = list(zip(np.broadcast_to(seed, one.shape).tolist(), one["origin"].values.tolist(), strict=True))
        if len(set(names)) < len(names):
            raise ValueError(f"losses must hold each initial condition once, but at {value:g} got {names}")
        rows.append(dict(zip(names, one.values.tolist(), strict=True)))
    every = sorted(set().union(*rows))
    return xr.DataArray(
        [[row.get(name, np.nan) for row in rows] for name in every],
        {
            control: sorted(losses),
            "seed": ("replica", [name[0] for name in every]),
            "origin": ("replica", [name[1] for name in every]),
        },
        ("replica", control),
        name="loss",
    )


def _one(x: Floats, loss: Floats, past: NDArray[np.bool_]) -> dict[str, float | str]:
    known = np.isfinite(loss)
    result: dict[str, float | str] = dict.fromkeys(("location", "lower", "upper", "loss_before", "loss_after"), np.nan)
    if not known.any():
        return {**result, "outcome": NOT_RECORDED}
    x, loss, past = x[known], loss[known], past[known]
    if past.all():
        return {**result, "lower": 0.0, "upper": float(x[0]), "outcome": BEFORE}
    if not past.any():
        return {**result, "lower": float(x[-1]), "upper": np.inf, "outcome": BEYOND}
    # Splitting before k, wrong are those past among the first k and those not past among the rest.
    wrong = np.array([past[:k].sum() + (~past[k:]).sum() for k in range(1, len(x))])
    best = np.flatnonzero(wrong == wrong.min()) + 1
    first, last = int(best[0]), int(best[-1])
    lower, upper = float(x[first - 1]), float(x[last])
    return {
        "location": float(np.sqrt(lower * upper)),
        "lower": lower,
        "upper": upper,
        "loss_before": float(loss[first - 1]),
        "loss_after": float(loss[last]),
        "outcome": ONCE if wrong.min() == 0 else SEVERAL,
    }


def _between_origins(found: xr.Dataset, origin: NDArray[np.int64], x: Floats) -> tuple[Measured, Measured, str]:
    outcome = found["outcome"].values
    seen = outcome != NOT_RECORDED
    crosses = np.isin(outcome, (ONCE, SEVERAL))
    n = len(np.unique(origin[seen]))
    if not crosses.any():
        ends = set(outcome[seen].tolist())
        bound = {BEFORE: (0.0, float(x[0])), BEYOND: (float(x[-1]), np.inf)}.get(ends.pop()) if len(ends) == 1 else None
        return Measured(np.nan, *(bound or (np.nan, np.nan)), n), unknown(n), NONE
    if not crosses[seen].all():
        return unknown(n), unknown(n), PARTLY
    logs = {name: np.log(found[name].values[seen]) for name in ("location", "lower", "upper")}
    parts = {name: estimate(values, origin[seen]) for name, values in logs.items()}
    value = float(np.exp(parts["location"].mean))
    low, high = float(np.exp(parts["lower"].interval[0])), float(np.exp(parts["upper"].interval[1]))
    if n < 2:
        return Measured(value, np.nan, np.nan, n), unknown(n), LOCATED
    spread = float(logs["location"].std(ddof=1))
    tail = 0.5 - CONFIDENCE / 2
    reach = np.sqrt((n - 1) / chdtri(n - 1, [tail, 1 - tail]))
    width = float((logs["upper"] - logs["lower"]).max())
    together = logs["lower"].max() < logs["upper"].min()
    # Moving each location inside its bracket changes a standard deviation by at most that of the moves.
    moved = width / 2.0 * np.sqrt(n / (n - 1))
    lowest = 0.0 if together else max(0.0, spread - moved) * float(reach[0])
    return Measured(value, low, high, n), Measured(spread, lowest, (spread + moved) * float(reach[1]), n), LOCATED


def _half(x: Floats, share: xr.Dataset, n: int) -> Measured:
    fewer, more = x[share["past_high"].values < 0.5], x[share["past_low"].values > 0.5]
    low, high = float(fewer.max(initial=0.0)), float(more.min(initial=np.inf))
    if low >= high:
        return unknown(n)
    return Measured(float(np.sqrt(low * high)) if low > 0.0 and high < np.inf else np.nan, low, high, n)


def _shares(control: str, x: Floats, past: NDArray[np.bool_], known: NDArray[np.bool_]) -> xr.Dataset:
    """Share past the level with Wilson's score interval (Wilson 1927), which is right for few trials too."""
    n = known.sum(axis=0)
    m = np.where(n > 0, n, np.nan)
    share = (past & known).sum(axis=0) / m
    z2 = float(ndtri(0.5 + CONFIDENCE / 2)) ** 2
    middle = (share + z2 / (2.0 * m)) / (1.0 + z2 / m)
    reach = np.sqrt(z2 / m * (share * (1.0 - share) + z2 / (4.0 * m))) / (1.0 + z2 / m)
    columns = {"past": share, "past_low": middle - reach, "past_high": middle + reach, "n": n}
    return xr.Dataset({name: (control, one) for name, one in columns.items()}, {control: x})
