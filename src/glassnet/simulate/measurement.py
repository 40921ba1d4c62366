"""A measurement under way: an engine's session and a recorder, kept in step.

Nothing here makes a step or touches a disk: engines make the steps, and whoever wants checkpoints takes them from
the :class:`Progress` that is handed out along the way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from glassnet import _check
from glassnet.datasets import Dataset
from glassnet.engines import Engine, Session
from glassnet.landscape.surface import Landscape
from glassnet.simulate import dynamics as _dynamics
from glassnet.simulate.dynamics import Dynamics, Langevin
from glassnet.simulate.ensemble import Ensemble
from glassnet.simulate.noise_sum import NoiseSums
from glassnet.simulate.record import Record
from glassnet.simulate.recording import Recorder
from glassnet.simulate.statistic import refuse_same_names

State = TypeVar("State", Ensemble, Record)


@dataclass(frozen=True)
class Progress(Generic[State]):
    """How far a verb is: ``done`` of ``total`` replica-steps, and the consistent state reached.

    ``state()`` is what the verb would return had it been asked to stop here: an ensemble for :func:`evolve`, a
    record in progress for :func:`measure`, which :func:`resume` takes up. Asked for later, it may hold save times
    beyond its ``elapsed`` too; they are recorded again, with the same numbers.
    """

    done: int
    total: int
    state: Callable[[], State]


class Measurement:
    """One measurement under way: an engine's session and a recorder, kept in step."""

    def __init__(
        self,
        start: Ensemble,
        landscape: Landscape,
        dynamics: Dynamics,
        recorder: Recorder,
        engine: Engine,
        test: Dataset | None,
        entry: NDArray[np.int64] | None = None,
        sigma: NDArray[np.float64] | None = None,
    ) -> None:
        self._landscape, self._dynamics, self._test = landscape, dynamics, test
        self._recorder, self._engine = recorder, engine
        self._entry = start.step if entry is None else entry
        self._sigma = spread_of_weights(start, needed=False) if sigma is None else sigma
        self._l2 = _check.spread("l2", landscape.loss.l2, len(start))
        plan = recorder.plan
        self._noise = NoiseSums(start, self._entry, plan.waiting_times) if plan.takes("noise_sum") else None

    def finish(
        self, ensemble: Ensemble, elapsed: int, on_progress: Callable[[Progress[Record]], None] | None
    ) -> Record:
        """From ``elapsed`` steps after the beginning (-1: nothing recorded yet) to the plan's end."""
        session = self._engine.session(ensemble, self._landscape, self._dynamics)
        refuse_same_names(self._recorder.plan.statistics, session.ensemble)
        pace = Pace()
        now, clock = session.ensemble, max(elapsed, 0)
        total = self._recorder.plan.until * len(ensemble)
        for event in self._recorder.plan.events(after=elapsed):
            while clock < event:
                step = min(event - clock, pace.size)
                pace.advance(session, np.full(len(ensemble), step))
                clock += step
                now = session.ensemble
                if self._noise is not None:
                    self._noise.advance(clock, now.alive)
                if on_progress is not None and clock < event:
                    on_progress(self._progress(now, clock, total))
            self._see(session, now, event)
            if on_progress is not None:
                on_progress(self._progress(now, clock, total))
        return self._record(now, clock)

    def _see(self, session: Session, now: Ensemble, event: int) -> None:
        seen = test = gradient = None
        plan = self._recorder.plan
        losses, wanted = plan.losses_at(event), plan.gradient_at(event)
        if now.alive.any() and (losses or wanted):
            seen = session.observe()
            if losses and self._test is not None:
                test = self._engine.evaluate(now.weights, replace(self._landscape, dataset=self._test))
        # A replica about to diverge may overflow its squares: infinite numbers are recorded as they are.
        with np.errstate(over="ignore", invalid="ignore"):
            self._recorder.record(event, now, self._l2, seen, test)
            if wanted and seen is not None:
                gradient = seen.gradient + self._l2[:, None] * now.weights
        if plan.statistics:
            sums = None if self._noise is None else self._noise.values
            self._recorder.record_statistics(event, now, gradient, sums)

    def _progress(self, now: Ensemble, elapsed: int, total: int) -> Progress[Record]:
        return Progress(elapsed * len(now), total, lambda: self._record(now, elapsed))

    def _record(self, now: Ensemble, elapsed: int) -> Record:
        plan, landscape = self._recorder.plan, self._landscape
        parameters = {"learning_rate": self._dynamics.learning_rate, "l2": landscape.loss.l2}
        if isinstance(self._dynamics, Langevin):
            parameters["temperature"] = self._dynamics.temperature
        lost_at = np.where(now.alive, -1, now.step - self._entry)
        coordinates = {
            **replica_names(now),
            **{name: ("replica", _check.spread(name, value, len(now))) for name, value in parameters.items()},
            "entry_step": ("replica", self._entry),
            "sigma": ("replica", self._sigma),
            "lost_at": ("replica", lost_at),
        }
        for state in now.state.values():
            coordinates |= {name: ("replica", count) for name, count in state.counts.items()}
        attributes = {
            "dynamics": _dynamics.describe(self._dynamics),
            "engine": {**describe_engine(self._engine, self._dynamics), "dtype": str(now.weights.dtype)},
            "network": now.network.description,
            "n_samples": landscape.dataset.n_samples,
            "landscape_without_l2": landscape.without_l2.fingerprint,
            "test": plan.test,
            "until": plan.until,
            "elapsed": elapsed,
            "all_losses": plan.all_losses,
        }
        data = self._recorder.dataset(coordinates, attributes)
        return Record(data, now, self._recorder.references.copy())


class Pace:
    """How many steps to ask of an engine at once: about half a second's worth, found while running."""

    _WANTED: Final = 0.5

    def __init__(self) -> None:
        self.size = 1

    def advance(self, session: Session, n_steps: NDArray[np.int64]) -> None:
        began = time.perf_counter()
        session.advance(n_steps)
        took = time.perf_counter() - began
        made = max(1, int(n_steps.max()))
        if made == self.size:
            self.size = max(1, int(made * min(4.0, self._WANTED / max(took, 1e-9))))


def describe_engine(engine: Engine, dynamics: Dynamics) -> dict[str, Any]:
    """Properties of an engine on which a result of these dynamics depends; what has no skin says so."""
    settings = dict(engine.full_batch_settings) if _dynamics.batch_size(dynamics) is None else {}
    return {"name": engine.name, "version": engine.version, "gradient": engine.gradient, "skin": None, **settings}


def surroundings(landscape: Landscape, dynamics: Dynamics, engine: Engine) -> dict[str, Any]:
    """All that a trajectory depends on beside its start, as JSON values."""
    return {
        "landscape": landscape.without_l2.fingerprint,
        "l2": landscape.loss.l2,
        "dynamics": _dynamics.describe(dynamics),
        "engine": describe_engine(engine, dynamics),
    }


def spread_of_weights(ensemble: Ensemble, *, needed: bool) -> NDArray[np.float64]:
    """Standard deviation (ddof 0, all layers) of each replica's weights (Appendix B)."""
    sigma: NDArray[np.float64] = ensemble.weights.astype(np.float64).std(axis=1)
    flat = np.flatnonzero(np.ptp(ensemble.weights, axis=1) == 0)
    if needed and flat.size:
        raise ValueError(f"chi needs weights that differ, but replica {flat[0]} has sigma = 0: give epsilon instead")
    return sigma


def replica_names(ensemble: Ensemble) -> dict[str, tuple[str, NDArray[np.int64]]]:
    return {name: ("replica", getattr(ensemble, name)) for name in ("seed", "origin", "noise")}
