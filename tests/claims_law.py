"""Runs whose weights move by a chosen law, as the tests of the claims share them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import glassnet as gn
from glassnet.engines import Evaluation, Observation
from glassnet.engines.base import Precision
from glassnet.paper.claims.evidence import Evidence
from glassnet.paper.claims.relaxed import Relaxed
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.simulate.dynamics import Dynamics

Floats = NDArray[np.float64]

N_SAMPLES = 60
RATE = 1e-3
WARM = (1e-3, 3e-4, 1e-4, 1e-5, 1e-6, 1e-7, 0.0)
NETWORK = gn.Mlp(4, 30, 2)
DATA = gn.random_dataset(N_SAMPLES, 4, seed=3)
DRIFT = 1.5e-6


@dataclass
class Moment:
    """What a law knows: weights at a step, how many steps follow, temperature and a direction for each weight."""

    weights: Floats
    elapsed: float
    steps: float
    temperature: Floats
    direction: Floats
    noise: np.random.Generator

    @property
    def diffused(self) -> Floats:
        """Displacements of free diffusion."""
        spread = np.sqrt(2.0 * RATE * self.temperature / N_SAMPLES * self.steps)
        return np.asarray(spread[:, None] * self.noise.standard_normal(self.weights.shape))


Law = Callable[[Moment], Floats]


def free(now: Moment) -> Floats:
    """Free diffusion."""
    return now.weights + now.diffused


def drifting(now: Moment) -> Floats:
    """Free diffusion and a steady drift, the same at every temperature: a landscape."""
    return np.asarray(free(now) + DRIFT * now.steps * now.direction)


def ageing(now: Moment) -> Floats:
    """Free diffusion and a drift that slows down as 1/t."""
    ratio = np.log((now.elapsed + now.steps + 1.0) / (now.elapsed + 1.0))
    return np.asarray(free(now) + 1e-2 * ratio * now.direction)


def bowl(l2: float) -> Law:
    """The bowl of l2 alone, exact for whole steps."""

    def law(now: Moment) -> Floats:
        kept = (1.0 - RATE * l2) ** now.steps
        variance = now.temperature / (l2 * N_SAMPLES) / (1.0 - RATE * l2 / 2.0) * (1.0 - kept**2)
        noise = now.noise.standard_normal(now.weights.shape)
        return np.asarray(kept * now.weights + np.sqrt(variance)[:, None] * noise)

    return law


def caged(now: Moment) -> Floats:
    """Free diffusion, and every weight swings to and fro by itself."""
    rate = 0.1 + 0.02 * np.abs(now.direction)
    swing = np.sin(rate * (now.elapsed + now.steps) + now.direction) - np.sin(rate * now.elapsed + now.direction)
    return np.asarray(free(now) + 3e-3 * swing)


class ByLaw:
    """An engine that moves weights by a law in place of a gradient."""

    name, version = "law", "1"
    full_batch_settings: ClassVar[Mapping[str, Any]] = {}
    gradient: Precision = "float64"

    def __init__(self, law: Law, directions: Callable[[np.random.Generator], Floats], loss: float) -> None:
        self._law, self._directions, self._loss = law, directions, loss

    def session(self, ensemble: gn.Ensemble, landscape: gn.Landscape, dynamics: Dynamics) -> _Session:
        warmth = dynamics.temperature if isinstance(dynamics, gn.Langevin) else 0.0
        temperature: Floats = np.broadcast_to(np.asarray(warmth, dtype=np.float64), len(ensemble))
        direction = np.stack([self._directions(np.random.default_rng(int(one))) for one in ensemble.origin])
        return _Session(self._law, ensemble, temperature, direction, self._loss)

    def evaluate(self, weights: NDArray[Any], landscape: gn.Landscape) -> Evaluation:
        some = np.full(len(weights), self._loss)
        return Evaluation(some, some, some, some == 0)


class _Session:
    def __init__(self, law: Law, ensemble: gn.Ensemble, temperature: Floats, direction: Floats, loss: float) -> None:
        self.ensemble, self._law, self._loss = ensemble, law, loss
        self._temperature, self._direction = temperature, direction
        self._noise, self._elapsed = np.random.default_rng(7), 0.0

    def advance(self, n_steps: NDArray[np.int64]) -> None:
        steps = float(n_steps[0])
        now = Moment(
            self.ensemble.weights.astype(np.float64),
            self._elapsed,
            steps,
            self._temperature,
            self._direction,
            self._noise,
        )
        self.ensemble = replace(self.ensemble, weights=self._law(now), step=self.ensemble.step + n_steps)
        self._elapsed += steps

    def observe(self) -> Observation:
        some = np.full(len(self.ensemble), self._loss)
        return Observation(some, some, some, some == 0, np.zeros(self.ensemble.weights.shape))


def gaussian(rng: np.random.Generator) -> Floats:
    """One direction a weight, alike in all layers."""
    return rng.standard_normal(NETWORK.n_weights)


def relaxed(
    law: Law,
    phase: str = "regularised",
    *,
    temperatures: Sequence[float] = WARM,
    directions: Callable[[np.random.Generator], Floats] = gaussian,
    origins: int = 5,
    t_max: int = 10_000,
    waits: Sequence[int] = (100, 300),
    shown: int = 0,
    chi: Sequence[float] = (100.0,),
    l2: float | None = None,
    loss: float = 0.0,
    dataset: str = "mnist",
    start: gn.Ensemble | None = None,
) -> Relaxed:
    """A relaxation in which weights move by a law, seen from waiting time number ``shown``."""
    changes: dict[str, Any] = {"temperatures": temperatures, "replicas": origins, "t_max": t_max, "chi": chi}
    changes |= {"waiting_times": waits}
    request = Relaxation.preset(dataset, "demo", changes | ({} if l2 is None else {"l2": l2}), phase=phase)
    quenched = start or gn.Ensemble.random(NETWORK, origins)
    landscape = gn.Landscape(quenched.network, DATA, gn.QuadraticHinge(request.l2))
    until = waits[-1] + t_max
    record = gn.measure(
        quenched.repeat(noise=range(len(temperatures))),
        landscape,
        gn.Langevin(np.repeat(temperatures, origins).tolist(), RATE),
        waiting_times=waits,
        times=gn.log_times(until - waits[0]),
        until=until,
        chi=chi,
        snapshots=[100, t_max],
        engine=ByLaw(law, directions, loss),
    )
    return Relaxed(
        dataset=dataset,
        phase=phase,
        scale="custom",
        command="made by law",
        request=request,
        record=record,
        chi=chi[0],
        waiting_time=waits[shown],
        quenched=quenched,
        landscape=landscape,
    )


def at_depth(run: Relaxed, loss: float) -> Relaxed:
    """The same after a quench that left this data loss."""
    data = run.record.data.assign(data_loss=xr.full_like(run.record.data["data_loss"], loss))
    return replace(run, record=replace(run.record, data=data), command=f"made by law, to {loss:g}")


def evidence(*runs: Relaxed, shallow: float | None = 1e-6) -> Evidence:
    """Relaxations alone, the overparameterised one of MNIST at a second depth too."""
    of = {(run.dataset, run.phase): run for run in runs}
    over = of.get(("mnist", "overparameterised"))
    depths = () if over is None or shallow is None else (at_depth(over, shallow),)
    return Evidence(of, depths)
