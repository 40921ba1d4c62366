"""Do the paper's findings survive other networks? Biases and tanh on MNIST's components, a convolution on its images.

    python -m studies.own_networks [--raw FOLDER] [--replicas 4] [--steps 10000] [--report docs] [--smoke]

The paper's network without biases, the same with biases, the same with biases and tanh, and, where the original MNIST
files are in FOLDER, a small convolutional network on images averaged to 14 x 14 with the ten digits as classes and
cross-entropy. Each is quenched by SGD, then follows Langevin dynamics at seven temperatures. Asked of each: does
tau_90(T) fall as 1/T down to a T* and stay constant below (C3, C4), and is it free diffusion's
above (C6)? Takes about half an hour on two quiet cores; ``--report`` writes own-networks.json and .png there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr
from torch import nn

import glassnet as gn
from glassnet.analysis import Measured, crossover
from glassnet.datasets.raw import read_raw
from glassnet.figures.style import MARKERS, SINGLE_COLUMN, context, new_figure
from glassnet.theory import brownian
from studies.options import options

TEMPERATURES: Final = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 0.0)
WIDTH: Final = 12
MU: Final = 1e-3
WAIT: Final = 200
CHI: Final = 300.0


@dataclass(frozen=True)
class Case:
    """A landscape, the engine that computes it, and the learning rate of its quench."""

    name: str
    landscape: gn.Landscape
    engine: gn.engines.Engine
    quench_rate: float


@dataclass(frozen=True)
class Finding:
    """Results of a case; intervals are 95 % between initial conditions.

    ``slope`` is that of log tau_90 against log T where it is a power law, ``t_star`` where it ends (None: not seen),
    ``plateau`` the tau_90 below, in steps; ``over_free`` tau_90 over free diffusion's at ``hot``, the hottest
    temperature whose tau_90 is 3 steps or more; ``tau_90`` of each temperature in steps.
    """

    name: str
    n_weights: int
    n_samples: int
    loss: str
    data_loss: float
    accuracy: float
    outcome: str
    slope: list[float | None]
    t_star: list[float | None]
    plateau: list[float | None]
    hot: float
    over_free: list[float | None]
    n_replicas: int
    n_lost: int
    tau_90: dict[str, float | None]


def main() -> None:
    """Run every case and print its results, one JSON object a line."""
    parser = options(__doc__)
    parser.add_argument("--raw", type=Path, help="folder of the original MNIST files, for the convolutional network")
    parser.add_argument("--replicas", type=int, default=4)
    parser.add_argument("--steps", type=int, default=10_000, help="of Langevin dynamics after the waiting time")
    parser.add_argument("--report", type=Path, help="folder for own-networks.json and own-networks.png")
    chosen = parser.parse_args()
    rows, epochs, steps = (100, 1, 20) if chosen.smoke else (2_000, 300, chosen.steps)
    curves: dict[str, xr.Dataset] = {}
    findings = []
    for case in cases(rows, chosen.raw):
        tau, finding = study(case, chosen.replicas, epochs, steps)
        curves[case.name] = tau
        findings.append(finding)
        print(json.dumps(asdict(finding)), flush=True)
    if chosen.report:
        path = chosen.report / "own-networks.json"
        path.write_text(json.dumps([asdict(finding) for finding in findings], indent=2) + "\n", encoding="utf-8")
        draw(curves, chosen.report / "own-networks.png")


def cases(n_rows: int, raw: Path | None) -> list[Case]:
    """The networks that are compared."""
    data = gn.load_dataset("mnist", n_samples=n_rows)
    loss = gn.QuadraticHinge(1e-2)
    plain = gn.Landscape(gn.Mlp(data.n_features, WIDTH, 3), data, loss)
    found = [Case("Mlp", plain, gn.engines.Cpu(), 1e-2)]
    activations: list[tuple[str, Callable[[], nn.Module]]] = [("biases", nn.ReLU), ("biases, tanh", nn.Tanh)]
    for name, activation in activations:
        network = gn.TorchNetwork(partial(with_biases, data.n_features, activation))
        found.append(Case(name, gn.Landscape(network, data, loss), gn.engines.Torch("cpu"), 1e-2))
    if raw is not None:
        images = digits(raw, n_rows // 2)
        network = gn.TorchNetwork(convolution)
        found.append(
            Case("convolution", gn.Landscape(network, images, gn.CrossEntropy(1e-2)), gn.engines.Torch("cpu"), 1e-1)
        )
    return found


def with_biases(n_features: int, activation: Callable[[], nn.Module]) -> nn.Module:
    """The plain network's shape, with biases."""
    layers: list[nn.Module] = [nn.Linear(n_features, WIDTH), activation()]
    for _ in range(2):
        layers += [nn.Linear(WIDTH, WIDTH), activation()]
    return nn.Sequential(*layers, nn.Linear(WIDTH, 1))


def convolution() -> nn.Module:
    """Two convolutions and a readout of ten classes, 666 weights."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 14, 14)),
        nn.Conv2d(1, 4, 3, stride=2),
        nn.ReLU(),
        nn.Conv2d(4, 8, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32, 10),
    )


def digits(raw: Path, n_rows: int) -> gn.Dataset:
    """Images of 14 x 14 grey values from 0 to 1, and their digits."""
    split = read_raw("mnist", "train", raw)
    pixels = split.pixels[:n_rows].reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)) / 255.0
    return gn.Dataset(pixels.reshape(len(pixels), -1), split.classes[:n_rows], name="mnist 14 x 14", n_classes=10)


def study(case: Case, n_replicas: int, n_epochs: int, n_steps: int) -> tuple[xr.Dataset, Finding]:
    """Quench, follow every temperature, and fit."""
    landscape, engine = case.landscape, case.engine
    start = gn.Ensemble.random(landscape.network, n_replicas)
    n_samples = landscape.dataset.n_samples
    quench = gn.Sgd(case.quench_rate, 50)
    quenched = gn.evolve(start, landscape, quench, n_epochs * (n_samples // 50), engine=engine)
    seen = gn.evaluate(quenched, landscape, engine=engine)
    hot = quenched.repeat(noise=range(len(TEMPERATURES)))
    dynamics = gn.Langevin(np.repeat(TEMPERATURES, n_replicas), MU)
    times = gn.log_times(n_steps)
    record = gn.measure(hot, landscape, dynamics, times=times, waiting_times=[WAIT], chi=CHI, engine=engine)
    tau = gn.relaxation_time(gn.overlap(record, chi=CHI).sel(waiting_time=WAIT), 0.9)
    fit = crossover(tau)
    estimates = tau["estimate"]
    warm = [t for t in TEMPERATURES if t > 0 and float(estimates.sel(temperature=t)) >= 3.0]
    sigma = quenched.weights.std(axis=1).mean()
    free = float(
        brownian.relaxation_time(
            epsilon=sigma / CHI, threshold=0.9, temperature=warm[0], learning_rate=MU, n_samples=n_samples
        )
    )
    over = [finite(float(tau[name].sel(temperature=warm[0])) / free) for name in ("estimate", "low", "high")]
    return tau, Finding(
        name=case.name,
        n_weights=landscape.network.n_weights,
        n_samples=n_samples,
        loss=type(landscape.loss).__name__,
        data_loss=float(seen["data_loss"].mean()),
        accuracy=float(seen["accuracy"].mean()),
        outcome=fit.outcome,
        slope=interval(fit.slope),
        t_star=interval(fit.temperature),
        plateau=interval(fit.plateau),
        hot=warm[0],
        over_free=over,
        n_replicas=n_replicas,
        n_lost=record.n_lost,
        tau_90={f"{t:g}": finite(float(estimates.sel(temperature=t))) for t in TEMPERATURES},
    )


def interval(measured: Measured) -> list[float | None]:
    """Value, low and high."""
    return [finite(number) for number in (measured.value, measured.low, measured.high)]


def finite(number: float) -> float | None:
    """The number, or None, which is null in JSON, where it is NaN or infinite."""
    return float(number) if np.isfinite(number) else None


def draw(curves: dict[str, xr.Dataset], path: Path) -> None:
    """tau_90 against T of every network, T = 0 as a level on the left."""
    with context():
        figure, (axes,) = new_figure(SINGLE_COLUMN, 2.6)
        for (name, tau), marker in zip(curves.items(), MARKERS, strict=False):
            some = tau.sel(temperature=[t for t in TEMPERATURES if t > 0])
            (line,) = axes.plot(some["temperature"], some["estimate"], marker=marker, label=name)
            axes.fill_between(some["temperature"], some["low"], some["high"], color=line.get_color(), alpha=0.2)
            axes.axhline(float(tau["estimate"].sel(temperature=0.0)), color=line.get_color(), linewidth=0.6)
        axes.set(xscale="log", yscale="log", xlabel="$T$", ylabel=r"$\tau_{90}$, steps")
        axes.legend()
        figure.savefig(path)


if __name__ == "__main__":
    main()
