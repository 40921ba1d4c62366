"""``concat`` for whatever has replicas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from glassnet.simulate import ensemble, record
from glassnet.simulate.ensemble import Ensemble
from glassnet.simulate.record import Record


@overload
def concat(values: Sequence[Ensemble]) -> Ensemble: ...
@overload
def concat(values: Sequence[Record]) -> Record: ...
def concat(values: Sequence[Ensemble] | Sequence[Record]) -> Ensemble | Record:
    """The replicas of several ensembles, or of several records, as one, in order.

    Ensembles must be of one network and dtype; records must have been made under the same plan on the same data.

    Raises:
        TypeError: anything else than ensembles or records, or a mixture.
        ValueError: they do not fit together, or two replicas have the same name and step.
    """
    items = list(values)
    if items and all(isinstance(item, Ensemble) for item in items):
        return ensemble.concat([item for item in items if isinstance(item, Ensemble)])
    if items and all(isinstance(item, Record) for item in items):
        return record.concat([item for item in items if isinstance(item, Record)])
    kinds = ", ".join(sorted({type(item).__name__ for item in items})) or "nothing"
    raise TypeError(f"values must be ensembles or records, all of one kind, but got {kinds}")
