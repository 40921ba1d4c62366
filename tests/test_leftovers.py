"""Files that killed writers left half written: they are seen, and removed, and those of living writers are not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_runs import make, tiny
from typer.testing import CliRunner

import glassnet as gn
from glassnet.cli.commands import app
from glassnet.figures import style
from glassnet.runs import verify as verification
from glassnet.runs.condense import condense
from glassnet.store import placing

pytestmark = pytest.mark.long  # each starts processes

STORE = str(Path(placing.__file__).parent)

KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.append(sys.argv[2])
import placing
# Killed where it matters: all is written, and not yet in place.
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
placing.write_bytes(Path(sys.argv[1]), b"half of it")
"""

WAITING = KILLED.replace("os.kill(os.getpid(), signal.SIGKILL)", "(print('written', flush=True), sys.stdin.read())")


def kill_a_writer_of(path: Path) -> Path:
    """The part that is left of a file."""
    before = set(path.parent.iterdir())
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), STORE], check=False)
    assert done.returncode == -signal.SIGKILL
    (part,) = set(path.parent.iterdir()) - before
    assert part.suffix == ".part"
    return part


def draw(path: Path) -> None:
    figure, _ = style.new_figure(1, 1)
    style.save(figure, path, title="t", description="d")


def save(path: Path) -> None:
    gn.save(gn.Ensemble.random(gn.Mlp(2, 3, 1), 1), path)


@pytest.mark.parametrize("write", [draw, save, lambda path: placing.write_bytes(path, b"page")])
def test_writing_the_same_file_again_removes_what_a_killed_writer_left(write: object, tmp_path: Path) -> None:
    path, other = tmp_path / "file.png", tmp_path / "file.png.other"
    part, of_another = kill_a_writer_of(path), kill_a_writer_of(tmp_path / "other.png")
    other.write_bytes(b"a user's own")
    assert callable(write)
    write(path)
    assert not part.exists()
    assert of_another.exists()
    assert other.read_bytes() == b"a user's own"


def test_the_part_of_a_living_writer_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    command = [sys.executable, "-c", WAITING, str(path), STORE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        (part,) = tmp_path.iterdir()
        assert placing.left_over(tmp_path) == []
        placing.write_bytes(path, b"of another")
        assert part.exists()
        process.communicate("")
    assert process.returncode == 0
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("file", b"half of it")]


def test_verify_names_what_is_left_over_in_a_run_and_of_its_condensed_file(tmp_path: Path) -> None:
    run = make(tiny(epochs=2), tmp_path / "run")
    (run.path / "figures").mkdir()
    condense(run, tmp_path / "run.run.zip")
    left = [
        kill_a_writer_of(run.path / name)
        for name in ("figures/overlap.png", "units/a.zarr.zip", "checkpoints/b.zarr.zip", "summary.json", "run.json")
    ]
    old = run.path / "figures" / ".history.png.0123456789abcdef.partial"  # as earlier versions called them
    old.touch()
    of_the_file = kill_a_writer_of(tmp_path / "run.run.zip")
    found = verification.verify(run.path)
    assert found.damaged == ()
    assert set(found.left_over) == {*left, old, of_the_file}
    said = CliRunner().invoke(app, ["verify", str(run.path)])
    assert said.exit_code == 0
    assert all(f"Left over: {path}" in said.stdout for path in (*left, old, of_the_file))
    assert verification.verify(tmp_path / "run.run.zip").left_over == (of_the_file,)
    condense(run, tmp_path / "run.run.zip")
    make(tiny(epochs=2), run.path)
    assert verification.verify(run.path).left_over == ()
    assert not [*tmp_path.rglob("*.part"), *tmp_path.rglob(".*.partial")]


def test_a_run_that_is_taken_up_sweeps_and_one_that_ends_does_not_take_from_living_writers(tmp_path: Path) -> None:
    make(tiny(epochs=2), tmp_path / "run")
    part = kill_a_writer_of(tmp_path / "run" / "units" / "a.zarr.zip")
    running = placing._begun(tmp_path / "run" / "units" / "b.zarr.zip")
    make(tiny(epochs=2), tmp_path / "run")
    assert (part.exists(), running[1].exists()) == (False, True)
    os.close(running[0])
    assert placing.left_over(tmp_path / "run") == [running[1]]


def test_a_part_of_another_machine_is_left_until_it_is_old(tmp_path: Path) -> None:
    # Locks of other machines are not seen on every network file system.
    part = tmp_path / "file.01234567-0123456789abcdef.part"
    part.touch()
    assert placing.left_over(tmp_path) == []
    long_ago = time.time() - 2 * placing._ABANDONED_SECONDS
    os.utime(part, (long_ago, long_ago))
    assert placing.left_over(tmp_path) == [part]


def test_a_name_as_long_as_names_may_be_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    placing.write_bytes(path, b"content")
    assert path.read_bytes() == b"content"
