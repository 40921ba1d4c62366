"""Points as plain JSON, which stands in the file of a run whose experiment is a user's own.

A stranger may have written it: keys, types and bounds are checked, and nothing in it names code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import partial
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from glassnet._check import MAX_NAME, MAX_STEP
from glassnet.datasets.names import N_SAMPLES
from glassnet.runs.fields import MOST_UNITS
from glassnet.runs.own_data import OwnData, Sha256
from glassnet.runs.point import Curvature, Evolve, Grid, Measure, Point, PreparedInputs, Surface
from glassnet.simulate.dynamics import GradientDescent, Langevin, Sgd
from glassnet.simulate.statistic import FunctionMissing, Statistic
from glassnet.store.directory import canonical

_MOST_STAGES: Final = 1_000
_MOST_STAGES_OF_UNITS: Final = 5_000_000
"""Stages of all points times replicas: a unit's address names all of its stages, a microsecond each."""

_MOST_TIMES: Final = 10_000_000
_LONGEST_LABEL: Final = 300
_KINDS: Final = (Sgd, GradientDescent, Langevin, Evolve, Measure, Curvature)


def described(points: Sequence[Point]) -> list[dict[str, Any]]:
    """The points as JSON values, which :func:`points_in` reads."""
    return [_described(point) for point in points]


def points_in(described: Any, n_replicas: int) -> tuple[Point, ...]:
    """The points that :func:`described` described.

    Args:
        described: JSON values.
        n_replicas: of each point.

    Raises:
        ValueError: they are no points, or too many; the message names the entry and the field.
    """
    if not isinstance(described, list) or not described:
        raise ValueError(f"points must be a list of at least one point, but are {described!r:.80}")
    if len(described) * n_replicas > MOST_UNITS:
        raise ValueError(
            f"points times replicas must be at most {MOST_UNITS} units, but are {len(described)} times {n_replicas}"
        )
    points, n_stages = [], 0
    for i, one in enumerate(described):
        try:
            point = _POINT.validate_python(one).made()
        except (ValidationError, ValueError) as error:
            raise ValueError(f"points[{i}]{_wrong(error)}") from None
        if point.start is not None and len(point.start) < n_replicas:
            raise ValueError(f"points[{i}].start must have one for each of {n_replicas} replicas")
        points.append(point)
        n_stages += len(point.stages)
        if n_stages * n_replicas > _MOST_STAGES_OF_UNITS:
            raise ValueError(
                f"stages of all points times replicas must be at most {_MOST_STAGES_OF_UNITS}, but points[0] to "
                f"points[{i}] have {n_stages} times {n_replicas}"
            )
    return tuple(points)


def refuse_changed(points: Sequence[Point], described: Any, n_replicas: int) -> None:
    """Refuse points that are not those described; labels and units are for people and may differ.

    Raises:
        ValueError: naming the first difference.
    """
    stored = points_in(described, n_replicas)
    if len(stored) != len(points):
        raise ValueError(f"it has {len(stored)} points, but {len(points)} are asked for now")
    for i, (mine, other) in enumerate(zip(points, stored, strict=True)):
        found, wanted = _described(_bare(mine)), _described(_bare(other))
        if canonical(found) != canonical(wanted):
            name, a, b = _first_difference(found, wanted, f"points[{i}]")
            raise ValueError(f"{name} of {other.label!r:.80} is {b!r:.80}, but {a!r:.80} is asked for now")


def _bare(point: Point) -> Point:
    """The point without what is for people."""
    stage = point.stage
    if isinstance(stage, Measure):
        stage = replace(stage, statistics=tuple(replace(one, unit="") for one in stage.statistics))
    return replace(point, label="", stages=(*point.stages[:-1], stage))


def _described(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value):
        kind = {"kind": type(value).__name__} if isinstance(value, _KINDS) else {}
        found = {field.name: getattr(value, field.name) for field in fields(value) if field.name != "function"}
        # Written only where there are any, as in runs that are older than these fields.
        for name, absent in (("statistics", ()), ("l2", None)):
            if found.get(name, ...) == absent:
                del found[name]
        return kind | {name: _described(one) for name, one in found.items()}
    return [_described(one) for one in value] if isinstance(value, tuple) else value


def _first_difference(mine: Any, other: Any, name: str) -> tuple[str, Any, Any]:
    """Where two descriptions differ: the name, and both values."""
    if isinstance(mine, dict) and isinstance(other, dict) and mine.keys() == other.keys():
        for key in mine:
            if canonical(mine[key]) != canonical(other[key]):
                return _first_difference(mine[key], other[key], f"{name}.{key}")
    if isinstance(mine, list) and isinstance(other, list) and len(mine) == len(other):
        for i, (a, b) in enumerate(zip(mine, other, strict=True)):
            if canonical(a) != canonical(b):
                return _first_difference(a, b, f"{name}[{i}]")
    return name, mine, other


# A model for each class: it has the same fields, and ``made`` gives one of the class.

Steps = Annotated[int, Field(ge=0, le=MAX_STEP)]
Some = Annotated[int, Field(ge=1, le=MAX_STEP)]
Name = Annotated[int, Field(ge=0, le=MAX_NAME)]
# A whole number stays whole: a unit's address tells 1 from 1.0.
Number = Annotated[int | Annotated[float, Field(allow_inf_nan=False)], Field(ge=0)]
Above0 = Annotated[int | Annotated[float, Field(allow_inf_nan=False)], Field(gt=0)]
Increasing = Annotated[list[Steps], Field(max_length=10_000)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    makes: ClassVar[type]

    def made(self) -> Any:
        return self.makes(**{name: _made(getattr(self, name)) for name in type(self).model_fields if name != "kind"})


def _made(value: Any) -> Any:
    if isinstance(value, _Model):
        return value.made()
    return tuple(map(_made, value)) if isinstance(value, list) else value


class _Sgd(_Model):
    makes = Sgd

    kind: Literal["Sgd"]
    learning_rate: Above0
    batch_size: Some
    sampling: Literal["permutation", "replacement"]


class _GradientDescent(_Model):
    makes = GradientDescent

    kind: Literal["GradientDescent"]
    learning_rate: Above0


class _Langevin(_Model):
    makes = Langevin

    kind: Literal["Langevin"]
    temperature: Number
    learning_rate: Above0
    batch_size: Some | None


_Dynamics = Annotated[_Sgd | _GradientDescent | _Langevin, Field(discriminator="kind")]


class _Evolve(_Model):
    makes = Evolve

    kind: Literal["Evolve"]
    dynamics: _Dynamics
    n_steps: Steps
    stop_loss: Above0 | None
    check_every: Some | None
    noise: Name
    l2: Number | None = None


class _Grid(_Model):
    makes = Grid

    every: Some | None
    epoch: Some | None


class _Statistic(_Model):
    """A user's statistic without its function, which stands in their file: enough to read what was recorded."""

    name: Annotated[str, Field(max_length=100)]
    version: Annotated[int, Field(ge=1, le=2**53)]
    needs: Annotated[list[str], Field(max_length=10)]
    unit: Annotated[str, Field(max_length=100)]

    def made(self) -> Statistic:
        absent = partial(_absent, self.name)
        return Statistic(self.name, absent, version=self.version, needs=tuple(self.needs), unit=self.unit)


def _absent(name: str, **given: Any) -> float:
    """The function of a statistic where it is not at hand.

    Raises:
        FunctionMissing: in any case.
    """
    raise FunctionMissing(f"the function of statistic {name!r} is in the user's file: give --experiment FILE.py:CLASS")


class _Measure(_Model):
    makes = Measure

    kind: Literal["Measure"]
    dynamics: _Dynamics
    waiting_times: Annotated[Increasing, Field(min_length=1)]
    until: Some
    chi: Annotated[list[Above0], Field(max_length=1_000)]
    snapshots: Increasing
    noise: Name
    grid: _Grid
    statistics: Annotated[list[_Statistic], Field(max_length=1_000)] = []

    @model_validator(mode="after")
    def _in_order(self) -> _Measure:
        if self.waiting_times != sorted(set(self.waiting_times)):
            raise ValueError("waiting_times must increase")
        length, every = self.until - self.waiting_times[0], self.grid.every
        if length < (every or 1) or self.until < self.waiting_times[-1]:
            raise ValueError("until must leave a save time after the first of waiting_times, and reach the last")
        if every is not None and length // every > _MOST_TIMES:
            raise ValueError(f"grid.every must leave at most {_MOST_TIMES} save times")
        last = length // every * every if every else int(Grid(None, self.grid.epoch).times(length)[-1])
        if self.until > self.waiting_times[-1] + last:
            end = self.waiting_times[-1] + last
            raise ValueError(f"until must be at most {end}, the last save time after the last of waiting_times")
        return self


class _Curvature(_Model):
    makes = Curvature

    kind: Literal["Curvature"]
    n_eigenvalues: Annotated[int, Field(ge=1, le=1_000)]
    noise: Name


class _Surface(_Model):
    makes = Surface

    dataset: Literal["mnist", "cifar10"] | OwnData
    inputs: PreparedInputs
    n_samples: Annotated[int, Field(ge=1, lt=2**40)]
    width: Annotated[int, Field(ge=1, le=10**6)]
    depth: Annotated[int, Field(ge=1, le=1_000)]
    l2: Number

    @model_validator(mode="after")
    def _data_fit(self) -> _Surface:
        if (self.inputs == "given") != isinstance(self.dataset, OwnData):
            raise ValueError("inputs must be 'given' for own data and no others")
        most = self.dataset.n_samples if isinstance(self.dataset, OwnData) else N_SAMPLES[self.dataset]["train"]
        if self.n_samples > most:
            raise ValueError(f"n_samples must be at most {most}")
        return self


class _Point(_Model):
    makes = Point

    surface: _Surface
    seed: Name
    dtype: Literal["float64", "float32"]
    stages: Annotated[
        list[Annotated[_Evolve | _Measure | _Curvature, Field(discriminator="kind")]],
        Field(min_length=1, max_length=_MOST_STAGES),
    ]
    label: Annotated[str, Field(max_length=_LONGEST_LABEL)]
    start: Annotated[list[Sha256], Field(min_length=1, max_length=MOST_UNITS)] | None

    @model_validator(mode="after")
    def _ends_once(self) -> _Point:
        if not all(isinstance(stage, _Evolve) for stage in self.stages[:-1]):
            raise ValueError("stages must be of kind Evolve but for the last")
        return self


_POINT: Final = TypeAdapter(_Point)


def _wrong(error: ValueError) -> str:
    """Where the first mistake is, and what it is."""
    if not isinstance(error, ValidationError):
        return f": {error}"
    problem: Mapping[str, Any] = dict(error.errors(include_url=False)[0])
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"])
    return f"{place:.200}: {problem['msg'][:1].lower()}{problem['msg'][1:]}, but got {problem['input']!r:.80}"
