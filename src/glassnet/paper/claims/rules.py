"""The claims of the paper in order, each with the rule that judges it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from glassnet.paper.claims import (
    ageing,
    cifar10,
    heterogeneity,
    localisation,
    overlap,
    relaxation_times,
    step_size,
    transitions,
    weights,
)
from glassnet.paper.claims.claim import Claim, Finding
from glassnet.paper.claims.evidence import Evidence, gather
from glassnet.paper.numbers import (
    CHI_DECADES,
    CHI_FACTOR,
    COLLAPSE_EXPONENT,
    HOT_SLOPE,
    LAMBDA,
    RATIO,
    SGD_LEVEL,
    SIGMA_SPREAD,
)
from glassnet.runs.run import Run

REMARK: Final = (
    "C21 is withdrawn. Stokes-Einstein (Eq. 8) is not what the paper claims, since it declines to define a viscosity. "
    "Where weights diffuse, D tau is that of free diffusion because it must be (gn.analysis.stokes_einstein)."
)


@dataclass(frozen=True)
class Rule:
    """A claim and how it is judged.

    Args:
        id: "C1" to "C22".
        sentence: what the paper says, in our words.
        paper: its number, as text.
        unit: of the number measured.
        rule: when it counts as seen, and what else would explain the same number.
        judge: finds it in the evidence.
    """

    id: str
    sentence: str
    paper: str
    unit: str
    rule: str
    judge: Callable[[Evidence], Finding]


_SLOPE: Final = f"slope {HOT_SLOPE:g}"

RULES: Final = (
    Rule(
        "C1",
        "At l2 = 0 networks go over to zero loss at some size, which depends on the initial condition.",
        f"N*/P_D about {RATIO:g}",
        "N/P_D",
        transitions.ZERO_LOSS,
        transitions.zero_loss,
    ),
    Rule(
        "C2",
        "The landscape becomes trivial at lambda*: each network jumps there, and where depends on N.",
        f"lambda* about {LAMBDA:g}",
        "l2",
        transitions.COLLAPSE,
        transitions.collapse,
    ),
    Rule(
        "C3",
        "Regularised, tau_90 goes as 1/T when hot and is held by the landscape, whatever T, below T*.",
        _SLOPE,
        "d log tau_90/d log T",
        relaxation_times.TWO,
        lambda evidence: relaxation_times.noise_and_landscape(evidence, "regularised"),
    ),
    Rule(
        "C4",
        "Underparameterised, tau_90 has the same two regimes.",
        _SLOPE,
        "d log tau_90/d log T",
        relaxation_times.TWO,
        lambda evidence: relaxation_times.noise_and_landscape(evidence, "underparameterised"),
    ),
    Rule(
        "C5",
        "Overparameterised, tau_90 goes as 1/T throughout.",
        _SLOPE,
        "d log tau_90/d log T",
        relaxation_times.ONE,
        relaxation_times.noise_only,
    ),
    Rule(
        "C6",
        "Hot networks decorrelate as free diffusion does, cold ones faster.",
        "",
        "tau_90 over free diffusion's, hot",
        overlap.BROWNIAN,
        overlap.brownian,
    ),
    Rule(
        "C7",
        "Nothing relaxes in two steps, and tau_e behaves as tau_90.",
        _SLOPE,
        "d log tau_e/d log T",
        overlap.ONE_STEP,
        overlap.one_step,
    ),
    Rule(
        "C8",
        "Q(t/tau) of all temperatures is one curve, a power law.",
        f"exponent {COLLAPSE_EXPONENT:g}",
        "exponent",
        overlap.MASTER,
        overlap.master_curve,
    ),
    Rule(
        "C9",
        "The level that Q comes to is a power law of T, which the bowl of l2 alone explains.",
        f"exponent {COLLAPSE_EXPONENT:g}",
        "exponent",
        localisation.LEVEL,
        localisation.bowl_level,
    ),
    Rule(
        "C10",
        "Underparameterised curves leave the master curve irregularly, overparameterised ones never.",
        "",
        "temperatures",
        overlap.DEPARTURE,
        overlap.departures,
    ),
    Rule(
        "C11",
        "The mean square displacement shows no cage: diffusion when hot, no dependence on T below T*.",
        f"slope {-HOT_SLOPE:g}",
        "d log MSD/d log t",
        localisation.NO_CAGE,
        localisation.no_cage,
    ),
    Rule(
        "C12",
        "SGD at any batch size comes to rest where the bowl of l2 says.",
        f"about {SGD_LEVEL:g}",
        "weight^2",
        localisation.SGD,
        localisation.sgd_level,
    ),
    Rule(
        "C13",
        "Cold networks oscillate at short times, and no more with smaller steps.",
        "",
        "share of the MSD",
        step_size.RULE,
        step_size.oscillations,
    ),
    Rule(
        "C14",
        "alpha_2 leaves 0 at long times first, and at all times when cold.",
        "",
        "alpha_2",
        heterogeneity.NON_GAUSSIAN,
        heterogeneity.non_gaussian,
    ),
    Rule(
        "C15",
        "The distribution of mobility has two peaks when cold.",
        "",
        "p",
        heterogeneity.MOBILITY,
        heterogeneity.mobility,
    ),
    Rule(
        "C16",
        "Older networks relax more slowly below T*, not above, and not overparameterised.",
        "",
        "growth over the null's",
        ageing.RULE,
        ageing.ageing,
    ),
    Rule(
        "C17",
        "Another chi shifts tau_90(T) and keeps its shape.",
        f"about {CHI_DECADES:g} decade of T* for {CHI_FACTOR:g} in chi",
        "decades",
        relaxation_times.CHI,
        relaxation_times.sensitivity,
    ),
    Rule(
        "C18",
        "sigma hardly varies between replicas of one phase.",
        f"about {SIGMA_SPREAD:.0%}",
        "of sigma",
        weights.SIGMA,
        weights.sigma,
    ),
    Rule(
        "C19",
        "CIFAR-10 has the same transitions and the same tau_90(T).",
        _SLOPE,
        "d log tau_90/d log T",
        cifar10.RULE,
        cifar10.same,
    ),
    Rule(
        "C20",
        f"Slopes of tau_90(T) nearer to 0 than {HOT_SLOPE:g} come from coarse saving.",
        _SLOPE,
        "d log tau_90/d log T",
        relaxation_times.COARSE,
        relaxation_times.coarse_saving,
    ),
    Rule(
        "C22",
        "The overlap as an inner product of the weights decorrelates very slowly.",
        "",
        "1 - cosine",
        weights.INNER,
        weights.inner_product,
    ),
)


def judge(evidence: Evidence) -> list[Claim]:
    """All claims, in order."""
    return [Claim.of(rule.id, rule.sentence, rule.paper, rule.unit, rule.rule, rule.judge(evidence)) for rule in RULES]


def assess(runs: Iterable[Run[Any]]) -> list[Claim]:
    """All claims, in order, from runs of any experiment.

    A claim whose runs are not there is "undecided" and "untested", and names the command that would decide it.

    Args:
        runs: as :func:`glassnet.open_run` opens them, finished or not; of several of one phase the largest speaks.

    Raises:
        ValueError: a damaged unit.
    """
    return judge(gather(runs))
