"""Arrays inside a page: as compressed text, each kept once however many runs share it."""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Reference = dict[str, Any]
"""Description by which the page's script reads an array: ``at`` (its name), ``type`` and ``shape``."""

_LEVEL: Final = 6
"""Level of zlib: beyond it histograms gain little and take much longer."""


class Arrays:
    """The arrays of one page."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        """By name, base64 of zlib-compressed little-endian bytes in C order."""

    def floats(self, values: NDArray[Any]) -> Reference:
        """Real numbers as float32: 6e-8 of each is lost, and what is below 1e-45 is 0."""
        with np.errstate(over="ignore", under="ignore"):
            return self._add(np.asarray(values).astype("<f4"), "f4")

    def counts(self, values: NDArray[Any]) -> Reference:
        """Whole numbers, exactly; the largest number of the type stands for NaN."""
        known = values[np.isfinite(values)]
        kind = "u2" if known.max(initial=0.0) < np.iinfo(np.uint16).max else "u4"
        missing = np.iinfo(kind).max
        return self._add(np.where(np.isfinite(values), values, missing).astype(f"<{kind}"), kind)

    def _add(self, values: NDArray[Any], kind: str) -> Reference:
        content = values.tobytes()
        name = hashlib.sha256(content).hexdigest()[:16]
        if name not in self.texts:
            self.texts[name] = packed(content)
        return {"at": name, "type": kind, "shape": list(values.shape)}


def packed(content: bytes) -> str:
    """Bytes as base64 of their zlib-compressed form."""
    return base64.b64encode(zlib.compress(content, _LEVEL)).decode()
