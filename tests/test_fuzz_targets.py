"""The targets of fuzzing hold for their seeds and for some mutations of them, the same each time."""

from __future__ import annotations

import numpy as np
import pytest
from fuzz_targets import TARGETS, demand_clear, feed

N_MUTANTS = {"cifar10": 8, "record": 12}


def mutated(seed: bytes, rng: np.random.Generator) -> bytes:
    """A seed with a few bytes changed, and perhaps a piece taken out or said twice."""
    content = bytearray(seed)
    for _ in range(rng.integers(1, 4)):
        content[rng.integers(len(content))] = rng.integers(256)
    begin, end = sorted(rng.integers(1, len(content) + 1, size=2).tolist())
    piece = bytes(content[begin:end])
    return bytes(content[:begin]) + piece * int(rng.choice([0, 1, 1, 2])) + bytes(content[end:])


@pytest.mark.parametrize(
    ("target", "n_mutants"),
    [
        *((target, N_MUTANTS.get(target, 60)) for target in TARGETS),
        pytest.param("record", 60, marks=pytest.mark.long),
    ],
)
def test_seeds_and_their_mutants_are_read_or_refused_clearly(target: str, n_mutants: int) -> None:
    rng = np.random.default_rng(12)
    seeds = list(TARGETS[target].seeds())
    for seed in seeds:
        feed(target, seed)
    for i in range(n_mutants):
        feed(target, mutated(seeds[i % len(seeds)], rng))


def test_an_error_that_names_nothing_or_is_of_another_kind_is_a_finding() -> None:
    def fail(error: Exception) -> None:
        raise error

    assert not demand_clear(lambda: fail(ValueError("x must be 1")), "x")
    with pytest.raises(AssertionError, match="names nothing"):
        demand_clear(lambda: fail(ValueError("bad")), "/x", "field")
    with pytest.raises(KeyError):
        demand_clear(lambda: fail(KeyError("x")), "x")
