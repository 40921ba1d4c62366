"""Random numbers: the published generator, and streams that depend on their names alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from glassnet import random
from glassnet.random import Purpose

# Known-answer vectors of philox4x32-10 published with Random123 (Salmon et al. 2011): counter, key, words.
KNOWN_ANSWERS = [
    ([0, 0, 0, 0], [0, 0], [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_philox_gives_the_published_words(counter: list[int], key: list[int], expected: list[int]) -> None:
    assert random.philox(counter, key).tolist() == expected


def test_a_stream_is_addressed_as_the_layout_says() -> None:
    step = 5 * 2**32 + 7
    found = random.words(Purpose.NOISE, seed=11, origin=12, noise=13, step=step, n_words=10)
    blocks = [random.philox([b, 13, 7, 5 | int(Purpose.NOISE) << 24], [11, 12]) for b in range(3)]
    assert np.array_equal(found, np.concatenate(blocks)[:10])


def test_every_part_of_a_name_changes_the_stream() -> None:
    names: list[tuple[Purpose, int, int, int, int]] = [
        (purpose, *(np.eye(4, dtype=int)[i] * factor).tolist())
        for purpose in (Purpose.NOISE, Purpose.INITIAL_WEIGHTS)
        for i in range(4)
        for factor in (1, 2**31 + 1)
    ]
    streams = {tuple(random.words(*name, 4).tolist()) for name in names}
    assert len(streams) == len(names)


def test_uniform_numbers_never_reach_the_ends() -> None:
    ends = random.uniform(np.array([0, 2**32 - 1], dtype=np.uint32))
    assert ends[0] == 2.0**-33
    assert ends[1] == 1.0 - 2.0**-33


def test_gaussian_numbers_are_standard_normal() -> None:
    z = random.noise(seed=1, origin=2, noise=3, step=4, n=200_000)
    assert stats.kstest(z, "norm").pvalue > 1e-3
    # The variance of z^2 is 2 and that of z^4 is 96: four standard errors of each mean.
    assert abs(np.mean(z**2) - 1.0) < 4 * np.sqrt(2 / z.size)
    assert abs(np.mean(z**4) - 3.0) < 4 * np.sqrt(96 / z.size)
    assert stats.kstest(1.02 * z, "norm").pvalue < 1e-3, "the test must notice two percent"


def test_gaussian_transform_is_that_of_box_and_muller() -> None:
    words = random.words(Purpose.NOISE, 5, 6, 7, 8, 10_000)
    u, v = random.uniform(words).reshape(-1, 2).T
    pair = np.stack([np.sqrt(-2 * np.log(u)) * f(2 * np.pi * v - np.pi / 4) for f in (np.cos, np.sin)], axis=-1)
    assert np.abs(random.gaussian(words) - pair.reshape(-1)).max() < 1e-14


def test_successive_steps_replicas_and_weights_are_uncorrelated() -> None:
    n = 50_000
    z = random.noise(1, 0, 0, 0, n)
    others = {
        "next step": random.noise(1, 0, 0, 1, n),
        "next origin": random.noise(1, 1, 0, 0, n),
        "next noise": random.noise(1, 0, 1, 0, n),
        "next weight": np.roll(z, 1),
    }
    for name, other in others.items():
        assert abs(np.mean(z * other)) < 4 / np.sqrt(n), name


def test_permutation_holds_every_row_once_and_breaks_ties_by_index() -> None:
    order = random.permutation(random.words(Purpose.SGD_PERMUTATION, 1, 2, 0, 3, 1000))
    assert np.array_equal(np.sort(order), np.arange(1000))
    assert random.permutation(np.array([5, 1, 5, 1], dtype=np.uint32)).tolist() == [1, 3, 0, 2]


def test_where_a_row_lands_is_uniform() -> None:
    n, epochs = 10, 4000
    places = [
        int(np.flatnonzero(random.permutation(random.words(Purpose.SGD_PERMUTATION, 9, 0, 0, epoch, n)) == 3)[0])
        for epoch in range(epochs)
    ]
    assert stats.chisquare(np.bincount(places, minlength=n)).pvalue > 1e-3


def test_integers_cover_their_range_evenly() -> None:
    draws = random.integers(random.words(Purpose.SGD_REPLACEMENT, 1, 2, 3, 4, 70_000), 7)
    assert stats.chisquare(np.bincount(draws, minlength=7)).pvalue > 1e-3
    assert random.integers(np.array([2**32 - 1], dtype=np.uint32), 7).tolist() == [6]
