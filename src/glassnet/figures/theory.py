"""Weights in a quadratic well, without any network (Figs. A5 and A7)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from glassnet.figures.scales import log_limits, power, set_log
from glassnet.figures.style import GREY, SINGLE_COLUMN, context, new_figure
from glassnet.theory import quadratic_well

SIGMA: Final = 0.06
"""Standard deviation of the weights in MNIST's regularised phase: |W|^2 about 17 over 4830 weights."""

_CHI: Final = 300.0


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


def draw_bowl() -> Figure:
    """The limit of Q against temperature in the bowl of l2 = 0.01 alone, P_D = 60000, chi = 300 (Fig. A7, Eq. G1).

    Solid: between two equilibrium times; the others: Eq. G1, weights released at a distance w(0) of 0 and of the
    standard deviation of quenched weights. Dotted: the paper's exponent, -0.5. Eq. G1 has it only where w(0) is much
    below sqrt(T/(k P_D)).
    """
    temperatures = np.geomspace(1e-6, 1e2, 300)
    well: dict[str, Any] = {"epsilon": SIGMA / _CHI, "stiffness": 1e-2, "learning_rate": 1e-3, "n_samples": 6e4}
    cases = (
        ("two equilibrium times", "-", "black", 0.0, np.inf),
        ("Eq. G1, $w(0)=0$", "--", "tab:blue", 0.0, 0.0),
        (r"Eq. G1, $w(0)=\sigma$", "-.", "tab:red", SIGMA, 0.0),
    )
    with context():
        figure, (axes,) = new_figure(SINGLE_COLUMN, 2.8)
        for label, line, colour, offset, wait in cases:
            q = quadratic_well.overlap(
                np.inf, temperature=temperatures, initial_offset=offset, waiting_time=wait, **well
            )
            shown = q > 1e-6
            axes.plot(temperatures[shown], q[shown], line, color=colour, linewidth=1.1, label=label)
        guide = np.array([1e-2, 1e1])
        axes.plot(guide, 0.06 * (guide / guide[0]) ** -0.5, ":", color=GREY, linewidth=1.1, label="slope $-0.5$")
        set_log(axes, "x", log_limits(temperatures, pad=0.0))
        set_log(axes, "y", (1e-5, 1.5))
        axes.set_xlabel("$T$")
        axes.set_ylabel(r"$Q_\infty$")
        axes.legend(loc="lower left")
    return figure
