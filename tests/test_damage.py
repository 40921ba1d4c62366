"""Runs that are killed, and stores that are damaged: never a wrong number, and no more work than was hit."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from program import Paced, Said, glassnet
from tiny_runs import make, planned, tiny, units

import glassnet as gn
from glassnet.runs.pictures import draw_run
from glassnet.runs.plan import left
from glassnet.runs.run import open_run
from glassnet.runs.runner import Update, run
from glassnet.runs.runner import make as make_block
from glassnet.runs.starting import begin
from glassnet.runs.table import write_summary
from glassnet.runs.verify import verify
from glassnet.store import RunDirectory

LONG = shlex.split(
    "--samples 200 --width 4 --replicas 2 --waiting-time 5 --epochs 3000 --t-max 20000 --chi 300 "
    "--temperature 0.1 --temperature 0 --checkpoint-every 0"
)
LONG_NUMBERS: dict[str, Any] = {"epochs": 3000, "t_max": 20_000, "waiting_times": [5], "chi": [300.0]}


@pytest.fixture
def finished(tiny_run: Path, tmp_path: Path) -> Path:
    """The folder of a finished run of six units."""
    return shutil.copytree(tiny_run, tmp_path / "run")


def damages(content: bytes) -> Iterator[bytes]:
    """The content with a bit flipped at its ends and at random places, cut short, emptied, and grown."""
    rng = np.random.default_rng(len(content))
    for at in (0, len(content) - 1, *rng.integers(len(content), size=2)):
        yield content[:at] + bytes([content[at] ^ (1 << int(rng.integers(8)))]) + content[at + 1 :]
    yield content[: int(rng.integers(1, len(content)))]
    yield b""
    yield content + b"\0"


def test_each_damaged_unit_is_named_and_made_again_alone(finished: Path) -> None:
    whole = units(finished)
    for name, content in whole.items():
        for broken in damages(content):
            (finished / "units" / name).write_bytes(broken)
            found = verify(finished)
            assert (found.n_complete, len(found.damaged)) == (5, 1)
            assert name in found.damaged[0]
            with pytest.raises(ValueError, match=name):
                _ = [open_run(finished).records, open_run(finished).quenched]
            work = planned(tiny(), finished)
            make(tiny(), finished)
            assert [len(block.members) for block in work.blocks] == [1]
            assert name in work.notes[0]
            assert units(finished) == whole
    assert verify(finished).n_complete == 6


def read_whole(path: Path) -> list[str]:
    """What is said of a run that is read from one end to the other; errors as they come."""
    found = verify(path)
    in_last_digits = [found.summary] if "last digits" in found.summary else []
    return [*found.damaged, *map(str, found.left_over), *in_last_digits]


def test_every_damage_of_any_file_of_a_run_is_named_and_mended_by_what_it_hit_alone(finished: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        make(tiny(epochs=20_000), finished.parent / "under-way", stop_in_the_quench)
    for checkpoint in (finished.parent / "under-way" / "checkpoints").iterdir():
        (finished / "checkpoints" / checkpoint.name).write_bytes(checkpoint.read_bytes())
    run_ = open_run(finished)
    write_summary(run_)
    draw_run(run_, finished / "figures", ["png"])
    assert read_whole(finished) == []
    whole = {path: path.read_bytes() for path in sorted(finished.rglob("*")) if path.is_file()}
    kinds = {path.relative_to(finished).parts[0] for path in whole}
    assert kinds == {"run.json", "units", "checkpoints", "summary.json", "summary.csv", "figures"}
    rng = np.random.default_rng(3)
    for path, content in whole.items():
        at = int(rng.integers(len(content)))
        flipped = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        for broken in (content[: len(content) // 2], flipped, b""):
            path.write_bytes(broken)
            if path.name == "run.json":
                with pytest.raises(ValueError, match=r"run\.json"):
                    verify(finished)
                path.write_bytes(content)
                continue
            assert [path.name in problem for problem in read_whole(finished)] == [True], (path, at)
            hit = planned(tiny(), finished)
            n_made = sum(len(block.members) for block in hit.blocks)
            assert n_made == (path.parent.name == "units"), path
            if path.parent.name == "checkpoints":
                assert any(path.name in note for note in hit.notes)
                path.write_bytes(content)
                continue
            if n_made:
                assert path.name in hit.notes[0]
                run(hit, tiny().make_engine(), RunDirectory(finished))
                for checkpoint in (p for p in whole if p.parent.name == "checkpoints"):
                    checkpoint.write_bytes(whole[checkpoint])
            elif path.parent.name == "figures":
                path.write_bytes(content)
            else:
                write_summary(open_run(finished))
            assert path.read_bytes() == content
    for path in (finished / "figures").iterdir():
        path.write_bytes(b"")
    draw_run(open_run(finished), finished / "figures", ["png"])
    assert read_whole(finished) == []


def test_a_summary_of_other_numbers_is_found_and_made_again(finished: Path) -> None:
    write_summary(open_run(finished))
    sound = (finished / "summary.csv").read_bytes()
    assert verify(finished).summary == "2 of 2 files say what the units say"
    tables = json.loads((finished / "summary.json").read_text())
    tables["temperatures"][0]["q"] += 1e-6
    (finished / "summary.json").write_text(json.dumps(tables))
    (finished / "summary.csv").write_bytes(sound.replace(b"0.", b"1.", 1))
    assert [Path(one.split()[0]).name for one in verify(finished).damaged] == ["summary.json", "summary.csv"]
    done = glassnet("resume", finished)
    assert done.returncode == 0, done.stderr
    assert verify(finished).damaged == ()


def test_a_damaged_description_is_refused_by_name(finished: Path) -> None:
    content = (finished / "run.json").read_bytes()
    for broken in damages(content.rstrip()):
        (finished / "run.json").write_bytes(broken)
        if broken.rstrip(b"\0") == content.rstrip():  # JSON with something behind it
            continue
        with pytest.raises(ValueError, match=r"run\.json"):
            open_run(finished)
        with pytest.raises(ValueError, match=r"run\.json"):
            make(tiny(), finished)
    # All that was computed is still there for a run beside it.
    beside = finished.with_name("beside")
    (finished / "run.json").write_bytes(content)
    assert not planned(tiny(), beside).blocks
    make(tiny(), beside)
    assert units(beside) == units(finished)


def test_units_that_changed_places_are_found(finished: Path) -> None:
    first, second = sorted((finished / "units").iterdir())[:2]
    whole = units(finished)
    first.write_bytes(whole[second.name])
    assert "holds another unit than its name says" in verify(finished).damaged[0]
    make(tiny(), finished)
    assert units(finished) == whole


def test_what_is_there_is_counted(finished: Path) -> None:
    shorter = finished.with_name("other")
    make(tiny(), shorter)
    begin(RunDirectory(shorter), tiny(t_max=60, replicas=3), tiny().make_engine(), to_work=True)
    (shorter / "units" / "left.zarr.zip.123.part").touch()
    found = verify(shorter)
    assert (found.n_asked, found.n_complete, found.n_begun, found.n_others) == (9, 2, 4, 0)
    assert [path.name for path in found.left_over] == ["left.zarr.zip.123.part"]
    with pytest.raises(FileNotFoundError, match="is not the folder of a run"):
        verify(finished.parent)


def test_the_command_says_what_is_damaged(finished: Path) -> None:
    sound = glassnet("verify", finished)
    assert (sound.returncode, "6 of 6 complete and sound" in sound.stdout) == (0, True)
    victim = sorted((finished / "units").iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:-1])
    damaged = glassnet("verify", finished)
    assert damaged.returncode == 1
    assert f"{victim} is damaged" in damaged.stderr
    assert f"glassnet resume {finished}" in damaged.stderr


@pytest.mark.long
def test_a_run_killed_at_random_moments_ends_with_the_same_bits(tmp_path: Path) -> None:
    make(tiny(**LONG_NUMBERS), tmp_path / "whole")
    whole, rng = units(tmp_path / "whole"), np.random.default_rng(50)
    broken, n_finished = tmp_path / "broken0/run", 0
    for _ in range(50):
        with paced(broken) as process:
            # It has leave for more updates than are waited for, so that the kill finds it at work.
            n_heard = int(rng.integers(1, 200))
            process.let_on(n_heard + int(rng.integers(1, 5)))
            at_work = all(process.update() for _ in range(n_heard))
            process.process.kill()
        if not at_work:
            assert verify(broken).damaged == ()
            assert units(broken) == whole
            n_finished += 1
            broken = tmp_path / f"broken{n_finished}/run"
    assert n_finished < 30
    with paced(broken) as process:
        assert process.ended().returncode == 0
    assert units(broken) == whole
    assert not list(broken.rglob("*.part"))


def command(folder: Path) -> list[str]:
    return ["run", "relaxation", *LONG, "--output", str(folder)]


def paced(folder: Path) -> Paced:
    return Paced(*command(folder))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"a file system of limited size cannot be had here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> None:
    """Write until nothing more goes in."""
    with suppress(OSError), (disk / "other").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@pytest.mark.long
def test_a_full_disk_costs_nothing_that_was_done(small_disk: Path, tmp_path: Path) -> None:
    make(tiny(**LONG_NUMBERS), tmp_path / "whole")
    with paced(small_disk / "run") as process:
        process.hold_in("Langevin")
        fill(small_disk)
        full = process.ended()
    refused_clearly(full, "No space left on device")
    found = verify(small_disk / "run")
    assert not found.damaged
    assert 0 < found.n_complete < found.n_asked
    refused_clearly(glassnet(*command(small_disk / "run")), f"the disk of {small_disk}/run must have ")
    (small_disk / "other").unlink()
    again = glassnet(*command(small_disk / "run"))
    assert again.returncode == 0
    assert f"{found.n_asked} units: {found.n_complete} done" in again.stdout
    assert units(small_disk / "run") == units(tmp_path / "whole")


def refused_clearly(said: Said, why: str) -> None:
    assert said.returncode == 2
    assert why in said.stderr
    assert "Traceback" not in said.stderr


def stop_in_the_quench(update: Update) -> None:
    """A listener that stops a run, as Ctrl-C does, as soon as it has moved."""
    if update.block.label == "quench" and 0 < update.done < update.total:
        raise KeyboardInterrupt


def test_a_checkpoint_that_another_process_went_on_with_is_gone_on_from_where_it_stands(tmp_path: Path) -> None:
    request = tiny(epochs=20_000, t_max=20)
    make(request, tmp_path / "apart" / "whole")
    with pytest.raises(KeyboardInterrupt):
        make(request, tmp_path / "run", stop_in_the_quench)
    planned_before = planned(request, tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        make(request, tmp_path / "run", stop_in_the_quench)
    assert planned(request, tmp_path / "run").blocks[0].n_steps < planned_before.blocks[0].n_steps
    run(planned_before, request.make_engine(), RunDirectory(tmp_path / "run"))
    assert units(tmp_path / "run") == units(tmp_path / "apart" / "whole")


def test_each_replica_goes_on_from_where_it_is_furthest(tmp_path: Path) -> None:
    request = tiny(epochs=20_000, t_max=20, replicas=4)
    with pytest.raises(KeyboardInterrupt):
        make(request, tmp_path, stop_in_the_quench)
    together, *_ = planned(request, tmp_path).blocks
    alone = replace(together, members=together.members[:1])
    with pytest.raises(KeyboardInterrupt):
        make_block(alone, request.make_engine(), RunDirectory(tmp_path), on_update=stop_in_the_quench)
    assert together.end is not None
    again = [block for block in planned(request, tmp_path).blocks if block.label == "quench"]
    assert sorted(len(block.members) for block in again) == [1, 3]
    for block in again:
        assert (block.end == together.end) == (len(block.members) == 3)
    assert [block.end for block in left(alone, request.make_engine(), RunDirectory(tmp_path))] == [
        block.end for block in again if len(block.members) == 1
    ]


def test_a_run_that_died_before_its_description_was_written_is_begun_again(tmp_path: Path) -> None:
    request, directory = tiny(), RunDirectory(tmp_path / "run")
    (tmp_path / "run" / "run.json").mkdir(parents=True)  # so that the description cannot be put in place
    with pytest.raises(OSError, match=r"run\.json"):
        directory.write_description({})
    (tmp_path / "run" / "run.json").rmdir()
    assert not directory.exists
    make(request, tmp_path / "run")


def test_a_file_of_another_kind_among_the_checkpoints_is_named_and_not_used(finished: Path) -> None:
    quenched = open_run(finished).quenched
    gn.save(quenched, finished / "checkpoints" / "foreign.zarr.zip")
    assert "foreign.zarr.zip" in verify(finished).damaged[0]
    (finished / "units" / next(iter(units(finished)))).unlink()
    work = planned(tiny(), finished)
    assert "foreign.zarr.zip" in work.notes[0]
    assert all(block.checkpoint is None for block in work.blocks)
