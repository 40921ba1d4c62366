"""A look at a run: the sensitivity, waiting time and temperature at which its tables and figures show it.

What is looked at is no part of what was asked for: a run has the same units and the same folder however it is seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

FIELDS: Final = {"chi": "chi", "waiting_time": "waiting_times", "temperature": "temperatures"}
"""Quantities that can be chosen, and the field of a request that lists their recorded values."""

OLD: Final = {f"shown_{name}": name for name in FIELDS}
"""Fields that requests had until version 0.1, and what they chose; nothing that is stored depends on them."""


@dataclass(frozen=True)
class Look:
    """Chi, waiting time and temperature that are shown; None where the experiment has nothing to choose from.

    Args:
        chi: sensitivity of the overlap.
        waiting_time: t_w, steps.
        temperature: T, where one temperature only is drawn.
    """

    chi: float | None = None
    waiting_time: int | None = None
    temperature: float | None = None

    @property
    def at(self) -> dict[str, Any]:
        """Chi and waiting time as keywords of figures and observables, where the experiment has both."""
        return {"chi": self.chi, "waiting_time": self.waiting_time}


def without_looks(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a stored request, without those that older versions kept for what was looked at."""
    return {name: value for name, value in numbers.items() if name not in OLD}


def kept_waiting_time(description: Mapping[str, Any]) -> int | None:
    """The waiting time of which a condensed run keeps histograms, displacements and references; None if it keeps all.

    Args:
        description: of a run; folders keep all. Older condensed ones say it in the request.
    """
    if "condensed" not in description:
        return None
    for place, name in ((description["condensed"], "waiting_time"), (description.get("request"), _WAS)):
        kept = place.get(name) if isinstance(place, Mapping) else None
        if type(kept) is int:
            return kept
    return None


_WAS: Final = "shown_waiting_time"
