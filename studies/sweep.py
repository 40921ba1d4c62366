"""Networks carried through lambda by SGD, up and down again: which states live where, and which way they are left.

Each width gives one file of arrays (``numpy.load`` opens it; no pickle):

    l2 (step), branch (step)                lambda of each step; 0 on the way up, 1 on the way down
    data_loss, total_loss, accuracy, awake  (step, look, replica): at the last epochs of a step, ``look_epochs``
    singular_values                         (step, replica, matrix, value), largest first, padded by 0
    kept_l2, kept_branch, kept_weights      some of the ensembles: (kept, replica, weight), float16

The way down begins at the last step at which a network has not fallen into W = 0.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

import glassnet as gn
from glassnet.store import placing

UP: Final = tuple(
    round(thousandths / 1e5, 5)
    for thousandths in (
        *range(1_000, 3_000, 500),
        *range(3_000, 5_000, 250),
        *range(5_000, 8_000, 500),
        *range(8_000, 10_000, 1_000),
        *range(10_000, 20_001, 2_000),
    )
)
"""lambda on the way up: fine between 0.03 and 0.08, where branches end and meet."""

KEPT_L2: Final = (0.01, 0.03, 0.04, 0.05, 0.065)
"""Steps whose ensembles are kept in the file; all of them stay in the working folder."""

LOOKS: Final = (210, 220, 230, 240, 250)
"""Epochs of a step at which losses are taken: their spread is SGD's own."""

N_REPLICAS: Final = 8
_QUENCH_EPOCHS: Final = 3_000
_PART: Final = 250
"""Epochs of the quench between one file and the next."""

_BATCH: Final = 100
_FALLEN: Final = 1e-3
"""|W|^2 below which a network is at W = 0; elsewhere it is above 1."""

_LOSSES: Final = ("data_loss", "total_loss", "accuracy", "awake")


@dataclass(frozen=True)
class Sweep:
    """The sweep of one width.

    Args:
        width: units in each hidden layer.
        hours: expected time on one core.
        n_samples: P_D; None for all rows of MNIST.
        quench_epochs: SGD at the first lambda, from random weights.
        looks: epochs of a step at which losses are taken, the last one its end.
        up: lambda on the way up.
    """

    width: int
    hours: float
    n_samples: int | None = None
    quench_epochs: int = _QUENCH_EPOCHS
    looks: tuple[int, ...] = LOOKS
    up: tuple[float, ...] = UP

    @property
    def name(self) -> str:
        return f"sweep/width-{self.width}"

    def kept(self, folder: Path) -> Path:
        return folder / "sweep" / f"width-{self.width}.npz"

    def share(self, work: Path) -> float:
        """Share of the steps that are done, if the way down is as long as the way up."""
        return min(0.99, len(list(self._folder(work).glob(f"*-{self.looks[-1]}.zip"))) / (2 * len(self.up)))

    def make(self, work: Path, kept: Path, tick: Callable[[], None]) -> None:
        """Go on with it to its end, and put its file in place."""
        folder = self._folder(work)
        folder.mkdir(parents=True, exist_ok=True)
        steps: list[Step] = []
        ensemble = self._quenched(folder, tick)
        for i, l2 in enumerate(self.up):
            steps.append(self._step(folder / f"up-{i:02d}", ensemble, l2, 0, tick))
            ensemble = steps[-1].ensemble
        turn = max((i for i, step in enumerate(steps) if step.alive), default=0)
        ensemble = steps[turn].ensemble
        for i in reversed(range(turn)):
            steps.append(self._step(folder / f"down-{i:02d}", ensemble, self.up[i], 1, tick))
            ensemble = steps[-1].ensemble
        kept.parent.mkdir(parents=True, exist_ok=True)
        placing.write_bytes(kept, _file(steps, self.looks))

    def _folder(self, work: Path) -> Path:
        return work / f"sweep-width-{self.width}"

    def _landscape(self, l2: float) -> gn.Landscape:
        return gn.Landscape(gn.Mlp(10, self.width, 6), _data(self.n_samples), gn.QuadraticHinge(l2=l2))

    def _quenched(self, folder: Path, tick: Callable[[], None]) -> gn.Ensemble:
        """Networks after SGD at the first lambda, in parts that each have a file."""
        landscape = self._landscape(self.up[0])
        ensemble = gn.Ensemble.random(landscape.network, N_REPLICAS)
        for epochs in range(_PART, self.quench_epochs + 1, _PART):
            ensemble = _evolved(folder / f"quench-{epochs}.zip", ensemble, landscape, _PART, tick)
        return ensemble

    def _step(self, path: Path, ensemble: gn.Ensemble, l2: float, branch: int, tick: Callable[[], None]) -> Step:
        landscape, before, losses = self._landscape(l2), 0, []
        for look in self.looks:
            file = path.with_name(f"{path.name}-{look}.zip")
            ensemble = _evolved(file, ensemble, landscape, look - before, tick)
            found = gn.evaluate(ensemble, landscape, engine=gn.engines.Cpu(threads=1))
            losses.append([found[name].values for name in _LOSSES])
            before = look
        return Step(branch, l2, ensemble, dict(zip(_LOSSES, np.stack(losses, axis=1), strict=True)))


@dataclass(frozen=True, eq=False)
class Step:
    """One lambda on one way: the ensemble at its end, and its losses ``(look, replica)``."""

    branch: int
    l2: float
    ensemble: gn.Ensemble
    losses: dict[str, Any]

    @property
    def alive(self) -> bool:
        """Whether any network is away from W = 0."""
        return bool((np.sum(self.ensemble.weights**2, axis=1) > _FALLEN).any())


def _evolved(
    file: Path, start: gn.Ensemble, landscape: gn.Landscape, epochs: int, tick: Callable[[], None]
) -> gn.Ensemble:
    """The ensemble after so many epochs of SGD, from its file where it was made before."""
    if not file.exists():
        n_steps = epochs * (landscape.dataset.n_samples // _BATCH)
        engine = gn.engines.Cpu(threads=1)
        made = gn.evolve(start, landscape, gn.Sgd(1e-3, _BATCH), n_steps, engine=engine, on_progress=lambda _: tick())
        gn.save(made, file)
    found = gn.load(file)
    assert isinstance(found, gn.Ensemble)
    return found


@cache
def _data(n_samples: int | None) -> gn.Dataset:
    return gn.load_dataset("mnist", n_samples=n_samples)


def _singular_values(ensemble: gn.Ensemble) -> Any:
    """``(replica, matrix, value)``, largest first."""
    network = ensemble.network
    assert isinstance(network, gn.Mlp)
    found = np.zeros((len(ensemble), len(network.shapes), network.width), np.float32)
    for m, matrices in enumerate(network.unflatten(ensemble.weights)):
        values = np.linalg.svd(matrices, compute_uv=False)
        found[:, m, : values.shape[1]] = values
    return found


def _file(steps: list[Step], looks: tuple[int, ...]) -> bytes:
    kept = [step for step in steps if step.l2 in KEPT_L2]
    arrays = {
        "l2": np.array([step.l2 for step in steps]),
        "branch": np.array([step.branch for step in steps], np.int8),
        "look_epochs": np.array(looks),
        **{name: np.stack([step.losses[name] for step in steps]) for name in _LOSSES},
        "singular_values": np.stack([_singular_values(step.ensemble) for step in steps]),
        "kept_l2": np.array([step.l2 for step in kept]),
        "kept_branch": np.array([step.branch for step in kept], np.int8),
        "kept_weights": np.stack([step.ensemble.weights for step in kept]).astype(np.float16),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
