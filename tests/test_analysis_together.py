"""The analysis on what glassnet measures: free diffusion, where every answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import flat_landscape

import glassnet as gn
from glassnet import analysis

WARM = [1e-6, 1e-5, 3e-5, 1e-4]


@pytest.fixture(scope="module")
def record() -> gn.Record:
    """Four temperatures on a flat landscape, five initial conditions each, from three waiting times."""
    landscape = flat_landscape(n_samples=6, l2=0.0, width=40)
    start = gn.Ensemble.random(landscape.network, 5)
    noise = range(len(WARM))
    dynamics = gn.Langevin(np.repeat(WARM, 5).tolist(), 1e-3)
    return gn.measure(
        start.repeat(noise=noise),
        landscape,
        dynamics,
        waiting_times=[50, 100, 200],
        times=gn.log_times(3000),
        chi=[100],
    )


def test_free_diffusion_is_recognised(record: gn.Record) -> None:
    q = gn.overlap(record, chi=100)
    one, msd = q.sel(waiting_time=100), gn.mean_square_displacement(record).sel(waiting_time=100)
    alpha = gn.non_gaussian(record).sel(waiting_time=100)
    assert analysis.crossover(gn.relaxation_time(one)).outcome == "one regime only: noise-dominated"
    assert set(analysis.power_law(msd).outcome.values) == {"power law"}
    np.testing.assert_allclose(analysis.power_law(msd).exponent, 1.0, atol=0.02)
    assert set(analysis.caging(msd).outcome.values) == {"no plateau"}
    assert set(analysis.long_time_level(msd).outcome.values) == {"not stationary"}
    assert analysis.collapse(one, threshold=0.9).verdict.item() == "collapses"
    assert analysis.master_exponent(one, threshold=0.9).outcome == "compatible with free diffusion"
    einstein = analysis.stokes_einstein(msd, one, alpha)
    assert set(einstein.outcome.values) == {"holds"}
    # D and tau of five networks of 1800 weights each: their counts at tau scatter by about 3 %.
    np.testing.assert_allclose(einstein.ratio, 1.0, atol=0.1)
    assert set(analysis.ageing_exponent(q).outcome.values) == {"does not age"}
