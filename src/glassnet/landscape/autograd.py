"""Any network under any loss, many replicas at once: PyTorch differentiates, torch.func batches. Needs PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import grad, vmap

from glassnet.datasets import Dataset
from glassnet.landscape.loss import CrossEntropy, Loss, TorchLoss
from glassnet.landscape.network import Mlp, Network
from glassnet.landscape.torch_network import TorchNetwork, undisturbed
from glassnet.random import Purpose, gaussian, words

_BLOCK: Final = 256
"""Rows at once."""


@dataclass(frozen=True)
class Rows:
    """Sums over some rows, one a replica ``(replica,)``, and of the gradient ``(replica, weight)``.

    ``nonzero`` counts the outputs that are not 0.
    """

    loss: Tensor
    awake: Tensor
    right: Tensor
    nonzero: Tensor
    gradient: Tensor


def look(network: Network, loss: Loss, weights: Tensor, features: Tensor, labels: Tensor) -> Rows:
    """Loss and gradient of replicas ``weights`` (replica, weight) summed over rows.

    Args:
        network: whose weights they are.
        loss: its l2 plays no part.
        weights: in the precision of the gradient.
        features: ``(row, feature)``, or ``(replica, row, feature)`` where each replica has its own rows.
        labels: ``(row,)`` or ``(replica, row)``; int64 where they are classes, else in the weights' precision.

    Returns:
        Sums of the losses, in float64 where the device has it; counts; and the gradient in the weights' precision.
        A loss that is not a number counts as awake.
    """
    exact = torch.float32 if weights.device.type == "mps" else torch.float64

    def total(w: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        f = _outputs(network, w, x)
        losses = _of_rows(loss, f, y)
        right = y * f[:, 0] > 0.0 if y.is_floating_point() else f.argmax(dim=1) == y
        return losses.sum(), (losses.to(exact).sum(), (~(losses == 0.0)).sum(), right.sum(), (f != 0.0).sum())

    own = 0 if features.ndim == 3 else None
    batched = vmap(grad(total, has_aux=True), in_dims=(0, own, own), randomness="error")
    gradient, (summed, awake, right, nonzero) = batched(weights, features, labels)
    return Rows(summed, awake, right, nonzero, gradient)


@undisturbed()
def probe(network: Network, loss: Loss, data: Dataset) -> list[str]:
    """Outputs and losses of the first rows at weights that are always the same, to six digits.

    They tell apart what names and shapes do not: activations that are functions, buffers, numbers inside a loss.
    """
    n = network.n_weights
    drawn = gaussian(words(Purpose.INITIAL_WEIGHTS, 0, 0, 0, 0, n + n % 2))[:n]
    features, labels = _tensors(data, min(2, data.n_samples))
    with torch.no_grad():
        f = _outputs(network, torch.from_numpy(0.3 * drawn), features)
        losses = _of_rows(loss, f, labels)
    return [f"{x:.5e}" for x in [*f.flatten().tolist(), *losses.tolist()]]


@undisturbed()
def kept_per_row(network: Network, loss: Loss, data: Dataset) -> int:
    """How many numbers a network keeps of each row until it has gone back through it."""
    weights = torch.from_numpy(network.initial_weights(0, 0)).requires_grad_()
    features, labels = (tensor.repeat_interleave(2, dim=0) for tensor in _tensors(data, 1))
    kept = [0, 0]
    for i in range(2):

        def keep(tensor: Tensor, i: int = i) -> Tensor:
            kept[i] += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            _of_rows(loss, _outputs(network, weights, features[: i + 1]), labels[: i + 1]).sum()
    return max(1, kept[1] - kept[0])


@undisturbed()
def value_and_gradient(
    network: Network, loss: Loss, weights: NDArray[np.float64], data: Dataset
) -> tuple[float, NDArray[np.float64]]:
    """Mean data loss and its gradient ``(weight,)`` at one network, in float64."""
    w = torch.from_numpy(weights.copy())[None]
    features, labels = (tensor.split(_BLOCK) for tensor in _tensors(data, data.n_samples))
    parts = [look(network, loss, w, x, y) for x, y in zip(features, labels, strict=True)]
    total = sum(float(part.loss[0]) for part in parts)
    gradient = torch.stack([part.gradient[0] for part in parts]).sum(dim=0)
    return total / data.n_samples, np.asarray(gradient.numpy() / data.n_samples)


def _tensors(data: Dataset, n_rows: int) -> tuple[Tensor, Tensor]:
    labels = torch.from_numpy(data.labels[:n_rows].copy())
    features = torch.from_numpy(data.features[:n_rows].copy()).double()
    return features, labels.long() if data.n_classes else labels.double()


def _outputs(network: Network, weights: Tensor, features: Tensor) -> Tensor:
    """f(x, W) of one network ``(weight,)``: ``(row, output)``."""
    if isinstance(network, TorchNetwork):
        return network.outputs(weights, features)
    assert isinstance(network, Mlp)
    *inner, last = (
        weights[where].unflatten(0, shape) for where, shape in zip(network.layer_slices, network.shapes, strict=True)
    )
    hidden = features
    for matrix in inner:
        hidden = torch.relu(hidden @ matrix)
    return hidden @ last


def _of_rows(loss: Loss, f: Tensor, y: Tensor) -> Tensor:
    if isinstance(loss, CrossEntropy):
        return torch.nn.functional.cross_entropy(f, y, reduction="none")
    if isinstance(loss, TorchLoss):
        return loss.of_rows(f, y)
    margin = y * f[:, 0]
    return 0.5 * torch.where(margin >= 1.0, 0.0, 1.0 - margin) ** 2


@undisturbed()
def refuse_misfit(network: Network, loss: Loss, data: Dataset) -> None:
    """Try network and loss on the first rows.

    Raises:
        ValueError: one of them cannot take what it is given, or gives something else than it should.
    """
    if not isinstance(network, (Mlp, TorchNetwork)):
        raise ValueError(f"network must be an Mlp or a TorchNetwork, but is {network}, known by its layers only")
    n = min(2, data.n_samples)
    weights = torch.from_numpy(network.initial_weights(0, 0)).requires_grad_()
    features, labels = _tensors(data, n)
    given = features.clone()
    try:
        f = _outputs(network, weights, features)
    except Exception as error:
        raise ValueError(
            f"network must take rows of {data.n_features} features, but raised {type(error).__name__}: {error}"
        ) from error
    wanted = (n, data.n_classes or 1)
    if tuple(f.shape) != wanted:
        what = "one a class" if data.n_classes else "one a row"
        raise ValueError(
            f"outputs of the network must have shape {wanted} for {n} rows, {what}, but have shape {tuple(f.shape)}"
        )
    if not f.requires_grad:
        raise ValueError("outputs of the network must be made of its weights by what PyTorch differentiates")
    if not torch.equal(features, given):
        raise ValueError("network must leave the rows that it takes as they are, but changes them in place")
    weights, f = weights.detach(), f.detach()
    if isinstance(network, TorchNetwork):
        _refuse_fickle(network, weights, features, f)
    f.requires_grad_()
    try:
        losses = _of_rows(loss, f, labels)
        if not isinstance(losses, Tensor):
            raise TypeError(f"it must give a tensor, but gave a {type(losses).__name__}")
        found = tuple(losses.shape)
    except Exception as error:
        raise ValueError(
            f"loss must take outputs {wanted} and labels ({n},), but raised {type(error).__name__}: {error}"
        ) from error
    if found != (n,):
        raise ValueError(f"loss must give one number a row, ({n},) for {n} rows, but gave shape {found}")
    if not torch.isfinite(losses).all():
        raise ValueError(
            f"loss must be finite at the network's initial weights, but is {losses.tolist()} for outputs {f.tolist()} "
            f"and labels {labels.tolist()}"
        )
    if not losses.requires_grad:
        raise ValueError("loss must be made of the outputs by what PyTorch differentiates")
    try:
        with torch.no_grad():
            alone = torch.cat(
                [
                    _of_rows(loss, _outputs(network, weights, x), y)
                    for x, y in zip(features[:, None], labels[:, None], strict=True)
                ]
            )
    except Exception as error:
        raise ValueError(
            f"network and loss must take each row by itself, but raised {type(error).__name__} of one row: {error}"
        ) from error
    if not _alike(alone, losses):
        raise ValueError(
            "network and loss must take each row by itself, but give other losses for two rows, "
            f"{losses.tolist()}, than for each alone, {alone.tolist()}"
        )
    refuse_unable(network, loss, features, labels, own_rows=False)


def _refuse_fickle(network: TorchNetwork, weights: Tensor, features: Tensor, f: Tensor) -> None:
    """Refuse a network whose outputs are not a function of weights and rows.

    Args:
        network: the network.
        weights: of one network ``(weight,)``.
        features: some rows ``(row, feature)``.
        f: what it gave of them, ``(row, output)``.
    """
    with torch.no_grad():
        again, another = network.outputs(weights, features), network.outputs_of_another(weights, features)
    if not _alike(again, f):
        raise ValueError(
            f"network must give the same outputs each time, but gave {f.tolist()} and then {again.tolist()}: "
            "dropout must be a submodule, which evaluation mode reaches"
        )
    if not _alike(another, f):
        raise ValueError(
            "network must be the same but for its weights in every module that module_factory makes, but two gave "
            f"other outputs at the same weights, {f.tolist()} and {another.tolist()}: what is drawn and is no "
            "parameter must be drawn once, outside module_factory"
        )


def _alike(one: Tensor, other: Tensor) -> bool:
    return bool(torch.allclose(one, other, rtol=1e-9, atol=1e-12, equal_nan=True))


def refuse_unable(network: Network, loss: Loss, features: Tensor, labels: Tensor, *, own_rows: bool) -> None:
    """Try network and loss as an engine will have them: on a device, in a precision, batched by torch.func.

    Args:
        network: whose initial weights are taken.
        loss: its l2 plays no part.
        features: some rows ``(row, feature)``, on the device and in the precision.
        labels: theirs ``(row,)``.
        own_rows: each replica has its own rows, as in batches.

    Raises:
        ValueError: they cannot do it.
    """
    weights = torch.from_numpy(network.initial_weights(0, 0)).to(features)[None]
    x, y = (features[None], labels[None]) if own_rows else (features, labels)
    try:
        look(network, loss, weights, x, y)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        rows = ", each replica with a batch of its own" if own_rows else ""
        precision = str(features.dtype).removeprefix("torch.")
        raise ValueError(
            f"network and loss must be differentiable by torch.func in {precision} on {features.device}{rows}, "
            f"but raised {type(error).__name__}: {error}"
        ) from error
