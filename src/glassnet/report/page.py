"""The page as a whole: claims, a part for each run, the numbers behind the figures, and the script that draws them."""

from __future__ import annotations

import importlib.util
import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from scipy.special import erfinv, stdtrit

from glassnet._html import escape
from glassnet.analysis.conditions import THRESHOLD, Row
from glassnet.analysis.intervals import CONFIDENCE
from glassnet.paper.claims import Claim, assess
from glassnet.paper.numbers import COLLAPSE_EXPONENT, LAMBDA, RATIO
from glassnet.report import again, facts, html
from glassnet.report.arrays import Arrays, packed
from glassnet.report.claims import claims_table
from glassnet.report.curves import DETAILS, Detail, Payload, curves
from glassnet.report.saved import SavedRecord
from glassnet.runs.own_data import FILE, OwnData
from glassnet.runs.run import Run
from glassnet.runs.table import short, tables_of
from glassnet.store.placing import write_bytes

SUFFIX: Final = ".html"

LARGEST: Final = 15_000_000
"""Bytes; a page that would be larger leaves out what :data:`glassnet.report.curves.DETAILS` says, and says so."""

_BROWSER: Final = Path(__file__).parent / "browser"
_SCRIPTS: Final = ("numbers.js", "curves.js", "minima.js", "figures.js", "controls.js", "page.js")
_MANY: Final = 40
"""Rows of a table that is folded away where it has more."""


Shown = Run[Any] | SavedRecord


def write_report(runs: Iterable[Shown], file: str | os.PathLike[str]) -> Path:
    """Write one self-contained HTML file: the claims, and every figure of the runs, interactive (needs ``report``).

    In the page temperatures, layers, replicas, waiting times and axes are chosen, and chi, for which Q and the
    relaxation times are computed again: exactly where chi was recorded, else from histograms of |dw|, as
    :func:`glassnet.overlap` does with ``approximate=True``.

    Args:
        runs: as :func:`glassnet.open_run` opens them, finished or not; or saved records, of any network.
        file: a file NAME.html, whose folder is made where it is missing; an existing one is replaced.

    Returns:
        The file.

    Raises:
        ValueError: no runs, a file of another name, or a damaged unit.
        ModuleNotFoundError: plotly is not installed.
        OSError: the file cannot be written.
    """
    path, shown = Path(file), list(runs)
    check_file(path)
    if not shown:
        raise ValueError("runs must hold at least one run, but got none")
    plotly = packed(_plotly().encode())
    judged = assess([run for run in shown if isinstance(run, Run)])
    for detail in DETAILS:
        content = _page(shown, judged, path, detail, plotly).encode(errors="backslashreplace")
        if len(content) <= LARGEST:
            break
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, content)
    return path


def check_file(path: Path) -> None:
    """Refuse what a report cannot be written to, before any work is done.

    Raises:
        ValueError: not a file NAME.html.
    """
    if path.suffix != SUFFIX or path.is_dir():
        raise ValueError(f"output must be a file NAME{SUFFIX}, but got {path}")


def _plotly() -> str:
    """The library that draws, as text."""
    if importlib.util.find_spec("plotly") is None:
        raise ModuleNotFoundError('a report needs plotly: pip install "glassnet[report]"')
    from plotly.offline import get_plotlyjs

    text: str = get_plotlyjs()
    return text


def _page(runs: Sequence[Shown], judged: Sequence[Claim], file: Path, detail: Detail, plotly: str) -> str:
    arrays = Arrays()
    payloads = [_payload(run, arrays, detail) for run in runs]
    names = _names(runs)
    sections = [
        _saved(i, run, name, detail) if isinstance(run, SavedRecord) else _run(i, run, name, payload, detail)
        for i, (run, name, payload) in enumerate(zip(runs, names, payloads, strict=True))
    ]
    entries = "".join(
        f'<li><a href="#run-{i}">{escape(name)}</a><small>{escape(_title(run))}</small></li>'
        for i, (run, name) in enumerate(zip(runs, names, strict=True))
    )
    numbers = "".join(html.data(f"run-{i}-data", payload) for i, payload in enumerate(payloads))
    numbers += html.data("constants", _constants(runs))
    numbers += "".join(
        f'<script type="text/plain" id="array-{name}">{text}</script>' for name, text in arrays.texts.items()
    )
    style = (_BROWSER / "style.css").read_text(encoding="utf-8")
    script = "\n".join((_BROWSER / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    about = f"{len(runs)} run{'s' * (len(runs) != 1)}, glassnet {version('glassnet')}, {datetime.now(UTC):%Y-%m-%d}"
    parts = {
        "title": "glassnet report",
        "about": about,
        "entries": entries,
        "claims": claims_table(judged),
        "again": html.command("Write this page again", again.of_the_report(runs, file)),
        "sections": "".join(sections),
        "numbers": numbers,
        "plotly": plotly,
        "style": style,
        "script": script,
    }
    page = (_BROWSER / "page.html").read_text(encoding="utf-8")
    for name, text in parts.items():
        page = page.replace(f"<!-- {name} -->", text, 1)
    return page


def _names(runs: Sequence[Shown]) -> list[str]:
    """The name of each one's folder or file, with the path to it where others are called alike."""
    called = [run.path.name or run.path.resolve().name for run in runs]
    alike = Counter(called)
    return [name if alike[name] == 1 else str(run.path) for name, run in zip(called, runs, strict=True)]


def _title(run: Shown) -> str:
    return run.title if isinstance(run, SavedRecord) else facts.title(run)


def _payload(run: Shown, arrays: Arrays, detail: Detail) -> Payload:
    page = None if isinstance(run, SavedRecord) else run.request.page(run)
    if page is not None and not (isinstance(page, dict) and {"kind", "figures"} <= page.keys()):
        raise ValueError(f"page must be None or a dict that has kind and figures, but is {page!r:.200}")
    return curves(run, arrays, detail) if page is None else page


def _constants(runs: Sequence[Shown]) -> dict[str, Any]:
    """Numbers of functions that browsers do not have."""
    most = max(len(r.record.ensemble) if isinstance(r, SavedRecord) else r.request.replicas for r in runs)
    thresholds = {"tau_90": THRESHOLD, "tau_e": math.exp(-1)}
    return {
        "paper": {"exponent": COLLAPSE_EXPONENT, "l2": LAMBDA, "ratio": RATIO},
        "student": [None, *(float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2)) for n in range(2, most + 1))],
        "thresholds": {name: {"level": level, "erfinv": float(erfinv(level))} for name, level in thresholds.items()},
    }


def _lost(lines: Sequence[str]) -> str:
    said = "Replicas diverged, and are left out of means:" if lines else "No replica diverged."
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<div class="lost{" some" * bool(lines)}"><p>{said}</p>{f"<ul>{items}</ul>" if lines else ""}</div>'


def _left_out(detail: Detail) -> str:
    return f'<p class="note">Left out, so that the page stays small: {escape(detail.left_out)}.</p>'


def _saved(i: int, run: SavedRecord, name: str, detail: Detail) -> str:
    chi = "" if run.look.chi is None else f", chi = {run.look.chi:g}"
    return (
        f'<section class="view run" id="run-{i}" aria-labelledby="run-{i}-title" hidden>'
        f'<h2 id="run-{i}-title">{escape(name)}</h2><p class="title">{escape(run.title)}</p>'
        f"{_lost(run.diverged)}{_left_out(detail) if detail.left_out else ''}"
        f'<div class="figures" data-run="{i}"></div>'
        f"<h3>Numbers</h3>{_table(f't_w = {run.look.waiting_time} steps{chi}', run.rows)}"
        f"<h3>What was measured</h3>{html.pairs(run.facts)}"
        "<p>Made in Python; to go on: gn.extend(gn.load(FILE), landscape, times).</p></section>"
    )


def _run(i: int, run: Run[Any], name: str, payload: Payload, detail: Detail) -> str:
    notes = [_lost(facts.diverged(run))]
    if not run.done:
        notes = []
    if run.missing:
        what = f"{len(run.missing)} of {len(run.missing) + len(run.done)} units are not made yet."
        notes.append(f'<p class="note">Unfinished: {what}</p>')
    if detail.left_out and payload["kind"] == "curves":
        notes.append(_left_out(detail))
    if not payload["figures"]:
        notes.append('<p class="note">Nothing that can be drawn is done yet.</p>')
    given = getattr(run.request, "quenched", None) is not None
    again_by = again.commands(run)
    hint = "<p>The file of --quenched holds the replicas that the run was given.</p>" if given else ""
    if isinstance(run.request.dataset, OwnData) and not run.path.is_dir():
        hint += f"<p>{again.GIVEN_DATA} is the file {FILE} in the folder of the run that was condensed.</p>"
    return (
        f'<section class="view run" id="run-{i}" aria-labelledby="run-{i}-title" hidden>'
        f'<h2 id="run-{i}-title">{escape(name)}</h2><p class="title">{escape(facts.title(run))}</p>'
        f"{''.join(notes)}"
        f'<div class="figures" data-run="{i}"></div>'
        f"<h3>Numbers</h3>{_tables(run)}"
        f"<h3>What was run</h3>{html.pairs(facts.asked(run.request))}"
        f"<h3>By what</h3>{html.pairs(facts.made(run))}"
        f"<h3>How to run it again</h3>{''.join(html.command(*one) for one in again_by)}{hint}</section>"
    )


def _tables(run: Run[Any]) -> str:
    return "".join(_table(one.title, one.rows) for one in tables_of(run) if one.rows) or "<p>None yet.</p>"


def _table(caption: str, rows: Sequence[Row]) -> str:
    heads = list(dict.fromkeys(name for row in rows for name in row))
    made = html.table(caption, heads, ([short(row.get(name)) for name in heads] for row in rows))
    if len(rows) <= _MANY:
        return made
    return f"<details><summary>{escape(caption)}: {len(rows)} rows</summary>{made}</details>"
