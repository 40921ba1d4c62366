"""Experiments that start from one quench: by SGD from random weights, or made elsewhere and given as an ensemble."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Self, TypeVar

from glassnet.runs.experiment import Experiment
from glassnet.runs.fields import Count, NotNegative, Whole, by_name
from glassnet.runs.point import Point

if TYPE_CHECKING:
    from glassnet.runs.plan import Plan
    from glassnet.simulate.ensemble import Ensemble

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")


def _fingerprints(name: str, value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    found = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if not found or not all(isinstance(one, str) and _FINGERPRINT.fullmatch(one) for one in found):
        raise ValueError(f"{name} must be SHA-256 fingerprints of replicas, but got {value!r}")
    return found


class Quenched(Experiment):
    """Base of experiments on quenched networks.

    Args:
        width: units in each hidden layer.
        l2: lambda.
        epochs: length of the quench; of given replicas, what the longest of them had.
        quenched: fingerprints of given replicas, by origin; None for random weights and SGD.
    """

    width: Count
    l2: NotNegative
    epochs: Whole
    quenched: Annotated[tuple[str, ...] | None, by_name(_fingerprints)] = None

    from_whole_epochs: ClassVar[bool] = False
    """Whether what is measured needs replicas that all stand at the end of the same epoch."""
    quench_ends: ClassVar[tuple[str, ...]] = ()
    """Fields that say when a quench by SGD ends before its last epoch; None for given replicas."""

    def can_grow(self, name: str) -> bool:
        """Given replicas may be more, too."""
        return name == "quenched" or super().can_grow(name)

    def holds(self, name: str, value: Any, old: Any) -> bool:
        """The given replicas of before must be the first ones."""
        return bool(value[: len(old)] == old) if name == "quenched" else super().holds(name, value, old)

    @property
    def fixed_numbers(self) -> dict[str, Any]:
        """With the first of the given replicas: runs from others are others."""
        return super().fixed_numbers | {"quenched": None if self.quenched is None else self.quenched[0]}

    def started_from(self, ensemble: Ensemble, fixed: Collection[str] = ()) -> Self:
        """The same request from given replicas instead of random weights and SGD: :func:`start_from`."""
        return start_from(self, ensemble, fixed)

    @property
    def quench(self) -> Point:
        """The point at the end of SGD, at which all that is measured starts."""
        if self.quenched is None:
            return self.trained(self.width, self.l2, self.epochs)
        return replace(self.trained(self.width, self.l2, 0), start=self.quenched)


Request = TypeVar("Request", bound=Quenched)


def start_from(request: Request, ensemble: Ensemble, fixed: Collection[str] = ()) -> Request:
    """The same request from given replicas instead of random weights and SGD.

    The first replicas are taken, as many as are asked for or as there are; seed and length of the quench are theirs.

    Args:
        request: what is asked for.
        ensemble: quenched replicas, origins 0, 1, ... of one seed; float32 ones only where float32 is asked for.
        fixed: fields whose numbers must stay as they are.

    Raises:
        ValueError: replicas that do not fit, naming what of them does not.
    """
    import numpy as np

    network = request.quench.surface.network
    if ensemble.network != network:
        raise ValueError(f"quenched must hold networks {network}, but holds {ensemble.network}")
    if not np.array_equal(ensemble.origin, np.arange(len(ensemble))):
        raise ValueError(
            f"quenched must hold origins 0, 1, ... in this order, but holds {ensemble.origin.tolist()}; "
            "ensemble.rename gives them others"
        )
    if len(set(ensemble.seed.tolist())) > 1:
        raise ValueError(f"quenched must hold replicas of one seed, but holds {ensemble.seed.tolist()}")
    if not ensemble.alive.all():
        raise ValueError(f"quenched must hold no diverged replica, but {int(np.argmin(ensemble.alive))} is one")
    if ensemble.weights.dtype != np.float64 and request.dtype != "float32":
        raise ValueError(f"quenched must be float64 with dtype = 'float64', but is {ensemble.weights.dtype}")
    if request.from_whole_epochs and (len(steps := set(ensemble.step.tolist())) > 1 or steps.pop() % request.epoch):
        raise ValueError(
            f"quenched must hold replicas at the end of the same epoch of {request.epoch} steps, "
            f"but holds them at steps {ensemble.step.tolist()}"
        )
    known = {"seed": int(ensemble.seed[0]), "epochs": -(-int(ensemble.step.max()) // request.epoch)}
    for name, value in known.items():
        if name in fixed and getattr(request, name) != value:
            raise ValueError(f"{name} must be {value}, which quenched has, but got {getattr(request, name)}")
    if "replicas" in fixed and request.replicas > len(ensemble):
        raise ValueError(f"replicas must be at most {len(ensemble)}, which quenched holds, but got {request.replicas}")
    n = min(request.replicas, len(ensemble))
    given = {"replicas": n, "quenched": [fingerprint(ensemble, i) for i in range(n)]}
    return type(request).of(dict(request) | known | given | dict.fromkeys(request.quench_ends))


def fingerprint(ensemble: Ensemble, i: int) -> str:
    """SHA-256 (hex) of all that the future of replica ``i`` depends on."""
    about = [ensemble.network, *(int(getattr(ensemble, name)[i]) for name in ("seed", "origin", "step", "alive"))]
    weights = ensemble.weights[i]
    digest = hashlib.sha256(repr([*about, weights.dtype.name]).encode())
    digest.update(weights.astype(weights.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def taken(given: Ensemble | None, origin: int, wanted: str, dtype: str) -> Ensemble:
    """The given replica that has a fingerprint, as the start of a run.

    Raises:
        ValueError: it is not among them.
    """
    if given is None or origin >= len(given) or fingerprint(given, origin) != wanted:
        raise ValueError(f"quenched must be the ensemble that the run began with: its origin {origin} is needed")
    import numpy as np

    replica = given[[origin]]
    return replace(replica, weights=replica.weights.astype(dtype), noise=np.zeros(1, np.int64), state={})


def refuse_missing(plan: Plan, given: Ensemble | None) -> None:
    """Refuse to begin work that needs given replicas without them.

    Raises:
        ValueError: as :func:`taken`.
    """
    for block in plan.blocks:
        if block.starts_at_given:
            for member in block.members:
                assert member.point.start is not None
                taken(given, member.origin, member.point.start[member.origin], member.point.dtype)
