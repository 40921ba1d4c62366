"""The loss along a measurement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from glassnet.figures.curves import Curve, check, mean_curves, used
from glassnet.figures.panels import (
    add_conditions,
    add_legend,
    conditions,
    draw_curve,
    draw_mean,
    set_time_axis,
    styles,
)
from glassnet.figures.scales import log_limits, set_log
from glassnet.figures.style import DOUBLE_COLUMN, GREY, context, new_figure
from glassnet.simulate.record import Record


def draw_history(record: Record, *, waiting_time: int) -> Figure:
    """Training loss and share of awake rows while the overlap was measured, at each temperature.

    (a) the data loss of Eq. 1, without the l2 term; (b) its change since the first save time, with Student's 95 %
    intervals; (c) the share of rows whose margin is below 1, which alone have a gradient. In (a) and (c) thin lines
    are single replicas, thick ones means. A loss that drifts says that the quench had not ended, or that the
    temperature drives the network out of its basin.

    Args:
        record: Langevin dynamics, all temperatures of one landscape.
        waiting_time: t_w in steps, one that was measured from.

    Raises:
        ValueError: no such waiting time, or a record that cannot be drawn against temperature.
    """
    check(record, waiting_time)
    loss, awake = (_where_recorded(record.data[name]) for name in ("data_loss", "awake"))
    change = loss - loss.isel(time=0)
    levels, changes, shares = (mean_curves(values, waiting_time) for values in (loss, change, awake))
    with context():
        figure, (level, drift, share) = new_figure(DOUBLE_COLUMN, 2.3, n_panels=3)
        lines = styles(levels)
        _draw_replicas(level, loss, levels, lines, waiting_time)
        _draw_replicas(share, awake, shares, lines, waiting_time)
        if any(len(curve.x) for curve in changes):
            drift.axhline(0.0, color="black", linewidth=0.5, zorder=0.5)
        for curve in changes:
            line = lines[curve.temperature]
            draw_curve(drift, curve, line)
        for axes in (level, drift, share):
            set_time_axis(axes, record, levels)
        level.set_ylabel(r"$\mathcal{L}_\mathrm{data}(t)$")
        drift.set_ylabel(r"$\Delta\mathcal{L}_\mathrm{data}(t)$")
        share.set_ylabel("share of rows awake")
        share.set_ylim(top=min(share.get_ylim()[1], 1.01))
        add_conditions(share, conditions(levels, None, waiting_time))
        single = Line2D([], [], color=GREY, linewidth=0.5, label="one replica")
        add_legend(figure, levels, others=[single])
    return figure


def _where_recorded(values: xr.DataArray) -> xr.DataArray:
    """Without t = 0 and the times at which no replica has a loss; all times if none has any."""
    later = values.isel(time=values["time"].values > 0)
    seen = later.notnull().any(["replica", "waiting_time"]).values
    return later.isel(time=seen) if seen.any() else later


def _draw_replicas(
    axes: Axes,
    values: xr.DataArray,
    curves: Sequence[Curve],
    lines: dict[float, dict[str, Any]],
    waiting_time: int,
) -> None:
    one = values.sel(waiting_time=waiting_time).transpose("replica", "time")
    seen = []
    for curve in curves:
        line = lines[curve.temperature]
        for replica in used(values, waiting_time, curve.temperature):
            row = one.values[replica]
            seen.append(row[np.isfinite(row)])
            axes.plot(one["time"].values, row, color=line["color"], linewidth=0.4, alpha=0.5, zorder=1)
        draw_mean(axes, curve, line)
    every = np.concatenate(seen) if seen else np.empty(0)
    if every.size and every.max() > 10 * every.min() > 0:
        set_log(axes, "y", log_limits(every))
