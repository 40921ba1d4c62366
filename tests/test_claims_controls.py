"""Made motions whose physics is known get the verdicts they deserve from the rules themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial

import control_records as made
import numpy as np
import pytest
from claims_law import at_depth

import glassnet as gn
from glassnet.paper.claims import ageing, heterogeneity, localisation, overlap, relaxation_times, weights
from glassnet.paper.claims.claim import Finding
from glassnet.paper.claims.evidence import Evidence
from glassnet.paper.claims.relaxed import Relaxed
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.paper.numbers import PHASES

HOT = (3e-3, 1e-3, 3e-4, 2e-4)
"""Free weights have tau_90 of 3.7 to 55 steps there, at sigma = 0.05 and chi = 50."""

COLD = (1e-5, 1e-6)
SIGMA, CHI = 0.05, 50.0
OLD = (5_000, 10_000, 25_000)
SOFT = 0.1
"""Of the bowl: T = 0 has tau_90 of 120 steps in it."""


class AgesWhenCold(made.Traps):
    """Traps below the temperatures that are hot, free diffusion there; stays are long, so that jumps are few."""

    def _stay(self) -> made.Floats:
        return np.asarray(50.0 * super()._stay())

    def advance(self, n: int) -> None:
        hot = self.temperature >= HOT[-1]
        freely = self.weights + self.gaussian(2 * made.LEARNING_RATE * self.temperature / made.N_SAMPLES * n)
        super().advance(n)
        self.weights = np.where(hot[:, None], freely, self.weights)


def relaxed(
    motion: Callable[..., made.Motion],
    phase: str = "regularised",
    *,
    l2: float = 0.0,
    waits: Sequence[int] = (0, 100),
    t_max: int = 5_000,
    temperatures: Sequence[float] = (*HOT, *COLD, 0.0),
) -> Relaxed:
    """What the rules are given of a motion, seen from the last waiting time but one."""
    record = made.recorded(
        motion,
        temperatures=temperatures,
        sigma=SIGMA,
        chi=(CHI,),
        l2=l2,
        waiting_times=waits,
        times=gn.log_times(t_max).tolist(),
        n_origins=8,
    )
    changes = {"temperatures": temperatures, "replicas": 8, "t_max": t_max, "chi": (CHI,), "waiting_times": waits}
    data = gn.random_dataset(made.N_SAMPLES, 10)
    return Relaxed(
        dataset="mnist",
        phase=phase,
        scale="custom",
        command="made",
        request=Relaxation.preset("mnist", "demo", changes | {"l2": l2}, phase=phase),
        record=record,
        chi=CHI,
        waiting_time=waits[-2],
        quenched=gn.Ensemble.from_weights(made.NETWORK, record.references[0][:8]),
        landscape=gn.Landscape(made.NETWORK, data, gn.QuadraticHinge(l2)),
    )


@cache
def moved(name: str) -> Relaxed:
    """Wells and traps are true, the others are the null."""
    kinds: dict[str, Callable[[], Relaxed]] = {
        "cages": lambda: relaxed(partial(made.Cages, stiffness=2.0, steps_a_hop=3e3)),
        "drift": lambda: relaxed(partial(made.Bowl, l2=SOFT), l2=SOFT),
        "free": lambda: relaxed(made.Free),
        "traps": lambda: relaxed(AgesWhenCold, waits=OLD),
        "old and free": lambda: relaxed(made.Free, waits=OLD),
    }
    return kinds[name]()


def of(*names: str) -> Evidence:
    """A motion for each phase; the overparameterised one after a second quench too."""
    runs: dict[tuple[str, str], Relaxed] = {
        ("mnist", phase): replace(moved(name), phase=phase) for phase, name in zip(PHASES, names, strict=True)
    }
    return Evidence(runs, (at_depth(runs["mnist", "overparameterised"], 1e-6),))


def two_regimes(evidence: Evidence) -> Finding:
    return relaxation_times.noise_and_landscape(evidence, "regularised")


CASES: dict[str, tuple[Callable[[Evidence], Finding], tuple[str, str, str], str, str]] = {
    "C3 in cages": (two_regimes, ("cages", "cages", "free"), "yes", "stands"),
    "C3 under drift": (two_regimes, ("drift", "drift", "free"), "yes", "explained"),
    "C3 of free diffusion": (two_regimes, ("free", "free", "free"), "undecided", "explained"),
    "C5 of free diffusion": (relaxation_times.noise_only, ("drift", "drift", "free"), "yes", "stands"),
    "C5 in cages": (relaxation_times.noise_only, ("drift", "drift", "cages"), "no", "stands"),
    "C5 under drift": (relaxation_times.noise_only, ("drift", "drift", "drift"), "no", "explained"),
    "C6 in cages": (overlap.brownian, ("cages", "cages", "free"), "yes", "stands"),
    "C6 under drift": (overlap.brownian, ("drift", "drift", "free"), "yes", "explained"),
    "C7 in cages": (overlap.one_step, ("cages", "cages", "free"), "no", "stands"),
    "C7 under drift": (overlap.one_step, ("drift", "drift", "free"), "undecided", "explained"),
    "C11 in cages": (localisation.no_cage, ("cages", "cages", "free"), "undecided", "stands"),
    "C11 under drift": (localisation.no_cage, ("drift", "drift", "free"), "yes", "explained"),
    "C16 in traps": (ageing.ageing, ("traps", "traps", "old and free"), "yes", "stands"),
    "C16 of free diffusion": (ageing.ageing, ("old and free",) * 3, "undecided", "explained"),
    "C22 of free diffusion": (weights.inner_product, ("free", "free", "free"), "yes", "explained"),
}


@pytest.mark.parametrize("case", CASES)
def test_controls(case: str) -> None:
    judge, names, seen, reading = CASES[case]
    found = judge(of(*names))
    assert (found.seen, found.null.reading) == (seen, reading), (found.found, found.null)


def test_alpha_of_drift_is_explained_and_of_cages_is_not() -> None:
    for name, reading in (("drift", "explained"), ("cages", "stands")):
        run = moved(name)
        null = heterogeneity._alpha_of_drift(run, run.alpha(), HOT[0], COLD[0])
        assert null.reading == reading
