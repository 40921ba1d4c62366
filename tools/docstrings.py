"""Docstrings as the pages of the documentation show them (an extension of Griffe's, which ``mkdocs.yml`` names)."""

from __future__ import annotations

import re
from typing import Any

from griffe import Class, Extension, Function, Object

_CODE = re.compile(r"(``.*?``|`[^`\n]*`)", re.DOTALL)
_RETURNS = re.compile(r"\nReturns:\n +")
_TAG = re.compile(r"<(?=[A-Za-z/!])")
_ROLE = re.compile(r":(?:class|func|meth|mod|attr):`~?([\w.]+)`")


class Docstrings(Extension):
    """Makes Markdown of what docstrings have beside it, and says what the parser would have to guess."""

    def on_instance(self, *, obj: Object, **kwargs: Any) -> None:
        """Rewrites the docstring of each object that is found."""
        if obj.docstring is None:
            return
        text = markdown(obj.docstring.value)
        if isinstance(obj, Class) and "__init__" not in obj.members and "dataclass" not in obj.labels:
            text = text.replace("\nArgs:\n", "\nAttributes:\n")
        if isinstance(obj, Function):
            # Said, or what stands before a colon would be taken for it.
            text = _RETURNS.sub(lambda start: f"{start[0]}{obj.returns}: ", text)
        obj.docstring.value = text


def markdown(text: str) -> str:
    """The text with ``:func:`name``` as a link, and without angle brackets that a browser would take for tags."""
    linked = _ROLE.sub(lambda role: f"[`{role[1]}`][{role[1]}]", text)
    parts = _CODE.split(linked)
    return "".join(part if part.startswith("`") else _TAG.sub("&lt;", part) for part in parts)
