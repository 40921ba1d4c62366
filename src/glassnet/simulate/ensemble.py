"""An ensemble of networks: all the state there is.

A replica is who it is, not where it stands. Three integers name it: ``seed``, ``origin`` (which initial condition;
with the seed it keys initial weights and SGD permutations) and ``noise`` (which noise realisation). Its trajectory
depends on these, its weights and its step, on nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from glassnet import _check, _html
from glassnet._text import counted
from glassnet.landscape.network import Floats, Mlp, Network
from glassnet.random import MAX_NAME
from glassnet.simulate.state import EngineState, checked, joined

_PER_REPLICA = ("weights", "seed", "origin", "noise", "step", "alive")


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Replicas of one network; every array has one entry a replica and is read-only.

    Args:
        network: what the weights belong to.
        weights: ``(replica, weight)``, float64 or float32; finite.
        seed: ``(replica,)`` int64, 0 to 2^32 - 1.
        origin: ``(replica,)`` int64, 0 to 2^32 - 1.
        noise: ``(replica,)`` int64, 0 to 2^32 - 1.
        step: ``(replica,)`` int64, updates made in the replica's life.
        alive: ``(replica,)`` bool; a replica that diverged stands at its last finite weights and is not alive.
        state: what engines keep from step to step, by who owns it (:class:`glassnet.engines.EngineState`). The verbs
            hand it on; an evolution that does not need it drops it.

    Raises:
        ValueError: shapes do not fit, or weights are not finite.
    """

    network: Network
    weights: Floats
    seed: NDArray[np.int64]
    origin: NDArray[np.int64]
    noise: NDArray[np.int64]
    step: NDArray[np.int64]
    alive: NDArray[np.bool_]
    state: Mapping[str, EngineState] = field(default_factory=dict)

    def __post_init__(self) -> None:
        weights = np.array(self.weights, order="C", ndmin=2)
        if weights.dtype not in (np.float64, np.float32):
            raise ValueError(f"weights must be float64 or float32, but got {weights.dtype}")
        if weights.ndim != 2 or weights.shape[1] != self.network.n_weights or not len(weights):
            raise ValueError(
                f"weights must have shape (replica, {self.network.n_weights}) for {self.network}, "
                f"but got {weights.shape}"
            )
        bad = np.flatnonzero(~np.isfinite(weights).all(axis=1))
        if bad.size:
            raise ValueError(f"weights must be finite, but those of replica {bad[0]} are not")
        _freeze(self, "weights", weights)
        for name, high in (("seed", MAX_NAME), ("origin", MAX_NAME), ("noise", MAX_NAME), ("step", _check.MAX_STEP)):
            array = np.array(getattr(self, name))
            if array.shape != weights.shape[:1] or array.dtype.kind not in "iu":
                raise ValueError(
                    f"{name} must be {len(weights)} integers, one a replica, "
                    f"but got {array.dtype} of shape {array.shape}"
                )
            outside = np.flatnonzero((array < 0) | (array > high))
            if outside.size:
                raise ValueError(
                    f"{name} must be from 0 to {high}, but got {array[outside[0]]} at replica {outside[0]}"
                )
            _freeze(self, name, array.astype(np.int64))
        alive = np.array(self.alive, dtype=np.bool_)
        if alive.shape != weights.shape[:1]:
            raise ValueError(f"alive must be {len(weights)} booleans, but got shape {alive.shape}")
        _freeze(self, "alive", alive)
        object.__setattr__(self, "state", checked(self.state, len(weights)))

    @classmethod
    def random(
        cls,
        network: Network,
        n_replicas: SupportsIndex,
        *,
        seed: SupportsIndex = 0,
        init: Literal["uniform", "normal"] = "uniform",
        std: SupportsFloat | None = None,
        dtype: DTypeLike = np.float64,
    ) -> Ensemble:
        """Origins 0 to ``n_replicas`` - 1 of ``seed``, noise 0, at step 0.

        Args:
            network: what to draw weights for.
            n_replicas: how many, at least 1.
            seed: 0 to 2^32 - 1.
            init: "uniform" on +-1/sqrt(fan_in), or "normal" with standard deviation ``std``.
            std: only with ``init="normal"``, where it must be given.
            dtype: float64 or float32, what the weights are kept and updated in.

        Examples:
            >>> import glassnet as gn
            >>> start = gn.Ensemble.random(gn.Mlp(n_features=4, width=6, depth=2), n_replicas=4, seed=0)
            >>> start.weights.shape
            (4, 66)
            >>> print(start.origin, start.repeat(noise=[7, 8]).noise)
            [0 1 2 3] [7 7 7 7 8 8 8 8]
            >>> print(start[1:3].origin)
            [1 2]
        """
        n = _check.integer("n_replicas", n_replicas, low=1)
        key = _check.integer("seed", seed, low=0, high=MAX_NAME)
        _check.choice("init", init, ("uniform", "normal"))
        if (init == "normal") != (std is not None):
            raise ValueError(f'std must be given with init="normal" and only then, but got {init=}, {std=}')
        width = None if std is None else _check.number("std", std, positive=True)
        weights = np.stack([network.initial_weights(key, origin, std=width) for origin in range(n)])
        return cls.from_weights(network, weights.astype(_float_type(dtype)), seed=key)

    @classmethod
    def from_weights(
        cls,
        network: Network,
        weights: ArrayLike | Sequence[ArrayLike] | Mapping[str, Any],
        *,
        seed: int | ArrayLike = 0,
        origin: ArrayLike | None = None,
        noise: int | ArrayLike = 0,
        step: int | ArrayLike = 0,
        dtype: DTypeLike | None = None,
    ) -> Ensemble:
        """Your own weights as an ensemble.

        Args:
            network: what the weights belong to.
            weights: flat ``(replica, weight)`` or ``(weight,)``; or a list of depth + 1 matrices
                ``([replica,] fan_in, fan_out)``; or the ``state_dict`` of a torch module, whose matrices
                ``([replica,] fan_out, fan_in)`` are taken in their order and transposed (biases are refused). Of a
                :class:`glassnet.TorchNetwork` flat ones, or the ``state_dict`` by its names.
            seed: one number or one a replica, as are the next three.
            origin: 0, 1, ... where not given.
            noise: which noise realisation.
            step: updates made so far.
            dtype: float64 or float32; by default that of float32 weights is kept and all else becomes float64.

        Raises:
            ValueError: weights that are no finite real numbers or do not fit the network, names out of range or of
                the wrong number, or two replicas of the same name and step.
        """
        flat = np.atleast_2d(_flat_weights(network, weights))
        if dtype is not None:
            flat = flat.astype(_float_type(dtype))
        elif flat.dtype != np.float32:
            flat = flat.astype(np.float64)
        n = len(flat)
        return _distinct(
            cls(
                network=network,
                weights=flat,
                seed=_one_each("seed", seed, n),
                origin=_one_each("origin", np.arange(n) if origin is None else origin, n),
                noise=_one_each("noise", noise, n),
                step=_one_each("step", step, n),
                alive=np.ones(n, dtype=np.bool_),
            )
        )

    def __len__(self) -> int:
        return len(self.weights)

    def __repr__(self) -> str:
        return (
            f"Ensemble({len(self)} replicas of {self.network}, {self.weights.dtype}, "
            f"steps {self.step.min()} to {self.step.max()}, {np.count_nonzero(~self.alive)} diverged)"
        )

    def _repr_html_(self) -> str:
        spread = self.weights.astype(np.float64).std(axis=1)
        return _html.facts(
            f"Ensemble of {counted(len(self), 'replica')}",
            {
                "network": f"{self.network}, N = {self.network.n_weights} weights, {self.weights.dtype}",
                "seed": _html.listed(self.seed),
                "origin": _html.listed(self.origin),
                "noise": _html.listed(self.noise),
                "steps made": _html.listed(self.step),
                "std of weights": f"{spread.min():.3g} to {spread.max():.3g}",
                "diverged": str(np.count_nonzero(~self.alive)),
            },
        )

    def __getitem__(self, index: SupportsIndex | slice | ArrayLike) -> Ensemble:
        """The replicas that a number, a slice, a mask or a list of positions picks, with their names.

        Raises:
            IndexError: a position outside the ensemble, or a mask of the wrong length.
            ValueError: nothing is picked, or a replica twice.
        """
        picked = positions(len(self), index)
        state = {owner: one[picked] for owner, one in self.state.items()}
        return Ensemble(self.network, **{name: getattr(self, name)[picked] for name in _PER_REPLICA}, state=state)

    def repeat(self, noise: Sequence[SupportsIndex] | NDArray[np.int64]) -> Ensemble:
        """All replicas with ``noise[0]``, then all with ``noise[1]``, and so on: the same starts, other noise."""
        values = [_check.integer(f"noise[{i}]", x, low=0, high=MAX_NAME) for i, x in enumerate(noise)]
        if not values or len(set(values)) != len(values):
            raise ValueError(f"noise must name at least one noise realisation and each once, but got {values}")
        stacked = {
            name: np.concatenate([getattr(self, name)] * len(values))
            for name in ("weights", "seed", "origin", "step", "alive")
        }
        state = joined([self.state] * len(values), [len(self)] * len(values))
        return Ensemble(
            self.network, noise=np.repeat(np.array(values, dtype=np.int64), len(self)), **stacked, state=state
        )

    def rename(
        self,
        *,
        seed: ArrayLike | None = None,
        origin: ArrayLike | None = None,
        noise: ArrayLike | None = None,
    ) -> Ensemble:
        """The same weights under other names; each of the three is one number or one a replica.

        Raises:
            ValueError: names out of range or of the wrong number, or two replicas of the same name and step.
        """
        given = {"seed": seed, "origin": origin, "noise": noise}
        changes = {name: _one_each(name, value, len(self)) for name, value in given.items() if value is not None}
        return _distinct(replace(self, **changes))  # type: ignore[arg-type]


def concat(ensembles: Sequence[Ensemble]) -> Ensemble:
    """The replicas of several ensembles of one network as one ensemble, in order.

    Raises:
        ValueError: the networks or dtypes differ, or two replicas have the same name and step.
    """
    if not ensembles:
        raise ValueError("ensembles must hold at least one ensemble, but got none")
    first = ensembles[0]
    for i, other in enumerate(ensembles[1:], start=1):
        if other.network != first.network:
            raise ValueError(f"all ensembles must have {first.network}, but number {i} has {other.network}")
        if other.weights.dtype != first.weights.dtype:
            raise ValueError(
                f"all ensembles must have {first.weights.dtype} weights, but number {i} has {other.weights.dtype}"
            )
    return _distinct(join(ensembles))


def join(ensembles: Sequence[Ensemble]) -> Ensemble:
    """As :func:`concat`, for replicas that may bear the same name because they move on different surfaces."""
    return Ensemble(
        ensembles[0].network,
        **{name: np.concatenate([getattr(e, name) for e in ensembles]) for name in _PER_REPLICA},
        state=joined([e.state for e in ensembles], [len(e) for e in ensembles]),
    )


def positions(n_replicas: int, index: Any) -> NDArray[np.int64]:
    """The positions that a number, a slice, a mask or a list picks among ``n_replicas``.

    Raises:
        IndexError: a position outside, a mask of the wrong length, or another kind of index.
        ValueError: nothing is picked, or a replica twice.
    """
    if index is None or isinstance(index, (bool, np.bool_)):
        raise IndexError(f"the index must be a number, a slice, a mask or a list of positions, but got {index!r}")
    picked = np.atleast_1d(np.arange(n_replicas)[index])
    if picked.ndim != 1:
        raise IndexError(f"the index must have one dimension, but picks replicas of shape {picked.shape}")
    if picked.size == 0 or len(np.unique(picked)) != picked.size:
        raise ValueError(
            f"the index must pick at least one of the {n_replicas} replicas and each at most once, but got {index!r}"
        )
    return picked


def _distinct(ensemble: Ensemble) -> Ensemble:
    """The ensemble, unless two of its replicas have the same name and step.

    Asked where a user puts replicas together. What evolves from there may meet (a replica that is frozen and an
    older copy of it that catches up), and harms nobody.
    """
    names = np.stack([ensemble.seed, ensemble.origin, ensemble.noise, ensemble.step], axis=1)
    _, first, count = np.unique(names, axis=0, return_index=True, return_counts=True)
    if np.any(count > 1):
        twice = names[first[np.argmax(count > 1)]]
        where = np.flatnonzero((names == twice).all(axis=1))
        raise ValueError(
            f"replicas must differ in (seed, origin, noise) or step, but replicas {where[0]} and {where[1]} "
            f"are both seed {twice[0]}, origin {twice[1]}, noise {twice[2]} at step {twice[3]}: "
            f"rename one first, for example ensemble.rename(noise=1)"
        )
    return ensemble


def _one_each(name: str, values: ArrayLike, n_replicas: int) -> NDArray[Any]:
    array = np.asarray(values)
    if array.shape not in ((), (n_replicas,)):
        raise ValueError(f"{name} must be one number, or one for each of {n_replicas} replicas, but got {array.shape}")
    return np.broadcast_to(array, (n_replicas,))


def _flat_weights(network: Network, weights: Any) -> Floats:
    flat = _joined(network, weights)
    if flat.dtype.kind not in "fiu":
        raise ValueError(f"weights must be real numbers, but got {flat.dtype}")
    return flat


def _joined(network: Network, weights: Any) -> Floats:
    if not isinstance(network, Mlp):
        return network.flatten(weights) if isinstance(weights, Mapping) else np.asarray(weights)
    if isinstance(weights, Mapping):
        matrices = {name: np.asarray(value) for name, value in weights.items()}
        for name, matrix in matrices.items():
            if matrix.ndim < 2:
                raise ValueError(f"weights must hold matrices only (no biases), but {name!r} has shape {matrix.shape}")
        return network.flatten([np.swapaxes(matrix, -1, -2) for matrix in matrices.values()])
    if isinstance(weights, Sequence) and len(weights) and np.ndim(weights[0]) >= 2:
        return network.flatten([np.asarray(matrix) for matrix in weights])
    return np.asarray(weights)


def _float_type(dtype: DTypeLike) -> np.dtype[Any]:
    kind = np.dtype(dtype)
    if kind not in (np.float64, np.float32):
        raise ValueError(f"dtype must be float64 or float32, but got {kind}")
    return kind


def _freeze(ensemble: Ensemble, name: str, array: NDArray[Any]) -> None:
    array.setflags(write=False)
    object.__setattr__(ensemble, name, array)
