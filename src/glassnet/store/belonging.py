"""Whether a stored value is that of the unit that it is kept as, as far as a value says what it is of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from glassnet.simulate.ensemble import Ensemble
from glassnet.simulate.record import Record
from glassnet.simulate.statistic import identities
from glassnet.store.values import Value, with_tuples


def refuse_another(value: Value, identity: Mapping[str, Any], end: int) -> None:
    """Refuse the value of another unit.

    Args:
        value: what was read.
        identity: what was asked for; what it leaves out is not looked at.
        end: how far the unit says that it is.

    Raises:
        ValueError: naming what differs.
    """
    for name, found, wanted in _told(value, identity, end):
        if with_tuples(found) != with_tuples(wanted):
            raise ValueError(f"it must hold the unit with {name} {wanted!r:.200}, but its value has {found!r:.200}")


def _told(value: Value, identity: Mapping[str, Any], end: int) -> Iterator[tuple[str, Any, Any]]:
    """Fields of a value that are compared: the name, the value found, the value wanted."""
    ensemble = value if isinstance(value, Ensemble) else value.ensemble
    start, stages = identity.get("start", {}), identity.get("stages", [])
    last = stages[-1] if stages else {}
    for name, where in (("seed", start), ("origin", start), ("noise", last)):
        if name in where:
            yield name, getattr(ensemble, name).tolist(), [where[name]]
    if "network" in identity:
        yield "network", ensemble.network.description, identity["network"]
    if "dtype" in start:
        yield "dtype", ensemble.weights.dtype.name, start["dtype"]
    if stages:
        yield "replicas", len(ensemble), 1
        yield "kind", type(value).__name__, "Record" if "recording" in last else "Ensemble"
    if isinstance(value, Record):
        yield "end", value.elapsed, end
        if "recording" in last:
            yield from _told_by_record(value, identity, last)


def _told_by_record(
    record: Record, identity: Mapping[str, Any], last: Mapping[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    data, dynamics, engine = record.data, last["dynamics"], identity["engine"]
    yield "dynamics", data.attrs["dynamics"], dynamics
    named = {name: identity["start"][name] for name in ("seed", "origin") if name in identity["start"]}
    moved = {name: dynamics[name] for name in ("temperature", "learning_rate") if name in dynamics}
    for name, wanted in {**named, **moved, "l2": identity["loss"]["l2"]}.items():
        yield f"recorded {name}", data[name].values.tolist(), [wanted]
    yield "waiting_times", data["waiting_time"].values.tolist(), last["waiting_times"]
    yield "chi", data["chi"].values.tolist(), last["chi"]
    yield "statistics", identities(data), last.get("statistics", {})
    for name in ("name", "version", "gradient"):
        yield f"engine {name}", data.attrs["engine"][name], engine[name]
