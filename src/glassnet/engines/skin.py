"""The skin of the cpu engine: which rows are looked at, how wide it is and what it has missed.

The cpu engine steps with it (:class:`glassnet.engines.Cpu`, ``skin=True``); here its state is packed for the ensemble
that carries it, and unpacked. A replica's tag is the SHA-256 of the landscape, dynamics and settings under which its
list was made; under any others the list is not used.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

import numpy as np
from numpy.typing import NDArray

from glassnet import _check
from glassnet.engines.base import Engine
from glassnet.landscape.surface import Landscape
from glassnet.simulate.dynamics import Dynamics, Langevin, describe
from glassnet.simulate.ensemble import Ensemble
from glassnet.simulate.state import EngineState

OWNER: Final = "skin"

SETTINGS: Final = {
    "interval": 100,
    "first_width": 0.1,
    "widen": 2.0,
    "narrow": 0.85,
    "narrowest": 1e-6,
    "widest": 1e6,
}

Skins = tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64], NDArray[np.uint8]]
"""One entry a replica in each: whether it has a list; width, rows with y f up to 1 + width at the last full pass are
listed; rows that full passes found awake unlisted since its first list; the list, a bit a row, first row highest."""


def packed(tags: NDArray[np.str_], skins: Skins) -> dict[str, EngineState]:
    """The state of an ensemble whose replicas have these tags and skins."""
    listed, width, missed, rows = skins
    tag = np.where(listed, tags, "")
    return {OWNER: EngineState(tag, {"width": width, "rows": rows}, {"missed_wakings": missed})}


def unpacked(ensemble: Ensemble, tags: NDArray[np.str_] | None, n_samples: int) -> Skins:
    """The skins that replicas with these tags go on from; none is listed where ``tags`` is None.

    Raises:
        ValueError: a state of the skin's that it has not packed.
    """
    n, state = len(ensemble), ensemble.state.get(OWNER)
    none = np.zeros(n, np.bool_), np.zeros(n), np.zeros(n, np.int64), np.zeros((n, 0), np.uint8)
    if tags is None or state is None:
        return none
    if state.layout != (wanted := packed(tags, none)[OWNER].layout):
        raise ValueError(f"state {OWNER!r} must have {wanted}, but has {state.layout}")
    listed = state.tag == tags
    rows = np.ascontiguousarray(state.arrays["rows"][:, : (n_samples + 7) // 8])
    return listed, state.arrays["width"], state.counts["missed_wakings"], rows


def tags(engine: Engine, landscape: Landscape, dynamics: Dynamics, n_replicas: int) -> NDArray[np.str_]:
    """One a replica: a hash of all that a list depends on but the replica itself."""
    numbers = {"learning_rate": dynamics.learning_rate, "l2": landscape.loss.l2}
    if isinstance(dynamics, Langevin):
        numbers["temperature"] = dynamics.temperature
    spread = {name: _check.spread(name, value, n_replicas) for name, value in numbers.items()}
    common = {
        "landscape": landscape.without_l2.fingerprint,
        "dynamics": describe(dynamics)["kind"],
        "skin": SETTINGS,
        "engine": [engine.name, engine.version, engine.gradient],
    }
    texts = [
        json.dumps(common | {name: float(values[r]) for name, values in spread.items()}, sort_keys=True)
        for r in range(n_replicas)
    ]
    return np.array([hashlib.sha256(text.encode()).hexdigest() for text in texts])
