"""random_dataset: Gaussian inputs whose labels are chance, or a teacher's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glassnet._check import MAX_NAME, choice, integer
from glassnet.datasets.dataset import Dataset
from glassnet.random import Purpose, gaussian, integers, words

Labels = Literal["random", "teacher"]
Teacher = Callable[[NDArray[np.float32]], ArrayLike]

# The streams of Purpose.DATASET, told apart by the counter's noise field.
_FEATURES, _LABELS, _TEACHER = 0, 1, 2


def random_dataset(
    n_samples: int,
    n_features: int,
    *,
    seed: int = 0,
    labels: Labels = "random",
    teacher: Teacher | None = None,
) -> Dataset:
    """Independent standard normal inputs, and labels +1 or -1: the same bits everywhere for one seed.

    More samples begin with the rows and the chance labels of fewer.

    Args:
        n_samples: number of rows.
        n_features: number of columns.
        seed: 0 to 2^32 - 1; names inputs, chance labels and the default teacher.
        labels: ``"random"``: +1 or -1 with equal chance. ``"teacher"``: +1 where the teacher's output
            is >= 0, else -1.
        teacher: any function from features float32 ``(n_samples, n_features)`` to outputs ``(n_samples,)``,
            such as a network. None draws a direction a from the standard normal and takes x . a.

    Raises:
        ValueError: an argument out of range, a teacher with ``labels="random"``, a teacher whose output has
            another shape or is NaN.
    """
    n_samples = integer("n_samples", n_samples, low=1)
    n_features = integer("n_features", n_features, low=1)
    seed = integer("seed", seed, low=0, high=MAX_NAME)
    choice("labels", labels, get_args(Labels))
    if teacher is not None and labels != "teacher":
        raise ValueError(f"teacher needs labels='teacher', but labels is {labels!r}")
    inputs = _normal(seed, _FEATURES, n_samples * n_features)
    features = inputs.reshape(n_samples, n_features).astype(np.float32)
    if labels == "random":
        drawn = "by chance"
        positive = integers(words(Purpose.DATASET, seed, 0, _LABELS, 0, n_samples), 2) == 1
    elif teacher is None:
        drawn = "by a linear teacher"
        positive = _linear_teacher(features, seed) >= 0
    else:
        drawn = "by the given teacher"
        positive = _checked_outputs(teacher(features), n_samples) >= 0
    return Dataset(
        features,
        np.where(positive, 1, -1),
        name="random",
        provenance={"source": f"standard normal inputs, seed {seed}", "labels": drawn},
    )


def _normal(seed: int, stream: int, count: int) -> NDArray[np.float64]:
    return gaussian(words(Purpose.DATASET, seed, 0, stream, 0, count + count % 2))[:count]


def _linear_teacher(features: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
    """x . a, added in the order of the features, as the last bits of a BLAS product (and a sign) may vary."""
    direction = _normal(seed, _TEACHER, features.shape[1])
    output = np.zeros(len(features))
    for column, weight in zip(features.T, direction, strict=True):
        output += column.astype(np.float64) * weight
    return output


def _checked_outputs(outputs: ArrayLike, n_samples: int) -> NDArray[np.float64]:
    checked = np.asarray(outputs, dtype=np.float64)
    if checked.shape != (n_samples,):
        raise ValueError(f"teacher must give outputs of shape ({n_samples},), but gave {checked.shape}")
    if np.isnan(checked).any():
        raise ValueError(f"teacher must give numbers, but gave NaN for {np.isnan(checked).sum()} rows")
    return checked
