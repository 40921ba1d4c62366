"""Networks: what the flat vector of weights belongs to, and where its layers stand in it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet import _check
from glassnet.random import Purpose, gaussian, uniform, words

Floats = NDArray[np.floating]


class Network(ABC):
    """A network, to which weights belong: layer after layer in one flat vector.

    :class:`Mlp` is the paper's; :class:`glassnet.TorchNetwork` any module of PyTorch's.
    """

    @property
    @abstractmethod
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers, each once."""

    @property
    @abstractmethod
    def layer_sizes(self) -> tuple[int, ...]:
        """Number of weights in each layer."""

    @property
    @abstractmethod
    def description(self) -> dict[str, Any]:
        """Values that tell the network apart, as JSON: networks that have it in common take each other's weights."""

    @abstractmethod
    def initial_weights(self, seed: int, origin: int, *, std: float | None = None) -> NDArray[np.float64]:
        """One network's random initial weights ``(weight,)``, which depend on (seed, origin) only.

        ``std`` asks for normal ones of that standard deviation.
        """

    @abstractmethod
    def flatten(self, weights: Any) -> Floats:
        """The flat weights ``(..., weight)`` of arrays in the network's own shapes; undoes unflatten."""

    @abstractmethod
    def unflatten(self, weights: Floats) -> Any:
        """Flat weights ``(..., weight)`` as arrays in the network's shapes: views."""

    @cached_property
    def layer_slices(self) -> tuple[slice, ...]:
        """Where each layer stands in the flat vector."""
        ends = np.cumsum(self.layer_sizes)
        return tuple(slice(int(end) - size, int(end)) for end, size in zip(ends, self.layer_sizes, strict=True))

    @cached_property
    def n_weights(self) -> int:
        """N, the number of weights."""
        return sum(self.layer_sizes)


@dataclass(frozen=True)
class Mlp(Network):
    """A multilayer perceptron with ``depth`` hidden layers of equal ``width`` and one linear output.

    No biases, ReLU after every hidden layer. The flat weight vector is layer after layer, each matrix
    ``(fan_in, fan_out)`` row-major; N = n_features width + (depth - 1) width^2 + width.

    Args:
        n_features: input dimension d.
        width: units in each hidden layer, w.
        depth: number of hidden layers, at least 1.
    """

    n_features: int
    width: int
    depth: int

    def __post_init__(self) -> None:
        for name in ("n_features", "width", "depth"):
            object.__setattr__(self, name, _check.integer(name, getattr(self, name), low=1))

    @cached_property
    def layer_widths(self) -> tuple[int, ...]:
        """Units of every layer from input to output."""
        return (self.n_features, *([self.width] * self.depth), 1)

    @cached_property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """``(fan_in, fan_out)`` of each of the depth + 1 weight matrices."""
        return tuple(zip(self.layer_widths[:-1], self.layer_widths[1:], strict=True))

    @cached_property
    def layer_sizes(self) -> tuple[int, ...]:
        """Number of weights in each matrix."""
        return tuple(fan_in * fan_out for fan_in, fan_out in self.shapes)

    @cached_property
    def layer_names(self) -> tuple[str, ...]:
        """ "layer 1" to "layer <depth>", and "output"."""
        return (*(f"layer {i}" for i in range(1, self.depth + 1)), "output")

    @property
    def description(self) -> dict[str, Any]:
        """The three numbers."""
        return {"n_features": self.n_features, "width": self.width, "depth": self.depth}

    def unflatten(self, weights: Floats) -> list[Floats]:
        """The matrices of flat weights ``(..., weight)``: one view ``(..., fan_in, fan_out)`` a layer.

        Raises:
            ValueError: the last axis is not of this network's length.
        """
        weights = np.asarray(weights)
        if weights.ndim == 0 or weights.shape[-1] != self.n_weights:
            raise ValueError(
                f"weights must have {self.n_weights} entries on their last axis (the N of {self}), "
                f"but got shape {weights.shape}"
            )
        lead = weights.shape[:-1]
        return [
            weights[..., where].reshape(*lead, *shape)
            for where, shape in zip(self.layer_slices, self.shapes, strict=True)
        ]

    def flatten(self, matrices: Sequence[Floats]) -> Floats:
        """The flat weights ``(..., weight)`` of matrices ``(..., fan_in, fan_out)``; undoes :meth:`unflatten`.

        Raises:
            ValueError: a matrix is missing or has another shape.
        """
        arrays = [np.asarray(matrix) for matrix in matrices]
        found = tuple(array.shape[-2:] for array in arrays)
        if found != self.shapes:
            raise ValueError(f"matrices must have shapes (fan_in, fan_out) {self.shapes}, but got {found}")
        if len({array.shape[:-2] for array in arrays}) > 1:
            raise ValueError(
                f"matrices must agree in all but their last two axes, but got {[array.shape for array in arrays]}"
            )
        return np.concatenate([a.reshape(*a.shape[:-2], -1) for a in arrays], axis=-1)

    def initial_weights(self, seed: int, origin: int, *, std: float | None = None) -> NDArray[np.float64]:
        """One network's random initial weights ``(weight,)``.

        Uniform on +-1/sqrt(fan_in) where ``std`` is None, else normal with that standard deviation.
        They depend on (seed, origin) and the weight's index only.
        """
        n = self.n_weights
        random_words = words(Purpose.INITIAL_WEIGHTS, seed, origin, 0, 0, n + n % 2)
        if std is not None:
            return std * gaussian(random_words)[:n]
        bound = np.concatenate([np.full(i * o, 1.0 / np.sqrt(i)) for i, o in self.shapes])
        return bound * (2.0 * uniform(random_words[:n]) - 1.0)

    def output(self, weights: Floats, features: Floats) -> NDArray[np.float64]:
        """f(x, W) in float64 of one network ``(weight,)`` for features ``(row, n_features)``: ``(row,)``."""
        hidden: NDArray[np.float64] = np.asarray(features, dtype=np.float64)
        *inner, last = self.unflatten(np.asarray(weights, dtype=np.float64))
        for matrix in inner:
            hidden = np.maximum(hidden @ matrix, 0.0)
        return (hidden @ last)[:, 0]


class StoredNetwork(Network):
    """A network that is known by its layers: what a file keeps of one that only its owner can make again.

    It takes part in all that looks at weights. To go on from them, use a landscape of the
    :class:`glassnet.TorchNetwork` that they came from.

    Args:
        module: what it was, in words.
        layer_names: what each layer is called.
        layer_sizes: number of weights in each layer.
    """

    def __init__(self, module: str, layer_names: Sequence[str], layer_sizes: Sequence[int]) -> None:
        self._module_text, self._layer_names, self._layer_sizes = module, tuple(layer_names), tuple(layer_sizes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StoredNetwork) and self.description == other.description

    def __hash__(self) -> int:
        return hash((self._module_text, self._layer_names, self._layer_sizes))

    def __repr__(self) -> str:
        return f"a network of {self.n_weights} weights in {', '.join(self.layer_names)}"

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers."""
        return self._layer_names

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Number of weights in each layer."""
        return self._layer_sizes

    @property
    def description(self) -> dict[str, Any]:
        """The three arguments."""
        return {"module": self._module_text, "layer_names": self._layer_names, "layer_sizes": self._layer_sizes}

    def initial_weights(self, seed: int, origin: int, *, std: float | None = None) -> NDArray[np.float64]:
        """Raises ValueError: nobody knows how."""
        raise ValueError(f"{self} is known by its layers only: the TorchNetwork that it was can draw weights")

    def flatten(self, weights: Any) -> Floats:
        """Raises ValueError: the shapes inside its layers are not known."""
        raise ValueError(f"{self} is known by its layers only: the TorchNetwork that it was can flatten them")

    def unflatten(self, weights: Floats) -> Any:
        """Raises ValueError: the shapes inside its layers are not known."""
        raise ValueError(f"{self} is known by its layers only: the TorchNetwork that it was can unflatten them")


def network_of(description: dict[str, Any]) -> Network:
    """The network of a :attr:`Network.description`."""
    if "module" in description:
        return StoredNetwork(**description)
    return Mlp(**description)
