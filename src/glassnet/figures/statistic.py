"""A statistic of a user's own against time."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from glassnet.analysis import ensemble_mean
from glassnet.analysis.intervals import Estimate
from glassnet.figures.panels import add_conditions, say_empty
from glassnet.figures.scales import log_limits, power, set_log
from glassnet.figures.style import SINGLE_COLUMN, context, draw_band, new_figure, temperature_lines
from glassnet.simulate.axes import AT_TIMES
from glassnet.simulate.labelled import PREFIX
from glassnet.simulate.record import Record

_SYMBOLS = {"temperature": "T", "learning_rate": r"\mu", "l2": r"\lambda"}


def draw_statistic(record: Record, name: str, *, waiting_time: int | None = None, **at: Any) -> Figure:
    """A recorded statistic against time: the mean over replicas and its Student's 95 % interval, a curve a condition.

    Conditions are those of temperature, learning rate and l2 that vary between replicas. Replicas that were lost are
    in no mean.

    Args:
        record: measured with ``statistics``.
        name: the statistic's.
        waiting_time: t_w in steps, the first by default.
        at: where on each further axis of the statistic: its label, or the number of the entry where it has none, such
            as ``layer=0``.

    Raises:
        ValueError: no such statistic, waiting time or entry, or an axis for which none is chosen.

    Examples:
        >>> import glassnet as gn
        >>> landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4), gn.QuadraticHinge(l2=1e-2))
        >>> start = gn.Ensemble.random(landscape.network, n_replicas=4)
        >>> langevin = gn.Langevin(temperature=1e-3, learning_rate=1e-3)
        >>> norm = gn.Statistic("norm", lambda weights: (weights**2).sum() ** 0.5, needs=["weights"], unit="weight")
        >>> record = gn.measure(start, landscape, langevin, times=gn.log_times(1_000), statistics=[norm])
        >>> figure = gn.figures.draw_statistic(record, "norm")
    """
    data = record.data
    known = data.attrs.get("statistics", {})
    if name not in known:
        raise ValueError(f"name must be a statistic of the record ({', '.join(known) or 'none'}), but got {name!r}")
    waits = data.waiting_time.values.tolist()
    wait = waits[0] if waiting_time is None else waiting_time
    if wait not in waits:
        raise ValueError(
            f"waiting_time must be one that was measured from ({', '.join(map(str, waits))}), but got {wait}"
        )
    means = ensemble_mean(_picked(data[PREFIX + name], at)).sel(waiting_time=wait)
    means = means.isel(time=means["time"].values > 0)
    varying = [str(c) for c in _SYMBOLS if c in means.coords and means[c].ndim]
    groups = [means.isel({means[varying[0]].dims[0]: g}) for g in range(means[varying[0]].size)] if varying else [means]
    temperatures = [float(one["temperature"]) for one in groups] if varying == ["temperature"] else []
    hot_to_cold = temperature_lines(temperatures) if temperatures else {}
    with context():
        figure, (axes,) = new_figure(SINGLE_COLUMN, 2.6)
        drawn = []
        for i, one in enumerate(groups):
            x, mean = one["time"].values, one["mean"].values
            low, high = Estimate(mean, one["standard_error"].values, int(one["n_origins"])).interval
            seen = np.isfinite(mean)
            line = hot_to_cold[temperatures[i]] if temperatures else {"color": _colour(i, len(groups))}
            label = ", ".join(f"${_SYMBOLS[c]}=${power(float(one[c]))}" for c in varying)
            axes.plot(x[seen], mean[seen], label=label, **line)
            draw_band(axes, x, low, high, line["color"])
            drawn.append((x[seen], mean[seen]))
        if not any(len(x) for x, _ in drawn):
            say_empty(axes)
        elif varying:
            axes.legend()
        set_log(axes, "x", log_limits(*(x for x, _ in drawn), pad=0.0))
        values = np.concatenate([mean for _, mean in drawn])
        if values.size and values.max() > 10 * values.min() > 0:
            set_log(axes, "y", log_limits(values))
        axes.set_xlabel("$t$ (steps)")
        unit = known[name]["unit"]
        axes.set_ylabel(_plain(name.replace("_", " ") + (f" ({unit})" if unit else "")))
        chosen = [_plain(f"{dim} {value}") for dim, value in at.items()]
        add_conditions(axes, ", ".join([*chosen, f"$t_w={power(wait)[1:-1]}$"]))
    return figure


def _picked(values: xr.DataArray, at: dict[str, Any]) -> xr.DataArray:
    """One number a replica and time."""
    own = [str(dim) for dim in values.dims if dim not in AT_TIMES]
    for dim in at:
        if dim not in own:
            raise ValueError(f"{dim} must be an axis of {values.name} ({', '.join(own) or 'it has none'})")
    for dim in own:
        entries = values[dim].values.tolist()
        shown = ", ".join(map(str, entries[:8])) + (", ..." if len(entries) > 8 else "")
        if dim not in at:
            raise ValueError(f"{values.name} has the axis {dim} too: choose one of its entries, {dim}=... ({shown})")
        if at[dim] not in entries:
            raise ValueError(f"{dim} must be one of {shown}, but got {at[dim]!r}")
        values = values.isel({dim: entries.index(at[dim])})
    return values


def _colour(i: int, n: int) -> Any:
    return matplotlib.colormaps["viridis"](i / max(n, 2) + 0.05) if n > 1 else "black"


def _plain(text: str) -> str:
    """A user's text, in which matplotlib sees no formula."""
    return text.replace("$", r"\$")
