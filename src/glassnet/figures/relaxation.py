"""All figures of one relaxation run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from glassnet.figures.curves import check
from glassnet.figures.displacement import draw_mean_square_displacement, draw_non_gaussian
from glassnet.figures.history import draw_history
from glassnet.figures.mobility import draw_mobility
from glassnet.figures.overlap import draw_overlap
from glassnet.figures.relaxation_time import draw_relaxation_time
from glassnet.figures.style import check_formats, save
from glassnet.observables import epsilons
from glassnet.simulate.record import Record


def draw_all(
    record: Record,
    directory: str | Path,
    *,
    chi: float,
    waiting_time: int,
    formats: Sequence[str] = ("png",),
) -> list[Path]:
    """Draw every figure of a relaxation run and write it, named after what it shows; existing files are replaced.

    Args:
        record: Langevin dynamics, all temperatures of one landscape.
        directory: where to write; made if it is not there.
        chi: sensitivity of the overlap, one that was recorded.
        waiting_time: t_w in steps, one that was measured from.
        formats: any of "png" (300 dpi) and "pdf".

    Returns:
        The files written, figure after figure. Without histograms in the record there is no figure of mobility.

    Raises:
        ValueError: no such chi, waiting time or format, or a record that cannot be drawn against temperature. What
            can be drawn is written nevertheless.
    """
    check_formats(formats)
    check(record, waiting_time)
    epsilons(record, chi)
    folder = Path(directory)
    text = description(record, chi, waiting_time)
    written: list[Path] = []
    failed: dict[str, ValueError] = {}
    for name, draw in drawings_of(record, chi=chi, waiting_time=waiting_time).items():
        try:
            figure = draw()
        except ValueError as error:
            failed[name] = error
            continue
        folder.mkdir(parents=True, exist_ok=True)
        for kind in formats:
            path = folder / f"{name}.{kind}"
            save(figure, path, title=CAPTIONS[name], description=text)
            written.append(path)
    if failed and not written:
        raise next(iter(failed.values()))
    if failed:
        said = "; ".join(f"{name}: {error}" for name, error in failed.items())
        raise ValueError(f"figures could not all be drawn, and the others are in {folder}: {said}")
    return written


def drawings_of(record: Record, *, chi: float, waiting_time: int) -> dict[str, Callable[[], Figure]]:
    """How each figure of a relaxation run is drawn, by name; none of mobility where the record has no histograms."""
    drawings: dict[str, Callable[[], Figure]] = {
        "overlap": lambda: draw_overlap(record, chi=chi, waiting_time=waiting_time),
        "relaxation_time": lambda: draw_relaxation_time(record, chi=chi, waiting_time=waiting_time),
        "mean_square_displacement": lambda: draw_mean_square_displacement(record, chi=chi, waiting_time=waiting_time),
        "non_gaussian": lambda: draw_non_gaussian(record, waiting_time=waiting_time),
        "mobility": lambda: draw_mobility(record, waiting_time=waiting_time),
        "history": lambda: draw_history(record, waiting_time=waiting_time),
    }
    if not record.data.sizes["sparse_time"]:
        del drawings["mobility"]
    return drawings


CAPTIONS: Final = {
    "overlap": "Overlap Q(t) at each temperature, dashed: free Brownian weights",
    "relaxation_time": "Relaxation time tau_90 against temperature, 95 % intervals",
    "mean_square_displacement": "Mean square displacement at each temperature, dashed: 2 D t",
    "non_gaussian": "Non-Gaussian parameter alpha_2 of all weights and within layers",
    "mobility": "Distribution of |dw|: all weights, and each layer at the lowest temperature",
    "history": "Training loss and share of awake rows along the measurement",
}


def description(record: Record, chi: float, waiting_time: int) -> str:
    """One line about the measurement, for the metadata of files."""
    data = record.data
    engine, network = data.attrs["engine"], data.attrs["network"]
    temperatures, counts = np.unique(data["temperature"].values, return_counts=True)
    lost = data["temperature"].values[data["lost_at"].values >= 0]
    parts = [
        f"chi = {chi:g}, waiting time {waiting_time} steps, learning rate {float(data['learning_rate'][0]):g}, "
        f"l2 = {float(data['l2'][0]):g}, {data.attrs['n_samples']} samples",
        f"network {network}",
        f"engine {engine['name']} ({engine['gradient']})",
        "replicas: " + ", ".join(f"{n} at T = {t:g}" for t, n in zip(temperatures, counts, strict=True)),
        f"diverged: {len(lost)}" + (f" (T = {', '.join(f'{t:g}' for t in lost)})" if len(lost) else ""),
    ]
    return "; ".join(parts) + "."
