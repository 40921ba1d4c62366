"""read_dataset: a user's own rows as features and labels, prepared as the built-in sets are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from glassnet._check import choice, flag, integer
from glassnet._text import counted
from glassnet.datasets.answers import Answers, answers, taken
from glassnet.datasets.csv_file import read_csv
from glassnet.datasets.dataset import Dataset
from glassnet.datasets.defined import product
from glassnet.datasets.frames import columns_of, is_frame, joined, parted
from glassnet.datasets.images import read_images
from glassnet.datasets.labels import listed
from glassnet.datasets.npz_file import read_npz
from glassnet.datasets.pca import LARGEST_SIDE, ColumnMoments, column_moments, fit_table
from glassnet.datasets.split import share, trained_on
from glassnet.datasets.table import Table, table

OwnInputs = Literal["standardised", "whitened", "given"]

FEW: Final = 10
"""Columns that are kept as they are unless components are asked for: as many as the built-in sets have components."""

_TABLES: Final = (".csv", ".tsv", ".txt")
_IN_MEMORY: Final = "the arrays given"
_FRAME: Final = "the frame given"
_METHOD: Final = 1
"""Raised when the same rows are prepared in another way."""


class TrainTest(NamedTuple):
    """A data set to train on, and one to test on if there is one."""

    train: Dataset
    test: Dataset | None


def read_dataset(
    source: Any,
    *,
    label: str | int | None = None,
    header: bool | None = None,
    positive: Sequence[object] | str | None = None,
    negative: Sequence[object] | str | None = None,
    inputs: OwnInputs = "standardised",
    n_features: int | Literal["all"] | None = None,
    n_samples: int | None = None,
    test: Any = None,
    split: float | None = None,
    seed: int = 0,
    regression: bool = False,
) -> TrainTest:
    """Your own data, as :func:`glassnet.load_dataset` has MNIST.

    Everything is fitted on the rows to train on and then done to the test set too. Unless ``test`` or ``split`` is
    given there is no test set but the source's own: no rows are held back.

    Args:
        source: what to train on. A file ``.npz`` with an array of features and one of labels (and those of a test
            set, if it has any); a file ``.csv``, ``.tsv`` or ``.txt`` of numbers with a column of labels; a folder
            with a sub-folder of images a class; a data frame of pandas, polars or pyarrow with a column of labels; one
            of scikit-learn's bunches; or a pair (features, labels) of anything that NumPy makes arrays of, or a frame
            or one of SciPy's sparse matrices for features. Features of more axes than two are flattened.
        label: where the labels are: the column of a table or frame, by name or index, or the name of an array. None
            takes a column called label, labels, class or target, or else y, or the arrays by their usual names.
        header: whether the first row of a table has the names of its columns. None decides: it does where its label
            occurs nowhere else and the other labels are of another kind, where it counts the columns, or where it has
            no numbers; ``train.provenance["reading"]`` says what was decided.
        positive: classes whose label is +1; all others are -1, or left out if ``negative`` is given too. Of two classes
            the second (by number or alphabet) is +1 if nothing is said; more than two are then classes 0 to k - 1 in
            that order, for :class:`glassnet.CrossEntropy`, with their names in ``train.classes``.
        negative: classes whose label is -1.
        inputs: ``"standardised"``: every column gets mean 0 and standard deviation 1 (a constant one 0).
            ``"whitened"``: then principal components, each over its standard deviation. ``"given"``: columns as they
            are.
        n_features: number of leading principal components, which are centred; ``"all"`` for the columns themselves.
            None takes the columns where there are at most 10, and 10 components where there are more (of whitened ones
            those that vary): as many inputs as the built-in sets have, for which widths and temperatures of the
            phases were found.
        n_samples: train on the first rows only; None takes all.
        test: what to test on, in any of these forms; instead of what ``source`` has.
        split: share of the rows to train on, between 0 and 1; the others are the test set. Rows are drawn class by
            class: of the n rows of a class round(split n), at least 1, and of 2 or more at least 1 is left. Both parts
            keep the order of the source.
        seed: 0 to 2^32 - 1; names the draw of ``split``, which is the same on every machine.
        regression: labels are numbers and stay as they are, for a loss of your own (:class:`glassnet.TorchLoss`).

    Returns:
        TrainTest: ``train`` and ``test`` (or None), features float32 ``(n_samples, n_features)``.

    Raises:
        ValueError: an argument out of range, or data that is damaged, ragged, not finite, or of one class only; a
            split of data that have a test set; the message says where.
        FileNotFoundError: no such file.
        TypeError: a source that is none of these.
    """
    choice("inputs", inputs, get_args(OwnInputs))
    rows, beside = _read("source", source, label, header)
    other = beside if test is None else _read("test", test, label, header)[0]
    if split is None and seed != 0:
        raise ValueError(f"seed must be given with split only, but got {seed!r}")
    parts = None if split is None else share(split, seed)
    if parts is not None and other is not None:
        whose = f"{rows.where} has" if test is None else "test is"
        raise ValueError(f"split must not be given where there is a test set, but {whose} one: leave one of them out")
    named = answers(rows, positive, negative, flag("regression", regression))
    if other is not None:
        if other.axes and rows.axes and other.axes != rows.axes:
            raise ValueError(
                f"{other.where} must have rows of shape {rows.axes} as the training set has, but has {other.axes}"
            )
        other = _in_the_same_order(other, rows)
        if named.kind != "regression" and (positive is None or negative is None):
            _refuse_unknown(other, rows)
    told = {"inputs": inputs, "n_features": n_features, **named.told, "method": _METHOD}
    told |= {} if parts is None else {"split": parts}
    digest = _digest(repr(told), [one for one in (rows, other) if one is not None])
    train, held = named.kept(rows), None if other is None else named.kept(other)
    if parts is not None:
        strata = train.codes if named.kind != "regression" else np.zeros_like(train.codes)
        train, held = _halves(train, trained_on(strata, *parts))
    available = len(train.features)
    n = available if n_samples is None else integer("n_samples", n_samples, low=1, high=available)
    named.refuse_one_sided(train, n)
    transform = _fitted(train, inputs, n_features)
    features = transform(train, n)
    tested = None if held is None else transform(held)
    provenance = {
        "classes": named.about,
        "inputs": f"{inputs}: {transform.about}",
        "prepared_from": f"{digest} {n}",
        "rows": _counted(features, available, tested, parts),
        "columns": transform.said,
        "counts": named.counted(taken(train, np.arange(available) < n)),
    }
    return TrainTest(
        _dataset(train, features, named, provenance),
        None if held is None or tested is None else _dataset(held, tested, named, provenance),
    )


def _halves(rows: Table, trained: NDArray[np.bool_]) -> tuple[Table, Table]:
    if trained.all():
        raise ValueError(f"split must leave rows to test on, but {rows.where} has {counted(len(trained), 'row')} only")
    return taken(rows, trained), taken(rows, ~trained)


def _counted(
    features: NDArray[np.float32], available: int, tested: NDArray[np.float32] | None, parts: tuple[float, int] | None
) -> str:
    """How many rows there are, and what for."""
    n = len(features)
    first = f" (the first of {available})" if n < available else ""
    if tested is None:
        return f"{counted(n, 'row')} to train on{first}, no test set"
    drawn = "" if parts is None else f" (split {parts[0]:g}, seed {parts[1]})"
    known = {row.tobytes() for row in features}
    again = sum(row.tobytes() in known for row in tested)
    warning = f", {again} of which are rows to train on too" if again else ""
    return f"{counted(n, 'row')} to train on{first}, {counted(len(tested), 'row')} to test on{drawn}{warning}"


def _read(name: str, source: Any, label: str | int | None, header: bool | None) -> tuple[Table, Table | None]:
    if isinstance(source, (str, os.PathLike)):
        return _read_path(Path(source), label, header)
    if header is not None:
        raise ValueError(f"header must be given for tables only, but got {header!r} for {_IN_MEMORY}")
    if is_frame(source):
        features, labels, columns = parted(source, label, _FRAME)
        return replace(table(features, labels, _FRAME), columns=columns), None
    if label is not None and name == "source":
        raise ValueError(f"label must be given for files only, and data frames, but got {label!r} for {_IN_MEMORY}")
    if isinstance(source, Mapping) and {"data", "target"} <= set(source):
        return _pair(source["data"], source["target"]), None
    if isinstance(source, (tuple, list)) and len(source) == 2:
        return _pair(source[0], source[1]), None
    raise TypeError(
        f"{name} must be a file, a folder, a bunch with data and target, a data frame, or a pair (features, labels), "
        f"but got {type(source).__name__}"
    )


def _pair(features: Any, labels: Any) -> Table:
    if not is_frame(features):
        return table(features, labels, _IN_MEMORY)
    return replace(table(joined(features, _IN_MEMORY), labels, _IN_MEMORY), columns=tuple(columns_of(features)))


def _read_path(path: Path, label: str | int | None, header: bool | None) -> tuple[Table, Table | None]:
    if not path.exists():
        raise FileNotFoundError(f"{path} must be a file or a folder, but is not there")
    if not path.is_file() and not path.is_dir():
        raise ValueError(f"{path} must be a file or a folder, but is neither")
    suffix = path.suffix.lower()
    if header is not None and (path.is_dir() or suffix not in _TABLES):
        raise ValueError(f"header must be given for tables only ({', '.join(_TABLES)}), but got {header!r} for {path}")
    if path.is_dir():
        if label is not None:
            raise ValueError(f"label must not be given for a folder of images, but got {label!r}")
        return read_images(path), None
    if suffix == ".npz":
        return read_npz(path, None if label is None else str(label))
    if suffix in _TABLES:
        return read_csv(path, label, None if header is None else flag("header", header)), None
    raise ValueError(f"{path} must end with .npz, {', '.join(_TABLES)}, or be a folder with a sub-folder a class")


def _digest(told: str, tables: Sequence[Table]) -> str:
    """SHA-256 (hex) of what is read and how it is to be prepared: the same for the same result but for rounding."""
    digest = hashlib.sha256(told.encode())
    for one in tables:
        digest.update(repr((one.features.shape, one.features.dtype.str, one.classes)).encode())
        digest.update(np.ascontiguousarray(one.features).data)
        digest.update(one.codes.astype("<i8").data)
    return digest.hexdigest()


def _in_the_same_order(test: Table, train: Table) -> Table:
    """The test set with its columns as the training set has them, where both have names."""
    if test.columns == train.columns or not test.columns or not train.columns:
        return test
    if sorted(test.columns) != sorted(train.columns) or len(set(train.columns)) < len(train.columns):
        missing = [name for name in train.columns if name not in test.columns] or list(test.columns)
        raise ValueError(
            f"{test.where} must have the columns of the training set ({listed(train.columns)}), but has "
            f"{listed(test.columns)}: {missing[0]!r} is not in both, or named twice"
        )
    order = [test.columns.index(name) for name in train.columns]
    return replace(test, features=test.features[:, order], columns=train.columns)


def _refuse_unknown(test: Table, train: Table) -> None:
    if unknown := [name for name in test.classes if name not in train.classes]:
        raise ValueError(
            f"{test.where} must have classes of the training set only ({listed(train.classes)}), "
            f"but has {listed(unknown)}"
        )


class _Transform(NamedTuple):
    """``(x - mean) / scale``, then ``@ components`` if there are any, of tables with as many columns."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    components: NDArray[np.float64] | None
    about: str
    said: str

    def __call__(self, rows: Table, n: int | None = None) -> NDArray[np.float32]:
        """Features of the first ``n`` rows, or all."""
        features = rows.features[:n]
        if features.shape[1] != len(self.mean):
            raise ValueError(
                f"{rows.where} must have {len(self.mean)} columns of features as the training set has, "
                f"but has {features.shape[1]}"
            )
        n_columns = len(self.mean) if self.components is None else self.components.shape[1]
        result = np.empty((len(features), n_columns), np.float32)
        step = max(1, (1 << 22) // len(self.mean))
        with np.errstate(over="ignore"):  # what is too large for float32 is refused by the data set
            for start in range(0, len(features), step):
                scaled = (features[start : start + step] - self.mean) / self.scale
                result[start : start + step] = scaled if self.components is None else product(scaled, self.components)
        return result


def _fitted(rows: Table, inputs: OwnInputs, n_features: int | Literal["all"] | None) -> _Transform:
    n_columns = rows.features.shape[1]
    moments = column_moments(rows.features)
    n_components = _n_components(rows, inputs, n_features)
    if not moments.std.any():
        raise ValueError(f"features of {rows.where} must vary, but every column is constant")
    # An infinite scale is what sends a constant column to 0, in the test set too.
    std = np.where(moments.std > 0, moments.std, np.inf)
    scale = np.ones(n_columns) if inputs == "given" else std
    about = "columns as they are" if inputs == "given" else "columns standardised (constant ones 0)"
    if n_components is None:
        mean = np.zeros(n_columns) if inputs == "given" else moments.mean
        return _Transform(mean, scale, None, about, counted(n_columns, "column"))
    return _reduced(rows, inputs, moments, scale, n_components, about, asked_for=n_features is not None)


def _reduced(
    rows: Table,
    inputs: OwnInputs,
    moments: ColumnMoments,
    scale: NDArray[np.float64],
    n_components: int,
    about: str,
    *,
    asked_for: bool,
) -> _Transform:
    if min(rows.features.shape) > LARGEST_SIDE:
        raise ValueError(
            f"n_features must be 'all' where rows and columns are more than {LARGEST_SIDE}, but {rows.where} has "
            f"{len(rows.features)} rows and {rows.features.shape[1]} columns: reduce it first"
        )
    pca = fit_table(rows.features, moments, scale, n_components)
    components = pca.components
    if inputs == "whitened":
        n_varying = int(np.count_nonzero(pca.std > 1e-6 * pca.std[0]))
        if n_varying < n_components and asked_for:
            raise ValueError(
                f"n_features must be at most {n_varying} with inputs='whitened' (the components that vary), "
                f"but got {n_components}"
            )
        components = components[:, :n_varying] / pca.std[:n_varying]
    n_kept, kept = components.shape[1], float(pca.variance_share[: components.shape[1]].sum())
    about += f", then {n_kept} principal components with {pca.variance_share.sum():.4g} of the variance"
    about += ", whitened" if inputs == "whitened" else ""
    said = f"{counted(len(scale), 'column')}, {counted(n_kept, 'component')} kept, {100 * kept:.3g} % of the variance"
    return _Transform(moments.mean, scale, components, about, said)


def _n_components(rows: Table, inputs: OwnInputs, n_features: int | Literal["all"] | None) -> int | None:
    """None for the columns themselves."""
    n, n_columns = rows.features.shape
    most = int(min(n, n_columns))
    if n_features == "all" and inputs == "whitened":
        raise ValueError("n_features must be a number with inputs='whitened', but got 'all'")
    if n_features == "all" or (n_features is None and n_columns <= FEW and inputs != "whitened"):
        return None
    if n_features is None:
        return min(FEW, most)
    if isinstance(n_features, str):
        raise ValueError(f"n_features must be an integer or 'all', but got {n_features!r}")
    try:
        return integer("n_features", n_features, low=1, high=most)
    except ValueError as error:
        raise ValueError(f"{error}: {rows.where} has {n} rows and {n_columns} columns") from None


def _dataset(rows: Table, features: NDArray[np.float32], named: Answers, provenance: Mapping[str, str]) -> Dataset:
    name = Path(rows.where).stem if rows.where not in (_IN_MEMORY, _FRAME) else "own"
    reading = {"reading": "; ".join(rows.notes)} if rows.notes else {}
    about = {"source": rows.where, **reading, **provenance}
    return Dataset(features, named.labels(rows)[: len(features)], name, about, **named.options)
