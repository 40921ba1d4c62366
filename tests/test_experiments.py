"""The runner: what is stored depends on what was asked for, and on nothing else."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from tiny_runs import TINY, make, planned, rows, tiny, units

import glassnet as gn
from glassnet.paper.experiments.relaxation import noise_of
from glassnet.paper.experiments.sgd_displacement import SgdDisplacement
from glassnet.runs.cost import cost, refuse_too_much_disk, refuse_too_much_memory
from glassnet.runs.quench import start_from
from glassnet.runs.run import open_run
from glassnet.runs.runner import Update, run
from glassnet.runs.starting import begin, refuse_misfit
from glassnet.store import RunDirectory


def test_a_run_is_what_the_verbs_make(tmp_path: Path) -> None:
    found = make(tiny(), tmp_path / "run").showing(chi=30)
    data, test = gn.load_dataset("mnist", n_samples=200), gn.load_dataset("mnist", split="test")
    landscape = gn.Landscape(gn.Mlp(10, 4, 6), data, gn.QuadraticHinge(l2=1e-2))
    quenched = gn.evolve(gn.Ensemble.random(landscape.network, 2), landscape, gn.Sgd(1e-3, 100), 40)
    assert np.array_equal(found.quenched.weights, quenched.weights)
    record = gn.measure(
        quenched.rename(noise=noise_of(0.1)),
        landscape,
        gn.Langevin(0.1, 1e-3),
        waiting_times=[3, 10],
        times=gn.log_times(47),
        until=50,
        chi=[30, 300],
        test=test,
    )
    assert list(found.records) == [0.1, 0.0]
    for name in set(record.data.variables) - {"displacement", "snapshot_time"}:
        assert np.array_equal(found.records[0.1].data[name], record.data[name], equal_nan=True), name
    assert np.array_equal(found.records[0.1].ensemble.weights, record.ensemble.weights)
    assert found.record.data.sizes["replica"] == 4
    assert (len(found.done), found.missing) == (6, ())

    row = rows(found, "temperatures")[0]
    tau = gn.relaxation_time(gn.overlap(record, chi=30).sel(waiting_time=[10]))
    assert (row["tau_90"], row["low"]) == (tau.estimate.item(), tau.low.item())
    assert row["q"] == pytest.approx(gn.overlap(record, chi=30).sel(waiting_time=10, time=40).mean().item())
    seen = gn.evaluate(quenched, landscape, test=test)
    assert [r["test_loss"] for r in rows(found, "quench")] == seen.test_loss.values.tolist()
    assert [r["epochs"] for r in rows(found, "quench")] == [20, 20]


def test_more_of_everything_adds_units_and_nothing_is_made_twice(tmp_path: Path) -> None:
    small, large = tiny(), tiny(replicas=3, temperatures=[0.1, 0.01, 0.0], t_max=120)
    first = units(make(small, tmp_path / "a" / "run").path)
    assert planned(small, tmp_path / "a" / "run").blocks == ()
    work = planned(large, tmp_path / "a" / "run")
    assert [(block.label, block.origins, block.end) for block in work.blocks] == [
        ("quench", (2,), None),
        ("Langevin T = 0.1", (2,), None),
        ("Langevin T = 0.1", (0, 1), 50),
        ("Langevin T = 0.01", (0, 1, 2), None),
        ("Langevin T = 0", (2,), None),
        ("Langevin T = 0", (0, 1), 50),
    ]
    grown = make(large, tmp_path / "a" / "run")
    afresh = make(large, tmp_path / "b" / "run")
    assert units(grown.path) == units(afresh.path)
    assert set(first) < set(units(grown.path))
    xr.testing.assert_identical(grown.record.data, afresh.record.data)


def test_runs_beside_each_other_share_units(tmp_path: Path) -> None:
    long = make(tiny(t_max=120), tmp_path / "long")
    work = planned(tiny(replicas=3), tmp_path / "short")
    assert (work.n_done, len(work.taken), {block.origins for block in work.blocks}) == (6, 6, {(2,)})
    short = make(tiny(replicas=3), tmp_path / "short")
    alone = make(tiny(replicas=3), tmp_path / "elsewhere" / "short")
    xr.testing.assert_identical(short.record.data, alone.record.data)
    assert short.record.data.attrs == alone.record.data.attrs
    for name in set(units(long.path)) & set(units(short.path)):
        assert units(long.path)[name] == units(short.path)[name]


class Stop:
    """Raises KeyboardInterrupt at the given update."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, update: Update) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


LOSSES = {"stop_loss": 0.4991, "check_epochs": 3, "quench_rate": 0.2, "replicas": 4, "epochs": 60}


@pytest.mark.parametrize("change", [{}, LOSSES, {"skin": True}], ids=["plain", "stopping by loss", "skin"])
def test_an_interrupted_run_goes_on_to_the_same_bits(tmp_path: Path, change: dict[str, Any]) -> None:
    request = tiny(**change)
    whole = make(request, tmp_path / "a" / "run")
    path = tmp_path / "b" / "run"
    for after in range(1, 100):
        with contextlib.suppress(KeyboardInterrupt):
            make(request, path, Stop(after))
            break
    assert units(path) == units(whole.path)
    assert list((path / "checkpoints").iterdir()) == []


def test_a_block_under_way_is_taken_up_by_a_larger_request(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        make(tiny(), path, lambda update: Stop(1)(update) if update.done > 40 else None)
    large = tiny(replicas=3, temperatures=[0.1, 0.01, 0.0], t_max=120)
    assert any(block.checkpoint for block in planned(large, path).blocks)
    make(large, path)
    assert units(path) == units(make(large, tmp_path / "elsewhere" / "run").path)


def test_some_replicas_stop_by_their_own_loss(tmp_path: Path) -> None:
    found = make(tiny(**LOSSES), tmp_path / "run")
    epochs = found.quenched.step // 2
    assert len(set(epochs.tolist())) > 1
    assert all(epoch % 3 == 0 for epoch in epochs)


def test_damage_is_named_and_mended(tmp_path: Path) -> None:
    path = tmp_path / "run"
    whole = units(make(tiny(), path).path)
    for victim in list(whole)[::2]:
        file = path / "units" / victim
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        with pytest.raises(ValueError, match=f"{victim} is damaged"):
            _ = open_run(path).done
        work = planned(tiny(), path)
        assert len(work.notes) == 1
        assert f"{victim} is damaged" in work.notes[0]
        assert sum(len(block.origins) for block in work.blocks) == 1
        make(tiny(), path)
        assert units(path) == whole


def test_a_damaged_checkpoint_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        make(tiny(), path, lambda update: Stop(1)(update) if update.done > 40 else None)
    (checkpoint,) = (path / "checkpoints").iterdir()
    checkpoint.write_bytes(checkpoint.read_bytes()[:-9])
    work = planned(tiny(), path)
    assert checkpoint.name in work.notes[0]
    assert not any(block.checkpoint for block in work.blocks)
    make(tiny(), path)
    assert units(path) == units(make(tiny(), tmp_path / "elsewhere" / "run").path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"l2": 0.5}, "was written by another request: l2 is 0.01 there, but 0.5 was asked for"),
        ({"seed": 9}, "was written by another request: seed is 0 there, but 9"),
        ({"replicas": 1}, "was written by a larger request: replicas is 2 there, but 1"),
        ({"temperatures": [0.1]}, "was written by a larger request: temperatures"),
        ({"t_max": 30}, "was written by a larger request: t_max is 40 there, but 30"),
    ],
)
def test_another_request_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    directory = RunDirectory(tmp_path / "run")
    begin(directory, tiny(), tiny().make_engine(), to_work=True)
    other = tiny(**changes)
    with pytest.raises(ValueError, match=f"{directory.path} {message}"):
        refuse_misfit(directory, other, other.make_engine())


def test_what_is_shown_may_change(tmp_path: Path) -> None:
    path = tmp_path / "run"
    stored = units(make(tiny(), path).path)
    usual = open_run(path)
    assert (usual.look.chi, usual.look.waiting_time) == (300, 10)
    found = usual.showing(chi=30, waiting_time=3)
    assert (found.look.chi, found.look.waiting_time, found.request) == (30, 3, usual.request)
    assert units(path) == stored
    assert rows(found.showing(), "temperatures") == rows(usual, "temperatures") != rows(found, "temperatures")
    with pytest.raises(ValueError, match=r"chi must be one that was recorded \(30, 300\), but got 7"):
        found.showing(chi=7)
    with pytest.raises(ValueError, match=r"waiting_time must be one that was recorded \(3, 10\), but got 5"):
        found.showing(waiting_time=5)


def test_a_dead_network_is_called_dead(tmp_path: Path) -> None:
    # So wide a step kills every unit of a layer: the output is 0 whatever the input, and nothing moves any more.
    found = make(tiny(quench_rate=100.0, l2=0.0, epochs=2, replicas=6), tmp_path / "run")
    quenched = rows(found, "quench")
    landscape = found.request.quench.surface.landscape
    outputs = [landscape.network.output(w, landscape.dataset.features) for w in found.quenched.weights]
    assert [bool(row["dead"]) for row in quenched] == [bool(np.all(f == 0)) for f in outputs]
    assert any(row["dead"] for row in quenched)
    assert not any("alive" in row for row in quenched)


def test_a_run_that_memory_cannot_hold_is_refused_with_the_numbers(tmp_path: Path) -> None:
    request = tiny(width=100_000)
    work = planned(request, tmp_path / "run")
    said = cost(work, request.make_engine(), tmp_path / "run")
    assert said.memory > 8 * 2 * 5e10
    assert said.memory > said.machine_memory
    with pytest.raises(ValueError, match=r"memory must hold about [\d.]+ TB .* this machine has [\d.]+ [GT]B: ask for"):
        refuse_too_much_memory(work, tiny().make_engine())
    refuse_too_much_memory(planned(tiny(), tmp_path / "run"), tiny().make_engine())


def test_a_run_that_the_disk_cannot_hold_is_refused_with_the_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet" / "there"
    with pytest.raises(
        ValueError, match=r"there must have [\d.]+ PB or more for this run, but has [\d.]+ [kMGT]B free"
    ):
        refuse_too_much_disk(folder, planned(tiny(width=10_000_000), folder))
    request = tiny(width=10_000_000)
    said = cost(planned(request, folder), request.make_engine(), folder)
    assert said.disk > said.least_disk > said.free_disk
    refuse_too_much_disk(folder, planned(tiny(), folder))
    assert not (tmp_path / "not").exists()


def test_lost_replicas_are_counted(tmp_path: Path) -> None:
    found = make(tiny(quench_rate=1e3, epochs=50, replicas=3), tmp_path / "run")
    assert any(row["diverged"] for row in rows(found, "quench"))
    for row in rows(found, "temperatures"):
        assert row["n_replicas"] == 3
        assert row["n_lost"] == sum(bool(r["diverged"]) for r in rows(found, "quench"))


def test_the_cost_is_said_beforehand(tmp_path: Path) -> None:
    request = tiny()
    work = planned(request, tmp_path / "run")
    said = cost(work, request.make_engine(), tmp_path / "run")
    n_weights = 10 * 4 + 5 * 16 + 4
    assert said.networks == 6
    assert said.steps == 2 * 40 + 4 * 50
    assert said.flop == 6 * n_weights * (2 * 40 * 100 + 4 * 50 * 200)
    assert said.seconds > 0
    made = make(request, tmp_path / "run")
    on_disk = sum(p.stat().st_size for p in (made.path / "units").iterdir())
    assert on_disk < said.disk + 60_000 * len(work.points)
    assert cost(planned(request, tmp_path / "run"), request.make_engine(), tmp_path / "run").disk == 0


def test_given_replicas_move_as_those_that_the_run_quenched_itself(tmp_path: Path) -> None:
    own = make(tiny(), tmp_path / "own")
    gn.save(own.quenched, tmp_path / "quenched.zip")
    given = gn.load(tmp_path / "quenched.zip")
    assert isinstance(given, gn.Ensemble)
    request = start_from(tiny(), given)
    assert (request.replicas, request.epochs) == (2, TINY["epochs"])
    work, engine, directory = (
        planned(request, tmp_path / "a" / "b"),
        request.make_engine(),
        RunDirectory(tmp_path / "a/b"),
    )
    begin(directory, request, engine, to_work=True)
    with pytest.raises(ValueError, match="quenched must be the ensemble that the run began with: its origin 0"):
        run(work, engine, directory)
    with pytest.raises(ValueError, match="origin 0 is needed"):  # others
        run(work, engine, directory, given=gn.Ensemble.random(given.network, 2))
    run(work, engine, directory, given=given)
    found = open_run(directory.path)
    assert found.quench_results == own.quench_results
    for temperature, record in own.records.items():
        xr.testing.assert_identical(found.records[temperature].data, record.data)
    # Once they are stored the file is not needed: more temperatures go on from there.
    more = start_from(tiny(temperatures=[0.1, 0.01, 0.0]), given)
    begin(directory, more, engine, to_work=True)
    run(planned(more, directory.path), engine, directory)
    assert not open_run(directory.path).missing


def test_given_replicas_that_do_not_fit_are_refused_by_name() -> None:
    request = tiny()
    network = request.quench.surface.network
    fits = gn.Ensemble.random(network, 2)
    wide = gn.Ensemble.random(gn.Mlp(10, network.width + 1, 6), 2)
    dead = replace(fits, alive=np.array([True, False]))
    for ensemble, message in (
        (wide, "quenched must hold networks"),
        (fits[[1]], "quenched must hold origins 0, 1"),
        (fits.rename(seed=[0, 1]), "of one seed"),
        (dead, "no diverged replica, but 1 is one"),
        (replace(fits, weights=fits.weights.astype(np.float32)), "quenched must be float64"),
    ):
        with pytest.raises(ValueError, match=message):
            start_from(request, ensemble)
    with pytest.raises(ValueError, match="epochs must be 0, which quenched has"):
        start_from(request, fits, fixed=["epochs"])
    with pytest.raises(ValueError, match="replicas must be at most 2, which quenched holds, but got 3"):
        start_from(tiny(replicas=3), fits, fixed=["replicas"])
    assert start_from(tiny(replicas=3), fits).replicas == 2
    displaced = SgdDisplacement.preset("mnist", "demo", {"width": 3})
    uneven = replace(gn.Ensemble.random(displaced.quench.surface.network, 2), step=np.array([0, 7]))
    with pytest.raises(ValueError, match="at the end of the same epoch of 60 steps"):
        start_from(displaced, uneven)


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the most memory a process had cannot be read here")
@pytest.mark.parametrize(
    "numbers",
    [
        {"width": 300, "replicas": 4, "t_max": 3, "waiting_times": [3, 10]},
        {"width": 500, "replicas": 1, "t_max": 2, "waiting_times": [3]},
        {"width": 30, "replicas": 40, "t_max": 100, "waiting_times": list(range(1, 21))},
        {"samples": 60000, "width": 82, "replicas": 1, "t_max": 40, "waiting_times": [3]},
    ],
    ids=["wide", "one", "many", "all rows"],
)
def test_the_memory_a_process_takes_is_what_was_said_or_up_to_a_third_less(
    numbers: dict[str, Any], tmp_path: Path
) -> None:
    request = tiny(epochs=1, temperatures=[0.1], **numbers)
    engine, directory = request.make_engine(threads=2), RunDirectory(tmp_path / "run")
    said = cost(planned(request, directory.path), engine, directory.path).memory
    begin(directory, request, engine, to_work=True)
    code = """
import re, sys
from pathlib import Path
from glassnet.runs.pictures import draw_run
from glassnet.runs.plan import plan
from glassnet.runs.run import open_run
from glassnet.runs.runner import run
from glassnet.runs.table import write_summary
from glassnet.store import RunDirectory
directory = RunDirectory(Path(sys.argv[1]))
request = open_run(directory.path).request
engine = request.make_engine(threads=2)
run(plan(request.points(), request.replicas, engine, directory), engine, directory, checkpoint_every=0.0)
write_summary(open_run(directory.path))
draw_run(open_run(directory.path), directory.path / "figures", ["png"])
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""
    words = [sys.executable, "-c", code, str(directory.path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    taken = 1024 * int(done.stdout)
    assert taken <= said <= 1.3 * taken, (taken / 2**20, said / 2**20)
