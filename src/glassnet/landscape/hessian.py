"""Second derivatives of the total loss at one network, as products with a vector and as extreme eigenvalues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from glassnet import _check
from glassnet.landscape.network import Floats
from glassnet.landscape.surface import Landscape

Floats64 = NDArray[np.float64]

_PRODUCT: Final = 2**18
"""Multiplications that libraries of linear algebra leave to one thread: for so small matrices more would only wait for
each other. Rows are taken in blocks of that size, which also stay near the processor."""

_TOLERANCE: Final = 1e-4
_BASIS: Final = 50
_RESTARTS: Final = 100


@dataclass(frozen=True)
class Spectrum:
    """The ends of a spectrum.

    Args:
        smallest: eigenvalues, from the lowest.
        largest: eigenvalues, from the highest.
        residual: the largest norm of H v - e v over all of them, which no eigenvalue is wrong by more than.
    """

    smallest: Floats64
    largest: Floats64
    residual: float


class Hessian:
    r"""H_ij = d^2 L/dw_i dw_j of the total loss (Section III A) at one network, in float64.

    ReLU and hinge are quadratic in pieces, so that inside a piece the second derivative is exact: an awake row adds
    (grad f)(grad f)^T + (f - y) Hess f over P_D, where Hess f, f being a product of matrices under fixed masks, couples
    different layers only; a sleeping row adds nothing, l2 adds l2 to the diagonal. Products follow the derivative of
    backpropagation along a direction V: with h_k = m_k (h_(k-1) W_k) and delta_k the derivative with respect to
    h_(k-1) W_k,

        R h_k         = m_k (R h_(k-1) W_k + h_(k-1) V_k),      R h_0 = 0
        R delta_out   = R f / P_D
        R delta_(k-1) = m_(k-1) (R delta_k W_k^T + delta_k V_k^T)
        (H V)_k       = (R h_(k-1))^T delta_k + h_(k-1)^T R delta_k + l2 V_k

    On the edge between two pieces, where gradients jump and a descent may well end, an active unit is one with h > 0
    and an awake row one with y f < 1: second derivatives are then those of one side.

    Args:
        landscape: the surface.
        weights: one network ``(weight,)``.
        l2: needed where the loss has one a replica.

    Raises:
        ValueError: weights of another shape, or no single l2.
    """

    def __init__(self, landscape: Landscape, weights: Floats, *, l2: float | None = None) -> None:
        network, data = landscape.mlp("Hessian"), landscape.dataset
        w: Floats64 = np.asarray(weights, dtype=np.float64)
        if w.shape != (network.n_weights,):
            raise ValueError(f"weights must be one network's {network.n_weights}, but got shape {w.shape}")
        if l2 is None and isinstance(landscape.loss.l2, tuple):
            raise ValueError(f"l2 must be given: the loss has one a replica, {landscape.loss.l2}")
        self._network = network
        self._l2 = float(landscape.loss.l2 if l2 is None else l2)  # type: ignore[arg-type]
        self._matrices = [np.asarray(matrix) for matrix in network.unflatten(w)]
        self._n_samples = data.n_samples
        rows = max(32, _PRODUCT // network.width**2)
        self._blocks = [
            self._forward_and_back(data.features[i : i + rows], data.labels[i : i + rows])
            for i in range(0, data.n_samples, rows)
        ]

    def __matmul__(self, direction: Floats) -> Floats64:
        """H V for a direction ``(weight,)``."""
        along = self._network.unflatten(np.asarray(direction, dtype=np.float64))
        total = [self._l2 * np.asarray(part) for part in along]
        for activations, deltas in self._blocks:
            moved = self._moved(activations, along)
            change = (moved[-1] @ self._matrices[-1] + activations[-1] @ along[-1]) / self._n_samples
            for k in range(len(deltas) - 1, -1, -1):
                total[k] = total[k] + moved[k].T @ deltas[k] + activations[k].T @ change
                if k:
                    change = (change @ self._matrices[k].T + deltas[k] @ along[k].T) * (activations[k] > 0)
        return np.asarray(self._network.flatten(total), dtype=np.float64)

    def extremes(self, n: int = 3) -> Spectrum:
        """The ``n`` smallest and the ``n`` largest eigenvalues, by Lanczos' method.

        Raises:
            ValueError: n is not from 1 to N - 1.
            RuntimeError: the method did not converge.
        """
        count = _check.integer("n", n, low=1, high=self._network.n_weights - 1)
        top, up = self._largest(self.__matmul__, count)
        # Seen from above the top, the lowest are the largest, and tolerances are shares of the whole width.
        shift = 2.0 * float(np.abs(top).max())
        distance, down = self._largest(lambda v: shift * v - (self @ v), count)
        bottom = shift - distance
        pairs = [*zip(top, up.T, strict=True), *zip(bottom, down.T, strict=True)]
        residual = max(float(np.linalg.norm(self @ vector - value * vector)) for value, vector in pairs)
        return Spectrum(np.sort(bottom), np.sort(top)[::-1], residual)

    def _largest(self, product: Callable[[Floats64], Floats64], n: int) -> tuple[Floats64, Floats64]:
        """The n largest eigenvalues of an operator of this size, and their vectors in columns."""
        size = self._network.n_weights
        try:
            values, vectors = eigsh(
                LinearOperator((size, size), product, dtype=np.float64),
                k=n,
                which="LA",
                v0=np.random.default_rng(0).standard_normal(size),
                ncv=min(size, max(_BASIS, 2 * n + 1)),
                maxiter=_RESTARTS,
                tol=_TOLERANCE,
            )
        except ArpackNoConvergence as error:
            raise RuntimeError(f"Lanczos' method did not converge for {self._network}: {error}") from None
        return values, np.asarray(vectors, dtype=np.float64)

    def _forward_and_back(self, features: Floats, labels: Floats) -> tuple[list[Floats64], list[Floats64]]:
        """Activations before each matrix, and derivatives behind it, of a block's awake rows."""
        activations: list[Floats64] = [np.asarray(features, dtype=np.float64)]
        for matrix in self._matrices[:-1]:
            activations.append(np.maximum(activations[-1] @ matrix, 0.0))
        output = (activations[-1] @ self._matrices[-1])[:, 0]
        signs = np.asarray(labels, dtype=np.float64)
        awake = signs * output < 1.0
        activations = [one[awake] for one in activations]
        deltas = [((output - signs)[awake] / self._n_samples)[:, None]]
        for matrix, activation in zip(self._matrices[:0:-1], activations[:0:-1], strict=True):
            deltas.append((deltas[-1] @ matrix.T) * (activation > 0))
        return activations, deltas[::-1]

    def _moved(self, activations: list[Floats64], along: list[Floats]) -> list[Floats64]:
        """R h before each matrix."""
        moved: list[Floats64] = [np.zeros_like(activations[0])]
        for k in range(len(activations) - 1):
            change = moved[k] @ self._matrices[k] + activations[k] @ along[k]
            moved.append(change * (activations[k + 1] > 0))
        return moved
