"""What the commands print about requests, plans and runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from glassnet.cli.progress import counted, duration
from glassnet.experiments import DATASETS, PHASES, SCALES, Relaxation, Run, open_run, preset
from glassnet.experiments.cost import Cost, size
from glassnet.experiments.plan import Plan
from glassnet.experiments.summary import Row, quench_rows, temperature_rows
from glassnet.store.directory import runs_in


def about(request: Relaxation) -> Table:
    """The numbers of a request."""
    network = request.quench.surface.network
    stop = f", less where the data loss falls below {request.stop_loss:g}" if request.stop_loss else ""
    rows = {
        "data": f"{request.dataset}, {request.samples} rows, inputs {request.inputs}",
        "network": f"width {network.width}, depth {network.depth}, N = {network.n_weights}, "
        f"N/P_D = {network.n_weights / request.samples:.3g}",
        "loss": f"quadratic hinge, l2 = {request.l2:g}",
        "replicas": f"{request.replicas}, seed {request.seed}",
        "quench": f"SGD, learning rate {request.quench_rate:g}, batch {request.batch_size}, "
        f"{request.epochs} epochs{stop}",
        "Langevin": f"learning rate {request.learning_rate:g}, T = {_list(request.temperatures[::-1])}",
        "times": f"t_w = {_list(request.waiting_times)}, t to {request.t_max}",
        "overlap": f"chi = {_list(request.chi)}",
        "engine": f"{request.engine}, {request.gradient} gradients, {request.dtype} weights"
        + (", skin" if request.skin else ""),
    }
    return _pairs(rows)


def costs(plan: Plan, cost: Cost) -> Table:
    """What a plan would cost."""
    too_much = f", more than the {size(cost.machine_memory)} of this machine: it would be refused"
    rows = {
        "units": f"{plan.n_units}: {plan.n_done} done, {plan.n_units - plan.n_done} to make"
        + (f", {len(plan.taken)} taken from other runs" if plan.taken else ""),
        "networks": f"{cost.networks}",
        "steps": f"{cost.steps:.4g}",
        "flop": f"{cost.flop:.3g}",
        "time here": f"{duration(cost.seconds)} (h:mm:ss), from a trial of each kind of step",
        "memory": size(cost.memory) + (too_much if cost.memory > cost.machine_memory else ""),
        "disk": f"up to {size(cost.disk)}",
    }
    return _pairs(rows)


def relaxation_table(run: Run[Relaxation]) -> Table:
    """A row a temperature."""
    request = run.request
    table = _table(
        f"Relaxation: t_w = {request.shown_waiting_time}, chi = {request.shown_chi:g}; "
        f"Q, MSD and losses at t = {request.t_max}",
        "T",
        "tau_90",
        "95 % interval",
        "Q",
        "MSD",
        "loss",
        "test",
        "used",
        *(["missed"] if request.skin else []),
    )
    for row in temperature_rows(run):
        tau = (
            _OUTCOMES.get(str(row["outcome"]), str(row["outcome"])) if row["tau_90"] is None else _number(row["tau_90"])
        )
        used = f"{row['n_used']} of {row['n_replicas']}"
        missed = [str(row["missed_wakings"])] if request.skin else []
        cells = [_number(row[name]) for name in ("q", "msd", "data_loss", "test_loss")]
        table.add_row(_number(row["temperature"]), tau, _interval(row), *cells, used, *missed)
    return table


_OUTCOMES: Final = {"below the first save time": "< 1"}


def quench_table(run: Run[Relaxation]) -> Table:
    """A row a replica."""
    names = ("epochs", "data_loss", "test_loss", "accuracy", "test_accuracy", "awake", "sigma")
    heads = ("replica", "epochs", "loss", "test loss", "accuracy", "test acc.", "awake", "sigma")
    rows, limit = quench_rows(run), run.request.stop_loss
    title = "After the quench"
    if limit is not None:
        below = sum(isinstance(row["data_loss"], float) and row["data_loss"] < limit for row in rows)
        title += f": loss below {limit:g} in {below} of {counted(len(rows), 'replica')}"
    table = _table(title, *heads)
    for row in rows:
        state = " diverged" if row["diverged"] else " dead" if row["dead"] else ""
        table.add_row(f"{row['origin']}{state}", *(_number(row[name]) for name in names))
    return table


def phases_table() -> Table:
    """What each phase is, for each data set, at full size and in the demo."""
    table = _table("Phases", "phase", "dataset", "width", "demo width", "l2", "chi shown")
    for phase in PHASES:
        for dataset in DATASETS:
            full, demo = preset(phase, dataset, "paper"), preset(phase, dataset, "demo")
            table.add_row(phase, dataset, str(full.width), str(demo.width), f"{full.l2:g}", f"{full.shown_chi:g}")
    return table


def scales_table() -> Table:
    """What each scale is, by the example of the regularised phase of MNIST."""
    table = _table("Scales (MNIST, regularised)", "scale", "rows", "replicas", "epochs", "t_w", "t to", "T")
    for scale in SCALES:
        r = preset("regularised", "mnist", scale)
        temperatures = f"{len(r.temperatures)}, {r.temperatures[-1]:g} to {r.temperatures[0]:g}"
        waits = _list((r.waiting_times[0], r.waiting_times[-1])[: len(r.waiting_times)], " to ")
        table.add_row(scale, str(r.samples), str(r.replicas), str(r.epochs), waits, str(r.t_max), temperatures)
    return table


def runs_table(folder: Path) -> Table:
    """The runs in a folder."""
    table = _table(f"Runs in {folder}", "run", "rows", "width", "l2", "units done")
    table.columns[0].no_wrap, table.columns[0].overflow = False, "fold"
    for directory in runs_in(folder):
        try:
            run = open_run(directory.path)
            r, n = run.request, len(run.done)
            state = f"{n} of {n + len(run.missing)}"
            table.add_row(directory.path.name, str(r.samples), str(r.width), f"{r.l2:g}", state)
        except ValueError:
            table.add_row(directory.path.name, "", "", "", "damaged")
    if not table.row_count:
        table.add_row("none", *[""] * 4)
    return table


def damaged_runs(folder: Path) -> list[str]:
    """What is wrong with the runs in a folder that cannot be read."""
    problems = []
    for directory in runs_in(folder):
        try:
            _ = open_run(directory.path).done
        except ValueError as error:
            problems.append(str(error))
    return problems


def provenance(run: Run[Relaxation]) -> Table:
    """When, where and by what a run was made, and what of it is there."""
    first, *later = run.description["sessions"]
    engine, machine = run.description["engine"], first["machine"]
    n = len(run.done)
    rows = {
        "made": f"{first['time']} by glassnet {first['versions']['glassnet']}, "
        f"engine {engine['name']} (kernel {engine['version']})",
        "on": f"{machine['processor']}, {counted(machine['cores'], 'core')}, {machine['system']}",
        "gone on": ", ".join(session["time"] for session in later) or "never",
        "units": f"{n} of {n + len(run.missing)} done"
        + (", the others to be made by the same command" if run.missing else ""),
    }
    return _pairs(rows)


def _pairs(rows: dict[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _table(title: str, *heads: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for head in heads:
        table.add_column(head, no_wrap=True)
    return table


def _list(values: Sequence[float], between: str = ", ") -> str:
    return between.join(f"{value:g}" for value in values)


def _number(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    rounded = float(f"{value:.3g}")
    return f"{rounded:.0f}" if 1e3 <= abs(rounded) < 1e6 else f"{rounded:g}"


def _interval(row: Row) -> str:
    if row["low"] is None:
        return "-"
    return f"{_number(row['low'])} to {_number(row['high'])}"
