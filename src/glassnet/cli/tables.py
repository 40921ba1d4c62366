"""What the commands print about requests, plans and runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from glassnet._text import counted, duration, escaped, given_replicas
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.paper.requests import KINDS
from glassnet.paper.scales import DATASETS, PHASES, SCALES, preset
from glassnet.runs.cost import Cost, size
from glassnet.runs.experiment import Experiment
from glassnet.runs.own_data import AnyData, OwnData, own_data
from glassnet.runs.plan import Plan
from glassnet.runs.run import Run, open_run, run_paths
from glassnet.runs.table import Row, quench_rows, temperature_rows, unit_rows
from glassnet.runs.verify import Verification
from glassnet.store import bits
from glassnet.store.directory import unit_name


def about(request: Experiment) -> Table:
    """The numbers of a request."""
    if not isinstance(request, Relaxation):
        shown = {name: _shown(value) for name, value in request.numbers.items()}
        return _pairs({"experiment": request.experiment, **shown})
    network = request.quench.surface.network
    stop = f", less where the data loss falls below {request.stop_loss:g}" if request.stop_loss else ""
    rows = {
        "data": f"{request.dataset}, {request.samples} rows, inputs {_inputs(request)}",
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


def _inputs(request: Relaxation) -> str:
    """How inputs are scaled; own data are scaled before a run gets them."""
    return "as prepared" if isinstance(request.dataset, OwnData) else request.inputs


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return str(own_data("dataset", value))
    if not isinstance(value, list) or not value:
        return str(value)
    if isinstance(value[0], str):
        return given_replicas(value)
    return _list(value)


def totals(rows: Sequence[tuple[str, Plan, Cost]]) -> Table:
    """What several runs would cost, one after the other, and together."""
    table = _table("Runs, in this order", "run", "units", "done", "shared", "to make", "steps", "flop", "time here")
    for name, plan, cost in rows:
        counts = (plan.n_units, plan.n_done, plan.n_awaited, cost.networks)
        table.add_row(name, *map(str, counts), f"{cost.steps:.3g}", f"{cost.flop:.3g}", duration(cost.seconds))
    sums = [sum(row[1].n_units for row in rows), sum(row[1].n_done for row in rows)]
    sums += [sum(row[1].n_awaited for row in rows), sum(row[2].networks for row in rows)]
    steps, flop, seconds = (sum(getattr(row[2], name) for row in rows) for name in ("steps", "flop", "seconds"))
    table.add_row("all together", *map(str, sums), f"{steps:.3g}", f"{flop:.3g}", duration(seconds))
    return table


def costs(plan: Plan, cost: Cost, there: tuple[int, int, float] | None) -> Table:
    """What a plan would cost; ``there`` has the workers, their threads, and the seconds that these would take."""
    too_much = f", more than the {size(cost.machine_memory)} of this machine: it would be refused"
    rows = {
        "units": f"{plan.n_units}: {plan.n_done} done, {plan.n_units - plan.n_done} to make"
        + (f", {len(plan.taken)} taken from other runs" if plan.taken else ""),
        "networks": f"{cost.networks}",
        "steps": f"{cost.steps:.4g}",
        "flop": f"{cost.flop:.3g}",
        "time here": f"{duration(cost.seconds)} (h:mm:ss), from a trial of each kind of step",
        **({} if there is None else {"time there": time_there(*there)}),
        "memory": size(cost.memory) + (too_much if there is None and cost.memory > cost.machine_memory else ""),
        **({"memory of the device": _on_device(cost)} if cost.device_memory else {}),
        "disk": f"up to {size(cost.disk)}, of {size(cost.free_disk)} that are free"
        + (": it would be refused" if cost.least_disk > cost.free_disk else ""),
    }
    return _pairs(rows)


def _on_device(cost: Cost) -> str:
    free = cost.free_device_memory
    if free is None:
        return f"{size(cost.device_memory)}, of the machine's"
    refused = ": it would be refused" if cost.device_memory > free else ""
    return f"{size(cost.device_memory)}, of {size(free)} that are free{refused}"


def time_there(n_workers: int, n_threads: int, seconds: float) -> str:
    """What so much would take on the workers there are."""
    if not n_threads:
        return "none yet: the scheduler has no workers"
    workers = f"{counted(n_workers, 'worker')} with {counted(n_threads, 'thread')} together"
    return f"{duration(seconds)} on {workers}, each as fast as a core here"


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
        cells = [_number(row.get(name)) for name in ("q", "msd", "data_loss", "test_loss")]
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
        table.add_row(f"{row['origin']}{state}", *(_number(row.get(name)) for name in names))
    return table


def points_table(run: Run[Any]) -> Table:
    """A row a point at which something was evaluated, up to so many; the file summary.csv has all."""
    rows: dict[str, list[Row]] = {}
    for row in unit_rows(run):
        rows.setdefault(str(row["point"]), []).append(row)
    table = _table("Points", "point", "replicas", "diverged", "data loss, mean", "from", "to")
    for label, found in list(rows.items())[-_MOST_ROWS:]:
        losses = [row["data_loss"] for row in found if isinstance(row.get("data_loss"), float)]
        values = [float(loss) for loss in losses if loss is not None]
        lost = sum(row.get("alive") == 0.0 for row in found)
        numbers = (sum(values) / len(values), min(values), max(values)) if values else (None, None, None)
        table.add_row(label, str(len(found)), str(lost), *(_number(number) for number in numbers))
    return table


_MOST_ROWS: Final = 40


def units_table(run: Run[Any]) -> Table:
    """A row a unit: its point, its replica, and the file that holds it, or its address in a condensed run."""
    table = _table("Units", "point", "replica", "address" if run.is_condensed else "file")
    done = set(run.members)
    for member in run.asked:
        name = unit_name(run.identity(member))
        where = name[:16] if run.is_condensed else f"units/{name}.zarr.zip"
        table.add_row(member.point.label, str(member.origin), where if member in done else "to be made")
    return table


def experiments_table() -> Table:
    """The experiments and their variants."""
    table = _table("Experiments", "experiment", "what", "variants")
    for name, kind in KINDS.items():
        table.add_row(name, kind.about, f"--{kind.option} {', '.join(kind.variants)}" if kind.variants else "")
    return table


def figures_table() -> Table:
    """What `glassnet reproduce` knows."""
    from glassnet.paper.figures import FIGURES  # matplotlib comes with it

    table = _table("Figures for glassnet reproduce", "figure", "what", "runs")
    for name, picture in FIGURES.items():
        needs = " + ".join(dict.fromkeys(need.experiment for need in picture.needs("mnist")))
        table.add_row(name, picture.about, needs or "none")
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
    table = _table(f"Runs in {folder}", "run", "experiment", "rows", "replicas", "units done")
    table.columns[0].no_wrap, table.columns[0].overflow = False, "fold"
    for path in run_paths(folder):
        try:
            run = open_run(path)
            r, n = run.request, len(run.done)
            state = f"{n} of {n + len(run.missing)}"
            table.add_row(escaped(path.name), r.experiment, str(r.samples), str(r.replicas), state)
        except ValueError:
            table.add_row(escaped(path.name), "", "", "", "damaged")
    if not table.row_count:
        table.add_row("none", *[""] * 4)
    return table


def damaged_runs(folder: Path) -> list[str]:
    """What is wrong with the runs in a folder that cannot be read."""
    problems = []
    for path in run_paths(folder):
        try:
            _ = open_run(path).done
        except ValueError as error:
            problems.append(str(error))
    return problems


def provenance(run: Run[Relaxation]) -> Table:
    """When, where and by what a run was made, and what of it is there."""
    first, *later = run.sessions
    engine, machine = run.description["engine"], first["machine"]
    n = len(run.done)
    rows = {
        **_source(run.request.dataset),
        "made": f"{first['time']} by glassnet {first['versions']['glassnet']}, "
        f"engine {engine['name']} (kernel {engine['version']})",
        "on": f"{machine['processor']}, {counted(machine['cores'], 'core')}, {machine['system']}",
        "code": bits.made_by(run.description["sessions"]),
        "gone on": ", ".join(session["time"] for session in later) or "never",
        "units": f"{n} of {n + len(run.missing)} done"
        + (", the others to be made by the same command" if run.missing and not run.is_condensed else ""),
        **({"condensed": "numbers are rounded; it cannot be gone on with"} if "condensed" in run.description else {}),
    }
    return _pairs(rows)


def _source(dataset: AnyData) -> dict[str, str]:
    """What a user's own data were made of, where the run has them; a condensed one has not."""
    if not isinstance(dataset, OwnData):
        return {}
    try:
        about = dataset.data.train.provenance
    except ValueError:
        return {}
    read = {"read": about["reading"]} if "reading" in about else {}
    return {"data from": f"{about['source']}, {about['classes']}", **read, "inputs": about["inputs"]}


def verification(found: Verification) -> Table:
    """What was found in a run's files."""
    rows = {"units": f"{found.n_complete} of {found.n_asked} complete and sound"}
    if found.n_begun:
        rows["begun"] = f"{found.n_begun} sound, of a shorter run"
    if found.n_others:
        rows["others"] = f"{found.n_others} sound, which the run does not ask for"
    if found.n_checkpoints:
        rows["checkpoints"] = f"{found.n_checkpoints} sound"
    if found.left_over:
        rows["left over"] = f"{counted(len(found.left_over), 'file')} half written by a process that was killed"
    rows["summary"] = found.summary
    rows["code"] = found.code
    rows["damaged"] = counted(len(found.damaged), "file") if found.damaged else "nothing"
    return _pairs(rows)


def _pairs(rows: dict[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        table.add_row(escaped(name), escaped(value))
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
