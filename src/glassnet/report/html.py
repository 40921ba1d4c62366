"""Pieces of HTML, with everything that is text escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from glassnet._html import escape


def pairs(rows: Mapping[str, str]) -> str:
    """Names with their values."""
    lines = (f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in rows.items())
    return f'<dl class="facts">{"".join(lines)}</dl>'


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of text that scrolls sideways where there is no room."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def command(about: str, text: str) -> str:
    """A command, with what it is for and a button that copies it."""
    return (
        f'<div class="command"><span>{escape(about)}</span><code>{escape(text)}</code>'
        f'<button type="button" class="copy" aria-label="Copy: {escape(about)}">Copy</button></div>'
    )


def data(name: str, value: Any) -> str:
    """Numbers for the page's script, as JSON that cannot end its element."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="{escape(name)}">{text}</script>'
