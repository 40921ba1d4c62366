"""One row a condition: relaxation time, overlap, displacement and losses, with the replicas behind them.

The summary of a run, the tables of ``glassnet show`` and ``watch``, and the report all take their numbers from here.
"""

from __future__ import annotations

import math
from typing import Any

import xarray as xr

from glassnet.analysis.means import ensemble_mean
from glassnet.analysis.relaxation import relaxation_time
from glassnet.observables import mean_square_displacement, overlap
from glassnet.simulate.axes import AT_TIMES
from glassnet.simulate.labelled import PREFIX
from glassnet.simulate.record import Record

Row = dict[str, float | int | str | None]
"""Names and values; None where a number does not exist, "inf" for infinity."""

THRESHOLD = 0.9
"""tau_90 is the time at which Q falls below this."""


def condition_row(record: Record, *, chi: float | None, waiting_time: int, time: int | None = None) -> Row:
    """The row of one condition from one waiting time on.

    ``tau_90`` in steps with its 95 % interval ``low`` to ``high``, what it is an estimate of (``tau_90_of``) and the
    ``outcome`` of the mean curve; the mean overlap ``q`` and mean square displacement ``msd`` at ``t``; ``data_loss``
    and, with a test set, ``test_loss`` then, or where they were last recorded; ``n_replicas``, of which ``n_used``
    count and ``n_lost`` diverged. With a skin ``missed_wakings`` of all replicas.

    Args:
        record: replicas of one condition.
        chi: sensitivity of the overlap, one that was recorded; None leaves out tau_90 and q.
        waiting_time: t_w, steps, one that was measured from.
        time: t, steps since the waiting time; None for the last one recorded.

    Raises:
        ValueError: a chi that was not recorded.
    """
    data, at = record.data, {"waiting_time": [waiting_time]}
    if time is None:
        reached = data["time"].values[data["time"].values <= record.elapsed - waiting_time]
        time = int(reached[-1]) if reached.size else int(data["time"].values[0])
    end = {"time": time}
    row: Row = {}
    q_row: Row = {}
    displacement = mean_square_displacement(record).sel(at)
    msd = ensemble_mean(displacement).squeeze("waiting_time").sel(end)
    counts = {"n_used": int(msd["n_used"]), "n_lost": int(msd["n_lost"])}
    if chi is not None:
        q = overlap(record, chi=chi).sel(at)
        tau = relaxation_time(q, THRESHOLD).squeeze("waiting_time")
        row = {
            "tau_90": plain(tau["estimate"]),
            "low": plain(tau["low"]),
            "high": plain(tau["high"]),
            "tau_90_of": str(tau["estimate_of"].item()),
            "outcome": str(tau["outcome_of_mean"].item()),
        }
        q_row = {"q": plain(ensemble_mean(q).squeeze("waiting_time").sel(end)["mean"])}
        counts = {"n_used": int(tau["n_used"]), "n_lost": int(tau["n_lost"])}
    losses = {name: _mean(_last(data[name].sel(at), time, data)) for name in ("data_loss", "test_loss") if name in data}
    own = {PREFIX + name: _mean(data[PREFIX + name].sel(at).sel(end)) for name in _numbers(record)}
    row |= {
        "t": time,
        **q_row,
        "msd": plain(msd["mean"]),
        **losses,
        **own,
        "n_replicas": len(record.ensemble),
        **counts,
    }
    if "missed_wakings" in data.coords:
        row["missed_wakings"] = int(data["missed_wakings"].sum())
    return row


def _numbers(record: Record) -> list[str]:
    """The user's statistics of a record that are one number at each time."""
    return [name for name in record.data.attrs.get("statistics", {}) if record.data[PREFIX + name].dims == AT_TIMES]


def plain(value: xr.DataArray | float) -> float | str | None:
    """A number for JSON: None for NaN, "inf" for infinity."""
    number = float(value)
    if math.isnan(number):
        return None
    return number if math.isfinite(number) else "inf"


def _last(losses: xr.DataArray, time: int, data: xr.Dataset) -> xr.DataArray:
    """The losses at a time; under SGD, where they are recorded at some times only, at the last of these until then."""
    if not data.attrs["all_losses"]:
        seen = losses.sel(time=slice(None, time)).dropna("time", how="all")["time"].values
        time = int(seen[-1]) if seen.size else time
    return losses.sel(time=time)


def _mean(values: xr.DataArray) -> Any:
    kept = values.dropna("replica")
    return plain(kept.mean()) if kept.size else None
