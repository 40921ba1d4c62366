"""Relaxation from several waiting times, and at several sensitivities (Figs. 8, A1 and A9 to A11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from glassnet.analysis import relaxation_time
from glassnet.figures.curves import by_temperature, check, mean_curves
from glassnet.figures.null import Null, draw, draw_points, draw_times
from glassnet.figures.scales import log_limits, power, set_log
from glassnet.figures.style import (
    DOUBLE_COLUMN,
    GREY,
    MARKERS,
    SINGLE_COLUMN,
    context,
    draw_band,
    new_figure,
)
from glassnet.observables import overlap
from glassnet.simulate.record import Record


def draw_ageing(record: Record, *, chi: float, temperature: float) -> Figure:
    """How relaxation depends on the waiting time (Figs. 8 and A9 to A11).

    (a) Q(t) at one temperature from each t_w; (b) its tau_90 against t_w; (c) tau_90(T) from each t_w. Bars and bands
    are 95 % intervals. Only numbers are drawn: what was not reached, or passed before the first save time, is missing.
    Dashed and black: drift plus diffusion (:func:`glassnet.theory.drift_null`), where the record has T = 0.

    Args:
        record: Langevin dynamics, all temperatures of one landscape.
        chi: sensitivity of the overlap, one that was recorded.
        temperature: of (a) and (b).

    Raises:
        ValueError: no such chi or temperature.
    """
    waits = [int(wait) for wait in record.data["waiting_time"].values]
    check(record, waits[0])
    known = np.unique(record.data["temperature"].values)
    if temperature not in known:
        raise ValueError(f"temperature must be one of {known.tolist()}, but got {temperature:g}")
    q = overlap(record, chi=chi)
    one = q.isel(replica=q["temperature"].values == temperature)
    colours = _colours(waits)
    null = Null(record)
    expected = null.at(chi)
    with context():
        figure, (curves, times, ladder) = new_figure(DOUBLE_COLUMN, 2.5, n_panels=3)
        for wait in waits:
            for curve in mean_curves(one, wait):
                curves.plot(curve.x, curve.mean, color=colours[wait], gid="mean")
                draw_band(curves, curve.x, np.clip(curve.low, 0, 1), np.clip(curve.high, 0, 1), colours[wait])
        curves.set_ylim(0.0, 1.03)
        set_log(curves, "x", log_limits(q["time"].values[1:], pad=0.0))
        curves.set_xlabel("$t$ (steps)")
        curves.set_ylabel("$Q(t)$")
        _draw_times(times, relaxation_time(one, 0.9), colours)
        found = relaxation_time(q, 0.9).drop_dims("replica")
        taus: dict[float, xr.Dataset] = {wait: found.sel(waiting_time=wait) for wait in waits}
        _draw_ladder(ladder, taus, colours)
        kept = [] if expected is None else _draw_null(figure, expected, temperature, waits)
        for axes in (curves, times):
            axes.set_title(f"$T=${power(temperature)}", loc="right", color=GREY)
        ladder.set_title(rf"$\chi=${power(chi)}", loc="right", color=GREY)
        only = f"Drift + diffusion from t_w = {', '.join(map(str, kept))} only, of which histograms are kept."
        _add_legend(figure, "$t_w$", colours, null.finish(figure, "" if len(kept) == len(waits) else only))
    return figure


def _draw_null(figure: Figure, expected: xr.Dataset, temperature: float, waits: Sequence[int]) -> list[int]:
    """Drift plus diffusion in all three panels, from those waiting times of which histograms are kept; these."""
    curves, times, ladder = figure.axes
    found = relaxation_time(expected["overlap"], 0.9)
    at: dict[float, float] = {}
    for wait in waits:
        draw(curves, [one for one in mean_curves(expected["overlap"], wait) if one.temperature == temperature])
        known = draw_times(ladder, found, wait)
        at |= {wait: known[temperature]} if temperature in known else {}
    draw_points(times, at)
    return [wait for wait in waits if any(len(one.x) for one in mean_curves(expected["overlap"], wait))]


def draw_sensitivity(record: Record, *, waiting_time: int) -> Figure:
    """tau_90 against temperature at each chi that was recorded (Fig. A1), with a slope of -1.

    The paper: a factor of 50 in chi leaves the shape as it is and moves T* by about a decade. Dashed and black: drift
    plus diffusion (:func:`glassnet.theory.drift_null`), where the record has T = 0.

    Args:
        record: Langevin dynamics, all temperatures of one landscape.
        waiting_time: t_w in steps, one that was measured from.
    """
    check(record, waiting_time)
    chis = [float(chi) for chi in record.data["chi"].values]
    colours = _colours(chis)
    with context():
        figure, (axes,) = new_figure(SINGLE_COLUMN, 3.0)
        taus = {}
        null = Null(record, waiting_time)
        for chi in chis:
            found = relaxation_time(overlap(record, chi=chi), 0.9).drop_dims("replica")
            taus[chi] = by_temperature(found, waiting_time)
            expected = null.at(chi)
            if expected is not None and null.curves(expected["overlap"], waiting_time):
                draw_times(axes, relaxation_time(expected["overlap"], 0.9), waiting_time)
        _draw_ladder(axes, taus, colours)
        axes.set_title(f"$t_w=${power(waiting_time)}", loc="right", color=GREY)
        _add_legend(figure, r"$\chi$", colours, null.finish(figure))
    return figure


def _draw_times(axes: Axes, found: xr.Dataset, colours: Mapping[float, Any]) -> None:
    """tau_90 against the waiting time."""
    means = found.drop_dims("replica")
    means = means.isel(temperature=0) if "temperature" in means.dims else means
    seen = []
    for wait, colour in colours.items():
        at = means.sel(waiting_time=wait)
        seen += _draw_number(axes, wait, at, colour, MARKERS[0])
    set_log(axes, "x", log_limits(np.array(list(colours)), pad=0.1))
    set_log(axes, "y", log_limits(np.array(seen), pad=0.15))
    axes.set_xlabel("$t_w$ (steps)")
    axes.set_ylabel(r"$\tau_{90}$ (steps)")


def _draw_ladder(axes: Axes, taus: Mapping[float, xr.Dataset], colours: Mapping[float, Any]) -> None:
    """tau_90 against temperature for each of a family; T = 0 as a line at the left."""
    warm, seen = [], []
    for i, (member, found) in enumerate(taus.items()):
        found = found if "temperature" in found.dims else found.expand_dims("temperature")
        points = []
        for temperature in found["temperature"].values:
            at = found.sel(temperature=temperature)
            if temperature > 0:
                warm.append(float(temperature))
                drawn = _draw_number(axes, float(temperature), at, colours[member], MARKERS[i % len(MARKERS)])
                points += [(float(temperature), value) for value in drawn[:1]]
                seen += drawn
            elif np.isfinite(float(at["estimate"])):
                axes.axhline(float(at["estimate"]), color=colours[member], linewidth=0.7, linestyle="-.", gid="zero")
                seen.append(float(at["estimate"]))
        axes.plot(*np.array(sorted(points)).reshape(-1, 2).T, color=colours[member], linewidth=0.7, gid="line")
    limits = log_limits(np.array(warm), pad=0.08)
    low, high = log_limits(np.array(seen), pad=0.1)
    set_log(axes, "x", limits)
    set_log(axes, "y", (low, high))
    x = np.array(limits)
    axes.plot(x, np.sqrt(low * high) * np.sqrt(x[0] * x[1]) / x, ":", color=GREY, linewidth=1.0, gid="slope")
    axes.set_xlabel("$T$ (dotted: slope $-1$)")
    axes.set_ylabel(r"$\tau_{90}$ (steps)")


def _draw_number(axes: Axes, x: float, at: xr.Dataset, colour: Any, marker: str) -> list[float]:
    """A relaxation time with its bar, if it is a number; what was drawn."""
    value, low, high = (float(at[name]) for name in ("estimate", "low", "high"))
    if not np.isfinite(value):
        return []
    axes.plot(x, value, marker, color=colour, ms=3.2, gid="estimate")
    if np.isfinite(low) and np.isfinite(high) and low > 0:
        axes.vlines(x, low, high, color=colour, linewidth=0.8)
    return [value]


def _colours(members: Sequence[float]) -> dict[float, Any]:
    places = np.linspace(0.1, 0.85, len(members)) if len(members) > 1 else [0.4]
    return dict(zip(members, matplotlib.colormaps["viridis"](places), strict=True))


def _add_legend(figure: Figure, title: str, colours: Mapping[float, Any], others: Sequence[Line2D]) -> None:
    handles = [Line2D([], [], color=colour, label=power(member)) for member, colour in colours.items()]
    handles += others
    legend = figure.legend(handles=handles, title=title, loc="outside right upper", handlelength=1.4)
    for text in legend.get_texts():
        text.set_linespacing(0.9)
