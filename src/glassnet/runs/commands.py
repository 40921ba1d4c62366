"""The command that asks for a request: the shortest one over the variants and scales of its experiment."""

from __future__ import annotations

import inspect
import itertools
import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin

from glassnet.runs.experiment import Experiment
from glassnet.runs.own_data import OwnData
from glassnet.runs.registry import is_built_in

Names = tuple[Mapping[str, str], str]
"""A value for each variant of an experiment, and a scale, empty where it has none."""


def command(request: Experiment, *, data: str = "DATA.npz", quenched: str = "QUENCHED.zip") -> str:
    """The command that asks for a request, with as few words as can be.

    Args:
        request: of any experiment; one that stands in a user's file is called ``FILE.py:CLASS``. Of one whose class is
            not at hand the command has the name, which cannot be run.
        data: the file of a user's own data, as the folder of a run has them.
        quenched: the file of the replicas that the request starts from.
    """
    forms = [(names, changes) for names in names_of(type(request)) if (changes := _changes(request, names)) is not None]
    unnamed: tuple[Names, dict[str, Any]] = (({}, ""), _asked(request))  # a preset of a user's own may refuse them all
    names, changes = min(forms, key=lambda form: len(_said(request, form[1])), default=unnamed)
    for name in list(changes):  # an engine, say, brings its precision
        fewer = {other: value for other, value in changes.items() if other != name}
        with suppress(ValueError):
            changes = changes if _lacking(request, names, fewer) else fewer
    words = [*_named(request, names, data), *_said(request, changes)]
    given = ["--quenched", quenched] if _is_given(request) else []
    return shlex.join(["glassnet", "run", called(request), *words, *given])


def names_of(experiment: type[Experiment]) -> Iterator[Names]:
    """All that a preset of an experiment can be asked for by name: each variant at each scale."""
    for values in itertools.product(*experiment.variants.values()):
        for scale in experiment.scales or ("",):
            yield dict(zip(experiment.variants, values, strict=True)), scale


def named_by(request: Experiment) -> Iterator[tuple[Names, Experiment]]:
    """The requests on the data of one, by the names that give them; not every variant has every scale."""
    for variant, scale in names_of(type(request)):
        with suppress(ValueError):
            yield (variant, scale), type(request).preset(request.dataset, scale, None, **variant)


@dataclass(frozen=True)
class Option:
    """The option of ``glassnet run`` that replaces a number.

    Args:
        flag: the option; a bool has a second one, ``--no-...``.
        kind: type of a value: int, float, bool, str or a Literal.
        several: whether it may be given several times.
    """

    flag: str
    kind: Any
    several: bool


def options_of(experiment: type[Experiment]) -> dict[str, Option]:
    """The options that replace numbers, by the names of their fields; all other fields are for ``--set`` alone.

    Fields of numbers, flags and names have one. A field that holds several is given one by one, in the singular where
    no other field is called so.
    """
    flags = {name: f"--{name.replace('_', '-')}" for name in experiment.model_fields}
    taken = _TAKEN | {f"--{name.replace('_', '-')}" for name in experiment.variants}
    found = {}
    for name, flag in flags.items():
        kind, several = _kind(experiment.model_fields[name].annotation)
        # Lengths of the quench are epochs wherever they are given.
        one = flag.removesuffix("s") if several and name != "epochs" else flag
        chosen = flag if one in (*flags.values(), *taken) else one
        opposite = f"--no-{chosen[2:]}" if kind is bool else ""
        if chosen not in taken and opposite not in flags.values() and kind is not None:
            found[name] = Option(chosen, kind, several)
    return found


_WORDS: Final = """
    checkpoint-every cluster components data dataset dry-run header help inputs label negative no-header output
    positive quenched scale scheduler set split split-seed test-data threads workers
"""
_TAKEN: Final = frozenset(f"--{name}" for name in _WORDS.split())
"""The options of the command that replace no number."""


def _kind(annotation: Any) -> tuple[Any, bool]:
    """Type of a field's values, None where no option can give it; and whether it holds several."""
    if get_origin(annotation) in (tuple, list):
        inner = {one for one in get_args(annotation) if one is not Ellipsis}
        kind, several = _kind(inner.pop()) if len(inner) == 1 else (None, False)
        return (None if several else kind), True
    if annotation in (int, float, bool, str) or get_origin(annotation) is Literal:
        return annotation, False
    kinds = [one for one in get_args(annotation) if one is not NoneType]
    return _kind(kinds[0]) if len(kinds) == 1 else (None, False)


def _asked(request: Experiment) -> dict[str, Any]:
    """The numbers of a request that a command has to say."""
    left = {"dataset", "quenched"}
    if _is_given(request):  # given replicas bring these with them
        left |= {"seed", "epochs", *getattr(request, "quench_ends", ())}
    return {name: value for name, value in request.numbers.items() if name not in left}


def _is_given(request: Experiment) -> bool:
    return request.numbers.get("quenched") is not None


def _lacking(request: Experiment, names: Names, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a request that its preset with changes has otherwise.

    Raises:
        ValueError: there is no such preset.
    """
    variant, scale = names
    found = type(request).preset(request.dataset, scale, changes, **variant).numbers
    return {name: value for name, value in _asked(request).items() if found[name] != value}


def _changes(request: Experiment, names: Names) -> dict[str, Any] | None:
    """The numbers to be said beside a variant and a scale; None where they cannot give the request."""
    every = _asked(request)
    with suppress(ValueError):
        changes = _lacking(request, names, {})
        changes |= _lacking(request, names, changes)  # what the first of them bring with them
        if not _lacking(request, names, changes):
            return changes
    with suppress(ValueError):
        return None if _lacking(request, names, every) else every
    return None


def _named(request: Experiment, names: Names, data: str) -> list[str]:
    """The words for variant, data and scale: the first variant always, others where they are not the usual ones."""
    variant, scale = names
    words = []
    for i, (name, value) in enumerate(variant.items()):
        words += [f"--{name}", value] if i == 0 or value != type(request).variants[name][0] else []
    if isinstance(request.dataset, OwnData):
        words += ["--data", data, "--inputs", "given", "--components", "all"]
    elif request.dataset != "mnist":
        words += ["--dataset", request.dataset]
    return [*words, "--scale", scale] if scale else words


def _said(request: Experiment, changes: Mapping[str, Any]) -> list[str]:
    """The words for numbers, given as JSON has them."""
    options, words = options_of(type(request)), []
    for name, value in changes.items():
        values = value if isinstance(value, list) else [value]
        if name not in options or not values or None in values:
            words += ["--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
        elif isinstance(value, bool):
            words += [options[name].flag if value else options[name].flag.replace("--", "--no-", 1)]
        else:
            words += [word for one in values for word in (options[name].flag, str(one))]
    return words


def called(request: Experiment) -> str:
    """The name of a built-in experiment; a user's file and class where they are known."""
    experiment = type(request)
    if not is_built_in(experiment) and not request.generic:
        with suppress(TypeError, OSError):
            file = inspect.getfile(experiment)
            if file.endswith(".py"):
                return f"{file}:{experiment.__qualname__}"
    return request.experiment
