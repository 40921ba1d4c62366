"""Facts about a run as text: numbers, engine, machine, times, and replicas that diverged."""

from __future__ import annotations

from typing import Any, Final

from glassnet._text import counted
from glassnet.runs.experiment import Experiment
from glassnet.runs.own_data import OwnData
from glassnet.runs.point import Measure
from glassnet.runs.run import Run
from glassnet.runs.table import facts
from glassnet.simulate.record import Record


def title(run: Run[Any]) -> str:
    """A run in a few words, for headings: its folder's name says the rest."""
    request = run.request
    parts = [request.experiment.replace("_", " "), str(request.dataset)]
    if "l2" in request.numbers:
        parts.append(f"λ = {request.numbers['l2']:g}")
    if "width" in request.numbers:
        parts.append(f"width {request.numbers['width']}")
    return ", ".join(parts)


def asked(request: Experiment) -> dict[str, str]:
    """The request, a line a number, or the lines that the experiment has in their place."""
    data = request.dataset
    rows = {name.replace("_", " "): value for name, value in facts(request).items() if value != "None"}
    return rows | ({"rows of data": f"SHA-256 {data.train}"} if isinstance(data, OwnData) else {})


def made(run: Run[Any]) -> dict[str, str]:
    """When and where a run was made, with which versions, and what of it is there."""
    first, *later = run.sessions
    engine, machine = run.description["engine"], first["machine"]
    n, kernel = len(run.done), engine["version"]
    return {
        "Made": first["time"],
        **({"Gone on": ", ".join(session["time"] for session in later)} if later else {}),
        "Versions": ", ".join(f"{name} {version}" for name, version in first["versions"].items())
        + f", engine {engine['name']} (kernel {kernel})",
        "Machine": f"{machine['processor']}, {counted(machine['cores'], 'core')}, {machine['system']}",
        "Units": f"{n} of {n + len(run.missing)} done",
        "Request": f"SHA-256 {run.request.hash}",
        **({"Condensed": _ROUNDED} if "condensed" in run.description else {}),
    }


_ROUNDED: Final = "numbers but counts are rounded, to 2.4e-4 of each at most"


def diverged(run: Run[Any]) -> list[str]:
    """A line for each point at which replicas were lost."""
    lines = []
    for key, point in run.request.measured.items():
        record = run.records.get(key)
        if record is None:
            continue
        lines += lost(point.label, record)
    for point in run.request.points():
        if isinstance(point.stage, Measure):
            continue
        results = run.results(point)
        gone = [str(origin) for origin, found in results.items() if found.get("alive") == 0.0]
        if gone:
            lines.append(f"{point.label}: {len(gone)} of {len(results)} (origin {', '.join(gone)})")
    return lines


def lost(name: str, record: Record) -> list[str]:
    """A line for a record of which replicas were lost, none for others."""
    gone = [
        f"origin {origin} after {step} steps"
        for origin, step in zip(record.data["origin"].values, record.data["lost_at"].values, strict=True)
        if step >= 0
    ]
    return [f"{name}: {len(gone)} of {len(record.ensemble)} ({', '.join(gone)})"] if gone else []
