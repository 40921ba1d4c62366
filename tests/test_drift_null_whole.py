"""The null of drift and diffusion against one made of whole displacements, with no histogram between."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from conftest import small_landscape
from scipy.special import ndtr

import glassnet as gn

L2, RATE, CHI = 1e-2, 1e-2, 50
LANDSCAPE = small_landscape(l2=L2)


@pytest.fixture(scope="module")
def record() -> gn.Record:
    start = gn.Ensemble.random(LANDSCAPE.network, 2).repeat(noise=[0, 1, 2])
    langevin = gn.Langevin([0.1] * 2 + [1e-3] * 2 + [0.0] * 2, RATE)
    asked = {"times": gn.log_times(100), "waiting_times": [0, 20], "chi": [CHI], "snapshots": [10, 100]}
    return gn.measure(start, LANDSCAPE, langevin, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("wait", [0, 20])
@pytest.mark.parametrize("time", [10, 100])
@pytest.mark.parametrize("replica", range(6))
def test_the_null_is_that_of_whole_displacements_within_its_bounds(
    record: gn.Record, replica: int, wait: int, time: int
) -> None:
    at_rest = record[[replica % 2 + 4]].data.displacement.sel(waiting_time=wait, snapshot_time=time).values.ravel()
    d, data = at_rest.astype(np.float64), record.data.isel(replica=replica)
    shrink = 1 - RATE * L2
    bath = float(data.temperature) / (L2 * data.attrs["n_samples"]) / (1 - RATE * L2 / 2)
    s2 = bath * ((1 - shrink ** (2 * wait)) * (1 - shrink**time) ** 2 + 1 - shrink ** (2 * time))
    epsilon, s = float(data.sigma) / CHI, np.sqrt(s2)
    within = ndtr((epsilon - d) / s) - ndtr((-epsilon - d) / s) if s2 > 0 else abs(d) <= epsilon
    null = gn.theory.drift_null(record, chi=CHI, mobility=False)
    here = null.isel(replica=replica).sel(waiting_time=wait, time=time)
    # Displacements are kept as float32, 2^-24 of each: some 1e-6 of a share where s is as small as one.
    assert here.overlap_low - 1e-6 <= np.mean(within) <= here.overlap_high + 1e-6
    msd = np.mean(d**2) + s2
    np.testing.assert_allclose(here.mean_square_displacement, msd, rtol=1e-6)
    fourth = np.mean(d**4) + 6 * s2 * np.mean(d**2) + 3 * s2**2
    np.testing.assert_allclose(here.non_gaussian, fourth / (3 * msd**2) - 1, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("chi", "q"), [(1e300, 0.0), (1e-300, 1.0)])
def test_extreme_sensitivities_see_all_or_nothing(record: gn.Record, chi: float, q: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        null = gn.theory.drift_null(record[2:], chi=chi)
    np.testing.assert_allclose(null.overlap, q, atol=1e-12)


def test_a_time_that_is_no_number_is_refused(record: gn.Record) -> None:
    for time in (True, 1.5, "10"):
        with pytest.raises((ValueError, TypeError), match="time must be an integer"):
            gn.analysis.stationarity(record, time=time)  # type: ignore[arg-type]
