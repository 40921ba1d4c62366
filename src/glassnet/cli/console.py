"""The console that everything is printed on: texts of files cannot steer it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from glassnet._text import escaped


class PlainConsole(Console):
    """A console that prints text as it is: no markup is read in it, and control characters are shown escaped."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Text as rich lays it out, escaped before it is measured."""
        return super().render_str(escaped(text, lines=True), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Segments for the terminal; texts that were not strings are escaped here."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(escaped(segment.text, lines=True), segment.style)
