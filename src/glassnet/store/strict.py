"""JSON of a file that a stranger may have written: every key once, no deeper and no longer than glassnet writes it."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

from glassnet._zip import Members

MOST_BYTES: Final = 16 * 2**20
"""Bytes of a file's description of itself; the longest so far, of 1,600 units, has 0.3 MB."""

_MOST_VALUES: Final = 2_000_000
_DEEPEST: Final = 40
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""To its end, or to that of a text that ends inside: what failed would be tried again at each further quote."""

_BRACKET: Final = re.compile(rb"[\[\]{}]")


def parsed(content: bytes | str, *, infinite: bool = False, most_bytes: int = MOST_BYTES) -> Any:
    """The value of a JSON text.

    Args:
        content: the text, UTF-8 if bytes.
        infinite: whether NaN and infinities are numbers, as losses of diverged replicas are.
        most_bytes: the longest text that is read.

    Raises:
        ValueError: no JSON, a key that comes twice, or a text that is too long or too deep; it names no file.
    """
    text = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    if len(text) > most_bytes:
        raise ValueError(f"its JSON must have at most {most_bytes} bytes, but has {len(text)}")
    if sum(text.count(sign) for sign in (b",", b"[", b"{")) > _MOST_VALUES:
        raise ValueError(f"its JSON must have at most {_MOST_VALUES} values")
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub(b"", text)):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > _DEEPEST:
            raise ValueError(f"its JSON must be nested at most {_DEEPEST} deep")
    other: dict[str, Any] = {} if infinite else {"parse_constant": _refuse, "parse_float": _finite}
    plain = content if isinstance(content, str) else content.decode()  # json would guess other encodings
    return json.loads(plain, object_pairs_hook=_each_key_once, **other)


def read(members: Members, name: str, *, infinite: bool = False, most_bytes: int = MOST_BYTES) -> Any:
    """The value of a member of a zip that is JSON, as :func:`parsed`; a longer one is not unpacked."""
    if members.size(name) > most_bytes:
        raise ValueError(f"its JSON must have at most {most_bytes} bytes, but has {members.size(name)}")
    return parsed(members[name], infinite=infinite)


def whole(name: str, value: Any, high: int) -> int:
    """``value`` if it is an integer from 0 to ``high``.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= high:
        raise ValueError(f"{name} must be an integer from 0 to {high}, but is {value!r:.40}")
    return value


def numbers(name: str, value: Any) -> dict[str, float]:
    """``value`` if it is names with numbers, which may be NaN or infinite.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be names with numbers, but is {value!r:.40}")
    for key, number in value.items():
        if type(number) is not float:
            whole(f"{name}, {key!r:.40},", number, 2**53)
    return value


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"its JSON has the key {key!r:.80} twice")
        found[key] = value
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"its JSON must hold finite numbers, but holds {constant}")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        _refuse(digits[:40])
    return number
