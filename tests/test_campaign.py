"""The long runs: every piece is a run that can be made, is kept once, and goes on where it was stopped."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from glassnet.runs.run import open_run
from glassnet.store.directory import canonical
from glassnet.store.lock import held
from studies.campaign import RunPiece, compute, pieces, standing
from studies.campaign_lock import refuse_beside_campaign
from studies.sweep import Sweep

ROOT = Path(__file__).parents[1]
MOST_FILE = 8 * 2**20
MOST_RUNS = 32 * 2**20

LISTS = ("temperatures", "replicas", "batch_sizes", "controls")
"""Fields in which pieces of one run may differ."""

SMALL = RunPiece(
    "relaxation-small",
    "T-0",
    0.1,
    "relaxation",
    "regularised",
    {
        "samples": 200,
        "width": 4,
        "epochs": 50,
        "replicas": 2,
        "temperatures": [0.0],
        "waiting_times": [3],
        "t_max": 20,
    },
)
SWEEP = Sweep(4, 0.1, n_samples=400, quench_epochs=250, looks=(1, 2), up=(0.01, 0.02, 600.0))


@dataclass
class Stopped:
    """A piece whose clock ends after so many ticks."""

    piece: RunPiece | Sweep
    ticks: int
    name: str = "stopped"
    hours: float = 1.0

    def kept(self, folder: Path) -> Path:
        return self.piece.kept(folder)

    def share(self, work: Path) -> float:
        return self.piece.share(work)

    def make(self, work: Path, kept: Path, tick: Callable[[], None]) -> None:
        def last() -> None:
            tick()
            self.ticks -= 1
            if self.ticks < 0:
                raise KeyboardInterrupt

        self.piece.make(work, kept, last)


@pytest.mark.parametrize("engine", ["cpu", "triton"])
def test_every_piece_is_a_valid_run_with_a_name_of_its_own(engine: str) -> None:
    found = pieces(engine)
    assert len({piece.kept(Path()) for piece in found}) == len({piece.name for piece in found}) == len(found)
    asked = [piece.asked()[0] for piece in found if isinstance(piece, RunPiece)]
    assert {one.engine for one in asked} == {engine}
    assert all(piece.hours <= 3.0 for piece in found)
    of_run: dict[str, set[str]] = {}
    for piece in (piece for piece in found if isinstance(piece, RunPiece)):
        rest = {name: value for name, value in piece.asked()[0].numbers.items() if name not in LISTS}
        of_run.setdefault(piece.run, set()).add(canonical(rest))
    assert {run: len(rests) for run, rests in of_run.items()} == dict.fromkeys(of_run, 1)


def test_a_piece_is_kept_once_and_never_written_again(tmp_path: Path) -> None:
    said: list[str] = []
    assert compute([SMALL], tmp_path / "work", tmp_path / "kept", None, said.append)
    file = SMALL.kept(tmp_path / "kept")
    before = file.read_bytes(), file.stat().st_mtime_ns
    assert open_run(file.parent).missing == ()
    assert compute([SMALL], tmp_path / "work", tmp_path / "kept", None, said.append)
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert len(said) == 2
    assert [state for _, state, _ in standing([SMALL], tmp_path / "work", tmp_path / "kept")] == [
        "finished, to be committed"
    ]


@pytest.mark.parametrize("piece", [SMALL, SWEEP], ids=["run", "sweep"])
def test_a_stopped_piece_goes_on_and_ends_alike(piece: RunPiece | Sweep, tmp_path: Path) -> None:
    whole, kept = tmp_path / "whole", tmp_path / "kept"
    assert compute([piece], tmp_path / "undisturbed", whole, None, lambda _: None)
    said: list[str] = []
    stops = 0
    while not compute([Stopped(piece, 2 + 4 * stops)], tmp_path / "work", kept, None, said.append):
        stops += 1
        assert not piece.kept(kept).exists()
        assert stops < 100
    assert stops >= 1
    assert "the same command goes on" in said[1]
    if isinstance(piece, Sweep):
        with np.load(piece.kept(whole), allow_pickle=False) as a, np.load(piece.kept(kept), allow_pickle=False) as b:
            assert all(np.array_equal(a[name], b[name]) for name in a.files)
    else:
        one, other = (open_run(piece.kept(folder)) for folder in (whole, kept))
        assert one.record.data.identical(other.record.data)


def test_the_clock_ends_it_before_the_next_piece(tmp_path: Path) -> None:
    said: list[str] = []
    assert not compute([SMALL], tmp_path / "work", tmp_path / "kept", -1.0, said.append)
    assert not (tmp_path / "kept").exists()
    states = [(state, hours) for _, state, hours in standing([SMALL], tmp_path / "work", tmp_path / "kept")]
    assert states == [("to do", 0.1)]


def test_a_sweep_keeps_losses_of_both_ways_and_turns_where_a_network_lives(tmp_path: Path) -> None:
    assert compute([SWEEP], tmp_path, tmp_path, None, lambda _: None)
    with np.load(SWEEP.kept(tmp_path), allow_pickle=False) as found:
        # At l2 = 600 a step of SGD leaves 0.4 of every weight, and two epochs are eight steps.
        assert found["l2"].tolist() == [0.01, 0.02, 600.0, 0.01]
        assert found["branch"].tolist() == [0, 0, 0, 1]
        assert found["data_loss"].shape == (4, 2, 8)
        np.testing.assert_allclose(found["data_loss"][2], 0.5, atol=1e-6)
        assert found["kept_l2"].tolist() == [0.01, 0.01]
        weights = found["kept_weights"].astype(float)
        norms = (found["singular_values"][[0, 3]] ** 2).sum((2, 3))
    # |W|^2 is the sum of squared singular values; float16 rounds each weight by 2^-11 at most.
    np.testing.assert_allclose((weights**2).sum(-1), norms, rtol=2.0**-9)


def test_speed_is_not_measured_beside_a_campaign(tmp_path: Path) -> None:
    lock = tmp_path / "campaign.lock"
    refuse_beside_campaign(lock)
    with held(lock, "the campaign"), pytest.raises(SystemExit, match=r"cannot be measured while .* stop it"):
        refuse_beside_campaign(lock)


def test_the_repository_stays_small() -> None:
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: what is tracked is unknown")
    sizes = {name: (ROOT / name).stat().st_size for name in listed.stdout.split("\0") if (ROOT / name).is_file()}
    assert {name for name, size in sizes.items() if size > MOST_FILE} == set()
    runs = sum(size for name, size in sizes.items() if name.endswith(".run.zip") or "/campaign/" in name)
    assert runs <= MOST_RUNS
