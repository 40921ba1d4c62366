"""The null of drift plus diffusion (:func:`glassnet.theory.drift_null`) beside what is measured.

Thin, dashed and black, above the curves that it is to be told from. It needs a replica at T = 0 for each of the others;
a line under the figure says where there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from glassnet.figures.curves import Curve, by_temperature, mean_curves
from glassnet.figures.scales import power
from glassnet.figures.style import NULL, note
from glassnet.simulate.record import Record
from glassnet.theory import drift_null, power_curvature

LABEL: Final = "drift + diffusion"


class Null:
    """The null of a record, as far as there is one.

    Args:
        record: Langevin dynamics at several temperatures.
        waiting_time: t_w of the figure; None for all.
        time: the only one of the sparser times that is wanted; None for all.
    """

    def __init__(self, record: Record, waiting_time: int | None = None, time: int | None = None) -> None:
        chosen = {"waiting_time": waiting_time, "sparse_time": time}
        data = record.data.sel({name: [value] for name, value in chosen.items() if value is not None})
        self._record = replace(record, data=data)
        self.lacks = _lacks(data)

    def at(self, chi: float = 1.0, **options: Any) -> xr.Dataset | None:
        """The null of :func:`glassnet.theory.drift_null` at T > 0; None where it cannot be made."""
        if self.lacks:
            return None
        found = drift_null(self._record, chi=chi, **({"mobility": False} | options))
        return found.isel(replica=found["temperature"].values > 0)

    def curves(self, values: xr.DataArray | None, waiting_time: int) -> list[Curve]:
        """The mean over replicas against time, hottest first; those temperatures of which anything is known."""
        if values is None:
            return []
        found = [curve for curve in mean_curves(values, waiting_time) if len(curve.x)]
        if not found:
            self.lacks = "no histogram is kept from this waiting time"
        return found

    def finish(self, figure: Figure, more: str = "", label: str = "drift +\ndiffusion") -> list[Line2D]:
        """The entry in the legend, and ``more`` under the figure; or there why the null is missing, and no entry."""
        if self.lacks:
            note(figure, f"No null of drift + diffusion: {self.lacks}.")
            return []
        if more:
            note(figure, more)
        return [Line2D([], [], **NULL, label=label)]


def _lacks(data: xr.Dataset) -> str:
    """Why there is no null; empty where there is one."""
    if not np.any(data["temperature"].values > 0):
        return "no temperature above 0"
    if not data.sizes["sparse_time"]:
        return "no histogram was recorded"
    names = ("seed", "origin", "entry_step", "learning_rate", "l2")
    keys = list(zip(*(data[name].values.tolist() for name in names), strict=True))
    cold = {key for key, t in zip(keys, data["temperature"].values, strict=True) if t == 0}
    alone = sum(key not in cold for key in keys)
    return f"{alone} of {len(keys)} replicas have no partner at T = 0, which --temperature 0 adds" if alone else ""


def draw(axes: Axes, curves: Sequence[Curve]) -> None:
    """The mean curves of the null."""
    for curve in curves:
        if len(curve.x):
            axes.plot(curve.x, curve.mean, **NULL, gid="null")


def draw_times(axes: Axes, found: xr.Dataset | None, waiting_time: int) -> dict[float, float]:
    """The null's relaxation times against temperature, where they are numbers; these by temperature, from the cold."""
    if found is None:
        return {}
    means = by_temperature(found.drop_dims("replica"), waiting_time)
    pairs = zip(means["temperature"].values.tolist(), means["estimate"].values.tolist(), strict=True)
    known = {t: tau for t, tau in sorted(pairs) if np.isfinite(tau)}
    draw_points(axes, known)
    return known


def draw_points(axes: Axes, values: dict[float, float]) -> None:
    """Numbers of the null, joined; nothing where there are none."""
    if values:
        axes.plot(*zip(*sorted(values.items()), strict=True), **NULL, marker="_", markersize=6, gid="null")


def power_of(times: dict[float, float], learning_rate: float) -> str:
    """From which curvature on agreement at these times says anything, for the coldest and the hottest."""
    if not times:
        return ""
    curvature = {t: power(float(power_curvature(times[t], learning_rate=learning_rate))) for t in times}
    said = " to ".join(f"{curvature[t]} ($T=${power(t)})" for t in dict.fromkeys((min(times), max(times))))
    return rf"Agreement at $\tau$ says nothing of wells with curvature below $1/(\mu\tau)$: {said}."
