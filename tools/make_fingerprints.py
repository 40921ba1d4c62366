"""Writes tests/fingerprints.json: the SHA-256 of the weights after some small runs of the cpu engine.

Every machine, on every instruction set, must find these bits. They change only with the engine's definition, and
then its version must change too, since it is part of every stored result's name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import glassnet as gn
from glassnet.engines.base import Precision
from glassnet.simulate.dynamics import Dynamics

PATH = Path(__file__).parents[1] / "tests" / "fingerprints.json"

# name, (n_samples, n_features, width, depth), dynamics, steps, dtype of the weights, precision of the gradient
_RUNS: list[tuple[str, tuple[int, int, int, int], Dynamics, int, str, Precision]] = [
    ("gradient descent", (5000, 10, 30, 6), gn.GradientDescent(0.02), 6, "float64", "float32"),
    ("gradient descent in float64", (2500, 10, 30, 6), gn.GradientDescent(0.02), 6, "float64", "float64"),
    ("Langevin", (4100, 10, 72, 6), gn.Langevin(0.1, 0.02), 3, "float64", "float32"),
    ("Langevin, float32 weights", (2049, 7, 82, 3), gn.Langevin(0.1, 0.02), 5, "float32", "float32"),
    ("Langevin of batches", (700, 10, 30, 2), gn.Langevin(0.1, 0.02, batch_size=90), 20, "float64", "float32"),
    ("SGD", (1000, 10, 30, 6), gn.Sgd(0.02, 100), 25, "float64", "float32"),
    ("SGD in float64", (1000, 10, 13, 2), gn.Sgd(0.02, 100), 25, "float64", "float64"),
    ("SGD, float32 weights", (500, 3, 17, 2), gn.Sgd(0.02, 33), 40, "float32", "float64"),
    ("SGD with replacement", (900, 10, 45, 3), gn.Sgd(0.02, 64, sampling="replacement"), 20, "float64", "float32"),
    ("SGD, large batches", (6000, 16, 8, 1), gn.Sgd(0.02, 2500), 5, "float64", "float32"),
    ("a wide network", (300, 20, 300, 1), gn.Sgd(0.02, 128), 5, "float64", "float32"),
]


def fingerprints() -> Iterator[tuple[str, str]]:
    """The name of each run and the SHA-256 of its final weights, three replicas each, in little-endian bytes."""
    for name, (n_samples, *shape), dynamics, n_steps, dtype, gradient in _RUNS:
        network = gn.Mlp(*shape)
        landscape = gn.Landscape(network, gn.random_dataset(n_samples, shape[0]), gn.QuadraticHinge(l2=1e-3))
        start = gn.Ensemble.random(network, n_replicas=3, seed=1, dtype=dtype)
        engine = gn.engines.Cpu(gradient=gradient)
        final = gn.evolve(start, landscape, dynamics, n_steps, engine=engine)
        little_endian = final.weights.astype(final.weights.dtype.newbyteorder("<"))
        yield name, hashlib.sha256(little_endian.tobytes()).hexdigest()


if __name__ == "__main__":
    PATH.write_text(json.dumps(dict(fingerprints()), indent=2) + "\n", encoding="utf-8")
    print(f"wrote {PATH}")
