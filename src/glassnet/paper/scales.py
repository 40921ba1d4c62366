"""The numbers that the names of phases, data sets and scales stand for, for relaxation.

Widths, l2, sensitivities and temperatures of a phase are those of the paper and its authors' scripts; so are the
numbers of the scale "paper". The smaller scales ask for fewer rows, replicas and steps. A scale is nothing but a name:
requests and what is stored know the numbers only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from glassnet import _check
from glassnet.datasets.raw import Name as DatasetName
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.runs.experiment import one_or_more
from glassnet.runs.own_data import OwnData
from glassnet.runs.training import data_numbers, like

PhaseName = Literal["regularised", "underparameterised", "overparameterised"]
ScaleName = Literal["demo", "laptop", "workstation", "paper"]

PHASES: Final[tuple[PhaseName, ...]] = get_args(PhaseName)
"""Where in the phase diagram, by name."""

SCALES: Final = get_args(ScaleName)
"""How large, by name, from small to the paper's."""

DATASETS: Final = get_args(DatasetName)
"""The built-in data sets."""


@dataclass(frozen=True)
class Phase:
    """Where in the phase diagram, and how the overlap is looked at there.

    ``demo_width`` keeps N/P_D at l2 = 0, where it decides the phase, with a tenth (MNIST) of the rows.
    """

    width: int
    demo_width: int
    l2: float
    chi: tuple[float, ...]
    shown_chi: float
    temperatures: tuple[float, ...]
    laptop_temperatures: tuple[float, ...]


@dataclass(frozen=True)
class Scale:
    """How much of everything; ``None`` stands for all rows or all temperatures of the phase."""

    samples: int | None
    replicas: int
    epochs: int
    waiting_times: tuple[int, ...]
    shown_waiting_time: int
    t_max: int


_COLD: Final = (1e-3, 5e-4, 1e-4, 1e-5, 1e-6)
_PAPER: Final = (1.0, 0.5, 0.1, 0.05, 0.01, 0.005, *_COLD, 1e-8, 1e-10, 0.0)
_PAPER_UNDER: Final = (1.0, 0.5, 0.1, 0.05, 0.01, 0.005, *_COLD, 0.0)
_PAPER_CIFAR10: Final = (1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8, 1e-10, 0.0)
_DEMO: Final = (1e-2, 1e-3, 1e-4, 0.0)
_LAPTOP: Final = (0.1, 0.01, 1e-3, 1e-4, 3e-5, 1e-5, 1e-6, 0.0)
# Its T* is the highest: four temperatures lie above it and have a tau_90 of 3 steps or more.
_LAPTOP_UNDER: Final = (0.1, 0.03, 0.01, 1e-3, 1e-4, 1e-5, 1e-6, 0.0)
_LAPTOP_OVER: Final = (1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 1e-8, 0.0)
_CHI_REGULARISED: Final = (20.0, 50.0, 100.0, 200.0, 300.0, 400.0, 500.0, 1000.0)

_PHASES: Final[Mapping[tuple[str, str], Phase]] = {
    ("mnist", "regularised"): Phase(30, 30, 1e-2, _CHI_REGULARISED, 300.0, _PAPER, _LAPTOP),
    ("mnist", "underparameterised"): Phase(30, 9, 0.0, (500.0, 1000.0), 500.0, _PAPER_UNDER, _LAPTOP_UNDER),
    ("mnist", "overparameterised"): Phase(72, 22, 0.0, (500.0, 6000.0), 6000.0, _PAPER, _LAPTOP_OVER),
    ("cifar10", "regularised"): Phase(30, 30, 1e-3, (150.0, 250.0), 150.0, _PAPER_CIFAR10, _LAPTOP),
    ("cifar10", "underparameterised"): Phase(30, 10, 0.0, (150.0, 700.0), 150.0, _PAPER_CIFAR10, _LAPTOP),
    ("cifar10", "overparameterised"): Phase(80, 27, 0.0, (250.0, 600.0), 600.0, _PAPER_CIFAR10, _LAPTOP),
}

_SCALES: Final[Mapping[str, Scale]] = {
    "demo": Scale(6_000, 4, 5_000, (300,), 300, 3_000),
    "laptop": Scale(None, 6, 700, (200, 500, 1_000, 2_000, 5_000), 2_000, 20_000),
    "workstation": Scale(None, 16, 7_000, (20_000, 50_000), 20_000, 100_000),
    "paper": Scale(None, 50, 7_000, (20_000, 50_000, 80_000, 100_000, 150_000), 20_000, 300_000),
}


def preset(phase: str, dataset: str | OwnData, scale: str, changes: Mapping[str, Any] | None = None) -> Relaxation:
    """The request of a phase of a data set at a scale.

    Args:
        phase: one of ``PHASES``.
        dataset: one of ``DATASETS``, or own data, for which MNIST's numbers stand but of rows.
        scale: one of ``SCALES``.
        changes: other numbers for any fields of :class:`Relaxation`.

    Raises:
        ValueError: an unknown name, or a number that is not allowed.
    """
    _check.choice("phase", phase, PHASES)
    known = like(dataset)
    _check.choice("scale", scale, SCALES)
    where, size = _PHASES[known, phase], _SCALES[scale]
    demo = scale == "demo"
    temperatures = {"demo": _DEMO, "laptop": where.laptop_temperatures}.get(scale, where.temperatures)
    numbers: dict[str, Any] = {
        **data_numbers(dataset, size.samples),
        "width": where.demo_width if demo else where.width,
        "l2": where.l2,
        "replicas": size.replicas,
        "epochs": size.epochs,
        "temperatures": temperatures,
        "waiting_times": size.waiting_times,
        "shown_waiting_time": size.shown_waiting_time,
        "t_max": size.t_max,
        "chi": where.chi,
        "shown_chi": where.shown_chi,
    }
    if (known, phase) == ("mnist", "overparameterised") and not demo:
        # This phase is its plateau of zero loss; a replica that gets there stops.
        numbers |= {"epochs": 17_000, "stop_loss": 1e-6, "check_epochs": 100}
        if scale == "laptop" and (changes or {}).get("engine", "cpu") == "cpu":
            # Its effect there was found below the differences between replicas (docs/performance.md), and with it
            # steps cost so little that a run can go as far as claims about what is not seen ask for.
            numbers |= {"skin": True, "t_max": 100_000}
    if (known, phase, scale) == ("cifar10", "overparameterised", "laptop"):
        # Nothing sleeps there and it is the widest: as much as fits in a night.
        numbers |= {"replicas": 2, "t_max": 5_000}
    return Relaxation.of(changed(numbers, changes))


def changed(numbers: Mapping[str, Any], changes: Mapping[str, Any] | None) -> dict[str, Any]:
    """A relaxation's numbers with others in their places; what is shown stays among what is measured."""
    wanted = dict(changes or {})
    found = dict(numbers) | wanted
    for shown, measured in (("shown_waiting_time", "waiting_times"), ("shown_chi", "chi")):
        values = one_or_more(found[measured])
        if shown not in wanted and measured in wanted and values and found[shown] not in values:
            found[shown] = values[-1]
    return found
