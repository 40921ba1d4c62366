"""Which weights the data holds: those of hidden units that some training row makes fire."""

from __future__ import annotations

import numpy as np

from glassnet.analysis.measured import Mask
from glassnet.landscape.surface import Landscape
from glassnet.simulate.ensemble import Ensemble


def live_weights(ensemble: Ensemble, landscape: Landscape) -> Mask:
    """Weights that neither enter nor leave a dead hidden unit, one that is 0 at every training row.

    The data has no gradient on weights of dead units: they feel l2 and noise alone, and the bowl's centre is 0 for
    them. A unit that fires and is heard by dead units only counts as live, so that some live weights may be idle too.

    Args:
        ensemble: of the landscape's network.
        landscape: its training rows are looked at; its loss plays no part.

    Returns:
        ``(replica, weight)``.

    Raises:
        ValueError: another network.
    """
    network = landscape.mlp("dead_neurons")
    if ensemble.network != network:
        raise ValueError(f"ensemble must be of {network}, but is of {ensemble.network}")
    rows = np.asarray(landscape.dataset.features, dtype=np.float64)
    masks = []
    for weights in ensemble.weights:
        *inner, last = network.unflatten(weights.astype(np.float64))
        fires: Mask = np.ones(network.n_features, dtype=np.bool_)
        before, parts = rows, []
        for matrix in inner:
            before = np.maximum(before @ matrix, 0.0)
            now = np.asarray((before > 0).any(axis=0), dtype=np.bool_)
            parts.append(np.outer(fires, now))
            fires = now
        parts.append(np.outer(fires, np.ones(last.shape[1], dtype=np.bool_)))
        masks.append(np.concatenate([part.ravel() for part in parts]))
    return np.stack(masks)
