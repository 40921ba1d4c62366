"""Values as small HTML tables, which notebooks show in place of a ``repr``; colours and fonts are the notebook's."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from glassnet._text import escaped

_LEFT = ' style="text-align: left; vertical-align: top"'


def escape(text: str) -> str:
    """Text for HTML: no markup in it, and nothing that turns the order of letters."""
    return html.escape(escaped(text, lines=True))


def facts(title: str, rows: Mapping[str, str]) -> str:
    """A title, and below it names with what is to be said of each."""
    lines = "".join(
        f"<tr><th{_LEFT}>{escape(name)}</th><td{_LEFT}>{escape(value)}</td></tr>" for name, value in rows.items()
    )
    return f"<div><strong>{escape(title)}</strong><table><tbody>{lines}</tbody></table></div>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns with a head."""
    first = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = "".join("<tr>" + "".join(f"<td>{escape(entry)}</td>" for entry in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{first}</tr></thead><tbody>{lines}</tbody></table>"


def folded(summary: str, content: str) -> str:
    """HTML that opens when its summary is clicked."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def listed(values: ArrayLike, most: int = 8) -> str:
    """The distinct values of an array in increasing order; of more than ``most`` how many there are, and the ends."""
    distinct = np.unique(np.asarray(values))
    if distinct.size == 0:
        return "none"
    if distinct.size > most:
        return f"{distinct.size} from {distinct[0]:g} to {distinct[-1]:g}"
    return ", ".join(f"{value:.6g}" for value in distinct)
