"""The numbers of an experiment's request on the command line: ``--set`` for any of them, and their names in words."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from glassnet._text import near_to

NUMBERS: Final = "Numbers in place of the scale's"
"""Where the help has what replaces them."""

Set = Annotated[
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


class ExperimentCommand(TyperCommand):
    """A command that runs an experiment; its help ends with the names that ``--set`` takes."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of its request's numbers that ``--set`` takes."""
        from glassnet.paper.catalogue import EXPERIMENTS

        assert self.name is not None
        return tuple(name for name in EXPERIMENTS[self.name].model_fields if name not in _ELSEWHERE)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The help, with the names."""
        self.epilog = f"Names for --set: {', '.join(self.fields)}."
        super().format_help(ctx, formatter)


def parsed(changes: list[str] | None, options: dict[str, Any] | None = None) -> dict[str, Any]:
    """The numbers that ``--set`` and the options for single numbers give; what is neither JSON nor a list is text.

    Raises:
        ValueError: one that is no NAME=VALUE, a number that is given twice, or what is no number.
    """
    numbers = {name: value for name, value in (options or {}).items() if value is not None}
    for change in changes or []:
        name, sign, text = (part.strip() for part in change.partition("="))
        if not sign or not name:
            raise ValueError(f"set must be NAME=VALUE, but got {change!r}")
        if name in numbers:
            raise ValueError(f"{name} must be given once, but got {change} beside {name} = {numbers[name]}")
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


def unknown_command(asked: str, group: TyperGroup) -> str:
    """What is wrong with a command that a group does not have, and what is there that comes near to it."""
    known = {name: name for name in group.commands}
    for name, inner in group.commands.items():
        if isinstance(inner, TyperGroup):
            known |= {experiment: f"glassnet {name} {experiment}" for experiment in inner.commands}
    near = [known[name] for name in near_to(asked.replace("-", "_"), list(known))]
    return f"no such command {asked}; there is {' and '.join(near) or ', '.join(group.commands)}"


def unknown_option(option: str, command: Any) -> str:
    """What is wrong with an option that a command does not have, and what is there that comes near to it."""
    if isinstance(command, TyperGroup):
        return f"no such option {option} here; options come after the command that takes them"
    asked = option.lstrip("-").replace("_", "-")
    known = {name.lstrip("-"): name for one in command.params for name in one.opts if name.startswith("--")}
    near = [known[name] for name in near_to(asked, list(known))]
    if isinstance(command, ExperimentCommand):
        fields = near_to(asked.replace("-", "_"), list(command.fields))
        if asked.replace("-", "_") in fields:
            near = [name for name in near if asked.startswith(name.lstrip("-"))]
        if not near:
            near = [f"--set {name}=VALUE" for name in fields]
    return f"no such option {option}" + (f"; there is {' and '.join(near)}" if near else "; --help names all")
