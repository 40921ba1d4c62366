"""The weights themselves: claims C18 and C22 (Appendix B)."""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr
from scipy.special import chdtri, erfinv

from glassnet.analysis.groups import origins
from glassnet.analysis.intervals import CONFIDENCE, estimate
from glassnet.analysis.measured import Measured, measured
from glassnet.analysis.relaxation import first_crossing
from glassnet.paper.claims.claim import Finding, Null, Reading, Seen, shown, together
from glassnet.paper.claims.commands import relaxation
from glassnet.paper.claims.evidence import Evidence, missing
from glassnet.paper.claims.relaxed import E_FOLD, SHORTEST, Relaxed
from glassnet.paper.numbers import PHASES

_FEW: Final = 0.02
_LEARNT: Final = 0.45
_MOST_REPLICAS: Final = 200
_LITTLE: Final = 0.01
_ALIKE: Final = 5.0
_FREE: Final = 1.0 / (4.0 * float(erfinv(E_FOLD)) ** 2)

SIGMA: Final = (
    "Standard deviation of sigma between replicas over its mean, in each of the three phases, of networks that have "
    f"learnt (a data loss below {_LEARNT:g}, W = 0 having 1/2); the number is the largest. Seen if its interval, of a "
    f"Gaussian sample, lies below {_FEW:g} in all, not seen if above {_FEW:g} in one. There is no reading to test."
)

INNER: Final = (
    "1 - W(t_w).W(t_w + t)/(|W(t_w)| |W(t_w + t)|) of the regularised phase where Q has fallen to 1/e, the largest "
    f"over temperatures whose tau_e is {SHORTEST:g} steps or more. Seen if it is below {_LITTLE:g}, not seen if above, "
    f"with its interval. The null is what defines Q: weights that diffuse freely have {_FREE:.3g}/chi^2 there, because "
    f"epsilon is sigma/chi. The reading is explained within a factor {_ALIKE:g} of that at every temperature, stands "
    "if the largest is known to lie above it, and is untested otherwise."
)


def sigma(evidence: Evidence) -> Finding:
    """Claim C18: how much sigma varies."""
    findings = []
    for phase in PHASES:
        run = evidence.relaxed(phase)
        findings.append((phase, missing(phase) if run is None else _spread(run)))
    known = [one.measured for _, one in findings if np.isfinite(one.measured.value)]
    return together(findings, max(known, key=lambda one: one.value, default=findings[0][1].measured))


def _spread(run: Relaxed) -> Finding:
    values = run.quenched.weights[run.quenched.alive].std(axis=1, dtype=np.float64)
    n = len(values)
    if n < 2:
        return Finding("undecided", f"{n} replica", (run.basis,), decides=run.decides())
    if not run.loss_left < _LEARNT:
        text = f"networks have not learnt, their data loss is up to {run.loss_left:.2g}"
        return Finding("undecided", text, (run.basis,), decides=relaxation(run.phase))
    share = float(values.std(ddof=1) / values.mean())
    found = _interval(share, n)
    # How many tell it from 2 % if it stays what it is.
    enough = (more for more in range(n + 1, _MOST_REPLICAS) if _side(_interval(share, more), _FEW) != "undecided")
    decides = f"{relaxation(run.phase)} --replicas {next(enough, _MOST_REPLICAS)}"
    return Finding(_side(found, _FEW), shown(found), (run.basis,), found, decides)


def _interval(share: float, n: int) -> Measured:
    """Interval of the standard deviation of a Gaussian sample of ``n``."""
    tail = 0.5 - CONFIDENCE / 2
    low, high = (share * np.sqrt((n - 1) / chdtri(n - 1, [tail, 1 - tail]))).tolist()
    return Measured(share, low, high, n)


def _side(found: Measured, most: float) -> Seen:
    return "yes" if found.high < most else "no" if found.low > most else "undecided"


def inner_product(evidence: Evidence) -> Finding:
    """Claim C22: the overlap as an inner product."""
    run = evidence.relaxed("regularised")
    if run is None:
        return missing("regularised")
    cosine = _cosine(run)
    q = run.overlap()
    found: dict[float, Measured] = {}
    for temperature in run.temperatures:
        own, curve = run.at(q, temperature).dropna("replica"), run.at(cosine, temperature).dropna("replica")
        times = np.asarray(own["time"].values, dtype=np.float64)
        if not own.size or own.sizes["replica"] != curve.sizes["replica"]:
            continue
        tau = float(first_crossing(own.values.mean(axis=0), times, E_FOLD)[0])
        if tau >= SHORTEST:
            at_tau = 1.0 - np.array([np.interp(np.log(tau), np.log(times), row) for row in curve.values])
            found[temperature] = measured(estimate(at_tau, origins(own)))[0]
    if not found:
        return Finding("undecided", "no temperature with a tau_e", (run.basis,), decides=run.decides())
    temperature = max(found, key=lambda one: found[one].value)
    most = found[temperature]
    text = f"{shown(most)} at tau_e at T = {temperature:g}, the largest of {len(found)} temperatures"
    free = _FREE / run.chi**2
    reading: Reading = "stands" if most.low > free * _ALIKE else "untested"
    if all(one.within(free / _ALIKE, free * _ALIKE) for one in found.values()):
        reading = "explained"
    null = Null("free diffusion through the definition of epsilon", free, reading)
    return Finding(_side(most, _LITTLE), text, (run.basis,), most, run.decides(), null)


def _cosine(run: Relaxed) -> xr.DataArray:
    """From |W|^2 and the displacement: W0.Wt = (|W0|^2 + |Wt|^2 - |Wt - W0|^2)/2."""
    data = run.record.data
    k = int(np.flatnonzero(data["waiting_time"].values == run.waiting_time)[0])
    start = np.asarray(run.record.references[k], dtype=np.float64)
    first = xr.DataArray((start**2).sum(axis=1), dims="replica")
    later = run.seen(data["weight_norm2"]).sum("layer", skipna=False)
    moved = run.msd() * float(data["n_layer_weights"].sum())
    return ((first + later - moved) / 2.0 / np.sqrt(first * later)).transpose("replica", "time")
