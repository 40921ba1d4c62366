"""Does a measurement begin in a steady state, or does the network still roll downhill?

Three numbers answer, each with its interval: the mean square displacement at one waiting time over that at the one
before (1 in a steady state), the net displacement per unit mu t, and the drift of the total loss per unit mu t (0 in a
steady state). The last two are compared as a share: rolling down a straight slope by |W(t_w + t) - W(t_w)|^2 = N MSD
within tau = mu t costs a loss of N MSD/tau, and a winding path costs more (Cauchy-Schwarz). So

    drift share = -(dL/dtau) tau^2 / (N MSD)

is 1 or more where downhill motion is all there is, 0 in equilibrium and under free diffusion, and below 0 where noise
heats the network up. A steady slope leaves the first number at 1; only the share shows it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from glassnet import _check
from glassnet.analysis.conditions import Row, plain
from glassnet.analysis.groups import Groups, lost, origins
from glassnet.analysis.intervals import Floats, estimate
from glassnet.analysis.measured import Mask, Measured, jackknife, measured, unknown
from glassnet.observables import mean_square_displacement
from glassnet.simulate.record import Record

STATIONARY: Final = "stationary"
DRIFTS: Final = "drifts"
UNDECIDED: Final = "undecided"

_NAMES: Final = ("msd_ratio", "net_displacement", "loss_drift", "drift_share")


def stationarity(record: Record, *, time: int | None = None, tolerance: float = 0.1) -> xr.Dataset:
    """Whether each condition is in a steady state (see the module), from its waiting times.

    Args:
        record: any dynamics, with total losses; at least two waiting times, or none can be called stationary.
        time: t, steps, one that was recorded from every waiting time; None for the last one.
        tolerance: the change that counts: a ratio above 1 + tolerance or below its inverse, a share beyond
            +-tolerance.

    Returns:
        Per condition that varies, as :func:`glassnet.ensemble_mean` groups replicas, and ``waiting_time``, each with
        ``_low`` and ``_high``, 95 % between initial conditions (NaN for a single one):

        - ``msd_ratio``: MSD(t, t_w) over that of the waiting time before; NaN at the first, as is all at a waiting time
          that is not reached yet;
        - ``net_displacement``: mean |W(t_w + t) - W(t_w)|/(mu t), weight per unit mu t, noise included;
        - ``loss_drift``: mean change of the total loss per unit mu t, between the first and the last recorded;
        - ``drift_share``: the module's formula.

        Per condition ``verdict``: "drifts" if a ratio or a share lies beyond the tolerance and its interval excludes
        no change; "stationary" if the intervals of all ratios and shares lie within it, of two waiting times at least;
        else "undecided". Losses of a condensed run are rounded, by which the intervals of their drift are widened.
        Replicas that are lost by then are left out of all waiting times; ``n_origins`` counts who is left.

    Raises:
        ValueError: tolerance not > 0, or a time that was not recorded from every waiting time.

    Examples:
        >>> import glassnet as gn
        >>> landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4), gn.QuadraticHinge(l2=1e-2))
        >>> start = gn.Ensemble.random(landscape.network, n_replicas=4)
        >>> descent = gn.GradientDescent(learning_rate=1e-3)
        >>> record = gn.measure(start, landscape, descent, waiting_times=[0, 500], times=gn.log_times(500))
        >>> print(gn.analysis.stationarity(record).verdict.item())        # far from its minimum
        drifts
    """
    tol = _check.number("tolerance", tolerance, positive=True)
    data, msd = record.data, mean_square_displacement(record)
    t = _common_time(msd, time)
    msd = msd.sel(time=slice(None, t))
    groups, origin = Groups.of(msd), origins(msd)
    gone: Mask = np.asarray(lost(msd).any(axis=1))
    moved = msd.sel(time=t).values * int(data["n_layer_weights"].sum())
    tau = data["learning_rate"].values[:, None] * t
    rate, rounding = _loss_rate(data, t)
    parts: dict[str, list[NDArray[Any]]] = {}
    for members in groups.members:
        rows = members[~gone[members]]
        found = _of_condition(moved[rows], tau[rows], rate[rows], rounding[rows], origin[rows])
        for name in _NAMES:
            for suffix, of in (("", "value"), ("_low", "low"), ("_high", "high")):
                parts.setdefault(name + suffix, []).append(np.array([getattr(one, of) for one in found[name]]))
        parts.setdefault("verdict", []).append(np.array(_verdict(found["msd_ratio"], found["drift_share"], tol)))
        parts.setdefault("n_origins", []).append(np.array(len(np.unique(origin[rows]))))
    dims = {"verdict": (), "n_origins": ()}
    return xr.Dataset(
        {name: groups.assemble(part, dims.get(name, ("waiting_time",))) for name, part in parts.items()},
        {**groups.coords, "waiting_time": data["waiting_time"].values, "time": t},
        {"long_name": "stationarity", "tolerance": tol},
    )


def stationarity_row(record: Record, *, waiting_time: int, time: int | None = None) -> Row:
    """The numbers of :func:`stationarity` at one waiting time, and the verdict, for a summary's row.

    Args:
        record: replicas of one condition.
        waiting_time: t_w, steps, one that was measured from.
        time: as for :func:`stationarity`.

    Raises:
        ValueError: as :func:`stationarity`.
    """
    found = stationarity(record, time=time)
    here = found.sel(waiting_time=waiting_time)
    numbers = {f"{name}{suffix}": plain(here[f"{name}{suffix}"]) for name in _NAMES for suffix in ("", "_low", "_high")}
    return {**numbers, "stationarity": str(found["verdict"].item())}


def _recorded(curve: xr.DataArray) -> NDArray[np.int64]:
    """Times > 0 that are recorded from every waiting time from which anything is."""
    seen = curve.sel(time=curve["time"] > 0).notnull().any("replica")
    every = (seen | ~seen.any("time")).all("waiting_time") & seen.any("waiting_time")
    return np.asarray(every["time"].values[every.values])


def _common_time(msd: xr.DataArray, time: int | None) -> int:
    """The last time that is recorded, or ``time`` if that is; the grid's last where nothing is."""
    times = _recorded(msd)
    if time is None:
        return int(times[-1] if times.size else msd["time"].values[-1])
    if _check.integer("time", time, low=0) not in times:
        raise ValueError(
            f"time must be recorded from every waiting time, {times.tolist() or 'none is'}, but got {time}"
        )
    return time


def _loss_rate(data: xr.Dataset, t: int) -> tuple[Floats, Floats]:
    """dL/dtau and how far rounding may have moved it, ``(replica, waiting_time)``; NaN with fewer than two losses."""
    loss = data["total_loss"].sel(time=slice(None, t))
    seen = _recorded(loss)
    if len(seen) < 2:
        nothing = np.full(loss.shape[:2], np.nan)
        return nothing, nothing
    ends = seen[[0, -1]]
    values = loss.sel(time=ends).values
    apart = (ends[1] - ends[0]) * data["learning_rate"].values[:, None]
    return np.diff(values)[..., 0] / apart, _rounded_by(values) * values.sum(axis=-1) / apart


def _rounded_by(values: Floats) -> float:
    """How far, relatively, numbers may be rounded that all end in as many zero binary digits."""
    mantissas = np.ascontiguousarray(values[np.isfinite(values)]).view(np.uint64) & np.uint64(2**52 - 1)
    used = int(np.bitwise_or.reduce(mantissas, initial=np.uint64(0)))
    return (used & -used) * 2.0**-53


def _of_condition(
    moved: Floats, tau: Floats, rate: Floats, rounding: Floats, origin: NDArray[np.int64]
) -> dict[str, list[Measured]]:
    """Each number at each waiting time; ``moved`` is the squared net displacement, ``(replica, waiting_time)``."""
    n_waits = moved.shape[1]
    if not len(moved):
        return {name: [unknown()] * n_waits for name in _NAMES}

    def log_ratio(kept: Mask) -> Floats:
        mean = moved[kept].mean(axis=0)
        still = (mean[1:] == 0) & (mean[:-1] == 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(still, 0.0, np.log(mean[1:] / mean[:-1]))

    def share(kept: Mask) -> Floats:
        gained, mean = -(rate * tau**2)[kept].mean(axis=0), moved[kept].mean(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where((gained == 0) & (mean == 0), 0.0, gained / mean)

    with np.errstate(divide="ignore", invalid="ignore"):
        of_share = (rounding * tau**2).mean(axis=0) / moved.mean(axis=0)
    with np.errstate(invalid="ignore"):
        ratios = [one.exp() for one in measured(jackknife(log_ratio, origin))] if n_waits > 1 else []
        shares = measured(jackknife(share, origin))
    return {
        "msd_ratio": [unknown(len(np.unique(origin))), *ratios],
        "net_displacement": measured(estimate(np.sqrt(moved) / tau, origin)),
        "loss_drift": _widened(measured(estimate(rate, origin)), rounding.mean(axis=0)),
        "drift_share": _widened(shares, np.nan_to_num(of_share)),
    }


def _widened(numbers: list[Measured], by: Floats) -> list[Measured]:
    return [replace(one, low=one.low - more, high=one.high + more) for one, more in zip(numbers, by, strict=True)]


def _verdict(ratios: list[Measured], shares: list[Measured], tolerance: float) -> str:
    held = [(one, 1.0, 1.0 / (1.0 + tolerance), 1.0 + tolerance) for one in ratios[1:]]
    held += [(one, 0.0, -tolerance, tolerance) for one in shares]
    if any(one.excludes(null) and not low <= one.value <= high for one, null, low, high in held):
        return DRIFTS
    if len(ratios) > 1 and all(one.within(low, high) for one, _, low, high in held):
        return STATIONARY
    return UNDECIDED
