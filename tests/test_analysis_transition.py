"""Transitions of the final loss, on losses whose transitions are known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from analysis_curves import Floats, coverage_tolerance

from glassnet.analysis import by_origin, transition
from glassnet.analysis.measured import Measured

L2 = np.round(np.arange(0.010, 0.053, 0.003), 3)


def losses(at: Floats, control: Floats = L2, name: str = "l2") -> xr.DataArray:
    """0.1 below each origin's transition and 0.5 above."""
    coords = {name: control, "origin": ("replica", np.arange(len(at)))}
    return xr.DataArray(np.where(control > at[:, None], 0.5, 0.1), coords, ("replica", name))


def test_each_replica_has_its_own_sharp_transition() -> None:
    at = np.array([0.017, 0.0205, 0.024, 0.0275])
    found = transition(losses(at), level=0.4, direction="rising")
    assert found.outcome == "located"
    np.testing.assert_allclose(found.of_origin.lower, [0.016, 0.019, 0.022, 0.025])
    np.testing.assert_allclose(found.of_origin.upper, [0.019, 0.022, 0.025, 0.028])
    assert set(found.of_origin.outcome.values) == {"crosses once"}
    middles = np.sqrt(found.of_origin.lower * found.of_origin.upper)
    np.testing.assert_allclose(found.of_origin.location, middles)
    assert found.location.value == pytest.approx(np.exp(np.log(middles).mean()))
    assert found.location.low < found.of_origin.lower.values.mean()
    assert found.spread.value == pytest.approx(np.log(middles).std(ddof=1))
    assert found.spread.low > 0
    assert found.of_origin.loss_before.values.tolist() == [0.1] * 4
    assert found.of_origin.loss_after.values.tolist() == [0.5] * 4
    np.testing.assert_allclose(found.share.past.values[[0, 3, 4, 5, 6]], [0, 0.25, 0.5, 0.75, 1])
    assert found.share.past_low.values[0] == pytest.approx(0.0, abs=1e-12)
    assert 0.4 < found.share.past_high.values[0] < 0.6
    assert found.share.n.values.tolist() == [4] * len(L2)


def test_one_bracket_for_all_is_no_certainty() -> None:
    """All transitions between 0.019 and 0.022: the interval is the bracket, the spread may be 0."""
    found = transition(losses(np.full(5, 0.02)), level=0.4, direction="rising")
    assert [found.location.low, found.location.high] == pytest.approx([0.019, 0.022])
    assert found.spread.value == pytest.approx(0.0, abs=1e-12)
    assert found.spread.low == 0.0
    assert found.spread.high > 0.0


@pytest.mark.parametrize("n", [3, 6])
@pytest.mark.parametrize("spread", [0.02, 0.2])
def test_coverage(n: int, spread: float) -> None:
    """At least 95 %, since brackets widen the interval; a spread below the brackets' is covered nearly always."""
    trials, rng = 300, np.random.default_rng(n)
    control = np.geomspace(0.005, 0.09, 25)
    location, width = 0, 0
    for _ in range(trials):
        found = transition(losses(0.021 * np.exp(rng.normal(0.0, spread, n)), control), level=0.4, direction="rising")
        location += not found.location.excludes(0.021)
        width += not found.spread.excludes(spread)
    assert location / trials > 0.95 - coverage_tolerance(trials)
    assert width / trials > 0.95 - coverage_tolerance(trials)


def test_falling_through_zero_loss() -> None:
    widths = np.array([0.115, 0.134, 0.154, 0.177, 0.201, 0.25])
    loss = [
        [0.02, 6e-3, 1e-3, 7e-8, 1e-9, 5e-10],
        [0.02, 6e-3, 1e-3, 6e-4, 1e-9, 5e-10],
        [0.02, 1e-8, 1e-3, 0.016, 1e-9, 5e-10],
    ]
    coords = {"n_weights_per_sample": widths, "origin": ("replica", [0, 1, 2])}
    one = xr.DataArray(loss, coords, ("replica", "n_weights_per_sample"))
    found = transition(one, level=1e-6, direction="falling")
    assert found.of_origin.outcome.values.tolist() == ["crosses once", "crosses once", "crosses several times"]
    np.testing.assert_allclose(found.of_origin.upper, [0.177, 0.201, 0.201])
    assert 0.154 < found.location.value < 0.201

    gap = one.copy()
    gap[0, 2:4] = np.nan
    assert transition(gap, level=1e-6, direction="falling").of_origin.lower.values[0] == 0.134


def test_transitions_beyond_the_values() -> None:
    short = transition(losses(np.array([0.02, 0.06, 0.03])), level=0.4, direction="rising")
    assert short.outcome == "not all initial conditions cross"
    assert np.isnan(short.location.value)
    assert short.of_origin.outcome.values[1] == "beyond the last value"
    assert short.of_origin.lower.values[1] == L2[-1]
    none = transition(losses(np.array([0.06, 0.07])), level=0.4, direction="rising")
    assert none.outcome == "no initial condition crosses"
    assert (none.location.low, none.location.high) == (L2[-1], np.inf)
    early = transition(losses(np.array([0.001, 0.002])), level=0.4, direction="rising")
    assert (early.location.low, early.location.high) == (0.0, L2[0])
    mixed = transition(losses(np.array([0.001, 0.07])), level=0.4, direction="rising")
    assert np.isnan(mixed.location.low)
    empty = transition(losses(np.array([0.02])) * np.nan, level=0.4, direction="rising")
    assert empty.of_origin.outcome.item() == "not recorded"
    assert np.isnan(empty.share.past).all()
    alone = transition(losses(np.array([0.02])), level=0.4, direction="rising")
    assert np.isfinite(alone.location.value)
    assert np.isnan(alone.location.low)


def test_runs_become_rows() -> None:
    def run(values: list[float], origin: list[int]) -> xr.DataArray:
        return xr.DataArray(
            values, {"origin": ("replica", origin), "seed": ("replica", [0] * len(origin))}, ("replica",)
        )

    table = by_origin({0.02: run([0.5, 0.1], [1, 0]), 0.01: run([0.1], [0])}, "l2")
    assert table.l2.values.tolist() == [0.01, 0.02]
    np.testing.assert_array_equal(table, [[0.1, 0.1], [np.nan, 0.5]])
    assert table.origin.values.tolist() == [0, 1]
    with pytest.raises(ValueError, match="each initial condition once"):
        by_origin({0.02: run([0.5, 0.1], [1, 1])}, "l2")
    with pytest.raises(ValueError, match="at least one value of the control"):
        by_origin({}, "l2")


def test_bad_input() -> None:
    one = losses(np.array([0.02]))
    with pytest.raises(ValueError, match="direction must be one of 'rising', 'falling', but got 'up'"):
        transition(one, level=0.4, direction="up")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="l2 must increase from above 0"):
        transition(one.assign_coords(l2=L2 - 0.01), level=0.4, direction="rising")
    with pytest.raises(ValueError, match="level must be a finite loss, but got nan"):
        transition(one, level=np.nan, direction="rising")
    with pytest.raises(ValueError, match="at least one replica, but has none"):
        transition(one[:0], level=0.4, direction="rising")
    with pytest.raises(ValueError, match=r"loss must be \(replica, control\)"):
        transition(one[:, 0], level=0.4, direction="rising")


def test_half_of_the_initial_conditions() -> None:
    control = np.array([1.0, 2.0, 3.0, 4.0])

    def half(*rows: list[float]) -> Measured:
        coords = {"x": control, "origin": ("replica", np.arange(len(rows)))}
        loss = xr.DataArray(list(rows), coords, ("replica", "x"))
        return transition(loss, level=0.5, direction="falling").half

    falls = [[1.0, 1.0, 0.0, 0.0]] * 4
    found = half(*falls)
    assert (found.low, found.high) == (2.0, 3.0)
    assert found.value == pytest.approx(6.0**0.5)
    mixed = half(*falls[:2], [1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0])
    assert (mixed.low, mixed.high) == (1.0, 4.0)  # Wilson: three of four are not more than half
    none = half(*[[1.0] * 4] * 4)
    assert (none.low, none.high, np.isnan(none.value)) == (4.0, np.inf, True)
    back = half(*[[1.0, 0.0, 1.0, 1.0]] * 4)
    assert np.isnan([back.value, back.low, back.high]).all()
