"""tau_90(T) of a case's regularised networks, beside free diffusion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

import glassnet as gn
from glassnet.paper.experiments.relaxation import noise_of
from glassnet.theory import brownian
from studies.open_questions.cases import Case, Work, input_norm, no_return
from studies.results import Found

L2: Final = 1e-2
CHI: Final = 300.0
MU: Final = 1e-3
"""Learning rate of the Langevin dynamics, the same in every case."""


@dataclass(frozen=True)
class Relaxation:
    """A quench, then Langevin dynamics at every temperature from the last state of SGD."""

    symbol: ClassVar[str] = "tau"
    n_samples: int = 6_000
    n_replicas: int = 4
    width: int = 30
    temperatures: tuple[float, ...] = (1e-2, 1e-3, 1e-4, 0.0)
    waiting_time: int = 300
    t_max: int = 3_000

    def measure(self, case: Case) -> Found:
        """Losses and sizes of the quenched networks, and their relaxation times."""
        landscape = case.landscape(self.width, self.n_samples, L2)
        start = case.initial(landscape.mlp("the study"), self.n_replicas)
        quenched = gn.evolve(start, landscape, case.sgd(), case.n_steps)
        found: Found = {"n_lost": int(np.sum(~quenched.alive)), "data_loss": [], "n_collapsed": 0, "sigma": []}
        if not quenched.alive.any():
            return found | {"temperatures": []}
        kept = quenched[quenched.alive]
        limit = no_return(L2, len(landscape.network.layer_sizes), input_norm(landscape.dataset))
        return found | {
            "data_loss": gn.evaluate(kept, landscape)["data_loss"].values,
            "n_collapsed": int(np.sum(np.sum(kept.weights**2, axis=1) < limit)),
            "sigma": kept.weights.std(axis=1),
            "temperatures": self._relaxed(kept, landscape),
        }

    def _relaxed(self, quenched: gn.Ensemble, landscape: gn.Landscape) -> list[Found]:
        noises = [noise_of(temperature) for temperature in self.temperatures]
        record = gn.measure(
            quenched.repeat(noise=noises),
            landscape,
            gn.Langevin(np.repeat(self.temperatures, len(quenched)), MU),
            waiting_times=[self.waiting_time],
            times=gn.log_times(self.t_max),
            chi=[CHI],
        )
        tau = gn.relaxation_time(gn.overlap(record, chi=CHI)).squeeze("waiting_time")
        names = ("estimate", "low", "high", "estimate_of", "n_reached", "n_below", "n_not_reached", "n_lost")
        return [
            {"temperature": temperature} | {name: tau[name].sel(temperature=temperature).item() for name in names}
            for temperature in self.temperatures
        ]

    def work(self, case: Case) -> list[Work]:
        n_all = self.n_replicas * len(self.temperatures)
        return [
            Work(self.width, case.sgd(), self.n_replicas, case.n_steps),
            Work(self.width, gn.Langevin(self.temperatures[0], MU), n_all, self.waiting_time + self.t_max),
        ]


def free(found: Found, temperature: float, n_samples: int) -> float:
    """tau_90 of free diffusion, the geometric mean over replicas; infinite at T = 0."""
    tau = brownian.relaxation_time(
        epsilon=np.array(found["sigma"]) / CHI, temperature=temperature, learning_rate=MU, n_samples=n_samples
    )
    return float(np.exp(np.log(tau).mean()))
