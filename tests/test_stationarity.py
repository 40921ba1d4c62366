"""Stationarity: a steady state is told from a network that rolls downhill, and neither is said without an interval."""

from __future__ import annotations

from functools import partial

import control_records as made
import numpy as np
import pytest
import xarray as xr
from control_records import LEARNING_RATE, N_WEIGHTS, recorded

import glassnet as gn
from glassnet.analysis import stationarity
from glassnet.analysis.stationarity import stationarity_row

WAITS, TIMES = (500, 1000, 2000), (1, 10, 100, 1000)


def test_free_diffusion_is_stationary_and_a_plateau_is() -> None:
    record = recorded(made.Free, temperatures=[0.01, 0.0], sigma=0.05, waiting_times=WAITS, times=TIMES)
    found = stationarity(record)
    assert found["verdict"].values.tolist() == ["stationary", "stationary"]
    assert found["msd_ratio"].sel(temperature=0.0).values[1:].tolist() == [1.0, 1.0]
    assert np.isnan(found["msd_ratio"].sel(temperature=0.0).values[0])
    # The mean norm of N Gaussians of variance 2 D t, to five standard errors: it varies by 1/sqrt(2 N).
    diffusion = np.sqrt(2 * LEARNING_RATE * 0.01 / 60 * 1000 * N_WEIGHTS) / (LEARNING_RATE * 1000)
    net = found["net_displacement"].sel(temperature=0.01).values
    assert net == pytest.approx([diffusion] * 3, rel=5 / np.sqrt(2 * N_WEIGHTS * 8) + 1 / N_WEIGHTS)


def test_a_steady_slope_drifts_though_displacements_repeat() -> None:
    slope = partial(made.Slope, gradient=0.02)
    record = recorded(slope, temperatures=[0.0, 1e-4], sigma=0.05, waiting_times=WAITS, times=TIMES)
    found = stationarity(record)
    cold = found.sel(temperature=0.0)
    assert found["verdict"].values.tolist() == ["drifts", "drifts"]
    assert cold["msd_ratio"].values[1:] == pytest.approx(1.0, rel=1e-9)
    # A straight roll: |grad| a unit of mu t, a loss of |grad|^2, all of the displacement.
    assert cold["net_displacement"].values == pytest.approx(0.02 * np.sqrt(N_WEIGHTS), rel=1e-9)
    assert cold["loss_drift"].values == pytest.approx(-(0.02**2) * N_WEIGHTS, rel=1e-6)
    assert cold["drift_share"].values == pytest.approx(1.0, rel=1e-6)
    # With noise the share is that of drift in the displacement: 4e-4 against 2 D t = 3.3e-6 in a unit of time.
    rolled, diffused = 0.02**2, 2 * LEARNING_RATE * 1e-4 / 60 * 1000
    warm = found["drift_share"].sel(temperature=1e-4).values
    assert warm == pytest.approx([rolled / (rolled + diffused)] * 3, rel=0.02)


def test_a_bowl_drifts_until_it_is_in_equilibrium() -> None:
    bowl = partial(made.Bowl, l2=5.0)
    temperature = 0.05**2 * 5.0 * 60  # std 0.05 in equilibrium
    early = recorded(
        bowl, temperatures=[temperature / 100], sigma=0.05, l2=5.0, waiting_times=(0, 100, 200), times=TIMES
    )
    assert stationarity(early)["verdict"].item() == "drifts"
    assert float(stationarity(early)["msd_ratio"][-1]) < 0.9
    late = recorded(bowl, temperatures=[temperature], sigma=0.05, l2=5.0, waiting_times=WAITS, times=(1, 10, 100))
    assert stationarity(late, tolerance=0.15)["verdict"].item() == "stationary"


def test_nothing_is_said_without_an_interval() -> None:
    free = partial(recorded, made.Free, temperatures=[0.01], sigma=0.05, times=TIMES)
    alone = stationarity(free(waiting_times=WAITS, n_origins=1))
    assert alone["verdict"].item() == "undecided"
    assert np.isnan(alone["msd_ratio_low"].values).all()
    assert int(alone["n_origins"]) == 1
    assert stationarity(free(waiting_times=(500,)))["verdict"].item() == "undecided"


def test_rounded_losses_do_not_make_a_slope_stationary() -> None:
    """A loss of which the drift is lost in the 12 binary digits that a condensed run keeps."""
    slope = partial(made.Slope, gradient=1e-4)
    record = recorded(slope, temperatures=[0.0], sigma=0.05, waiting_times=WAITS, times=TIMES)
    data = record.data.copy(deep=True)
    exact = stationarity(gn.Record(data, record.ensemble, record.references))
    assert exact["verdict"].item() == "drifts"
    data["total_loss"] = xr.full_like(data["total_loss"], 0.25 * (1 + 2.0**-12))
    rounded = stationarity(gn.Record(data, record.ensemble, record.references))
    assert rounded["loss_drift"].values.tolist() == [0.0] * 3
    assert rounded["verdict"].item() == "undecided"
    # Two losses, each off by at most half of its last digit, 2^-13 of 0.25.
    reach = 2 * 0.25 * 2.0**-13 / (LEARNING_RATE * 999)
    assert rounded["loss_drift_high"].values == pytest.approx(reach, rel=1e-2)


def test_a_time_that_was_not_recorded_is_refused() -> None:
    record = recorded(made.Free, temperatures=[0.01], sigma=0.05, waiting_times=WAITS, times=TIMES)
    assert int(stationarity(record, time=100)["time"]) == 100
    with pytest.raises(ValueError, match=r"time must be recorded .*\[1, 10, 100, 1000\], but got 50"):
        stationarity(record, time=50)
    with pytest.raises(ValueError, match="tolerance must be a finite number > 0"):
        stationarity(record, tolerance=0)


def test_a_row_of_a_summary() -> None:
    record = recorded(made.Free, temperatures=[0.01], sigma=0.05, waiting_times=WAITS, times=TIMES)
    row = stationarity_row(record, waiting_time=1000)
    assert row["stationarity"] == "stationary"
    assert row["msd_ratio"] == pytest.approx(float(stationarity(record)["msd_ratio"][1]))
    assert stationarity_row(record, waiting_time=500)["msd_ratio"] is None


def test_lost_replicas_are_left_out() -> None:
    record = recorded(made.Free, temperatures=[0.01, 0.0], sigma=0.05, waiting_times=WAITS, times=TIMES)
    data = record.data.copy(deep=True)
    lost_at = data["lost_at"].values.copy()
    lost_at[0] = 2500
    data = data.assign_coords(lost_at=("replica", lost_at))
    gone = (np.arange(16) == 0)[:, None, None] & ((data["waiting_time"] + data["time"]).values >= 2500)
    for name in ("moments", "total_loss"):
        mask = gone if name == "total_loss" else gone[..., None, None]
        data[name] = data[name].where(~mask)
    found = stationarity(gn.Record(data, record.ensemble, record.references))
    assert found["n_origins"].sel(temperature=[0.01, 0.0]).values.tolist() == [7, 8]
    assert found["verdict"].values.tolist() == ["stationary", "stationary"]


def test_records_of_nothing_or_under_way_are_undecided() -> None:
    record = recorded(made.Free, temperatures=[0.01], sigma=0.05, waiting_times=WAITS, times=TIMES)
    young = record.data.copy(deep=True)
    for name in ("moments", "total_loss"):
        young[name] = young[name].where(young["waiting_time"] < 2000)
    found = stationarity(gn.Record(young, record.ensemble, record.references))
    assert (int(found["time"]), found["verdict"].item()) == (1000, "undecided")
    assert np.isfinite(found["drift_share"].values).tolist() == [True, True, False]
    for name in ("moments", "total_loss"):
        young[name] = young[name] * np.nan
    gone = young.assign_coords(lost_at=("replica", np.zeros(8, dtype=np.int64)))
    none = stationarity(gn.Record(gone, record.ensemble, record.references))
    assert (none["verdict"].item(), int(none["n_origins"])) == ("undecided", 0)
    assert none["msd_ratio"].shape == (3,)
