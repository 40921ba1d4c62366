"""The built-in data sets by name, and how many rows they have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Name = Literal["mnist", "cifar10"]
Split = Literal["train", "test"]
Inputs = Literal["standardised", "pixel", "mnist", "whitened"]
"""How pixels become features: see :func:`glassnet.load_dataset`."""

N_SAMPLES: Final[Mapping[Name, Mapping[Split, int]]] = {
    "mnist": {"train": 60_000, "test": 10_000},
    "cifar10": {"train": 50_000, "test": 10_000},
}
