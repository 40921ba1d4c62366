"""The triton engine against batched products in PyTorch on one GPU, and against its own peak; a few minutes.

    python -m benchmarks.gpu [--smoke] [--json FILE]

Full-batch Langevin steps on all of MNIST and SGD steps with a batch of 100, for several widths and numbers of replicas.
Contenders take turns; medians are printed. ``--smoke`` runs tiny sizes, on the processor where there is no GPU.
Before it is timed a contender's gradient must agree with the float64 one to 1e-4 of its largest element.
"""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

import glassnet as gn
from studies.campaign_lock import quiet
from studies.options import options

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"

DEPTH = 6
FULL = [(30, 1), (30, 4), (30, 32), (54, 4), (72, 2), (72, 8)]
BATCHES = [(30, 16), (30, 256), (30, 512), (54, 64), (78, 64)]


def main() -> None:
    """Measure and print."""
    parser = options(__doc__)
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    chosen = quiet(parser)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not chosen.smoke:
        parser.error("there is no GPU here: only --smoke works")
    name = torch.cuda.get_device_name() if device == "cuda" else platform.processor()
    print(f"{name}, PyTorch {torch.__version__}", flush=True)
    data = gn.load_dataset("mnist", n_samples=128 if chosen.smoke else None)
    results: list[dict[str, Any]] = []
    for width, n in [(5, 2)] if chosen.smoke else FULL:
        results.append(race(data, width, n, gn.Langevin(1e-4, 1e-3), device, 2 if chosen.smoke else 64))
    for width, n in [(5, 2)] if chosen.smoke else BATCHES:
        results.append(race(data, width, n, gn.Sgd(1e-3, 100), device, 2 if chosen.smoke else 600))
    if chosen.json:
        chosen.json.write_text(
            json.dumps({"device": name, "torch": torch.__version__, "results": results}) + "\n", encoding="utf-8"
        )


def race(
    data: gn.Dataset, width: int, n: int, dynamics: gn.Langevin | gn.Sgd, device: str, n_steps: int
) -> dict[str, Any]:
    """Microseconds a step of each engine, turn by turn."""
    landscape = gn.Landscape(gn.Mlp(data.n_features, width, DEPTH), data, gn.QuadraticHinge())
    ensemble = gn.Ensemble.random(landscape.network, n_replicas=n)
    engines: dict[str, gn.engines.Engine] = {"triton": gn.engines.Triton(device), "torch": gn.engines.Torch(device)}
    sessions = {name: engine.session(ensemble, landscape, dynamics) for name, engine in engines.items()}
    for name, session in sessions.items():
        refuse_wrong(name, session.observe().gradient[0], landscape, ensemble)
    # The rival makes so few steps that its turn is as short.
    steps = {"triton": n_steps, "torch": max(1, n_steps // 16)}
    taken: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(4):
        for name, session in sessions.items():
            began = time.perf_counter()
            session.advance(np.full(n, steps[name]))
            taken[name].append((time.perf_counter() - began) / steps[name])
    # The first turn compiles.
    micros = {name: 1e6 * median(values[1:]) for name, values in taken.items()}
    rows = dynamics.batch_size or data.n_samples
    rate = 6e-6 * landscape.network.n_weights * rows * n / micros["triton"]
    print(
        f"{type(dynamics).__name__:8} w = {width}, {n} replicas: triton {micros['triton']:.0f} us a step, "
        f"{micros['triton'] / n:.2f} a replica ({rate:.2f} TFLOP/s dense); torch {micros['torch']:.0f} us, "
        f"ratio {micros['torch'] / micros['triton']:.1f}",
        flush=True,
    )
    return {"dynamics": type(dynamics).__name__, "width": width, "replicas": n, "rows": rows, **micros}


def refuse_wrong(name: str, gradient: Any, landscape: gn.Landscape, ensemble: gn.Ensemble) -> None:
    """A wrong gradient is not worth timing."""
    exact = landscape.gradient(ensemble.weights[0])
    error = np.abs(gradient - exact).max() / np.abs(exact).max()
    if not error < 1e-4:
        raise SystemExit(f"the gradient of engine {name} is wrong by {error:.2g}")


if __name__ == "__main__":
    main()
