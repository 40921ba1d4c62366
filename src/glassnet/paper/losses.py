"""What the networks of a phase diagram found, as one labelled table."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import xarray as xr

from glassnet.paper.experiments.phase_diagram import PhaseDiagram
from glassnet.runs.run import Run

_NAMES: Final = ("data_loss", "total_loss", "accuracy", "test_loss", "test_accuracy", "awake", "dead", "alive")


def losses(run: Run[PhaseDiagram]) -> xr.Dataset:
    """Losses at the minima, ``(epochs, width, l2, origin)``, NaN where a unit is not done.

    ``n_weights`` and ``ratio`` (N/P_D) stand beside ``width``. ``alive`` is 0 where a replica diverged, whose losses
    are those of its last finite weights.
    """
    request = run.request
    axes = {
        "epochs": request.epochs,
        "width": request.widths,
        "l2": request.l2s,
        "origin": tuple(range(request.replicas)),
    }
    shape = tuple(len(values) for values in axes.values())
    arrays = {name: np.full(shape, np.nan) for name in _NAMES}
    for i, epochs in enumerate(request.epochs):
        for j, width in enumerate(request.widths):
            for k, l2 in enumerate(request.l2s):
                for origin, found in run.results(request.minimum(width, l2, epochs)).items():
                    for name in _NAMES:
                        arrays[name][i, j, k, origin] = found.get(name, np.nan)
    n_weights = np.array([request.n_weights(width) for width in request.widths])
    beside: dict[str, Any] = {"n_weights": ("width", n_weights), "ratio": ("width", n_weights / request.samples)}
    table = {name: (tuple(axes), array) for name, array in arrays.items()}
    about = {"dataset": str(request.dataset), "n_samples": request.samples}
    return xr.Dataset(table, {name: list(values) for name, values in axes.items()} | beside, about)
