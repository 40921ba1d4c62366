"""Records of any conditions in one panel: overlap, displacement and loss against time, with intervals."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from glassnet.analysis import ensemble_mean
from glassnet.analysis.intervals import Estimate
from glassnet.figures.scales import log_limits, set_log
from glassnet.figures.style import SINGLE_COLUMN, context, draw_band, new_figure
from glassnet.observables import mean_square_displacement, overlap
from glassnet.simulate.record import Record


def draw_overlap(records: Mapping[str, Record], waits: Mapping[str, int], *, chi: float) -> Figure:
    """Overlap Q(t) of each condition at one sensitivity.

    Args:
        records: by the name of their condition.
        waits: waiting time of each, in steps.
        chi: sensitivity, one that was recorded.

    Raises:
        ValueError: a chi that was not recorded.
    """
    curves = {name: overlap(record, chi=chi).sel(waiting_time=waits[name]) for name, record in records.items()}
    return draw_curves(curves, rf"$Q(t)$, $\chi={chi:g}$")


def draw_mean_square_displacement(records: Mapping[str, Record], waits: Mapping[str, int]) -> Figure:
    """Mean square displacement of each condition; arguments as of :func:`draw_overlap`."""
    curves = {name: mean_square_displacement(one).sel(waiting_time=waits[name]) for name, one in records.items()}
    return draw_curves(curves, "MSD", log=True)


def draw_loss(records: Mapping[str, Record], waits: Mapping[str, int]) -> Figure:
    """Data loss of each condition; arguments as of :func:`draw_overlap`."""
    curves = {name: record.data["data_loss"].sel(waiting_time=waits[name]) for name, record in records.items()}
    return draw_curves(curves, r"$\mathcal{L}_\mathrm{data}$")


def draw_curves(curves: Mapping[str, xr.DataArray], quantity: str, *, log: bool = False) -> Figure:
    """Means over the surviving replicas against time, with Student's 95 % intervals over initial conditions.

    Args:
        curves: values ``(replica, time)`` with the coordinates of a record, by the name of their condition.
        quantity: label of the vertical axis.
        log: whether that axis is logarithmic.

    Returns:
        The figure; an axis of time that is logarithmic, so that t = 0 is left out.
    """
    colours = matplotlib.colormaps["plasma"](np.linspace(0.05, 0.85, max(2, len(curves))))
    with context():
        figure, (axes,) = new_figure(SINGLE_COLUMN * 1.4, 2.5)
        times, values = [], []
        for (name, curve), colour in zip(curves.items(), colours, strict=False):
            means = ensemble_mean(curve)
            if any(size > 1 for dim, size in means["mean"].sizes.items() if dim != "time"):
                raise ValueError(f"replicas of {name} must be of one condition, but are of several")
            means = means.squeeze()
            t, mean = np.atleast_1d(curve["time"].values), np.atleast_1d(means["mean"].values)
            error, n = np.atleast_1d(means["standard_error"].values), int(np.max(means["n_origins"]))
            kept = (t > 0) & np.isfinite(mean) & ((mean > 0) | (not log))
            label = f"{name} ($n={int(np.max(means['n_used']))}$)"
            axes.plot(
                t[kept], mean[kept], color=colour, linewidth=1.0, label=label, marker="." if kept.sum() == 1 else ""
            )
            if n > 2 and kept.any():  # of two the interval says nothing
                low, high = Estimate(mean, error, n).interval
                draw_band(
                    axes, t[kept], np.maximum(low[kept], mean[kept] / 100 if log else -np.inf), high[kept], colour
                )
            times.append(t[kept])
            values.append(mean[kept])
        if any(len(t) for t in times):
            set_log(axes, "x", log_limits(*times, pad=0.0))
            if log:
                set_log(axes, "y", log_limits(*values))
        axes.set_xlabel("$t$ (steps)")
        axes.set_ylabel(quantity)
        figure.legend(loc="outside right upper", handlelength=1.4, labelspacing=0.3)
    return figure
