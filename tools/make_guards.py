"""Write tests/guards.json, which a change of structure must leave as it is.

Addresses of all units behind the committed runs, fingerprints of three landscapes, and the runs' summaries. The tests
compare; ``python -m tools.make_guards`` writes the file anew, which only a wanted change of these may ask for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import glassnet as gn
from glassnet.runs.run import open_run
from glassnet.runs.table import summary_files
from glassnet.store.directory import unit_name

ROOT: Final = Path(__file__).parents[1]
RUNS: Final = ROOT / "docs" / "reproduction" / "runs"
GUARDS: Final = ROOT / "tests" / "guards.json"


def names() -> list[str]:
    """The committed runs."""
    return sorted(path.name for path in RUNS.glob("*.run.zip"))


def addresses(name: str) -> dict[str, Any]:
    """How many units a committed run asks for, and the SHA-256 of their addresses in the run's order."""
    run = open_run(RUNS / name)
    found = [unit_name(run.identity(member)) for member in run.asked]
    return {"units": len(found), "first": found[0], "sha256": hashlib.sha256("".join(found).encode()).hexdigest()}


def landscapes() -> dict[str, str]:
    """Fingerprints of three landscapes: regularised, wide, and of CIFAR-10."""
    mnist, cifar10 = gn.load_dataset("mnist"), gn.load_dataset("cifar10")
    return {
        "mnist, w = 30, l2 = 0.01": gn.Landscape(gn.Mlp(10, 30, 6), mnist, gn.QuadraticHinge(1e-2)).fingerprint,
        "mnist, w = 72, l2 = 0": gn.Landscape(gn.Mlp(10, 72, 6), mnist, gn.QuadraticHinge(0.0)).fingerprint,
        "cifar10, w = 30, l2 = 0.001": gn.Landscape(gn.Mlp(10, 30, 6), cifar10, gn.QuadraticHinge(1e-3)).fingerprint,
    }


def summary(name: str) -> dict[str, dict[str, Any]]:
    """A committed run's summary: of each column (rows, numbers, weighted sum), or the SHA-256 of texts."""
    tables = json.loads(summary_files(open_run(RUNS / name))["summary.json"])
    return {
        table: {column: _digest([row.get(column) for row in rows]) for column in _columns(rows)}
        for table, rows in tables.items()
    }


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(column for row in rows for column in row))


def _digest(values: Sequence[Any]) -> Any:
    if all(isinstance(value, (int, float, type(None))) for value in values):
        # Weights by place tell apart rows that changed places.
        numbers = [(place, value) for place, value in enumerate(values, 1) if value is not None]
        return [len(values), len(numbers), sum(place * value for place, value in numbers)]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def main() -> None:
    """Write the file."""
    found = {
        "addresses": {name: addresses(name) for name in names()},
        "landscapes": landscapes(),
        "summaries": {name: summary(name) for name in names()},
    }
    GUARDS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
