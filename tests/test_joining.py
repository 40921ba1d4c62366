"""Workers of another glassnet are refused by name, and the hash of the code that makes numbers."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, Event, LocalCluster
from tiny_runs import TINY, make, planned, tiny, units
from typer.testing import CliRunner

import glassnet as gn
from glassnet import _cpu
from glassnet.cli.commands import app
from glassnet.runs import distributed
from glassnet.runs.starting import begin
from glassnet.runs.verify import verify
from glassnet.store import RunDirectory
from glassnet.store.bits import bits, hash_of, identity, made_by

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PACKAGE = Path(gn.__file__).parent
SECONDS = 1200.0
"""After which a process is believed to hang; no speed is asserted."""

WORKER = """
import sys
# A glassnet that is installed in place finds itself before any folder.
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in type(finder).__module__]
sys.path.insert(0, sys.argv.pop(1))
from distributed.cli.dask_worker import main
main()
"""


def copied(folder: Path) -> Path:
    """A glassnet that can be doctored."""
    ignored = shutil.ignore_patterns("__pycache__", "data")
    shutil.copytree(PACKAGE, folder / "glassnet", ignore=ignored)
    shutil.copytree(PACKAGE / "datasets" / "data", folder / "glassnet" / "datasets" / "data", copy_function=os.link)
    assert _cpu.__file__ is not None
    shutil.copy(_cpu.__file__, folder / "glassnet")
    return folder / "glassnet"


def doctored(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


@contextmanager
def workers(address: str, *folders: Path) -> Iterator[None]:
    """A worker process for each folder, with the glassnet that is in it, once they have joined."""
    command = [sys.executable, "-c", WORKER]
    options = ["--no-nanny", "--no-dashboard", "--nthreads", "1", "--local-directory"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with Client(address, set_as_default=False) as client:
        n = len(client.nthreads())
        started = [subprocess.Popen([*command, str(f), address, *options, str(f)], **quiet) for f in folders]
        try:
            client.wait_for_workers(n + len(folders))
            yield
        finally:
            for process in started:
                process.kill()
                process.wait(SECONDS)


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A scheduler, and in this process one worker of one thread."""
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0"
    ) as made:
        yield made


@pytest.fixture(scope="module")
def others(cluster: LocalCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[set[str]]:
    """Workers of other glassnets: one whose recorder doubles moments, and one that is too old to be asked."""
    folder = tmp_path_factory.mktemp("glassnets")
    doctored(
        copied(folder / "doubling") / "simulate" / "recording.py",
        "self._layer_sums(power) / self._network",
        "2 * self._layer_sums(power) / self._network",
    )
    (copied(folder / "old") / "runs" / "joining.py").write_text("")
    with Client(cluster, set_as_default=False) as client:
        before = set(client.nthreads())
        with workers(cluster.scheduler_address, folder / "doubling", folder / "old"):
            yield set(client.nthreads()) - before


def test_workers_of_another_glassnet_get_no_task(cluster: LocalCluster, others: set[str], tmp_path: Path) -> None:
    request, refused = tiny(), list[str]()
    whole = units(make(request, tmp_path / "here" / "run").path)
    work, engine, directory = planned(request, tmp_path / "run"), request.make_engine(threads=1), tmp_path / "run"
    begin(RunDirectory(directory), request, engine, to_work=True)
    with Client(cluster, set_as_default=False) as client:
        # The good worker is kept busy until both others, which have nothing to do, are refused.
        released = Event(f"released-{tmp_path}", client=client)
        (good,) = set(client.nthreads()) - others
        busy = client.submit(released.wait, workers=[good], pure=False)

        def hear(text: str) -> None:
            refused.append(text)
            if len(refused) == len(others):
                assert units(directory) == {}
                released.set()

        distributed.run(work, engine, RunDirectory(directory), client, on_refused=hear)
        del busy
    assert units(directory) == whole
    assert {text.split()[2] for text in refused} == others
    assert all(text.startswith("The worker tcp://127.0.0.1:") for text in refused)
    (doubling,) = (text for text in refused if "cannot say" not in text)
    assert f", not {bits()[:12]}); install the same glassnet there as here and start the worker anew" in doubling
    (old,) = (text for text in refused if "cannot say" in text)
    assert "introduce" in old


@pytest.mark.long
def test_the_command_stops_where_no_worker_is_left(cluster: LocalCluster, others: set[str], tmp_path: Path) -> None:
    numbers = [word for name, value in TINY.items() for word in ("--set", f"{name}={json.dumps(value)}")]
    words = ["run", "relaxation", *numbers, "--output", str(tmp_path / "run"), "--scheduler", cluster.scheduler_address]
    cluster.scale(0)
    try:
        with Client(cluster, set_as_default=False) as client:
            while set(client.nthreads()) != others:
                client.sync(client.scheduler.identity)
            done = CliRunner().invoke(app, words)
    finally:
        cluster.scale(1)
    assert done.exit_code == 2
    assert units(tmp_path / "run") == {}
    *refused, last = done.stderr.splitlines()
    assert {line.split()[2] for line in refused} == others
    assert last.startswith("Error: no worker is left: all 2 workers have another glassnet (the worker tcp://127.0.0.1:")
    assert last.endswith("; what was done is kept, and the same command goes on")
    assert f"Scheduler {cluster.scheduler_address} is not encrypted" in done.stdout


def test_each_file_that_makes_numbers_counts_and_blanks_do_not(tmp_path: Path) -> None:
    folder = tmp_path / "glassnet"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__", "data", "*.so"))
    assert hash_of(folder, _cpu.sources) == bits() == identity()["bits"]
    assert hash_of(folder, _cpu.sources[::-1]) != bits()
    names = "random engines/cpu engines/gpu/kernels engines/tensors/session datasets/loading"
    for folder_name, files in {
        "landscape": "network loss surface autograd torch_network hessian",
        "simulate": "state ensemble dynamics grids axes labelled statistic noise_sum "
        "recording record measurement continuing verbs",
        "runs": "runner point",
        "store": "carried files observed",
    }.items():
        names += "".join(f" {folder_name}/{file}" for file in files.split())
    for name in names.split():
        file = folder / f"{name}.py"
        text = file.read_bytes()
        file.write_bytes(text.replace(b"\n", b" \t\r\n"))
        assert hash_of(folder, _cpu.sources) == bits(), name
        file.write_bytes(text + b"x = 1\n")
        assert hash_of(folder, _cpu.sources) != bits(), name
        file.write_bytes(text)
    (folder / "engines" / "another.py").touch()
    assert hash_of(folder, _cpu.sources) != bits()


def test_the_extension_carries_the_hash_of_its_sources() -> None:
    root = Path(__file__).parents[1]
    files = [*sorted(path for kind in ("cpp", "hpp") for path in (root / "src/cpp").glob(f"*.{kind}"))]
    files = [*sorted(files), root / "CMakeLists.txt"]
    hashes = [(path, hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()) for path in files]
    text = "".join(f"{path.relative_to(root)} {one}\n" for path, one in hashes)
    assert hashlib.sha256(text.encode()).hexdigest() == _cpu.sources


def test_a_run_says_which_code_made_it(tmp_path: Path) -> None:
    path = make(tiny(), tmp_path / "run").path
    directory = RunDirectory(path)
    (session,) = directory.describe()["sessions"]
    assert session["bits"] == bits()
    runner, another = CliRunner(), "0" * 64
    without = {name: value for name, value in session.items() if name != "bits"}
    for sessions, said in (
        ([session], f"this code, {bits()[:12]}"),
        ([without], "not recorded"),
        ([{**session, "bits": another}], f"other code, {another[:12]} (here {bits()[:12]})"),
        (
            [session, without, {**session, "bits": another}],
            f"1 session: this code, {bits()[:12]}; 1 session: other code, {another[:12]} (here {bits()[:12]}); "
            "1 session: not recorded",
        ),
    ):
        directory.write_description({**directory.describe(), "sessions": sessions})
        found = verify(path)
        assert (found.code, found.damaged) == (said, ())
    for command in ("verify", "show"):
        done = runner.invoke(app, [command, str(path)])
        assert done.exit_code == 0
        assert said in done.output


@pytest.mark.parametrize("sessions", [None, [], 3, [None], [{"bits": 5}], [{"bits": "\x1b[2J"}], {"bits": "0" * 64}])
def test_a_session_that_says_nothing_sound_is_not_recorded(sessions: Any) -> None:
    assert made_by(sessions) == "not recorded"
