"""Claims on where weights rest, how unequally they move and how they age, each seen to come out in several ways."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from claims_law import (
    DATA,
    N_SAMPLES,
    NETWORK,
    RATE,
    ByLaw,
    Floats,
    Law,
    Moment,
    ageing,
    bowl,
    caged,
    drifting,
    evidence,
    free,
    gaussian,
    relaxed,
)

import glassnet as gn
from glassnet.paper.claims import ageing as old
from glassnet.paper.claims import heterogeneity, localisation, step_size, weights
from glassnet.paper.claims.claim import Basis, Finding
from glassnet.paper.claims.evidence import Evidence, Measurements
from glassnet.paper.claims.relaxed import Relaxed

BASIS = Basis("laptop", 5, 0, "made by law")


@pytest.fixture(scope="module")
def phases() -> list[Relaxed]:
    """What the paper sees: landscape, landscape, none."""
    landscape = relaxed(drifting, loss=0.1)
    return [landscape, replace(landscape, phase="underparameterised"), relaxed(free, "overparameterised")]


def test_levels_and_the_bowl(phases: list[Relaxed]) -> None:
    hot = (3e-3, 1e-3, 5e-4, 3e-4)
    found = localisation.bowl_level(evidence(relaxed(bowl(1.0), temperatures=hot, waits=(10_000,), l2=1.0, origins=10)))
    assert found.seen == "yes"
    assert found.measured.value == pytest.approx(-0.49, abs=0.02)
    stiffer = relaxed(bowl(4.0), temperatures=hot, waits=(10_000,), l2=1.0, origins=10)
    assert localisation.bowl_level(evidence(stiffer)).seen == "no"
    # At one time free diffusion too goes as T^-0.5.
    longer = "glassnet run relaxation --phase regularised --scale paper --t-max 1000000"
    short = localisation.bowl_level(evidence(relaxed(free, temperatures=hot)))
    assert (short.seen, short.decides) == ("undecided", longer)
    assert localisation.bowl_level(Evidence()).decides == longer
    # The paper's 3/(mu l2) are too few for the bowl itself to look at rest, the command's 10 (above) are not.
    paper = relaxed(bowl(1.0), temperatures=hot, waits=(2_000,), l2=1.0, origins=10, t_max=3_000)
    assert localisation.bowl_level(evidence(paper)).seen == "undecided"


def test_caging(phases: list[Relaxed]) -> None:
    assert localisation.no_cage(evidence(*phases)).seen == "yes"
    cage = relaxed(caged, temperatures=(1e-4, 3e-5, 1e-5))
    assert localisation.no_cage(evidence(cage, *phases[1:])).seen == "no"
    assert localisation.no_cage(evidence(*phases[:2])).seen == "undecided"
    # What a quench left to do shows at T = 0 too, and the loss says that it did not end.
    assert localisation.no_cage(evidence(*phases[:2], relaxed(drifting, "overparameterised"))).seen == ("no")
    left = localisation.no_cage(evidence(*phases[:2], relaxed(drifting, "overparameterised", loss=1e-3)))
    assert (left.seen, "gradients left show at T = 1e-07" in left.found) == ("undecided", True)

    def superdiffusive(now: Moment) -> Floats:
        return np.asarray(now.weights + now.diffused * np.sqrt(1.0 + now.elapsed))

    assert localisation.no_cage(evidence(*phases[:2], relaxed(superdiffusive, "overparameterised"))).seen == ("no")


def _sgd(law: Law, sampling: str, until: int = 10_000, batch_size: int = 6) -> gn.Record:
    landscape = gn.Landscape(NETWORK, DATA, gn.QuadraticHinge(1.0))
    dynamics = gn.Sgd(RATE, batch_size, "replacement" if sampling == "replacement" else "permutation")
    times = gn.epoch_times(until, N_SAMPLES // batch_size)
    start = gn.Ensemble.random(NETWORK, 4)
    return gn.measure(start, landscape, dynamics, waiting_times=[10_000], times=times, engine=ByLaw(law, gaussian, 0.1))


def _warm(law: Law, *levels: float) -> Law:
    """The law at the temperature at which a bowl of l2 = 1 has this level, or one a replica, between two times."""
    return lambda now: law(replace(now, temperature=np.resize(levels, len(now.weights)) / 2.0 * N_SAMPLES))


def test_localisation_under_sgd() -> None:
    def found(law: Law, until: int = 10_000, quench: int = 4_200_000) -> Finding:
        kinds = ("permutation", "replacement")
        records = {(kind, 6): _sgd(law, kind, until) for kind in kinds}
        return localisation.sgd_level(Evidence(sgd=Measurements(records, 1.0, quench, BASIS)))

    def judged(law: Law, until: int = 10_000, quench: int = 4_200_000) -> str:
        return found(law, until, quench).seen

    held = found(_warm(bowl(1.0), 1e-4))
    assert (held.seen, held.null.reading) == ("yes", "stands")
    assert held.null.value == pytest.approx(held.measured.value, rel=0.3)
    elsewhere = found(_warm(bowl(8.0), 8e-4))
    assert (elsewhere.seen, elsewhere.null.reading) == ("yes", "explained")
    assert judged(_warm(bowl(1.0), 1e-2)) == "no"
    assert judged(_warm(bowl(1.0), 1e-4), 1000) == "undecided"
    # Nothing holds them; after a short quench that may be what it left to do.
    assert judged(_warm(free, 1e-4)) == "no"
    assert judged(_warm(free, 1e-4), quench=420_000) == "undecided"
    assert judged(_warm(free, 1e-4), 5_000) == "undecided"
    wanted = "glassnet run sgd_displacement --scale laptop --set epochs=7000"
    assert localisation.sgd_level(Evidence()).decides == wanted
    # A control that is scattered about the bowl's edge says neither.
    records = {(kind, 6): _sgd(_warm(bowl(1.0), 1e-4), kind) for kind in ("permutation", "replacement")}
    records["replacement", 6] = _sgd(_warm(bowl(1.0), 2e-6, 1e-4, 1e-4, 6e-4), "replacement")
    control = localisation.sgd_level(Evidence(sgd=Measurements(records, 1.0, 4_200_000, BASIS)))
    assert (control.seen, control.null.reading, "b = 6 replacement" in control.null.found) == ("yes", "untested", True)
    controls = Measurements({("replacement", 6): _sgd(free, "replacement")}, 1.0, 4_200_000, BASIS)
    assert localisation.sgd_level(Evidence(sgd=controls)).seen == "undecided"
    # All rows in permuted order have no noise, and say nothing of SGD.
    whole = Measurements(
        {("permutation", N_SAMPLES): _sgd(_warm(free, 1e-4), "permutation", batch_size=N_SAMPLES)},
        1.0,
        4_200_000,
        BASIS,
    )
    assert localisation.sgd_level(Evidence(sgd=whole)).seen == "undecided"


def test_oscillations() -> None:
    def record(swing: float, rate: float) -> gn.Record:
        def law(now: Moment) -> Floats:
            there, here = (swing * np.cos(np.pi * t) for t in (now.elapsed + now.steps, now.elapsed))
            moved = now.weights + (there - here) * now.direction
            return np.asarray(moved + 1e-3 * now.diffused)

        landscape = gn.Landscape(NETWORK, DATA, gn.QuadraticHinge())
        start = gn.Ensemble.random(NETWORK, 4)
        engine = ByLaw(law, gaussian, 0.1)
        return gn.measure(start, landscape, gn.Langevin(1e-6, rate), times=range(1, 50), engine=engine)

    def judged(large: float, small: float, quench: int = 4_200_000) -> str:
        records = {(1e-6, 1e-3): record(large, 1e-3), (1e-6, 1e-4): record(small, 1e-4)}
        records |= {(0.0, 1e-3): record(0.0, 1e-3), (0.0, 1e-4): record(0.0, 1e-4)}
        steps = dict.fromkeys(("regularised", "underparameterised"), Measurements(records, 0.01, quench, BASIS))
        one = Evidence(steps={"regularised": steps["regularised"]})
        assert step_size.oscillations(one).seen != "yes"
        return step_size.oscillations(Evidence(steps=steps)).seen

    assert judged(1e-5, 0.0) == "yes"
    assert judged(1e-5, 1e-5) == "no"
    assert judged(0.0, 0.0) == "no"
    assert judged(0.0, 0.0, quench=420_000) == "undecided"
    alone = Measurements({(1e-6, 1e-3): record(1e-5, 1e-3)}, 0.01, 4_200_000, BASIS)
    assert step_size.oscillations(Evidence(steps={"regularised": alone})).seen == "undecided"
    assert step_size.oscillations(Evidence()).seen == "undecided"

    def without_swing(temperatures: tuple[float, ...], rates: tuple[float, ...]) -> str:
        records = {(one, rate): record(0.0, rate) for one in temperatures for rate in rates}
        steps = dict.fromkeys(("regularised", "underparameterised"), Measurements(records, 0.01, 4_200_000, BASIS))
        return step_size.oscillations(Evidence(steps=steps)).seen

    # What is not seen with smaller steps, or where noise hides it, may be there all the same.
    assert without_swing((1e-6, 0.0), (1e-3, 1e-4)) == "no"
    assert without_swing((1e-6, 0.0), (1e-4, 1e-5)) == "undecided"
    assert without_swing((1e-6,), (1e-3, 1e-4)) == "undecided"


def _mixed(rng: np.random.Generator) -> Floats:
    """Few fast weights and many slow ones, in every layer."""
    fast = rng.choice([0.03, 3.0], NETWORK.n_weights)
    return np.asarray(rng.standard_normal(NETWORK.n_weights) * fast)


def _some_fast(rng: np.random.Generator) -> Floats:
    """A few weights that are fast in some replicas."""
    fast = rng.choice([1.0, 20.0])
    return np.where(np.arange(NETWORK.n_weights) % 50 == 0, fast, 1.0) * rng.standard_normal(NETWORK.n_weights)


def _by_layer(rng: np.random.Generator) -> Floats:
    scale = np.repeat([3.0, 0.03, 3.0], NETWORK.layer_sizes)
    return np.asarray(rng.standard_normal(NETWORK.n_weights) * scale)


def _colder(record: gn.Record) -> gn.Record:
    """The same record said to be of a tenth of each temperature."""
    temperature = record.data["temperature"] / 10.0
    return replace(record, data=record.data.assign_coords(temperature=temperature))


def test_layers_that_move_unequally_explain_alpha_and_two_peaks(phases: list[Relaxed]) -> None:
    def in_all(run: Relaxed) -> Evidence:
        return evidence(*(replace(run, phase=one.phase) for one in phases))

    mixed, layered = (relaxed(drifting, directions=one, origins=10) for one in (_mixed, _by_layer))
    found = heterogeneity.non_gaussian(in_all(mixed))
    assert (found.seen, found.null.reading) == ("yes", "explained")  # as it is at T = 0
    assert heterogeneity.non_gaussian(in_all(layered)).null.reading == "explained"
    far = [replace(one, request=one.request.model_copy(update={"t_max": 100_000})) for one in phases]
    far = [replace(one, record=_colder(one.record)) for one in far]
    assert heterogeneity.non_gaussian(evidence(*far)).seen == "no"
    assert heterogeneity.non_gaussian(evidence(*phases)).seen == "undecided"  # shorter and warmer than the paper's
    verdicts = [heterogeneity.mobility(in_all(one)) for one in (mixed, layered)]
    assert [(one.seen, one.null.reading) for one in verdicts] == [("yes", "stands"), ("yes", "explained")]
    one_peak = heterogeneity.mobility(evidence(*far))
    assert (one_peak.seen, "0 of 5 below 0.05 by themselves" in one_peak.found) == ("no", True)
    assert heterogeneity.mobility(evidence(*phases)).seen == "undecided"
    warm = relaxed(drifting, temperatures=(1e-3, 1e-4))
    for judge in (heterogeneity.non_gaussian, heterogeneity.mobility):
        assert judge(in_all(warm)).seen == "undecided"


def test_a_waiting_time_sees_no_further_than_the_end_of_the_run() -> None:
    """Save times are those of the first waiting time; a later one is shown, as at laptop scale."""
    waits = (100, 3000)
    runs = [relaxed(drifting, phase, waits=waits, shown=1) for phase in ("regularised", "underparameterised")]
    runs.append(relaxed(free, "overparameterised", waits=waits, shown=1))
    assert [float(run.msd()["time"][-1]) for run in runs] == [10_000.0] * 3
    assert localisation.no_cage(evidence(*runs)).seen == "yes"
    assert "the largest of" in weights.inner_product(evidence(runs[0])).found
    assert "nan" not in heterogeneity.non_gaussian(evidence(*runs)).found


def test_ageing(phases: list[Relaxed]) -> None:
    waits = (5000, 10_000, 20_000, 40_000)
    cold = (1e-3, 3e-4, 1e-4, 1e-6, 1e-7, 0.0)
    older = relaxed(ageing, waits=waits, temperatures=cold, l2=1e-4)
    still = relaxed(free, "overparameterised", waits=waits)
    both = [older, replace(older, phase="underparameterised")]
    found = old.ageing(evidence(*both, still))
    assert (found.seen, found.null.reading) == ("yes", "explained")  # drift that slows is slower at T = 0 as well
    assert found.null.value > 2.0
    assert found.measured.within(0.9, 1.1)
    steady = relaxed(drifting, waits=waits, temperatures=cold)
    assert old.ageing(evidence(steady, both[1], still)).seen == "no"
    assert old.ageing(evidence(*phases)).seen == "undecided"


def test_sigma(phases: list[Relaxed]) -> None:
    shape = np.random.default_rng(0).normal(0.0, 0.1, NETWORK.n_weights)
    shape /= shape.std()

    def judged(spread: float, n: int = 8, of: Relaxed = phases[0]) -> Finding:
        place = np.linspace(-1.0, 1.0, n)
        scale = 0.1 * (1.0 + spread * place / place.std(ddof=1))
        run = replace(of, quenched=gn.Ensemble.from_weights(NETWORK, scale[:, None] * shape))
        return weights.sigma(evidence(*(replace(run, phase=one.phase) for one in phases)))

    assert judged(0.007).seen == "yes"
    assert judged(0.14).seen == "no"
    untaught = judged(0.007, of=relaxed(free, loss=0.499))
    assert (untaught.seen, "data loss is up to 0.5" in untaught.found) == ("undecided", True)
    # As many as the command asks for do decide, if they differ by as much.
    for spread, verdict in ((0.013, "yes"), (0.025, "no")):
        found = judged(spread)
        assert found.seen == "undecided"
        enough = int(found.decides.split()[-1])
        assert judged(spread, enough).seen == verdict
        assert judged(spread, enough - 1).seen == "undecided"


def test_inner_product(phases: list[Relaxed]) -> None:
    found = weights.inner_product(evidence(phases[0]))
    assert (found.seen, found.null.reading) == ("yes", "explained")
    # A few fast weights make most of the product's loss, while Q is that of the many slow ones.
    found = weights.inner_product(evidence(relaxed(drifting, directions=_mixed)))
    assert (found.seen, found.null.reading) == ("yes", "stands")
    # An interval that reaches over what free diffusion gives by a factor 5 does not exclude it.
    found = weights.inner_product(evidence(relaxed(drifting, directions=_some_fast)))
    assert (found.seen, found.null.reading) == ("yes", "untested")
    wide = relaxed(drifting, chi=(3.0,), temperatures=(10.0, 1.0, 0.3), waits=(100,))
    found = weights.inner_product(evidence(wide))
    assert found.seen == "no"
    assert weights.inner_product(evidence(relaxed(free, temperatures=(1e-9,)))).seen == "undecided"
    # |W0|^2, |Wt|^2 and |Wt - W0|^2 give back the product itself.
    start, later = wide.record.references[0], wide.record.ensemble.weights
    exact = (start * later).sum(axis=1) / np.linalg.norm(start, axis=1) / np.linalg.norm(later, axis=1)
    np.testing.assert_allclose(weights._cosine(wide).isel(time=-1), exact, rtol=1e-9)
