"""How a network and its rows lie in the memory of a GPU; nothing here needs one, or PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from glassnet.landscape.network import Mlp

TILE: Final = 64
"""Rows that go through the network at once: the height of the tensor cores' products."""

CHUNK: Final = 512
"""Rows whose gradients one program adds up; part of what a sum is."""

_MOST_FEATURES: Final = 64


@dataclass(frozen=True)
class Padded:
    """Where the weights of a network stand in the kernels' padded layout.

    Raises:
        ValueError: more features than fit into a program's registers.
    """

    network: Mlp

    def __post_init__(self) -> None:
        if self.network.n_features > _MOST_FEATURES:
            raise ValueError(
                f"n_features must be at most {_MOST_FEATURES} with engine 'triton', "
                f"but got {self.network.n_features}: engine 'torch' takes any"
            )

    @property
    def features(self) -> int:
        return power_of_two(self.network.n_features)

    @property
    def width(self) -> int:
        width = self.network.width
        return power_of_two(width) if width <= 64 else -(-width // 32) * 32

    @property
    def block(self) -> int:
        return self.width if self.width <= 64 else 32

    @property
    def size(self) -> int:
        return (self.features + (self.network.depth - 1) * self.width + 1) * self.width

    @property
    def slots(self) -> NDArray[np.int64]:
        """The padded index of each flat weight."""
        network, width = self.network, self.width
        parts: list[NDArray[np.int64]] = []
        start = 0
        for fan_in, rows in [(network.n_features, self.features), *([(network.width, width)] * (network.depth - 1))]:
            parts.append((start + np.arange(fan_in)[:, None] * width + np.arange(network.width)).ravel())
            start += rows * width
        return np.concatenate([*parts, start + np.arange(network.width)])

    def scratch(self, n_programs: int, tile: int) -> int:
        """Numbers that so many programs keep of their activations."""
        return n_programs * (self.network.depth + 2) * tile * self.width


def n_chunks(n_rows: int) -> int:
    """Programs a replica that share out so many rows."""
    return -(-n_rows // CHUNK)


def tile_of(batch: int) -> int:
    """Rows of a batch that go through the network at once."""
    return min(TILE, power_of_two(batch))


def power_of_two(n: int) -> int:
    return max(16, 1 << (n - 1).bit_length())
