"""What every experiment's request is: resolved numbers, one canonical JSON, and the points they stand for."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, ValidationInfo, model_validator

from glassnet import _check
from glassnet._text import near_to
from glassnet.engines import Cpu, Engine, Reference, Torch, Triton
from glassnet.random import MAX_NAME
from glassnet.runs.point import Point
from glassnet.store.directory import canonical, unit_name

_MOST: Final = 10**12
_MOST_LISTED: Final = 10**6
_MOST_UNITS: Final = 100_000
"""A file each; looking for them takes a tenth of a millisecond each."""

_RECORDED: Final = ("waiting_times", "chi", "snapshots", "quenched")
"""Lists of what is looked at in a unit; the others list points."""


def by_name(check: Callable[[str, Any], Any]) -> BeforeValidator:
    """A field's check by name and value; what is wrong with the type is as wrong as any other value."""

    def validate(value: Any, info: ValidationInfo) -> Any:
        try:
            return check(str(info.field_name), value)
        except TypeError as error:
            raise ValueError(str(error)) from None

    return BeforeValidator(validate)


def one_of(kind: Any) -> BeforeValidator:
    """The values of a Literal."""
    return by_name(lambda name, value: _check.choice(name, value, get_args(kind)))


def one_or_more(value: Any) -> tuple[Any, ...]:
    """The values of a field that holds several; one may stand alone."""
    return tuple(value) if isinstance(value, Iterable) and not isinstance(value, (str, bytes)) else (value,)


def _number(name: str, value: Any, *, positive: bool) -> float:
    return _check.number(name, value, positive=positive) + 0.0  # -0.0 is 0.0


def _numbers(name: str, values: Any, *, positive: bool) -> tuple[float, ...]:
    numbers = tuple(sorted(_number(name, value, positive=positive) for value in one_or_more(values)))
    if not numbers or len(set(numbers)) != len(numbers):
        raise ValueError(f"{name} must hold at least one number and each once, but got {list(numbers)}")
    return numbers


def _counts(name: str, values: Any) -> tuple[int, ...]:
    counts = tuple(sorted(_check.integer(name, value, low=1, high=_MOST) for value in one_or_more(values)))
    if not counts or len(set(counts)) != len(counts):
        raise ValueError(f"{name} must hold at least one number and each once, but got {list(counts)}")
    return counts


def _times(name: str, values: Any) -> tuple[int, ...]:
    return tuple(int(time) for time in _check.increasing_times(name, values))


Count = Annotated[int, by_name(lambda name, value: _check.integer(name, value, low=1, high=_MOST))]
Whole = Annotated[int, by_name(lambda name, value: _check.integer(name, value, low=0, high=_MOST))]
Number = Annotated[int, by_name(lambda name, value: _check.integer(name, value, low=1, high=_MOST_LISTED))]
"""Of what is listed one by one when a run is planned."""

Seed = Annotated[int, by_name(lambda name, value: _check.integer(name, value, low=0, high=MAX_NAME))]
Positive = Annotated[float, by_name(lambda name, value: _number(name, value, positive=True))]
NotNegative = Annotated[float, by_name(lambda name, value: _number(name, value, positive=False))]
OptionalPositive = Annotated[
    float | None, by_name(lambda name, value: None if value is None else _number(name, value, positive=True))
]
OptionalCount = Annotated[
    int | None,
    by_name(lambda name, value: None if value is None else _check.integer(name, value, low=1, high=_MOST)),
]
PositiveNumbers = Annotated[tuple[float, ...], by_name(lambda name, values: _numbers(name, values, positive=True))]
NotNegativeNumbers = Annotated[tuple[float, ...], by_name(lambda name, values: _numbers(name, values, positive=False))]
Counts = Annotated[tuple[int, ...], by_name(_counts)]
"""Whole numbers above 0, in any order."""

Times = Annotated[tuple[int, ...], by_name(_times)]
"""Whole steps, increasing."""

Flag = Annotated[bool, by_name(_check.flag)]
EngineName = Literal["cpu", "reference", "torch", "triton"]
Precision = Literal["float32", "float64"]


class Experiment(BaseModel, ABC):
    """A request: frozen, of resolved numbers; equal requests have equal hashes.

    Args:
        replicas: origins 0 to ``replicas`` - 1 at every point.
        seed: keys initial weights, batches and noise.
        engine: who makes the steps.
        gradient: precision of its data gradients.
        skin: whether the cpu engine looks at listed rows only (:class:`glassnet.engines.Cpu`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    experiment: ClassVar[str]
    grows: ClassVar[Mapping[str, Callable[[Any, Any], bool]]]
    """Fields that a run may be continued with, and whether the second value holds the first."""

    replicas: Number
    seed: Seed = 0
    engine: Annotated[EngineName, one_of(EngineName)] = "cpu"
    gradient: Annotated[Precision, one_of(Precision)]
    skin: Flag = False

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
            raise ValueError(_message(dict(error.errors()[0]))) from None

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
        listed = {name: len(value) for name, value in self if isinstance(value, tuple) and name not in _RECORDED}
        n_units = self.replicas * math.prod(listed.values())
        if n_units > _MOST_UNITS:
            what = " times ".join(["replicas", *listed])
            raise ValueError(f"{what} must be at most {_MOST_UNITS} units, but are {n_units}")
        return self

    @abstractmethod
    def points(self) -> tuple[Point, ...]:
        """What is to be made, parents before their children."""

    @property
    def quench(self) -> Point | None:
        """The point from which everything measured starts; None where there are several."""
        return None

    @property
    def replicas_shown(self) -> tuple[Point, ...]:
        """The points whose replicas themselves are looked at, not only what was evaluated of them."""
        return () if self.quench is None else (self.quench,)

    @property
    def measured(self) -> Mapping[Any, Point]:
        """The points whose last stage is recorded, by what tells them apart."""
        return {}

    def showing(self, *, chi: float | None = None, waiting_time: int | None = None) -> Self:
        """The same request seen at another chi or waiting time.

        Raises:
            ValueError: one that is not recorded.
        """
        if chi is not None or waiting_time is not None:
            raise ValueError(f"chi and waiting_time must not be given: {self.experiment} has none to choose from")
        return self

    @property
    def numbers(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return self.model_dump(mode="json")

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of the canonical JSON of experiment and numbers."""
        return unit_name({"experiment": self.experiment, **self.numbers})

    def make_engine(self, threads: int | None = None) -> Engine:
        """The engine asked for, with so many threads if it knows any.

        Raises:
            ValueError: threads below 1, or no GPU where one is needed.
            ImportError: the engine needs a package that is missing.
        """
        if self.engine == "cpu":
            return Cpu(threads=threads, gradient=self.gradient, skin=self.skin)
        if self.engine == "torch":
            return Torch(gradient=self.gradient, threads=threads)
        return Triton() if self.engine == "triton" else Reference()

    def refuse_to_replace(self, stored: Experiment, where: str) -> None:
        """Refuse to go on with a run of another request; this one may only ask for more.

        Raises:
            ValueError: naming the field that differs.
        """
        for name, value in self.numbers.items():
            old = stored.numbers[name]
            if canonical(old) == canonical(value):
                continue
            grows = self.grows.get(name)
            if grows is None or None in (old, value):
                raise ValueError(
                    f"{where} was written by another request: {name} is {canonical(old)} there, "
                    f"but {canonical(value)} was asked for; choose another folder"
                )
            if not grows(old, value):
                raise ValueError(
                    f"{where} was written by a larger request: {name} is {canonical(old)} there, "
                    f"but {canonical(value)} was asked for; in another folder beside it, what is done is taken from it"
                )


def _message(problem: dict[str, Any]) -> str:
    """One line for a finding of pydantic's; our own checks already name the field."""
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    field = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"{field} must be given"
    return f"{field}: {problem['msg'].lower()}, but got {problem['input']!r}"
