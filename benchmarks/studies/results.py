"""Results of a study on disk: one small JSON a case, with what was asked for, so that nothing is run twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Found = dict[str, Any]


def load(path: Path, asked: Mapping[str, Any]) -> Found | None:
    """What was found, None where it was not run yet.

    Raises:
        ValueError: the file holds the answer to another question.
    """
    if not path.is_file():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    if kept["asked"] != plain(asked):
        raise ValueError(
            f"{path} must hold the result of {json.dumps(plain(asked))}, but was asked {json.dumps(kept['asked'])}: "
            "remove it, or give another folder with --output"
        )
    return dict(kept["found"])


def once(path: Path, asked: Mapping[str, Any], measure: Callable[[], Found]) -> None:
    """Measure and keep, unless it is there.

    Raises:
        ValueError: as :func:`load`.
    """
    if load(path, asked) is not None:
        print(f"{path.name}: there", flush=True)
        return
    began = time.monotonic()
    save(path, asked, measure())
    print(f"{path.name}: {time.monotonic() - began:.0f} s", flush=True)


def save(path: Path, asked: Mapping[str, Any], found: Found) -> None:
    """Write a result; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(
        json.dumps({"asked": plain(asked), "found": plain(found)}, allow_nan=False) + "\n", encoding="utf-8"
    )
    partial.replace(path)


def plain(value: Any) -> Any:
    """As JSON has it, nine digits; numbers that are not finite become strings that ``float`` reads."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(entry) for entry in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.9g}") if np.isfinite(value) else str(float(value))
    return value.item() if isinstance(value, np.generic) else value
