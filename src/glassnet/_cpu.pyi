"""What the compiled part of the cpu engine offers; arrays are C-contiguous."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

version: str
sources: str
block_rows: int

def supported_kernels() -> list[str]: ...

class Simulator:
    def __init__(
        self,
        *,
        width: int,
        depth: int,
        features: NDArray[np.float32],
        labels: NDArray[np.float32],
        weights: NDArray[np.floating[Any]],
        seed: NDArray[np.uint32],
        origin: NDArray[np.uint32],
        noise: NDArray[np.uint32],
        step: NDArray[np.int64],
        alive: NDArray[np.bool_],
        learning_rate: NDArray[np.float64],
        temperature: NDArray[np.float64],
        l2: NDArray[np.float64],
        sampling: int,
        batch_size: int,
        gradient: str,
        exhaustive: bool,
        skin: tuple[float, ...],
        skin_listed: NDArray[np.bool_],
        skin_width: NDArray[np.float64],
        skin_missed: NDArray[np.int64],
        skin_rows: NDArray[np.uint8],
        threads: int,
        kernel: str,
    ) -> None: ...
    def advance(self, n_steps: NDArray[np.int64]) -> None: ...
    def observe(
        self,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]: ...
    def weights(self) -> NDArray[np.floating[Any]]: ...
    def skin(
        self,
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64], NDArray[np.uint8]]: ...
    def work(self) -> tuple[int, int, int]: ...
    def step(self) -> NDArray[np.int64]: ...
    def alive(self) -> NDArray[np.bool_]: ...

def evaluate(
    *,
    width: int,
    depth: int,
    features: NDArray[np.float32],
    labels: NDArray[np.float32],
    weights: NDArray[np.floating[Any]],
    gradient: str,
    threads: int,
    kernel: str,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]: ...
def words(purpose: int, seed: int, origin: int, noise: int, step: int, n: int, kernel: str) -> NDArray[np.uint32]: ...
def normals(seed: int, origin: int, noise: int, step: int, n: int, kernel: str) -> NDArray[np.float64]: ...
def permutation(words: NDArray[np.uint32]) -> NDArray[np.int64]: ...
def multiply_add_flop(n: int, kernel: str) -> int: ...
