"""Watching a run that another process makes."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import glassnet as gn
from glassnet.experiments.watching import Look, Watch
from glassnet.store import files

GLASSNET = str(Path(sys.executable).parent / "glassnet")


def relaxation(folder: Path, t_max: int, samples: int = 400) -> list[str]:
    sizes = ["--samples", str(samples), "--width", "8", "--epochs", "20", "--replicas", "3", "--t-max", str(t_max)]
    times = ["--waiting-time", "20", "--temperature", "0.1", "--temperature", "1e-3", "--chi", "100"]
    command = ["run", "relaxation", "--phase", "regularised", "--scale", "demo", *sizes, *times]
    return [GLASSNET, *command, "--checkpoint-every", "0.05", "--output", str(folder)]


def test_a_run_is_seen_from_its_first_step_to_its_last(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    running = subprocess.Popen(relaxation(folder, 200, 2_000), stdout=subprocess.DEVNULL)
    looks: list[Look] = []
    try:
        while not (folder / "run.json").exists():
            assert running.poll() is None
            time.sleep(0.02)
        watch = Watch(folder)
        while not looks or not looks[-1].complete:
            assert running.poll() in (None, 0)
            looks.append(watch.look())
            time.sleep(0.05)
    finally:
        running.terminate()
        running.wait()
    shares = [look.share for look in looks]
    assert shares == sorted(shares)
    between = [look for look in looks if 0.0 < look.share < 1.0]
    assert between
    assert all(f"process {running.pid}" == look.worker for look in between[:-1])
    assert all(look.seconds_left is None or look.seconds_left > 0 for look in between)
    labels = [point.label for point in looks[-1].points]
    assert labels == ["quench", "Langevin T = 0.1", "Langevin T = 0.001"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is done."""
    folder = tmp_path_factory.mktemp("watched") / "run"
    subprocess.run(relaxation(folder, 300), check=True, stdout=subprocess.DEVNULL)
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


def test_a_stopped_run_says_how_to_go_on_and_a_terminal_is_left_when_it_ends(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    running = subprocess.Popen(relaxation(folder, 1_000, 6_000), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list((folder / "checkpoints").glob("*.zip")) or len(list((folder / "units").glob("*.zip"))) < 3:
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    assert running.wait() == 130
    hot = Watch(folder).look().points[1]
    (path,) = (folder / "checkpoints").glob("*.zip")
    record, _ = files.read(path)
    assert isinstance(record, gn.Record)
    assert 0.0 < hot.share < 1.0
    assert hot.step == record.elapsed
    times = record.data["time"].values
    reached = times[times <= record.elapsed - 20]
    assert hot.found.t == (reached[-1] if reached.size else None)
    told = subprocess.run([GLASSNET, "watch", str(folder)], capture_output=True, text=True, check=True, timeout=60)
    assert "nobody works on it here; to go on: glassnet resume" in " ".join(told.stdout.split())
    resumed = subprocess.Popen([GLASSNET, "resume", str(folder)], stdout=subprocess.DEVNULL)
    reader, writer = pty.openpty()
    watching = subprocess.Popen([GLASSNET, "watch", str(folder)], stdout=writer, stdin=writer, close_fds=True)
    os.close(writer)
    shown = b""
    while True:
        try:
            part = os.read(reader, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(reader)
    assert watching.wait(timeout=60) == 0
    assert resumed.wait(timeout=60) == 0
    assert b"complete" in shown
    assert b"tau_90" in shown


def test_what_cannot_be_watched_is_refused(tmp_path: Path) -> None:
    for path, message in ((tmp_path, "is not the folder of a run"), (Path(__file__), "was not written by glassnet")):
        done = subprocess.run([GLASSNET, "watch", str(path)], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 2
        assert message in " ".join(done.stderr.split())


def test_damaged_files_are_named_and_the_rest_is_shown(finished: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(finished, tmp_path / "run")
    unit = sorted((folder / "units").iterdir())[0]
    unit.write_bytes(unit.read_bytes()[:-40])
    look = Watch(folder).look()
    assert not look.complete
    assert [unit.name in problem for problem in look.problems] == [True]
