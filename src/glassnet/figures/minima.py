"""Minima of different initial conditions: weights, losses, distances, and the ends of the Hessian's spectrum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from glassnet.figures.scales import log_limits, set_log, set_symlog
from glassnet.figures.style import DOUBLE_COLUMN, GREY, SINGLE_COLUMN, context, new_figure
from glassnet.simulate.ensemble import Ensemble

Floats = NDArray[np.float64]

_COLOURS: Final = ("tab:blue", "tab:red", "tab:green", "tab:purple")


def draw_minima(
    ensembles: Mapping[float, Ensemble],
    data_loss: Mapping[float, Floats],
    *,
    marks: Mapping[str, tuple[float, float]] | None = None,
) -> Figure:
    """Distribution of weights, data losses, and distances |W - W'| between minima, at each l2.

    (a) The density of all weights together; dashed where they are all the same to 1e-6. (b), (c) One point a replica,
    or a pair of them. Grey: the bands of ``marks``.

    Args:
        ensembles: the minima by l2; replicas that diverged are left out.
        data_loss: one a replica.
        marks: bands found elsewhere, by "loss" and "distance".
    """
    with context():
        figure, (weights, losses, distances) = new_figure(DOUBLE_COLUMN, 2.5, n_panels=3)
        for i, (l2, ensemble) in enumerate(ensembles.items()):
            colour, kept = _COLOURS[i % len(_COLOURS)], ensemble.weights[ensemble.alive].astype(np.float64)
            _draw_density(weights, kept, colour, f"{l2:g}")
            _draw_points(losses, i, np.asarray(data_loss[l2])[ensemble.alive], colour)
            _draw_points(distances, i, pair_distances(kept), colour)
        weights.set_yscale("log")
        weights.set_xlabel("$w$")
        weights.set_ylabel("density")
        weights.legend(title=r"$\lambda$", loc="upper right")
        for axes, name, band in (
            (losses, r"$\mathcal{L}_\mathrm{data}$", (marks or {}).get("loss")),
            (distances, "$|W-W'|$", (marks or {}).get("distance")),
        ):
            if band is not None:
                axes.axhspan(*band, color=GREY, alpha=0.25, linewidth=0, gid="scripts")
                # On the side of the band that has more room.
                edge, va = (band[1], "bottom") if band[1] < np.mean(axes.get_ylim()) else (band[0], "top")
                look: dict[str, Any] = {"ha": "right", "va": va, "color": GREY, "size": 8}
                axes.text(0.97, edge, "scripts", transform=axes.get_yaxis_transform(), **look)
            axes.set_ylabel(name)
            _label_l2(axes, list(ensembles))
        counts = [int(ensemble.alive.sum()) for ensemble in ensembles.values()]
        distances.set_title(f"$n={min(counts)}$" + ("" if len(set(counts)) == 1 else f" to {max(counts)}"), loc="right")
    return figure


def draw_spectrum(spectra: xr.Dataset) -> Figure:
    """The smallest and the largest eigenvalues of the Hessian at the minima, against l2, one point each.

    Circles: smallest; triangles: largest; dashed: l2 itself, which the quadratic bowl alone has. A negative eigenvalue
    says that the place is no minimum: a saddle, or the edge between two pieces of a ReLU network.

    Args:
        spectra: ``smallest`` and ``largest``, ``(l2, origin, rank)``.
    """
    l2 = spectra["l2"].values
    both = [spectra[name].values for name in ("smallest", "largest")]
    every = np.concatenate([values.ravel() for values in both] + [l2])
    known = every[np.isfinite(every)]
    with context():
        figure, (axes,) = new_figure(SINGLE_COLUMN, 2.9)
        for values, marker, shift in zip(both, "ov", (-0.08, 0.08), strict=True):
            for i in range(len(l2)):
                _draw_points(axes, i + shift, values[i].ravel(), _COLOURS[i % len(_COLOURS)], marker=marker)
        for i, value in enumerate(l2):
            axes.plot([i - 0.3, i + 0.3], [value, value], "--", color=GREY, linewidth=0.9, gid="bowl")
        if known.min() > 0:
            set_log(axes, "y", log_limits(known, pad=0.08))
        else:
            set_symlog(axes, "y", (1.5 * float(known.min()), 2.0 * float(known.max())), 1e-2)
            axes.axhline(0.0, color="black", linewidth=0.5)
        axes.set_ylabel("eigenvalues of the Hessian")
        _label_l2(axes, l2.tolist())
        axes.set_title(f"$n={spectra.sizes['origin']}$", loc="right", color=GREY)
        look: dict[str, Any] = {"linestyle": "", "color": "black", "ms": 3, "mfc": "none", "mew": 0.7}
        key = [Line2D([], [], marker=m, label=text, **look) for m, text in (("v", "largest"), ("o", "smallest"))]
        key.append(Line2D([], [], linestyle="--", color=GREY, linewidth=0.9, label=r"$\lambda$"))
        figure.legend(handles=key, loc="outside upper center", ncols=len(key), borderaxespad=0.0)
    return figure


def pair_distances(weights: Floats) -> Floats:
    """|W - W'| of all pairs of networks ``(replica, weight)``."""
    first, second = np.triu_indices(len(weights), k=1)
    return np.asarray(np.linalg.norm(weights[first] - weights[second], axis=1))


def _draw_density(axes: Axes, weights: Floats, colour: str, label: str) -> None:
    spread = float(np.abs(weights).max(initial=0.0))
    if spread < 1e-6:
        axes.axvline(0.0, color=colour, linestyle="--", linewidth=1.0, label=f"{label}: 0")
        return
    counts, edges = np.histogram(weights, bins=81, range=(-spread, spread), density=True)
    axes.stairs(np.where(counts > 0, counts, np.nan), edges, color=colour, linewidth=0.9, label=label)


def _draw_points(axes: Axes, place: float, values: Floats, colour: str, marker: str = "o") -> None:
    """Points side by side about a place, in the order of their values."""
    across = np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else np.zeros(len(values))
    look: dict[str, Any] = {"ms": 3, "mfc": "none", "mew": 0.7}
    axes.plot(place + across, np.sort(values), marker, color=colour, **look)


def _label_l2(axes: Axes, l2: list[float]) -> None:
    axes.set_xticks(range(len(l2)), [f"{value:g}" for value in l2])
    axes.set_xlim(-0.5, len(l2) - 0.5)
    axes.set_xlabel(r"$\lambda$")
