"""The page of the study of open questions: tables and figure from all results that there are."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from glassnet.analysis import Transition
from glassnet.analysis.transition import LOCATED
from glassnet.figures.scales import log_limits, power, set_log
from glassnet.figures.style import (
    DOUBLE_COLUMN,
    GREY,
    context,
    new_figure,
    save,
    temperature_lines,
)
from studies.open_questions import transitions
from studies.open_questions.cases import CASES, Case
from studies.open_questions.relaxation import Relaxation, free
from studies.pages import markdown
from studies.results import Found

Results = Mapping[str, Mapping[Case, Found]]
"""By symbol of the quantity, then by case."""

FACTOR_NAMES: Final = {
    "base": "base",
    "inputs": "inputs",
    "rate": "SGD learning rate",
    "quench": "quench",
    "weights": "initial weights",
}

_PAGE: Final = Path(__file__).with_name("page.md")
"""The text of the page around its tables."""


def write(results: Results, quantities: Mapping[str, Any], raw: Path, docs: Path) -> None:
    """``open-questions.md`` and ``open-questions.png`` in ``docs``."""
    docs.mkdir(parents=True, exist_ok=True)
    at, sizes, relaxed = quantities["lambda"], quantities["n"], quantities["tau"]
    page = _PAGE.read_text(encoding="utf-8").format(
        rows=at.n_samples,
        replicas=at.n_replicas,
        width=at.width,
        trivial=transitions.TRIVIAL,
        zero=transitions.ZERO,
        widths=", ".join(map(str, sizes.widths)),
        networks=len(sizes.widths) * sizes.n_replicas,
        waiting_time=relaxed.waiting_time,
        t_max=relaxed.t_max,
        lambda_table=lambda_table(results["lambda"]),
        n_table=n_table(results["n"]),
        tau_table=tau_table(results["tau"], relaxed.n_samples),
        folder=raw.as_posix(),
    )
    (docs / "open-questions.md").write_text(page, encoding="utf-8")
    _draw(results, relaxed, docs / "open-questions.png")


def lambda_table(found: Mapping[Case, Found]) -> str:
    """Markdown."""
    header = ["", "case", "lambda*", "brackets", "not collapsed", "diverged"]
    rows = []
    for case, one in found.items():
        at = transitions.lambda_star(one)
        counts = [str(transitions.not_collapsed(one)), str(transitions.lost(one))]
        rows.append([FACTOR_NAMES[case.factor], case.value, _where(at), _brackets(at), *counts])
    return _table(header, rows)


def n_table(found: Mapping[Case, Found]) -> str:
    """Markdown."""
    header = ["", "case", "N*/P_D", "brackets", "lowest data loss", "not begun", "diverged"]
    rows = []
    for case, one in found.items():
        at = transitions.n_star(one)
        lowest = min((probe["data_loss"] for probe in one["probes"] if probe["alive"]), default=np.nan)
        counts = [f"{lowest:.2g}", str(transitions.not_begun(one)), str(transitions.lost(one))]
        rows.append([FACTOR_NAMES[case.factor], case.value, _where(at), _brackets(at), *counts])
    return _table(header, rows)


def tau_table(found: Mapping[Case, Found], n_samples: int) -> str:
    """Markdown."""
    temperatures = [at["temperature"] for one in found.values() for at in one["temperatures"]]
    columns = sorted(set(temperatures), reverse=True)
    header = ["", "case", "data loss", "sigma", "collapsed", "diverged", *(f"T = {t:g}" for t in columns)]
    rows = []
    for case, one in found.items():
        state = [_mean(one["data_loss"]), _mean(one["sigma"]), str(one["n_collapsed"]), str(one["n_lost"])]
        at = {entry["temperature"]: entry for entry in one["temperatures"]}
        cells = [_tau(at[t], free(one, t, n_samples)) if t in at else "" for t in columns]
        rows.append([FACTOR_NAMES[case.factor], case.value, *state, *cells])
    return _table(header, rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return markdown(header, rows) if rows else "Not run yet."


def _where(at: Transition) -> str:
    if at.outcome != LOCATED:
        return at.outcome
    return f"**{at.location.value:.3g}** [{at.location.low:.3g}, {at.location.high:.3g}]"


def _brackets(at: Transition) -> str:
    edges = zip(at.of_origin["lower"].values, at.of_origin["upper"].values, strict=True)
    return "; ".join(f"{low:.3g} to {high:.3g}" for low, high in edges)


def _mean(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3g}" if len(values) else ""


def _tau(at: Mapping[str, Any], predicted: float) -> str:
    value, low, high = (float(at[name]) for name in ("estimate", "low", "high"))
    against = "" if np.isinf(predicted) else f", free {predicted:.3g}"
    if at["n_below"] + at["n_not_reached"] and np.isnan(value):
        return ("not reached" if at["n_not_reached"] else "below 1") + against
    return f"**{value:.3g}** [{low:.3g}, {high:.3g}]{against}"


def _draw(results: Results, relaxed: Relaxation, path: Path) -> None:
    """Three panels side by side, a line a case."""
    rows = {case.name: float(-i) for i, case in enumerate(CASES)}
    with context():
        figure, panels = new_figure(DOUBLE_COLUMN, 3.9, n_panels=3)
        _draw_transitions(panels[0], rows, results["lambda"], transitions.lambda_star, transitions.not_collapsed)
        _draw_transitions(panels[1], rows, results["n"], transitions.n_star, transitions.not_begun)
        _draw_tau(panels[2], rows, results["tau"], relaxed)
        labels = (r"$\lambda^*$", r"$N^*/P_D$", r"$\tau_{90}$ (steps)")
        for axes, label in zip(panels, labels, strict=True):
            axes.set_xlabel(label)
            axes.set_yticks(list(rows.values()), [])
            axes.tick_params(axis="y", length=0)
            axes.set_ylim(min(rows.values()) - 0.6, 0.6)
            for before, after in itertools.pairwise(CASES):
                if before.factor != after.factor:
                    axes.axhline(rows[after.name] + 0.5, color=GREY, linewidth=0.4, alpha=0.6)
        panels[0].set_yticks(list(rows.values()), [_label(case) for case in CASES])
        save(figure, path, title="open questions", description="lambda*, N*/P_D and tau_90 of each case")


def _label(case: Case) -> str:
    """The value of the factor, short enough for an axis."""
    value = case.value.replace(" x ", r" $\times$ ")
    return rf"$\mu$ = {value}" if case.factor == "rate" else value


def _draw_transitions(
    axes: Axes,
    rows: Mapping[str, float],
    found: Mapping[Case, Found],
    analyse: Callable[[Found], Transition],
    doubtful: Callable[[Found], int],
) -> None:
    """Brackets of replicas as thin bars, the mean with its interval above them."""
    ends: list[float] = []
    for case, one in found.items():
        at, y = analyse(one), rows[case.name]
        brackets = list(zip(at.of_origin["lower"].values, at.of_origin["upper"].values, strict=True))
        ends += [end for bracket in brackets for end in bracket if 0.0 < end < np.inf]
        offsets = np.linspace(-0.05, -0.35, len(brackets))
        for (low, high), offset in zip(brackets, offsets, strict=True):
            axes.plot([max(low, 1e-9), min(high, 1e9)], [y + offset] * 2, color=GREY, linewidth=1.0)
        if at.outcome == LOCATED:
            place = at.location
            axes.plot([place.low, place.high], [y + 0.15] * 2, color="black", linewidth=1.3)
            fill = "white" if doubtful(one) else "black"
            axes.plot(place.value, y + 0.15, "o", color="black", markerfacecolor=fill, markersize=3.5)
            ends += [end for end in (place.low, place.high) if np.isfinite(end)]
            if case.factor == "base":
                axes.axvspan(place.low, place.high, color=GREY, alpha=0.12, linewidth=0)
    set_log(axes, "x", log_limits(np.array(ends)))


def _draw_tau(axes: Axes, rows: Mapping[str, float], found: Mapping[Case, Found], quantity: Relaxation) -> None:
    """Temperatures below each other inside a case's line; crosses where free diffusion is."""
    every = [at["temperature"] for one in found.values() for at in one["temperatures"]]
    looks = temperature_lines(every)
    offsets = dict(zip(looks, np.linspace(-0.3, 0.3, max(len(looks), 1)), strict=True))
    ends: list[float] = []
    for case, one in found.items():
        if one["n_collapsed"]:
            place = (0.5, rows[case.name])
            text = f"{one['n_collapsed']} of {len(one['sigma'])} collapsed"
            axes.text(*place, text, transform=axes.get_yaxis_transform(), ha="center", va="center", color=GREY)
            continue
        for at in one["temperatures"]:
            temperature = at["temperature"]
            y, colour = rows[case.name] + offsets[temperature], looks[temperature]["color"]
            value, low, high = (float(at[name]) for name in ("estimate", "low", "high"))
            predicted = free(one, temperature, quantity.n_samples)
            axes.plot([max(low, 1e-9), min(high, 1e9)], [y, y], color=colour, linewidth=1.0)
            axes.plot(value, y, "o", color=colour, markersize=2.8)
            axes.plot(predicted, y, "x", color=colour, markersize=3.5, markeredgewidth=0.8)
            if np.isnan(value):
                edge, arrow = (float(quantity.t_max), ">") if at["n_not_reached"] else (1.0, "<")
                axes.plot(edge, y, arrow, color=colour, markersize=3.5)
                ends.append(edge)
            ends += [end for end in (value, low, high, predicted) if 0.0 < end < np.inf]
    set_log(axes, "x", log_limits(np.array(ends)))
    if looks:
        handles = [
            Line2D([], [], color=look["color"], marker="o", markersize=2.8, label=power(temperature))
            for temperature, look in looks.items()
        ]
        axes.figure.legend(handles=handles, title="$T$", loc="outside right upper", handlelength=1.2)
