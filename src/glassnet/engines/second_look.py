"""No replica is ended by an engine's own way of adding up: a look by the cpu engine's sums before it is lost.

An engine makes its steps in a hurry and ends a replica where an update is not finite. Sums in another order, or padding
times infinity, may have made it so; the update is then made once more from :mod:`glassnet.engines.defined_sums`, and
where that one is finite the replica goes on from there. A step that is finite costs nothing.
"""

from __future__ import annotations

from functools import partial
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from glassnet.engines import defined_sums
from glassnet.engines.base import Precision
from glassnet.engines.reference import Gradient, ReferenceSession
from glassnet.landscape.network import Floats
from glassnet.landscape.surface import Landscape
from glassnet.simulate.dynamics import Dynamics
from glassnet.simulate.ensemble import Ensemble

_ANY: Final = 1 << 30


class Hurried(Protocol):
    """A session that ends replicas by its own sums."""

    @property
    def ensemble(self) -> Ensemble: ...

    def standing(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Step of each replica, and whether it is alive."""
        ...

    def hurry(self, n_steps: NDArray[np.int64]) -> None:
        """Make so many updates of each replica that is alive, fewer where one is not finite."""
        ...

    def revive(self, r: int, weights: Floats) -> None:
        """Replica r is alive, one step further, at these weights ``(weight,)``."""
        ...


def advance(
    session: Hurried, n_steps: NDArray[np.int64], landscape: Landscape, dynamics: Dynamics, precision: Precision
) -> None:
    """Make ``n_steps[r]`` updates of replica r, fewer where it diverges."""
    step, alive = session.standing()
    target = np.where(alive, step + n_steps, step)
    at_once = _ANY
    while (left := np.where(alive, target - step, 0)).any():
        session.hurry(np.minimum(left, at_once))
        before, (step, alive) = alive, session.standing()
        lost = np.flatnonzero(before & ~alive)
        # Where numbers are infinite the next update may be as doubtful as this one.
        at_once = min(2 * at_once, _ANY)
        now = session.ensemble if lost.size else None
        for r in lost.tolist():
            assert now is not None
            weights = _moved(now, landscape, dynamics, r, precision)
            if np.isfinite(weights).all():
                session.revive(r, weights)
                at_once = 1
        if lost.size:
            step, alive = session.standing()


def gradients(
    found: NDArray[np.float64], session: Hurried, landscape: Landscape, precision: Precision
) -> NDArray[np.float64]:
    """Mean data gradients ``(replica, weight)`` over all rows, those that are not finite by the cpu engine's sums."""
    _, alive = session.standing()
    doubtful = np.flatnonzero(alive & ~np.isfinite(found).all(axis=1))
    if not doubtful.size:
        return found
    network, data, weights = landscape.mlp("a second look"), landscape.dataset, session.ensemble.weights
    better = found.copy()
    for r in doubtful:
        better[r] = _gradient(precision)(network, weights[r], data.features, data.labels)
    return better


def _gradient(precision: Precision) -> Gradient:
    return partial(defined_sums.mean_gradient, precision=np.float32 if precision == "float32" else np.float64)


def _moved(ensemble: Ensemble, landscape: Landscape, dynamics: Dynamics, r: int, precision: Precision) -> Floats:
    """The weights of replica r after its next update."""
    with np.errstate(all="ignore"):
        return ReferenceSession(ensemble, landscape, dynamics).moved(r, _gradient(precision))
