"""Files of figures: they appear whole, of the right size, and the same for the same data."""

from __future__ import annotations

import threading
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image
from small_records import CHI, COLD, DRAWINGS, HOT, MIDDLE, WAIT, measured

import glassnet as gn
from glassnet import figures
from glassnet.figures import style


@pytest.fixture(scope="module")
def record() -> gn.Record:
    """Four temperatures: hot enough to be below the first save time, and T = 0, which does not reach 0.9."""
    return measured([HOT, COLD, MIDDLE, 0.0])


def test_all_figures_are_written_as_png_of_the_right_size(record: gn.Record, tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "overlap.png").write_text("an older one")
    written = figures.draw_all(record, tmp_path / "figures", chi=CHI, waiting_time=WAIT)
    assert [path.name for path in written] == [f"{name}.png" for name in DRAWINGS]
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == sorted(path.name for path in written)
    for path in written:
        with Image.open(path) as image:
            assert image.width in (1020, 2100)
            assert 600 <= image.height <= 1000
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
            assert image.info["Title"]
            assert "chi = 100, waiting time 10 steps" in image.info["Description"]
            spread = np.asarray(image.convert("L"))
            assert spread.min() < 60
            assert spread.max() == 255


def test_pdf_is_the_same_for_the_same_data(record: gn.Record, tmp_path: Path) -> None:
    written = [tmp_path / "a.pdf", tmp_path / "b.pdf"]
    for path in written:
        style.save(DRAWINGS["relaxation_time"](record), path, title="tau", description="a run")
    first, second = (path.read_bytes() for path in written)
    assert first.startswith(b"%PDF-")
    assert b"(a run)" in first
    assert first == second


def test_a_figure_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("old")
    figure, (axes,) = style.new_figure(2, 2)
    axes.set_xlabel("$\\unknown$")
    with pytest.raises(ValueError, match="unknown"):
        style.save(figure, path, title="t", description="d")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.png", "old")]


def test_neither_settings_nor_threads_change_a_figure(record: gn.Record, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    draw = DRAWINGS["mean_square_displacement"]

    def written(name: str) -> bytes:
        style.save(draw(record), tmp_path / name, title="t", description="d")
        return (tmp_path / name).read_bytes()

    plain = written("plain.png")
    assert dict(matplotlib.rcParams) == before
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 30, "axes.grid": True, "xtick.direction": "out"}):
        assert written("other.png") == plain
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda i=i: found.append(written(f"{i}.png"))) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [plain, plain]
    assert dict(matplotlib.rcParams) == before
