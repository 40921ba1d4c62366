"""How relaxation depends on the waiting time (Figs. 8 and A9 to A11)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, Literal, Self, get_args

from pydantic import model_validator

from glassnet import _check
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.paper.scales import changed, preset
from glassnet.runs.experiment import NotNegative
from glassnet.runs.own_data import OwnData

ListName = Literal["paper", "scripts"]
LISTS: Final = get_args(ListName)


class Ageing(Relaxation):
    """Relaxation seen from several waiting times: the same units, which a relaxation run in the same folder shares.

    Args:
        shown_temperature: the one whose overlap is drawn at each waiting time.
    """

    experiment: ClassVar[str] = "ageing"
    grows: ClassVar[Mapping[str, Callable[[Any, Any], bool]]] = {
        **Relaxation.grows,
        "shown_temperature": lambda old, new: True,
    }

    shown_temperature: NotNegative

    @model_validator(mode="after")
    def _is_measured(self) -> Self:
        if self.shown_temperature not in self.temperatures:
            raise ValueError(
                f"shown_temperature must be one of {list(self.temperatures)}, but got {self.shown_temperature:g}"
            )
        return self


_SHOWN: Final = {"regularised": 1e-6, "underparameterised": 1e-4, "overparameterised": 1e-5}
"""Figs. 8a and c; the overparameterised one is of Fig. A11a, where the paper does not say it."""

_SCRIPTS: Final = {"regularised": 1e-6, "underparameterised": 1e-5, "overparameterised": 1e-5}
_SCRIPTS_FIRST: Final = {"demo": 100, "laptop": 200, "workstation": 5_000, "paper": 5_000}


def ageing(
    phase: str, dataset: str | OwnData, scale: str, changes: Mapping[str, Any] | None = None, *, waits: str = "paper"
) -> Ageing:
    """The request of a phase of a data set at a scale.

    Args:
        phase: as for relaxation.
        dataset: "mnist", "cifar10" or own data.
        scale: "demo", "laptop", "workstation" or "paper".
        changes: other numbers for any fields of :class:`Ageing`.
        waits: "paper" for the waiting times of the relaxation runs, whose units are then used, or "scripts" for the
            doubling list and the one temperature of the authors' scripts.

    Raises:
        ValueError: an unknown name, or a number that is not allowed.
    """
    _check.choice("waits", waits, LISTS)
    numbers = preset(phase, dataset, scale).numbers
    shown = _SHOWN[phase]
    if waits == "scripts":
        first, shown = _SCRIPTS_FIRST[scale], _SCRIPTS[phase]
        times = [first * 2**k for k in range(6 if scale != "demo" else 4)]
        numbers |= {"waiting_times": times, "shown_waiting_time": times[-1], "temperatures": [shown]}
    elif scale == "demo":
        # The demo's relaxation has one waiting time only.
        numbers |= {"waiting_times": [100, 300, 1_000], "temperatures": [1e-3, 1e-4, 0.0]}
    numbers = changed(numbers, changes)
    temperatures = Relaxation.of({k: value for k, value in numbers.items() if k != "shown_temperature"}).temperatures
    if shown not in temperatures:
        shown = min(temperatures)
    return Ageing.of({"shown_temperature": shown} | numbers)
