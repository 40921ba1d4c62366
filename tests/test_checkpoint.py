"""Checkpoints of the verbs: a script that was killed and is run again ends with the bits of one that was not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet.engines import Cpu, Reference, Torch

LANDSCAPE = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4, seed=3), gn.QuadraticHinge(l2=[1e-2, 0.0, 1e-2]))
START = gn.Ensemble.random(LANDSCAPE.network, 3)
LANGEVIN = gn.Langevin([1e-3, 0.0, 1e-3], 1e-2)
SGD = gn.Sgd(1e-2, 7)
TEST = gn.random_dataset(20, 4, seed=9)
N_STEPS = 3000
TIMES = np.array([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, N_STEPS])


def evolve(path: Path | None, n_steps: int = N_STEPS, **changes: Any) -> gn.Ensemble:
    asked: dict[str, Any] = {"ensemble": START, "landscape": LANDSCAPE, "dynamics": LANGEVIN, "engine": Cpu(2)}
    return gn.evolve(n_steps=n_steps, checkpoint=path, **(asked | changes))


def measure(path: Path | None, **changes: Any) -> gn.Record:
    asked: dict[str, Any] = {"ensemble": START, "landscape": LANDSCAPE, "dynamics": LANGEVIN, "engine": Cpu(2)}
    recorded = {"times": TIMES, "chi": [20, 50], "waiting_times": [0, 100], "snapshots": [100], "test": TEST}
    return gn.measure(checkpoint=path, **(asked | recorded | changes))


def assert_same(one: gn.Ensemble | gn.Record, other: gn.Ensemble | gn.Record) -> None:
    assert type(one) is type(other)
    if isinstance(one, gn.Record) and isinstance(other, gn.Record):
        assert one.data.identical(other.data)
        assert one.references.tobytes() == other.references.tobytes()
        assert_same(one.ensemble, other.ensemble)
        return
    assert isinstance(one, gn.Ensemble)
    assert isinstance(other, gn.Ensemble)
    assert one.network == other.network
    for name in ("weights", "seed", "origin", "noise", "step", "alive"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
    assert one.state == other.state


class Stop:
    """Stops a verb by an error of its own once a share of the work is done."""

    def __init__(self, share: float, error: type[BaseException]) -> None:
        self.share, self.error = share, error

    def __call__(self, progress: gn.Progress[Any]) -> None:
        if progress.done > self.share * progress.total:
            raise self.error


def state_of(path: Path) -> int:
    """How many steps a checkpoint has made."""
    value = gn.load(path)
    return value.elapsed if isinstance(value, gn.Record) else int(value.step.max())


CHILD = """
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
import test_checkpoint as t
from glassnet.store import checkpoint
from glassnet.engines import Cpu

checkpoint._SECONDS, checkpoint._SHARE = 0.0, float("inf")

def wait(progress):
    if progress.done > progress.total / 3:
        print("here", flush=True)
        time.sleep(600)

t.{verb}(Path({path!r}), engine=Cpu(2, skin={skin}), on_progress=wait)
"""


@pytest.mark.parametrize(
    ("verb", "skin"),
    [
        ("evolve", False),
        ("measure", True),
        pytest.param("evolve", True, marks=pytest.mark.long),
        pytest.param("measure", False, marks=pytest.mark.long),
    ],
)
def test_a_killed_script_goes_on_when_it_is_run_again(verb: str, skin: bool, tmp_path: Path) -> None:
    run: Callable[..., Any] = evolve if verb == "evolve" else measure
    path, engine = tmp_path / "state.zarr.zip", Cpu(1, skin=skin)
    script = CHILD.format(tests=str(Path(__file__).parent), verb=verb, path=str(path), skin=skin)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "here\n"
        with pytest.raises(ValueError, match=f"is being worked on by process {child.pid}"):
            run(path, engine=engine)
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    (tmp_path / "state.zarr.zip.0123456789abcdef.part").write_bytes(b"what a kill leaves")
    assert N_STEPS / 3 < state_of(path) < N_STEPS
    assert_same(run(path, engine=engine), run(None, engine=engine))
    assert [file.name for file in tmp_path.iterdir()] == ["state.zarr.zip"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, SystemExit])
@pytest.mark.parametrize("run", [evolve, measure])
def test_what_was_done_is_kept_whatever_ends_it(
    run: Callable[..., Any], error: type[BaseException], tmp_path: Path
) -> None:
    path = tmp_path / "state.zip"
    with pytest.raises(error):
        run(path, on_progress=Stop(0.3, error))
    assert N_STEPS * 0.3 < state_of(path) < N_STEPS
    shares: list[float] = []
    assert_same(run(path, on_progress=lambda now: shares.append(now.done / now.total)), run(None))
    assert 0.3 < shares[0] <= shares[-1] == 1


@pytest.mark.parametrize("run", [evolve, measure])
def test_a_call_that_is_done_returns_at_once(run: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "state.zip"
    first = run(path)
    before = path.stat()
    again = run(path, on_progress=Stop(-1, AssertionError))
    assert_same(first, again)
    assert_same(first, run(None))
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert_same(gn.load(path), first)


def test_stopped_replicas_stay_stopped(tmp_path: Path) -> None:
    path = tmp_path / "state.zip"
    asked: dict[str, Any] = {"dynamics": gn.Sgd(0.05, 7), "stop_loss": 0.35, "check_every": 50}
    wanted = evolve(None, **asked)
    assert len(set(wanted.step.tolist())) > 1
    with pytest.raises(KeyboardInterrupt):
        evolve(path, **asked, on_progress=Stop(0.2, KeyboardInterrupt))
    assert_same(evolve(path, **asked), wanted)
    assert_same(evolve(path, **asked), wanted)


def test_longer_calls_go_on_and_shorter_ones_are_refused(tmp_path: Path) -> None:
    path, other = tmp_path / "evolved.zip", tmp_path / "measured.zip"
    evolve(path, 1000)
    assert_same(evolve(path, 1500), evolve(None, 1500))
    with pytest.raises(
        ValueError, match="n_steps must be at least the 1500 that the checkpoint has made, but got 1000"
    ):
        evolve(path, 1000)
    first: dict[str, Any] = {"waiting_times": [0]}
    measure(other, times=TIMES[:10], **first)
    assert_same(measure(other, **first), measure(None, **first))
    content = other.read_bytes()
    with pytest.raises(ValueError, match="times must hold those of the checkpoint, but "):
        measure(other, times=TIMES[:10], **first)
    with pytest.raises(ValueError, match="times must be beyond 3000, which the reference at waiting time 0 has passed"):
        measure(other, times=np.union1d(TIMES, [2999]), **first)
    with pytest.raises(ValueError, match="until must be at least the 3000 steps that were made"):
        measure(other, until=2999, **first)
    assert other.read_bytes() == content


def test_extend_keeps_its_state_too(tmp_path: Path) -> None:
    path = tmp_path / "state.zip"
    record, rest = measure(None, times=TIMES[:10]), TIMES[10:]
    asked: dict[str, Any] = {"landscape": LANDSCAPE, "times": rest, "test": TEST}
    wanted = gn.extend(record, **asked)
    with pytest.raises(KeyboardInterrupt):
        gn.extend(record, **asked, checkpoint=path, on_progress=Stop(0.7, KeyboardInterrupt))
    assert record.elapsed < state_of(path) < wanted.elapsed
    assert_same(gn.extend(record, **asked, checkpoint=path), wanted)
    assert_same(gn.extend(record, **asked, checkpoint=path), wanted)
    with pytest.raises(ValueError, match="is of another call, with record"):
        gn.extend(measure(None, times=TIMES[:10], epsilon=0.1), **asked, checkpoint=path)


OTHER_CALLS: list[tuple[dict[str, Any], str]] = [
    ({"ensemble": gn.Ensemble.random(LANDSCAPE.network, 3, seed=1)}, "start "),
    ({"ensemble": replace(START, weights=np.nextafter(START.weights, 1))}, "start "),
    ({"landscape": replace(LANDSCAPE, loss=gn.QuadraticHinge([1e-2, 0.0, 2e-2]))}, r"l2 .*0\.02"),
    ({"landscape": replace(LANDSCAPE, dataset=gn.random_dataset(60, 4, seed=4))}, "landscape "),
    ({"dynamics": gn.Langevin([1e-3, 0.0, 1e-3], 2e-2)}, r"dynamics.learning_rate 0\.01, not 0\.02"),
    ({"dynamics": gn.GradientDescent(1e-2)}, r"dynamics.batch_size|dynamics.kind"),
    ({"engine": Cpu(gradient="float64")}, 'engine.gradient "float32", not "float64"'),
    ({"engine": Cpu(skin=True)}, "engine.skin"),
    ({"engine": Reference()}, "engine.gradient"),
]


@pytest.mark.parametrize("run", [evolve, measure])
def test_another_call_is_refused_by_name(run: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "state.zip"
    few = {"n_steps": 3} if run is evolve else {"times": [1, 3], "snapshots": [], "waiting_times": [0]}
    run(path, **few)
    content = path.read_bytes()
    for changes, said in OTHER_CALLS:
        with pytest.raises(ValueError, match=f"checkpoint {path} is of another call, with {said}.*give another path"):
            run(path, **(few | changes))
        assert path.read_bytes() == content


def test_what_is_recorded_is_part_of_the_call(tmp_path: Path) -> None:
    path = tmp_path / "state.zip"
    few: dict[str, Any] = {"times": [1, 3, 5], "snapshots": [3], "waiting_times": [0]}
    measure(path, **few)
    content = path.read_bytes()
    others: list[dict[str, Any]] = [
        *({"chi": [20]}, {"epsilon": 0.1}, {"snapshots": [1]}, {"waiting_times": [0, 1]}, {"test": None}),
    ]
    for change in others:
        with pytest.raises(ValueError, match=f"is of another call, with {next(iter(change))} "):
            measure(path, **(few | change))
    with pytest.raises(ValueError, match='is of another call, with verb "measure", not "evolve"'):
        evolve(path)
    assert path.read_bytes() == content


def test_other_files_are_refused_and_left_as_they_are(tmp_path: Path) -> None:
    saved, text, torn = tmp_path / "saved.zip", tmp_path / "text.zip", tmp_path / "torn.zip"
    gn.save(START, saved)
    text.write_text("not a zip")
    evolve(torn, 3)
    torn.write_bytes(torn.read_bytes()[:-100])
    for path, said in ((saved, "is an ensemble"), (text, str(text)), (torn, str(torn))):
        content = path.read_bytes()
        with pytest.raises(ValueError, match=said):
            evolve(path)
        assert path.read_bytes() == content
    with pytest.raises(ValueError, match="is a folder"):
        evolve(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"a file in a folder that is there, but .*nowhere"):
        evolve(tmp_path / "nowhere" / "state.zip")
    assert not (tmp_path / "nowhere").exists()
    assert not list(tmp_path.glob("*.lock"))


def test_a_module_of_pytorchs_stays_one(tmp_path: Path) -> None:
    nn = pytest.importorskip("torch.nn")
    network = gn.TorchNetwork(lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1)))
    landscape = replace(LANDSCAPE, network=network, loss=gn.QuadraticHinge())
    start = gn.Ensemble.random(network, 2)
    asked: dict[str, Any] = {"landscape": landscape, "dynamics": SGD, "engine": Torch("cpu", threads=1)}
    for run in (
        lambda path, **more: gn.evolve(start, n_steps=50, **asked, checkpoint=path, **more),
        lambda path, **more: gn.measure(start, times=[1, 25, 50], **asked, checkpoint=path, **more),
    ):
        path = tmp_path / f"{os.urandom(4).hex()}.zip"
        with pytest.raises(KeyboardInterrupt):
            run(path, on_progress=Stop(0.3, KeyboardInterrupt))
        found = run(path)
        assert_same(found, run(None))
        ensemble = found.ensemble if isinstance(found, gn.Record) else found
        assert ensemble.network is network
