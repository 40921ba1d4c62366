"""Weights in a quadratic well, without any network (Figs. A5 and A7)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from glassnet.analysis import bowl_limit
from glassnet.figures.curves import check
from glassnet.figures.scales import log_limits, power, set_log
from glassnet.figures.style import GREY, SINGLE_COLUMN, context, new_figure
from glassnet.observables import epsilons
from glassnet.simulate.record import Record
from glassnet.theory import quadratic_well

SIGMA: Final = 0.06
"""w(0) where no record is given: weights of MNIST's regularised phase, |W|^2 about 17 over 4830 of them."""


def draw_well() -> Figure:
    """Q(t) of Brownian weights in a steep and in a shallow well, released at w(0) = 1 (Fig. A5).

    The paper's numbers: w(0) = 1, epsilon = 0.1, 2 T = 1, mu = 1, where T is its Eq. F1's, T/P_D here.
    """
    times = np.geomspace(1e-4, 1e2, 400)
    with context():
        figure, (axes,) = new_figure(SINGLE_COLUMN, 2.6)
        for stiffness, line in ((100.0, "-"), (0.01, "--")):
            q = quadratic_well.overlap(
                times,
                epsilon=0.1,
                stiffness=stiffness,
                temperature=0.5,
                learning_rate=1.0,
                n_samples=1.0,
                initial_offset=1.0,
                waiting_time=0.0,
            )
            axes.plot(times, q, line, color="black", label=f"$k=${power(stiffness)}")
        set_log(axes, "x", log_limits(times, pad=0.0))
        axes.set_ylim(0.0, 1.03)
        axes.set_xlabel("$t$")
        axes.set_ylabel("$Q(t)$")
        axes.legend(loc="upper right")
    return figure


def draw_bowl(record: Record | None = None, *, chi: float = 300.0, waiting_time: int | None = None) -> Figure:
    """The limit of Q against temperature in the bowl of l2 alone (Fig. A7, Eq. G1).

    Solid: between two equilibrium times; the others: Eq. G1, weights released at a distance w(0) of 0 and of the
    measured one, sqrt(<w^2>) at the first save time from t_w. Crosses: Eq. G1 with every single weight's own w(0).
    Dotted: the paper's exponent, -0.5. Eq. G1 has it only where w(0) is much below sqrt(T/(k P_D)).

    Args:
        record: Langevin dynamics of networks under l2, from which l2, P_D, mu, epsilon and w(0) are taken; None for
            those of MNIST's regularised phase, without crosses.
        chi: sensitivity, one that was recorded.
        waiting_time: t_w in steps, one that was measured from; the record's last by default.

    Raises:
        ValueError: no such chi or waiting time, or no l2.
    """
    temperatures = np.geomspace(3e-7, 1e2, 300)
    offset = SIGMA
    well: dict[str, Any] = {"epsilon": SIGMA / chi, "stiffness": 1e-2, "learning_rate": 1e-3, "n_samples": 6e4}
    limit = None
    if record is not None:
        wait = int(record.data["waiting_time"].values[-1]) if waiting_time is None else waiting_time
        check(record, wait)
        offset, well = _measured(record, chi, wait)
        limit = bowl_limit(record, chi=chi, waiting_time=wait).groupby("temperature").mean()
    cases = (
        ("two equilibrium times", "-", "black", 0.0, np.inf),
        ("Eq. G1, $w(0)=0$", "--", "tab:blue", 0.0, 0.0),
        (f"Eq. G1, $w(0)={offset:.3g}$" + ("" if record is None else ", measured"), "-.", "tab:red", offset, 0.0),
    )
    with context():
        figure, (axes,) = new_figure(SINGLE_COLUMN, 3.4)
        for label, line, colour, start, from_time in cases:
            q = quadratic_well.overlap(
                np.inf, temperature=temperatures, initial_offset=start, waiting_time=from_time, **well
            )
            shown = q > 1e-6
            axes.plot(temperatures[shown], q[shown], line, color=colour, linewidth=1.1, label=label)
        if limit is not None:
            limit = limit.where((limit["temperature"] > 0) & (limit > 1e-6), drop=True)
            cross: dict[str, Any] = {"color": "tab:red", "markersize": 4.0, "gid": "G1"}
            axes.plot(limit["temperature"], limit, "x", label="Eq. G1, each weight's own $w(0)$", **cross)
        guide = np.array([1e-2, 1e1])
        axes.plot(guide, 0.06 * (guide / guide[0]) ** -0.5, ":", color=GREY, linewidth=1.1, label="slope $-0.5$")
        set_log(axes, "x", log_limits(temperatures, pad=0.0))
        set_log(axes, "y", (1e-5, 1.5))
        axes.set_xlabel("$T$")
        axes.set_ylabel(r"$Q_\infty$")
        handles = axes.get_legend_handles_labels()[0]
        figure.legend(handles=handles, loc="outside upper center", ncols=1, fontsize=8, labelspacing=0.2)
    return figure


def _measured(record: Record, chi: float, waiting_time: int) -> tuple[float, dict[str, Any]]:
    """w(0) = sqrt(<w^2>) at t_w, and the bowl, of the replicas that were not lost by then."""
    data = record.data
    l2 = float(data["l2"][0])
    if not l2 > 0:
        raise ValueError("record must be of networks under l2 > 0, which alone have the bowl, but its l2 is 0")
    at_start = data["weight_norm2"].sel(waiting_time=waiting_time).isel(time=0).sum("layer", skipna=False)
    n_weights = int(data["n_layer_weights"].sum())
    epsilon = epsilons(record, chi)
    return float(np.sqrt(at_start.mean() / n_weights)), {
        "epsilon": float(np.mean(epsilon[np.isfinite(epsilon)])),
        "stiffness": l2,
        "learning_rate": float(data["learning_rate"][0]),
        "n_samples": data.attrs["n_samples"],
    }
