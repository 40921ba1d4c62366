"""The interactive page as a file: what is in it, and what cannot be one."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import asked_by
from pages import Made, relaxed
from program import glassnet
from tiny_runs import make

import glassnet as gn
from glassnet.report import SavedRecord, open_shown, write_report
from glassnet.report.arrays import Arrays
from glassnet.report.curves import DETAILS, curves

pytest.importorskip("plotly", reason='a report needs plotly: pip install "glassnet[report]"')


def test_a_page_is_one_small_file_with_the_observables_values(made: Made) -> None:
    assert made.file.stat().st_size < 15e6
    assert not re.search(r'(?:src|href)="(?!#|data:)', made.text)
    payload = made.json("run-0-data")
    for condition, record in zip(payload["conditions"], made.runs["relaxation"].records.values(), strict=True):
        arrays = condition["arrays"]
        msd, alpha = (made.array(arrays[name]) for name in ("msd", "alpha"))
        for layer in range(8):
            chosen = None if layer == 0 else [layer - 1]
            # float32 keeps 24 binary digits.
            np.testing.assert_allclose(msd[layer], gn.mean_square_displacement(record, layers=chosen), rtol=6e-8)
            np.testing.assert_allclose(alpha[layer], gn.non_gaussian(record, layers=chosen), rtol=6e-8)
        within = made.array(arrays["within"]).sum(axis=1) / sum(condition["n_weights"])
        exact = gn.overlap(record, chi=condition["chi"]).transpose("chi", "replica", "waiting_time", "time")
        np.testing.assert_array_equal(np.where(np.isnan(exact), 0, within), np.nan_to_num(exact))
        assert np.isnan(exact).sum() == (made.array(arrays["within"])[:, 0] == 65535).sum()
        counts = made.array(arrays["histogram"])
        first = arrays["histogram"]["first"]
        stored = record.data["histogram"].transpose("layer", "replica", "waiting_time", "sparse_time", "bin").values
        kept = stored[..., first : first + counts.shape[-1]]
        np.testing.assert_array_equal(np.where(np.isnan(kept), 65535, kept), counts)
        assert np.nansum(stored) == np.nansum(kept)
    # The record of one temperature and waiting times is the same in both.
    assert made.text.count(f'id="array-{payload["conditions"][0]["arrays"]["msd"]["at"]}"') == 1


def test_a_large_page_leaves_out_what_it_says(made: Made) -> None:
    sizes = []
    for detail in DETAILS:
        arrays = Arrays()
        payload = curves(made.runs["relaxation"], arrays, detail)
        sizes.append(sum(map(len, arrays.texts.values())))
        first = payload["conditions"][0]
        assert first["arrays"]["msd"]["shape"][0] == (8 if detail.layers else 1)
        assert len(first["waits"]) == (2 if detail.all_waits else 1)
        assert bool(detail.left_out) == (detail is not DETAILS[0])
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)


def test_lost_replicas_and_commands_are_said_in_words(made: Made) -> None:
    names = list(made.runs)
    parts = re.findall(r"<section class=\"view run\".*?</section>", made.text, re.DOTALL)
    part = unescape(parts[names.index("lost")])
    gone = [found["alive"] == 0 for found in made.runs["lost"].quench_results.values()]
    assert 0 < sum(gone) <= 6
    assert f"quench: {sum(gone)} of 6" in part
    assert f"of 6 (origin {gone.index(True)}" in part
    assert "--quench-rate 100.0" in part
    # The command is the run's own: it asks for the same request.
    command = re.findall(r"<code>(glassnet run phase_diagram [^<]*)</code>", parts[names.index("phase_diagram")])
    assert len(command) == 1
    assert asked_by(unescape(command[0])) == made.runs["phase_diagram"].request


def test_a_run_that_is_hardly_begun_has_a_page(tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    def stop(update: Any) -> None:
        if update.block.label.startswith("Langevin"):
            raise StopError

    with pytest.raises(StopError):
        make(relaxed(), tmp_path / "run", stop)
    page = Made(write_report([gn.open_run(tmp_path / "run")], tmp_path / "page.html"), {})
    assert "9 of 12 units are not made yet" in page.text
    assert f"glassnet resume {tmp_path / 'run'}" in page.text
    assert "Nothing that can be drawn is done yet" in page.text
    assert "After the quench" in page.text


def test_what_cannot_be_a_report_is_refused(made: Made, tmp_path: Path) -> None:
    run = made.runs["protocol"].path
    bad = glassnet("report", run, "--output", "page.pdf", cwd=tmp_path)
    assert (bad.returncode, bad.stderr) == (2, "Error: output must be a file NAME.html, but got page.pdf\n")
    (tmp_path / "empty").mkdir()
    assert "but empty holds none" in glassnet("report", "empty", cwd=tmp_path).stderr
    existing = tmp_path / "new" / "page.html"
    good = glassnet("report", run, "--output", existing)
    assert (good.returncode, good.stderr) == (0, "")
    existing.write_text("replaced")
    write_report([made.runs["protocol"]], existing)
    assert existing.read_text().startswith("<!doctype html>")
    with pytest.raises(ValueError, match="at least one run"):
        write_report([], existing)


def test_what_is_called_alike_is_told_apart_by_its_path(tmp_path: Path) -> None:
    landscape = gn.Landscape(gn.Mlp(4, 4, 2), gn.random_dataset(20, 4), gn.QuadraticHinge())
    ensemble = gn.Ensemble.random(landscape.network, n_replicas=1)
    record = gn.measure(ensemble, landscape, gn.Langevin(0.1, 0.1), times=[1, 2], chi=10)
    paths = [tmp_path / name for name in ("one/same.zip", "other/same.zip", "third.zip")]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        gn.save(record, path)
    page = write_report(open_shown(paths), tmp_path / "page.html").read_text()
    titles = re.findall(r'<h2 id="run-\d-title">(.*?)</h2>', page)
    assert titles == [str(paths[0]), str(paths[1]), "third.zip"]
    assert all(f">{title}</a>" in page for title in titles)


def test_a_saved_record_is_shown_as_runs_are(tmp_path: Path) -> None:
    landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4, seed=3), gn.QuadraticHinge(1e-2))
    ensemble = gn.Ensemble.random(landscape.network, 2, seed=1).repeat(noise=[0, 1])
    dynamics = gn.Langevin([0.5, 0.5, 0.0, 0.0], 0.05)
    record = gn.measure(ensemble, landscape, dynamics, times=gn.log_times(20), waiting_times=[0, 5], chi=[2, 5])
    gn.save(record, tmp_path / "record.zip")
    file = tmp_path / "page.html"
    assert glassnet("report", tmp_path / "record.zip", "--output", file).returncode == 0
    page = Made(file, {})
    found = page.json("run-0-data")
    assert [one["label"] for one in found["conditions"]] == ["T = 0.5", "T = 0"]
    assert found["conditions"][0]["layer_names"] == ["layer 1", "layer 2", "output"]
    assert found["shown"]["chi"] == 5.0
    assert "saved record, Mlp(n_features=4, width=6, depth=2)" in unescape(page.text)
    gn.save(ensemble, tmp_path / "ensemble.zip")
    with pytest.raises(ValueError, match=r"ensemble.zip holds an ensemble: a report shows runs and saved records"):
        open_shown([tmp_path / "ensemble.zip"])


def test_conditions_that_differ_are_told_apart_in_saved_records(tmp_path: Path) -> None:
    landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4, seed=3), gn.QuadraticHinge([0.0, 0.0, 1.0, 1.0]))
    ensemble = gn.Ensemble.random(landscape.network, 2, seed=1).repeat(noise=[0, 1])
    for dynamics, labels in (
        (gn.Langevin(0.5, 0.05), ["T = 0.5, l2 = 1", "T = 0.5, l2 = 0"]),
        (gn.Sgd(0.05, 20), ["l2 = 1", "l2 = 0"]),
    ):
        record = gn.measure(ensemble, landscape, dynamics, times=[1, 4], chi=[2])
        saved = SavedRecord(tmp_path / "record.zip", record)
        assert list(saved.records) == labels
        assert [row["n_replicas"] for row in saved.rows] == [2, 2]
        write_report([saved], tmp_path / "page.html")
