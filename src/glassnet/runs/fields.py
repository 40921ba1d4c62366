"""Types of an experiment's fields: each checks its value, and names the field in what it says.

A user's own experiment takes its fields from here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BeforeValidator, ValidationInfo

from glassnet import _check

_MOST: Final = 10**12
_MOST_LISTED: Final = 10**6
_MOST_LAYERS: Final = 1_000
MOST_UNITS: Final = 100_000
"""Points times replicas: a file each; looking for them takes a tenth of a millisecond each."""


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
"""Integer from 1 to 1e6: bounds lists that a plan holds in memory."""

Seed = Annotated[int, by_name(lambda name, value: _check.integer(name, value, low=0, high=_check.MAX_NAME))]
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
Dtype = Literal["float64", "float32"]


def _layers(name: str, value: Any) -> int:
    return _check.integer(name, value, low=1, high=_MOST_LAYERS)


Layers = Annotated[int, by_name(_layers)]
"""Hidden layers."""
