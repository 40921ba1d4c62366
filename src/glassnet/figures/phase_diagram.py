"""Losses of quenched networks over the plane of width and l2 (Figs. 1a to 1c and A3)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from glassnet.figures.scales import log_limits, set_log
from glassnet.figures.style import (
    DOUBLE_COLUMN,
    GREY,
    MARKERS,
    SINGLE_COLUMN,
    THEORY,
    context,
    new_figure,
)

_FLOOR: Final = 1e-20
"""Floor of losses under a geometric mean, as the authors' script has it."""


def draw_plane(losses: xr.Dataset, *, l2_mark: float | None = None, ratio_mark: float | None = None) -> Figure:
    """Total loss after the longest quench, geometric mean over replicas that did not diverge (Fig. 1a).

    Dashed: the transitions of ``l2_mark`` and ``ratio_mark``. A cross: every replica of the cell
    diverged; a dot: some did.

    Args:
        losses: ``total_loss`` and ``alive`` over ``(epochs, width, l2, origin)``, with ``ratio`` beside ``width``.
        l2_mark: lambda* as the paper reports it; None for no mark.
        ratio_mark: N*/P_D likewise.
    """
    longest = losses.isel(epochs=-1).transpose("l2", "width", "origin")
    alive = longest["alive"].values == 1.0
    logs = np.where(alive, np.log(np.maximum(longest["total_loss"].values, _FLOOR)), np.nan)
    n_used, n_done = alive.sum(axis=2), np.isfinite(longest["alive"].values).sum(axis=2)
    mean = np.exp(np.nansum(logs, axis=2) / np.maximum(n_used, 1), where=n_used > 0, out=np.full(n_used.shape, np.nan))
    ratio, l2 = longest["ratio"].values, longest["l2"].values
    with context():
        figure, (axes,) = new_figure(SINGLE_COLUMN, 3.0)
        low, high = log_limits(mean, pad=0.0)
        image = axes.pcolormesh(
            np.arange(len(ratio)), np.arange(len(l2)), mean, norm=LogNorm(low, high), cmap="viridis"
        )
        bar = figure.colorbar(image, ax=axes, pad=0.02)
        set_log(bar.ax, "y", (low, high))
        bar.ax.set_ylabel(r"$\mathcal{L}$, geometric mean")
        for row, column in np.argwhere(n_used < n_done):
            axes.plot(column, row, "x" if n_used[row, column] == 0 else ".", color="white", ms=4, gid="lost")
        _label_cells(axes.xaxis, ratio, "{:.2g}", most=6)
        _label_cells(axes.yaxis, l2, "{:g}", most=10)
        axes.set_xlabel("$N/P_D$")
        axes.set_ylabel(r"$\lambda$")
        look = THEORY | {"color": "white", "linewidth": 1.1}
        if l2_mark is not None and l2[0] < l2_mark < l2[-1]:
            level = float(np.interp(l2_mark, l2, np.arange(len(l2))))
            axes.axhline(level, **look, gid="paper")
            axes.annotate(
                r"$\lambda^*$, paper", (-0.45, level), (0, 2), textcoords="offset points", color="white", size=8
            )
        if ratio_mark is not None and ratio[0] < ratio_mark < ratio[-1] and l2[0] == 0.0:
            at = float(np.interp(ratio_mark, ratio, np.arange(len(ratio))))
            axes.plot([at, at], [-0.5, 0.5], **look, gid="paper")
            axes.annotate("$N^*$", (at, 0.5), (2, -9), textcoords="offset points", color="white", size=8)
        axes.set_title(_conditions(losses), loc="right", color=GREY)
    return figure


def draw_width_line(losses: xr.Dataset, *, l2_mark: float | None = None, ratio_mark: float | None = None) -> Figure:
    """Data loss at l2 = 0 against N/P_D, every initial condition a point (Figs. 1b, A3a).

    One panel for each length of the quench. Crosses are replicas that diverged, at their last finite weights, on an
    edge where their loss lies beyond that of all others; triangles on the lower edge a loss of exactly 0. Lines
    are geometric means over the others. Dotted: ``ratio_mark``.

    Args:
        losses: ``data_loss`` and ``alive`` over ``(epochs, width, l2, origin)``; the smallest l2 is shown.
        l2_mark: not used here.
        ratio_mark: N*/P_D as the paper reports it; None for no mark.
    """
    line = losses.isel(l2=0)
    every = line["data_loss"].where(line["alive"] == 1).values
    with context():
        n = line.sizes["epochs"]
        figure, panels = new_figure(SINGLE_COLUMN if n == 1 else DOUBLE_COLUMN, 2.7, n_panels=n)
        low, high = log_limits(every[every > 0], pad=0.08)
        for axes, epochs in zip(panels, line["epochs"].values, strict=True):
            at = line.sel(epochs=epochs).transpose("width", "origin")
            loss, alive, ratio = at["data_loss"].values, at["alive"].values, at["ratio"].values
            x = np.broadcast_to(ratio[:, None], loss.shape)
            kept, lost, zero = (loss > 0) & (alive == 1), alive == 0, (loss == 0) & (alive == 1)
            axes.plot(x[kept], loss[kept], "o", color="black", ms=3.2, mfc="none", mew=0.8, gid="replicas")
            if lost.any():
                # Weights that are finite still may have a loss that is not.
                last = np.clip(np.nan_to_num(loss[lost], nan=np.inf), low, high)
                axes.plot(x[lost], last, "x", color=GREY, ms=3.5, mew=0.8, clip_on=False, gid="lost")
            if zero.any():
                axes.plot(x[zero], np.full(zero.sum(), low), "v", color="black", ms=4, clip_on=False, gid="zero")
            axes.plot(ratio, _geometric_mean(loss, alive), color="tab:blue", linewidth=0.9, gid="mean")
            set_log(axes, "y", (low, high))
            axes.set_xlabel("$N/P_D$")
            axes.set_ylabel(r"$\mathcal{L}_\mathrm{data}$")
            axes.set_title(_conditions(losses, int(epochs)), loc="right", color=GREY)
            if ratio_mark is not None:
                # Below the losses of networks that are too small to reach zero, if they leave room to the left.
                first, last = axes.get_xlim()
                left = first + 0.35 * (last - first) < ratio_mark
                _mark(axes, ratio_mark, r"$N^*/P_D$, paper", height=0.07, left=left)
        _add_key(figure, lost=bool((line["alive"] == 0).any()), zero=bool((every == 0).any()))
    return figure


def draw_l2_line(losses: xr.Dataset, *, l2_mark: float | None = None, ratio_mark: float | None = None) -> Figure:
    """Total and data loss against l2 at the smallest width, each initial condition a thin line (Figs. 1c, A3b).

    Thick: the mean over replicas that did not diverge; dotted: ``l2_mark``.

    Args:
        losses: over ``(epochs, width, l2, origin)``; the longest quench is shown.
        l2_mark: lambda* as the paper reports it; None for no mark.
        ratio_mark: not used here.
    """
    at = losses.isel(epochs=-1, width=0).transpose("l2", "origin")
    l2 = at["l2"].values
    with context():
        figure, panels = new_figure(DOUBLE_COLUMN, 2.6, n_panels=2)
        for axes, name in zip(panels, ("total_loss", "data_loss"), strict=True):
            kept = at[name].where(at["alive"] == 1).values
            axes.plot(l2, kept, color="tab:blue", linewidth=0.6, alpha=0.4, gid="replicas")
            n_used = np.isfinite(kept).sum(axis=1)
            mean = np.nansum(kept, axis=1) / np.where(n_used > 0, n_used, np.nan)
            axes.plot(l2, mean, color="tab:blue", marker=MARKERS[0], ms=2.5, gid="mean")
            set_log(axes, "x", log_limits(l2))
            axes.set_xlabel(r"$\lambda$")
            axes.set_ylim(bottom=0.0)
            if l2_mark is not None:
                _mark(axes, l2_mark, r"$\lambda^*$, paper", height=0.45)
        panels[0].set_ylabel(r"$\mathcal{L}$")
        panels[1].set_ylabel(r"$\mathcal{L}_\mathrm{data}$")
        panels[1].set_title(_conditions(losses), loc="right", color=GREY)
        n_lost = int((at["alive"] == 0).sum())
        if n_lost:
            panels[0].set_title(f"{n_lost} diverged, left out", loc="right", color=GREY)
    return figure


def _geometric_mean(loss: NDArray[Any], alive: NDArray[Any]) -> NDArray[Any]:
    """Over the last axis, of those alive whose loss is not exactly 0; NaN where there is none."""
    kept = (alive == 1) & (loss > 0)
    logs = np.where(kept, np.log(np.maximum(loss, _FLOOR)), 0.0).sum(axis=1)
    n = kept.sum(axis=1)
    return np.where(n > 0, np.exp(logs / np.maximum(n, 1)), np.nan)


def _label_cells(axis: Any, values: NDArray[Any], form: str, *, most: int) -> None:
    """Label the cells of a map, or every second, third... of them if there are too many."""
    stride = -(-len(values) // most)
    places = np.arange(0, len(values), stride)
    axis.set_ticks(places, [form.format(values[i]) for i in places])
    axis.set_tick_params(which="both", length=0)


def _mark(axes: Axes, x: float, text: str, *, height: float, left: bool = False) -> None:
    """A vertical line at what the paper reports, and on one side, at a share of its height, what it is."""
    axes.axvline(x, color="tab:red", linestyle=":", linewidth=1.0, zorder=0.5, gid="paper")
    look: dict[str, Any] = {"va": "center", "ha": "right" if left else "left", "color": "tab:red", "size": 8}
    offset, along = (-3 if left else 3, 0), axes.get_xaxis_transform()
    axes.annotate(text, (x, height), offset, xycoords=along, textcoords="offset points", **look)


def _add_key(figure: Figure, *, lost: bool, zero: bool) -> None:
    look: dict[str, Any] = {"linestyle": "", "color": "black"}
    handles = [
        Line2D([], [], marker="o", mfc="none", ms=3.2, mew=0.8, label="one replica", **look),
        Line2D([], [], color="tab:blue", linewidth=0.9, label="geometric mean"),
    ]
    if lost:
        handles.append(Line2D([], [], marker="x", ms=3.5, label="diverged", **look | {"color": GREY}))
    if zero:
        handles.append(Line2D([], [], marker="v", ms=4, label="exactly 0", **look))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), borderaxespad=0.0)


def _conditions(losses: xr.Dataset, epochs: int | None = None) -> str:
    length = int(losses["epochs"][-1]) if epochs is None else epochs
    return f"{length} epochs, $n={losses.sizes['origin']}$"
