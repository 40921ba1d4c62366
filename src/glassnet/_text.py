"""How numbers and names are said to people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Final

_AGES: Final = 1e11
"""Seconds; three thousand years."""

_SIMILAR: Final = 0.7


def counted(n: int, noun: str) -> str:
    """A number with its noun."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def escaped(text: str, *, lines: bool = False) -> str:
    """The text with an escape such as \\x1b in place of what steers a terminal or turns the order of letters.

    Args:
        text: any text, of a file for example.
        lines: whether line ends and tabs are left as they are.
    """
    if text.isprintable():
        return text
    left = "\n\t" if lines else ""
    return "".join(c if c.isprintable() or c in left else c.encode("unicode_escape").decode() for c in text)


def number_list(values: Iterable[float], between: str = ", ") -> str:
    """Numbers one after the other, as short as they are told apart."""
    return between.join(f"{value:g}" for value in values)


def given_replicas(fingerprints: Sequence[str]) -> str:
    """Quenched replicas that a run was given, told from others by the first of them."""
    return f"{counted(len(fingerprints), 'replica')}, first fingerprint {fingerprints[0][:16]}"


def said(value: object) -> str:
    """A number, or several, as people write them; anything else as it is."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(said, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """Days, hours, minutes and seconds as people write them."""
    return str(timedelta(seconds=round(seconds))) if seconds < _AGES else "ages"


def near_to(name: str, known: Iterable[str]) -> list[str]:
    """The ones that a name may be meant for: itself, else those that begin with it, else similar ones."""
    known = list(known)
    if name in known:
        return [name]
    begun = [one for one in known if len(name) > 2 and one.startswith(name)]
    return begun or get_close_matches(name, known, cutoff=_SIMILAR)
