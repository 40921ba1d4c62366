"""read_dataset: a user's own rows as features and binary labels, prepared as the built-in sets are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from glassnet._check import choice, integer
from glassnet.datasets.csv_file import read_csv
from glassnet.datasets.dataset import Dataset
from glassnet.datasets.defined import product
from glassnet.datasets.images import read_images
from glassnet.datasets.npz_file import read_npz
from glassnet.datasets.pca import LARGEST_SIDE, ColumnMoments, column_moments, fit_table
from glassnet.datasets.table import Table, listed, sides, table

OwnInputs = Literal["standardised", "whitened", "given"]

FEW: Final = 10
"""Columns that are kept as they are unless components are asked for: as many as the built-in sets have components."""

_TABLES: Final = (".csv", ".tsv", ".txt")
_IN_MEMORY: Final = "the arrays given"
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
    positive: Sequence[object] | str | None = None,
    negative: Sequence[object] | str | None = None,
    inputs: OwnInputs = "standardised",
    n_features: int | Literal["all"] | None = None,
    n_samples: int | None = None,
    test: Any = None,
) -> TrainTest:
    """Your own data, as :func:`glassnet.load_dataset` has MNIST.

    Everything is fitted on the rows to train on and then done to the test set too. Without a test set there is none:
    no rows are held back.

    Args:
        source: what to train on. A file ``.npz`` with an array of features and one of labels (and those of a test
            set, if it has any); a file ``.csv``, ``.tsv`` or ``.txt`` of numbers with a column of labels; a folder
            with a sub-folder of images a class; one of scikit-learn's bunches; or a pair (features, labels) of
            anything that NumPy makes arrays of. Features of more axes than two are flattened.
        label: where the labels are: the column of a table, by name or index, or the name of an array. None takes a
            column called label, labels, class, target or y, or the arrays by their usual names.
        positive: classes whose label is +1; all others are -1, or left out if ``negative`` is given too. Needed for
            more than two classes; of two the second (by number or alphabet) is +1.
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

    Returns:
        TrainTest: ``train`` and ``test`` (or None), features float32 ``(n_samples, n_features)``.

    Raises:
        ValueError: an argument out of range, or data that is damaged, ragged, not finite, or of one class only; the
            message says where.
        FileNotFoundError: no such file.
        TypeError: a source that is none of these.
    """
    choice("inputs", inputs, get_args(OwnInputs))
    rows, beside = _read("source", source, label)
    other = beside if test is None else _read("test", test, label)[0]
    sign_of = sides(rows, positive, negative)
    if other is not None:
        if other.axes and rows.axes and other.axes != rows.axes:
            raise ValueError(
                f"{other.where} must have rows of shape {rows.axes} as the training set has, but has {other.axes}"
            )
        other = _in_the_same_order(other, rows)
    if other is not None and (positive is None or negative is None):
        _refuse_unknown(other, rows)
    told = {"inputs": inputs, "n_features": n_features, "sides": sign_of, "method": _METHOD}
    digest = _digest(repr(told), [one for one in (rows, other) if one is not None])
    train = _kept(rows, sign_of)
    available = len(train.features)
    n = available if n_samples is None else integer("n_samples", n_samples, low=1, high=available)
    transform = _fitted(train, inputs, n_features)
    plus = listed(name for name, sign in sign_of.items() if sign > 0)
    minus = listed(name for name, sign in sign_of.items() if sign < 0)
    provenance = {
        "classes": f"+1: {plus}; -1: {minus}",
        "inputs": f"{inputs}: {transform.about}",
        "prepared_from": f"{digest} {n}",
    }
    return TrainTest(
        _dataset(train, sign_of, transform, provenance, n),
        None if other is None else _dataset(_kept(other, sign_of), sign_of, transform, provenance, None),
    )


def _read(name: str, source: Any, label: str | int | None) -> tuple[Table, Table | None]:
    if isinstance(source, (str, os.PathLike)):
        return _read_path(Path(source), label)
    if label is not None:
        raise ValueError(f"label must be given for files only, but got {label!r} for {_IN_MEMORY}")
    if isinstance(source, Mapping) and {"data", "target"} <= set(source):
        return table(source["data"], source["target"], _IN_MEMORY), None
    if isinstance(source, (tuple, list)) and len(source) == 2:
        return table(source[0], source[1], _IN_MEMORY), None
    raise TypeError(
        f"{name} must be a file, a folder, a bunch with data and target, or a pair (features, labels), "
        f"but got {type(source).__name__}"
    )


def _read_path(path: Path, label: str | int | None) -> tuple[Table, Table | None]:
    if not path.exists():
        raise FileNotFoundError(f"{path} must be a file or a folder, but is not there")
    if not path.is_file() and not path.is_dir():
        raise ValueError(f"{path} must be a file or a folder, but is neither")
    suffix = path.suffix.lower()
    if path.is_dir():
        if label is not None:
            raise ValueError(f"label must not be given for a folder of images, but got {label!r}")
        return read_images(path), None
    if suffix == ".npz":
        return read_npz(path, None if label is None else str(label))
    if suffix in _TABLES:
        return read_csv(path, label), None
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
    if test.columns == train.columns or not _are_names(test.columns) or not _are_names(train.columns):
        return test
    if sorted(test.columns) != sorted(train.columns) or len(set(train.columns)) < len(train.columns):
        missing = [name for name in train.columns if name not in test.columns] or list(test.columns)
        raise ValueError(
            f"{test.where} must have the columns of the training set ({listed(train.columns)}), but has "
            f"{listed(test.columns)}: {missing[0]!r} is not in both, or named twice"
        )
    order = [test.columns.index(name) for name in train.columns]
    return replace(test, features=test.features[:, order], columns=train.columns)


def _are_names(columns: Sequence[str]) -> bool:
    return bool(columns) and not all(name.isdecimal() for name in columns)


def _refuse_unknown(test: Table, train: Table) -> None:
    if unknown := [name for name in test.classes if name not in train.classes]:
        raise ValueError(
            f"{test.where} must have classes of the training set only ({listed(train.classes)}), "
            f"but has {listed(unknown)}"
        )


def _kept(rows: Table, sign_of: Mapping[str, int]) -> Table:
    """The rows of the classes that are on one of the sides."""
    keep = np.array([name in sign_of for name in rows.classes])[rows.codes]
    if not keep.any():
        raise ValueError(f"{rows.where} must have rows of the classes {listed(sign_of)}, but has none")
    if keep.all():
        return rows
    return replace(rows, features=rows.features[keep], codes=rows.codes[keep])


class _Transform(NamedTuple):
    """``(x - mean) / scale``, then ``@ components`` if there are any, of tables with as many columns."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    components: NDArray[np.float64] | None
    about: str

    def __call__(self, features: NDArray[Any]) -> NDArray[np.float32]:
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
        return _Transform(mean, scale, None, about)
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
    about += f", then {components.shape[1]} principal components with {pca.variance_share.sum():.4g} of the variance"
    about += ", whitened" if inputs == "whitened" else ""
    return _Transform(moments.mean, scale, components, about)


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


def _dataset(
    rows: Table, sign_of: Mapping[str, int], transform: _Transform, provenance: Mapping[str, str], n: int | None
) -> Dataset:
    n_columns = len(transform.mean)
    if rows.features.shape[1] != n_columns:
        raise ValueError(
            f"{rows.where} must have {n_columns} columns of features as the training set has, "
            f"but has {rows.features.shape[1]}"
        )
    labels = np.array([sign_of.get(name, 0) for name in rows.classes])[rows.codes[:n]]
    if n is not None and len(set(labels.tolist())) < 2:
        raise ValueError(
            f"{rows.where} must have both sides among the {len(labels)} rows to train on, but all are "
            f"{'+1' if labels[0] > 0 else '-1'}: take more or shuffle them"
        )
    name = Path(rows.where).stem if rows.where != _IN_MEMORY else "own"
    return Dataset(transform(rows.features[:n]), labels, name, {"source": rows.where, **provenance})
