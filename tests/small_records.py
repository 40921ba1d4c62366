"""Small records for the tests of figures, and all figures of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from conftest import small_landscape
from matplotlib.figure import Figure

import glassnet as gn
from glassnet import figures

WAIT, CHI = 10, 100
HOT, MIDDLE, COLD = 10.0, 0.02, 1e-5
LEARNING_RATE, N_SAMPLES = 1e-4, 60

DRAWINGS: dict[str, Callable[[gn.Record], Figure]] = {
    "overlap": lambda r: figures.draw_overlap(r, chi=CHI, waiting_time=WAIT),
    "relaxation_time": lambda r: figures.draw_relaxation_time(r, chi=CHI, waiting_time=WAIT),
    "mean_square_displacement": lambda r: figures.draw_mean_square_displacement(r, chi=CHI, waiting_time=WAIT),
    "non_gaussian": lambda r: figures.draw_non_gaussian(r, waiting_time=WAIT),
    "mobility": lambda r: figures.draw_mobility(r, waiting_time=WAIT),
    "history": lambda r: figures.draw_history(r, waiting_time=WAIT),
}


def measured(
    temperatures: Iterable[float],
    *,
    n_origins: int = 3,
    overflowing: Iterable[int] = (),
    times: Iterable[int] | None = None,
    learning_rate: float = LEARNING_RATE,
    **options: Any,
) -> gn.Record:
    """A small run with these temperatures; origins in ``overflowing`` diverge at the first step."""
    landscape = small_landscape(n_samples=N_SAMPLES)
    start = gn.Ensemble.random(landscape.network, n_origins)
    weights = start.weights.copy()
    weights[list(overflowing)] *= 1e150
    start = gn.Ensemble(start.network, weights, start.seed, start.origin, start.noise, start.step, start.alive)
    kinds = list(temperatures)
    langevin = gn.Langevin(np.repeat(kinds, n_origins).tolist(), learning_rate, options.pop("batch_size", None))
    return gn.measure(
        start.repeat(noise=range(len(kinds))),
        landscape,
        langevin,
        waiting_times=[0, WAIT],
        times=gn.log_times(200) if times is None else list(times),
        chi=[10, CHI],
        engine="reference",
        **options,
    )
