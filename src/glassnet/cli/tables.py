"""Tables that the commands print about requests, plans and runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from glassnet._text import counted, duration, escaped, number_list
from glassnet.paper.numbers import PHASE, PHASES
from glassnet.paper.scales import SCALES
from glassnet.runs import registry
from glassnet.runs import table as rows
from glassnet.runs.cost import Cost, size
from glassnet.runs.experiment import Experiment
from glassnet.runs.own_data import AnyData, OwnData
from glassnet.runs.plan import Plan
from glassnet.runs.run import Run, open_run, run_paths
from glassnet.runs.table import facts
from glassnet.runs.verify import Verification
from glassnet.store import bits
from glassnet.store.directory import unit_name


def about(request: Experiment) -> Table:
    """The request, in lines."""
    return _pairs(facts(request))


def totals(rows: Sequence[tuple[str, Plan, Cost]]) -> Table:
    """The cost of several runs, one after the other, and together."""
    table = _table("Runs, in this order", "run", "units", "done", "shared", "to make", "steps", "flop", "time here")
    for name, plan, cost in rows:
        counts = (plan.n_units, plan.n_done, plan.n_awaited, cost.networks)
        table.add_row(name, *map(str, counts), f"{cost.steps:.3g}", f"{cost.flop:.3g}", duration(cost.seconds))
    sums = [sum(row[1].n_units for row in rows), sum(row[1].n_done for row in rows)]
    sums += [sum(row[1].n_awaited for row in rows), sum(row[2].networks for row in rows)]
    steps, flop, seconds = (sum(getattr(row[2], name) for row in rows) for name in ("steps", "flop", "seconds"))
    table.add_row("all together", *map(str, sums), f"{steps:.3g}", f"{flop:.3g}", duration(seconds))
    return table


def costs(plan: Plan, cost: Cost, there: tuple[int, int, float] | None, replicas: str = "") -> Table:
    """The cost of a plan; ``there`` has the workers, their threads, and the seconds that these would take.

    ``replicas`` says how many give tau_90 to 10 %, if that is known.
    """
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
        **({"tau_90 to 10 %": replicas} if replicas else {}),
    }
    return _pairs(rows)


def _on_device(cost: Cost) -> str:
    free = cost.free_device_memory
    if free is None:
        return f"{size(cost.device_memory)}, of the machine's"
    refused = ": it would be refused" if cost.device_memory > free else ""
    return f"{size(cost.device_memory)}, of {size(free)} that are free{refused}"


def time_there(n_workers: int, n_threads: int, seconds: float) -> str:
    """The time that the workers there are would take."""
    if not n_threads:
        return "none yet: the scheduler has no workers"
    workers = f"{counted(n_workers, 'worker')} with {counted(n_threads, 'thread')} together"
    return f"{duration(seconds)} on {workers}, each as fast as a core here"


def shown(table: rows.Table) -> Table:
    """A table of a run, as a terminal shows it."""
    lines = table.lines
    heads = list(dict.fromkeys(head for line in lines for head in line))
    made = _table(table.title, *heads)
    for line in lines:
        made.add_row(*(line.get(head, "-") for head in heads))
    return made


def members_table(run: Run[Any]) -> Table:
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
    for kind in map(registry.known, registry.names()):
        variants = "; ".join(f"--{name} {', '.join(values)}" for name, values in kind.variants.items())
        table.add_row(kind.experiment, kind.about, variants)
    return table


def figures_table() -> Table:
    """The figures that `glassnet reproduce` knows."""
    from glassnet.paper.figures import FIGURES  # matplotlib comes with it

    table = _table("Figures for glassnet reproduce", "figure", "what", "runs")
    for name, picture in FIGURES.items():
        needs = " + ".join(dict.fromkeys(need.experiment for need in picture.needs("mnist")))
        table.add_row(name, picture.about, needs or "none")
    return table


def phases_table() -> Table:
    """The phases of each data set, at full size and in the demo."""
    table = _table("Phases", "phase", "dataset", "width", "demo width", "l2", "chi shown")
    for (dataset, name), phase in sorted(PHASE.items(), key=lambda item: PHASES.index(item[0][1])):
        table.add_row(name, dataset, str(phase.width), str(phase.demo_width), f"{phase.l2:g}", f"{phase.shown_chi:g}")
    return table


def scales_table() -> Table:
    """The scales, by the example of the regularised phase of MNIST."""
    table = _table("Scales (MNIST, regularised)", "scale", "rows", "replicas", "epochs", "t_w", "t to", "T")
    for scale in SCALES:
        r: Any = registry.request("relaxation", PHASES[0], "mnist", scale)
        temperatures = f"{len(r.temperatures)}, {r.temperatures[-1]:g} to {r.temperatures[0]:g}"
        waits = number_list((r.waiting_times[0], r.waiting_times[-1])[: len(r.waiting_times)], " to ")
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
    """The problems of the runs in a folder that cannot be read."""
    problems = []
    for path in run_paths(folder):
        try:
            _ = open_run(path).done
        except ValueError as error:
            problems.append(str(error))
    return problems


def provenance(run: Run[Any]) -> Table:
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
    """Source of a user's own data, where the run has them; a condensed one has not."""
    if not isinstance(dataset, OwnData):
        return {}
    try:
        about = dataset.data.train.provenance
    except ValueError:
        return {}
    read = {"read": about["reading"]} if "reading" in about else {}
    return {"data from": f"{about['source']}, {about['classes']}", **read, "inputs": about["inputs"]}


def verification(found: Verification) -> Table:
    """The findings in a run's files."""
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
