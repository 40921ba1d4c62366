"""A record: what was seen along one run of an ensemble, and all that is needed to go on with it."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from glassnet import _html
from glassnet._text import counted
from glassnet.simulate import dynamics as _dynamics
from glassnet.simulate.ensemble import Ensemble, positions
from glassnet.simulate.ensemble import concat as concat_ensembles
from glassnet.simulate.labelled import PREFIX, Axes
from glassnet.simulate.recording import Plan
from glassnet.simulate.statistic import identities


@dataclass(frozen=True, eq=False)
class Record:
    """Statistics of displacements and losses, with the state at the end.

    Args:
        data: what was recorded; variables, dimensions and units are listed in CONVENTIONS.md. NaN means not
            recorded, or a replica that was lost.
        ensemble: the replicas at the end.
        references: the weights at each waiting time, ``(waiting_time, replica, weight)``.
    """

    data: xr.Dataset
    ensemble: Ensemble
    references: NDArray[np.floating]

    def __repr__(self) -> str:
        sizes = self.data.sizes
        return (
            f"Record({sizes['replica']} replicas, {sizes['waiting_time']} waiting times, {sizes['time']} times to "
            f"{int(self.data.time[-1])}, {self.dynamics}, {self.n_lost} lost)"
        )

    def _repr_html_(self) -> str:
        data, engine = self.data, self.data.attrs["engine"]
        waits, times = data.waiting_time.values, data.time.values
        until = int(data.attrs["until"])
        settings = "".join(f", with a {name}" for name, value in engine.items() if isinstance(value, dict))
        rows = {
            "network": f"{self.ensemble.network}, N = {self.ensemble.network.n_weights} weights",
            "rows of data": str(data.attrs["n_samples"]),
            "dynamics": type(self.dynamics).__name__,
            **{name.replace("_", " "): _html.listed(data[name]) for name in _CONDITIONS if name in data.coords},
            "engine": f"{engine['name']}, {engine['gradient']} gradient, {engine['dtype']} weights{settings}",
            "steps": f"{self.elapsed}" if self.elapsed == until else f"{self.elapsed} of {until}: still to be resumed",
            "waiting times": _html.listed(waits),
            "times": _html.listed(times),
            "chi": _html.listed(data.chi),
            "epsilon": _html.listed(data.epsilon),
        }
        if statistics := ", ".join(f"{name} (version {x['version']})" for name, x in identities(data).items()):
            rows["statistics"] = statistics
        title = f"Record of {counted(len(self.ensemble), 'replica')}"
        return (
            _html.facts(title, rows)
            + _html.table(*self._by_condition())
            + _html.folded("everything recorded", data._repr_html_())
        )

    def _by_condition(self) -> tuple[list[str], list[list[str]]]:
        """Head and rows: what became of the replicas of each temperature, learning rate and l2."""
        data = self.data
        losses, dead = (data[name].values.reshape(len(self.ensemble), -1) for name in ("data_loss", "dead"))
        present = [name for name in _CONDITIONS if name in data.coords]
        varying = [name for name in present if len(np.unique(data[name])) > 1] or present[:1]
        keys = np.stack([data[name].values for name in varying], axis=1)
        conditions, member_of = np.unique(keys, axis=0, return_inverse=True)
        head = [
            *(name.replace("_", " ") for name in varying),
            *("replicas", "initial conditions", "lost", "dead", "first data loss", "last data loss"),
        ]
        rows = []
        for g, condition in enumerate(conditions):
            members = np.flatnonzero(member_of.reshape(-1) == g)
            kept = members[self.ensemble.alive[members]]
            starts = {(self.ensemble.seed[r], self.ensemble.origin[r]) for r in members}
            known = np.isfinite(losses[kept]).all(axis=0) & (kept.size > 0)
            seen = np.flatnonzero(known)
            ends = seen[[0, -1]] if seen.size else seen
            rows.append(
                [
                    *(f"{value:.6g}" for value in condition),
                    str(len(members)),
                    "1: no interval" if len(starts) == 1 else str(len(starts)),
                    str(len(members) - len(kept)),
                    str(int(dead[kept, ends[-1]].sum())) if seen.size else "not recorded",
                    *([f"{losses[kept, i].mean():.4g}" for i in ends] or ["not recorded"] * 2),
                ]
            )
        return head, rows

    @property
    def dynamics(self) -> _dynamics.Dynamics:
        """The dynamics that made it."""
        return _dynamics.from_description(self.data.attrs["dynamics"])

    @property
    def n_lost(self) -> int:
        """How many replicas diverged."""
        return int(np.count_nonzero(~self.ensemble.alive))

    @property
    def elapsed(self) -> int:
        """Steps made since the run began."""
        return int(self.data.attrs["elapsed"])

    @property
    def plan(self) -> Plan:
        """The plan that it was recorded under, without statistics, whose functions a record does not hold."""
        data, attributes = self.data, self.data.attrs
        return Plan(
            waiting_times=data.waiting_time.values,
            times=data.time.values,
            until=int(attributes["until"]),
            snapshots=data.snapshot_time.values,
            chi=data.chi.values,
            epsilon_of_chi=data.epsilon_of_chi.values,
            epsilon=data.epsilon.values,
            all_losses=bool(attributes["all_losses"]),
            test=attributes["test"],
        )

    def __getitem__(self, index: Any) -> Record:
        """The record of the replicas that a slice, a mask or a list of positions picks."""
        where = positions(len(self.ensemble), index)
        data = self.data.isel(replica=where)  # which shares its attributes with this record's
        data = data.assign_attrs(dynamics=data.attrs["dynamics"] | _parameters([data]))
        return Record(data, self.ensemble[where], self.references[:, where])

    def to_netcdf(self, path: str | Path) -> None:
        """Export the recorded statistics as a NetCDF4 file (needs the ``netcdf`` extra).

        Nested attributes (dynamics, engine) are flattened to names such as ``dynamics.temperature``.

        Raises:
            ModuleNotFoundError: h5netcdf is not installed.
        """
        if importlib.util.find_spec("h5netcdf") is None:
            raise ModuleNotFoundError('exporting to NetCDF needs h5netcdf: pip install "glassnet[netcdf]"')
        flat: dict[str, Any] = {}
        for name, value in self.data.attrs.items():
            for part, item in _flat(value):
                key = f"{name}.{part}" if part else name
                flat[key] = "none" if item is None else int(item) if isinstance(item, bool) else item
        exported = self.data.copy()
        exported.attrs = flat
        exported.to_netcdf(path, engine="h5netcdf")


def _flat(value: Any) -> list[tuple[str, Any]]:
    """The parts of a nested attribute under names such as ``a.b``; the name is empty for one that is not nested."""
    if not isinstance(value, dict):
        return [("", value)]
    return [(f"{key}.{part}" if part else key, item) for key, inner in value.items() for part, item in _flat(inner)]


def concat(records: Sequence[Record]) -> Record:
    """The replicas of several records, made under the same plan on the same landscape, as one record.

    A temperature, learning rate or l2 that differs between them is kept one a replica.

    Raises:
        ValueError: landscapes, engines, times or kinds of dynamics differ, or two replicas have the same name.
    """
    if not records:
        raise ValueError("records must hold at least one record, but got none")
    first = records[0]
    for i, other in enumerate(records[1:], start=1):
        _refuse_mismatch(first, other, i)
    _refuse_namesakes(records)
    ensemble = concat_ensembles([record.ensemble for record in records])
    data = xr.concat(
        [record.data for record in records],
        dim="replica",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="exact",
        combine_attrs="override",
    )
    references = np.concatenate([record.references for record in records], axis=1)
    merged = first.data.attrs["dynamics"] | _parameters([record.data for record in records])
    return replace(first, data=data.assign_attrs(dynamics=merged), ensemble=ensemble, references=references)


_CONDITIONS = ("temperature", "learning_rate", "l2")
"""Parameters that may differ between replicas and tell groups of them apart."""

_SAME = ("landscape_without_l2", "engine", "test", "until", "elapsed", "all_losses")
_PER_REPLICA_PARAMETERS = ("temperature", "learning_rate")


def _refuse_mismatch(first: Record, other: Record, i: int) -> None:
    for name in _SAME:
        if first.data.attrs[name] != other.data.attrs[name]:
            raise ValueError(
                f"all records must have {name} {first.data.attrs[name]!r}, "
                f"but number {i} has {other.data.attrs[name]!r}"
            )
    for name in ("waiting_time", "time", "chi", "epsilon", "snapshot_time"):
        if not np.array_equal(first.data[name].values, other.data[name].values):
            raise ValueError(f"all records must have the same {name}, but number {i} differs from number 0")
    if (told := identities(first.data)) != (found := identities(other.data)):
        raise ValueError(f"all records must have the statistics {told}, but number {i} has {found}")
    for name in told:
        axes = Axes.recorded(first.data, name)
        if (difference := axes.difference(Axes.recorded(other.data, name))) is not None:
            raise ValueError(f"all records must have {PREFIX}{name} of the same axes, but of number {i} {difference}")
    rest = [
        {k: v for k, v in record.data.attrs["dynamics"].items() if k not in _PER_REPLICA_PARAMETERS}
        for record in (first, other)
    ]
    if rest[0] != rest[1]:
        raise ValueError(f"all records must have the same kind of dynamics, {rest[0]}, but number {i} has {rest[1]}")


def _refuse_namesakes(records: Sequence[Record]) -> None:
    """Replicas that began alike must be told apart, even if one of them was lost on the way."""
    names = [
        tuple(int(x) for x in name)
        for record in records
        for name in np.stack([record.data[n].values for n in ("seed", "origin", "noise", "entry_step")], axis=1)
    ]
    seen = set[tuple[int, ...]]()
    twice = next((name for name in names if name in seen or seen.add(name)), None)  # type: ignore[func-returns-value]
    if twice is not None:
        raise ValueError(
            f"records must be of replicas that differ in (seed, origin, noise) or in the step they began at, but "
            f"seed {twice[0]}, origin {twice[1]}, noise {twice[2]} at step {twice[3]} comes twice: measure with "
            "ensemble.rename(noise=...) or ensemble.repeat(noise=[...])"
        )


def _parameters(parts: Sequence[xr.Dataset]) -> dict[str, Any]:
    """The dynamics' numbers that may be one a replica, as the replicas of all parts together have them."""
    found: dict[str, Any] = {}
    for name in _PER_REPLICA_PARAMETERS:
        if name not in parts[0].attrs["dynamics"]:
            continue
        values = np.concatenate([np.asarray(part[name].values) for part in parts])
        found[name] = float(values[0]) if np.all(values == values[0]) else tuple(values.tolist())
    return found
