"""Going on with a record: what must be as it was, and the measurement from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from glassnet import _check
from glassnet.datasets import Dataset
from glassnet.engines import Engine
from glassnet.landscape.surface import Landscape
from glassnet.simulate import dynamics as _dynamics
from glassnet.simulate.dynamics import Dynamics, Langevin
from glassnet.simulate.ensemble import Ensemble
from glassnet.simulate.measurement import Measurement, Progress, describe_engine
from glassnet.simulate.record import Record
from glassnet.simulate.recording import Plan, Recorder
from glassnet.simulate.statistic import refuse_others


def refuse_passed(record: Record, added: NDArray[np.int64]) -> None:
    """Refuse further save times that a reference of the record has passed."""
    first = int(record.plan.waiting_times[0])
    if added.size and added[0] <= record.elapsed - first:
        raise ValueError(
            f"times must be beyond {record.elapsed - first}, which the reference at waiting time {first} has passed, "
            f"but got {added[0]}"
        )


def go_on(
    record: Record,
    plan: Plan,
    landscape: Landscape,
    test: Dataset | None,
    maker: Engine,
    on_progress: Callable[[Progress[Record]], None] | None,
) -> Record:
    """Bring a record to the end of a plan, whose times are the record's and later ones.

    Raises:
        ValueError: what it is to be continued with is not what it was made with.
    """
    missing = np.setdiff1d(record.plan.times, plan.times)
    if missing.size:
        raise ValueError(f"times must hold those of the checkpoint, but {missing[0]} is missing")
    refuse_passed(record, np.setdiff1d(plan.times, record.plan.times))
    if plan.until < record.elapsed:
        raise ValueError(f"until must be at least the {record.elapsed} steps that were made, but got {plan.until}")
    dynamics, data = record.dynamics, record.data
    refuse_misfit(record.ensemble, landscape, dynamics)
    found = landscape.without_l2.fingerprint
    l2 = _check.spread("l2", landscape.loss.l2, len(record.ensemble))
    if found != data.attrs["landscape_without_l2"] or not np.array_equal(l2, data.l2.values):
        raise ValueError("landscape must be the one the record was measured on, but its data, network or l2 differ")
    expected = (data.entry_step.values + record.elapsed)[record.ensemble.alive]
    if not np.array_equal(record.ensemble.step[record.ensemble.alive], expected):
        raise ValueError(
            f"record.ensemble must stand where the record ends, {record.elapsed} steps after its beginning, "
            "but it does not: a record cut from a longer one cannot be continued"
        )
    if (None if test is None else test.fingerprint) != plan.test:
        wanted = "None: the record has no test set" if plan.test is None else "the record's test set"
        raise ValueError(f"test must be {wanted}, but got {test!r}")
    theirs, ours = data.attrs["engine"], describe_engine(maker, dynamics)
    for name in [name for name in {**ours, **theirs} if name != "dtype"]:
        if ours.get(name) != theirs.get(name):
            raise ValueError(f"engine must have the record's {name} {theirs.get(name)!r}, but has {ours.get(name)!r}")
    refuse_others(data, plan.statistics)
    recorder = Recorder(record.ensemble, plan)
    arrays = {name: data[name].values for name in recorder.arrays}
    recorder.restore(arrays, record.references, record.plan)
    entry, sigma = data.entry_step.values, data.sigma.values
    start = replace(record.ensemble, network=landscape.network)  # the same one, which a file knows by its layers only
    run = Measurement(start, landscape, dynamics, recorder, maker, test, entry, sigma)
    return run.finish(start, record.elapsed, on_progress)


def refuse_misfit(ensemble: Ensemble, landscape: Landscape, dynamics: Dynamics | None = None) -> None:
    """Refuse a start, a surface and a dynamics that do not fit together."""
    _check.same_kind("ensemble", ensemble, Ensemble)
    _check.same_kind("landscape", landscape, Landscape)
    if ensemble.network != landscape.network:
        raise ValueError(
            f"ensemble must be of the landscape's network {landscape.network}, but is of {ensemble.network}"
        )
    _check.spread("l2", landscape.loss.l2, len(ensemble))
    if dynamics is None:
        return
    _check.same_kind("dynamics", dynamics, get_args(Dynamics))
    _check.spread("learning_rate", dynamics.learning_rate, len(ensemble))
    if isinstance(dynamics, Langevin):
        _check.spread("temperature", dynamics.temperature, len(ensemble))
    rows = _dynamics.batch_size(dynamics)
    if rows is not None and rows > landscape.dataset.n_samples:
        raise ValueError(f"batch_size must be at most the dataset's {landscape.dataset.n_samples} rows, but got {rows}")
