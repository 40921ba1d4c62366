"""Names and axes of what a record holds."""

from __future__ import annotations

import re
from typing import Final

LOSSES: Final = ("data_loss", "total_loss", "awake", "accuracy", "dead")
TEST_LOSSES: Final = ("test_loss", "test_accuracy")

AT_TIMES: Final = ("replica", "waiting_time", "time")
DIMENSIONS: Final[dict[str, tuple[str, ...]]] = {
    "moments": (*AT_TIMES, "layer", "moment"),
    "within_chi": (*AT_TIMES, "layer", "chi"),
    "within_epsilon": (*AT_TIMES, "layer", "epsilon"),
    "weight_norm2": (*AT_TIMES, "layer"),
    "gradient_norm": (*AT_TIMES, "layer"),
    **dict.fromkeys((*LOSSES, *TEST_LOSSES), AT_TIMES),
    "histogram": ("replica", "waiting_time", "sparse_time", "layer", "bin"),
    "displacement": ("replica", "waiting_time", "snapshot_time", "weight"),
}
"""Dimensions of each variable of a record."""

_BESIDE: Final = """
    seed origin noise temperature learning_rate l2 entry_step sigma lost_at n_layer_weights
    epsilon_of_chi bin_edge references final_weights final_step final_alive
    character byte unit group
"""
OWN_COUNTS: Final = frozenset({"missed_wakings"})
"""Counts of glassnet's own engines, which a record has as coordinates."""

_OWN: Final = frozenset({*DIMENSIONS, *(dim for dims in DIMENSIONS.values() for dim in dims), *_BESIDE.split()})
_FAMILIES: Final = re.compile(r"(statistic|label|engine|skin)_.*|axis_\d+_of_.*", re.DOTALL)

RESERVED: Final = _OWN | OWN_COUNTS
"""Names that mean something in a record, its file or a mean over it already."""


def is_free(name: str) -> bool:
    """Whether an axis or a count may bear a name: it is neither reserved nor of those that files are made of."""
    return name not in RESERVED and _FAMILIES.fullmatch(name) is None
