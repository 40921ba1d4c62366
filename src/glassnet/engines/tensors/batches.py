"""Which rows a step takes, on a device."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glassnet.engines.tensors import random
from glassnet.random import Purpose
from glassnet.simulate.dynamics import Dynamics, Sgd
from glassnet.simulate.ensemble import Ensemble


def replaces(dynamics: Dynamics) -> bool:
    """Whether batches are drawn with replacement."""
    return isinstance(dynamics, Sgd) and dynamics.sampling == "replacement"


def orders(
    ensemble: Ensemble, dynamics: Dynamics, epoch: NDArray[np.int64], n_rows: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """The permutations ``(order, row)`` of an epoch of each replica, each once, and whose is whose ``(replica,)``.

    Args:
        ensemble: who the replicas are.
        dynamics: what draws the batches.
        epoch: of each replica.
        n_rows: of the data.
        device: where to make them.
    """
    sgd = isinstance(dynamics, Sgd)
    noise = np.zeros_like(ensemble.noise) if sgd else ensemble.noise
    asked = np.stack([ensemble.seed, ensemble.origin, noise, epoch], axis=1)
    names, which = np.unique(asked, axis=0, return_inverse=True)
    purpose = Purpose.SGD_PERMUTATION if sgd else Purpose.LANGEVIN_PERMUTATION
    words = random.words(purpose, torch.from_numpy(names).to(device), n_rows)
    order = torch.sort(words, dim=1, stable=True).indices
    return order, torch.from_numpy(which.reshape(-1)).to(device)
