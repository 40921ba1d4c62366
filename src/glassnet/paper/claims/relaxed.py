"""A relaxation run as the rules look at it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from glassnet.paper.claims.claim import Basis, Null, Reading
from glassnet.paper.claims.commands import larger
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.simulate.ensemble import Ensemble
from glassnet.simulate.record import Record
from glassnet.theory import brownian, drift_null, power_curvature

SHORTEST: Final = 3.0
"""Steps; a relaxation within fewer is not resolved."""

LONG: Final = 100_000
"""Steps; what is not seen in a shorter run may come later, as the paper's runs are three times as long."""

_DRIFT: Final = 0.1
"""A factor of a mean square displacement."""

ALIKE: Final = 1.1
"""Factor within which a null gives a relaxation time or a displacement."""

DRIFT: Final = "drift at T = 0 plus independent noise in the bowl of l2"

WHEN_ALIKE: Final = (
    f"The null is {DRIFT} (gn.theory.drift_null). The reading is explained by it if {{}} lies within a factor "
    f"{ALIKE:g} of the null's, with its interval, stands if one interval lies wholly outside, and is untested "
    "otherwise, or without replicas at T = 0. It has power against wells of a curvature h = 1/(mu tau) or more"
)

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
        """The basis of a finding on this run."""
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
    def flat(self) -> bool:
        """Whether the paper's own reading is free diffusion, so that a null has nothing to explain."""
        return self.phase == "overparameterised"

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
        free = brownian.relaxation_time(
            threshold,
            epsilon=self.overlap()["epsilon_of_chi"].values,
            temperature=self.record.data["temperature"].values,
            learning_rate=self.learning_rate,
            n_samples=float(self.record.data.attrs["n_samples"]),
        )
        return self._over(self.tau(threshold), free)

    def _over(self, tau: xr.Dataset, other: Floats) -> dict[float, Measured]:
        temperature, ratio, origin = (
            self.record.data["temperature"].values,
            tau["tau"].values / other,
            origins(tau["tau"]),
        )
        found = {}
        for one in self.temperatures[self.temperatures > 0]:
            here = (temperature == one) & (tau["outcome"].values != LOST)
            times = tau["tau"].values[here]
            if here.any() and np.isfinite(ratio[here]).all() and np.exp(np.log(times).mean()) >= SHORTEST:
                found[float(one)] = measured(estimate(np.log(ratio[here]), origin[here]))[0].exp()
        return found

    def null(self, chi: float | None = None, waiting_time: int | None = None) -> xr.Dataset | None:
        """Drift plus noise, ``(replica, time)``; at what is shown by default. None without its replicas at T = 0."""
        chi = chi or self.chi
        if chi not in self._nulls:
            try:
                self._nulls[chi] = drift_null(self.record, chi=chi, mobility=False)
            except ValueError:  # says which replicas lack
                self._nulls[chi] = None
        found = self._nulls[chi]
        return None if found is None else found.map(lambda one: self.seen(one, waiting_time))

    @cached_property
    def _nulls(self) -> dict[float, xr.Dataset | None]:
        return {}

    def over_null(self, threshold: float = 0.9, waiting_time: int | None = None) -> dict[float, Measured]:
        """tau over that of drift plus noise, both from the null's times; as :meth:`slowdown`."""
        if (null := self.null(waiting_time=waiting_time)) is None:
            return {}
        own = self.overlap(waiting_time=waiting_time).sel(time=null["time"])
        theirs = relaxation_time(null["overlap"], threshold)["tau"].values
        return self._over(relaxation_time(own, threshold), theirs)

    def power(self, ratios: Mapping[float, Measured], threshold: float = 0.9) -> str:
        """Over which curvatures a comparison at these temperatures says anything, as text."""
        if not ratios:
            return "no relaxation time to compare, or no replicas at T = 0"
        tau = self.tau(threshold)["tau"].values
        here = np.isin(self.record.data["temperature"].values, list(ratios))
        ends = np.array([np.nanmax(tau[here]), np.nanmin(tau[here])])
        soft, stiff = power_curvature(ends, learning_rate=self.learning_rate).tolist()
        values = [one.value for one in ratios.values()]
        said = f"tau is {min(values):.3g} to {max(values):.3g} of the null's"
        return f"{said}, with power for h >= {soft:.2g} at the longest tau, {stiff:.2g} at the shortest"

    def of_drift(self, value: float, ratios: Mapping[float, Measured], threshold: float = 0.9) -> Null:
        """The null of drift plus noise with its number, as relaxation times over the null's judge it."""
        return Null(DRIFT, value, alike(ratios.values()), self.power(ratios, threshold))

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

    def mean(self, curve: xr.DataArray, temperature: float, time: float) -> Measured:
        """The mean over replicas at one temperature and time, or the save time below it."""
        here = self.at(curve, temperature).sel(time=time, method="ffill").dropna("replica")
        if not here.size:
            return Measured(np.nan, np.nan, np.nan, 0)
        values = np.asarray(here.values, dtype=np.float64)
        return measured(estimate(values, origins(here)))[0]


def alike(ratios: Iterable[Measured]) -> Reading:
    """Whether a null gives what these are the ratios to: all of it, or not one."""
    every = list(ratios)
    if any(one.low > ALIKE or one.high < 1.0 / ALIKE for one in every):
        return "stands"
    return "explained" if every and all(one.within(1.0 / ALIKE, ALIKE) for one in every) else "untested"


def noise_from(fit: Crossover) -> float:
    """Above which temperature noise dominates: T*, 0 if it does at all of them, infinite if that is not known."""
    return {TWO_REGIMES: fit.temperature.value, NOISE_ONLY: 0.0}.get(fit.outcome, np.inf)
