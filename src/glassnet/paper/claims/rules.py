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
from glassnet.runs.run import Run


@dataclass(frozen=True)
class Rule:
    """A claim and how it is judged.

    Args:
        id: "C1" to "C22".
        claim: what the paper says, in a few words.
        rule: when it counts as reproduced, and what else would explain the same number.
        judge: finds it in the evidence.
    """

    id: str
    claim: str
    rule: str
    judge: Callable[[Evidence], Finding]


RULES: Final = (
    Rule("C1", "N*/P_D about 0.18 at l2 = 0", transitions.ZERO_LOSS, transitions.zero_loss),
    Rule("C2", "lambda* about 0.03, sharp in each replica", transitions.COLLAPSE, transitions.collapse),
    Rule(
        "C3",
        "regularised: tau_90 as 1/T, then constant",
        relaxation_times.TWO,
        lambda evidence: relaxation_times.noise_and_landscape(evidence, "regularised"),
    ),
    Rule(
        "C4",
        "underparameterised: tau_90 as 1/T, then constant",
        relaxation_times.TWO,
        lambda evidence: relaxation_times.noise_and_landscape(evidence, "underparameterised"),
    ),
    Rule("C5", "overparameterised: tau_90 as 1/T throughout", relaxation_times.ONE, relaxation_times.noise_only),
    Rule("C6", "free diffusion when hot, faster when cold", overlap.BROWNIAN, overlap.brownian),
    Rule("C7", "no two-step relaxation, tau_e as tau_90", overlap.ONE_STEP, overlap.one_step),
    Rule("C8", "collapse of Q, exponent -0.48", overlap.MASTER, overlap.master_curve),
    Rule("C9", "Q_inf as T^-0.48, by the bowl alone", localisation.LEVEL, localisation.bowl_level),
    Rule("C10", "departures from the master curve at l2 = 0", overlap.DEPARTURE, overlap.departures),
    Rule("C11", "no caging in the MSD", localisation.NO_CAGE, localisation.no_cage),
    Rule("C12", "SGD localised at 1e-4 by the bowl", localisation.SGD, localisation.sgd_level),
    Rule("C13", "cold oscillations vanish with smaller mu", step_size.RULE, step_size.oscillations),
    Rule("C14", "alpha_2 departs from 0, late when hot", heterogeneity.NON_GAUSSIAN, heterogeneity.non_gaussian),
    Rule("C15", "mobility bimodal when cold", heterogeneity.MOBILITY, heterogeneity.mobility),
    Rule("C16", "ageing below T* only", ageing.RULE, ageing.ageing),
    Rule("C17", "chi shifts tau_90(T), T* by a decade", relaxation_times.CHI, relaxation_times.sensitivity),
    Rule("C18", "sigma varies by about 1 %", weights.SIGMA, weights.sigma),
    Rule("C19", "CIFAR-10 the same", cifar10.RULE, cifar10.same),
    Rule("C20", "coarse saving lowers the slope", relaxation_times.COARSE, relaxation_times.coarse_saving),
    Rule("C21", "Stokes-Einstein holds or breaks with alpha_2", heterogeneity.PRODUCT, heterogeneity.product),
    Rule("C22", "inner product decorrelates slowly", weights.INNER, weights.inner_product),
)


def judge(evidence: Evidence) -> list[Claim]:
    """All claims, in order."""
    return [Claim.of(rule.id, rule.rule, rule.judge(evidence)) for rule in RULES]


def assess(runs: Iterable[Run[Any]]) -> list[Claim]:
    """All claims, in order, from runs of any experiment.

    A claim whose runs are not there is "not decided", and names the command that would decide it.

    Args:
        runs: as :func:`glassnet.open_run` opens them, finished or not; of several of one phase the largest speaks.

    Raises:
        ValueError: a damaged unit.
    """
    return judge(gather(runs))
