"""What a skin remembers from step to step: which rows are looked at, how wide it is, and what it has missed.

The cpu engine writes it (:class:`glassnet.engines.Cpu`, ``skin=True``); an ensemble carries it, so that a run that is
stopped, saved, sliced and continued has the bits of one that was not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Skin:
    """One entry a replica in every array; all are read-only.

    Args:
        tag: ``(replica,)`` text, the SHA-256 of the landscape, dynamics and settings under which the list was made:
            under any others it is not used. Empty where a replica has none.
        width: ``(replica,)`` float64; rows with y f up to 1 + width at the last full pass are listed.
        missed: ``(replica,)`` int64, rows that a full pass found awake though they had not been listed, since the
            replica's first list.
        rows: ``(replica, byte)`` uint8, a bit a row, the first row in the highest bit.
    """

    tag: NDArray[np.str_]
    width: NDArray[np.float64]
    missed: NDArray[np.int64]
    rows: NDArray[np.uint8]

    def __post_init__(self) -> None:
        kinds: dict[str, Any] = {"tag": "<U64", "width": np.float64, "missed": np.int64, "rows": np.uint8}
        for name, kind in kinds.items():
            array = np.array(getattr(self, name), order="C").astype(kind)
            if array.ndim != (2 if name == "rows" else 1) or len(array) != len(self.tag):
                raise ValueError(f"skin.{name} must have one entry a replica, but has shape {array.shape}")
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.tag)

    def __getitem__(self, index: Any) -> Skin:
        return Skin(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    @classmethod
    def none(cls, n_replicas: int) -> Skin:
        """Of replicas that have none."""
        return cls(
            np.full(n_replicas, ""),
            np.zeros(n_replicas),
            np.zeros(n_replicas, np.int64),
            np.zeros((n_replicas, 0), np.uint8),
        )


def concat(skins: Sequence[Skin | None], sizes: Sequence[int]) -> Skin | None:
    """The skins of several ensembles of these sizes, in order; None where none has one."""
    if all(skin is None for skin in skins):
        return None
    parts = [Skin.none(n) if skin is None else skin for skin, n in zip(skins, sizes, strict=True)]
    n_bytes = max(part.rows.shape[1] for part in parts)
    rows = [np.pad(part.rows, ((0, 0), (0, n_bytes - part.rows.shape[1]))) for part in parts]
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("tag", "width", "missed")}
    return Skin(rows=np.concatenate(rows), **joined)
