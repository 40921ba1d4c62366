"""What an engine is: it makes the steps of an ensemble on a landscape.

The update is the same for every engine, in the ensemble's dtype, each operation rounded once:

    SGD, gradient descent    w <- w - mu (g + l2 w)
    Langevin                 w <- (w - mu (g + l2 w)) + s xi,   s = sqrt(2 mu T / P_D)

g is the batch's mean data gradient in the engine's precision, xi the noise of :func:`glassnet.random.noise` at the
replica's step before the update. An update that would make a weight infinite or NaN is not made: the replica stays at
its last finite weights and step, and is no longer alive. Which update that is, the sums of the cpu engine define
(CONVENTIONS.md, "Lost replicas"): engines that add up otherwise ask ``engines/defined_sums.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from glassnet.landscape.network import Floats
from glassnet.landscape.surface import Landscape
from glassnet.simulate.dynamics import Dynamics
from glassnet.simulate.ensemble import Ensemble

Precision = Literal["float32", "float64"]


@dataclass(frozen=True)
class Evaluation:
    """Losses and shares over all rows of a data set, one entry a replica.

    Args:
        data_loss: the mean.
        awake: share of the rows.
        accuracy: share of the rows.
        dead: whether every output of every row is 0, in the precision of the engine's gradient.
    """

    data_loss: NDArray[np.float64]
    awake: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    dead: NDArray[np.bool_]


@dataclass(frozen=True)
class Observation(Evaluation):
    """An evaluation of the training data with the mean data gradient (no l2), ``(replica, weight)`` float64."""

    gradient: NDArray[np.float64]


class Session(Protocol):
    """An ensemble under one dynamics, in progress."""

    @property
    def ensemble(self) -> Ensemble:
        """The state now, as a value of its own.

        Its ``state`` is what this engine goes on from (:class:`glassnet.engines.EngineState`), and no other owner's.
        """
        ...

    def advance(self, n_steps: NDArray[np.int64]) -> None:
        """Make ``n_steps[r]`` updates of replica r, fewer where it diverges.

        Raises:
            KeyboardInterrupt: stopped by the user; the session must not be used again.
        """
        ...

    def observe(self) -> Observation:
        """Loss and gradient at the current weights; the gradient serves the next full-batch update too."""
        ...


class Engine(Protocol):
    """Who makes the steps.

    ``name``, ``version`` and ``gradient`` (its precision) are part of a result's identity, and so are
    ``full_batch_settings`` under dynamics that take all rows: JSON values by name, each a dict, {} in most engines.
    """

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def gradient(self) -> Precision: ...
    @property
    def full_batch_settings(self) -> Mapping[str, Any]: ...

    def session(self, ensemble: Ensemble, landscape: Landscape, dynamics: Dynamics) -> Session:
        """Begin: the three have been checked to fit together."""
        ...

    def evaluate(self, weights: Floats, landscape: Landscape) -> Evaluation:
        """Evaluate networks ``(replica, weight)`` on the landscape's data."""
        ...
