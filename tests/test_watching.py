"""Watching a run that another process makes."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from program import GLASSNET, Paced, glassnet

import glassnet as gn
from glassnet.runs.watch import Status, Watch
from glassnet.store import files


def relaxation(folder: Path) -> list[str]:
    sizes = ["--samples", "400", "--width", "8", "--epochs", "20", "--replicas", "3", "--t-max", "300"]
    times = ["--waiting-time", "20", "--temperature", "0.1", "--temperature", "1e-3", "--chi", "100"]
    command = ["run", "relaxation", "--phase", "regularised", "--scale", "demo", *sizes, *times]
    return [*command, "--checkpoint-every", "0", "--output", str(folder)]


@pytest.mark.long
def test_a_run_is_seen_from_its_first_step_to_its_last(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    looks: list[Status] = []
    with Paced(*relaxation(folder)) as running:
        assert running.update() is not None
        watch = Watch(folder)
        looks.append(watch.look())
        for label in ("quench", "T = 0.1", "T = 0.001"):
            for share in (0.0, 0.3, 0.6):
                running.hold_in(label, share)
                looks.append(watch.look())
        assert all(f"process {running.process.pid}" == look.worker for look in looks)
        assert running.ended().returncode == 0
    looks.append(watch.look())
    assert (looks[-1].complete, looks[-1].worker) == (True, None)
    shares = [look.share for look in looks]
    assert shares == sorted(shares)
    between = [look for look in looks if 0.0 < look.share < 1.0]
    assert len(between) >= 6
    assert all(look.seconds_left is None or look.seconds_left > 0 for look in between)
    labels = [point.label for point in looks[-1].points]
    assert labels == ["quench", "Langevin T = 0.1", "Langevin T = 0.001"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is done."""
    folder = tmp_path_factory.mktemp("watched") / "run"
    assert glassnet(*relaxation(folder)).returncode == 0
    return folder


def test_what_it_shows_is_what_the_run_holds(finished: Path) -> None:
    look = Watch(finished).look()
    assert look.complete
    assert look.worker is None
    run = gn.open_run(finished)
    quench, hot, cold = look.points
    losses = [found["data_loss"] for found in run.quench_results.values()]
    assert quench.found.data_loss == pytest.approx(np.mean(losses))
    for standing, temperature in ((hot, 0.1), (cold, 1e-3)):
        record = run.records[temperature]
        q = gn.overlap(record, chi=100.0).sel(waiting_time=20)
        assert standing.found.overlap == pytest.approx(float(q.isel(time=-1).mean()))
        tau = float(gn.relaxation_time(q)["estimate"])
        if np.isfinite(tau):
            assert standing.found.tau_90 == pytest.approx(tau)
        else:
            assert isinstance(standing.found.tau_90, str)
        assert (standing.found.t, standing.found.n_lost) == (300, 0)


def test_a_stopped_run_says_how_to_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with Paced(*relaxation(folder)) as running:
        running.hold_in("T = 0.1", 0.5)
        running.process.send_signal(signal.SIGINT)
        assert running.ended().returncode == 130
    hot = Watch(folder).look().points[1]
    (path,) = (folder / "checkpoints").glob("*.zip")
    record, _ = files.read(path)
    assert isinstance(record, gn.Record)
    assert 0.0 < hot.share < 1.0
    assert hot.step == record.elapsed
    times = record.data["time"].values
    assert hot.found.t == times[times <= record.elapsed - 20][-1]
    told = glassnet("watch", folder)
    assert "nobody works on it here; to go on: glassnet resume" in " ".join(told.stdout.split())


@pytest.mark.long
def test_a_terminal_is_left_when_the_run_ends(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with Paced(*relaxation(folder)) as running:
        running.hold_in("T = 0.1", 0.5)
        reader, writer = pty.openpty()
        wide = {**os.environ, "COLUMNS": "300"}  # so that no line is broken
        watching = subprocess.Popen([GLASSNET, "watch", str(folder)], stdout=writer, stdin=writer, env=wide)
        os.close(writer)
        shown = b""
        while b"works on it" not in shown and (part := _read(reader)):
            shown += part
        under_way, ended = shown, running.ended()
        if ended.returncode:
            watching.kill()  # it would wait for who goes on
    while part := _read(reader):
        shown += part
    os.close(reader)
    assert (ended.returncode, watching.wait()) == (0, 0)
    assert b"complete" not in under_way
    assert b"complete" in shown
    assert b"tau_90" in shown


def _read(terminal: int) -> bytes:
    """Next bytes that are shown; none where the other end is closed."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


def test_what_cannot_be_watched_is_refused(tmp_path: Path) -> None:
    for path, message in ((tmp_path, "is not the folder of a run"), (Path(__file__), "was not written by glassnet")):
        done = glassnet("watch", path)
        assert done.returncode == 2
        assert message in " ".join(done.stderr.split())


def test_damaged_files_are_named_and_the_rest_is_shown(finished: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(finished, tmp_path / "run")
    unit = sorted((folder / "units").iterdir())[0]
    unit.write_bytes(unit.read_bytes()[:-40])
    look = Watch(folder).look()
    assert not look.complete
    assert [unit.name in problem for problem in look.problems] == [True]
