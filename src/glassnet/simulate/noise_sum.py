"""The sum of the noise since each reference, made from the counters, whatever the engine."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from glassnet import _cpu, random
from glassnet.simulate.ensemble import Ensemble


class NoiseSums:
    """Sums of the standard normal numbers of Langevin updates, added up step by step from each waiting time.

    The sums are one chain of additions a reference, so that they do not depend on how often they are looked at. A
    measurement that is taken up again makes them anew from the first waiting time.

    Args:
        ensemble: the replicas, of which all but the names and the number is left aside.
        entry: ``(replica,)``, steps of their lives at which the measurement began.
        waiting_times: of the references, increasing.
    """

    def __init__(self, ensemble: Ensemble, entry: NDArray[np.int64], waiting_times: NDArray[np.int64]) -> None:
        names = np.stack([ensemble.seed, ensemble.origin, ensemble.noise], axis=1)
        self._names = [(int(seed), int(origin), int(noise)) for seed, origin, noise in names]
        self._entry, self._waits = entry, waiting_times
        self._reached = int(waiting_times[0])
        self.values = np.zeros((len(waiting_times), len(ensemble), ensemble.network.n_weights))
        """``(waiting_time, replica, weight)``, no unit; of replicas that were lost they mean nothing."""

    def advance(self, elapsed: int, alive: NDArray[np.bool_]) -> None:
        """Bring the sums of replicas that are alive to ``elapsed`` steps after the beginning."""
        n = self.values.shape[2]
        for r in np.flatnonzero(alive):
            for step in range(self._reached, elapsed):
                taken = np.searchsorted(self._waits, step, side="right")
                self.values[:taken, r] += _noise(*self._names[r], int(self._entry[r]) + step, n)
        self._reached = max(self._reached, elapsed)


def _noise(seed: int, origin: int, noise: int, step: int, n: int) -> NDArray[np.float64]:
    """The numbers of :func:`glassnet.random.noise`, which the compiled code makes a hundred times faster."""
    if not _KERNELS:
        return random.noise(seed, origin, noise, step, n)
    return _cpu.normals(seed, origin, noise, step, n, _KERNELS[0])


_KERNELS: Final = _cpu.supported_kernels()
