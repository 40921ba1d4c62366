"""Groups of options that several commands share: a named tuple whose fields are declared as options are.

A command takes a group as one argument; on the command line it stands for the group's options.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, get_type_hints


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with each argument that is a group replaced by the options of the group."""
    hints = get_type_hints(command, include_extras=True)
    parameters = inspect.signature(command).parameters.values()
    return with_parameters(command, [one.replace(annotation=hints[one.name]) for one in parameters])


def with_parameters(command: Callable[..., None], parameters: Iterable[inspect.Parameter]) -> Callable[..., None]:
    """A function that is called by keywords, with these parameters as typer is to see them; groups are replaced."""
    groups = {one.name: one.annotation for one in parameters if _is_group(one.annotation)}

    @wraps(command)
    def call(**given: Any) -> None:
        made = {name: group(**{one: given.pop(one) for one in group._fields}) for name, group in groups.items()}
        command(**given, **made)

    seen = [option for one in parameters for option in (_options(groups[one.name]) if one.name in groups else [one])]
    seen = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in seen]
    call.__signature__ = inspect.Signature(seen)  # type: ignore[attr-defined]
    call.__annotations__ = {one.name: one.annotation for one in seen}
    return call


def parameter(name: str, annotation: Any, default: Any = None) -> inspect.Parameter:
    """A parameter that is given by keyword."""
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _is_group(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, tuple) and hasattr(annotation, "_fields")


def _options(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [parameter(name, hints[name], group._field_defaults[name]) for name in group._fields]
