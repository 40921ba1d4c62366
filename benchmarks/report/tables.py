"""The tables of ``docs/performance.md``: each replaces what stands between its two markers."""

from __future__ import annotations

import numpy as np

from benchmarks.report.rates import (
    ENGINES,
    MAY_COST,
    SGD_TARGETS,
    Results,
    Row,
    best_bmm,
    fastest,
    named,
    of_peak,
    of_peak_paired,
    peak,
    seconds,
    sleeping,
)
from studies.pages import markdown


def all_tables(results: Results) -> dict[str, str]:
    """Every table's name and Markdown."""
    tables = {"machine": _machine(results), "targets": _targets(results), "sleeping": _sleeping(results)}
    tables |= {phase: _race(results, rows) for phase, rows in results["langevin"].items()}
    tables |= {"sgd": _race(results, results["sgd"]), "never-slower": _never_slower(results)}
    return tables | {"scaling": _scaling(results)}


def _time(value: float) -> str:
    if value >= 0.1:
        return f"{value * 1e3:.0f} ms"
    return f"{value * 1e3:.3g} ms" if value >= 1e-3 else f"{value * 1e6:.3g} µs"


def _times(value: float) -> str:
    return f"{value:.3g}×" if value < 100 else f"{value:.0f}×"


def _machine(results: Results) -> str:
    machine = results["machine"]
    lines = [
        f"Measured on {machine['date']}: {machine['processor']}, {machine['threads']} cores, kernel "
        f"{machine['kernel']}; {machine['rows']} rows of MNIST; Python {machine['python']}, "
        f"{', '.join(machine['libraries'])}.",
        "",
    ]
    for threads, rates in results["peaks"].items():
        low, middle = np.quantile(rates, [0.1, 0.5]) / 1e9
        at_once = "" if threads == "1" else "s at once"
        lines.append(
            f"FMA peak, {threads} thread{at_once}: **{peak(results, int(threads)) / 1e9:.1f} GFLOP/s** "
            f"(median {middle:.1f}, slowest tenth below {low:.1f}; {len(rates)} slices).  "
        )
    return "\n".join(lines)


def _targets(results: Results) -> str:
    rows = []
    for phase in results["langevin"]:
        for row in sleeping(results, phase)[1:]:
            name = f"Langevin, {phase}, {'exact' if row['engine'] == 'exact' else 'skin'}: rate over peak"
            rows.append([name, f"{row['target']:g}", f"{row['rate']:.2f}", _met(row["rate"] >= row["target"])])
    steps = results["sgd"]
    bmm = best_bmm(steps)
    if bmm is not None:
        rivals = {"PyTorch eager": named(steps, "PyTorch eager"), "bmm": bmm}
        for name in (ENGINES["all"], f"{ENGINES['exact']}, quenched"):
            ours = named(steps, name)
            for rival, row in rivals.items():
                # The clock of whoever shares its work between threads suffers most from a neighbour.
                ratios = seconds(row) / seconds(ours), fastest(row) / fastest(ours)
                measured = f"{ratios[0]:.3g}, fastest slices {ratios[1]:.3g}"
                title = f"SGD, batch 100, w = 30, {name}: times faster than {row['name']}"
                rows.append([title, f"{SGD_TARGETS[rival]:g}", measured, _met(min(ratios) >= SGD_TARGETS[rival])])
    worst = max(results["never_slower"], key=largest_cost)
    value = largest_cost(worst)
    rows.append([f"skipping's largest cost, exact / every row ({worst['name']})", f"at most {MAY_COST:g}"])
    rows[-1] += [f"{value:.3f}", _met(value <= MAY_COST)]
    return markdown(["", "target", "measured", ""], rows)


def largest_cost(row: Row) -> float:
    """What skipping may have cost: tries that fail stand in few slices, which a median does not see."""
    return max(float(np.median(row["ratios"])), float(row["of_sums"]))


def _met(yes: bool) -> str:
    return "met" if yes else "**missed**"


def _race(results: Results, rows: list[Row]) -> str:
    threads, ours = results["machine"]["threads"], seconds(named(rows, ENGINES["exact"]))
    table = []
    for row in sorted(rows, key=seconds):
        options = row["options"]
        form = [f"{row['n_networks']} network{'s' * (row['n_networks'] > 1)}"]
        if options.get("chunk"):
            form.append(f"{options['chunk']} rows")
        if options.get("multiple", 1) > 1:
            form.append("padded")
        table.append(
            [
                row["name"],
                ", ".join(form),
                _time(seconds(row)),
                f"{row['flop'] / seconds(row) / 1e9:.3g}",
                f"{of_peak(results, row, threads):.3g}",
                f"{of_peak_paired(row):.3g}",
                _times(seconds(row) / ours),
                f"{row['at_most']:.0f} ({max(0.0, row['at_most'] - row['at_rest']):.0f})",
            ]
        )
    header = ["", "at once", "network-step", "GFLOP/s", "of peak", "paired", "time over glassnet's", "MB (above rest)"]
    return markdown(header, table)


def _sleeping(results: Results) -> str:
    rows = []
    for phase in results["langevin"]:
        for row in sleeping(results, phase):
            first = [phase, ENGINES[row["engine"]], _time(row["seconds"]), f"{row['rate']:.2f}"]
            if row["engine"] == "all":
                rows.append([*first, "", "1", f"1 ({row['awake']:.3f} awake)", f"{row['rate']:.3f}", "", "", "", ""])
                continue
            rows.append(
                [
                    *first,
                    f"{row['target']:g}",
                    f"{row['f']:.3f}",
                    f"{row['a']:.3f}",
                    f"{row['e']:.3f}",
                    f"{row['g']:.4f}",
                    f"{row['update']:.4f}",
                    f"{row['ceiling']:.2f}",
                    f"{row['of_ceiling']:.2f}",
                ]
            )
    header = ["phase", "engine", "network-step", "rate / peak", "target", "f", "a", "e", "g", "of it noise and update"]
    return markdown([*header, "ceiling", "rate / ceiling"], rows)


def _never_slower(results: Results) -> str:
    rows = []
    for row in sorted(results["never_slower"], key=lambda row: -float(row["awake"])):
        low, middle, high = np.quantile(row["ratios"], [0.25, 0.5, 0.75])
        quarter = f"{low:.3f} to {high:.3f}"
        rows.append([row["name"], f"{row['awake']:.3f}", f"{middle:.3f}", quarter, f"{row['of_sums']:.3f}"])
    return markdown(["", "awake", "exact / every row", "middle half", "of summed times"], rows)


def _scaling(results: Results) -> str:
    rows = []
    for row in results["scaling"]:
        share = of_peak(results, row, row["threads"], fastest)
        first = [f"{row['step']}, {row['axis']}" + (" networks" if "threads" in row["axis"] else ""), f"{row['value']}"]
        rows.append([*first, _time(seconds(row)), f"{share:.3f}", f"{of_peak_paired(row):.3f}"])
    return markdown(["step, what changes", "value", "network-step", "of peak, fastest slice", "paired"], rows)
