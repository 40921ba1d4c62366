"""How what a figure shows differs from the paper's protocol, in a line made of the numbers of its runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from glassnet._text import said
from glassnet.paper.numbers import COLLAPSE_CHI, OVERLAP_CHI, OVERLAP_WAITING_TIME
from glassnet.runs.experiment import Experiment
from glassnet.runs.run import Run

_NAMES: Final[Mapping[str, str]] = {
    "samples": "{} rows",
    "width": "width {}",
    "l2": "l2 = {}",
    "replicas": "{} replicas",
    "epochs": "{} epochs of SGD",
    "temperatures": "{} temperatures",
    "temperature": "T = {}",
    "widths": "{} widths",
    "l2s": "{} l2",
    "batch_sizes": "{} batch sizes",
    "learning_rate": "learning rate {}",
    "settling": "{} steps before",
    "length": "mu t to {}",
    "descent": "{} steps of descent",
    "max_rows": "at most {} rows a batch size",
    "t_max": "t to {}",
    "inputs": "{} inputs",
    "depth": "depth {}",
    "dtype": "{} weights",
}
"""Text for each number that a figure depends on, in this order; for a list its length."""

_ALL: Final = ("epochs",)
"""Lists whose values are said."""


def own_look(name: str, dataset: str, phase: str) -> dict[str, Any]:
    """Chi and waiting time that a figure of the paper has for itself; empty for those of its phase."""
    if name == "fig2b":
        return {"chi": OVERLAP_CHI, "waiting_time": OVERLAP_WAITING_TIME}
    return {"chi": COLLAPSE_CHI[dataset, phase]} if name in ("fig4", "figA6") else {}


def shown_look(run: Run[Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """At what a run is drawn: what is wanted where it was recorded, and else the run's usual."""
    return run.look.at | {name: value for name, value in wanted.items() if value in run.request.recorded(name)}


def differences(run: Run[Any], paper: Experiment, own: Mapping[str, Any]) -> str:
    """Differences from the paper, ours first and the paper's in brackets; or that there are none.

    Args:
        run: what is drawn.
        paper: the request at the paper's scale.
        own: chi and waiting time that the figure has for itself.
    """
    wanted, shown = paper.look().at | dict(own), shown_look(run, own)
    ours, theirs = run.request.numbers, paper.numbers
    found = []
    for name, text in _NAMES.items():
        here, there = ours.get(name), theirs.get(name)
        if here is None or there is None or _same(here, there):
            continue
        found.append(f"{text.format(_short(name, here))} ({_short(name, there)})")
    names = {"chi": "chi", "waiting_time": "t_w"}
    found += [f"{text} = {shown[k]:g} ({wanted[k]:g})" for k, text in names.items() if shown[k] != wanted[k]]
    if run.missing:
        found.append(f"{len(run.done)} units of {len(run.asked)}")
    if not found:
        return "The paper's protocol."
    return f"Other than the paper's (its numbers in brackets): {', '.join(found)}."


def _same(here: Any, there: Any) -> bool:
    return bool(set(here) == set(there)) if isinstance(here, list) and isinstance(there, list) else bool(here == there)


def _short(name: str, value: Any) -> str:
    if isinstance(value, list):
        return " and ".join(map(said, value)) if name in _ALL else str(len(value))
    return f"{value:.7g}" if isinstance(value, (int, float)) else str(value)
