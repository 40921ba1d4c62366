"""The commands that make what a claim needs, and the scale that a run's numbers are those of."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Any, Final

from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.paper.scales import SCALES, preset
from glassnet.runs.experiment import Experiment

CUSTOM: Final = "custom"
STEP_SIZE: Final = "step_size"
"""What the experiment on oscillations is called, of which the paper has no figure."""

_FREE: Final = (
    "replicas",
    "seed",
    "engine",
    "gradient",
    "skin",
    "shown_chi",
    "shown_waiting_time",
    "shown_temperature",
    "quenched",
)
"""Numbers that no scale sets, or that are said beside it."""

SHOWN: Final = ("shown_chi", "shown_waiting_time")
"""Numbers that nothing stored depends on."""

PAPER_EPOCHS: Final = 7_000
"""Of SGD in the authors' scripts."""

FROM_THE_FILE: Final = ("quenched", "epochs", "stop_loss", "check_epochs")
"""Numbers that given replicas bring with them."""

_OPTIONS: Final = {
    "replicas": "--replicas",
    "samples": "--samples",
    "width": "--width",
    "l2": "--l2",
    "epochs": "--epochs",
    "t_max": "--t-max",
    "seed": "--seed",
    "engine": "--engine",
    "temperatures": "--temperature",
    "waiting_times": "--waiting-time",
    "chi": "--chi",
}
"""Options of the command on relaxation, by the number that each replaces."""


def scale_of(request: Experiment, named: Iterable[tuple[str, Experiment]]) -> str:
    """The name of the scale with the request's numbers, "custom" if there is none.

    How many replicas there are is said beside it. Given replicas must have had the scale's quench.
    """
    return next((name for name, one in named if _scaled(request) == _as_quenched(_scaled(one), request)), CUSTOM)


def relaxation_scales(phase: str, dataset: str) -> list[tuple[str, Relaxation]]:
    """The requests of a phase of a data set by scale."""
    return [(scale, preset(phase, dataset, scale)) for scale in SCALES]


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
    return f"glassnet run {words} --scale laptop {option}{PAPER_EPOCHS}"


def made_by(request: Relaxation, phase: str) -> str:
    """A command that asks for this request, from the scale that needs the fewest options beside it."""
    given, numbers = _start(request, phase), request.numbers
    options: dict[str, list[str]] = {}
    for scale, named in relaxation_scales(phase, str(request.dataset)):
        changed = [name for name in _changed(numbers, named.numbers, given=bool(given)) if name in named.numbers]
        options[scale] = [part for name in changed if name not in SHOWN for part in option(name, numbers[name])]
    scale = min(options, key=lambda name: len(options[name]))
    return shlex.join([*relaxation(phase, str(request.dataset), scale).split(), *options[scale], *given])


def made_from(request: Experiment, named: Mapping[str, Experiment], phase: str) -> str:
    """A command that asks for this request, from the named one that needs the fewest numbers set beside it.

    Args:
        request: of any experiment but relaxation.
        named: requests by what comes after ``glassnet run``.
        phase: of networks that the request starts from.
    """
    given, numbers = _start(request, phase), request.numbers
    changed = {words: _changed(numbers, one.numbers, given=bool(given)) for words, one in named.items()}
    words = min(changed, key=lambda words: len(changed[words]))
    sets = [part for name in changed[words] for part in setting(name, numbers[name])]
    return shlex.join(["glassnet", "run", *words.split(), *sets, *given])


def option(name: str, value: Any) -> list[str]:
    """What asks the command on relaxation for a number, given as JSON has it."""
    if name == "skin":
        return ["--skin" if value else "--no-skin"]
    if name in _OPTIONS:
        values = value if isinstance(value, list) else [value]
        return [part for one in values for part in (_OPTIONS[name], str(one))]
    return setting(name, value)


def setting(name: str, value: Any) -> list[str]:
    """What asks the command of any experiment for a number, given as JSON has it."""
    return ["--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]


def larger(request: Relaxation, phase: str, least: str = "laptop") -> str:
    """The command of the next scale, from ``least`` on, that is longer or has more replicas than the request."""
    for scale in SCALES[SCALES.index(least) :]:
        named = preset(phase, str(request.dataset), scale)
        longer = named.t_max > request.t_max or named.replicas > request.replicas
        if longer and named.samples >= request.samples:
            return relaxation(phase, str(request.dataset), scale)
    return f"{relaxation(phase, str(request.dataset), SCALES[-1])} --replicas {2 * request.replicas}"


def _start(request: Experiment, phase: str) -> list[str]:
    """What asks for the replicas that a request starts from, in a file named after the quench that made them."""
    if request.numbers.get("quenched") is None:
        return []
    usual = preset(phase, request.numbers["dataset"], "laptop")
    # A quench that ends by its loss has a length of its own.
    known = usual.stop_loss is not None or request.numbers["epochs"] == usual.epochs
    length = "" if known else f"-{request.numbers['epochs']}-epochs"
    return ["--quenched", f"{request.numbers['dataset']}-{phase}{length}.zip"]


def _changed(numbers: Mapping[str, Any], named: Mapping[str, Any], *, given: bool) -> list[str]:
    said = FROM_THE_FILE if given else ()
    return [name for name, value in numbers.items() if name not in said and value != named.get(name)]


def _scaled(request: Experiment) -> dict[str, Any]:
    return {name: value for name, value in request.numbers.items() if name not in _FREE}


def _as_quenched(scaled: dict[str, Any], request: Experiment) -> dict[str, Any]:
    """A scale's numbers, with a quench that ends by its loss as given replicas have it: by its length, at most."""
    numbers = request.numbers
    if numbers.get("quenched") is None or scaled.get("stop_loss") is None or numbers["epochs"] > scaled["epochs"]:
        return scaled
    return scaled | {"stop_loss": None, "check_epochs": None, "epochs": numbers["epochs"]}
