"""How many replicas are enough: the formula, the table behind it, and what --dry-run says."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from program import glassnet
from scipy.special import stdtrit
from tiny_runs import preset

from glassnet.paper.spread import needed, replicas_for
from tools import make_spread


@given(st.floats(0.0, 2.0), st.floats(0.01, 1.0))
def test_n_is_the_smallest_whose_interval_is_narrow_enough(spread: float, precision: float) -> None:
    n = replicas_for(spread, precision)

    def reach(n: int) -> float:
        return float(stdtrit(n - 1, 0.975) * spread / np.sqrt(n))

    assert reach(n) <= math.log1p(precision) * (1 + 1e-12)
    assert n == 2 or reach(n - 1) > math.log1p(precision)


@pytest.mark.parametrize("wrong", [{"spread": -0.1}, {"spread": math.nan}, {"spread": 0.1, "precision": 0.0}])
def test_what_is_no_spread_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="spread must be >= 0 and precision > 0"):
        replicas_for(**wrong)


@pytest.mark.long
def test_the_table_is_that_of_the_committed_runs() -> None:
    stored = json.loads(make_spread.SPREAD.read_text(encoding="utf-8"))
    for name, found in make_spread.spread().items():
        assert np.array(found["rows"]) == pytest.approx(np.array(stored[name]["rows"]), rel=0.01)
        assert found | {"rows": 0} == stored[name] | {"rows": 0}


def test_each_temperature_takes_the_nearest_row_of_its_phase() -> None:
    rows = json.loads(make_spread.SPREAD.read_text(encoding="utf-8"))["mnist regularised"]["rows"]
    spread = {row[0]: row[1] for row in rows}
    said = needed(preset("regularised", changes={"temperatures": [0.09, 3e-7, 0.0]}))
    n = [replicas_for(spread[t]) for t in (0.1, 1e-6, 0.0)]
    cold = f"{n[1]} at T = 3e-07, 0" if n[1] == n[2] else f"{n[1]} at T = 3e-07; {n[2]} at T = 0"
    assert said.startswith(f"{n[0]} at T = 0.09; {cold} (")
    assert "from 4 initial conditions of relaxation-mnist-regularised-laptop; asked for: 4" in said


def test_a_dry_run_says_how_many_replicas_are_enough(tmp_path: Path) -> None:
    asked = ("--dry-run", "--scale", "demo", "--output", tmp_path / "run")
    done = glassnet("run", "relaxation", *asked)
    assert done.returncode == 0, done.stderr
    assert "tau_90 to 10 %" in done.stdout
    assert " at T = 0.01" in done.stdout
    other = glassnet("run", "minima", "--dry-run", "--output", tmp_path / "other")
    assert other.returncode == 0, other.stderr
    assert "tau_90" not in other.stdout
