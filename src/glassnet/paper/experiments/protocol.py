"""The loss through quench, transient and measurement (Figs. 2a and A2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from glassnet.paper.experiments.relaxation import Relaxation, noise_of, quench_numbers
from glassnet.paper.numbers import PHASES
from glassnet.paper.scales import SCALES
from glassnet.runs.experiment import Curves, Experiment
from glassnet.runs.fields import Count, NotNegative, Positive, Whole
from glassnet.runs.own_data import DataLike
from glassnet.runs.point import Measure, Point
from glassnet.runs.registry import register
from glassnet.runs.table import Table, stationarity_table, units_table
from glassnet.simulate.dynamics import Langevin, Sgd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from glassnet.runs.pictures import Pictures
    from glassnet.runs.run import Run


@register
class Protocol(Experiment):
    """Follow a few networks from random weights through SGD, then through Langevin dynamics from its first step.

    Args:
        width: units in each hidden layer.
        l2: lambda.
        epochs: length of the quench.
        learning_rate: mu of Langevin dynamics.
        temperature: T.
        waiting_time: t_w, where a measurement would begin; nothing but the figure depends on it.
        t_max: steps after that.
    """

    experiment: ClassVar[str] = "protocol"
    about: ClassVar[str] = "loss through a whole run (Figs. 2a, A2)"
    variants: ClassVar[Mapping[str, tuple[str, ...]]] = {"phase": PHASES}
    scales: ClassVar[tuple[str, ...]] = SCALES
    lengths: ClassVar[tuple[str, ...]] = ("t_max", "waiting_time")
    report: ClassVar[Curves] = Curves(("history",), "Dynamics", marker="waiting_time")

    width: Count
    l2: NotNegative
    epochs: Count
    learning_rate: Positive = 1e-3
    temperature: NotNegative
    waiting_time: Whole
    t_max: Count

    @classmethod
    def usual_numbers(cls, dataset: DataLike, scale: str, changes: Mapping[str, Any], **variant: str) -> dict[str, Any]:
        """Numbers of a phase of a data set at a scale.

        Raises:
            ValueError: a phase whose quench ends by its loss.
        """
        there = Relaxation.preset(dataset, scale, phase=variant["phase"])
        if there.stop_loss is not None:
            raise ValueError(f"phase must be one whose quench has a fixed length here, but got {variant['phase']!r}")
        own = {"temperature": 1e-4, "waiting_time": there.look().waiting_time, "replicas": _REPLICAS[scale]}
        return quench_numbers(variant["phase"], dataset, scale, "t_max") | own

    @property
    def quench(self) -> Point:
        """The point at the end of SGD."""
        return self.trained(self.width, self.l2, self.epochs)

    @property
    def measured(self) -> dict[str, Point]:
        """The history of the ``quench`` and that of ``langevin`` dynamics, each to its last save time."""
        sgd = Measure(Sgd(self.quench_rate, self.batch_size), (0,), _last(self.epochs * self.epoch))
        langevin = Measure(
            Langevin(self.temperature, self.learning_rate),
            (0,),
            _last(self.waiting_time + self.t_max),
            noise=noise_of(self.temperature),
        )
        return {
            "quench": replace(self.quench, stages=(sgd,), label="history of the quench"),
            "langevin": replace(self.quench, stages=(*self.quench.stages, langevin), label="history of Langevin"),
        }

    def points(self) -> tuple[Point, ...]:
        """The quench, and both histories."""
        return (self.quench, *self.measured.values())

    def tables(self, run: Run[Any]) -> list[Table]:
        """A row a replica at the end of each stage that is not recorded, and whether Langevin dynamics is steady."""
        return [units_table(run), stationarity_table(run)]

    def pictures(self, run: Run[Any]) -> Pictures:
        """The loss against time, from random weights to the end."""
        return {"protocol": partial(_draw, run, self.waiting_time)}


def _last(n_steps: int) -> int:
    from glassnet.simulate.grids import log_times

    return int(log_times(n_steps)[-1])


def _draw(run: Run[Any], waiting_time: int) -> Figure:
    from glassnet.figures.protocol import draw_protocol
    from glassnet.runs.pictures import complete_records

    records = complete_records(run)
    return draw_protocol(records["quench"], records["langevin"], waiting_time=waiting_time)


_REPLICAS: Final = {"demo": 2, "laptop": 2, "workstation": 3, "paper": 5}
