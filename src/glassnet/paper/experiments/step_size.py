"""Whether the oscillations of cold networks at short times belong to the step size (Section III D, "not shown")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from pydantic import model_validator

from glassnet.paper.experiments.relaxation import noise_of, quench_numbers, relaxation_numbers
from glassnet.paper.numbers import PHASES
from glassnet.paper.scales import SCALES
from glassnet.runs.experiment import Curves
from glassnet.runs.fields import Count, NotNegativeNumbers, Positive, PositiveNumbers
from glassnet.runs.own_data import DataLike
from glassnet.runs.point import Evolve, Grid, Measure, Point
from glassnet.runs.quench import Quenched
from glassnet.runs.registry import register
from glassnet.runs.table import Table, stationarity_table, units_table
from glassnet.simulate.dynamics import Langevin

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from glassnet.runs.pictures import Pictures
    from glassnet.runs.run import Run

_MOST_STEPS: Final = 1_000_000

Key = tuple[float, float]
"""Temperature and learning rate."""


@register
class StepSize(Quenched):
    """Quench by SGD, settle by Langevin dynamics as relaxation does, then go on with smaller steps, every one saved.

    All learning rates go on from the same weights, for the same learning rate times steps.

    Args:
        settling_rate: learning rate of Langevin dynamics while networks settle.
        settling: steps of that.
        temperatures: T, low ones.
        learning_rates: mu of the measured steps.
        length: learning rate times steps.
    """

    experiment: ClassVar[str] = "step_size"
    about: ClassVar[str] = "oscillations at smaller steps (section III D)"
    variants: ClassVar[Mapping[str, tuple[str, ...]]] = {"phase": PHASES}
    scales: ClassVar[tuple[str, ...]] = SCALES
    lists: ClassVar[tuple[str, ...]] = ("temperatures", "learning_rates")
    lengths: ClassVar[tuple[str, ...]] = ("length",)
    report: ClassVar[Curves] = Curves(
        ("msd", "overlap", "alpha", "mobility"), "Temperature and step size", layers=False, clock="scaled"
    )
    """Every step is saved: seven layers would be too much for a page."""

    settling_rate: Positive = 1e-3
    settling: Count
    temperatures: NotNegativeNumbers
    learning_rates: PositiveNumbers
    length: Positive

    @classmethod
    def usual_numbers(cls, dataset: DataLike, scale: str, changes: Mapping[str, Any], **variant: str) -> dict[str, Any]:
        """Numbers of a phase of a data set at a scale.

        Raises:
            ValueError: the overparameterised phase.
        """
        phase = variant["phase"]
        if "stop_loss" in relaxation_numbers(phase, dataset, scale):
            raise ValueError(
                f"phase must be regularised or underparameterised, where the oscillations were seen, but got {phase!r}"
            )
        return quench_numbers(phase, dataset, scale) | {"learning_rates": (1e-3, 3e-4, 1e-4)} | _SIZES[scale]

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        if self.length < self.learning_rates[-1]:
            raise ValueError(f"length must be at least the largest of learning_rates, but got {self.length}")
        if self.length / self.learning_rates[0] > _MOST_STEPS:
            raise ValueError(
                f"learning_rates must leave at most {_MOST_STEPS} steps to length = {self.length:g}, as every one is "
                f"saved, but got {self.learning_rates[0]:g}"
            )
        return self

    @property
    def measured(self) -> dict[Key, Point]:
        """The point of each temperature and learning rate, both from large to small."""
        return {
            (temperature, rate): self._at(temperature, rate)
            for temperature in self.temperatures[::-1]
            for rate in self.learning_rates[::-1]
        }

    def points(self) -> tuple[Point, ...]:
        """The quench, then at each temperature settling and every learning rate."""
        settled = (self._settled(temperature) for temperature in self.temperatures[::-1])
        return (self.quench, *settled, *self.measured.values())

    def tables(self, run: Run[Any]) -> list[Table]:
        """A row a replica at the end of each stage that is not recorded, and whether Langevin dynamics is steady."""
        return [units_table(run), stationarity_table(run)]

    def pictures(self, run: Run[Any]) -> Pictures:
        """Displacement against learning rate times steps."""
        return {"step_size": partial(_draw, run)}

    def _settled(self, temperature: float) -> Point:
        stage = Evolve(Langevin(temperature, self.settling_rate), self.settling, noise=noise_of(temperature))
        return replace(self.quench, stages=(*self.quench.stages, stage), label=f"settling at T = {temperature:g}")

    def _at(self, temperature: float, rate: float) -> Point:
        before = self._settled(temperature)
        n_steps = round(self.length / rate)
        stage = Measure(Langevin(temperature, rate), (0,), n_steps, noise=noise_of(temperature), grid=Grid(every=1))
        label = f"T = {temperature:g}, learning rate {rate:g}"
        return replace(before, stages=(*before.stages, stage), label=label)


_SIZES: Final[Mapping[str, dict[str, Any]]] = {
    "demo": {"replicas": 2, "settling": 300, "temperatures": (1e-6,), "length": 0.1},
    "laptop": {"replicas": 4, "settling": 2_000, "temperatures": (1e-6, 0.0), "length": 0.5},
    "workstation": {"replicas": 8, "settling": 20_000, "temperatures": (1e-6, 1e-8, 0.0), "length": 1.0},
    "paper": {"replicas": 20, "settling": 20_000, "temperatures": (1e-6, 1e-8, 1e-10, 0.0), "length": 3.0},
}


def _draw(run: Run[Any]) -> Figure:
    from glassnet.figures.step_size import draw_step_size
    from glassnet.runs.pictures import complete_records

    return draw_step_size(complete_records(run))
