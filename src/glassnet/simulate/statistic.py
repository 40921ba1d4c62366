"""A user's own observable, recorded along the way: a function of one replica at one time.

What is recorded of it depends on that replica and time alone, so that neither neighbours nor splits can be seen in it.
The function is called once before the first step too, with random numbers, to learn the axes of what it returns.
"""

from __future__ import annotations

import reprlib
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from glassnet import _check, random
from glassnet._text import escaped
from glassnet.landscape.network import Network
from glassnet.simulate.axes import AT_TIMES, RESERVED
from glassnet.simulate.dynamics import Dynamics, Langevin
from glassnet.simulate.ensemble import Ensemble
from glassnet.simulate.labelled import NAME, PREFIX, Axes

NEEDS: Final = ("weights", "reference", "gradient", "noise_sum")

_NAME_LENGTH: Final = 50
_UNIT_LENGTH: Final = 100


@dataclass(frozen=True)
class Statistic:
    """An observable of your own, which :func:`glassnet.measure` records at every save time of every reference.

    The function is called for one replica at a time, with what it needs as keywords: float64 arrays ``(weight,)``,
    copies of its own. It must depend on nothing else, such as earlier calls. It returns a number, an array, or an
    ``xarray.DataArray`` whose axes have names and may have labels (numbers or texts): real numbers, of the same axes at
    every call, kept as float64. NaN and infinities are kept as they are. The axis ``layer`` is that of the record.

    Args:
        name: an identifier; ``record.data["statistic_NAME"]`` has axes ``(replica, waiting_time, time, ...)``.
        function: as above.
        version: a whole number from 1, to be raised whenever the function changes: functions are not stored, and what
            was recorded under another version is not gone on with.
        needs: any of

            - "weights": at this time.
            - "reference": the weights at the waiting time.
            - "gradient": of the total loss (l2 included) over all rows at this time, of the engine's precision. Under
              full-batch dynamics it costs nothing, as the next step takes it too; under batches it costs a pass over
              all rows at every save time.
            - "noise_sum": the sum of the standard normal numbers xi (no unit) of the steps since the waiting time, as
              :func:`glassnet.random.noise` defines them; under Langevin dynamics only. Each update has added
              sqrt(2 mu T / P_D) xi to the weights; at T = 0 none has, and the numbers are the same. They are made
              anew from the replica's names and steps, whatever the engine: about 5 ns a weight and step, and after a
              restart once more from the first waiting time.
        unit: of the values, for people; "" for none.

    Raises:
        TypeError: the function cannot be called, or a field is of the wrong kind.
        ValueError: a name that is no identifier or means something in a record already, or unknown needs.

    Examples:
        >>> import glassnet as gn
        >>> def moved(weights, reference):
        ...     return abs(weights - reference).max()
        >>> landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4), gn.QuadraticHinge(l2=1e-2))
        >>> start = gn.Ensemble.random(landscape.network, n_replicas=4)
        >>> langevin = gn.Langevin(temperature=1e-3, learning_rate=1e-3)
        >>> furthest = gn.Statistic("furthest", moved, unit="weight")
        >>> record = gn.measure(start, landscape, langevin, times=[10, 1_000], statistics=[furthest])
        >>> print(record.data.statistic_furthest.mean("replica").values.round(4))
        [[0.0016 0.0372]]
    """

    name: str
    function: Callable[..., Any] = field(compare=False)
    _: KW_ONLY
    version: int = 1
    needs: Sequence[str] = ("weights", "reference")
    unit: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        _check.same_kind("name", self.name, str)
        if not NAME.fullmatch(self.name) or len(self.name) > _NAME_LENGTH:
            raise ValueError(
                f"name must be an identifier of up to {_NAME_LENGTH} letters, digits and _, a letter first, but got "
                f"{self.name!r:.80}: rename it"
            )
        if self.name in RESERVED:
            raise ValueError(f"name must not be one that a record has already, but got {self.name!r}: rename it")
        if not callable(self.function):
            raise TypeError(f"function must be a function, but got {type(self.function).__name__}")
        _check.same_kind("unit", self.unit, str)
        if len(self.unit) > _UNIT_LENGTH or not self.unit.isprintable():
            raise ValueError(f"unit must be at most {_UNIT_LENGTH} characters of plain text, but got {self.unit!r:.80}")
        object.__setattr__(self, "version", _check.integer("version", self.version, low=1, high=2**53))
        wanted = list(self.needs) if isinstance(self.needs, (tuple, list, set, frozenset)) else None
        if not wanted or not all(need in NEEDS for need in wanted) or len(set(wanted)) < len(wanted):
            raise ValueError(f"needs must be a tuple of {', '.join(NEEDS)}, each once, but got {self.needs!r:.80}")
        object.__setattr__(self, "needs", tuple(need for need in NEEDS if need in wanted))

    @property
    def variable(self) -> str:
        """The name of its values in a record."""
        return PREFIX + self.name

    @property
    def identity(self) -> dict[str, Any]:
        """Version and needs as JSON values: its values depend on these and on the replica."""
        return {"version": self.version, "needs": list(self.needs)}


Where = Callable[[], str]
"""Says in words which replica is looked at, and when."""


@dataclass(frozen=True, eq=False)
class Observed:
    """A statistic together with the axes of what its function returns."""

    statistic: Statistic
    axes: Axes

    @property
    def variable(self) -> str:
        """The name of its values in a record."""
        return self.statistic.variable

    @property
    def dims(self) -> tuple[str, ...]:
        """All axes of its values in a record."""
        return (*AT_TIMES, *self.axes.lengths)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of its own axes."""
        return tuple(self.axes.lengths.values())

    def of(self, values: Mapping[str, NDArray[Any]], where: Where) -> NDArray[np.float64]:
        """The function's numbers for one replica; ``values`` has all that it may need, by name.

        Raises:
            ValueError: it fails, or returns something of other axes than before.
        """
        axes, numbers = _called(self.statistic, values, where)
        if (difference := self.axes.difference(axes)) is not None:
            raise _wrong(self.statistic, where, f"must return the same axes at every call, but {difference}")
        return numbers


class FunctionMissing(ValueError):
    """The function of a statistic is not at hand, as a file does not hold it."""


def in_order(statistics: Sequence[Statistic]) -> tuple[Statistic, ...]:
    """Statistics in the order of their names.

    Raises:
        TypeError: something else than statistics.
        ValueError: two of one name.
    """
    if not isinstance(statistics, (list, tuple)):
        raise TypeError(f"statistics must be a tuple of gn.Statistic, but got {type(statistics).__name__}")
    for one in statistics:
        _check.same_kind("each of statistics", one, Statistic)
    found = sorted(statistics, key=lambda one: one.name)
    for one, other in pairwise(found):
        if one.name == other.name:
            raise ValueError(f"statistics must have each a name of its own, but {one.name!r} comes twice")
    return tuple(found)


def observed(statistics: Sequence[Statistic], network: Network, dynamics: Dynamics) -> tuple[Observed, ...]:
    """Statistics with their axes, in the order of their names.

    Raises:
        TypeError: something else than statistics.
        ValueError: two of one name, noise that the dynamics does not have, a function that fails or returns something
            that cannot be recorded, or two that give one axis different lengths or labels.
    """
    made: list[Observed] = []
    for statistic in in_order(statistics):
        if "noise_sum" in statistic.needs and not isinstance(dynamics, Langevin):
            raise ValueError(
                f"statistic {statistic.name!r} needs noise_sum, which takes Langevin dynamics, but got {dynamics}"
            )
        # Neither zeros, which a function may divide by, nor a replica, which another split would not have.
        numbers = {need: random.noise(0, 0, 0, i, network.n_weights) for i, need in enumerate(NEEDS)}
        axes, _ = _called(statistic, numbers, lambda: "of random numbers, with which it is tried before the first step")
        axes.refuse_misfit(statistic.name, len(network.layer_sizes))
        for other in made:
            for dim in axes.lengths.keys() & other.axes.lengths.keys():
                if not axes.alike(other.axes, dim):
                    raise ValueError(
                        f"statistics {other.statistic.name!r} and {statistic.name!r} must have the same length and "
                        f"labels along {dim!r}, which both have, but have not: rename the axis in one"
                    )
        made.append(Observed(statistic, axes))
    return tuple(made)


def describe(statistics: Sequence[Observed]) -> dict[str, Any]:
    """As a record's attribute has them: version, needs and unit by name."""
    return {
        one.name: {"version": one.version, "needs": tuple(one.needs), "unit": one.unit}
        for one in (each.statistic for each in statistics)
    }


def identity_of(statistics: Sequence[Statistic]) -> dict[str, Any]:
    """The part of an identity that statistics add, as JSON values: nothing where there are none."""
    return {"statistics": {one.name: one.identity for one in statistics}} if statistics else {}


def identities(data: xr.Dataset) -> dict[str, Any]:
    """Version and needs of a record's statistics, by name, as JSON values."""
    return {
        name: {"version": about["version"], "needs": list(about["needs"])}
        for name, about in data.attrs.get("statistics", {}).items()
    }


def with_units(data: xr.Dataset) -> xr.Dataset:
    """The same record, in which the values of statistics bear their names and units."""
    for name, about in data.attrs.get("statistics", {}).items():
        data[PREFIX + name].attrs = {"long_name": name.replace("_", " "), "units": about["unit"]}
    return data


def refuse_others(data: xr.Dataset, statistics: Sequence[Observed]) -> None:
    """Refuse to go on with a record under other statistics than it was made with.

    Raises:
        ValueError: naming the statistic.
    """
    recorded, given = identities(data), {one.statistic.name: one for one in statistics}
    for name in sorted(recorded.keys() - given.keys()):
        raise ValueError(
            f"statistics must be those of the record, but {name!r} is missing: functions are not stored, give "
            f"statistics=[gn.Statistic({name!r}, ...)] again"
        )
    for name, one in given.items():
        if name not in recorded:
            known = ", ".join(map(repr, recorded)) or "none"
            raise ValueError(f"statistics must be those of the record ({known}), but got {name!r} too: measure anew")
        for key, wanted in recorded[name].items():
            if (found := one.statistic.identity[key]) != wanted:
                raise ValueError(
                    f"statistic {name!r} must have the record's {key} {wanted!r}, but has {found!r}: give the function "
                    "that the record was made with, or measure anew"
                )
        if (difference := Axes.recorded(data, name).difference(one.axes)) is not None:
            raise ValueError(
                f"statistic {name!r} must return the axes that the record has, but {difference}: give the function "
                "that the record was made with, or measure anew under another version"
            )


def refuse_same_names(statistics: Sequence[Observed], ensemble: Ensemble) -> None:
    """Refuse axes that are called as a count of the engine is, which a record has as a coordinate.

    Raises:
        ValueError: naming both.
    """
    counts = {name for state in ensemble.state.values() for name in state.counts}
    for one in statistics:
        for dim in one.axes.lengths.keys() & counts:
            raise ValueError(
                f"statistic {one.statistic.name!r} must not have an axis {dim!r}, which is a count of the engine: "
                "rename the axis"
            )


def _called(statistic: Statistic, values: Mapping[str, NDArray[Any]], where: Where) -> tuple[Axes, NDArray[np.float64]]:
    """Call the function; the axes and the numbers that it returns."""
    copies = {need: np.array(values[need], dtype=np.float64) for need in statistic.needs}
    try:
        found = statistic.function(**copies)
    except (MemoryError, FunctionMissing):
        raise
    except (Exception, SystemExit) as error:
        raise _wrong(statistic, where, f"failed with {_said(error)}") from error
    try:
        given = Axes.of(found) if isinstance(found, xr.DataArray) else None
        array = np.asarray(found)
        if isinstance(found, np.ma.MaskedArray):
            raise ValueError("masks are not kept, fill them with NaN")
        if array.dtype.kind not in "fiub":
            raise ValueError(f"numbers must be real, but are of dtype {array.dtype}")
    except Exception as error:
        returned = _in_a_line(_SHORT.repr(found), 80)
        what = f"must return a number, an array or a labelled array, but returned {returned}: {_said(error)}"
        raise _wrong(statistic, where, what) from error
    axes = given or Axes({f"{statistic.name}_{i}": length for i, length in enumerate(array.shape)}, {})
    return axes, array.astype(np.float64)


def _said(error: BaseException) -> str:
    """Text of an error, which may be anything, and fail too."""
    return _in_a_line("".join(traceback.format_exception_only(error)), 300)


def _in_a_line(text: str, most: int) -> str:
    return escaped(" ".join(text[: 4 * most].split()))[:most]


_SHORT: Final = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


def _wrong(statistic: Statistic, where: Where, what: str) -> ValueError:
    return ValueError(f"statistic {statistic.name!r} {what} ({where()})")
