"""The loss through quench, transient and measurement (Figs. 2a and A2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from glassnet.paper.experiments.relaxation import noise_of
from glassnet.paper.scales import preset
from glassnet.runs.experiment import Count, NotNegative, Positive, Whole
from glassnet.runs.own_data import OwnData
from glassnet.runs.point import Measure, Point
from glassnet.runs.training import Training
from glassnet.simulate.dynamics import Langevin, Sgd
from glassnet.simulate.grids import log_times


class Protocol(Training):
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
    grows: ClassVar[Mapping[str, Callable[[Any, Any], bool]]] = {
        "replicas": lambda old, new: new >= old,
        "t_max": lambda old, new: new >= old,
        "waiting_time": lambda old, new: True,
    }

    width: Count
    l2: NotNegative
    epochs: Count
    learning_rate: Positive = 1e-3
    temperature: NotNegative
    waiting_time: Whole
    t_max: Count

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


def _last(n_steps: int) -> int:
    return int(log_times(n_steps)[-1])


_REPLICAS: Final = {"demo": 2, "laptop": 2, "workstation": 3, "paper": 5}


def protocol(phase: str, dataset: str | OwnData, scale: str, changes: Mapping[str, Any] | None = None) -> Protocol:
    """The request of a phase of a data set at a scale.

    Raises:
        ValueError: an unknown name, a phase whose quench ends by its loss, or a number that is not allowed.
    """
    there = preset(phase, dataset, scale)
    if there.stop_loss is not None:
        raise ValueError(f"phase must be one whose quench has a fixed length here, but got {phase!r}")
    shared = {
        name: getattr(there, name)
        for name in ("dataset", "inputs", "samples", "batch_size", "width", "l2", "epochs", "t_max")
    }
    own = {"temperature": 1e-4, "waiting_time": there.shown_waiting_time, "replicas": _REPLICAS[scale]}
    return Protocol.of(shared | own | dict(changes or {}))
