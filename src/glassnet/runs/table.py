"""Tables of a run: rows of plain values for the summary's files and the report, and short cells for the terminal."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from glassnet._text import given_replicas, number_list, said
from glassnet.runs.own_data import own_data
from glassnet.runs.point import Measure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glassnet.analysis.conditions import Row
    from glassnet.runs.experiment import Experiment
    from glassnet.runs.run import Run

Cells = dict[str, str]
"""One line of a table for the terminal: text by head of column."""

MOST_LINES: Final = 40
_MOST_TIMES: Final = 4


@dataclass(frozen=True)
class Table:
    """Rows that belong together.

    Args:
        name: key in ``summary.json``.
        title: what the rows are, for people.
        rows: as they stand in the summary and in the report.
        shorten: from the rows to the lines that a terminal shows; None for all values of each row.
    """

    name: str
    title: str
    rows: list[Row]
    shorten: Callable[[Sequence[Row]], list[Cells]] | None = None

    @property
    def lines(self) -> list[Cells]:
        """The lines that a terminal shows."""
        if self.shorten is not None:
            return self.shorten(self.rows)
        return [{name: short(value) for name, value in row.items()} for row in self.rows]


def units_table(run: Run[Any]) -> Table:
    """A row a unit of those of which something was evaluated, losses above all: the point, the origin, the numbers."""
    from glassnet.analysis.conditions import plain

    rows = [
        {"point": point.label, "origin": origin, **{name: plain(value) for name, value in sorted(found.items())}}
        for point in run.request.points()
        if not isinstance(point.stage, Measure)
        for origin, found in run.results(point).items()
    ]
    return Table("units", "What was evaluated at each point", rows, _by_point)


def usual_tables(run: Run[Any]) -> list[Table]:
    """Tables of any experiment: a row a measurement, and a row a replica of what else was made, if there is any."""
    tables = [*([conditions_table(run)] if run.request.measured else []), units_table(run)]
    return [table for table in tables if table.rows] or tables[:1]


def _by_point(rows: Sequence[Row]) -> list[Cells]:
    """A line a point, the last ones where there are many; the file summary.csv has all."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(str(row["point"]), []).append(row)
    lines = []
    for label, found in list(groups.items())[-MOST_LINES:]:
        losses = [loss for row in found if isinstance(loss := row.get("data_loss"), float)]
        numbers = (sum(losses) / len(losses), min(losses), max(losses)) if losses else (None, None, None)
        lost = sum(row.get("alive") == 0.0 for row in found)
        counts = {"point": label, "replicas": str(len(found)), "diverged": str(lost)}
        lines.append(counts | dict(zip(("data loss, mean", "from", "to"), map(short, numbers), strict=True)))
    return lines


def conditions_table(run: Run[Any], name: str = "conditions", key: str = "condition", time: int | None = None) -> Table:
    """A row a measurement, as :func:`glassnet.analysis.conditions.condition_row` has it, with stationarity.

    Args:
        run: its look says chi and the waiting time.
        name: of the table.
        key: column that tells the measurements apart.
        time: as in ``condition_row``.
    """
    from glassnet.analysis.conditions import condition_row

    chi = run.look.chi
    waits = {named: waiting_time_of(run, record) for named, record in run.records.items()}
    rows: list[Row] = []
    for named, record in run.records.items():
        row: Row = {key: named if isinstance(named, float) else said(named)}
        wait = waits[named]
        if len(set(waits.values())) > 1:
            row["waiting_time"] = wait
        rows.append(row | condition_row(record, chi=chi_of(run, record), waiting_time=wait, time=time))
        rows[-1] |= steadiness(record, wait)
    at = f"t_w = {waiting_times(waits.values())}"
    shown = f"{at}, chi = {chi:g}" if chi is not None else at
    last = f"; Q, MSD and losses at t = {time}" if time is not None else ""
    return Table(name, f"{run.request.experiment}: {shown}{last}", rows, lambda rows: _conditions(rows, key))


def stationarity_table(run: Run[Any]) -> Table:
    """A row a measurement of Langevin dynamics, as :func:`glassnet.analysis.stationarity.stationarity_row` has it."""
    waits = {named: waiting_time_of(run, record) for named, record in run.records.items()}
    found = {named: steadiness(record, waits[named]) for named, record in run.records.items()}
    rows = [{"condition": said(named), "waiting_time": waits[named], **row} for named, row in found.items() if row]
    return Table("stationarity", "Whether Langevin dynamics begins in a steady state", rows, _steadily)


def steadiness(record: Any, waiting_time: int) -> Row:
    """The columns of stationarity; none but of Langevin dynamics, and of replicas under one condition."""
    from glassnet.analysis.stationarity import stationarity_row
    from glassnet.simulate.dynamics import Langevin

    return stationarity_row(record, waiting_time=waiting_time) if isinstance(record.dynamics, Langevin) else {}


def _steadily(rows: Sequence[Row]) -> list[Cells]:
    heads = {
        "waiting_time": "t_w",
        "net_displacement": "net/(mu t)",
        "loss_drift": "dL/d(mu t)",
        "stationarity": "state",
    }
    names = ("condition", "waiting_time", "net_displacement", "loss_drift", "drift_share", "stationarity")
    return [{heads.get(name, name.replace("_", " ")): short(row[name]) for name in names} for row in rows]


def waiting_time_of(run: Run[Any], record: Any) -> int:
    """The waiting time at which a run is looked at, and a record's first where the experiment has none to choose."""
    waits = record.data["waiting_time"].values
    wanted = run.look.waiting_time
    return wanted if wanted is not None and wanted in waits else int(waits[0])


def chi_of(run: Run[Any], record: Any) -> float | None:
    """The sensitivity at which a run is looked at; None where the record has not that one."""
    chi = run.look.chi
    return chi if chi is not None and chi in record.data["chi"].values else None


def waiting_times(waits: Iterable[int]) -> str:
    """The waiting times at which records are shown, for people: most often it is one."""
    found = sorted(set(waits))
    return ", ".join(map(str, found)) if 0 < len(found) <= _MOST_TIMES else "each one's own" if found else "-"


def _conditions(rows: Sequence[Row], key: str) -> list[Cells]:
    heads = {"q": "Q", "msd": "MSD", "data_loss": "loss", "test_loss": "test"}
    named = ("outcome", "q", "missed_wakings", "stationarity")
    relaxed, q, missed, steady = (any(name in row for row in rows) for name in named)
    lines = []
    for row in rows:
        line = {"T" if key == "temperature" else key: short(row[key])}
        if "waiting_time" in row:
            line["t_w"] = str(row["waiting_time"])
        if relaxed:
            line["tau_90"] = short(row["tau_90"]) if row.get("tau_90") is not None else outcome(row)
            line["95 % interval"] = "-" if row.get("low") is None else f"{short(row['low'])} to {short(row['high'])}"
        line |= {head: short(row.get(name)) for name, head in heads.items() if name != "q" or q}
        line["used"] = f"{row['n_used']} of {row['n_replicas']}"
        if steady:
            line["state"] = short(row.get("stationarity"))
        if missed:
            line["missed"] = short(row.get("missed_wakings"))
        lines.append(line)
    return lines


def outcome(row: Row) -> str:
    """Why there is no tau_90, in few words."""
    return "< 1" if row.get("outcome") == "below the first save time" else str(row.get("outcome", "-"))


def short(value: Any) -> str:
    """A value in at most three digits; "-" where there is none."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    rounded = float(f"{value:.3g}")
    return f"{rounded:.0f}" if 1e3 <= abs(rounded) < 1e6 else f"{rounded:g}"


def facts(request: Experiment) -> dict[str, str]:
    """Lines about a request for people: the experiment's own, or else all its numbers."""
    if own := request.facts():
        return own
    return {"experiment": request.experiment, **{name: _value(name, value) for name, value in request.numbers.items()}}


def _value(name: str, value: Any) -> str:
    if name == "dataset" and isinstance(value, dict):
        return str(own_data(name, value))
    if not isinstance(value, list) or not value:
        return str(value)
    if name == "quenched" and isinstance(value[0], str):
        return given_replicas(value)
    return number_list(value) if all(isinstance(one, (int, float)) for one in value) else said(value)


def tables_of(run: Run[Any]) -> list[Table]:
    """The tables that a run's experiment makes of it.

    Raises:
        ValueError: they are none.
    """
    found = run.request.tables(run)
    if not isinstance(found, list) or not found or not all(isinstance(table, Table) for table in found):
        raise ValueError(f"tables must be a list of at least one glassnet.runs.table.Table, but are {found!r:.200}")
    return found


def summary_files(run: Run[Any]) -> dict[str, bytes]:
    """Contents of ``summary.json`` and ``summary.csv`` of the run's folder.

    The JSON file has all tables of the experiment by name, the other one the first of them. A number that does not
    exist is null or empty, infinity is the text "inf".
    """
    tables = tables_of(run)
    rows = tables[0].rows
    text = io.StringIO()
    heads = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, fieldnames=heads, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    found: Mapping[str, list[Row]] = {table.name: table.rows for table in tables}
    plain_text = json.dumps(found, indent=2, allow_nan=False) + "\n"
    return {"summary.json": plain_text.encode(), "summary.csv": text.getvalue().encode()}


def write_summary(run: Run[Any]) -> None:
    """Put :func:`summary_files` into the run's folder."""
    from glassnet.store.placing import write_bytes

    for name, content in summary_files(run).items():
        write_bytes(run.path / name, content)


def listed(values: NDArray[Any]) -> Any:
    """An array as nested lists for JSON, with None for what is not finite."""
    import numpy as np

    found = values.astype(object)
    found[~np.isfinite(values)] = None
    return found.tolist()
