"""Base of all experiments: a frozen request of resolved numbers, the points that it stands for, and how it is shown.

An experiment is one class in one file. It says its fields, its points, the rows of its summary, its pictures and what
the report draws. The built-in ones stand in ``glassnet.paper.experiments`` and ``glassnet.beyond``; a user's own stands
in a file of theirs and is used in the same way.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from glassnet import _check
from glassnet._text import near_to
from glassnet.datasets.names import N_SAMPLES
from glassnet.datasets.names import Name as DatasetName
from glassnet.runs.fields import (
    MOST_UNITS,
    Count,
    Dtype,
    EngineName,
    Flag,
    Layers,
    Number,
    Positive,
    Precision,
    Seed,
    by_name,
    one_of,
)
from glassnet.runs.look import FIELDS, Look
from glassnet.runs.own_data import AnyData, DataLike, OwnData, own_data
from glassnet.runs.point import Evolve, Measure, Point, PreparedInputs, Surface
from glassnet.simulate.dynamics import Sgd

if TYPE_CHECKING:
    from glassnet.engines import Engine
    from glassnet.runs.pictures import Pictures
    from glassnet.runs.run import Run
    from glassnet.runs.table import Table
    from glassnet.simulate.ensemble import Ensemble

_BATCH: Final = 100


def _dataset(name: str, value: Any) -> AnyData:
    if isinstance(value, str):
        return _check.choice(name, value, get_args(DatasetName))  # type: ignore[return-value]
    return own_data(name, value)


def _inputs(name: str, value: Any) -> Any:
    return _check.choice(name, value, [one for kind in get_args(PreparedInputs) for one in get_args(kind)])


@dataclass(frozen=True)
class Curves:
    """The curves that the report draws of an experiment's records.

    Args:
        figures: by the names that the page's scripts have, in order; those that records cannot give are left out.
        vary: what tells the records apart, for the reader.
        layers: whether layers are drawn apart too.
        clock: "steps", or "scaled" for learning rate times steps.
        marker: field of the request that holds a time to be marked; empty for none.
    """

    figures: tuple[str, ...] = ("overlap", "tau", "msd", "alpha", "mobility", "ageing", "ageing_tau", "history")
    vary: str = "Condition"
    layers: bool = True
    clock: str = "steps"
    marker: str = ""


class Experiment(BaseModel, ABC):
    """A request: frozen, of resolved numbers; equal requests have equal hashes.

    Args:
        replicas: how many initial conditions: origins 0 to ``replicas`` - 1 at every point.
        seed: keys initial weights, batches and noise.
        engine: who makes the steps.
        gradient: precision of its data gradients.
        skin: whether the cpu engine looks at listed rows only (:class:`glassnet.engines.Cpu`).
        dataset: "mnist", "cifar10", or a user's own; its test set, if any, is followed beside the training set.
        inputs: how pixels become features, see :func:`glassnet.load_dataset`; "given" for own data.
        samples: P_D, the first rows of the training set; of own data all.
        depth: hidden layers.
        dtype: of the weights.
        quench_rate: learning rate of SGD.
        batch_size: rows a step of SGD.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, defer_build=True)

    experiment: ClassVar[str]
    """Name in commands, in ``run.json`` and of the module."""
    about: ClassVar[str] = ""
    """The experiment in a line, for lists."""
    variants: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Options of :meth:`preset` beside data set and scale, each with its values, the default first."""
    scales: ClassVar[tuple[str, ...]] = ()
    """Names of sizes that :meth:`preset` knows; the first is the default."""
    lists: ClassVar[tuple[str, ...]] = ()
    """Fields that list points: a run may be continued with more of them, and pieces of a run may differ in them."""
    lengths: ClassVar[tuple[str, ...]] = ()
    """Fields that say how long points are followed: a run may be continued with more."""
    report: ClassVar[Curves] = Curves()
    """The curves that the report draws of its records."""
    generic: ClassVar[bool] = False
    """Whether it stands in for a class that is not at hand, which may have tables and figures of its own."""

    replicas: Number
    seed: Seed = 0
    engine: Annotated[EngineName, one_of(EngineName)] = "cpu"
    gradient: Annotated[Precision, one_of(Precision)]
    skin: Flag = False
    dataset: Annotated[AnyData, by_name(_dataset)]
    inputs: Annotated[PreparedInputs, by_name(_inputs)] = "standardised"
    samples: Count
    depth: Layers = 6
    dtype: Annotated[Dtype, one_of(Dtype)] = "float64"
    quench_rate: Positive = 1e-3
    batch_size: Count = _BATCH

    # Requests.

    @classmethod
    def of(cls, numbers: Mapping[str, Any]) -> Self:
        """The request of these numbers.

        Raises:
            ValueError: an unknown field, or one that is not what it must be; the message names it.
        """
        for name in numbers:
            if name not in cls.model_fields:
                near = near_to(name, cls.model_fields)
                meant = f"; nearest: {', '.join(near)}" if near else ""
                raise ValueError(f"{name} must be one of {', '.join(cls.model_fields)}{meant}")
        precision = "float64" if numbers.get("engine") == "reference" else "float32"
        try:
            return cls.model_validate({"gradient": precision, **numbers})
        except ValidationError as error:
            raise ValueError(message(error)) from None

    @classmethod
    def preset(
        cls, dataset: DataLike = "mnist", scale: str = "", changes: Mapping[str, Any] | None = None, **variant: str
    ) -> Self:
        """The request that names stand for: :meth:`usual_numbers`, and what is changed.

        Args:
            dataset: "mnist", "cifar10", or own data, as :func:`glassnet.read_dataset` gives them.
            scale: one of :attr:`scales`; empty for the first.
            changes: other numbers for any fields.
            **variant: a value for any of :attr:`variants`.

        Raises:
            ValueError: an unknown name, a number that is not allowed, or one that is missing.
        """
        scale, chosen = cls.check_names(scale, variant)
        changes = dict(changes or {})
        return cls.of(cls.usual_numbers(dataset, scale, changes, **chosen) | changes)

    @classmethod
    def usual_numbers(cls, dataset: DataLike, scale: str, changes: Mapping[str, Any], **variant: str) -> dict[str, Any]:
        """The numbers that names stand for; here all rows of a data set, and the defaults of all other fields.

        Args:
            dataset: as for :meth:`preset`.
            scale: one of :attr:`scales`, "" where there is none.
            changes: numbers that will be replaced; others may depend on them.
            **variant: a value for each of :attr:`variants`.

        Raises:
            ValueError: names that do not go together.
        """
        return data_numbers(dataset, None)

    @classmethod
    def check_names(cls, scale: str, variant: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """A scale and the values of variants, the default for each that is not given.

        Raises:
            ValueError: an unknown name.
        """
        for name in variant:
            _check.choice("variant", name, tuple(cls.variants))
        chosen = {name: variant.get(name) or values[0] for name, values in cls.variants.items()}
        for name, value in chosen.items():
            _check.choice(name, value, cls.variants[name])
        if scale or cls.scales:
            scale = _check.choice("scale", scale or cls.scales[0], cls.scales)
        return scale, chosen

    @property
    def numbers(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return self.model_dump(mode="json")

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of the canonical JSON of experiment and numbers."""
        from glassnet.store.directory import unit_name

        return unit_name({"experiment": self.experiment, **self.numbers})

    @property
    def fixed_numbers(self) -> dict[str, Any]:
        """The numbers that a run keeps when it is continued with more."""
        return {name: value for name, value in self.numbers.items() if not self.can_grow(name)}

    @property
    def fixed_hash(self) -> str:
        """SHA-256 (hex) of experiment and fixed numbers: names the folder of a run however much is asked for."""
        from glassnet.store.directory import unit_name

        return unit_name({"experiment": self.experiment, **self.fixed_numbers})

    def with_data_in(self, folder: Path) -> Self:
        """The same request, whose own data, if any, are read from the folder of a run."""
        own = self.dataset
        return self.model_copy(update={"dataset": own.kept_in(folder)}) if isinstance(own, OwnData) else self

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """The same request with other numbers for some fields.

        Raises:
            ValueError: an unknown field, or a number that is not allowed.
        """
        return self.of({**self.numbers, "dataset": self.dataset, **changes})

    def refuse_to_replace(self, stored: Experiment, where: str) -> None:
        """Refuse to go on with a run of another request; this one may only ask for more.

        Raises:
            ValueError: naming the field that differs.
        """
        from glassnet.store.directory import canonical

        for name, value in self.numbers.items():
            old = stored.numbers.get(name)
            if canonical(old) == canonical(value):
                continue
            grows = self.can_grow(name)
            if not grows or None in (old, value):
                raise ValueError(
                    f"{where} was written by another request: {name} is {canonical(old)} there, "
                    f"but {canonical(value)} was asked for; choose another folder"
                )
            if not self.holds(name, value, old):
                raise ValueError(
                    f"{where} was written by a larger request: {name} is {canonical(old)} there, "
                    f"but {canonical(value)} was asked for; in another folder beside it, what is done is taken from it"
                )

    def can_grow(self, name: str) -> bool:
        """Whether a run may be continued with another value of a field."""
        return name in ("replicas", *self.lists, *self.lengths)

    def holds(self, name: str, value: Any, old: Any) -> bool:
        """Whether a value of a field that may grow asks for all that an old one did."""
        return bool(set(value) >= set(old) if name in self.lists else value >= old)

    def started_from(self, ensemble: Ensemble, fixed: Collection[str] = ()) -> Self:
        """The same request from given replicas; only experiments that quench once take them.

        Raises:
            ValueError: it takes none, or others.
        """
        raise ValueError(f"quenched must not be given for {self.experiment}, which begins at random weights")

    # What is made.

    @abstractmethod
    def points(self) -> tuple[Point, ...]:
        """The points to be made, parents before their children."""

    @property
    def quench(self) -> Point | None:
        """The point from which everything measured starts; None where there are several."""
        return None

    @property
    def replicas_shown(self) -> tuple[Point, ...]:
        """Points whose final weights are needed, not only their losses."""
        return () if self.quench is None else (self.quench,)

    @property
    def measured(self) -> Mapping[Any, Point]:
        """The points whose last stage is recorded, by what tells them apart."""
        return {}

    @property
    def epoch(self) -> int:
        """Steps an epoch of the quench."""
        return self.samples // self.batch_size

    def surface_of(self, width: int, l2: float) -> Surface:
        """The landscape of networks of this width under this l2."""
        return Surface(self.dataset, self.inputs, self.samples, width, self.depth, l2)

    def sgd(self, epochs: int) -> Evolve:
        """A stage of so many epochs of the quench."""
        return Evolve(Sgd(self.quench_rate, self.batch_size), epochs * self.epoch)

    def trained(self, width: int, l2: float, epochs: int, label: str = "quench") -> Point:
        """The point after so many epochs from random weights."""
        return Point(self.surface_of(width, l2), self.seed, self.dtype, (self.sgd(epochs),), label)

    def make_engine(self, threads: int | None = None) -> Engine:
        """The engine asked for, with so many threads if it knows any.

        Raises:
            ValueError: threads below 1, or no GPU where one is needed.
            ImportError: the engine needs a package that is missing.
        """
        from glassnet.engines import Cpu, Reference, Torch, Triton

        if self.engine == "cpu":
            return Cpu(threads=threads, gradient=self.gradient, skin=self.skin)
        if self.engine == "torch":
            return Torch(gradient=self.gradient, threads=threads)
        return Triton() if self.engine == "triton" else Reference()

    # How it is shown.

    def look(self, chi: float | None = None, waiting_time: int | None = None, temperature: float | None = None) -> Look:
        """The look at a run: the values given, and else the experiment's usual choice among those recorded.

        Raises:
            ValueError: a value that was not recorded, or one of which the experiment has none to choose from.
        """
        wanted = {"chi": chi, "waiting_time": waiting_time, "temperature": temperature}
        chosen: dict[str, Any] = {}
        for name, value in wanted.items():
            recorded = self.recorded(name)
            if not recorded:
                if value is not None:
                    raise ValueError(f"{name} must not be given: {self.experiment} has none to choose from")
                continue
            if value is not None and value not in recorded:
                known = ", ".join(f"{one:g}" for one in recorded)
                got = f"{value:g}" if abs(value) < _check.MAX_STEP else f"{value!r:.40}"  # no float may be as large
                raise ValueError(f"{name} must be one that was recorded ({known}), but got {got}")
            chosen[name] = self.usual(name, recorded) if value is None else value
        return Look(**chosen)

    def recorded(self, name: str) -> tuple[Any, ...]:
        """The recorded chi, waiting times or temperatures, to choose from.

        The field that lists them; where the experiment has none, all chi and waiting times of what is measured.
        """
        field = getattr(self, FIELDS[name], None)
        listed = field if isinstance(field, tuple) else ()
        if listed or name == "temperature":
            return listed
        stages = [point.stage for point in self.measured.values()]
        return tuple(sorted({one for s in stages if isinstance(s, Measure) for one in getattr(s, FIELDS[name])}))

    def usual(self, name: str, recorded: tuple[Any, ...]) -> Any:
        """The chi, waiting time or temperature that is shown where none is chosen: the last one."""
        return recorded[-1]

    def tables(self, run: Run[Any]) -> list[Table]:
        """Tables of a run: those of ``glassnet show``, the summary's files and the report; the first is summary.csv.

        Here a row a measurement, and a row a replica of what else was made.
        """
        from glassnet.runs.table import usual_tables

        return usual_tables(run)

    def pictures(self, run: Run[Any]) -> Pictures:
        """Figures of a run by itself, by the names of their files.

        Raises:
            ValueError: nothing that can be drawn is done.
        """
        from glassnet.runs.pictures import usual_pictures

        return usual_pictures(run)

    def captions(self, run: Run[Any]) -> tuple[str, Mapping[str, str]]:
        """Description of the files of figures, and titles of those whose title is not their name."""
        from glassnet.runs.pictures import about

        return about(run), {}

    def page(self, run: Run[Any]) -> dict[str, Any] | None:
        """Payload that the report draws in place of records, as JSON values; None where records are drawn."""
        return None

    def facts(self) -> dict[str, str]:
        """Lines about the request for people, in place of its numbers: see :func:`glassnet.runs.table.facts`."""
        return {}

    @model_validator(mode="after")
    def _engine_fits(self) -> Self:
        if self.engine == "reference" and self.gradient != "float64":
            raise ValueError(f"gradient must be 'float64' with engine 'reference', but got {self.gradient!r}")
        if self.engine == "triton" and self.gradient != "float32":
            raise ValueError(f"gradient must be 'float32' with engine 'triton', but got {self.gradient!r}")
        if self.engine != "cpu" and self.skin:
            raise ValueError(f"skin must be False with engine {self.engine!r}, but got True")
        return self

    @model_validator(mode="after")
    def _few_enough(self) -> Self:
        for name in (*self.lists, *self.lengths):
            if name not in type(self).model_fields or (name in self.lists and not _holds_several(getattr(self, name))):
                several = " that hold several values" if name in self.lists else ""
                kind = "lists" if name in self.lists else "lengths"
                raise ValueError(f"{type(self).__qualname__}.{kind} must name fields{several}, but has {name!r}")
        listed = {name: len(getattr(self, name)) for name in self.lists}
        n_units = self.replicas * math.prod(listed.values())
        if n_units > MOST_UNITS:
            what = " times ".join(["replicas", *listed])
            raise ValueError(f"{what} must be at most {MOST_UNITS} units, but are {n_units}")
        return self

    @model_validator(mode="after")
    def _data_fit(self) -> Self:
        if isinstance(self.dataset, OwnData):
            if self.samples != self.dataset.n_samples:
                raise ValueError(
                    f"samples must be {self.dataset.n_samples}, the rows of {self.dataset}, but got {self.samples}"
                )
        elif self.samples > (available := N_SAMPLES[self.dataset]["train"]):
            raise ValueError(f"samples must be at most {available}, the rows of {self.dataset}, but got {self.samples}")
        if self.batch_size > self.samples:
            raise ValueError(f"batch_size must be at most samples = {self.samples}, but got {self.batch_size}")
        if self.inputs == "mnist" and self.dataset != "mnist":
            raise ValueError(f"inputs must not be 'mnist' for {self.dataset}")
        if (self.inputs == "given") != isinstance(self.dataset, OwnData):
            raise ValueError(f"inputs must be 'given' for own data and no others, but is {self.inputs!r}")
        return self


def _holds_several(value: Any) -> bool:
    return isinstance(value, (tuple, list))


def data_numbers(dataset: DataLike, samples: int | None) -> dict[str, Any]:
    """The numbers of a request that go with its data: so many rows, None for all; of own data all in any case."""
    known = _dataset("dataset", dataset)
    if isinstance(known, OwnData):
        n = known.n_samples
        return {"dataset": known, "inputs": "given", "samples": n, "batch_size": min(_BATCH, n)}
    return {"dataset": known, "samples": samples or N_SAMPLES[known]["train"]}


def message(error: ValidationError) -> str:
    """One line for the first finding of pydantic's; our own checks already name the field."""
    problem: dict[str, Any] = dict(error.errors()[0])
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    field = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"{field} must be given"
    return f"{field}: {problem['msg'].lower()}, but got {problem['input']!r}"
