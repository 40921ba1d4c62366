"""The verbs: evolve an ensemble, measure how it relaxes, extend a measurement, evaluate networks.

They check what they are given and say what is to be done; engines make the steps.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, SupportsFloat, SupportsIndex

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from glassnet import _check
from glassnet.datasets import Dataset
from glassnet.engines import EngineChoice, resolve
from glassnet.landscape.surface import Landscape
from glassnet.simulate import dynamics as _dynamics
from glassnet.simulate.continuing import go_on, refuse_misfit, refuse_passed
from glassnet.simulate.dynamics import Dynamics
from glassnet.simulate.ensemble import Ensemble
from glassnet.simulate.measurement import (
    Measurement,
    Pace,
    Progress,
    replica_names,
    spread_of_weights,
    surroundings,
)
from glassnet.simulate.record import Record
from glassnet.simulate.recording import Plan, Recorder
from glassnet.simulate.statistic import Statistic, observed
from glassnet.store.checkpoint import Listener, checkpointed, fingerprint


def evolve(
    ensemble: Ensemble,
    landscape: Landscape,
    dynamics: Dynamics,
    n_steps: SupportsIndex,
    *,
    stop_loss: SupportsFloat | None = None,
    check_every: SupportsIndex | None = None,
    engine: EngineChoice = "cpu",
    checkpoint: str | os.PathLike[str] | None = None,
    on_progress: Listener[Ensemble] | None = None,
) -> Ensemble:
    """Move every replica by ``n_steps`` steps of ``dynamics``; two calls in a row equal one long call.

    Args:
        ensemble: where to start; unchanged.
        landscape: what to move on.
        dynamics: what one step is.
        n_steps: steps each replica makes, at least 0.
        stop_loss: stop a replica once its data loss over all rows is below this; looked at where its own step is
            a multiple of ``check_every``, the start included.
        check_every: in steps; given together with ``stop_loss``.
        engine: who makes the steps.
        checkpoint: a file, by custom ``name.zarr.zip``, that keeps the state every ten seconds or so, after Ctrl-C and
            in the end. The same call made again goes on from it, with the same bits, and returns at once when it is
            done; a larger ``n_steps`` goes on too.
        on_progress: called about twice a second.

    Returns:
        The ensemble afterwards. A replica that diverged stands at its last finite weights and is not alive.

    Raises:
        ValueError: the arguments do not fit together, or the checkpoint is of another call.
        OSError: the checkpoint cannot be written.

    Examples:
        >>> import glassnet as gn
        >>> mnist = gn.load_dataset("mnist", n_samples=200)
        >>> landscape = gn.Landscape(gn.Mlp(n_features=10, width=8, depth=2), mnist, gn.QuadraticHinge(l2=1e-3))
        >>> start = gn.Ensemble.random(landscape.network, n_replicas=3)
        >>> quenched = gn.evolve(start, landscape, gn.Sgd(learning_rate=1e-2, batch_size=20), n_steps=5_000)
        >>> print(gn.evaluate(quenched, landscape).data_loss.values.round(3))
        [0.018 0.027 0.018]
    """
    refuse_misfit(ensemble, landscape, dynamics)
    steps = _check.integer("n_steps", n_steps, low=0, high=_check.MAX_STEP - int(ensemble.step.max()))
    if (stop_loss is None) != (check_every is None):
        raise ValueError(f"stop_loss and check_every must be given together, but got {stop_loss=}, {check_every=}")
    limit = None if stop_loss is None else _check.number("stop_loss", stop_loss, positive=True)
    every = 0 if check_every is None else _check.integer("check_every", check_every, low=1)

    maker = resolve(engine)
    target = ensemble.step + steps

    def go(so_far: Ensemble | None, listen: Listener[Ensemble] | None) -> Ensemble:
        start = ensemble if so_far is None else replace(so_far, network=landscape.network)
        made = int((start.step - ensemble.step).max())
        if made > steps:
            raise ValueError(f"n_steps must be at least the {made} that the checkpoint has made, but got {steps}")
        session = maker.session(start, landscape, dynamics)
        running = start.alive.copy()
        pace = Pace()
        now = start
        while True:
            if limit is not None:
                due = np.flatnonzero(running & (now.step % every == 0))
                if due.size:
                    seen = maker.evaluate(now.weights[due], landscape)
                    running[due[seen.data_loss < limit]] = False
            running &= now.alive & (now.step < target)
            if not running.any():
                return now
            stop = target if limit is None else np.minimum(target, (now.step // every + 1) * every)
            pace.advance(session, np.where(running, np.minimum(stop - now.step, pace.size), 0))
            now = session.ensemble
            if listen is not None:
                done = int(np.where(running & now.alive, now.step - ensemble.step, steps).sum())
                listen(Progress(done, steps * len(ensemble), lambda now=now: now))  # type: ignore[misc]

    def call() -> dict[str, Any]:
        return {
            "verb": "evolve",
            "start": fingerprint(ensemble),
            **surroundings(landscape, dynamics, maker),
            "stop_loss": limit,
            "check_every": every or None,
        }

    return checkpointed(checkpoint, call, go, on_progress)


def measure(
    ensemble: Ensemble,
    landscape: Landscape,
    dynamics: Dynamics,
    *,
    times: ArrayLike,
    waiting_times: ArrayLike = (0,),
    chi: SupportsFloat | Sequence[SupportsFloat] = (),
    epsilon: SupportsFloat | Sequence[SupportsFloat] = (),
    snapshots: ArrayLike = (),
    until: SupportsIndex | None = None,
    loss_times: Literal["auto", "all"] = "auto",
    test: Dataset | None = None,
    statistics: Sequence[Statistic] = (),
    engine: EngineChoice = "cpu",
    checkpoint: str | os.PathLike[str] | None = None,
    on_progress: Listener[Record] | None = None,
) -> Record:
    """Follow the trajectory that :func:`evolve` makes and record how far it moves from its references.

    Args:
        ensemble: where to start; unchanged. Its weights give sigma, and epsilon = sigma / chi, of each replica.
        landscape: what to move on.
        dynamics: what one step is.
        times: save times since each reference, whole steps, increasing.
        waiting_times: when references are taken, steps since the start, increasing.
        chi: sensitivities of the overlap (Eq. B1), any number.
        epsilon: further sensitivities, in units of the weights, the same for all replicas.
        snapshots: up to six of ``times`` at which the displacements are kept whole, as float32.
        until: step at which the run ends; max(waiting_times) + max(times) by default. What lies beyond is NaN.
        loss_times: "auto" records losses at every save time under full-batch dynamics and at the sparser times
            (:func:`glassnet.sparse_times`) else; "all" at every save time.
        test: a data set whose loss and accuracy are recorded beside the training loss.
        statistics: observables of your own, recorded at every save time of every reference. No trajectory depends on
            them.
        engine: who makes the steps.
        checkpoint: a file that keeps the record so far, as in :func:`evolve`; further ``times`` beyond those that it
            has seen go on too.
        on_progress: called at least about twice a second.

    Returns:
        The record, with the ensemble at the end.

    Raises:
        ValueError: the arguments do not fit together, chi is given and a replica's weights are all equal, a
            statistic's function fails, or the checkpoint is of another call.
        OSError: the checkpoint cannot be written.

    Examples:
        >>> import glassnet as gn
        >>> landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4), gn.QuadraticHinge(l2=1e-2))
        >>> start = gn.Ensemble.random(landscape.network, n_replicas=4)
        >>> langevin = gn.Langevin(temperature=1e-3, learning_rate=1e-3)
        >>> record = gn.measure(start, landscape, langevin, times=gn.log_times(1_000), chi=[50])
        >>> dict(gn.overlap(record, chi=50).sizes)
        {'replica': 4, 'waiting_time': 1, 'time': 58}

        A temperature a replica, and T = 0 beside T = 1e-3:

        >>> both = gn.Langevin(temperature=[1e-3] * 4 + [0.0] * 4, learning_rate=1e-3)
        >>> series = gn.measure(start.repeat(noise=[0, 1]), landscape, both, times=[10, 100, 1_000], chi=[50])
        >>> print(gn.ensemble_mean(gn.overlap(series, chi=50))["mean"].sel(time=1_000).values.ravel().round(2))
        [0.52 0.38]
    """
    refuse_misfit(ensemble, landscape, dynamics)
    waits = _check.increasing_times("waiting_times", waiting_times)
    grid = _check.increasing_times("times", times)
    kept = np.array([], dtype=np.int64)
    if np.size(snapshots):
        kept = _check.increasing_times("snapshots", snapshots)
        if kept.size > 6 or not np.isin(kept, grid).all():
            raise ValueError(f"snapshots must be up to six of the save times, but got {kept.tolist()}")
    _check.choice("loss_times", loss_times, ("auto", "all"))
    chis = _positive_values("chi", chi)
    last = int(waits[-1]) + int(grid[-1])
    room = _check.MAX_STEP - int(ensemble.step.max())
    if last > room:
        raise ValueError(f"max(waiting_times) + max(times) must be at most {room}, but got {last}")
    end = last if until is None else _check.integer("until", until, low=int(waits[-1]), high=last)
    _refuse_other_features(test, landscape)
    plan = Plan(
        waiting_times=waits,
        times=grid,
        until=end,
        snapshots=kept,
        chi=chis,
        epsilon_of_chi=spread_of_weights(ensemble, needed=chis.size > 0)[:, None] / chis,
        epsilon=_positive_values("epsilon", epsilon),
        all_losses=loss_times == "all" or _dynamics.batch_size(dynamics) is None,
        test=None if test is None else test.fingerprint,
        statistics=observed(statistics, ensemble.network, dynamics),
    )
    maker = resolve(engine)

    def go(so_far: Record | None, listen: Listener[Record] | None) -> Record:
        if so_far is not None:
            return go_on(so_far, plan, landscape, test, maker, listen)
        run = Measurement(ensemble, landscape, dynamics, Recorder(ensemble, plan), maker, test)
        return run.finish(ensemble, elapsed=-1, on_progress=listen)

    def call() -> dict[str, Any]:
        return {
            "verb": "measure",
            "start": fingerprint(ensemble),
            **surroundings(landscape, dynamics, maker),
            "waiting_times": waits.tolist(),
            "snapshots": kept.tolist(),
            "chi": chis.tolist(),
            "epsilon": plan.epsilon.tolist(),
            "all_losses": plan.all_losses,
            "test": plan.test,
            **plan.identity_of_statistics,
        }

    return checkpointed(checkpoint, call, go, on_progress)


def resume(
    record: Record,
    landscape: Landscape,
    *,
    test: Dataset | None = None,
    statistics: Sequence[Statistic] = (),
    engine: EngineChoice = "cpu",
    on_progress: Listener[Record] | None = None,
) -> Record:
    """Finish a record in progress, as handed out by :class:`Progress`; the result is that of one unbroken run.

    Test set and statistics are given again, where the record has some.

    Raises:
        ValueError: landscape, test set, statistics or engine are not those of the record.
    """
    plan = replace(record.plan, statistics=observed(statistics, record.ensemble.network, record.dynamics))
    return go_on(record, plan, landscape, test, resolve(engine), on_progress)


def extend(
    record: Record,
    landscape: Landscape,
    times: ArrayLike = (),
    *,
    until: SupportsIndex | None = None,
    test: Dataset | None = None,
    statistics: Sequence[Statistic] = (),
    engine: EngineChoice = "cpu",
    checkpoint: str | os.PathLike[str] | None = None,
    on_progress: Listener[Record] | None = None,
) -> Record:
    """Continue a record to later save times; the result equals a run that asked for them from the beginning.

    Args:
        record: what there is; unchanged.
        landscape: the one it was measured on.
        times: further save times, increasing, none of which a reference has passed.
        until: step since the start at which the run ends; max(waiting_times) + max(times) by default.
        test: the test set, if the record has one.
        statistics: those of the record, if it has some: functions are not stored, names and versions are compared.
        engine: who makes the steps.
        checkpoint: as in :func:`measure`.
        on_progress: as in :func:`measure`.

    Raises:
        ValueError: a time was already passed, the landscape is another, the test set or a statistic is missing or
            another, the record's ensemble does not stand where the record ends, or the checkpoint is of another call.
        OSError: the checkpoint cannot be written.

    Examples:
        >>> import glassnet as gn
        >>> landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4), gn.QuadraticHinge(l2=1e-2))
        >>> start = gn.Ensemble.random(landscape.network, n_replicas=4)
        >>> langevin = gn.Langevin(temperature=1e-3, learning_rate=1e-3)
        >>> record = gn.measure(start, landscape, langevin, times=gn.log_times(1_000), chi=[50])
        >>> longer = gn.extend(record, landscape, times=[2_000, 3_000])
        >>> print(record.data.sizes["time"], longer.data.sizes["time"], longer.elapsed)
        58 60 3000
    """
    old = record.plan
    added = _check.increasing_times("times", times) if np.size(times) else np.array([], dtype=np.int64)
    refuse_passed(record, added)
    grid = np.union1d(old.times, added)
    last = int(old.waiting_times[-1] + grid[-1])
    end = last if until is None else _check.integer("until", until, low=record.elapsed, high=last)
    own = observed(statistics, record.ensemble.network, record.dynamics)
    plan, maker = replace(old, times=grid, until=end, statistics=own), resolve(engine)

    def go(so_far: Record | None, listen: Listener[Record] | None) -> Record:
        return go_on(record if so_far is None else so_far, plan, landscape, test, maker, listen)

    def call() -> dict[str, Any]:
        return {
            "verb": "extend",
            "record": fingerprint(record),
            **surroundings(landscape, record.dynamics, maker),
            "test": None if test is None else test.fingerprint,
            **plan.identity_of_statistics,
        }

    return checkpointed(checkpoint, call, go, on_progress)


def evaluate(
    ensemble: Ensemble, landscape: Landscape, *, test: Dataset | None = None, engine: EngineChoice = "cpu"
) -> xr.Dataset:
    """Losses of every replica: ``data_loss``, ``total_loss``, ``accuracy`` and ``awake`` (shares of all rows).

    ``dead`` marks a network whose every output is 0, ``alive`` is False for one that diverged. Of numbers to regress on
    the accuracy is NaN.

    Args:
        ensemble: the networks.
        landscape: the surface; its data are the training set.
        test: adds ``test_loss`` and ``test_accuracy``.
        engine: who computes.

    Returns:
        Variables on ``replica`` with the replicas' names as coordinates.

    Examples:
        >>> import glassnet as gn
        >>> landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4), gn.QuadraticHinge(l2=1e-2))
        >>> start = gn.Ensemble.random(landscape.network, n_replicas=4)
        >>> found = gn.evaluate(start, landscape)
        >>> print(found.data_loss.values.round(2), found.accuracy.values.round(2))
        [0.49 0.51 0.52 0.51] [0.53 0.5  0.45 0.5 ]
    """
    refuse_misfit(ensemble, landscape)
    _refuse_other_features(test, landscape)
    maker = resolve(engine)
    seen = maker.evaluate(ensemble.weights, landscape)
    l2 = _check.spread("l2", landscape.loss.l2, len(ensemble))
    with np.errstate(over="ignore"):
        norm2 = np.sum(ensemble.weights.astype(np.float64) ** 2, axis=1)
    values = {
        "data_loss": seen.data_loss,
        "total_loss": seen.data_loss + 0.5 * l2 * norm2,
        "accuracy": seen.accuracy,
        "awake": seen.awake,
        "dead": seen.dead,
        "alive": ensemble.alive,
    }
    if test is not None:
        seen = maker.evaluate(ensemble.weights, replace(landscape, dataset=test))
        values |= {"test_loss": seen.data_loss, "test_accuracy": seen.accuracy}
    variables = {name: ("replica", value) for name, value in values.items()}
    return xr.Dataset(variables, {**replica_names(ensemble), "l2": ("replica", l2)})


def _refuse_other_features(test: Dataset | None, landscape: Landscape) -> None:
    data = landscape.dataset
    if test is not None and test.n_features != data.n_features:
        raise ValueError(f"test must have the network's {data.n_features} features, but has {test.n_features}")
    if test is not None and test.regression != data.regression:
        raise ValueError(f"test must have regression {data.regression} as the dataset has, but has {test.regression}")
    if test is not None and test.classes and data.classes and test.classes != data.classes:
        raise ValueError(f"test must have the classes of the dataset, {data.classes}, but has {test.classes}")
    if test is not None and test.n_classes != data.n_classes:
        raise ValueError(f"test must have the n_classes of the dataset, {data.n_classes}, but has {test.n_classes}")


def _positive_values(name: str, values: SupportsFloat | Sequence[SupportsFloat]) -> NDArray[np.float64]:
    items = np.atleast_1d(np.asarray(values, dtype=object)).tolist()
    numbers = [_check.number(name, x, positive=True) for x in items]
    if len(set(numbers)) != len(numbers):
        raise ValueError(f"{name} must hold each value once, but got {numbers}")
    return np.array(numbers, dtype=np.float64)
