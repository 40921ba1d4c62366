"""How an ensemble of quenched networks relaxes at each temperature (Figs. 3 to 5, 7, 8, A1, A4 to A11)."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from pydantic import model_validator

from glassnet._text import counted, given_replicas, number_list
from glassnet.datasets.names import Name as DatasetName
from glassnet.paper.numbers import DEMO_TEMPERATURES, LONG_EPOCHS, PHASE, PHASES, WAITING_TIMES, PhaseName, phase_at
from glassnet.paper.scales import SCALE, SCALES
from glassnet.runs.experiment import Curves, data_numbers
from glassnet.runs.fields import (
    Count,
    NotNegativeNumbers,
    OptionalCount,
    OptionalPositive,
    Positive,
    PositiveNumbers,
    Times,
)
from glassnet.runs.own_data import DataLike, OwnData
from glassnet.runs.point import Measure, Point
from glassnet.runs.quench import Quenched
from glassnet.runs.registry import register
from glassnet.runs.table import Cells, Table, conditions_table, short
from glassnet.simulate.dynamics import Langevin

if TYPE_CHECKING:
    from glassnet.analysis.conditions import Row
    from glassnet.runs.pictures import Pictures
    from glassnet.runs.run import Run

SNAPSHOTS: Final = (100, 1_000, 3_000, 20_000, 100_000, 300_000)
"""As many as a record can hold: the last times of all scales, and two before."""


RELAXED: Final = ("overlap", "tau", "master", "left", "sensitivity", "msd", "alpha", "mobility", "history")
"""Figures of the report."""


@register
class Relaxation(Quenched):
    """Quench by SGD, then Langevin dynamics at several temperatures, measured.

    Args:
        stop_loss: end a replica's quench where its data loss is below this; looked at every ``check_epochs``.
        check_epochs: epochs between two looks at the loss.
        learning_rate: mu of Langevin dynamics.
        temperatures: T, in any order.
        waiting_times: t_w, steps since the end of the quench.
        t_max: the run ends this many steps after the last waiting time; one of :func:`glassnet.log_times`.
        chi: sensitivities chi at which Q is recorded and shown.
        snapshots: times at which the displacements are kept whole, up to six.
    """

    experiment: ClassVar[str] = "relaxation"
    about: ClassVar[str] = "overlap, displacement, mobility (Figs. 2b to 5c, 7, A1, A4, A6, A8)"
    variants: ClassVar[Mapping[str, tuple[str, ...]]] = {"phase": PHASES}
    scales: ClassVar[tuple[str, ...]] = SCALES
    lists: ClassVar[tuple[str, ...]] = ("temperatures",)
    lengths: ClassVar[tuple[str, ...]] = ("t_max",)
    quench_ends: ClassVar[tuple[str, ...]] = ("stop_loss", "check_epochs")
    report: ClassVar[Curves] = Curves((*RELAXED[:5], "ageing", "ageing_tau", *RELAXED[5:]), "Temperature")

    stop_loss: OptionalPositive = None
    check_epochs: OptionalCount = None
    learning_rate: Positive = 1e-3
    temperatures: NotNegativeNumbers
    waiting_times: Times
    t_max: Count
    chi: PositiveNumbers
    snapshots: Times = SNAPSHOTS

    @classmethod
    def usual_numbers(cls, dataset: DataLike, scale: str, changes: Mapping[str, Any], **variant: str) -> dict[str, Any]:
        """Numbers of a phase of a data set at a scale; for own data MNIST's, but for the number of rows."""
        return relaxation_numbers(variant["phase"], dataset, scale, changes)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        from glassnet.simulate.grids import log_times

        if (self.stop_loss is None) != (self.check_epochs is None):
            raise ValueError(
                "stop_loss and check_epochs must be given together, "
                f"but got stop_loss = {self.stop_loss}, check_epochs = {self.check_epochs}"
            )
        if len(self.snapshots) > len(SNAPSHOTS):
            raise ValueError(f"snapshots must be at most {len(SNAPSHOTS)} times, but got {len(self.snapshots)}")
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

    def usual(self, name: str, recorded: tuple[Any, ...]) -> Any:
        """The paper's sensitivity of the phase and waiting time of the scale, where recorded; the coldest T above 0."""
        if name == "temperature":
            return next((one for one in recorded if one > 0), recorded[-1])
        wanted: tuple[float, ...] = WAITING_TIMES
        if name == "chi":
            wanted = (PHASE[like(self.dataset), phase].shown_chi,) if (phase := self.phase) is not None else ()
        return next((one for one in wanted if one in recorded), super().usual(name, recorded))

    @property
    def phase(self) -> PhaseName | None:
        """Where the networks lie by the paper's transitions; None in the quadratic phase."""
        return phase_at(self.l2, self.quench.surface.network.n_weights / self.samples)

    def tables(self, run: Run[Any]) -> list[Table]:
        """A row a temperature, and a row a quenched replica."""
        temperatures = conditions_table(run, "temperatures", "temperature", self.t_max)
        return [temperatures, *([quench_table(run, self)] if run.quench_results else [])]

    def pictures(self, run: Run[Any]) -> Pictures:
        """Overlap, relaxation times, displacement, mobility and losses at each temperature."""
        from glassnet.figures.relaxation import drawings_of

        if not run.records:
            raise run.lacks("measurement")
        return drawings_of(run.record, **run.look.at)

    def captions(self, run: Run[Any]) -> tuple[str, Mapping[str, str]]:
        """A line about the measurement, and a sentence a figure."""
        from glassnet.figures.relaxation import CAPTIONS, description

        return description(run.record, **run.look.at), CAPTIONS

    def facts(self) -> dict[str, str]:
        """Data, network, loss, quench, dynamics and engine, a line each."""
        network = self.quench.surface.network
        stop = f", less where the data loss falls below {self.stop_loss:g}" if self.stop_loss else ""
        quench = f"SGD, learning rate {self.quench_rate:g}, batch {self.batch_size}, {self.epochs} epochs{stop}"
        return {
            "data": f"{self.dataset}, {self.samples} rows, inputs "
            + ("as prepared" if self.inputs == "given" else self.inputs),
            "network": f"width {network.width}, depth {network.depth}, N = {network.n_weights}, "
            f"N/P_D = {network.n_weights / self.samples:.3g}",
            "loss": f"quadratic hinge, l2 = {self.l2:g}",
            "replicas": f"{self.replicas}, seed {self.seed}",
            "quench": quench if self.quenched is None else f"given: {given_replicas(self.quenched)}",
            "Langevin": f"learning rate {self.learning_rate:g}, T = {number_list(self.temperatures[::-1])}",
            "times": f"t_w = {number_list(self.waiting_times)}, t to {self.t_max}",
            "overlap": f"chi = {number_list(self.chi)}",
            "engine": f"{self.engine}, {self.gradient} gradients, {self.dtype} weights"
            + (", skin" if self.skin else ""),
        }

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


def like(dataset: DataLike) -> DatasetName:
    """The built-in set whose numbers a scale has for a data set: MNIST's for a user's own."""
    known = data_numbers(dataset, None)["dataset"]
    return "mnist" if isinstance(known, OwnData) else known


def noise_of(temperature: float) -> int:
    """Which noise realisation a temperature uses, by its value: the others in a list do not change it."""
    return int.from_bytes(hashlib.sha256(struct.pack("<d", temperature)).digest()[:4], "little")


def relaxation_numbers(
    phase: str, dataset: DataLike, scale: str, changes: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The numbers of a phase of a data set at a scale; ``changes`` are looked at for the engine only."""
    known = like(dataset)
    where, size = PHASE[known, phase], SCALE[scale]
    demo = scale == "demo"
    temperatures = {"demo": DEMO_TEMPERATURES, "laptop": where.laptop_temperatures}.get(scale, where.temperatures)
    numbers: dict[str, Any] = {
        **data_numbers(dataset, size.samples),
        "width": where.demo_width if demo else where.width,
        "l2": where.l2,
        "replicas": size.replicas,
        "epochs": size.epochs,
        "temperatures": temperatures,
        "waiting_times": size.waiting_times,
        "t_max": size.t_max,
        "chi": where.chi,
    }
    if (known, phase) == ("mnist", "overparameterised") and not demo:
        # This phase is its plateau of zero loss; a replica that gets there stops.
        numbers |= {"epochs": LONG_EPOCHS, "stop_loss": 1e-6, "check_epochs": 100}
        if scale == "laptop" and (changes or {}).get("engine", "cpu") == "cpu":
            # Its effect there was found below the differences between replicas (docs/performance.md), and with it
            # steps cost so little that a run can go as far as claims about what is not seen ask for.
            numbers |= {"skin": True, "t_max": 100_000}
    if (known, phase, scale) == ("cifar10", "overparameterised", "laptop"):
        # Nothing sleeps there and it is the widest: as much as fits in a night.
        numbers |= {"replicas": 2, "t_max": 5_000}
    return numbers


def quench_numbers(phase: str, dataset: DataLike, scale: str, *more: str) -> dict[str, Any]:
    """Data, network and quench of a phase, for experiments that start from the same quench.

    Args:
        phase: as for :class:`Relaxation`.
        dataset: likewise.
        scale: likewise.
        *more: other fields that are wanted.
    """
    numbers = relaxation_numbers(phase, dataset, scale)
    return {name: numbers[name] for name in (*data_numbers(dataset, None), "width", "l2", "epochs", *more)}


def quench_table(run: Run[Any], request: Relaxation) -> Table:
    """A row a replica: losses, accuracies, share of awake rows, epochs, sigma, and whether it diverged or is dead."""
    from glassnet.analysis.conditions import plain

    quenched, results = run.quenched, run.quench_results
    sigma = quenched.weights.std(axis=1, dtype="float64")
    rows: list[Row] = []
    for i, origin in enumerate(quenched.origin.tolist()):
        seen = {name: plain(value) for name, value in results[origin].items() if name not in ("alive", "dead")}
        rows.append(
            {
                "origin": origin,
                "epochs": int(quenched.step[i]) / request.epoch,
                "diverged": int(not quenched.alive[i]),
                "dead": int(results[origin]["dead"]),
                "sigma": float(sigma[i]),
                **seen,
            }
        )
    title, limit = "After the quench", request.stop_loss
    if limit is not None:
        below = sum(isinstance(row["data_loss"], float) and row["data_loss"] < limit for row in rows)
        title += f": loss below {limit:g} in {below} of {counted(len(rows), 'replica')}"
    return Table("quench", title, rows, _by_replica)


def _by_replica(rows: Sequence[Row]) -> list[Cells]:
    heads = {"data_loss": "loss", "test_loss": "test loss", "accuracy": "accuracy", "test_accuracy": "test acc."}
    names = ("epochs", "data_loss", "test_loss", "accuracy", "test_accuracy", "awake", "sigma")
    return [
        {"replica": f"{row['origin']}" + (" diverged" if row["diverged"] else " dead" if row["dead"] else "")}
        | {heads.get(name, name): short(row.get(name)) for name in names}
        for row in rows
    ]
