"""Texts of a stranger's file are read strictly, steer no terminal, and name no code that is loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strangers import (
    HOSTILE,
    Members,
    changed,
    described,
    glassnet,
    members_of,
    put,
    refused,
    run_json,
)

import glassnet as gn
from glassnet._text import escaped
from glassnet.runs.run import open_run
from glassnet.store import RunDirectory, files, strict


def test_a_key_that_comes_twice_is_refused_wherever_it_stands(
    tiny_run: Path, condensed: Members, tmp_path: Path
) -> None:
    text = (tiny_run / "run.json").read_text()
    for key in ('"format": 1', '"seed": 0', '"samples": 200', '"engine": {'):
        assert key in text
        twice = text.replace(key, key.partition(":")[0] + ": 7, " + key, 1)
        folder = described(tmp_path / "run", twice)
        refused(lambda folder=folder: open_run(folder), "run.json", "twice")  # type: ignore[misc]
        done = glassnet("verify", folder)
        assert (done.exit_code, "twice" in done.output) == (2, True)
    index = condensed["index.json"].replace(b'"run":', b'"run": {}, "run":', 1)
    path = put(tmp_path / "x.run.zip", {**condensed, "index.json": index})
    refused(lambda: open_run(path), str(path), "'run' twice")


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": 1e999}', "[" * 10**6, '{"a": ' + "1" * 5000 + "}", "x" * 2**25])
def test_a_description_that_is_no_plain_json_is_refused_by_name(text: str, tmp_path: Path) -> None:
    folder = described(tmp_path / "run", text)
    refused(lambda: open_run(folder), "run.json", peak=200e6)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    )
)
def test_json_is_read_as_python_reads_it(value: Any) -> None:
    text = json.dumps(value)
    assert json.dumps(strict.parsed(text, infinite=True)) == text
    assert json.dumps(strict.parsed(text.encode(), infinite=True)) == text


@pytest.mark.parametrize("sessions", [None, [], [1], [{"time": 1}], [{"time": "x", "versions": {}, "machine": []}]])
def test_sessions_that_are_none_are_named(sessions: Any, tiny_run: Path, tmp_path: Path) -> None:
    description = RunDirectory(tiny_run).describe() | {"sessions": sessions}
    done = glassnet("show", described(tmp_path / "run", run_json(description)))
    assert (done.exit_code, "sessions must say" in done.output) == (2, True)


# What is printed


def test_texts_of_a_file_steer_no_terminal(tiny_run: Path, condensed: Members, tmp_path: Path) -> None:
    description = RunDirectory(tiny_run).describe()
    session = description["sessions"][0]
    session["machine"]["processor"] = session["versions"]["glassnet"] = session["time"] = HOSTILE
    description["engine"]["version"] = HOSTILE
    folder = described(tmp_path / "hostile\x1b[31m\nname", run_json(description))
    small = put(tmp_path / "h.run.zip", changed(condensed, "index.json", lambda index: index.update(run=description)))
    unknown = described(tmp_path / "x", run_json({"experiment": HOSTILE}))
    shown = [glassnet("show", path) for path in (folder, small)]
    for done in [*shown, glassnet("list", "--runs", tmp_path), glassnet("verify", folder), glassnet("show", unknown)]:
        assert not [c for c in done.output if not c.isprintable() and c != "\n"]
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert all(r"a\x1b]0;owned\x07\x1b[31m\x9b2J\u202eb\u2066c\r[/red]:smile:" in done.output for done in shown)
    assert r"hostile\x1b[31m\nname" in glassnet("list", "--runs", tmp_path).output


@given(st.text())
def test_an_escaped_text_is_printable_and_says_what_it_was(text: str) -> None:
    found = escaped(text)
    assert found.isprintable()
    assert text.isprintable() == (found == text)


def test_a_page_turns_no_letters(tiny_run: Path, tmp_path: Path) -> None:
    from glassnet.report import html

    assert "\u202e" not in html.pairs({HOSTILE: HOSTILE}) + html.table(HOSTILE, [HOSTILE], [[HOSTILE]])


# Code

WATCHED = """
import sys
from typer.testing import CliRunner
from glassnet.cli.commands import app
out, *runs = sys.argv[1:]

def use(run):
    for command in (["show", run], ["verify", run], ["claims", run, "--output", out], ["resume", run, "--dry-run"],
                    ["condense", run, "--output", out + "/a.run.zip"]):
        CliRunner().invoke(app, command)

seen = []
sys.addaudithook(lambda event, args: seen.append((event, str(args))))
use(runs[0])
assert any(event == "open" for event, _ in seen)
seen.clear()
for run in runs[1:]:
    use(run)
forbidden = ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "pickle.find_class", "socket.connect")
loaded = [one for one in seen if one[0] in ("import", "compile", "exec") and "stranger" in one[1]]
print([one for one in seen if one[0] in forbidden], loaded)
"""


def test_a_description_never_names_code_that_is_loaded(tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "stranger.py").write_text("raise SystemExit('loaded')")
    named = "stranger:run"
    sound = RunDirectory(tiny_run).describe()
    strange: list[dict[str, Any]] = [
        {**sound, "engine": {"name": named, "version": "__import__('stranger')", "gradient": named}},
        {**sound, "request": {**sound["request"], "engine": named}},
        {**sound, "request": {**sound["request"], "dataset": named}},
        {**sound, "experiment": named},
        {**sound, "module": "stranger", "import": "stranger", "__class__": named, "py/object": named},
    ]
    folders = [described(tmp_path / f"run {i}", run_json(one)) for i, one in enumerate(strange)]
    for folder in folders:
        (folder / "units").symlink_to(tiny_run / "units")
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, tmp_path, tiny_run, *folders],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("[] []\n", 0), done.stderr


@pytest.mark.parametrize("attribute", ["network", "dynamics", "engine"])
def test_a_value_never_names_code_that_is_loaded(attribute: str, tiny_run: Path, tmp_path: Path) -> None:
    """A module that another made is known by its layers only; dynamics and engines are glassnet's own or none."""
    unit = RunDirectory(tiny_run)
    stored = next(v for v, _ in map(files.read, unit.unit_files()) if isinstance(v, gn.Record))
    path = tmp_path / "x"
    gn.save(stored, path)
    sizes = list(stored.ensemble.network.layer_sizes)
    others = {
        "network": {"module": "__import__('os').system('x')", "layer_names": [*"abcdefg"], "layer_sizes": sizes},
        "dynamics": {"kind": "os.system", "learning_rate": 1.0},
        "engine": {"name": ["os"], "version": "1", "gradient": "float32", "dtype": "float64", "skin": None},
    }

    def named(node: dict[str, Any]) -> None:
        about = json.loads(node["attributes"]["glassnet"])
        about["attributes"][attribute] = others[attribute]
        node["attributes"]["glassnet"] = json.dumps(about)

    put(path, changed(members_of(path), "zarr.json", named))
    if attribute == "network":
        found = gn.load(path)
        assert isinstance(found, gn.Record)
        assert type(found.ensemble.network).__name__ == "StoredNetwork"
    else:
        refused(lambda: gn.load(path), str(path), "kind must be" if attribute == "dynamics" else "engine must say")
