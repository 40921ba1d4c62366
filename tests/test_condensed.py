"""Condensed runs: what a small file keeps exactly, what it rounds, and that all that looks at runs can look at it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_runs import make
from typer.testing import CliRunner, Result

import glassnet as gn
from glassnet.cli.commands import app
from glassnet.observables import mean_square_displacement, overlap
from glassnet.paper import figures as reproduction
from glassnet.paper.claims import assess, open_runs
from glassnet.paper.experiments.phase_diagram import losses
from glassnet.runs import condense as condensing
from glassnet.runs.condense import condense
from glassnet.runs.experiment import Experiment
from glassnet.runs.registry import request
from glassnet.runs.run import Run, open_run
from glassnet.store.condensed import Beside, CondensedRun, CondensedUnit, write_condensed
from glassnet.store.values import to_dataset

SMALL = {"samples": 200, "width": 4, "epochs": 20, "replicas": 2}
TINY: Mapping[str, dict[str, Any]] = {
    "relaxation": {
        **SMALL,
        "waiting_times": [3, 10],
        "t_max": 200,
        "temperatures": [1e-3, 1e-5, 0.0],
        "snapshots": [10, 100, 200],
    },
    "minima": SMALL,
    "protocol": {**SMALL, "t_max": 40, "waiting_time": 10},
    "step_size": {**SMALL, "settling": 5, "length": 0.01},
    "phase_diagram": {"samples": 200, "replicas": 2, "descent": 2, "widths": [4], "l2s": [0.01, 0.04], "epochs": [5]},
}
VARIANTS = {"relaxation": "regularised", "ageing": "regularised", "step_size": "regularised", "phase_diagram": "l2"}


def tiny(name: str) -> Experiment:
    numbers = TINY["relaxation" if name == "ageing" else name]
    return request(name, VARIANTS.get(name, ""), "mnist", "demo", numbers)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run[Any]]:
    """A run of each kind in its folder."""
    folder = tmp_path_factory.mktemp("runs")
    return {name: make(tiny(name), folder / name) for name in [*TINY, "ageing"]}


@pytest.fixture(scope="module")
def condensed(runs: dict[str, Run[Any]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run[Any]]:
    """The same as condensed ones, in one folder."""
    folder = tmp_path_factory.mktemp("condensed")
    for name, whole in runs.items():
        condense(whole, folder / f"{name}.run.zip")
    return {name: open_run(folder / f"{name}.run.zip") for name in runs}


def glassnet(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.mark.parametrize("name", [*TINY, "ageing"])
def test_nothing_that_was_done_is_missing(name: str, runs: dict[str, Run[Any]], condensed: dict[str, Run[Any]]) -> None:
    small, whole = condensed[name], runs[name]
    assert small.request == whole.request
    assert small.done == whole.done
    assert not small.missing
    for point in whole.request.points():
        for origin, found in whole.results(point).items():
            assert small.results(point)[origin] == pytest.approx(found, rel=1e-8, nan_ok=True)


def test_counts_are_exact_and_moments_rounded_by_less_than_replicas_differ(
    runs: dict[str, Run[Any]], condensed: dict[str, Run[Any]]
) -> None:
    small, whole = condensed["relaxation"], runs["relaxation"]
    for temperature, record in whole.records.items():
        seen = small.records[temperature]
        xr.testing.assert_identical(overlap(seen, chi=300), overlap(record, chi=300))
        msd, rounded = mean_square_displacement(record), mean_square_displacement(seen)
        np.testing.assert_allclose(rounded, msd, rtol=2.0**-condensing.OTHER_BITS)
        assert not np.array_equal(rounded, msd)
        shown = {"waiting_time": 10}
        xr.testing.assert_equal(seen.data["histogram"].sel(shown), record.data["histogram"].sel(shown))
        first, last = ({"snapshot_time": time, **shown} for time in (10, 200))
        for kept in (first, last):
            np.testing.assert_allclose(
                seen.data["displacement"].sel(kept), record.data["displacement"].sel(kept), rtol=2.0**-10
            )
        assert seen.data["displacement"].sel(snapshot_time=100).isnull().all()
        # At T = 0 they are the null of ageing, at every waiting time.
        assert bool(seen.data["histogram"].sel(waiting_time=3).isnull().all()) == (temperature > 0)
        assert seen.data.attrs == record.data.attrs
        np.testing.assert_allclose(seen.references[1], record.references[1], rtol=2.0**-8)
    np.testing.assert_allclose(small.quenched.weights, whole.quenched.weights, rtol=2.0**-16)


def test_claims_are_judged_alike(runs: dict[str, Run[Any]], condensed: dict[str, Run[Any]]) -> None:
    folders = [next(iter(found.values())).path.parent for found in (runs, condensed)]
    whole, small = (assess(open_runs([folder])) for folder in folders)
    assert [(one.seen, one.reading) for one in small] == [(one.seen, one.reading) for one in whole]
    numbers = [(one.value, other.value) for one, other in zip(whole, small, strict=True) if one.value is not None]
    assert len(numbers) > 3
    for one, other in numbers:
        assert other == pytest.approx(one, rel=1e-2, abs=1e-6)


def test_units_that_lie_beside_are_kept_once(condensed: dict[str, Run[Any]], tmp_path: Path) -> None:
    paths = {name: condensed[name].path for name in ("relaxation", "ageing")}
    assert paths["ageing"].stat().st_size < 0.1 * paths["relaxation"].stat().st_size
    alone = tmp_path / "ageing.run.zip"
    alone.write_bytes(paths["ageing"].read_bytes())
    assert not open_run(alone).done
    with pytest.raises(ValueError, match="is a condensed run and holds no measurement"):
        _ = open_run(alone).record


def test_a_unit_is_read_where_it_was_left_and_nowhere_else(tmp_path: Path) -> None:
    value = gn.Ensemble.random(gn.Mlp(2, 3, 1), 1)
    unit: dict[str, Any] = {"unit": 1}
    poor, rich = CondensedUnit(None, 3, {}), CondensedUnit(value, 5, {})
    for name, kept in (("a", poor), ("b", rich), ("c", Beside("b.run.zip", 5))):
        write_condensed(tmp_path / f"{name}.run.zip", {}, [(unit, kept)])
    a, b, c = (CondensedRun(tmp_path / f"{name}.run.zip") for name in "abc")
    found = c.read_unit(unit)
    assert found.end == 5
    assert isinstance(found.value, gn.Ensemble)
    assert not c.holds(unit, 5, value=True)
    assert b.holds(unit, 5, value=True)
    assert not b.holds(unit, 3, value=True)
    assert a.holds(unit, 3, value=False)
    assert not a.holds(unit, 3, value=True)
    # Made again from a longer run, the other file no longer has it.
    write_condensed(b.path, {}, [(unit, CondensedUnit(value, 7, {}))])
    assert CondensedRun(c.path).unit_end(unit) is None
    b.path.unlink()
    assert CondensedRun(c.path).unit_end(unit) is None


def test_replicas_that_diverged_are_kept(tmp_path: Path) -> None:
    lost = {**TINY["phase_diagram"], "quench_rate": 1e3, "replicas": 6}
    whole = make(request("phase_diagram", "l2", "mnist", "demo", lost), tmp_path / "lost")
    condense(whole, tmp_path / "lost.run.zip")
    found = losses(open_run(tmp_path / "lost.run.zip"))
    assert not np.isfinite(found["total_loss"]).all()
    xr.testing.assert_allclose(found, losses(whole), rtol=1e-8)


def test_a_condensed_run_is_smaller(runs: dict[str, Run[Any]], condensed: dict[str, Run[Any]]) -> None:
    before = sum(path.stat().st_size for path in (runs["relaxation"].path / "units").iterdir())
    assert condensed["relaxation"].path.stat().st_size < 0.2 * before


def test_every_flipped_byte_and_every_cut_is_seen(condensed: dict[str, Run[Any]], tmp_path: Path) -> None:
    whole = condensed["phase_diagram"].path.read_bytes()
    path = tmp_path / "damaged.run.zip"
    for at in np.random.default_rng(1).integers(len(whole), size=40):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ValueError, match=r"damaged\.run\.zip"):
            open_run(path)
        path.write_bytes(whole[:at])
        with pytest.raises(ValueError, match=r"damaged\.run\.zip"):
            open_run(path)


def test_a_file_of_the_other_kind_is_named(condensed: dict[str, Run[Any]], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds neither a record nor an ensemble; .*open_run opens condensed runs"):
        gn.load(condensed["minima"].path)
    gn.save(gn.Ensemble.random(gn.Mlp(3, 4, 2), 1), tmp_path / "ensemble.zarr.zip")
    with pytest.raises(ValueError, match="holds an ensemble or a record, not a run"):
        open_run(tmp_path / "ensemble.zarr.zip")
    with pytest.raises(ValueError, match="run must be the folder of a run"):
        condense(condensed["minima"], tmp_path / "again.run.zip")


@settings(deadline=None)
@given(sizes=st.tuples(st.integers(1, 5), st.integers(1, 8), st.integers(1, 3)), seed=st.integers(0, 100))
def test_the_format_keeps_bits(
    tmp_path_factory: pytest.TempPathFactory, sizes: tuple[int, int, int], seed: int
) -> None:
    network = gn.Mlp(*sizes)
    units = {i: gn.Ensemble.random(network, 1, seed=i, dtype="float64") for i in (seed, seed + 1)}
    path = tmp_path_factory.mktemp("kept") / "kept.run.zip"
    kept = [({"unit": i}, CondensedUnit(value, i, {"loss": 1 / 3})) for i, value in units.items()]
    write_condensed(path, {"about": seed}, [*kept, ({"unit": "results only"}, CondensedUnit(None, 7, {}))])
    found = CondensedRun(path)
    assert found.describe() == {"about": seed}
    for i, value in units.items():
        unit = found.read_unit({"unit": i})
        assert (unit.end, unit.results) == (i, {"loss": 1 / 3})
        assert unit.value is not None
        xr.testing.assert_identical(to_dataset(unit.value)[1], to_dataset(value)[1])
    assert found.read_unit({"unit": "results only"}) == CondensedUnit(None, 7, {})
    assert found.unit_end({"unit": "another"}) is None
    with pytest.raises(FileNotFoundError, match="holds no unit"):
        found.read_unit({"unit": "another"})


def test_the_commands_look_at_condensed_runs(
    runs: dict[str, Run[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reproduction, "request", lambda name, *_: tiny(name))
    small = tmp_path / "kept/relaxation-mnist-regularised-demo.run.zip"
    small.parent.mkdir()
    done = glassnet("condense", runs["relaxation"].path, "--output", small)
    assert done.exit_code == 0
    assert "8 units" in done.output
    refused = glassnet("condense", runs["relaxation"].path, "--output", tmp_path / "any.zip")
    assert refused.exit_code == 2
    shown = glassnet("show", small)
    assert shown.exit_code == 0
    assert "numbers are rounded" in shown.output
    assert "tau_90" in shown.output
    assert glassnet("figures", small).exit_code == 0
    assert (small.parent / "figures/overlap.png").is_file()
    assert glassnet("claims", small.parent, "--output", tmp_path).exit_code == 0
    assert "relaxation-mnist-regularised-demo.run.zip" in glassnet("list", "--runs", small.parent).output
    assert glassnet("resume", small).exit_code == 2
    drawn = glassnet("reproduce", "fig5a", "--condensed", small.parent, "--output", tmp_path / "all")
    assert drawn.exit_code == 0
    assert [path.name for path in (tmp_path / "all").iterdir()] == ["figures"]


def test_a_run_of_another_kind_is_not_drawn_as_what_its_name_says(
    condensed: dict[str, Run[Any]], tmp_path: Path
) -> None:
    wrong = tmp_path / "minima-mnist-demo.run.zip"
    wrong.write_bytes(condensed["protocol"].path.read_bytes())
    drawn = glassnet("reproduce", "minima", "--condensed", tmp_path, "--output", tmp_path / "all")
    assert drawn.exit_code == 2
    other = tmp_path / "relaxation-mnist-underparameterised-demo.run.zip"
    other.write_bytes(condensed["relaxation"].path.read_bytes())
    drawn = glassnet("reproduce", "fig5b", "--condensed", tmp_path, "--output", tmp_path / "all")
    assert drawn.exit_code == 2


@pytest.mark.parametrize(("others", "code"), [([60], 0), ([4], 2)])
def test_a_run_of_more_widths_holds_a_figure_drawn_at_its_smallest(
    tmp_path: Path, others: list[int], code: int
) -> None:
    usual = request("phase_diagram", "width", "mnist", "demo").numbers["widths"]
    few = {"widths": sorted([*usual, *others]), "epochs": [1], "replicas": 1, "descent": 1}
    found = make(request("phase_diagram", "width", "mnist", "demo", few), tmp_path / "run")
    (tmp_path / "small").mkdir()
    condense(found, tmp_path / "small" / "phase_diagram-mnist-width-demo.run.zip")
    drawn = glassnet("reproduce", "fig1b", "--condensed", tmp_path / "small", "--output", tmp_path / "all")
    assert drawn.exit_code == code
    assert ("must hold widths" in drawn.output and "and nothing smaller" in drawn.output) == (code == 2)
    assert (tmp_path / "all" / "figures" / "fig1b.png").is_file() == (code == 0)
