"""Recording while an engine runs: statistics of displacements, not trajectories.

For each reference (the weights at a waiting time) and each save time: the moments of the displacements and the
overlap counts, per layer; at the sparser times a histogram; at chosen times the displacements themselves; the losses;
and what a user's own functions return. All is kept in one ``xarray.Dataset`` whose variables and dimensions are listed
in CONVENTIONS.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from glassnet.engines.base import Evaluation, Observation
from glassnet.simulate.axes import DIMENSIONS, LOSSES, TEST_LOSSES
from glassnet.simulate.ensemble import Ensemble
from glassnet.simulate.grids import sparse_times
from glassnet.simulate.statistic import Observed, describe, identity_of, with_units

Floats64 = NDArray[np.float64]

BIN_EDGES: Final = np.array([float(Decimal(10) ** (Decimal(k) / 20)) for k in range(-240, 21)])
"""Edges of the histogram of |dw|: 1e-12 to 10, 20 a decade. Bin 0 counts exact zeros, bin 1 what lies below the
first edge, the last bin what lies at or above the last edge."""

N_BINS: Final = len(BIN_EDGES) + 2
N_MOMENTS: Final = 4


@dataclass(frozen=True)
class Plan:
    """The plan of a record: what is recorded and until when; all times in whole steps.

    Args:
        waiting_times: when references are taken, since the beginning.
        times: save times, since each reference.
        until: when the run ends, since the beginning; what lies beyond is never recorded.
        snapshots: those of ``times`` at which displacements are kept whole.
        epsilon_of_chi: ``(replica, chi)``, sigma / chi.
        chi: the chi asked for.
        epsilon: further epsilons, the same for all replicas.
        all_losses: record losses at every save time, not only at the sparser ones.
        test: fingerprint of the test set whose loss is recorded too, or None.
        statistics: a user's own observables, with the axes of what they return.
    """

    waiting_times: NDArray[np.int64]
    times: NDArray[np.int64]
    until: int
    snapshots: NDArray[np.int64]
    chi: Floats64
    epsilon_of_chi: Floats64
    epsilon: Floats64
    all_losses: bool
    test: str | None
    statistics: tuple[Observed, ...] = ()

    @property
    def sparse(self) -> NDArray[np.int64]:
        """The ``times`` that are on the sparser grid."""
        return np.intersect1d(self.times, sparse_times(max(1, int(self.times[-1]))))

    def events(self, after: int) -> list[int]:
        """When something is to be recorded, later than ``after`` and up to the end, in order; the end is one."""
        moments = (self.waiting_times[:, None] + np.concatenate([[0], self.times])).ravel()
        moments = np.append(moments, self.until)
        return [int(x) for x in np.unique(moments) if after < x <= self.until]

    def losses_at(self, elapsed: int) -> bool:
        """Whether losses are to be recorded now."""
        wanted = self.times if self.all_losses else self.sparse
        return bool(np.isin(elapsed - self.waiting_times, wanted).any())

    @property
    def identity_of_statistics(self) -> dict[str, Any]:
        """The part of a call's description that statistics add, as JSON values: nothing where there are none."""
        return identity_of([one.statistic for one in self.statistics])

    def takes(self, need: str) -> bool:
        """Whether a statistic needs this."""
        return any(need in one.statistic.needs for one in self.statistics)

    def gradient_at(self, elapsed: int) -> bool:
        """Whether a statistic needs the gradient now."""
        return self.takes("gradient") and bool(np.isin(elapsed - self.waiting_times, self.times).any())


class Recorder:
    """Gathers a record: arrays that start as NaN and fill as the run goes on."""

    def __init__(self, ensemble: Ensemble, plan: Plan) -> None:
        self.plan = plan
        self._network = ensemble.network
        self._offsets = [where.start for where in ensemble.network.layer_slices]
        replicas, layers = len(ensemble), len(self._offsets)
        axes = (replicas, len(plan.waiting_times))
        at_times = (*axes, len(plan.times))
        shapes = {
            "moments": (*at_times, layers, N_MOMENTS),
            "within_chi": (*at_times, layers, len(plan.chi)),
            "within_epsilon": (*at_times, layers, len(plan.epsilon)),
            "weight_norm2": (*at_times, layers),
            "gradient_norm": (*at_times, layers),
            **dict.fromkeys(LOSSES, at_times),
            **(dict.fromkeys(TEST_LOSSES, at_times) if plan.test is not None else {}),
            **{one.variable: (*at_times, *one.shape) for one in plan.statistics},
        }
        self.arrays: dict[str, NDArray[Any]] = {name: np.full(shape, np.nan) for name, shape in shapes.items()}
        self.arrays["histogram"] = np.full((*axes, len(plan.sparse), layers, N_BINS), np.nan, np.float32)
        n_weights = ensemble.network.n_weights
        self.arrays["displacement"] = np.full((*axes, len(plan.snapshots), n_weights), np.nan, np.float32)
        self.references = np.full((axes[1], replicas, n_weights), np.nan, ensemble.weights.dtype)

    def restore(self, arrays: dict[str, NDArray[Any]], references: NDArray[Any], old: Plan) -> None:
        """Take over what was recorded under an older plan whose times are among this plan's."""
        where = {
            "times": np.searchsorted(self.plan.times, old.times),
            "sparse": np.searchsorted(self.plan.sparse, old.sparse),
            "snapshots": np.searchsorted(self.plan.snapshots, old.snapshots),
        }
        for name, array in arrays.items():
            axis = {"histogram": "sparse", "displacement": "snapshots"}.get(name, "times")
            self.arrays[name][:, :, where[axis]] = array
        self.references[...] = references

    def record(
        self,
        elapsed: int,
        ensemble: Ensemble,
        l2: Floats64,
        seen: Observation | None,
        test: Evaluation | None,
    ) -> None:
        """Record the state ``elapsed`` steps after the beginning; replicas that are lost are left NaN."""
        alive = np.flatnonzero(ensemble.alive)
        for k, waited in enumerate(self.plan.waiting_times):
            time = elapsed - int(waited)
            if time == 0:
                self.references[k, alive] = ensemble.weights[alive]
            j = _position(self.plan.times, time)
            if j is None or not alive.size:
                continue
            at = (alive, k, j)
            weights = ensemble.weights[alive].astype(np.float64)
            displacement = weights - self.references[k, alive].astype(np.float64)
            self._record_displacement(at, displacement, time)
            self.arrays["weight_norm2"][at] = self._layer_sums(weights**2)
            if seen is not None and (self.plan.all_losses or _position(self.plan.sparse, time) is not None):
                self._record_losses(at, weights, l2[alive], seen, test)

    def record_statistics(
        self, elapsed: int, ensemble: Ensemble, gradient: Floats64 | None, noise_sums: Floats64 | None
    ) -> None:
        """Record what a user's functions return of each replica that lives, once :meth:`record` was called.

        Args:
            elapsed: steps after the beginning.
            ensemble: the replicas now.
            gradient: of the total loss, ``(replica, weight)``; None where no function needs it now.
            noise_sums: since each waiting time, ``(waiting_time, replica, weight)``; None where none needs it.

        Raises:
            ValueError: a function fails, or returns something else than before.
        """
        for k, waited in enumerate(self.plan.waiting_times):
            if (j := _position(self.plan.times, elapsed - int(waited))) is None:
                continue
            for r in np.flatnonzero(ensemble.alive).tolist():
                values = {"weights": ensemble.weights[r], "reference": self.references[k, r]}
                values |= {} if gradient is None else {"gradient": gradient[r]}
                values |= {} if noise_sums is None else {"noise_sum": noise_sums[k, r]}

                def where(r: int = r, waited: int = waited) -> str:
                    names = ", ".join(f"{name} {getattr(ensemble, name)[r]}" for name in ("seed", "origin", "noise"))
                    return f"of replica {r}: {names}, at waiting time {waited}, time {elapsed - waited}"

                for one in self.plan.statistics:
                    self.arrays[one.variable][r, k, j] = one.of(values, where)

    def _record_displacement(self, at: tuple[Any, int, int], displacement: Floats64, time: int) -> None:
        alive, k, _ = at
        power = displacement
        moments = self.arrays["moments"]
        for p in range(N_MOMENTS):
            moments[(*at, slice(None), p)] = self._layer_sums(power) / self._network.layer_sizes
            power = power * displacement
        size = np.abs(displacement)
        for c in range(len(self.plan.chi)):
            inside = size <= self.plan.epsilon_of_chi[alive, c, None]
            self.arrays["within_chi"][(*at, slice(None), c)] = self._layer_sums(inside)
        for e, epsilon in enumerate(self.plan.epsilon):
            self.arrays["within_epsilon"][(*at, slice(None), e)] = self._layer_sums(size <= epsilon)
        if (s := _position(self.plan.sparse, time)) is not None:
            self.arrays["histogram"][alive, k, s] = self._histograms(size)
        if (s := _position(self.plan.snapshots, time)) is not None:
            self.arrays["displacement"][alive, k, s] = displacement

    def _record_losses(
        self,
        at: tuple[Any, int, int],
        weights: Floats64,
        l2: Floats64,
        seen: Observation,
        test: Evaluation | None,
    ) -> None:
        alive = at[0]
        norm2 = self._layer_sums(weights**2).sum(axis=1)
        self.arrays["data_loss"][at] = seen.data_loss[alive]
        self.arrays["total_loss"][at] = seen.data_loss[alive] + 0.5 * l2 * norm2
        self.arrays["awake"][at] = seen.awake[alive]
        self.arrays["accuracy"][at] = seen.accuracy[alive]
        self.arrays["dead"][at] = seen.dead[alive]
        total_gradient = seen.gradient[alive] + l2[:, None] * weights
        self.arrays["gradient_norm"][at] = np.sqrt(self._layer_sums(total_gradient**2))
        if test is not None:
            self.arrays["test_loss"][at] = test.data_loss[alive]
            self.arrays["test_accuracy"][at] = test.accuracy[alive]

    def _layer_sums(self, values: NDArray[Any]) -> Floats64:
        """Sums over each layer's weights: ``(replica, weight)`` to ``(replica, layer)``."""
        sums = [values[:, where].sum(axis=1, dtype=np.float64) for where in self._network.layer_slices]
        return np.stack(sums, axis=1)

    def _histograms(self, size: Floats64) -> NDArray[np.float32]:
        bins = np.searchsorted(BIN_EDGES, size, side="right") + 1
        bins[size == 0.0] = 0
        counts = [[np.bincount(row[where], minlength=N_BINS) for where in self._network.layer_slices] for row in bins]
        return np.array(counts, dtype=np.float32)

    def dataset(self, coordinates: dict[str, Any], attributes: dict[str, Any]) -> xr.Dataset:
        """All that was recorded so far, copied, under the given replica coordinates and attributes."""
        plan, layers = self.plan, len(self._offsets)
        dims = DIMENSIONS | {one.variable: one.dims for one in plan.statistics}
        variables = {name: (dims[name], array.copy()) for name, array in self.arrays.items()}
        axes = {
            "waiting_time": plan.waiting_times,
            "time": plan.times,
            "sparse_time": plan.sparse,
            "snapshot_time": plan.snapshots,
            "layer": np.arange(layers),
            "moment": np.arange(1, N_MOMENTS + 1),
            "chi": plan.chi,
            "epsilon": plan.epsilon,
            "n_layer_weights": ("layer", np.array(self._network.layer_sizes)),
            "epsilon_of_chi": (("replica", "chi"), plan.epsilon_of_chi),
            "bin_edge": BIN_EDGES,
        }
        for one in plan.statistics:
            axes |= one.axes.labels
        if plan.statistics:
            attributes = {**attributes, "statistics": describe(plan.statistics)}
        return with_units(xr.Dataset(variables, {**axes, **coordinates}, attributes))


def _position(times: NDArray[np.int64], time: int) -> int | None:
    j = int(np.searchsorted(times, time))
    return j if j < len(times) and times[j] == time else None
