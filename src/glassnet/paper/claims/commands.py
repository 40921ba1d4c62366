"""The commands that make what a claim needs, and the scale that a run's numbers are those of."""

from __future__ import annotations

from typing import Any, Final

from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.paper.numbers import EPOCHS
from glassnet.paper.scales import SCALES
from glassnet.runs.commands import named_by
from glassnet.runs.experiment import Experiment

CUSTOM: Final = "custom"
STEP_SIZE: Final = "step_size"
"""Name of the experiment on oscillations, for which the paper has no figure."""

_FREE: Final = ("replicas", "seed", "engine", "gradient", "skin", "quenched")
"""Numbers that no scale sets, or that are said beside it."""


def scale_of(request: Experiment) -> str:
    """The name of the scale with the request's numbers, "custom" if there is none.

    How many replicas there are is said beside it. Given replicas must have had the scale's quench.
    """
    found = (scale for (_, scale), one in named_by(request) if _scaled(request) == _as_quenched(_scaled(one), request))
    return next(found, CUSTOM)


def relaxation(phase: str, dataset: str = "mnist", scale: str = "laptop") -> str:
    """The command of a phase of a data set at a scale."""
    other = "" if dataset == "mnist" else f" --dataset {dataset}"
    return f"glassnet run relaxation --phase {phase}{other} --scale {scale}"


def reproduce(figure: str, scale: str = "laptop") -> str:
    """The command that runs and draws what a figure of the paper needs."""
    return f"glassnet reproduce {figure} --scale {'laptop' if scale == CUSTOM else scale}"


def after_long_quench(words: str, option: str = "--set epochs=") -> str:
    """The command of a laptop run of an experiment from networks quenched for as long as in the authors' scripts.

    SGD is cheap beside Langevin dynamics, so that this costs far less than the scale with that quench.

    Args:
        words: what comes after ``glassnet run``.
        option: what asks that experiment for the length of its quench.
    """
    return f"glassnet run {words} --scale laptop {option}{EPOCHS}"


def larger(request: Relaxation, phase: str, least: str = "laptop") -> str:
    """The command of the next scale, from ``least`` on, that is longer or has more replicas than the request."""
    for scale in SCALES[SCALES.index(least) :]:
        named = Relaxation.preset(request.dataset, scale, phase=phase)
        longer = named.t_max > request.t_max or named.replicas > request.replicas
        if longer and named.samples >= request.samples:
            return relaxation(phase, str(request.dataset), scale)
    return f"{relaxation(phase, str(request.dataset), SCALES[-1])} --replicas {2 * request.replicas}"


def quench_file(request: Experiment, phase: str) -> str:
    """A name for the file of replicas that a request starts from, after the quench that made them."""
    usual, numbers = Relaxation.preset(str(request.dataset), "laptop", phase=phase), request.numbers
    # A quench that ends by its loss has a length of its own.
    known = usual.stop_loss is not None or numbers["epochs"] == usual.epochs
    length = "" if known else f"-{numbers['epochs']}-epochs"
    return f"{numbers['dataset']}-{phase}{length}.zip"


def _scaled(request: Experiment) -> dict[str, Any]:
    return {name: value for name, value in request.numbers.items() if name not in _FREE}


def _as_quenched(scaled: dict[str, Any], request: Experiment) -> dict[str, Any]:
    """A scale's numbers, with a quench that ends by its loss as given replicas have it: by its length, at most."""
    numbers = request.numbers
    if numbers.get("quenched") is None or scaled.get("stop_loss") is None or numbers["epochs"] > scaled["epochs"]:
        return scaled
    return scaled | {"stop_loss": None, "check_epochs": None, "epochs": numbers["epochs"]}
