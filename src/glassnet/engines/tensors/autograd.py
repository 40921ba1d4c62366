"""Any network under any loss, many replicas at once: PyTorch differentiates, torch.func batches."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import grad, vmap

from glassnet.engines.tensors.perceptron import Rows
from glassnet.landscape import Landscape
from glassnet.loss import CrossEntropy, Loss, TorchLoss
from glassnet.network import Mlp, Network
from glassnet.torch_network import TorchNetwork


def look(landscape: Landscape, weights: Tensor, features: Tensor, labels: Tensor) -> Rows:
    """As :func:`glassnet.engines.tensors.perceptron.look`, by automatic differentiation.

    Args:
        landscape: network, loss, and what kind of labels there are.
        weights: ``(replica, weight)``.
        features: ``(row, feature)``, or ``(replica, row, feature)`` where each replica has its own rows.
        labels: ``(row,)`` or ``(replica, row)``; int64 where they are classes.
    """
    exact = torch.float32 if weights.device.type == "mps" else torch.float64

    def total(w: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        f = outputs(landscape.network, w, x)
        losses = _of_rows(landscape.loss, f, y)
        right = f.argmax(dim=1) == y if landscape.dataset.n_classes else y * f[:, 0] > 0.0
        # A loss that is not a number counts as awake.
        return losses.sum(), (losses.to(exact).sum(), (~(losses == 0.0)).sum(), right.sum())

    own = 0 if features.ndim == 3 else None
    gradient, (loss, awake, right) = vmap(grad(total, has_aux=True), in_dims=(0, own, own), randomness="error")(
        weights, features, labels
    )
    return Rows(loss, awake, right, gradient)


def outputs(network: Network, weights: Tensor, features: Tensor) -> Tensor:
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


def refuse_misfit(landscape: Landscape) -> None:
    """Try network and loss on the first rows.

    Raises:
        ValueError: one of them cannot take what it is given, or gives something else than it should.
    """
    network, data = landscape.network, landscape.dataset
    if not isinstance(network, (Mlp, TorchNetwork)):
        raise ValueError(f"network must be an Mlp or a TorchNetwork, but is {network}, known by its layers only")
    n = min(2, data.n_samples)
    weights = torch.from_numpy(network.initial_weights(0, 0))
    features = torch.from_numpy(data.features[:n].copy()).double()
    labels = torch.from_numpy(data.labels[:n].copy())
    labels = labels.long() if data.n_classes else labels.double()
    try:
        with torch.no_grad():
            f = outputs(network, weights, features)
    except Exception as error:
        raise ValueError(
            f"network must take rows of {data.n_features} features, but raised {type(error).__name__}: {error}"
        ) from error
    wanted = (n, data.n_classes or 1)
    if tuple(f.shape) != wanted:
        what = "one a class" if data.n_classes else "one"
        raise ValueError(
            f"network must have {wanted[1]} outputs a row, {what}, but {n} rows gave outputs of shape {tuple(f.shape)}"
        )
    with torch.no_grad():
        try:
            losses = _of_rows(landscape.loss, f, labels)
            found = tuple(losses.shape)
        except Exception as error:
            raise ValueError(
                f"loss must take outputs {wanted} and labels ({n},), but raised {type(error).__name__}: {error}"
            ) from error
    if found != (n,):
        raise ValueError(f"loss must give one number a row, ({n},) for {n} rows, but gave shape {found}")
    try:
        look(landscape, weights[None], features, labels)
    except Exception as error:
        raise ValueError(
            f"network and loss must be differentiable by torch.func, but raised {type(error).__name__}: {error}"
        ) from error
