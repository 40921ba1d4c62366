"""Figures of the paper: the runs that each needs, and how it is drawn from them."""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from matplotlib.figure import Figure

from glassnet.figures import ageing, collapse, mobility, overlap, protocol, relaxation_time, theory
from glassnet.figures.style import note
from glassnet.paper.differences import differences, own_look, shown_look
from glassnet.paper.numbers import COLLAPSE_EXPONENT, OVERLAP_TEMPERATURES, PHASES
from glassnet.runs.experiment import Experiment
from glassnet.runs.pictures import Pictures, complete_records
from glassnet.runs.registry import request
from glassnet.runs.run import Run


@dataclass(frozen=True)
class Need:
    """A run that a figure is drawn from."""

    experiment: str
    variant: str = ""
    dataset: str = "mnist"

    def request(self, scale: str) -> Experiment:
        """The request at a scale."""
        return request(self.experiment, self.variant, self.dataset, scale)

    @property
    def phase(self) -> str:
        """The phase with the quench that it starts from; empty where it quenches its own networks."""
        if self.experiment == "sgd_displacement":
            return PHASES[0]
        return self.variant if self.experiment in ("relaxation", "ageing", "step_size") else ""

    def folder(self, scale: str) -> str:
        """The name of its folder."""
        return "-".join(part for part in (self.experiment, self.dataset, self.variant, scale) if part)


Runs = Mapping[Need, Run[Any]]


@dataclass(frozen=True)
class Picture:
    """A figure of the paper.

    Args:
        about: what it shows.
        needs: what is run for it on a data set.
        draw: from those runs to its parts.
    """

    about: str
    needs: Callable[[str], tuple[Need, ...]]
    draw: Callable[[Runs], Pictures]


def choose(names: Iterable[str]) -> list[str]:
    """The figures that users name: "fig3", "fig5" for all its parts, "A4" or "all", in the order of the paper.

    Raises:
        ValueError: an unknown name, with those that are known.
    """
    chosen: set[str] = set()
    for name in names:
        plain = name.lower().removeprefix("fig").lstrip(".")
        found = {one for one in FIGURES if plain in ("all", _plain(one), _plain(one).rstrip(_LETTERS))}
        if not found:
            raise ValueError(f"figure must be one of {', '.join(FIGURES)}, all, but got {name!r}")
        chosen |= found
    return [name for name in FIGURES if name in chosen]


def needs_of(figures: Iterable[str], dataset: str) -> list[Need]:
    """All runs that these figures need on a data set, each once, in an order in which later ones use earlier ones'."""
    wanted = dict.fromkeys(need for name in figures for need in FIGURES[name].needs(dataset))
    return sorted(wanted, key=lambda need: (_ORDER.index(need.experiment), need.dataset != dataset, _variant(need)))


def draw(name: str, dataset: str, runs: Runs) -> Pictures:
    """How a figure is drawn from the runs that it needs, its parts by the names of their files.

    Under each stands how its runs differ from the paper's protocol.
    """
    picture = FIGURES[name]
    own = {need: runs[need] for need in picture.needs(dataset)}
    parts = picture.draw(own)
    return {
        f"{name}_{part}" if part else name: partial(_noted, one, name, _behind(part, own))
        for part, one in parts.items()
    }


def _behind(part: str, runs: Runs) -> Runs:
    """The run that a part of a figure is named after; all of them where it is of several."""
    return {need: run for need, run in runs.items() if need.variant and part.startswith(need.variant)} or runs


def _noted(made: Callable[[], Figure], name: str, runs: Runs) -> Figure:
    """A figure with a line for each run behind it."""
    figure = made()
    for need, run in runs.items():
        note(figure, differences(run, need.request("paper"), own_look(name, need.dataset, need.variant)))
    return figure


# Langevin dynamics first: the others start from its quenches or use its records.
_ORDER: Final = ("relaxation", "ageing", "protocol", "sgd_displacement", "minima", "step_size", "phase_diagram")


def _variant(need: Need) -> int:
    return PHASES.index(need.variant) if need.variant in PHASES else 0


_LETTERS: Final = string.ascii_lowercase
"""A figure's parts are named by letters behind its number."""


def _plain(name: str) -> str:
    return name.removeprefix("fig").lower()


def _of(experiment: str, *variants: str, dataset: str = "") -> Callable[[str], tuple[Need, ...]]:
    """Runs of one experiment, on the data set that is asked for or on a fixed one."""
    return lambda asked: tuple(Need(experiment, variant, dataset or asked) for variant in variants or ("",))


def _parts(*names: str) -> Callable[[Runs], Pictures]:
    """These figures of each relaxation run, named after its phase where there are several."""

    def draw_parts(runs: Runs) -> Pictures:
        return {
            _named(need, name if len(names) > 1 else "", runs): partial(_part, run, name)
            for need, run in runs.items()
            for name in names
        }

    return draw_parts


def _part(run: Run[Any], name: str) -> Figure:
    drawings_of_run: Pictures = run.request.pictures(run)
    if name not in drawings_of_run:
        raise ValueError(f"{run.path} holds no histograms: its measurement has none of the sparser times")
    return drawings_of_run[name]()


def _named(need: Need, name: str, runs: Runs) -> str:
    return "_".join(part for part in (need.variant if len(runs) > 1 else "", name) if part)


def _two_temperatures(run: Run[Any]) -> Figure:
    """Fig. 2b's temperatures, chi and waiting time where they were recorded, and the usual ones else."""
    warm = {t for t in run.records if t > 0}
    shown = warm & OVERLAP_TEMPERATURES
    shown = shown if len(shown) == 2 else warm
    return overlap.draw_overlap(run.record, temperatures=shown, **shown_look(run, own_look("fig2b", "", "")))


def _collapsed(need: Need, run: Run[Any]) -> Figure:
    shown = shown_look(run, own_look("fig4", need.dataset, need.variant))
    return collapse.draw_collapse(run.record, exponent=COLLAPSE_EXPONENT, **shown)


def _e_fold_times(run: Run[Any]) -> Figure:
    return relaxation_time.draw_relaxation_time(run.record, threshold=math.exp(-1), **run.look.at)


def _sensitivity(run: Run[Any]) -> Figure:
    return ageing.draw_sensitivity(run.record, waiting_time=run.look.at["waiting_time"])


def _moved(runs: Runs) -> Pictures:
    """alpha_2 and mobility, and the latter as the paper pools it."""
    pooled = {_named(need, "mobility_pooled", runs): partial(_pooled_mobility, run) for need, run in runs.items()}
    return _parts("non_gaussian", "mobility")(runs) | pooled


def _pooled_mobility(run: Run[Any]) -> Figure:
    return mobility.draw_pooled_mobility(run.record, waiting_time=run.look.at["waiting_time"])


def _bowl(run: Run[Any]) -> Figure:
    return theory.draw_bowl(run.record, **run.look.at)


def _stages(run: Run[Any]) -> Figure:
    records = complete_records(run)
    return protocol.draw_stages(records["quench"], records["langevin"], waiting_time=run.request.waiting_time)


def _of_each(draw: Callable[[Run[Any]], Figure]) -> Callable[[Runs], Pictures]:
    """One figure of each run."""
    return lambda runs: {_named(need, "", runs): partial(draw, run) for need, run in runs.items()}


def _collapse_of_each(runs: Runs) -> Pictures:
    return {_named(need, "", runs): partial(_collapsed, need, run) for need, run in runs.items()}


def _each(runs: Runs) -> Pictures:
    """The figures of each run by itself."""
    found: Pictures = {}
    for need, run in runs.items():
        try:
            made = run.request.pictures(run)
        except (ValueError, OSError) as error:
            found[_named(need, "", runs)] = partial(_fail, error)
            continue
        found |= {_named(need, name if len(made) > 1 else "", runs): draw for name, draw in made.items()}
    return found


def _fail(error: Exception) -> Figure:
    raise error


_CIFAR10: Final = "cifar10"
_MSD: Final = "mean_square_displacement"

FIGURES: Final[Mapping[str, Picture]] = {
    "fig1a": Picture("loss over N/P_D and l2", _of("phase_diagram", "plane"), _each),
    "fig1b": Picture("loss at l2 = 0 against N/P_D", _of("phase_diagram", "width"), _each),
    "fig1c": Picture("loss against l2", _of("phase_diagram", "l2"), _each),
    "fig2a": Picture("loss by stages", _of("protocol", "regularised"), _of_each(_stages)),
    "fig2b": Picture("overlap at two temperatures", _of("relaxation", "regularised"), _of_each(_two_temperatures)),
    "fig3": Picture(
        "overlap and tau_90 in three phases", _of("relaxation", *PHASES), _parts("overlap", "relaxation_time")
    ),
    "fig4": Picture("collapse, and what is left of Q", _of("relaxation", "regularised"), _collapse_of_each),
    "fig5a": Picture("displacement, regularised", _of("relaxation", PHASES[0]), _parts(_MSD)),
    "fig5b": Picture("displacement, underparameterised", _of("relaxation", PHASES[1]), _parts(_MSD)),
    "fig5c": Picture("displacement, overparameterised", _of("relaxation", PHASES[2]), _parts(_MSD)),
    "fig5d": Picture("displacement under SGD", _of("sgd_displacement"), _each),
    "fig7": Picture("alpha_2 and mobility", _of("relaxation", *PHASES), _moved),
    "fig8": Picture("ageing", _of("ageing", *PHASES[:2]), _each),
    "figA1": Picture("tau_90 at several chi", _of("relaxation", "regularised"), _of_each(_sensitivity)),
    "figA2": Picture("loss through the protocol", _of("protocol", "regularised"), _each),
    "figA3": Picture("both transitions, CIFAR-10", _of("phase_diagram", "width", "l2", dataset=_CIFAR10), _each),
    "figA4a": Picture("tau_e in three phases (a to c)", _of("relaxation", *PHASES), _of_each(_e_fold_times)),
    "figA4d": Picture(
        "tau_90 in three phases, CIFAR-10 (d to f)",
        _of("relaxation", *PHASES, dataset=_CIFAR10),
        _parts("relaxation_time"),
    ),
    "figA5": Picture("overlap in a quadratic well", lambda _: (), lambda _: {"": theory.draw_well}),
    "figA6": Picture("collapse without l2", _of("relaxation", *PHASES[1:]), _collapse_of_each),
    "figA7": Picture("the limit of Q in a bowl", _of("relaxation", PHASES[0]), _of_each(_bowl)),
    "figA8": Picture(
        "alpha_2 and mobility, CIFAR-10",
        _of("relaxation", *PHASES, dataset=_CIFAR10),
        _moved,
    ),
    "figA9": Picture("ageing, regularised", _of("ageing", PHASES[0]), _each),
    "figA10": Picture("ageing, underparameterised", _of("ageing", PHASES[1]), _each),
    "figA11": Picture("ageing, overparameterised", _of("ageing", PHASES[2]), _each),
    "step_size": Picture("oscillations at smaller steps", _of("step_size", *PHASES[:2]), _each),
    "minima": Picture("minima and their Hessian", _of("minima"), _each),
}
