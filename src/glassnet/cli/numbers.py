"""The numbers of an experiment's request on the command line: an option for each field, and ``--set`` for any."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args, get_origin

import typer

from glassnet.runs.look import OLD

if TYPE_CHECKING:
    from glassnet.runs.experiment import Experiment

NUMBERS: Final = "Numbers in place of the usual ones"
"""Where the help has what replaces them."""

Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Replace any number: --set replicas=8, --set temperatures=0.1,0.01; may be given several times. "
        "The names are below.",
        rich_help_panel=NUMBERS,
    ),
]

_ELSEWHERE: Final = ("dataset", "quenched")
"""Fields of requests that options of their own stand for."""


@dataclass(frozen=True)
class NumberOption:
    """The option for a field.

    Args:
        field: name of the field.
        flag: the option, in the singular where the field holds several values, which are given one by one.
        kind: type of a value.
        several: whether it may be given several times.
        about: the field in the words of its class.
    """

    field: str
    flag: str
    kind: Any
    several: bool
    about: str

    @property
    def annotation(self) -> Any:
        """As typer is to see it."""
        about = self.about
        if get_origin(self.kind) is Literal:
            about = f"{about or self.field}: {', '.join(get_args(self.kind))}"
        if self.several:
            about = f"{about}; may be given several times" if about else "may be given several times"
        kind: Any = str if get_origin(self.kind) is Literal else self.kind
        flag = f"{self.flag}/--no-{self.flag[2:]}" if kind is bool else self.flag
        metavar = f"<{kind.__name__}>" if self.several else None
        option = typer.Option(
            flag, help=f"{about}." if about else None, metavar=metavar, show_default=False, rich_help_panel=NUMBERS
        )
        return Annotated[list[kind] | None if self.several else kind | None, option]


def fields_of(experiment: type[Experiment]) -> tuple[str, ...]:
    """The names of a request's numbers that ``--set`` takes."""
    return tuple(name for name in experiment.model_fields if name not in _ELSEWHERE)


def number_options(experiment: type[Experiment]) -> list[NumberOption]:
    """The options for the fields of an experiment, with what its class says of them."""
    from glassnet.runs.commands import options_of

    about, options = dict(_described(experiment)), options_of(experiment)
    return [NumberOption(name, one.flag, one.kind, one.several, about.get(name, "")) for name, one in options.items()]


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _described(experiment: type[Experiment]) -> Iterator[tuple[str, str]]:
    """Fields and what the docstrings of the class and of those it derives from say of them, without a full stop."""
    for one in reversed(experiment.__mro__):
        _, _, entries = inspect.cleandoc(one.__dict__.get("__doc__") or "").partition("\nArgs:\n")
        for entry in re.split(r"\n(?=    \S)", entries.split("\n\n")[0].rstrip()):
            name, sign, text = entry.strip().partition(":")
            if sign:
                yield name, plain_text(text).rstrip(".")


def plain_text(docstring: str) -> str:
    """Text of a docstring in one line, without marks for code and links."""
    return " ".join(re.sub(r"(?::\w+:)?(`+)~?(.*?)\1", r"\2", docstring).split())


def parsed(experiment: type[Experiment], changes: list[str] | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers that ``--set`` and the options for single numbers give; what is neither JSON nor a list is text.

    Raises:
        ValueError: one that is no NAME=VALUE, a number that is given twice, or what is no number.
    """
    numbers = {name: value for name, value in options.items() if value is not None}
    for change in changes or []:
        name, sign, text = (part.strip() for part in change.partition("="))
        if not sign or not name:
            raise ValueError(f"set must be NAME=VALUE, but got {change!r}")
        if name in numbers:
            raise ValueError(f"{name} must be given once, but got {change} beside {name} = {numbers[name]}")
        if name in OLD and name not in experiment.model_fields:
            raise ValueError(
                f"set must not be given {name}: it is chosen when a run is shown, by {_flag(OLD[name])} of show, "
                "figures, report, condense and watch"
            )
        if name in _ELSEWHERE:
            raise ValueError(f"{name} must be given as --{name}, but got --set {change}")
        numbers[name] = _value(text)
    return numbers


def _value(text: str) -> Any:
    for json_text in (text, f"[{text}]"):
        try:
            return _whole(json.loads(json_text))
        except json.JSONDecodeError:
            continue
    try:
        return _whole([float(number) for number in text.split(",")] if "," in text else float(text))
    except ValueError:
        return text


def _whole(value: Any) -> Any:
    """Whole numbers as such, however they are written: 1e5."""
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
