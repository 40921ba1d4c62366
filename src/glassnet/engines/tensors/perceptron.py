"""The multilayer perceptron of many replicas at once: batched matrix products."""

from __future__ import annotations

import torch
from torch import Tensor

from glassnet.landscape.autograd import Rows
from glassnet.landscape.network import Mlp


def look(network: Mlp, weights: Tensor, features: Tensor, labels: Tensor) -> Rows:
    """Loss and gradient of replicas ``weights`` (replica, weight) summed over rows.

    Args:
        network: whose weights they are.
        weights: in the precision of the gradient.
        features: ``(row, feature)``, or ``(replica, row, feature)`` where each replica has its own rows.
        labels: ``(row,)`` or ``(replica, row)``.

    Returns:
        Sums of the losses, in float64 where the device has it; counts; and the gradient in the weights' precision.
        An output that is not a number counts as awake.
    """
    output, slack, found = _there_and_back(network, weights, features, labels)
    margin = labels * output
    exact = torch.float32 if weights.device.type == "mps" else torch.float64
    return Rows(
        loss=(0.5 * slack.to(exact) ** 2).sum(-1),
        awake=(~(margin >= 1.0)).sum(-1),
        right=(margin > 0.0).sum(-1),
        nonzero=output.count_nonzero(dim=-1),
        gradient=found,
    )


def gradient(network: Mlp, weights: Tensor, features: Tensor, labels: Tensor) -> Tensor:
    """The gradient alone, as :func:`look` gives it."""
    return _there_and_back(network, weights, features, labels)[2]


def _there_and_back(network: Mlp, weights: Tensor, features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs ``(replica, row)``, how much each row's margin lacks, and the gradient ``(replica, weight)``."""
    matrices = [
        weights[:, where].unflatten(1, shape) for where, shape in zip(network.layer_slices, network.shapes, strict=True)
    ]
    activations = [features.expand(len(weights), *features.shape[-2:])]
    for matrix in matrices[:-1]:
        activations.append(torch.relu(activations[-1] @ matrix))
    output = (activations[-1] @ matrices[-1])[..., 0]
    margin = labels * output
    slack = torch.where(margin >= 1.0, 0.0, 1.0 - margin)
    delta = (-labels * slack)[..., None]
    gradients: list[Tensor] = []
    for matrix, activation in zip(reversed(matrices), reversed(activations), strict=True):
        gradients.append((activation.mT @ delta).flatten(1))
        delta = torch.where(activation > 0, delta @ matrix.mT, 0.0)
    return output, slack, torch.cat(gradients[::-1], dim=1)
