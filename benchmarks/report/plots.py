"""The pictures of ``docs/performance.md``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from benchmarks.report.rates import (
    ENGINES,
    MAY_COST,
    Results,
    Row,
    fastest,
    named,
    of_peak,
    seconds,
    sleeping,
)

matplotlib.use("Agg")

OURS: Final = "#c44e52"
THEIRS: Final = "#8c9bb0"
ENGINE_COLOURS: Final = {"all": "#e5b7a8", "exact": "#c44e52", "skin": "#7b2d43"}
STEP_COLOURS: Final = {"full batch": "#c44e52", "SGD": "#3b6ea5"}
DPI: Final = 150


def draw(results: Results, folder: Path) -> None:
    """Write every picture into a folder."""
    pictures = {"race": _race, "sleeping": _sleeping, "never-slower": _never_slower, "scaling": _scaling}
    for name, picture in (pictures | {"memory": _memory}).items():
        figure = picture(results)
        figure.savefig(folder / f"{name}.png", dpi=DPI, metadata={"Software": None})


def _panels(n_rows: int, n_columns: int, width: float, height: float, **options: Any) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = list(np.ravel(figure.subplots(n_rows, n_columns, squeeze=False, **options)))
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    return figure, panels


def _plain(axis: Any, subs: tuple[float, ...] = (1.0, 2.0, 5.0)) -> None:
    """Numbers, not powers, on a logarithmic axis."""
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter("")


def _three(value: float) -> str:
    """Three digits, and no powers."""
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _title(results: Results, phase: str) -> str:
    return f"{phase}, w = {results['machine']['widths'][phase]}"


def _bars(axes: Axes, rows: list[Row], values: list[float], labels: list[str]) -> None:
    """Horizontal bars on a logarithmic axis, the best at the top, each with its label."""
    places = np.arange(len(rows))
    colours = [OURS if row["kind"] == "engine" else THEIRS for row in rows]
    # From a fixed fraction of the shortest: bars on a logarithmic axis begin nowhere.
    left = min(values) / 2.0
    axes.barh(places, [value - left for value in values], left=left, color=colours, height=0.72)
    for place, value, label in zip(places, values, labels, strict=True):
        axes.annotate(label, (value, place), (3, 0), textcoords="offset points", va="center", fontsize=7.5)
    axes.set_yticks(places, [str(row["name"]) for row in rows])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(left, max(values) * 6.0)
    _plain(axes.xaxis, (1.0,) if max(values) > 30.0 * min(values) else (1.0, 3.0))
    axes.tick_params(axis="y", length=0)


def _race(results: Results) -> Figure:
    """Time of a step of one network, all contenders."""
    panels = {f"Langevin, {_title(results, phase)}": rows for phase, rows in results["langevin"].items()}
    panels["SGD, batch 100, w = 30"] = results["sgd"]
    figure, all_axes = _panels(2, 2, 10.0, 7.2)
    for axes, (title, rows) in zip(all_axes, panels.items(), strict=False):
        ordered = sorted(rows, key=seconds)
        ours = seconds(named(rows, ENGINES["exact"]))
        unit, name = (1e6, "µs") if ours < 1e-3 else (1e3, "ms")
        values = [unit * seconds(row) for row in ordered]
        labels = [f"{_three(value)} {name} ({_three(value / ours / unit)}×)" for value in values]
        _bars(axes, ordered, values, labels)
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_xlabel(f"{name} a step of one network, {results['machine']['threads']} cores", fontsize=8)
    return figure


def _memory(results: Results) -> Figure:
    """Peak memory of the contenders' processes."""
    phase = next(iter(results["langevin"]))
    panels = {f"Langevin, {_title(results, phase)}": results["langevin"][phase], "SGD, batch 100": results["sgd"]}
    figure, all_axes = _panels(1, 2, 10.0, 3.8)
    for axes, (title, rows) in zip(all_axes, panels.items(), strict=True):
        ordered = sorted(rows, key=lambda row: float(row["at_most"]))
        values = [float(row["at_most"]) for row in ordered]
        labels = [
            f"{row['at_most']:.0f}, {max(0.0, row['at_most'] - row['at_rest']):.0f} above rest" for row in ordered
        ]
        _bars(axes, ordered, values, labels)
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_xlabel("peak memory of the process, MB", fontsize=8)
    return figure


def _sleeping(results: Results) -> Figure:
    """Rates over peak of the three engines, with ceilings and targets."""
    phases = list(results["langevin"])
    figure, (axes,) = _panels(1, 1, 7.5, 4.0)
    for i, phase in enumerate(phases):
        for j, row in enumerate(sleeping(results, phase)):
            place, engine = i + 0.27 * (j - 1), row["engine"]
            axes.bar(place, row["rate"], 0.24, color=ENGINE_COLOURS[engine], label=ENGINES[engine] if i == 0 else "")
            axes.annotate(
                f"{row['rate']:.2f}", (place, row["rate"]), (0, -10), textcoords="offset points", ha="center",
                fontsize=8, color="black" if engine == "all" else "white",
            )  # fmt: skip
            if engine == "all":
                continue
            first = i == 0 and engine == "exact"
            for key, style in (("ceiling", "-"), ("target", ":")):
                axes.hlines(
                    row[key], place - 0.13, place + 0.13, color="black", linestyle=style, linewidth=1.4,
                    label={"ceiling": "ceiling 3e / (f + 2a + 3g)", "target": "target"}[key] if first else "",
                )  # fmt: skip
    axes.axhline(1.0, color="0.6", linewidth=0.8, zorder=0)
    axes.text(-0.48, 1.02, "peak", fontsize=7.5, color="0.4")
    axes.set_yscale("log")
    _plain(axes.yaxis)
    axes.set_ylim(0.4)
    axes.set_xlim(-0.5, len(phases) - 0.5)
    axes.set_xticks(range(len(phases)), [_title(results, phase) for phase in phases])
    axes.set_ylabel("dense-equivalent rate / FMA peak", fontsize=9)
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    return figure


def _never_slower(results: Results) -> Figure:
    """Time of the default engine over that of the dense one, against the share awake."""
    figure, (axes,) = _panels(1, 1, 7.5, 4.0)
    for label, marker, colour, is_sgd in (("Langevin", "o", OURS, False), ("SGD", "s", STEP_COLOURS["SGD"], True)):
        rows = [row for row in results["never_slower"] if row["name"].startswith("SGD") == is_sgd]
        low, middle, high = np.quantile([row["ratios"] for row in rows], [0.25, 0.5, 0.75], axis=1)
        axes.errorbar(
            [row["awake"] for row in rows], middle, [middle - low, high - middle],
            fmt=marker, color=colour, markersize=5, linewidth=1, label=label,
        )  # fmt: skip
    axes.axhline(1.0, color="0.6", linewidth=0.8, zorder=0)
    axes.axhline(MAY_COST, color="black", linestyle=":", linewidth=1.2, label=f"{MAY_COST - 1:.0%} slower")
    axes.set_xlabel("share of rows awake", fontsize=9)
    axes.set_ylabel("time, exact skipping / every row", fontsize=9)
    axes.set_ylim(0.0, 1.15)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    return figure


def _scaling(results: Results) -> Figure:
    """Rate over peak and time along each axis."""
    names = {
        "replicas": "networks", "width": "width", "rows": "rows of the data", "batch": "rows of a batch",
        "depth": "hidden layers",
    }  # fmt: skip
    figure, panels = _panels(2, 3, 10.0, 5.6)
    for axes, (axis, label) in zip(panels, names.items(), strict=False):
        for step, colour in STEP_COLOURS.items():
            rows = [row for row in results["scaling"] if row["axis"] == axis and row["step"] == step]
            if rows:
                shares = [of_peak(results, row, row["threads"], fastest) for row in rows]
                axes.plot([row["value"] for row in rows], shares, "o-", color=colour, markersize=3.5, label=step)
        if axis != "depth":
            axes.set_xscale("log")
            _plain(axes.xaxis, (1.0, 2.0, 5.0) if axis != "rows" else (1.0,))
        axes.set_xlabel(label, fontsize=9)
    _threads(panels[-1], results)
    for axes in panels:
        axes.set_ylim(0.0, 1.05)
    panels[0].set_ylabel("rate / FMA peak of the threads used", fontsize=9)
    panels[3].set_ylabel("rate / FMA peak of the threads used", fontsize=9)
    panels[0].legend(fontsize=8, frameon=False, loc="lower right")
    return figure


def _threads(axes: Axes, results: Results) -> None:
    rows = [row for row in results["scaling"] if row["axis"].startswith("threads")]
    for (step, colour), offset in zip(STEP_COLOURS.items(), (-0.04, 0.04), strict=True):
        for axis, marker in zip(dict.fromkeys(row["axis"] for row in rows), "ovs", strict=False):
            chosen = [row for row in rows if row["axis"] == axis and row["step"] == step]
            axes.plot(
                [row["value"] + offset for row in chosen],
                [of_peak(results, row, row["threads"], fastest) for row in chosen],
                marker=marker, linestyle="-", color=colour, markersize=4, linewidth=0.8,
                label="networks: " + axis.split(", ")[1] if step == "full batch" else "",
            )  # fmt: skip
    axes.set_xticks(sorted({row["value"] for row in rows}))
    axes.set_xlabel("threads", fontsize=9)
    axes.legend(fontsize=7.5, frameon=False, loc="lower left")
