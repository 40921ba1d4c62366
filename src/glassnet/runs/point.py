"""Points and units: what a run is made of, whatever the experiment.

A point is everything that is asked of a replica but which one it is: a surface, a start, and stages one after the
other. A unit is one replica at one point. Its identity, whose hash is its address in the store, is made of all that
its result depends on, and of nothing else: not the end time of a measurement, the other units, or the experiment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from glassnet.datasets.names import Inputs
from glassnet.datasets.names import Name as DatasetName
from glassnet.runs.fields import Dtype
from glassnet.runs.own_data import AnyData, OwnData
from glassnet.simulate import dynamics as _dynamics
from glassnet.simulate.dynamics import Dynamics

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from glassnet.datasets import Dataset
    from glassnet.landscape.network import Mlp
    from glassnet.landscape.surface import Landscape
    from glassnet.simulate.ensemble import Ensemble
    from glassnet.simulate.statistic import Statistic

_RECORDING: Final = 1
"""Raised when what a measurement records, or its save grid, changes."""

_SPECTRUM: Final = 1
"""Raised when eigenvalues are found in another way."""

_SPECTRUM_STEPS: Final = 300
"""Dense gradients that take as many operations as the ends of a spectrum, about."""


class EngineIdentity(Protocol):
    """The properties of an engine that are part of a unit's identity."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def gradient(self) -> str: ...
    @property
    def full_batch_settings(self) -> Mapping[str, Any]: ...


def engine_identity(engine: EngineIdentity, *, full_batch: bool = True) -> dict[str, Any]:
    """The properties of an engine that a result depends on; ``full_batch`` is False where no step takes all rows."""
    settings = dict(engine.full_batch_settings) if full_batch else {}
    return {"name": engine.name, "version": engine.version, "gradient": engine.gradient, **settings}


PreparedInputs = Inputs | Literal["given"]
"""How columns become features: as those of the built-in sets, or as a user's own data have them already."""


@dataclass(frozen=True)
class Surface:
    """The landscape of a point, and the test set that goes with it if there is one, by name or fingerprint."""

    dataset: AnyData
    inputs: PreparedInputs
    n_samples: int
    width: int
    depth: int
    l2: float

    @property
    def data(self) -> Dataset:
        """The training set."""
        if isinstance(self.dataset, OwnData):
            return self.dataset.data.train
        return _load(self.dataset, self.inputs, "train", self.n_samples)

    @property
    def network(self) -> Mlp:
        """The network, as wide as its inputs are many."""
        from glassnet.landscape.network import Mlp

        known = self.dataset if isinstance(self.dataset, OwnData) else self.data
        return Mlp(known.n_features, self.width, self.depth)

    @property
    def landscape(self) -> Landscape:
        """The training data under the network and the loss."""
        from glassnet.landscape.loss import QuadraticHinge
        from glassnet.landscape.surface import Landscape

        return Landscape(self.network, self.data, QuadraticHinge(self.l2))

    @property
    def test(self) -> Dataset | None:
        """The whole test set."""
        if isinstance(self.dataset, OwnData):
            return self.dataset.data.test
        return _load(self.dataset, self.inputs, "test", None)

    @property
    def fingerprints(self) -> tuple[str, str | None]:
        """Fingerprints of the training set and the test set; a user's own data need not be at hand."""
        if isinstance(self.dataset, OwnData):
            return self.dataset.train, self.dataset.test
        return self.data.fingerprint, _load(self.dataset, self.inputs, "test", None).fingerprint

    def with_data_in(self, folder: Path) -> Surface:
        """The same surface, whose own data, if any, are read from the folder of a run."""
        return replace(self, dataset=self.dataset.kept_in(folder)) if isinstance(self.dataset, OwnData) else self


@dataclass(frozen=True)
class Evolve:
    """A stage that only moves on: ``n_steps`` of ``dynamics``, as :func:`glassnet.evolve` makes them.

    Under an ``l2`` of its own, if one is given, and else under the surface's; its losses are of the same.
    """

    dynamics: Dynamics
    n_steps: int
    stop_loss: float | None = None
    check_every: int | None = None
    noise: int = 0
    l2: float | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """All that the stage's result depends on."""
        return {
            "dynamics": _dynamics.describe(self.dynamics),
            "noise": self.noise,
            "n_steps": self.n_steps,
            "stop_loss": self.stop_loss,
            "check_every": self.check_every,
            **({} if self.l2 is None else {"l2": self.l2}),
        }


@dataclass(frozen=True)
class Grid:
    """Save times that are the beginning of one endless sequence: log-spaced ones, if nothing else is said.

    Args:
        every: all multiples of this instead.
        epoch: whole and half epochs of so many steps too (:func:`glassnet.epoch_times`).
    """

    every: int | None = None
    epoch: int | None = None

    def times(self, t_max: int) -> NDArray[np.int64]:
        """The save times up to ``t_max``."""
        from glassnet.simulate.grids import epoch_times, linear_times, log_times

        if self.every is not None:
            return linear_times(t_max, self.every)
        return log_times(t_max) if self.epoch is None else epoch_times(t_max, self.epoch)

    @property
    def identity(self) -> Any:
        """As a JSON value."""
        if self.every is not None:
            return {"every": self.every}
        return "log" if self.epoch is None else {"epoch": self.epoch}


@dataclass(frozen=True)
class Measure:
    """A last stage that is recorded, as :func:`glassnet.measure` does, at every time of a grid until its end.

    Statistics are told apart by name, version and needs, not by their functions; they are kept in the order of names.

    Raises:
        TypeError: ``statistics`` are no tuple or list of :class:`glassnet.Statistic`.
        ValueError: two of one name.
    """

    dynamics: Dynamics
    waiting_times: tuple[int, ...]
    until: int
    chi: tuple[float, ...] = ()
    snapshots: tuple[int, ...] = ()
    noise: int = 0
    grid: Grid = Grid()
    statistics: tuple[Statistic, ...] = ()

    def __post_init__(self) -> None:
        if self.statistics != ():
            from glassnet.simulate.statistic import in_order

            object.__setattr__(self, "statistics", in_order(self.statistics))

    @property
    def times(self) -> NDArray[np.int64]:
        """Save times: what the first reference sees before the end."""
        return self.grid.times(self.until - self.waiting_times[0])

    @property
    def snapshots_until(self) -> NDArray[np.int64]:
        """The snapshots that the end leaves."""
        import numpy as np

        return np.intersect1d(self.times, np.array(self.snapshots, dtype=np.int64))

    @property
    def identity(self) -> dict[str, Any]:
        """All that the stage's result depends on, the end apart."""
        from glassnet.simulate.statistic import identity_of

        return {
            "dynamics": _dynamics.describe(self.dynamics),
            "noise": self.noise,
            "recording": _RECORDING,
            "grid": self.grid.identity,
            "waiting_times": list(self.waiting_times),
            "chi": list(self.chi),
            "snapshots": list(self.snapshots),
            **identity_of(self.statistics),
        }


@dataclass(frozen=True)
class Curvature:
    """A last stage in which nothing moves: the ends of the Hessian's spectrum (:meth:`glassnet.Hessian.extremes`)."""

    n_eigenvalues: int
    noise: int = 0

    @property
    def identity(self) -> dict[str, Any]:
        """All that the stage's result depends on."""
        return {"spectrum": _SPECTRUM, "n_eigenvalues": self.n_eigenvalues}


Stage = Evolve | Measure | Curvature


@dataclass(frozen=True)
class Point:
    """A surface, replicas of one seed, and the stages from there.

    They start at random weights, or at those of given replicas, whose fingerprints ``start`` holds by origin. Only the
    last stage may be a measurement. ``label`` is for people and does not tell points apart.
    """

    surface: Surface
    seed: int
    dtype: Dtype
    stages: tuple[Stage, ...]
    label: str = field(compare=False)
    start: tuple[str, ...] | None = None

    @property
    def stage(self) -> Stage:
        """The last stage, the one that makes this point's units from its parent's."""
        return self.stages[-1]

    @property
    def l2(self) -> float:
        """lambda of the last stage: its own, or the surface's."""
        own = self.stage.l2 if isinstance(self.stage, Evolve) else None
        return self.surface.l2 if own is None else own

    @property
    def landscape(self) -> Landscape:
        """The landscape that the last stage moves on."""
        return replace(self.surface, l2=self.l2).landscape

    @property
    def whole(self) -> Stage:
        """The last stage together with those before it that it merely goes on with."""
        return self._merged[-1]

    @cached_property
    def _merged(self) -> tuple[Stage, ...]:
        """The stages without what makes no difference: an l2 that is the surface's, and a cut of one in two."""
        plain = (replace(s, l2=None) if isinstance(s, Evolve) and s.l2 == self.surface.l2 else s for s in self.stages)
        return tuple(_merged(plain))

    # A chain of many stages is asked for its hash and its address once a replica: what does not change is kept.

    @cached_property
    def _identities(self) -> tuple[dict[str, Any], ...]:
        """Identities of the stages, on which the result depends."""
        return tuple(stage.identity for stage in self._merged)

    @cached_property
    def _hash(self) -> int:
        return hash((self.surface, self.seed, self.dtype, self.stages, self.start))

    def __hash__(self) -> int:
        return self._hash

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: a hash is of its process."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @property
    def n_steps(self) -> int:
        """Steps of :attr:`whole`: how far a complete unit is."""
        whole = self.whole
        if isinstance(whole, Curvature):
            return 1
        return whole.n_steps if isinstance(whole, Evolve) else whole.until

    @property
    def n_behind(self) -> int:
        """Steps of :attr:`whole` that this point's parent has made already."""
        return self.n_steps - self.stage.n_steps if isinstance(self.stage, Evolve) else 0

    @property
    def rows_per_step(self) -> int:
        """Rows whose gradient one step of the last stage takes."""
        if isinstance(self.stage, Curvature):
            return _SPECTRUM_STEPS * self.surface.n_samples
        return _dynamics.batch_size(self.stage.dynamics) or self.surface.n_samples

    @property
    def flop_per_step(self) -> int:
        """6 N rows: the dense cost of one replica's step."""
        return 6 * self.surface.network.n_weights * self.rows_per_step

    def initial(self, origins: tuple[int, ...]) -> Ensemble:
        """Replicas at random weights."""
        import numpy as np

        from glassnet.simulate.ensemble import Ensemble

        network = self.surface.network
        weights = np.stack([network.initial_weights(self.seed, origin) for origin in origins])
        return Ensemble.from_weights(network, weights, seed=self.seed, origin=origins, dtype=self.dtype)

    @property
    def parent(self) -> Point | None:
        """The point at which this one's last stage starts, under this one's label; None for the first stage."""
        before = self.stages[:-1]
        return replace(self, stages=before) if before else None

    def identity(self, origin: int, engine: EngineIdentity) -> dict[str, Any]:
        """All that the unit of ``origin`` depends on, as JSON values."""
        network = self.surface.network
        train, test = self.surface.fingerprints
        *before, last = self._identities
        last = dict(last)
        # A built-in training set has one test set; what is evaluated after a stage is of the one that a user gave.
        if isinstance(self.stage, Measure) or isinstance(self.surface.dataset, OwnData):
            last["test"] = test
        return {
            "dataset": train,
            "network": {"n_features": network.n_features, "width": network.width, "depth": network.depth},
            "loss": {"kind": "QuadraticHinge", "l2": self.surface.l2},
            "start": {**self._start(origin), "dtype": self.dtype},
            "engine": engine_identity(engine, full_batch=any(_takes_all_rows(s) for s in self._merged)),
            "stages": [*before, last],
        }

    def _start(self, origin: int) -> dict[str, Any]:
        if self.start is not None:
            return {"replica": self.start[origin]}
        return {"init": "uniform", "seed": self.seed, "origin": origin}


def _takes_all_rows(stage: Stage) -> bool:
    """Whether its steps are full-batch steps of an engine."""
    return not isinstance(stage, Curvature) and _dynamics.batch_size(stage.dynamics) is None


def _merged(stages: Iterable[Stage]) -> list[Stage]:
    """The stages, each with those that merely go on with it: a quench cut in two is the same quench."""
    merged: list[Stage] = []
    for stage in stages:
        before = merged[-1] if merged else None
        if isinstance(stage, Evolve) and isinstance(before, Evolve) and _goes_on(before, stage):
            merged[-1] = replace(stage, n_steps=before.n_steps + stage.n_steps)
        else:
            merged.append(stage)
    return merged


def _goes_on(before: Evolve, stage: Evolve) -> bool:
    """Whether both are parts of one stage, which ends at no loss."""
    found, wanted = ((one.dynamics, one.stop_loss, one.check_every, one.noise, one.l2) for one in (before, stage))
    return stage.stop_loss is None and found == wanted


@lru_cache(maxsize=8)
def _load(name: DatasetName, inputs: Any, split: Literal["train", "test"], n_samples: int | None) -> Dataset:
    from glassnet.datasets import load_dataset

    return load_dataset(name, n_samples=n_samples, split=split, inputs=inputs)
