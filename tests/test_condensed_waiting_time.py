"""The waiting time of which a condensed run says that it keeps most, where a stranger said it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from strangers import HOSTILE, changed, members_of, put, refused
from tiny_runs import make, tiny

from glassnet.runs.condense import condense
from glassnet.runs.run import open_run
from glassnet.runs.table import summary_files


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("condensed")
    run = make(tiny(epochs=1, temperatures=[0.1], replicas=1), folder / "run")
    condense(run, folder / "x.run.zip")
    return members_of(folder / "x.run.zip")


def saying(members: dict[str, bytes], about: Any, path: Path) -> Path:
    return put(path, changed(members, "index.json", lambda index: index["run"].update(condensed=about)))


@pytest.mark.parametrize("kept", [99, -3, 0, 2**70, 10**400, -(10**400)])
def test_one_that_was_not_recorded_is_refused(kept: int, members: dict[str, bytes], tmp_path: Path) -> None:
    path = saying(members, {"waiting_time": kept}, tmp_path / "x.run.zip")
    with pytest.raises(ValueError, match=r"waiting_time must be one that was recorded") as found:
        open_run(path)
    assert len(str(found.value)) < 1_000
    assert str(found.value).isprintable()


NO_NUMBERS: list[Any] = [True, 3.0, "3", None, [3], {}, HOSTILE]


@pytest.mark.parametrize("about", [*({"waiting_time": one} for one in NO_NUMBERS), [], 7])
def test_what_is_no_number_says_nothing(about: Any, members: dict[str, bytes], tmp_path: Path) -> None:
    path = saying(members, about, tmp_path / "x.run.zip")
    assert summary_files(open_run(path))


def test_one_that_is_large_to_read_is_refused(members: dict[str, bytes], tmp_path: Path) -> None:
    path = saying(members, {"waiting_time": [[3]] * 10**6}, tmp_path / "x.run.zip")
    refused(lambda: open_run(path), "x.run.zip")
