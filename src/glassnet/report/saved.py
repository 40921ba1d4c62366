"""A record that somebody measured and saved, seen as the report sees runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from glassnet.analysis.conditions import Row, condition_row
from glassnet.analysis.groups import Groups, condition_labels
from glassnet.paper.claims import open_runs
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.report.facts import lost
from glassnet.runs.experiment import Curves, Experiment
from glassnet.runs.look import Look
from glassnet.runs.run import Run
from glassnet.runs.table import steadiness
from glassnet.simulate.record import Record
from glassnet.store.files import load
from glassnet.store.index import SUFFIX as CONDENSED


@dataclass(frozen=True)
class SavedRecord:
    """A record and the file that it is in, whatever network it is of.

    Args:
        path: the file that :func:`glassnet.save` wrote.
        record: what is in it.
    """

    path: Path
    record: Record
    report: ClassVar[Curves] = Relaxation.report

    @cached_property
    def records(self) -> dict[str, Record]:
        """One for each temperature, learning rate and l2 that differ, from hot to cold, by a label."""
        groups = Groups.of(self.record.data["data_loss"]).members[::-1]
        parts = {i: self.record[members] for i, members in enumerate(groups)}
        return {label: parts[i] for i, label in condition_labels(parts).items()}

    @property
    def look(self) -> Look:
        """The last chi and waiting time that were recorded."""
        chi = self.record.data["chi"].values
        return Look(float(chi[-1]) if len(chi) else None, int(self.record.data["waiting_time"].values[-1]))

    @property
    def title(self) -> str:
        """In a few words."""
        return f"saved record, {self.record.ensemble.network}"

    @property
    def diverged(self) -> list[str]:
        """A line for each condition in which replicas were lost."""
        return [line for key, record in self.records.items() for line in lost(key, record)]

    @property
    def rows(self) -> list[Row]:
        """A row a condition, as :func:`glassnet.runs.table.conditions_table` has it."""
        look: Any = self.look
        at = {"chi": look.chi, "waiting_time": look.waiting_time}
        return [
            {"condition": key, **condition_row(record, **at), **steadiness(record, at["waiting_time"])}
            for key, record in self.records.items()
        ]

    @property
    def facts(self) -> dict[str, str]:
        """Network, data, dynamics and engine of the measurement."""
        data, engine = self.record.data, self.record.data.attrs["engine"]
        about = {name: value for name, value in data.attrs["dynamics"].items() if name != "temperature"}
        seeds = ", ".join(map(str, np.unique(data["seed"].values)))
        return {
            "Network": ", ".join(f"{name} = {value}" for name, value in data.attrs["network"].items()),
            "Data": f"{data.attrs['n_samples']} rows",
            "Landscape": f"SHA-256 {data.attrs['landscape_without_l2']}, its l2 aside",
            "Dynamics": ", ".join(f"{name} {value}" for name, value in about.items()),
            "Replicas": f"{len(self.record.ensemble)}, seed {seeds}",
            "Engine": f"{engine['name']} (kernel {engine['version']}), {engine['gradient']} gradients, "
            f"{engine['dtype']} weights",
        }


def open_shown(
    paths: Iterable[Path],
    on_bad: Callable[[Path, Exception], None] | None = None,
    *,
    experiment: type[Experiment] | None = None,
) -> list[Run[Any] | SavedRecord]:
    """Open all that a report can show at each path: the runs that it is or holds, or a saved record.

    Args:
        paths: runs, folders that hold some, or files of records.
        on_bad: as for :func:`glassnet.paper.claims.open_runs`.
        experiment: likewise.

    Raises:
        FileNotFoundError: nothing there.
        ValueError: a folder without runs, a damaged file, or one with an ensemble.
    """
    found: list[Run[Any] | SavedRecord] = []
    for path in paths:
        if path.is_file() and not path.name.endswith(CONDENSED):
            value = load(path)
            if not isinstance(value, Record):
                raise ValueError(f"{path} holds an ensemble: a report shows runs and saved records")
            found.append(SavedRecord(path, value))
        else:
            found += open_runs([path], on_bad, experiment=experiment)
    return found
