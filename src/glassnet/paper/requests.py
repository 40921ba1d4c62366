"""Every experiment's request by names: experiment, variant, data set, scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from glassnet import _check
from glassnet.paper.experiments.ageing import ageing
from glassnet.paper.experiments.minima import minima
from glassnet.paper.experiments.phase_diagram import PARTS, phase_diagram
from glassnet.paper.experiments.protocol import protocol
from glassnet.paper.experiments.sgd_displacement import sgd_displacement
from glassnet.paper.experiments.step_size import step_size
from glassnet.paper.scales import PHASES, preset
from glassnet.runs.experiment import Experiment
from glassnet.runs.own_data import OwnData

Changes = Mapping[str, Any] | None


@dataclass(frozen=True)
class Kind:
    """An experiment as users ask for it.

    Args:
        about: what it is, in a line.
        option: what its variants are called, empty if it has none.
        variants: their names.
        build: from variant, data set, scale and changes to a request.
    """

    about: str
    option: str
    variants: tuple[str, ...]
    build: Callable[[str, str | OwnData, str, Changes], Experiment]


def _without_variant(
    build: Callable[[str | OwnData, str, Changes], Experiment],
) -> Callable[[str, str | OwnData, str, Changes], Experiment]:
    return lambda _, dataset, scale, changes: build(dataset, scale, changes)


KINDS: Final[Mapping[str, Kind]] = {
    "phase_diagram": Kind("losses over width and l2 (Figs. 1, A3)", "part", PARTS, phase_diagram),
    "relaxation": Kind("overlap, displacement, mobility (Figs. 2b to 5c, 7, A1, A4, A6, A8)", "phase", PHASES, preset),
    "ageing": Kind("relaxation against waiting time (Figs. 8, A9 to A11)", "phase", PHASES, ageing),
    "sgd_displacement": Kind("displacement under SGD (Fig. 5d)", "", (), _without_variant(sgd_displacement)),
    "minima": Kind("minima and their Hessian (section III A)", "", (), _without_variant(minima)),
    "protocol": Kind("loss through a whole run (Figs. 2a, A2)", "phase", PHASES, protocol),
    "step_size": Kind("oscillations at smaller steps (section III D)", "phase", PHASES, step_size),
}
"""Every experiment by name."""


def request(experiment: str, variant: str, dataset: str | OwnData, scale: str, changes: Changes = None) -> Experiment:
    """The request of an experiment at a scale.

    Args:
        experiment: one of ``KINDS``.
        variant: one of its variants, the first if empty.
        dataset: "mnist", "cifar10" or own data (:func:`remember`).
        scale: "demo", "laptop", "workstation" or "paper".
        changes: other numbers for any of its fields.

    Raises:
        ValueError: an unknown name, or a number that is not allowed.
    """
    kind = KINDS[_check.choice("experiment", experiment, tuple(KINDS))]
    chosen = variant or (kind.variants[0] if kind.variants else "")
    if kind.variants:
        _check.choice(kind.option, chosen, kind.variants)
    elif chosen:
        raise ValueError(f"{experiment} has no variants, but got {chosen!r}")
    return kind.build(chosen, dataset, scale, changes)
