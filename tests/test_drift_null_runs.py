"""The null of drift plus diffusion against the committed runs, whose numbers docs/theory.md gives.

``python tests/test_drift_null_runs.py`` prints the table.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtr

import glassnet as gn
from glassnet.analysis.intervals import estimate
from glassnet.analysis.measured import measured
from glassnet.theory import drift_null, power_curvature

RUNS = Path(__file__).parents[1] / "docs/reproduction/runs"
PHASES = ("regularised", "underparameterised", "overparameterised")
# The ageing runs hold the same records.
NAMES = [
    *(f"relaxation-mnist-{phase}-laptop" for phase in PHASES),
    *(f"relaxation-cifar10-{phase}-demo" for phase in PHASES),
]


def rows(name: str) -> list[dict[str, float]]:
    """What was measured over its null, at each T > 0, at the run's own chi and waiting time."""
    run = gn.open_run(RUNS / f"{name}.run.zip")
    record, look = run.record, run.look
    data, at = record.data, {"waiting_time": look.waiting_time}
    assert look.chi is not None
    null = drift_null(record, chi=look.chi, mobility=False).sel(at)
    q = gn.overlap(record, chi=look.chi).sel(at | {"time": null.time})
    pair = (gn.relaxation_time(q), gn.relaxation_time(null.overlap))
    curves = (gn.mean_square_displacement(record), gn.non_gaussian(record))
    found = []
    for temperature in np.unique(data["temperature"])[1:]:
        where = np.flatnonzero(data["temperature"].values == temperature)
        logs = np.log(pair[0].tau.values[where] / pair[1].tau.values[where])
        ratio = measured(estimate(logs, data["origin"].values[where]))[0].exp()
        tau, tau_null = (one.tau_of_mean.sel(temperature=temperature).item() for one in pair)
        msd, alpha = (one.sel(at | {"time": null.time}).isel(replica=where).mean("replica").values for one in curves)
        own = null.isel(replica=where).mean("replica")
        found.append(
            {
                "temperature": temperature,
                "tau": tau,
                "tau_null": tau_null,
                "ratio": ratio.value,
                "low": ratio.low,
                "high": ratio.high,
                "curvature": float(power_curvature(tau, learning_rate=1e-3)),
                "drift": 1 - float(own["noise_variance"][-1] / own["mean_square_displacement"][-1]),
                "msd": float(msd[-1] / own["mean_square_displacement"][-1]),
                "alpha_2": float(alpha[-1]),
                "alpha_2_null": float(own["non_gaussian"][-1]),
            }
        )
    return found


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in NAMES if "mnist" in name])
def test_drift_and_diffusion_give_the_relaxation_of_mnist(name: str) -> None:
    found = rows(name)
    taken = [row for row in found if np.isfinite(row["tau"])]
    assert len(taken) == 7 + ("regularised" in name.split("-"))
    for row in taken:
        assert row["tau"] / row["tau_null"] == pytest.approx(1.0, abs=0.033)
    for row in found:
        if row["drift"] > 0.5:
            assert row["msd"] == pytest.approx(1.0, abs=0.02)
        if row["drift"] > 0.9:
            assert row["alpha_2"] == pytest.approx(row["alpha_2_null"], rel=0.01)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in NAMES if "cifar10" in name])
def test_drift_and_diffusion_give_the_relaxation_of_cifar10_less_well(name: str) -> None:
    for row in rows(name):
        if np.isfinite(row["tau"]):
            assert row["tau"] / row["tau_null"] == pytest.approx(1.0, abs=0.07)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_the_histograms_bins_move_the_null_by_little(name: str) -> None:
    """Against the exact sum over the displacements of the replicas at T = 0, which are kept at a few times."""
    run = gn.open_run(RUNS / f"{name}.run.zip")
    record, look = run.record, run.look
    assert look.chi is not None
    at = {"waiting_time": look.waiting_time}
    null = drift_null(record, chi=look.chi, mobility=False).sel(at)
    data = record.data
    moved = data["displacement"].sel(at)
    kept = moved["snapshot_time"].values[moved.notnull().any(["replica", "weight"]).values]
    cold = np.flatnonzero(data["temperature"].values == 0)
    assert len(kept) > 0
    for time in kept[np.isin(kept, null.time.values)]:
        for r in range(data.sizes["replica"]):
            origin = data["origin"].values
            partner = cold[np.flatnonzero(origin[cold] == origin[r])[0]]
            d = np.abs(moved.sel(snapshot_time=time).values[partner].astype(np.float64))
            epsilon = float(data["sigma"][r]) / look.chi
            s = float(np.sqrt(null["noise_variance"].isel(replica=r).sel(time=time)))
            exact = np.mean(ndtr((epsilon - d) / s) - ndtr((-epsilon - d) / s) if s > 0 else d <= epsilon)
            assert float(null["overlap"].isel(replica=r).sel(time=time)) == pytest.approx(exact, abs=MOVED_BY_BINS)


MOVED_BY_BINS = 3e-3
"""Of Q; the largest found is 2.3e-3, where the bounds leave 0.04. Displacements are kept to 1e-3."""


def main() -> None:
    for name in NAMES:
        print(name)
        for row in rows(name):
            print("  " + "  ".join(f"{key} {value:.4g}" for key, value in row.items()))


if __name__ == "__main__":
    main()
