"""A relaxation run as the rules look at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import xarray as xr

from glassnet.analysis import Crossover, bowl_overlap, crossover, relaxation_time
from glassnet.analysis.crossover import NOISE_ONLY, TWO_REGIMES
from glassnet.analysis.dead_neurons import live_weights
from glassnet.analysis.groups import origins
from glassnet.analysis.intervals import Floats, estimate
from glassnet.analysis.measured import Mask, Measured, measured
from glassnet.analysis.relaxation import LOST
from glassnet.landscape.surface import Landscape
from glassnet.observables import mean_square_displacement, non_gaussian, overlap
from glassnet.paper.claims.claim import Basis
from glassnet.paper.claims.commands import larger
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.simulate.ensemble import Ensemble
from glassnet.simulate.record import Record
from glassnet.theory import brownian

SHORTEST: Final = 3.0
"""Steps; a relaxation within fewer is not resolved."""

LONG: Final = 100_000
"""Steps; what is not seen in a shorter run may come later, as the paper's runs are three times as long."""

_DRIFT: Final = 0.1
"""Relative tolerance of a mean square displacement."""

_BENT: Final = 0.05
"""Share of the bowl's time 1/(mu l2) after which free weights have 2.5 % less mean square displacement."""

ZERO_LOSS: Final = 1e-6
"""Data loss below which networks are on the plateau of zero loss, by what ends their quench."""

E_FOLD: Final = float(np.exp(-1.0))


@dataclass(frozen=True, eq=False)
class Relaxed:
    """The measurements of one phase, at all temperatures, with what tells their nulls.

    Args:
        dataset: by name.
        phase: by name.
        scale: whose numbers they have.
        command: what made them.
        request: their numbers.
        record: all temperatures.
        chi: the one shown.
        waiting_time: the one shown.
        quenched: the replicas at the end of the quench.
        landscape: what they move on.
    """

    dataset: str
    phase: str
    scale: str
    command: str
    request: Relaxation
    record: Record
    chi: float
    waiting_time: int
    quenched: Ensemble
    landscape: Landscape

    @property
    def basis(self) -> Basis:
        """The basis of findings on it."""
        ensemble = self.record.ensemble
        n_lost = len(np.unique(ensemble.origin[~ensemble.alive]))
        return Basis(self.scale, len(np.unique(ensemble.origin)), n_lost, self.command)

    def decides(self, least: str = "laptop") -> str:
        """The command of a larger run."""
        return larger(self.request, self.phase, least)

    @property
    def quench_steps(self) -> int:
        """Steps of SGD before Langevin dynamics."""
        return self.request.epochs * (self.request.samples // self.request.batch_size)

    @property
    def l2(self) -> float:
        return self.request.l2

    @property
    def learning_rate(self) -> float:
        return self.request.learning_rate

    @property
    def temperatures(self) -> Floats:
        """All of them, increasing."""
        return np.unique(self.record.data["temperature"].values)

    @property
    def long(self) -> bool:
        """Whether the run is long enough for what it does not show to count."""
        return self.request.t_max >= LONG

    @property
    def coldest(self) -> float:
        """The lowest temperature above 0, NaN if there is none."""
        warm = self.temperatures[self.temperatures > 0]
        return float(warm[0]) if len(warm) else np.nan

    def overlap(self, chi: float | None = None, waiting_time: int | None = None) -> xr.DataArray:
        """Q ``(replica, time)``; at what is shown by default."""
        return self.seen(overlap(self.record, chi=chi or self.chi), waiting_time)

    def bowl(self) -> xr.DataArray:
        """Q of the bowl of l2 alone, ``(replica, time)``."""
        return bowl_overlap(self.record, chi=self.chi, waiting_time=self.waiting_time).sel(time=slice(None, self.last))

    def msd(self) -> xr.DataArray:
        """Mean square displacement ``(replica, time)``."""
        return self.seen(mean_square_displacement(self.record))

    def alpha(self, layers: Sequence[int] | None = None) -> xr.DataArray:
        """Non-Gaussian parameter ``(replica, time)``."""
        return self.seen(non_gaussian(self.record, layers=layers))

    @property
    def last(self) -> int:
        """The longest time that the waiting time shown leaves before the run's end."""
        return int(self.record.data.attrs["until"]) - self.waiting_time

    def seen(self, curves: xr.DataArray, waiting_time: int | None = None) -> xr.DataArray:
        """Curves at one waiting time, that shown by default, as far as it sees: the others' times may be later."""
        wait = self.waiting_time if waiting_time is None else waiting_time
        return curves.sel(waiting_time=wait, time=slice(None, int(self.record.data.attrs["until"]) - wait))

    def at(self, curve: xr.DataArray, temperature: float) -> xr.DataArray:
        """The replicas of one temperature."""
        return curve.isel(replica=np.flatnonzero(self.record.data["temperature"].values == temperature))

    def tau(self, threshold: float = 0.9, chi: float | None = None, waiting_time: int | None = None) -> xr.Dataset:
        """Relaxation times of one chi and waiting time."""
        return relaxation_time(self.overlap(chi, waiting_time), threshold)

    @cached_property
    def crossover(self) -> Crossover:
        """The two regimes of tau_90."""
        return crossover(self.tau(), shape="either")

    @cached_property
    def live(self) -> Mask:
        """Weights that the data holds at the end of the quench, ``(replica, weight)`` of the record."""
        mask = live_weights(self.quenched, self.landscape)
        place = {int(origin): i for i, origin in enumerate(self.quenched.origin)}
        return mask[[place[int(origin)] for origin in self.record.data["origin"].values]]

    def slowdown(self, threshold: float) -> dict[float, Measured]:
        """tau over that of free diffusion, at each temperature > 0 at which every replica's is a resolved number."""
        tau = self.tau(threshold)
        temperature = self.record.data["temperature"].values
        free = brownian.relaxation_time(
            threshold,
            epsilon=self.overlap()["epsilon_of_chi"].values,
            temperature=temperature,
            learning_rate=self.learning_rate,
            n_samples=float(self.record.data.attrs["n_samples"]),
        )
        ratio, origin = tau["tau"].values / free, origins(tau["tau"])
        found = {}
        for one in self.temperatures[self.temperatures > 0]:
            here = (temperature == one) & (tau["outcome"].values != LOST)
            times = tau["tau"].values[here]
            if here.any() and np.isfinite(times).all() and np.exp(np.log(times).mean()) >= SHORTEST:
                found[float(one)] = measured(estimate(np.log(ratio[here]), origin[here]))[0].exp()
        return found

    @property
    def loss_left(self) -> float:
        """The largest data loss of a replica when the measurement began, at the coldest T: noise has losses too."""
        loss = self.record.data["data_loss"].sel(waiting_time=self.waiting_time).isel(time=0)
        return float(self.at(loss, float(self.temperatures[0])).max())

    def drifts(self, temperature: float) -> bool:
        """Whether what moves weights at T = 0, gradients alone, takes them more than a tenth as far as they go here."""
        if 0.0 not in self.temperatures:
            return False
        there, here = (self.mean(self.msd(), one, self.last).value for one in (0.0, temperature))
        return there > _DRIFT * here

    def diffuses_until(self, temperature: float) -> float:
        """The last save time before drift is a tenth of the mean square displacement, or the bowl of l2 bends it."""
        until = _BENT / (self.learning_rate * self.l2) if self.l2 > 0 else np.inf
        if 0.0 not in self.temperatures:
            return until
        msd = self.msd()
        there, here = (self.at(msd, one).mean("replica").values for one in (0.0, temperature))
        times = np.asarray(msd["time"].values, dtype=np.float64)
        drifted = times[there > _DRIFT * here]
        before = times[times < drifted.min(initial=np.inf)]
        return min(until, float(before.max(initial=0.0)))

    def mean(self, curve: xr.DataArray, temperature: float, time: float) -> Measured:
        """The mean over replicas at one temperature and time, or the save time below it."""
        here = self.at(curve, temperature).sel(time=time, method="ffill").dropna("replica")
        if not here.size:
            return Measured(np.nan, np.nan, np.nan, 0)
        values = np.asarray(here.values, dtype=np.float64)
        return measured(estimate(values, origins(here)))[0]


def noise_from(fit: Crossover) -> float:
    """Above which temperature noise dominates: T*, 0 if it does at all of them, infinite if that is not known."""
    return {TWO_REGIMES: fit.temperature.value, NOISE_ONLY: 0.0}.get(fit.outcome, np.inf)
