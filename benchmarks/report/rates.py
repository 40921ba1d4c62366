"""From slices to the numbers that tables and pictures show; how they are defined stands in ``race/peak.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

Row = dict[str, Any]
Results = dict[str, Any]

TARGETS: Final = {
    "regularised": {"exact": 1.35, "skin": 1.55},
    "underparameterised": {"exact": 1.5, "skin": 2.4},
    "overparameterised": {"exact": 2.0, "skin": 15.0},
}
"""Dense-equivalent rates over peak that the engines are to reach in quenched states."""

SGD_TARGETS: Final = {"PyTorch eager": 60.0, "bmm": 3.0}
"""How many times faster an SGD step of one network is to be, over one eager network and the best bmm ensemble."""

MAY_COST: Final = 1.03
"""What skipping may cost at most, whatever the share of rows awake."""

ENGINES: Final = {"all": "glassnet, every row", "exact": "glassnet", "skin": "glassnet, skin"}


def seconds(row: Row) -> float:
    """A step of one network, by the clock: the median slice."""
    return float(np.median(row["wall"]))


def fastest(row: Row) -> float:
    """A step of one network, by the clock, in the least disturbed slice."""
    return float(min(row["wall"]))


def peak(results: Results, threads: int) -> float:
    """Flop a second: the 90 % quantile of the session."""
    return float(np.quantile(results["peaks"][str(threads)], 0.9))


def of_peak(results: Results, row: Row, threads: int, time: Callable[[Row], float] = seconds) -> float:
    """Dense-equivalent rate over the peak."""
    return float(row["flop"]) / time(row) / peak(results, threads)


def of_peak_paired(row: Row) -> float:
    """The same, each slice against the peak just before it: the control."""
    return float(np.median(row["flop"] / np.array(row["wall"]) / np.array(row["peak"])))


def named(rows: list[Row], name: str) -> Row:
    """The row of a name."""
    return next(row for row in rows if row["name"] == name)


def sleeping(results: Results, phase: str) -> list[Row]:
    """Of each engine in a phase: rate, f, a, e, g, the ceiling, and the rate over it."""
    threads = results["machine"]["threads"]
    race, apart = results["alone"][phase], results["overhead"][phase]
    dense, few = named(race, ENGINES["all"]), named(apart, "noise and update")
    e = of_peak(results, dense, threads)
    table = []
    for engine, name in ENGINES.items():
        row = named(race, name)
        rate = of_peak(results, row, threads)
        if engine == "all":
            table.append({"engine": engine, "seconds": seconds(row), "rate": rate, "awake": row["awake"]})
            continue
        f, a = row["forward"], row["awake"]
        alone = named(apart, engine)
        g = max(0.0, seconds(alone) / seconds(dense) - (alone["forward"] + 2 * alone["awake"]) / 3)
        ceiling = 3 * e / (f + 2 * a + 3 * g)
        table.append(
            {
                "engine": engine,
                "seconds": seconds(row),
                "rate": rate,
                "target": TARGETS[phase][engine],
                "f": f,
                "a": a,
                "e": e,
                "g": g,
                "update": max(0.0, (seconds(few) - few["flop"] / dense["flop"] * seconds(dense)) / seconds(dense)),
                "ceiling": ceiling,
                "of_ceiling": rate / ceiling,
            }
        )
    return table


def best_bmm(rows: list[Row]) -> Row | None:
    """The fastest ensemble of batched matrix products, None where PyTorch was absent."""
    found = [row for row in rows if "bmm" in row["name"]]
    return min(found, key=seconds) if found else None
