"""The random numbers of :mod:`glassnet.random` as PyTorch tensors, one stream a row: the same bits.

32-bit words are kept in int64, in which their products wrap around but keep all 64 bits.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from glassnet import random
from glassnet.random import Purpose

_LOW = 0xFFFFFFFF


def words(purpose: Purpose, name: Tensor, n_words: int) -> Tensor:
    """The first words ``(stream, word)`` of streams whose ``name`` (stream, 4) is seed, origin, noise and step."""
    block = torch.arange((n_words + 3) // 4, device=name.device)
    seed, origin, noise, step = (column[:, None] for column in name.unbind(1))
    high = (step >> 32) | (int(purpose) << 24)
    return torch.stack(
        _philox(*torch.broadcast_tensors(block, noise, step & _LOW, high, seed, origin)), dim=-1
    ).flatten(1)[:, :n_words]


def _philox(c0: Tensor, c1: Tensor, c2: Tensor, c3: Tensor, k0: Tensor, k1: Tensor) -> tuple[Tensor, ...]:
    for _ in range(10):
        product0, product1 = c0 * 0xD2511F53, c2 * 0xCD9E8D57
        c0, c1, c2, c3 = (
            ((product1 >> 32) & _LOW) ^ c1 ^ k0,
            product1 & _LOW,
            ((product0 >> 32) & _LOW) ^ c3 ^ k1,
            product0 & _LOW,
        )
        k0, k1 = (k0 + 0x9E3779B9) & _LOW, (k1 + 0xBB67AE85) & _LOW
    return c0, c1, c2, c3


def noise(name: Tensor, n: int) -> Tensor:
    """The ``n`` standard normal numbers of one Langevin update of each replica, ``(replica, weight)`` float64."""
    radius_words, angle_words = words(Purpose.NOISE, name, n + n % 2).unflatten(1, (-1, 2)).unbind(-1)
    radius = _sqrt(-2.0 * _log((radius_words.double() + 0.5) * 2.0**-32))
    quadrant = angle_words >> 30
    fraction = (angle_words & 0x3FFFFFFF).double()
    angle = ((fraction + 0.5) * 2.0**-30 - 0.5) * random.HALF_PI
    squared = angle * angle
    sine, cosine = angle * _horner(squared, random.SIN), _horner(squared, random.COS)
    swap = (quadrant & 1) == 1
    x, y = torch.where(swap, sine, cosine), torch.where(swap, cosine, sine)
    x = torch.where((quadrant == 1) | (quadrant == 2), -x, x)
    y = torch.where(quadrant >= 2, -y, y)
    return torch.stack([radius * x, radius * y], dim=-1).flatten(1)[:, :n]


def _horner(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    result = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = result * x + coefficient
    return result


def _log(u: Tensor) -> Tensor:
    bits = u.view(torch.int64)
    exponent = (bits - int(random.SQRT_HALF_BITS)) >> 52
    m = (bits - (exponent << 52)).view(torch.float64)
    s = (m - 1.0) / (m + 1.0)
    return exponent.double() * random.LN2 + (2.0 * s) * _horner(s * s, random.ATANH)


def _sqrt(x: Tensor) -> Tensor:
    """The square root rounded correctly, which PyTorch's is not on every processor."""
    return torch.from_numpy(np.sqrt(x.numpy())) if x.device.type == "cpu" else torch.sqrt(x)


def integers(random_words: Tensor, n: int) -> Tensor:
    """Integers 0 to n - 1, one a word."""
    return (random_words * n) >> 32
