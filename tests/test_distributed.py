"""Runs on the workers of a Dask cluster: real ones, killed where it matters, and always the same bits."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from distributed import Client, LocalCluster
from program import Said, glassnet, started, until
from tiny_runs import TINY, make, planned, tiny, units

import glassnet as gn
from glassnet.cli.workers import Where, place
from glassnet.cli.working import refusing
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.runs import distributed
from glassnet.runs.experiment import Experiment
from glassnet.runs.plan import left
from glassnet.runs.run import open_run
from glassnet.runs.runner import Update
from glassnet.runs.starting import begin
from glassnet.store import RunDirectory

# Workers that are killed leave sockets and a nanny's process objects to the garbage collector of this process.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

LONGER: dict[str, Any] = {"t_max": 20_000, "chi": [300]}
"""Long enough that what is done to a task at its first sign of life finds it at work."""


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """Two workers of one thread each, processes under nannies."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as made:
        yield made


@pytest.fixture(scope="session")
def client(cluster: LocalCluster) -> Iterator[Client]:
    with Client(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The units of the longer run, made by one process."""
    path = tmp_path_factory.mktemp("whole") / "run"
    make(tiny(**LONGER), path)
    return units(path)


def make_on(
    client: Client,
    request: Experiment,
    path: Path,
    on_update: Callable[[Update], None] = lambda update: None,
    checkpoint_every: float = 0.0,
) -> None:
    """Have workers make what is missing."""
    work, engine, directory = planned(request, path), request.make_engine(threads=1), RunDirectory(path)
    begin(directory, request, engine, to_work=True)
    distributed.run(work, engine, directory, client, on_update=on_update, checkpoint_every=checkpoint_every)


def test_workers_find_a_users_own_data_in_the_folder(client: Client, tmp_path: Path) -> None:
    features = np.random.default_rng(1).normal(size=(90, 3))
    own = gn.read_dataset((features, features[:, 0] > 0))
    request = Relaxation.preset(
        own, "demo", {name: value for name, value in TINY.items() if name != "samples"}, phase="regularised"
    )
    make_on(client, request, tmp_path / "a" / "run")
    assert units(tmp_path / "a" / "run") == units(make(request, tmp_path / "b" / "run").path)


def in_the_middle(do: Callable[[], None]) -> Callable[[Update], None]:
    """A listener that does something once, while replicas move in the last stage."""
    pending = [do]

    def listen(update: Update) -> None:
        if "Langevin" in update.block.label and 0 < update.done < update.total and pending:
            pending.pop()()

    return listen


def stop() -> None:
    raise KeyboardInterrupt


def test_workers_make_the_same_bits_and_say_how_far_they_are(
    client: Client, whole: dict[str, bytes], tmp_path: Path
) -> None:
    heard: list[Update] = []
    make_on(client, tiny(**LONGER), tmp_path / "run", heard.append)
    assert units(tmp_path / "run") == whole
    assert not [*tmp_path.rglob("*.part"), *(tmp_path / "run/checkpoints").iterdir()]
    assert {update.block.label for update in heard if update.stored} == {"quench", "Langevin T = 0", "Langevin T = 0.1"}
    assert all(update.done == update.total for update in heard if update.stored)
    assert any(0 < update.done < update.total for update in heard)


@pytest.mark.long
def test_a_killed_worker_costs_no_bit(client: Client, whole: dict[str, bytes], tmp_path: Path) -> None:
    def kill() -> None:
        os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)

    make_on(client, tiny(**LONGER), tmp_path / "run", in_the_middle(kill))
    assert units(tmp_path / "run") == whole


def test_what_is_stopped_on_workers_goes_on_without_them_and_back(
    client: Client, whole: dict[str, bytes], tmp_path: Path
) -> None:
    there, here = tmp_path / "there/run", tmp_path / "here/run"
    with pytest.raises(KeyboardInterrupt):
        make_on(client, tiny(**LONGER), there, in_the_middle(stop), checkpoint_every=1000.0)
    # Tasks that were cancelled keep a checkpoint of their own accord.
    until(lambda: any((there / "checkpoints").glob("*.zip")))
    with pytest.raises(KeyboardInterrupt):
        make(tiny(**LONGER), here, in_the_middle(stop))
    assert {block.end is not None for block in planned(tiny(**LONGER), here).blocks} == {True, False}
    make_on(client, tiny(**LONGER), here)
    make(tiny(**LONGER), there)
    assert units(there) == units(here) == whole


def test_a_task_looks_again_at_what_is_there(tmp_path: Path) -> None:
    request, directory = tiny(**LONGER), RunDirectory(tmp_path / "run")
    engine = request.make_engine()
    quench, *_ = planned(request, directory.path).blocks
    with pytest.raises(KeyboardInterrupt):
        make(request, directory.path, in_the_middle(stop))
    assert left(quench, engine, directory) == []
    begun, untouched = planned(request, directory.path).blocks
    assert begun.checkpoint is not None
    assert left(replace(begun, end=None, checkpoint=None), engine, directory) == [begun]
    assert left(untouched, engine, directory) == [untouched]
    make(request, directory.path)
    assert left(begun, engine, directory) == left(untouched, engine, directory) == []


def test_an_error_of_a_task_is_one_line_here(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run"
    with pytest.raises(typer.Exit), refusing():
        make_on(client, tiny(), path, lambda update: (path / "run.json").unlink(missing_ok=True))
    said = capsys.readouterr().err
    assert said.startswith("Error: output must be a folder that every worker sees, but the worker tcp://")
    assert said.count("\n") == 1


@pytest.mark.long
def test_workers_use_the_torch_engine_or_say_why_they_do_not(client: Client, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed (pip install 'glassnet[torch]')")
    request = tiny(engine="torch")
    make_on(client, request, tmp_path / "there" / "run")
    make(request, tmp_path / "here" / "run")
    there, here = (open_run(tmp_path / name / "run") for name in ("there", "here"))
    np.testing.assert_allclose(there.quenched.weights, here.quenched.weights, rtol=0, atol=1e-5)
    directory, engine = RunDirectory(tmp_path / "other" / "run"), request.make_engine(threads=1)
    begin(directory, request, engine, to_work=True)
    device = {**directory.describe()["engine"], "version": "1 of another device"}
    directory.write_description({**directory.describe(), "engine": device})
    wrong = r"for the engines torch and triton its kind of device, but for the worker tcp://.* it has engine.version"
    with pytest.raises(ValueError, match=wrong):
        distributed.run(planned(request, directory.path), engine, directory, client)


@contextmanager
def apart(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler that forgives no worker's death, and one worker, as processes of their own; and its address."""
    file = folder / "scheduler.json"
    environment = {**os.environ, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    about = ["--scheduler-file", str(file), "--no-dashboard"]
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", *about]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    scheduler = subprocess.Popen(command, **quiet)
    command = [sys.executable, "-m", "distributed.cli.dask_worker", "--nthreads", "1", *about]
    until(lambda: file.exists() and bool(file.read_bytes()))
    worker = subprocess.Popen([*command, "--local-directory", str(folder)], **quiet)
    try:
        yield json.loads(file.read_bytes())["address"], scheduler
    finally:
        scheduler.kill()
        worker.send_signal(signal.SIGTERM)
        scheduler.wait()
        worker.wait()


@pytest.mark.long
def test_a_lost_worker_or_scheduler_is_said_and_gone_on_from(whole: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "run"
    with apart(tmp_path) as (address, scheduler), Client(address) as client:

        def kill_worker() -> None:
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)

        with pytest.raises(ChildProcessError, match="1 workers died while they worked on Langevin"):
            make_on(client, tiny(**LONGER), path, in_the_middle(kill_worker))
        with pytest.raises(ConnectionError, match="the scheduler was lost: what was done is kept"):
            make_on(client, tiny(**LONGER), path, in_the_middle(scheduler.kill))
    assert units(path) != whole
    make(tiny(**LONGER), path)
    assert units(path) == whole


def command(path: Path, *options: str, **changes: Any) -> list[str]:
    numbers = {**TINY, **LONGER, **changes}
    given = [("temperature", t) for t in numbers.pop("temperatures")]
    given += [("waiting-time", t) for t in numbers.pop("waiting_times")] + [("chi", x) for x in numbers.pop("chi")]
    given += [(name.replace("_", "-"), value) for name, value in numbers.items()]
    words = [word for name, value in given for word in (f"--{name}", str(value))]
    return ["run", "relaxation", *words, "--output", str(path), *options]


def test_the_command_stops_cleanly_and_goes_on(
    cluster: LocalCluster, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = command(tmp_path / "run", "--scheduler", cluster.scheduler_address, "--checkpoint-every", "0")
    press, tell = in_the_middle(lambda: signal.raise_signal(signal.SIGINT)), distributed._Handing._tell

    def tell_and_press(self: Any, key: str, left: int) -> None:
        hear = self._on_update
        self._on_update = lambda update: (hear(update), press(update))
        tell(self, key, left)
        self._on_update = hear

    monkeypatch.setattr(distributed._Handing, "_tell", tell_and_press)
    first = glassnet(*words)
    assert (first.returncode, first.stderr.count("\n")) == (130, 1)
    again = shlex.join(["glassnet", *words])
    assert f"Stopped. What was done is kept in {tmp_path}/run; to go on: {again}" in first.stderr
    done = glassnet(*words)
    assert done.returncode == 0, done.stderr
    assert "On workers: 2, with 2 threads together" in done.stdout
    assert units(tmp_path / "run") == whole
    estimate = glassnet(*command(tmp_path / "other/run", "--scheduler", cluster.scheduler_address, "--dry-run"))
    assert "on 2 workers with 2 threads together, each as fast as a core here" in estimate.stdout


@pytest.mark.long
def test_a_command_without_workers_says_that_it_waits(tmp_path: Path) -> None:
    with LocalCluster(n_workers=0, dashboard_address=":0") as empty:
        waiting = started(*command(tmp_path / "run", "--scheduler", empty.scheduler_address))
        assert waiting.stdout is not None
        said_so = any(re.fullmatch(r"No worker for 0:00:\d\d: waiting for one\n", line) for line in waiting.stdout)
        waiting.send_signal(signal.SIGINT)
        waiting.communicate()
    assert said_so
    assert waiting.returncode == 130


def test_a_scheduler_that_does_not_answer_is_refused_before_any_work(tmp_path: Path) -> None:
    for address in ("tcp://127.0.0.1:1", "nowhere"):
        done = glassnet(*command(tmp_path / "run", "--scheduler", address))
        assert done.returncode == 2
        assert done.stderr.startswith(
            f"Error: scheduler must be the address of a running Dask scheduler, but got {address}: "
        )
        assert done.stderr.count("\n") == 1
        assert not (tmp_path / "run").exists()


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="there may be a GPU here")
def test_a_gpu_that_only_workers_have_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("triton", reason="Triton is not installed")
    done = glassnet(*command(tmp_path / "run", "--engine", "triton", "--scheduler", "tcp://127.0.0.1:1"))
    assert done.returncode == 2
    assert done.stderr.startswith("Error: engine 'triton' with workers needs their kind of device where the command")
    assert done.stderr.count("\n") == 1


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = glassnet(*command(tmp_path / "run", "--scheduler", "tcp://127.0.0.1:1"))
    assert (done.returncode, done.stderr) == (
        2,
        'Error: scheduler needs distributed and dask-jobqueue: pip install "glassnet[distributed]"\n',
    )


@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        (("tcp://a:1", "slurm", 2), "scheduler and cluster must not both be given"),
        ((None, None, 2), "workers must be given with --cluster only, but got 2"),
        ((None, "slurm", None), "workers must say how many"),
        ((None, "slurm", 0), "workers must be an integer >= 1, but got 0"),
        ((None, "abacus", 2), "cluster must be .*slurm.*abacus"),
    ],
)
def test_options_that_do_not_fit_are_refused(where: tuple[str | None, str | None, int | None], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        place(Where(*where))


SBATCH = """#!/bin/sh
# What Slurm's command does, on this machine and at once: keeps the script, which its owner removes, and names the job.
kept=$(mktemp)
cp "$1" "$kept"
setsid sh -c 'exec bash "$1" > /dev/null 2>&1' job "$kept" &
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/sh
kill -TERM -- "-$1"
"""


def said(words: list[str], **environment: str) -> Said:
    with started(*words, env={**os.environ, **environment}) as process:
        out, err = process.communicate()
    return Said(process.returncode, out, err)


@pytest.mark.long
def test_a_slurm_cluster_is_asked_for_jobs(whole: dict[str, bytes], tmp_path: Path) -> None:
    for name, script in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "jobqueue.yaml").write_text(
        "jobqueue: {slurm: {cores: 2, processes: 2, memory: 2GB, queue: short, walltime: '00:10:00', interface: lo}}"
    )
    slurm = command(tmp_path / "run", "--cluster", "slurm", "--workers", "2")
    no_jobs = said([*slurm, "--dry-run"], DASK_CONFIG=str(tmp_path / "none"))
    assert "Error: cluster slurm needs jobqueue.slurm.cores and jobqueue.slurm.memory" in no_jobs.stderr
    estimate = said([*slurm, "--dry-run"], DASK_CONFIG=str(tmp_path / "jobqueue.yaml"))
    assert "#SBATCH -p short" in estimate.stdout
    assert "--nworkers 2" in estimate.stdout
    assert "on 2 workers with 2 threads together" in estimate.stdout
    no_slurm = said(slurm, DASK_CONFIG=str(tmp_path / "jobqueue.yaml"))
    assert "sbatch is not found here" in no_slurm.stderr
    assert not (tmp_path / "run").exists()
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = said(slurm, DASK_CONFIG=str(tmp_path / "jobqueue.yaml"), PATH=path)
    assert done.returncode == 0, done.stderr
    assert units(tmp_path / "run") == whole
