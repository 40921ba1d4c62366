"""The overlap against time (Figs. 2b and 3a-c)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from glassnet.figures.curves import Curve, check, mean_curves, used
from glassnet.figures.null import Null, draw
from glassnet.figures.panels import (
    add_conditions,
    add_legend,
    conditions,
    draw_curve,
    set_time_axis,
    styles,
)
from glassnet.figures.scales import log_limits, set_log
from glassnet.figures.style import DOUBLE_COLUMN, GREY, THEORY, context, new_figure
from glassnet.observables import epsilons, overlap
from glassnet.simulate.record import Record
from glassnet.theory import brownian

Floats = NDArray[np.float64]


def draw_overlap(
    record: Record, *, chi: float, waiting_time: int, temperatures: Collection[float] | None = None
) -> Figure:
    """Overlap Q(t) at each temperature beside that of free Brownian weights (Fig. 3a-c; Figs. 2b and Eq. 6, corrected).

    Lines are means over the surviving replicas, bands Student's 95 % intervals over initial conditions. Dashed: free
    diffusion with each replica's own epsilon, averaged; dashed and black: drift plus diffusion
    (:func:`glassnet.theory.drift_null`), where the record has T = 0. (a) shows the threshold of tau_90, (b) the tails.

    Args:
        record: Langevin dynamics, all temperatures of one landscape.
        chi: sensitivity, one that was recorded.
        waiting_time: t_w in steps, one that was measured from.
        temperatures: those that are drawn; None for all.

    Raises:
        ValueError: no such chi or waiting time, or a record that cannot be drawn against temperature.
    """
    check(record, waiting_time)
    q = overlap(record, chi=chi)
    null = Null(record, waiting_time)
    expected = null.at(chi)
    curves, nulls = (
        [one for one in found if temperatures is None or one.temperature in temperatures]
        for found in (
            mean_curves(q, waiting_time),
            null.curves(None if expected is None else expected.overlap, waiting_time),
        )
    )
    with context():
        figure, (linear, logarithmic) = new_figure(DOUBLE_COLUMN, 2.6, n_panels=2)
        lines = styles(curves)
        for curve in curves:
            line = lines[curve.temperature]
            for axes in (linear, logarithmic):
                draw_curve(axes, curve, line, floor=0.0, ceiling=1.0)
            if curve.temperature > 0 and curve.n_used:
                fine = np.geomspace(curve.x[0], curve.x[-1], 200)
                free = _free_overlap(record, fine, used(q, waiting_time, curve.temperature), chi)
                for axes in (linear, logarithmic):
                    axes.plot(fine, free, color=line["color"], **THEORY, zorder=1.5, gid="free")
        for axes in (linear, logarithmic):
            draw(axes, nulls)
            set_time_axis(axes, record, curves)
            axes.set_ylabel("$Q(t)$")
        linear.set_ylim(0.0, 1.03)
        linear.axhline(0.9, color=GREY, linewidth=0.6, linestyle=":", zorder=0.5)
        linear.annotate(
            "0.9",
            (0, 0.9),
            (3, -2),
            xycoords=linear.get_yaxis_transform(),
            textcoords="offset points",
            va="top",
            color=GREY,
            fontsize=8,
        )
        set_log(logarithmic, "y", _overlap_limits(curves))
        add_conditions(logarithmic, conditions(curves, chi, waiting_time))
        add_legend(figure, curves, theory="free\nBrownian", others=null.finish(figure))
    return figure


def _free_overlap(record: Record, times: Floats, replicas: NDArray[np.int64], chi: float) -> Floats:
    """Q(t) of free Brownian weights, averaged over replicas of one temperature, each with its own epsilon."""
    data = record.data
    free = brownian.overlap(
        times,
        epsilon=epsilons(record, chi)[replicas, None],
        temperature=float(data["temperature"][replicas[0]]),
        learning_rate=float(data["learning_rate"][0]),
        n_samples=data.attrs["n_samples"],
    )
    return np.asarray(free.mean(axis=0))


def _overlap_limits(curves: Sequence[Curve]) -> tuple[float, float]:
    positive = [curve.mean[curve.mean > 0] for curve in curves]
    low, _ = log_limits(*positive, 1.0, pad=0.05)
    return low, 1.0 / low**0.06
