"""How many replicas give tau_90 to 10 %, from how much it differs between initial conditions in the committed runs.

``spread.json`` has the standard deviation s of ln tau_90 between initial conditions, by data set, phase and
temperature; ``python -m tools.make_spread`` makes it of ``docs/reproduction/runs``, and it names the run of each. It is
of 4 initial conditions a row, from which s itself is known within a factor of 0.57 to 3.7 (95 %): a guide, no promise.
"""

from __future__ import annotations

import json
import math
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from glassnet._text import number_list

if TYPE_CHECKING:
    from glassnet.runs.experiment import Experiment

PRECISION: Final = 0.1
"""Half the width of the 95 % interval of tau_90, as a share of tau_90."""


def replicas_for(spread: float, precision: float = PRECISION) -> int:
    """The smallest n, 2 or more, whose 95 % interval of a geometric mean reaches up by ``precision`` or less.

    Student's interval of n initial conditions is a factor exp(+-t_{n-1} s/sqrt(n)) about the mean, so that n is the
    smallest with n >= (t_{n-1} s/ln(1 + precision))^2, t_{n-1} being the 97.5 % point with n - 1 degrees of freedom.

    Args:
        spread: s, the standard deviation of ln tau between initial conditions, >= 0.
        precision: share of tau, > 0.

    Raises:
        ValueError: a spread that is negative or not finite, or a precision that is not > 0.

    Examples:
        >>> from glassnet.paper.spread import replicas_for
        >>> replicas_for(0.08), replicas_for(0.02)
        (6, 3)
    """
    from scipy.special import stdtrit

    if not (math.isfinite(spread) and spread >= 0 and precision > 0):
        raise ValueError(f"spread must be >= 0 and precision > 0, but got {spread} and {precision}")
    n = 2
    while n < (stdtrit(n - 1, 0.975) * spread / math.log1p(precision)) ** 2:
        n += 1
    return n


def needed(request: Experiment) -> str:
    """How many replicas give tau_90 to 10 % at the temperatures of a request; empty where no run says.

    At each temperature the row of the nearest one in the committed run counts, T = 0 being the coldest.
    """
    from glassnet.paper.experiments.relaxation import Relaxation, like

    if request.experiment not in (Relaxation.experiment, "ageing"):
        return ""
    phase, temperatures_asked = getattr(request, "phase", None), getattr(request, "temperatures", ())
    if phase is None:
        return ""
    found: dict[str, Any] = json.loads((files("glassnet.paper") / "spread.json").read_text(encoding="utf-8"))
    known = found[f"{like(request.dataset)} {phase}"]
    coldest = min(row[0] for row in known["rows"] if row[0] > 0) / 10

    def place(temperature: float) -> float:
        return math.log(max(temperature, coldest))

    def n_at(temperature: float) -> int:
        nearest = min(known["rows"], key=lambda row: abs(place(row[0]) - place(temperature)))
        return replicas_for(nearest[1])

    ladder = [(n, number_list(list(same))) for n, same in groupby(temperatures_asked[::-1], n_at)]
    said = "; ".join(f"{n} at T = {temperatures}" for n, temperatures in ladder)
    origins = max(row[2] for row in known["rows"])
    return f"{said} (from {origins} initial conditions of {known['run']}; asked for: {request.replicas})"
