"""How relaxation depends on the waiting time (Figs. 8 and A9 to A11)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from glassnet.paper.experiments.relaxation import RELAXED, Relaxation
from glassnet.paper.numbers import AGEING_TEMPERATURE, PHASES, SCRIPTS_AGEING_TEMPERATURE
from glassnet.runs.experiment import Curves
from glassnet.runs.own_data import DataLike
from glassnet.runs.registry import register

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from glassnet.runs.pictures import Pictures
    from glassnet.runs.run import Run

_SCRIPTS_FIRST: Final = {"demo": 100, "laptop": 200, "workstation": 5_000, "paper": 5_000}


@register
class Ageing(Relaxation):
    """Relaxation seen from several waiting times: the same units, which a relaxation run in the same folder shares."""

    experiment: ClassVar[str] = "ageing"
    about: ClassVar[str] = "relaxation against waiting time (Figs. 8, A9 to A11)"
    variants: ClassVar[Mapping[str, tuple[str, ...]]] = {"phase": PHASES, "waits": ("paper", "scripts")}
    report: ClassVar[Curves] = Curves(("ageing", "ageing_tau", *RELAXED), "Temperature")

    @classmethod
    def usual_numbers(cls, dataset: DataLike, scale: str, changes: Mapping[str, Any], **variant: str) -> dict[str, Any]:
        """Numbers of a phase of a data set at a scale.

        ``waits`` are "paper" for the waiting times of the relaxation runs, whose units are then used, or "scripts" for
        the doubling list and the one temperature of the authors' scripts.
        """
        numbers = super().usual_numbers(dataset, scale, changes, **variant)
        if variant["waits"] == "scripts":
            waits = [_SCRIPTS_FIRST[scale] * 2**k for k in range(6 if scale != "demo" else 4)]
            numbers |= {"waiting_times": waits, "temperatures": [SCRIPTS_AGEING_TEMPERATURE[variant["phase"]]]}
        elif scale == "demo":
            # The demo's relaxation has one waiting time only.
            numbers |= {"waiting_times": [100, 300, 1_000], "temperatures": [1e-3, 1e-4, 0.0]}
        return numbers

    def usual(self, name: str, recorded: tuple[Any, ...]) -> Any:
        """The paper's temperature of the phase where it was recorded, and else the lowest."""
        if name != "temperature":
            return super().usual(name, recorded)
        wanted = AGEING_TEMPERATURE.get(self.phase or "")
        return wanted if wanted in recorded else min(recorded)

    def pictures(self, run: Run[Any]) -> Pictures:
        """Overlap at each waiting time and relaxation times against it."""
        return {"ageing": partial(_draw, run)}

    def captions(self, run: Run[Any]) -> tuple[str, Mapping[str, str]]:
        """The numbers of the request."""
        from glassnet.runs.pictures import about

        return about(run), {}


def _draw(run: Run[Any]) -> Figure:
    from glassnet.figures.ageing import draw_ageing

    if not run.records:
        raise run.lacks("measurement")
    look: Any = run.look
    return draw_ageing(run.record, chi=look.chi, temperature=look.temperature)
