"""Points are read from JSON as they were written, to the addresses of their units."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

import glassnet as gn
from glassnet.runs.point import Curvature, Evolve, Grid, Measure, Point, Surface
from glassnet.runs.point_json import described, points_in
from glassnet.store.directory import canonical

counts = st.integers(1, 10**6)
positive = st.one_of(st.floats(1e-300, 1e300), st.integers(1, 10**6))
names = st.integers(0, 2**32 - 1)
dynamics = st.one_of(
    st.builds(gn.Sgd, positive, counts, st.sampled_from(["permutation", "replacement"])),
    st.builds(gn.GradientDescent, positive),
    st.builds(gn.Langevin, st.floats(0, 1e300), positive, st.none() | counts),
)
evolve = st.builds(Evolve, dynamics, st.integers(0, 10**12), st.none() | positive, st.none() | counts, names)
measure = st.builds(
    lambda dynamics, waits, length, chi, noise, epoch: Measure(
        dynamics, tuple(sorted(waits)), max(waits) + int(gn.log_times(length)[-1]), tuple(chi), (3, 1), noise, epoch
    ),
    dynamics,
    st.sets(st.integers(0, 10**6), min_size=1, max_size=3),
    counts,
    st.lists(positive, max_size=3),
    names,
    st.builds(Grid, st.none(), st.none() | st.just(10)),
)
surface = st.builds(
    Surface,
    st.just("mnist"),
    st.sampled_from(["standardised", "pixel", "mnist", "whitened"]),
    st.integers(1, 1000),
    st.integers(1, 300),
    st.integers(1, 9),
    st.one_of(positive, st.just(0), st.just(0.0)),
)
point = st.builds(
    lambda surface, seed, dtype, before, last, label: Point(surface, seed, dtype, (*before, last), label),
    surface,
    names,
    st.sampled_from(["float64", "float32"]),
    st.lists(evolve, max_size=2),
    st.one_of(evolve, measure, st.builds(Curvature, st.integers(1, 99), names)),
    st.text(max_size=20),
)


@given(point)
def test_points_are_read_as_they_were_written(point: Point) -> None:
    (read,) = points_in(json.loads(canonical(described([point]))), 3)
    assert (read, read.label) == (point, point.label)
    assert canonical(described([read])) == canonical(described([point]))
    for stage, other in zip(read.stages, point.stages, strict=True):
        assert canonical(stage.identity) == canonical(other.identity)
    assert canonical(read.surface.l2) == canonical(point.surface.l2)
