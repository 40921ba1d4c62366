"""Results of a study on disk: one small JSON a question, with the question in it, so that nothing is run twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

Found = dict[str, Any]
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Question(Generic[Key]):
    """One measurement of a study.

    Args:
        key: what the study calls it.
        name: name of its file, without the suffix.
        asked: all numbers that the result follows from.
        measure: makes the result.
    """

    key: Key
    name: str
    asked: Mapping[str, Any]
    measure: Callable[[], Found]

    def path(self, folder: Path) -> Path:
        """The file that keeps the result."""
        return folder / f"{self.name}.json"


def load(path: Path, asked: Mapping[str, Any]) -> Found | None:
    """The result in a file, None where there is no file.

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


def there(questions: Iterable[Question[Key]], folder: Path) -> dict[Key, Found]:
    """Results by key, of all questions that have one.

    Raises:
        ValueError: as :func:`load`.
    """
    loaded = {question.key: load(question.path(folder), question.asked) for question in questions}
    return {key: found for key, found in loaded.items() if found is not None}


def answer(questions: Iterable[Question[Any]], folder: Path) -> None:
    """Measure and keep, one after the other, all questions that have no result.

    Raises:
        ValueError: as :func:`load`.
    """
    for question in questions:
        path = question.path(folder)
        if load(path, question.asked) is not None:
            print(f"{path.name}: there", flush=True)
            continue
        began = time.monotonic()
        save(path, question.asked, question.measure())
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
    """The value as JSON, nine digits a number; numbers that are not finite become strings that ``float`` reads."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(entry) for entry in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.9g}") if np.isfinite(value) else str(float(value))
    return value.item() if isinstance(value, np.generic) else value
