"""How an ensemble of quenched networks relaxes at each temperature (Figs. 3 to 5, 7, 8, A1, A4 to A11)."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final, Self

from pydantic import model_validator

from glassnet.runs.experiment import (
    Count,
    NotNegativeNumbers,
    OptionalCount,
    OptionalPositive,
    Positive,
    PositiveNumbers,
    Times,
    Whole,
)
from glassnet.runs.point import Measure, Point
from glassnet.runs.quench import Quenched
from glassnet.simulate.dynamics import Langevin
from glassnet.simulate.grids import log_times

SNAPSHOTS: Final = (100, 1_000, 3_000, 20_000, 100_000, 300_000)
"""As many as a record can hold: the last times of all scales, and two before."""


class Relaxation(Quenched):
    """Quench by SGD, then Langevin dynamics at several temperatures, measured.

    Args:
        stop_loss: end a replica's quench where its data loss is below this; looked at every ``check_epochs``.
        learning_rate: mu of Langevin dynamics.
        temperatures: T, in any order.
        waiting_times: t_w, steps since the end of the quench.
        t_max: the run ends this many steps after the last waiting time; one of :func:`glassnet.log_times`.
        chi: sensitivities of the overlap.
        snapshots: times at which the displacements are kept whole, up to six.
        shown_waiting_time: the one in the summary and the figures.
        shown_chi: the one in the summary and the figures.
    """

    experiment: ClassVar[str] = "relaxation"
    grows: ClassVar[Mapping[str, Callable[[Any, Any], bool]]] = {
        **Quenched.grows,
        "temperatures": lambda old, new: set(new) >= set(old),
        "t_max": lambda old, new: new >= old,
        # What is looked at is free: nothing that is stored depends on it.
        "shown_waiting_time": lambda old, new: True,
        "shown_chi": lambda old, new: True,
    }

    stop_loss: OptionalPositive = None
    check_epochs: OptionalCount = None
    learning_rate: Positive = 1e-3
    temperatures: NotNegativeNumbers
    waiting_times: Times
    t_max: Count
    chi: PositiveNumbers
    snapshots: Times = SNAPSHOTS
    shown_waiting_time: Whole
    shown_chi: Positive

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.stop_loss is None) != (self.check_epochs is None):
            raise ValueError(
                "stop_loss and check_epochs must be given together, "
                f"but got stop_loss = {self.stop_loss}, check_epochs = {self.check_epochs}"
            )
        if len(self.snapshots) > len(SNAPSHOTS):
            raise ValueError(f"snapshots must be at most {len(SNAPSHOTS)} times, but got {len(self.snapshots)}")
        if self.shown_waiting_time not in self.waiting_times:
            raise ValueError(
                f"shown_waiting_time must be one of {list(self.waiting_times)}, but got {self.shown_waiting_time}"
            )
        if self.shown_chi not in self.chi:
            raise ValueError(f"shown_chi must be one of {list(self.chi)}, but got {self.shown_chi}")
        grid = log_times(2 * self.t_max)
        if self.t_max not in grid:
            below, above = grid[grid < self.t_max][-1], grid[grid > self.t_max][0]
            raise ValueError(
                f"t_max must be a save time, the nearest of which are {below} and {above}, but got {self.t_max}"
            )
        return self

    @property
    def quench(self) -> Point:
        """The point at the end of SGD, at which all temperatures start."""
        point = super().quench
        if self.check_epochs is None:
            return point
        stage = replace(self.sgd(self.epochs), stop_loss=self.stop_loss, check_every=self.check_epochs * self.epoch)
        return replace(point, stages=(stage,))

    @property
    def measured(self) -> dict[float, Point]:
        """The point of each temperature, from hot to cold."""
        return {temperature: self._at(temperature) for temperature in self.temperatures[::-1]}

    def points(self) -> tuple[Point, ...]:
        """The quench, then Langevin dynamics from hot to cold."""
        return (self.quench, *self.measured.values())

    def showing(self, *, chi: float | None = None, waiting_time: int | None = None) -> Self:
        """The same request seen at another chi or waiting time.

        Raises:
            ValueError: one that is not recorded.
        """
        shown: dict[str, float | int] = {}
        for name, value, recorded in (("chi", chi, self.chi), ("waiting_time", waiting_time, self.waiting_times)):
            if value is None:
                continue
            if value not in recorded:
                known = ", ".join(f"{one:g}" for one in recorded)
                raise ValueError(f"{name} must be one that was recorded ({known}), but got {value:g}")
            shown[f"shown_{name}"] = value
        return self.of(self.numbers | shown)

    def _at(self, temperature: float) -> Point:
        stage = Measure(
            dynamics=Langevin(temperature, self.learning_rate),
            waiting_times=self.waiting_times,
            until=self.waiting_times[-1] + self.t_max,
            chi=self.chi,
            snapshots=self.snapshots,
            noise=noise_of(temperature),
        )
        start = self.quench
        return replace(start, stages=(*start.stages, stage), label=f"Langevin T = {temperature:g}")


def noise_of(temperature: float) -> int:
    """Which noise realisation a temperature uses, by its value: the others in a list do not change it."""
    return int.from_bytes(hashlib.sha256(struct.pack("<d", temperature)).digest()[:4], "little")
