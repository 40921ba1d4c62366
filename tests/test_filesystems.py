"""File systems that cannot do everything: folders that cannot be forced, locks that go stale or are not there, limits.

No such file system can be mounted for a test: the calls that it would refuse are answered as it answers them.
"""

from __future__ import annotations

import errno
import fcntl
import io
import os
import re
import resource
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_runs import make, tiny, units
from typer.testing import CliRunner

from glassnet.cli import working
from glassnet.cli.commands import app
from glassnet.runs.plan import plan
from glassnet.runs.verify import verify
from glassnet.store import RunDirectory, placing
from glassnet.store.lock import held, holder

CANNOT = ("EINVAL", "ENOTSUP", "EBADF")

TINY = ["run", "phase_diagram", "--part", "width"]
TINY += [
    word for number in ("samples=200", "widths=3", "epochs=1", "l2s=0.01", "replicas=1") for word in ("--set", number)
]


def number(name: str) -> int:
    return int(getattr(errno, name))


def of_folders(call: Callable[..., Any], error: int, *, folders: bool = True) -> Callable[..., Any]:
    """``call``, which takes a descriptor, refused for those of folders, or for those of files."""

    def refusing(descriptor: int, *rest: Any) -> Any:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) == folders:
            raise OSError(error, os.strerror(error))
        return call(descriptor, *rest)

    return refusing


@pytest.mark.parametrize("name", CANNOT)
def test_a_run_is_made_where_folders_cannot_be_forced(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced: list[int] = []

    def fsync(descriptor: int, real: Callable[[int], None] = os.fsync) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number(name), os.strerror(number(name)))
        forced.append(os.fstat(descriptor).st_size)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    run = make(tiny(epochs=2), tmp_path / "run")
    assert not run.missing
    assert len(forced) >= len(units(tmp_path / "run"))  # the files themselves are forced nevertheless
    assert min(forced) > 0


@pytest.mark.parametrize("name", ["EACCES", "EINVAL", "EISDIR"])
def test_a_folder_that_cannot_even_be_opened_keeps_nobody_from_writing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(path: Any, flags: int, *rest: Any, real: Callable[..., int] = os.open, **more: Any) -> int:
        if Path(path).is_dir():
            raise OSError(number(name), os.strerror(number(name)), str(path))
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", opened)
    placing.write_bytes(tmp_path / "file", b"all of it")
    assert (tmp_path / "file").read_bytes() == b"all of it"


@pytest.mark.parametrize("name", ["EIO", "ENOSPC", "EDQUOT"])
@pytest.mark.parametrize("folders", [True, False])
def test_what_is_truly_wrong_is_said_of_the_file(
    name: str, folders: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", of_folders(os.fsync, number(name), folders=folders))
    with pytest.raises(OSError, match=os.strerror(number(name))) as caught:
        placing.write_bytes(tmp_path / "file", b"content")
    assert (caught.value.errno, caught.value.filename) == (number(name), str(tmp_path / "file"))
    assert not list(tmp_path.glob("*.part"))


def test_a_file_whose_folder_is_not_there_is_named_itself(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        placing.write_bytes(tmp_path / "none" / "file", b"")
    assert caught.value.filename == str(tmp_path / "none" / "file")


@pytest.mark.parametrize("name", ["EXDEV", "EPERM", "EMLINK", "ENOTSUP"])
def test_units_are_copied_where_files_cannot_have_two_names(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tiny(epochs=2), tmp_path / "one")

    def link(source: Any, target: Any) -> None:
        raise OSError(number(name), os.strerror(number(name)), str(source), None, str(target))

    monkeypatch.setattr(os, "link", link)
    make(tiny(epochs=2), tmp_path / "two")
    assert units(tmp_path / "one") == units(tmp_path / "two")


def test_a_second_name_of_the_same_file_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"unit")
    os.link(tmp_path / "a", tmp_path / "b")
    placing.take(tmp_path / "a", tmp_path / "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


class Flock:
    """Answers the first calls with errors."""

    def __init__(self, *errors: int, always: int = 0) -> None:
        self.errors, self.always, self.real = list(errors), always, fcntl.flock

    def __call__(self, descriptor: Any, kind: int) -> None:
        error = self.errors.pop(0) if self.errors else self.always
        if error:
            raise OSError(error, os.strerror(error))
        self.real(descriptor, kind)


def test_a_stale_lock_is_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", Flock(errno.ESTALE, errno.ESTALE))
    with held(tmp_path / "lock", "run") as alone:
        assert alone
        assert holder(tmp_path / "lock") == f"process {os.getpid()}"
    assert not (tmp_path / "lock").exists()


def test_a_lock_that_stays_stale_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", Flock(always=errno.ESTALE))
    with pytest.raises(OSError, match="Stale") as caught, held(tmp_path / "lock", "run"):
        pass
    assert caught.value.filename == str(tmp_path / "lock")
    assert holder(tmp_path / "lock") is None


@pytest.mark.parametrize("name", ["EAGAIN", "EACCES"])
def test_a_lock_that_another_holds_is_refused_by_its_process(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", Flock(always=number(name)))
    monkeypatch.setattr(os, "pread", of_folders(os.pread, errno.EACCES, folders=False))  # its lock covers its bytes
    said = "my run is being worked on by process which has just begun; wait"
    with pytest.raises(ValueError, match=said), held(tmp_path / "lock", "my run"):
        pass


@pytest.mark.parametrize("name", ["ENOLCK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL"])
def test_without_locks_a_run_is_made_and_it_is_known_that_nothing_keeps_others_out(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", Flock(always=number(name)))
    with RunDirectory(tmp_path / "run").locked() as alone:
        assert not alone
        make(tiny(epochs=2), tmp_path / "run")
        assert RunDirectory(tmp_path / "run").holder() is None
    assert not list(tmp_path.rglob("*.part"))


def test_the_command_says_that_there_are_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", Flock(always=errno.ENOLCK))
    monkeypatch.setattr(working, "_draw_done", lambda *_: None)
    done = CliRunner().invoke(app, [*TINY, "--output", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    said = f"{tmp_path}/run: its file system has no locks; see to it that no other process works on this run"
    assert done.stderr.strip() == said


def test_a_lock_file_that_cannot_be_written_or_removed_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    monkeypatch.setattr(os, "unlink", lambda *_, **__: full())
    with held(tmp_path / "lock", "run") as alone:
        assert alone
    monkeypatch.undo()
    with held(tmp_path / "lock", "run") as alone:
        assert alone


@pytest.fixture
def smallest_file() -> Any:
    """Files may have 4 kB at most, as ``ulimit -f`` says; Python ignores the signal."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_limit_on_the_size_of_files_names_the_file_and_what_to_do(tmp_path: Path, smallest_file: Any) -> None:
    command = [*TINY, "--output", str(tmp_path / "run")]
    smallest_file(4096)
    refused = CliRunner().invoke(app, command)
    smallest_file(resource.RLIM_INFINITY)
    assert refused.exit_code == 2
    said = refused.stderr.strip()
    assert said.count("\n") == 0
    assert said.startswith(f"Error: {tmp_path}/run/units/")
    assert "File too large: its file system, or a limit on the size of files (ulimit -f), allows no larger one" in said
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_a_full_disk_names_the_file_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(descriptor: int, mode: str, real: Callable[..., Any] = os.fdopen) -> Any:
        os.close(descriptor)
        return real(os.open("/dev/full", os.O_WRONLY), mode)

    monkeypatch.setattr(os, "fdopen", write)
    command = [*TINY, "--output", str(tmp_path / "run")]
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 2
    assert refused.stderr.strip() == (
        f"Error: {tmp_path}/run/run.json: No space left on device: make room on its disk, then give the same command "
        "again; what is done is kept"
    )


@pytest.mark.parametrize("how", ["dot", "up and down", "link", "trailing"])
def test_a_run_shares_units_with_its_neighbours_however_its_path_is_written(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tiny(epochs=2), tmp_path / "runs" / "one")
    here = tmp_path / "runs" / "two"
    here.mkdir()
    (tmp_path / "link").symlink_to(here)
    monkeypatch.chdir(here)
    path = {
        "dot": Path(),
        "up and down": Path("../../runs/two"),
        "link": tmp_path / "link",
        "trailing": Path("../two/"),
    }[how]
    request = tiny(epochs=2)
    work = plan(request.points(), request.replicas, request.make_engine(), RunDirectory(path))
    assert (work.n_done, len(work.taken), work.blocks) == (6, 6, ())
    make(request, path)
    assert units(here) == units(tmp_path / "runs" / "one")


def test_a_link_to_a_run_has_the_neighbours_of_the_link_too_and_not_itself(tmp_path: Path) -> None:
    make(tiny(epochs=2), tmp_path / "runs" / "one")
    (tmp_path / "disk").mkdir()
    make(tiny(epochs=2, seed=5), tmp_path / "disk" / "two")
    (tmp_path / "runs" / "two").symlink_to(tmp_path / "disk" / "two")
    (tmp_path / "runs" / "again").symlink_to(tmp_path / "disk" / "two")
    found = RunDirectory(tmp_path / "runs" / "two").siblings()
    assert [run.path for run in found] == [tmp_path / "runs" / "one"]


def test_a_run_is_condensed_where_one_stands_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tiny(epochs=2), tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    done = CliRunner().invoke(app, ["condense", "."])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "run.run.zip").is_file()


class Stale(io.BytesIO):
    """A file that another machine has replaced."""

    def read(self, n: int | None = -1) -> bytes:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))


@pytest.mark.parametrize("times", [2, 1000])
def test_files_that_another_machine_replaced_are_read_again(
    times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(tiny(epochs=1), tmp_path / "run")
    refused: dict[str, int] = {}

    def opened(path: Any, *rest: Any, real: Callable[..., Any] = io.open, **more: Any) -> Any:
        if Path(path).parent.parent == tmp_path / "run" or Path(path).name == "run.json":
            refused[path] = refused.get(path, 0) + 1
            if refused[path] <= times:
                return Stale()
        return real(path, *rest, **more)

    monkeypatch.setattr(io, "open", opened)
    if times == 2:
        assert not verify(run.path).damaged
        return
    with pytest.raises(OSError, match=re.escape(str(run.path / "run.json"))):
        verify(run.path)
