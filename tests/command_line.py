"""What a command of ``glassnet run`` asks for, as the command line reads it, without running it."""

from __future__ import annotations

import shlex
from typing import Any

from glassnet.cli.numbers import parsed
from glassnet.cli.opening import experiment_in
from glassnet.cli.run import command_of
from glassnet.runs.experiment import Experiment
from glassnet.runs.own_data import OwnData


def asked_by(text: str, data: str | OwnData = "") -> Experiment:
    """The request of a command; replicas that it would be given are left out.

    Args:
        text: the command.
        data: what the file of own data holds, if it names one.
    """
    program, verb, name, *words = shlex.split(text)
    assert (program, verb) == ("glassnet", "run")
    experiment = experiment_in(name)
    given: dict[str, Any] = command_of(name, experiment).make_context(name, words).params
    # Of what may be given several times there is an empty list where it is not given.
    options = {
        field: value for field in experiment.model_fields if (value := given.get(f"number_{field}")) not in ([], ())
    }
    numbers = parsed(experiment, given["changes"], options)
    variant = {one: given[f"variant_{one}"] for one in experiment.variants}
    return experiment.preset(data or given["dataset"], given.get("scale", ""), numbers, **variant)
