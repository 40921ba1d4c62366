"""A sweep of l2 up and down: both branches of the loss, and how far apart initial conditions are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from glassnet.analysis.hysteresis import ZERO_LOSS, Transition
from glassnet.figures.style import DOUBLE_COLUMN, GREY, THEORY, context, new_figure

_WAYS: Final[Mapping[str, Mapping[str, Any]]] = {
    "up": {"color": "#b5367a", "marker": "^"},
    "down": {"color": "#2c3e8f", "marker": "v"},
}
_NAMES: Final = {"lambda_jump": "jump", "lambda_unique": "unique", "lambda_c": "c", "lambda_end": "end"}
_SMALL: Final[dict[str, Any]] = {"markersize": 3, "markerfacecolor": "white", "markeredgewidth": 0.8}


def draw_hysteresis(
    ways: Mapping[str, Mapping[str, NDArray[np.float64]]],
    transitions: Mapping[str, Transition],
    *,
    one_state: float,
) -> Figure:
    """Total loss of each origin on both ways, and below it the spread between origins with SGD's own.

    Grey: W = 0. Vertical bands: the intervals of transitions that were found, with their values as lines.

    Args:
        ways: "up" and perhaps "down", each with ``l2`` (step,), ``total_loss`` (step, replica), and the spreads
            ``between`` and ``within`` (step,).
        transitions: by "lambda_jump", "lambda_unique", "lambda_c" and "lambda_end".
        one_state: spread, in units of SGD's own, up to which origins count as one state.
    """
    with context():
        figure, (loss, spread) = new_figure(DOUBLE_COLUMN, 2.9, 2)
        l2s = np.concatenate([one["l2"] for one in ways.values()])
        marked = [one.value for one in transitions.values() if one.value is not None]
        right = 1.03 * max(l2s.max(), *marked, 0.0)
        for axes in (loss, spread):
            axes.set_xlim(0, right)
            axes.set_xlabel(r"$\lambda$")
        loss.axhline(ZERO_LOSS, color=GREY, **THEORY)
        zero: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "va": "top", "color": GREY}
        loss.annotate("$W = 0$", (right, ZERO_LOSS), (-3, -3), **zero)
        for way, one in ways.items():
            style = _WAYS[way]
            for r, values in enumerate(one["total_loss"].T):
                label = f"way {way}" if r == 0 else None
                loss.plot(one["l2"], values, **style, **_SMALL, linewidth=0.7, label=label)
            _draw_spread(spread, one, way)
        loss.set_ylabel(r"total loss $\mathcal{L}$, each origin")
        loss.set_ylim(0, 1.12 * loss.get_ylim()[1])  # room for the names
        spread.set_ylabel(r"standard deviation of $\mathcal{L}$")
        if any(np.nanmax(one[name], initial=0.0) > 0 for one in ways.values() for name in ("between", "within")):
            spread.set_yscale("log")
            low, high = spread.get_ylim()
            spread.set_ylim(low, high * (high / low) ** 0.45)  # room for the legend
        for axes in (loss, spread):
            _mark(axes, transitions, named=axes is loss)
        loss.legend(loc="lower right")
        title = f"one state: at most {one_state:g} times SGD's own"
        spread.legend(
            loc="upper left", title=title, alignment="left", ncols=2, framealpha=0.8, frameon=True, edgecolor="none"
        )
    return figure


def _draw_spread(axes: Axes, one: Mapping[str, NDArray[np.float64]], way: str) -> None:
    style = _WAYS[way]
    between, within = (np.where(one[name] > 0, one[name], np.nan) for name in ("between", "within"))
    axes.plot(one["l2"], between, **style, **_SMALL, linewidth=0.9, label=f"origins, {way}")
    axes.plot(one["l2"], within, color=style["color"], **THEORY, label=f"SGD, {way}")


def _mark(axes: Axes, transitions: Mapping[str, Transition], *, named: bool) -> None:
    """Intervals as bands, values as lines, with their names; names without a value as a line above."""
    found = [(one, name) for name, one in transitions.items() if one.value is not None]
    if named and (absent := [_name(name) for name, one in transitions.items() if one.value is None]):
        axes.set_title("no value: " + ", ".join(absent), loc="right")
    for one, name in found:
        if one.low is not None and one.high is not None:
            axes.axvspan(one.low, one.high, color=GREY, alpha=0.15, linewidth=0)
        axes.axvline(float(one.value or 0.0), color="black", linewidth=0.6)
        if named:
            at = float(one.value or 0.0)
            axes.text(
                at + 0.004 * axes.get_xlim()[1], 0.98, _name(name), transform=axes.get_xaxis_transform(), va="top"
            )


def _name(name: str) -> str:
    return rf"$\lambda_\mathrm{{{_NAMES[name]}}}$"
