"""``glassnet run``: one command for every experiment, made from its class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from glassnet.cli.data import Own, chosen
from glassnet.cli.groups import Commands, unknown_command
from glassnet.cli.numbers import Changes, fields_of, number_options, parsed, plain_text
from glassnet.cli.opening import experiment_in
from glassnet.cli.options import parameter, with_parameters
from glassnet.cli.workers import Where
from glassnet.cli.working import RUNS, Making, QuenchedFile, read_ensemble, refusing, run_in
from glassnet.runs import registry

if TYPE_CHECKING:
    from glassnet.runs.experiment import Experiment

DataSet = Annotated[str, typer.Option(help="mnist or cifar10")]
Output = Annotated[
    Path | None, typer.Option(help="Folder of the run; runs/EXPERIMENT-... by default.", show_default=False)
]


class ExperimentCommand(TyperCommand):
    """A command that runs an experiment; ``flags`` has the option for each field, ``--set`` where there is no other."""

    flags: Mapping[str, str] = MappingProxyType({})


class Experiments(Commands):
    """The experiments, a command each; that of a user's own is called ``FILE.py:CLASS``."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the built-in ones."""
        return list(registry.names())

    def get_command(self, ctx: Any, name: str) -> Any:
        """A stand-in with one line of help, for lists."""
        return TyperCommand(name=name, help=registry.first_line(name))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of an experiment."""
        name = args[0]
        if name not in self.list_commands(ctx) and ":" not in name and not name.endswith(".py"):
            ctx.fail(f"{unknown_command(name, self, ctx)}; your own: FILE.py:CLASS")
        with refusing():
            return name, command_of(name, experiment_in(name)), args[1:]


def command_of(name: str, experiment: type[Experiment]) -> ExperimentCommand:
    """The command of an experiment, with the options that its class has."""
    head = [
        *(parameter(f"variant_{one}", _variant(one, values), values[0]) for one, values in experiment.variants.items()),
        *([parameter("scale", _scale(experiment.scales), experiment.scales[0])] if experiment.scales else []),
        parameter("dataset", DataSet, "mnist"),
        parameter("own", Own),
        parameter("output", Output),
        parameter("making", Making),
    ]
    tail = [parameter("where", Where), parameter("changes", Changes)]
    if "quenched" in experiment.model_fields:
        tail.append(parameter("quenched", QuenchedFile))
    options = number_options(experiment)

    def run(**given: Any) -> None:
        numbers = {one.field: given.pop(f"number_{one.field}") for one in options}
        variant = {one: given.pop(f"variant_{one}") for one in experiment.variants}
        _run(experiment, variant, numbers, **given)

    numbers = [parameter(f"number_{one.field}", one.annotation) for one in options]
    command = _built(name, experiment, with_parameters(run, [*head, *numbers, *tail]))
    command.flags = {name: f"--set {name}=VALUE" for name in fields_of(experiment)}
    command.flags |= {one.field: one.flag for one in options}
    return command


def _built(name: str, experiment: type[Experiment], run: Any) -> ExperimentCommand:
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown")
    names = f"Names for --set: {', '.join(fields_of(experiment))}."
    app.command(name, cls=ExperimentCommand, help=_help(experiment), epilog=names)(run)
    command = typer.main.get_command(app)
    assert isinstance(command, ExperimentCommand)
    return command


def _variant(name: str, values: tuple[str, ...]) -> Any:
    return Annotated[str, typer.Option(f"--{name.replace('_', '-')}", help=_either(values))]


def _scale(names: tuple[str, ...]) -> Any:
    return Annotated[str, typer.Option(help=_either(names))]


def _either(names: tuple[str, ...]) -> str:
    return " or ".join([*([", ".join(names[:-1])] if names[:-1] else []), names[-1]])


def _help(experiment: type[Experiment]) -> str:
    about = inspect.cleandoc(experiment.__doc__ or "").split("\nArgs:\n")[0]
    grows = ["replicas", *(name.replace("_", " ") for name in experiment.lists)]
    more = f"more {' or '.join(grows)}" + "".join(f", or a larger {name}," for name in experiment.lengths)
    again = f"Given again, the same command goes on where it was stopped; with {more} it adds to what is there."
    return "\n\n".join([*(plain_text(part) for part in about.split("\n\n")), again])


def _run(
    experiment: type[Experiment],
    variant: dict[str, str],
    options: dict[str, Any],
    *,
    dataset: str,
    own: Own,
    output: Path | None,
    making: Making,
    where: Where,
    changes: list[str] | None,
    scale: str = "",
    quenched: Path | None = None,
) -> None:
    with refusing():
        numbers = parsed(experiment, changes, options)
        data, of = chosen(own, dataset, numbers.get("samples"), output)
        request = experiment.preset(data, scale, numbers, **variant)
        given = None if quenched is None else read_ensemble(quenched)
        if given is not None:
            request = request.started_from(given, numbers)
        stem = "-".join(part for part in (experiment.experiment, of, *variant.values(), scale) if part)
        folder = output or usual_folder(request, stem)
    run_in(folder, request, making, where, given)


def usual_folder(request: Experiment, stem: str) -> Path:
    """The folder of a run that was given none: the same however much of it is asked for.

    Where a larger run of the same kind stands there already, one beside it, which takes from it what is done.
    """
    from glassnet.runs.run import open_run
    from glassnet.store.directory import is_run

    folder = RUNS / f"{stem}-{request.fixed_hash[:8]}"
    if not is_run(folder):
        return folder
    there = open_run(folder, experiment=type(request)).request
    try:
        request.refuse_to_replace(there, str(folder))
    except ValueError:
        return folder.with_name(f"{folder.name}-{request.hash[:8]}")
    return folder
