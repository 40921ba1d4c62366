"""Numbers as people write them in tables and labels: ASCII digits with an optional sign, point and exponent.

Python's ``int()`` and ``float()`` also take underscores, digits of other scripts, ``nan`` and ``inf``. Tables do not.
"""

from __future__ import annotations

import re
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, InvalidOperation
from typing import Final

NO_VALUE: Final = frozenset(
    ["", "?", "-", "--", ".", "nan", "na", "n/a", "#n/a", "<na>", "nat", "none", "null", "nil", "missing"]
    + [sign + word for sign in ("", "+", "-") for word in ("inf", "infinity")]
)
"""Texts in lower case that tables have where a number is not known or not finite."""

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_TRUTH: Final = {"True": "1", "False": "0"}
_MOST_DIGITS: Final = 400
"""A whole number of more digits is named by its exponent; float64 ends before."""


def is_number(text: str) -> bool:
    """Whether the text, without blanks around it, is a number."""
    return _NUMBER.fullmatch(text.strip(" \t")) is not None


def exact(text: str) -> Decimal | None:
    """The number that a text is, with all its digits; True and False are 1 and 0. None if it is no number."""
    text = _TRUTH.get(text, text)
    if not is_number(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent of twenty digits
        return None


def shown(number: Decimal) -> str:
    """The one name of a number: the same for ``10``, ``1e1`` and ``10.0``, and for no other number."""
    if number.adjusted() < _MOST_DIGITS and number == number.to_integral_value():
        return str(int(number))
    short = repr(float(number))
    if Decimal(short) == number:
        return short
    digits = len(number.as_tuple().digits)
    return str(number.normalize(Context(prec=digits, Emax=MAX_EMAX, Emin=MIN_EMIN)))
