"""A change of structure leaves addresses, landscapes, summaries and verdicts of committed runs as they are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from glassnet.paper.claims import assess, open_runs
from tools import make_guards

GUARDS: dict[str, Any] = json.loads(make_guards.GUARDS.read_text(encoding="utf-8"))


def test_every_committed_run_is_guarded() -> None:
    assert make_guards.names() == sorted(GUARDS["addresses"]) == sorted(GUARDS["summaries"])


@pytest.mark.parametrize("name", GUARDS["addresses"])
def test_units_keep_their_addresses(name: str) -> None:
    assert make_guards.addresses(name) == GUARDS["addresses"][name]


def test_landscapes_keep_their_fingerprints() -> None:
    assert make_guards.landscapes() == GUARDS["landscapes"]


@pytest.mark.long
@pytest.mark.parametrize("name", GUARDS["summaries"])
def test_summaries_say_the_same(name: str) -> None:
    # Another machine's libraries sum in another order: 1e-9 is a thousand times that of ten thousand terms.
    assert_alike(flat(make_guards.summary(name)), flat(GUARDS["summaries"][name]), rel=1e-9)


@pytest.mark.long
def test_claims_are_judged_as_they_were() -> None:
    judged = assess(open_runs([make_guards.RUNS]))
    pinned = json.loads((make_guards.RUNS.parent / "claims.json").read_text(encoding="utf-8"))
    verdicts = [(one["id"], one["seen"], one["reading"]) for one in pinned]
    assert [(one.id, one.seen, one.reading) for one in judged] == verdicts
    for one, other in zip(judged, pinned, strict=True):
        # The table has four digits.
        numbers = {name: getattr(one, name) for name in ("value", "low", "high", "null_value")}
        assert_alike(numbers, {name: other[name] for name in numbers}, rel=1e-3)


def assert_alike(found: dict[str, Any], wanted: dict[str, Any], rel: float) -> None:
    """Hold numbers to each other within a relative error, all else exactly."""
    numbers = {name: value for name, value in wanted.items() if isinstance(value, (int, float))}
    assert {name: found[name] for name in numbers} == pytest.approx(numbers, rel=rel)
    assert found == wanted | {name: found[name] for name in numbers}


def flat(tables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A number or a text by table, column and place."""
    return {
        f"{table}.{column}.{i}": value
        for table, columns in tables.items()
        for column, digest in columns.items()
        for i, value in enumerate(digest if isinstance(digest, list) else [digest])
    }
