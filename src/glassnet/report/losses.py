"""What the page draws of networks at their minima: losses over width and l2, weights, distances, the Hessian's ends."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.figures.minima import SCRIPTS_DISTANCE, SCRIPTS_LOSS, pair_distances
from glassnet.figures.phase_diagram import PAPER_L2, PAPER_RATIO
from glassnet.paper.experiments.minima import Minima, spectra
from glassnet.paper.experiments.phase_diagram import PhaseDiagram
from glassnet.paper.losses import losses
from glassnet.runs.run import Run

Payload = dict[str, Any]

_QUANTITIES = ("total_loss", "data_loss", "test_loss", "accuracy", "test_accuracy", "awake")
_BINS = 81


def plane(run: Run[PhaseDiagram]) -> Payload:
    """Losses ``(epochs, width, l2, origin)`` with what the paper reports; no figures where nothing is done yet."""
    table = losses(run)
    n_widths, n_l2s = table.sizes["width"], table.sizes["l2"]
    found = bool(np.isfinite(table["total_loss"].values).any())
    wanted = {"plane": n_widths > 1 and n_l2s > 1, "width_line": n_widths > 1, "l2_line": n_l2s > 1}
    figures = [name for name, there in wanted.items() if there] or ["width_line"]
    return {
        "kind": "plane",
        "figures": figures if found else [],
        "epochs": table["epochs"].values.tolist(),
        "widths": table["width"].values.tolist(),
        "ratios": table["ratio"].values.tolist(),
        "l2s": table["l2"].values.tolist(),
        "origins": table["origin"].values.tolist(),
        "alive": _listed(table["alive"].values),
        "quantities": {
            name: _listed(table[name].values) for name in _QUANTITIES if np.isfinite(table[name].values).any()
        },
        "paper": {"l2": PAPER_L2, "ratio": PAPER_RATIO if table.attrs["dataset"] == "mnist" else None},
    }


def minima(run: Run[Minima]) -> Payload:
    """At each l2 the distribution of weights, data losses, distances between minima and ends of the spectrum."""
    request = run.request
    done = {label for label, _ in run.done}
    reached = [l2 for l2 in request.l2s if request.minimum(l2).label in done]
    groups = []
    for l2 in reached:
        ensemble, results = run.ensemble(request.minimum(l2)), run.results(request.minimum(l2))
        kept = ensemble.weights[ensemble.alive].astype(np.float64)
        spread = float(np.abs(kept).max(initial=0.0))
        density, edges = np.histogram(kept, bins=_BINS, range=(-spread or -1.0, spread or 1.0), density=bool(kept.size))
        ends = spectra({l2: run.results(request.hessian(l2))}, request.eigenvalues)
        groups.append(
            {
                "label": f"λ = {l2:g}",
                "l2": l2,
                "origins": ensemble.origin[ensemble.alive].tolist(),
                "weights": {"at": ((edges[1:] + edges[:-1]) / 2).tolist(), "density": density.tolist()},
                "losses": [results[int(origin)]["data_loss"] for origin in ensemble.origin[ensemble.alive]],
                "distances": pair_distances(kept).tolist(),
                "smallest": _listed(ends["smallest"].values.ravel()),
                "largest": _listed(ends["largest"].values.ravel()),
            }
        )
    figures = ["weights", "minima_losses", "distances"] if groups else []
    if any(value is not None for group in groups for value in group["smallest"]):
        figures.append("spectrum")
    scripts = {"losses": SCRIPTS_LOSS, "distances": SCRIPTS_DISTANCE}
    return {"kind": "minima", "figures": figures, "groups": groups, "scripts": scripts}


def _listed(values: NDArray[Any]) -> Any:
    """Nested lists, None for NaN, which JSON does not have."""
    plain = values.astype(object)
    plain[~np.isfinite(values)] = None
    return plain.tolist()
