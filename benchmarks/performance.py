"""glassnet against the hardware's peak, PyTorch and JAX; writes the tables and pictures of ``docs/performance.md``.

    python -m benchmarks.performance [--smoke] [--effort 1.0] [--rows 60000] [--states DIR] [--output DIR] [--redraw]

Every contender has a process of its own that waits for orders; slices of some tenths of a second take turns, the peak
of the hardware before each. Before it is timed a contender's gradient must agree with the float64 one to 1e-5 and its
noise must have the right size. What is compared with the peak and how is said in ``race/peak.py``; what each part
measures in ``sections/``. A full run takes about a quarter of an hour and wants a quiet machine. Without PyTorch or
JAX (``pip install --group bench``) their contenders are left out.
"""

from __future__ import annotations

import json
import platform
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.race.peak import kernel, processor
from benchmarks.race.runner import ROOT, PeakRunner
from benchmarks.report import plots, tables
from benchmarks.sections import race
from benchmarks.sections.never_slower import never_slower
from benchmarks.sections.overhead import overhead
from benchmarks.sections.scaling import scaling
from benchmarks.sections.session import Session
from studies.campaign_lock import refuse_beside_campaign
from studies.options import options
from studies.pages import replace_tables
from studies.phases import PHASES, STATES

PAGE: Final = ROOT / "docs" / "performance.md"


def main() -> None:
    """Measure what was asked for, keep it, and show it."""
    parser = options(__doc__)
    parser.add_argument("--effort", type=float, default=1.0, help="multiplies how often slices take turns")
    parser.add_argument("--rows", type=int, default=60_000, help="of MNIST, a multiple of 4000, for a quick look")
    parser.add_argument("--states", type=Path, default=STATES, help="folder of mnist-PHASE.zip, quenched ensembles")
    parser.add_argument("--output", type=Path, default=PAGE.parent, help="folder of performance.md and performance/")
    parser.add_argument("--redraw", action="store_true", help="tables and pictures again, from results.json")
    chosen = parser.parse_args()
    if not (chosen.smoke or chosen.redraw):
        refuse_beside_campaign()
    if chosen.rows % 4000:
        parser.error(f"--rows must be a multiple of 4000, but got {chosen.rows}")
    if chosen.redraw and (chosen.smoke or not (chosen.output / "performance" / "results.json").exists()):
        parser.error("--redraw needs the results.json of a full run: make one without --redraw and --smoke")
    with tempfile.TemporaryDirectory() as name:
        output = Path(name) if chosen.smoke else chosen.output
        (output / "performance").mkdir(parents=True, exist_ok=True)
        kept = output / "performance" / "results.json"
        if not chosen.redraw:
            results = measure(None if chosen.smoke else chosen.states, chosen.smoke, chosen.effort, chosen.rows)
            kept.write_text(json.dumps(_rounded(results)) + "\n", encoding="utf-8")
        results = json.loads(kept.read_text(encoding="utf-8"))
        page = output / PAGE.name
        if not page.exists():
            page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
        replace_tables(tables.all_tables(results), page)
        plots.draw(results, kept.parent)
        for title, table in tables.all_tables(results).items():
            print(f"\n{title}\n{table}")


def measure(states: Path | None, smoke: bool, effort: float, rows: int) -> dict[str, Any]:
    """All sections, as plain numbers."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        session = Session(folder, states, smoke, effort, rows, peaks={})
        for phase in session.phases:
            # A missing file is better known now than after a quarter of an hour.
            session.quenched(phase)
        for threads in range(1, session.threads + 1):
            session.peaks[threads] = stack.enter_context(PeakRunner(threads, session.seconds(0.04), folder))
        tuned: dict[Any, Any] = {}
        parts: dict[str, Callable[[], Any]] = {
            "sgd": lambda: race.sgd(session, tuned),
            "alone": lambda: {phase: race.langevin(session, phase, None) for phase in session.phases},
            "langevin": lambda: {phase: race.langevin(session, phase, tuned) for phase in session.phases},
            "overhead": lambda: {phase: overhead(session, phase) for phase in session.phases},
            "never_slower": lambda: never_slower(session),
            "scaling": lambda: scaling(session),
        }
        results: dict[str, Any] = {"machine": _machine(session)}
        began = time.monotonic()
        for name, part in parts.items():
            print(f"{name} ({time.monotonic() - began:.0f} s)", flush=True)
            results[name] = part()
        results["tuning"] = [{"name": " ".join(map(str, key)), **row} for key, row in tuned.items()]
        results["peaks"] = {str(threads): peak.rates for threads, peak in session.peaks.items()}
        return results


def _machine(session: Session) -> dict[str, Any]:
    libraries = []
    for name in ("torch", "jax"):
        try:
            libraries.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            libraries.append(f"{name} absent")
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": processor(),
        "threads": session.threads,
        "rows": session.n_rows,
        "kernel": kernel(),
        "python": platform.python_version(),
        "libraries": libraries,
        "widths": {phase: width for phase, (width, _) in PHASES.items()},
    }


def _rounded(value: Any) -> Any:
    """Six digits are more than a time has."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float | np.floating) else value


if __name__ == "__main__":
    main()
