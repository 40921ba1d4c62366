"""What an engine is asked to hold at once; of this its memory can be told before anything is begun."""

from __future__ import annotations

from dataclasses import dataclass

from glassnet.landscape.network import Mlp
from glassnet.landscape.surface import Landscape
from glassnet.simulate.dynamics import Dynamics, Langevin, batch_size
from glassnet.simulate.ensemble import Ensemble


@dataclass(frozen=True)
class Workload:
    """An ensemble that is moved together.

    Args:
        network: of each replica.
        n_replicas: at once.
        n_rows: of the data that it is trained on.
        batch: rows a step; None for all.
        weight_bytes: of one weight, 8 in float64.
        noisy: whether steps have noise.
        observed: whether losses and gradients of all rows are looked at on the way.
        n_test: rows of another data set that is evaluated on the way; 0 for none.
    """

    network: Mlp
    n_replicas: int
    n_rows: int
    batch: int | None
    weight_bytes: int
    noisy: bool = False
    observed: bool = False
    n_test: int = 0

    @property
    def n_all_weights(self) -> int:
        """Of all replicas together."""
        return self.n_replicas * self.network.n_weights


def workload(ensemble: Ensemble, landscape: Landscape, dynamics: Dynamics) -> Workload | None:
    """What a session of these holds; None of a network whose activations are not known beforehand."""
    if not isinstance(landscape.network, Mlp):
        return None
    return Workload(
        landscape.network,
        len(ensemble),
        landscape.dataset.n_samples,
        batch_size(dynamics),
        ensemble.weights.itemsize,
        noisy=isinstance(dynamics, Langevin),
    )
