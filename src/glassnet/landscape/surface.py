"""The loss landscape L(W): a network, a data set and a loss, and its value and gradient by definition."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from glassnet import _check, _html
from glassnet.datasets import Dataset
from glassnet.landscape.loss import CrossEntropy, Loss, QuadraticHinge, describe
from glassnet.landscape.network import Floats, Mlp, Network


@dataclass(frozen=True, eq=False)
class Landscape:
    """The surface that everything moves on.

    ``value`` and ``gradient`` are float64 on the processor, of an :class:`Mlp` under the quadratic hinge in plain
    NumPy; they define what every engine must find.

    Args:
        network: the network f(x, W).
        dataset: the training data; its features must be as many as the network's inputs.
        loss: the loss, its l2 included.

    Raises:
        ValueError: network, data and loss do not fit together.
    """

    network: Network
    dataset: Dataset
    loss: Loss

    def __post_init__(self) -> None:
        _check.same_kind("network", self.network, Network)
        _check.same_kind("dataset", self.dataset, Dataset)
        _check.same_kind("loss", self.loss, get_args(Loss))
        classes = self.dataset.n_classes
        found = "numbers to regress on" if self.dataset.regression else f"{classes} classes"
        if isinstance(self.loss, QuadraticHinge) and (classes is not None or self.dataset.regression):
            raise ValueError(
                f"dataset must have labels +1 and -1 for QuadraticHinge, but has {found}: "
                "read_dataset takes positive=, the classes that are +1"
            )
        if isinstance(self.loss, CrossEntropy) and classes is None:
            found = found if self.dataset.regression else "labels +1 and -1"
            raise ValueError(f"dataset must have n_classes for CrossEntropy, but has {found}")
        if isinstance(self.network, Mlp) and self.network.n_features != self.dataset.n_features:
            raise ValueError(
                f"network.n_features must be the dataset's {self.dataset.n_features}, but got {self.network.n_features}"
            )
        if not self._is_plain:
            from glassnet.landscape import autograd

            autograd.refuse_misfit(self.network, self.loss, self.dataset)

    def _repr_html_(self) -> str:
        data, n_weights = self.dataset, self.network.n_weights
        return _html.facts(
            "Landscape",
            {
                "network": f"{self.network}, N = {n_weights} weights",
                "data": f"{data}, N/P_D = {n_weights / data.n_samples:.3g}",
                "labels": _counts(data),
                "loss": describe(self.loss),
                "l2": _html.listed(self.loss.l2),
            },
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of network, data and loss, in hex: what a record says it was measured on."""
        parts: dict[str, Any] = {
            "network": list(self.network.description.values()),
            "dataset": self.dataset.fingerprint,
            "loss": [describe(self.loss), self.loss.l2],
        }
        if not self._is_plain:
            from glassnet.landscape import autograd

            parts["probe"] = autograd.probe(self.network, self.loss, self.dataset)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def without_l2(self) -> Landscape:
        """The same with l2 = 0."""
        return replace(self, loss=replace(self.loss, l2=0.0))

    def mlp(self, user: str) -> Mlp:
        """The network, for ``user``, who knows an Mlp under the quadratic hinge only.

        Raises:
            ValueError: it is another one.
        """
        if isinstance(self.network, Mlp) and isinstance(self.loss, QuadraticHinge):
            return self.network
        raise ValueError(
            f"{user} takes an Mlp under QuadraticHinge only, but got {self.network} under {describe(self.loss)}; "
            "engine 'torch' takes any"
        )

    @property
    def _is_plain(self) -> bool:
        return isinstance(self.network, Mlp) and isinstance(self.loss, QuadraticHinge)

    def value(self, weights: Floats, *, l2: float | None = None) -> float:
        """Total loss (Eq. 2) of one network ``(weight,)``; ``l2`` is needed where the loss has one a replica.

        Raises:
            ValueError: weights of another shape, or no single l2.
        """
        w = self._single_network(weights)
        return self._data_loss(w) + 0.5 * self._single_l2(l2) * float(w @ w)

    def gradient(self, weights: Floats, *, l2: float | None = None) -> NDArray[np.float64]:
        """Gradient of the total loss ``(weight,)`` at one network ``(weight,)``; ``l2`` as in :meth:`value`."""
        w = self._single_network(weights)
        return self._data_gradient(w) + self._single_l2(l2) * w

    def _data_loss(self, w: NDArray[np.float64]) -> float:
        if isinstance(self.network, Mlp) and isinstance(self.loss, QuadraticHinge):
            output = self.network.output(w, self.dataset.features)
            return float(self.loss.value(output, self.dataset.labels.astype(np.float64)).mean())
        return self._by_autograd(w)[0]

    def _data_gradient(self, w: NDArray[np.float64]) -> NDArray[np.float64]:
        if isinstance(self.network, Mlp) and isinstance(self.loss, QuadraticHinge):
            return mean_data_gradient(self.network, w, self.dataset.features, self.dataset.labels)
        return self._by_autograd(w)[1]

    def _by_autograd(self, w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        from glassnet.landscape import autograd

        return autograd.value_and_gradient(self.network, self.loss, w, self.dataset)

    def _single_network(self, weights: Floats) -> NDArray[np.float64]:
        w: NDArray[np.float64] = np.asarray(weights, dtype=np.float64)
        if w.shape != (self.network.n_weights,):
            raise ValueError(f"weights must be one network's {self.network.n_weights}, but got shape {w.shape}")
        return w

    def _single_l2(self, l2: float | None) -> float:
        if l2 is not None:
            return l2
        if isinstance(self.loss.l2, tuple):
            raise ValueError(f"l2 must be given: the loss has one a replica, {self.loss.l2}")
        return self.loss.l2


def _counts(data: Dataset) -> str:
    if data.regression:
        return f"numbers from {data.labels.min():g} to {data.labels.max():g}"
    names = data.classes or range(data.n_classes or 0)
    return ", ".join(
        f"{count} of {label:+g}" if data.n_classes is None else f"{count} of class {names[int(label)]}"
        for label, count in zip(*np.unique(data.labels, return_counts=True), strict=True)
    )


def mean_data_gradient(
    network: Mlp, weights: NDArray[np.float64], features: Floats, labels: Floats
) -> NDArray[np.float64]:
    """Gradient of the mean data loss over the given rows at one network, ``(weight,)``, in float64.

    Backpropagation through awake rows and active units only: the others contribute nothing, even where activations or
    weights are infinite. An output that is not a number counts as awake.
    """
    *inner, last = matrices = network.unflatten(weights)
    activations = [np.asarray(features, dtype=np.float64)]
    for matrix in inner:
        activations.append(np.maximum(activations[-1] @ matrix, 0.0))
    output = (activations[-1] @ last)[:, 0]
    signs = np.asarray(labels, dtype=np.float64)
    awake = ~(signs * output >= 1.0)
    activations = [a[awake] for a in activations]
    delta = QuadraticHinge.slope(output[awake], signs[awake])[:, None]
    gradients: list[Floats] = []
    for matrix, activation in zip(reversed(matrices), reversed(activations), strict=True):
        gradients.append(activation.T @ delta)
        delta = np.where(activation > 0, delta @ matrix.T, 0.0)
    return np.asarray(network.flatten(gradients[::-1]), dtype=np.float64) / len(signs)
