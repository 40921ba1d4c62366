"""A record that somebody measured and saved, seen as the report sees runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from glassnet.analysis import relaxation_time
from glassnet.observables import mean_square_displacement, overlap
from glassnet.paper.claims import open_runs
from glassnet.runs.run import Run
from glassnet.runs.table import Row
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

    @cached_property
    def records(self) -> dict[str, Record]:
        """One for each temperature, learning rate and l2 that differ, from hot to cold, by a label."""
        data = self.record.data
        names = {"temperature": "T", "learning_rate": "mu", "l2": "l2"}
        given = {name: data[name].values for name in names if name in data.coords}
        told = [name for name in given if name == "temperature" or len(np.unique(given[name])) > 1]
        if not told:
            return {type(self.record.dynamics).__name__: self.record}
        each = np.stack([given[name] for name in told], axis=1)
        conditions = np.unique(each, axis=0)[::-1]
        labels = (", ".join(f"{names[n]} = {x:.15g}" for n, x in zip(told, one, strict=True)) for one in conditions)
        return {
            label: self.record[np.flatnonzero((each == one).all(axis=1))]
            for label, one in zip(labels, conditions, strict=True)
        }

    @property
    def shown_waiting_time(self) -> int:
        """The last one."""
        return int(self.record.data["waiting_time"].values[-1])

    @property
    def shown_chi(self) -> float | None:
        """The last one, None where none was recorded."""
        chi = self.record.data["chi"].values
        return float(chi[-1]) if len(chi) else None

    @property
    def title(self) -> str:
        """In a few words."""
        return f"saved record, {self.record.ensemble.network}"

    @property
    def diverged(self) -> list[str]:
        """A line for each condition in which replicas were lost."""
        lines = []
        for key, record in self.records.items():
            data = record.data
            lost = [
                f"origin {origin} after {step} steps"
                for origin, step in zip(data["origin"].values, data["lost_at"].values, strict=True)
                if step >= 0
            ]
            if lost:
                lines.append(f"{key}: {len(lost)} of {len(record.ensemble)} ({', '.join(lost)})")
        return lines

    @property
    def rows(self) -> list[Row]:
        """A row a condition: relaxation time with its interval, Q, MSD and loss at the end, replicas."""
        return [_row(key, record, self.shown_waiting_time, self.shown_chi) for key, record in self.records.items()]

    @property
    def facts(self) -> dict[str, str]:
        """What was measured, and by what."""
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
    paths: Iterable[Path], on_bad: Callable[[Path, Exception], None] | None = None
) -> list[Run[Any] | SavedRecord]:
    """What a report can show at each path: the runs that it is or holds, or a saved record.

    ``on_bad`` is that of :func:`glassnet.paper.claims.open_runs`.

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
            found += open_runs([path], on_bad)
    return found


def _row(key: str, record: Record, wait: int, chi: float | None) -> Row:
    at: dict[str, Any] = {"waiting_time": wait}
    end = {"time": int(record.data["time"].values[-1])}
    row: Row = {"condition": key}
    if chi is not None:
        q = overlap(record, chi=chi).sel(at)
        tau = relaxation_time(q, 0.9)
        row |= {name: _plain(float(tau[of])) for name, of in (("tau_90", "estimate"), ("low", "low"), ("high", "high"))}
        row["q"] = _plain(float(q.sel(end).mean()))
    row |= {"t": end["time"], "msd": _plain(float(mean_square_displacement(record).sel(at).sel(end).mean()))}
    row["data_loss"] = _plain(float(record.data["data_loss"].sel(at).sel(end).mean()))
    return row | {"n_replicas": len(record.ensemble), "n_lost": record.n_lost}


def _plain(number: float) -> float | None:
    return number if np.isfinite(number) else None
