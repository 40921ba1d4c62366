"""Write glassnet/paper/spread.json: how much ln tau_90 differs between initial conditions in the committed runs.

A row a phase, data set and temperature of docs/reproduction/runs, at the run's own chi and waiting time: T, the
standard deviation (ddof 1) of ln tau_90 between initial conditions (the mean over an initial condition's replicas), and
how many of them have a number. ``python -m tools.make_spread`` writes the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from glassnet import overlap, relaxation_time
from glassnet.runs.run import Run, open_run

ROOT: Final = Path(__file__).parents[1]
RUNS: Final = ROOT / "docs" / "reproduction" / "runs"
SPREAD: Final = ROOT / "src" / "glassnet" / "paper" / "spread.json"


def rows(run: Run[Any]) -> list[list[float]]:
    """T, the spread and the number of initial conditions, at each temperature where two or more have a number."""
    found = []
    for temperature, record in sorted(run.records.items()):
        tau = relaxation_time(overlap(record, chi=run.look.chi)).tau.sel(waiting_time=run.look.waiting_time)
        logs = np.log(tau.where(tau > 0).dropna("replica"))
        by_origin = logs.groupby("origin").mean().values if logs.size else np.empty(0)
        if len(by_origin) > 1:
            found.append([temperature, float(f"{by_origin.std(ddof=1):.3g}"), len(by_origin)])
    return found


def spread() -> dict[str, dict[str, Any]]:
    """By data set and phase: which run it is, and its rows."""
    found = {}
    for path in sorted(RUNS.glob("relaxation-*.run.zip")):
        name = path.name.removesuffix(".run.zip")
        _, dataset, phase, scale = name.split("-")
        found[f"{dataset} {phase}"] = {"run": name, "scale": scale, "rows": rows(open_run(path))}
    return found


def main() -> None:
    """Write the file."""
    SPREAD.write_text(json.dumps(spread(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
