"""Mean square displacement of cold networks at several step sizes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from glassnet.figures.panels import say_empty
from glassnet.figures.scales import log_limits, power, set_log
from glassnet.figures.style import GREY, SINGLE_COLUMN, context, new_figure
from glassnet.observables import mean_square_displacement
from glassnet.simulate.record import Record

_LINES = ("-", "--", ":", "-.")
_COLOURS = ("black", "tab:red", "tab:blue", "tab:green")


def draw_step_size(records: Mapping[tuple[float, float], Record]) -> Figure:
    """Mean square displacement against learning rate times steps, one panel a temperature.

    Thick: the mean over replicas that did not diverge; thin: each of them. Oscillations that the step size causes
    vanish from the lower curves; what is the landscape's own is the same in all.

    Args:
        records: under Langevin dynamics, by temperature and learning rate.
    """
    temperatures = sorted({temperature for temperature, _ in records}, reverse=True)
    rates = sorted({rate for _, rate in records}, reverse=True)
    with context():
        figure, panels = new_figure(SINGLE_COLUMN * min(len(temperatures), 3), 2.8, n_panels=len(temperatures))
        for axes, temperature in zip(panels, temperatures, strict=True):
            seen, reach = [], []
            for i, rate in enumerate(rates):
                if (temperature, rate) not in records:
                    continue
                msd = mean_square_displacement(records[temperature, rate]).isel(waiting_time=0)
                msd = msd.isel(replica=records[temperature, rate].ensemble.alive, time=msd["time"].values > 0)
                x, colour = msd["time"].values * rate, _COLOURS[i % len(_COLOURS)]
                reach.append(x)
                if not msd.sizes["replica"]:
                    continue
                mean = msd.mean("replica").values
                axes.plot(x, msd.transpose("time", "replica").values, color=colour, linewidth=0.3, alpha=0.5)
                label = rf"$\mu=${power(rate)}"
                axes.plot(
                    x, mean, color=colour, linestyle=_LINES[i % len(_LINES)], linewidth=1.1, label=label, gid="mean"
                )
                seen.append(mean)
            if seen:
                axes.legend(loc="lower right")
            else:
                say_empty(axes)
            set_log(axes, "x", log_limits(*reach, pad=0.0))
            set_log(axes, "y", log_limits(*(np.asarray(values) for values in seen)))
            axes.set_xlabel(r"$\mu t$")
            axes.set_title(f"$T=${power(temperature)}, {_replicas(records, temperature)}", loc="right", color=GREY)
        panels[0].set_ylabel("MSD")
    return figure


def _replicas(records: Mapping[tuple[float, float], Record], temperature: float) -> str:
    counts = [record.ensemble.alive for (t, _), record in records.items() if t == temperature]
    fewest, most = min(int(alive.sum()) for alive in counts), max(len(alive) for alive in counts)
    return f"$n={most}$" if fewest == most else f"$n={fewest}$ of ${most}$"
