"""Scales: how much of everything is run, by name. Requests and what is stored know the numbers only.

The numbers of the scale "paper" are those of the paper and its authors' scripts; smaller scales ask for fewer rows,
replicas and steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from glassnet.datasets.names import Name as DatasetName
from glassnet.paper.numbers import EPOCHS

ScaleName = Literal["demo", "laptop", "workstation", "paper"]

SCALES: Final[tuple[ScaleName, ...]] = get_args(ScaleName)
"""How large, by name, from small to the paper's."""

DATASETS: Final = get_args(DatasetName)
"""The built-in data sets."""


@dataclass(frozen=True)
class Scale:
    """How much of everything; ``None`` stands for all rows or all temperatures of the phase."""

    samples: int | None
    replicas: int
    epochs: int
    waiting_times: tuple[int, ...]
    t_max: int


SCALE: Final[Mapping[str, Scale]] = {
    "demo": Scale(6_000, 4, 5_000, (300,), 3_000),
    "laptop": Scale(None, 6, 700, (200, 500, 1_000, 2_000, 5_000), 20_000),
    "workstation": Scale(None, 16, EPOCHS, (20_000, 50_000), 100_000),
    "paper": Scale(None, 50, EPOCHS, (20_000, 50_000, 80_000, 100_000, 150_000), 300_000),
}
"""By name, for relaxation."""
