"""Records of made motions whose physics is known: free diffusion, drift in a bowl, a slope, true cages, true ageing.

A motion advances weights ``(replica, weight)`` by any number of steps at once, from exact transition laws; a
:class:`Recorder` sees it as it sees an engine. The replicas at T = 0 share their starts with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

import glassnet as gn
from glassnet.engines.base import Observation
from glassnet.simulate.recording import Plan, Recorder

Floats = NDArray[np.float64]

NETWORK = gn.Mlp(10, 30, 2)
N_WEIGHTS = NETWORK.n_weights
N_ORIGINS = 8
LEARNING_RATE, N_SAMPLES = 1e-3, 60
TIMES = tuple(gn.log_times(2000).tolist())


@dataclass
class Motion:
    """Weights at T per replica; ``start`` is where they begin and ``rng`` what moves them."""

    start: Floats
    temperature: Floats
    rng: np.random.Generator
    weights: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.weights = self.start.copy()

    def gaussian(self, variance: Floats) -> Floats:
        """Independent Gaussians of a variance a replica; exactly 0 where that is 0."""
        return np.asarray(np.sqrt(variance)[:, None] * self.rng.standard_normal(self.start.shape))

    def advance(self, n: int) -> None:
        raise NotImplementedError

    def data_loss(self) -> Floats:
        return np.zeros(len(self.start))


class Free(Motion):
    """2 D t."""

    def advance(self, n: int) -> None:
        self.weights = self.weights + self.gaussian(2 * LEARNING_RATE * self.temperature / N_SAMPLES * n)


@dataclass
class Bowl(Motion):
    """Discrete Langevin steps in l2/2 |W|^2, which is the record's own l2 term."""

    l2: float = 1.0

    def advance(self, n: int) -> None:
        a = 1.0 - LEARNING_RATE * self.l2
        v = self.temperature / (self.l2 * N_SAMPLES) / (1.0 - LEARNING_RATE * self.l2 / 2.0)
        self.weights = a**n * self.weights + self.gaussian(v * (1.0 - a ** (2 * n)))


@dataclass
class Slope(Free):
    """A constant gradient of so much a weight, beside free diffusion."""

    gradient: float = 0.02

    def advance(self, n: int) -> None:
        super().advance(n)
        self.weights = self.weights - LEARNING_RATE * self.gradient * n

    def data_loss(self) -> Floats:
        return np.asarray(self.gradient * self.weights.sum(axis=1))


@dataclass
class Cages(Motion):
    """Each weight in a well of this stiffness about a place of its own, which hops by 1 on average once in so many
    steps. At T = 0 nothing moves."""

    stiffness: float = 20.0
    steps_a_hop: float = 1e5

    def __post_init__(self) -> None:
        super().__post_init__()
        self.place = self.start.copy()

    def advance(self, n: int) -> None:
        a = 1.0 - LEARNING_RATE * self.stiffness
        v = self.temperature / (self.stiffness * N_SAMPLES) / (1.0 - LEARNING_RATE * self.stiffness / 2.0)
        offset = a**n * (self.weights - self.place) + self.gaussian(v * (1.0 - a ** (2 * n)))
        hops = self.rng.poisson(n / self.steps_a_hop, self.start.shape) * (self.temperature > 0)[:, None]
        self.place = self.place + np.sqrt(hops) * self.rng.standard_normal(self.start.shape)
        self.weights = self.place + offset


class Traps(Motion):
    """Each weight sits still, then jumps by about 1; it leaves after a time with density ~ t^-3/2 (Bouchaud 1992).

    At T = 0 nothing moves.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.clock = 0
        self.leaves = self._stay()

    def _stay(self) -> Floats:
        return np.asarray(self.rng.uniform(size=self.start.shape) ** -2.0)

    def advance(self, n: int) -> None:
        self.clock += n
        while (due := (self.leaves <= self.clock) & (self.temperature > 0)[:, None]).any():
            self.weights = np.where(due, self.weights + self.rng.standard_normal(self.start.shape), self.weights)
            self.leaves = np.where(due, self.leaves + self._stay(), self.leaves)


@dataclass
class Jump(Motion):
    """Each weight moves once, by a given amount, in the first step; the temperature moves nothing."""

    by: Floats = field(default_factory=lambda: np.zeros(N_WEIGHTS))

    def advance(self, n: int) -> None:
        self.weights = self.start + self.by


def recorded(
    motion: Callable[[Floats, Floats, np.random.Generator], Motion],
    *,
    temperatures: Sequence[float],
    sigma: float,
    chi: Sequence[float] = (),
    l2: float = 0.0,
    waiting_times: Sequence[int] = (0,),
    times: Sequence[int] = TIMES,
    n_origins: int = N_ORIGINS,
    seed: int = 1,
) -> gn.Record:
    """The record of a motion that starts at Gaussian weights of std ``sigma``, the same at all temperatures."""
    rng = np.random.default_rng(seed)
    start = np.tile(sigma * rng.standard_normal((n_origins, N_WEIGHTS)), (len(temperatures), 1))
    temperature = np.repeat(np.asarray(temperatures, dtype=np.float64), n_origins)
    ensemble = gn.Ensemble.from_weights(NETWORK, start[:n_origins]).repeat(noise=range(len(temperatures)))
    spread = start.std(axis=1)
    plan = Plan(
        waiting_times=np.array(waiting_times),
        times=np.array(times),
        until=max(waiting_times) + max(times),
        snapshots=np.array([], dtype=np.int64),
        chi=np.array(chi, dtype=np.float64),
        epsilon_of_chi=spread[:, None] / np.array(chi, dtype=np.float64),
        epsilon=np.array([]),
        all_losses=True,
        test=None,
    )
    recorder, moving = Recorder(ensemble, plan), motion(start, temperature, rng)
    bowl, none = np.full(len(start), l2), np.zeros(len(start))
    clock, now = 0, ensemble
    for event in plan.events(after=-1):
        if event > clock:
            moving.advance(event - clock)
        clock = event
        step = np.full(len(start), event)
        now = gn.Ensemble(NETWORK, moving.weights, now.seed, now.origin, now.noise, step, now.alive)
        seen = Observation(moving.data_loss(), none, none, none > 0, np.zeros_like(start))
        recorder.record(event, now, bowl, seen, None)
    names = {name: ("replica", getattr(now, name)) for name in ("seed", "origin", "noise")}
    coordinates = {
        **names,
        "temperature": ("replica", temperature),
        "learning_rate": ("replica", np.full(len(start), LEARNING_RATE)),
        "l2": ("replica", bowl),
        "entry_step": ("replica", np.zeros(len(start), dtype=np.int64)),
        "sigma": ("replica", spread),
        "lost_at": ("replica", np.full(len(start), -1)),
    }
    attributes = {
        "dynamics": {
            "kind": "Langevin",
            "temperature": tuple(temperature.tolist()),
            "learning_rate": LEARNING_RATE,
            "batch_size": None,
        },
        "engine": {"name": "made", "version": 1, "gradient": "float64", "skin": None, "dtype": "float64"},
        "network": NETWORK.description,
        "n_samples": N_SAMPLES,
        "landscape_without_l2": "made",
        "test": None,
        "until": plan.until,
        "elapsed": clock,
        "all_losses": True,
    }
    return gn.Record(recorder.dataset(coordinates, attributes), now, recorder.references.copy())
