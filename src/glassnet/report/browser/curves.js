// Figures of records. Each says what it needs and draws it from what the reader has chosen.
//
// choice: {on, chi, layer, wait, average, prediction, single, own}: conditions shown, sensitivity, layer (0: all),
// position of the waiting time, averages or replicas, which prediction, the condition of figures of one, and the
// figure's own settings.

const number = (value) => (Number.isFinite(value) ? Number(value.toPrecision(4)).toString() : "–");
const paperSlope = constants.paper.exponent;
const paperSlopeText = `−${-paperSlope}`;

// A curve as traces: its mean with its band, or its replicas.
function curveTraces(view, i, { x, curve, values, wait, style = {}, floor = -Infinity, ceiling = Infinity, name }) {
  const condition = view.run.conditions[i];
  const look = style.color ? style : view.look(i);
  const label = name ?? condition.label;
  if (!view.choice.average) {
    return values.map((one, replica) => ({
      x,
      y: one,
      name: `${label}, origin ${condition.origin[replica]}`,
      meta: { kind: "replica", condition: i, origin: condition.origin[replica], wait },
      mode: "lines",
      line: { color: look.color, dash: look.dash, width: 1 },
      hovertemplate: "%{fullData.name}<br>x = %{x}, y = %{y:.4~g}<extra></extra>",
    }));
  }
  if (!curve.used.length) return [];
  const bounded = (one) => one.map((value) => Math.min(Math.max(value, floor), ceiling));
  const [low, high] = [bounded(curve.low), bounded(curve.high)];
  const total = values.length;
  const traces = [];
  const known = x.map((_, k) => k).filter((k) => x[k] > 0 && Number.isFinite(low[k]) && Number.isFinite(high[k]));
  if (known.length > 1) {
    // On logarithmic axes an interval may reach to 0 and beyond: it is cut two decades below the mean.
    const lower = known.map((k) => (view.log("y") ? Math.max(low[k], curve.mean[k] / 100) : low[k]));
    traces.push({
      x: [...known.map((k) => x[k]), ...known.map((k) => x[k]).reverse()],
      y: [...known.map((k) => high[k]), ...lower.reverse()],
      meta: { kind: "band", condition: i, wait },
      mode: "lines",
      line: { width: 0, color: look.color },
      fill: "toself",
      fillcolor: withAlpha(look.color, 0.18),
      hoverinfo: "skip",
      showlegend: false,
    });
  }
  traces.push({
    x,
    y: curve.mean,
    name: label,
    meta: { kind: "mean", condition: i, wait },
    mode: x.length > 1 ? "lines+markers" : "markers",
    line: { color: look.color, dash: look.dash, width: 2 },
    marker: { symbol: look.symbol, size: 7, maxdisplayed: 7, color: look.color },
    customdata: x.map((_, k) => `${number(low[k])} to ${number(high[k])}; ${curve.used.length} of ${total} replicas`),
    hovertemplate: "%{fullData.name}<br>x = %{x}<br>y = %{y:.4~g}<br>95 %: %{customdata}<extra></extra>",
  });
  return traces;
}

function dashed(x, y, color, meta, name) {
  return {
    x,
    y,
    name,
    meta,
    mode: "lines",
    line: { color, dash: "dash", width: 1.3 },
    hovertemplate: `${name}<br>x = %{x:.4~g}, y = %{y:.4~g}<extra></extra>`,
    showlegend: false,
  };
}

// The reader's time axis: steps, or learning rate times steps; and which times (whole epochs of SGD, or all).
function clock(view, condition, times) {
  const scale = view.own.clock === "scaled" ? condition.rate : 1;
  return times.map((time) => time * scale);
}

function keepsTime(view, condition, time) {
  if (time <= 0) return false;
  return view.own.epochs !== "whole" || time % condition.epoch === 0 || time < condition.epoch;
}

// Positions of the times that are drawn.
const drawnTimes = (view, condition, times) => times.map((_, k) => k).filter((k) => keepsTime(view, condition, times[k]));
const pick = (kept, values) => kept.map((k) => values[k]);
const pickCurve = (kept, curve) => ({
  used: curve.used,
  mean: pick(kept, curve.mean),
  low: pick(kept, curve.low),
  high: pick(kept, curve.high),
});
const timeTitle = (view) => (view.own.clock === "scaled" ? "μ t" : "t (steps)");

// Curves against time of all conditions that are shown, with predictions from the Gaussian displacements of theory.
function timeCurves(view, curvesOf, predicted, { expected, ...limits } = {}) {
  return view.shown().flatMap((i) => {
    const condition = view.run.conditions[i];
    if (view.choice.wait >= condition.waits.length) return [];
    const found = curvesOf(condition, view.loaded[i]);
    if (!found) return [];
    const curve = meanCurve(condition, view.choice.wait, found.times, found.values);
    const kept = drawnTimes(view, condition, found.times);
    const x = clock(view, condition, pick(kept, found.times));
    const values = found.values.map((one) => pick(kept, one));
    const traces = curveTraces(view, i, { x, curve: pickCurve(kept, curve), values, wait: view.choice.wait, ...limits });
    const theory = view.loaded[i][view.choice.prediction];
    if (predicted && theory) {
      const at = condition.times.map((_, k) => k).filter((k) => condition.times[k] > 0);
      const y = at.map((k) => predicted(theory.at(view.choice.wait, k), condition, curve.used));
      const times = clock(view, condition, at.map((k) => condition.times[k]));
      const name = `${condition.label}, ${PREDICTIONS[view.choice.prediction]}`;
      traces.push(dashed(times, y, view.look(i).color, { kind: "prediction", condition: i }, name));
    }
    const null_ = expected && view.choice.null && view.choice.layer === 0 && expected(condition, view.loaded[i]);
    return null_ ? [...traces, nullLine(view, clock(view, condition, condition.sparse), null_, { condition: i }, condition.label)] : traces;
  });
}

// Drift plus diffusion, as glassnet.theory.drift_null gives it: above the curves that it is to be told from.
function nullLine(view, x, y, meta, label = "") {
  const name = `${label ? `${label}, ` : ""}drift + diffusion`;
  return { ...dashed(x, y, view.theme.ink, { kind: "null", ...meta }, name), line: { color: view.theme.ink, dash: "4px,3px", width: 1.2 } };
}

// At recorded chi only.
const nullOverlap = (view) => (condition, loaded) => {
  const at = storedChi(condition, view.choice.chi);
  return loaded.null_overlap && at >= 0 ? loaded.null_overlap.along(at, view.choice.wait) : null;
};
const nullOf = (view, name) => (condition, loaded) => (loaded[name] ? loaded[name].along(view.choice.wait) : null);

function nullTau(view) {
  if (!view.choice.null || view.choice.layer !== 0) return [];
  const level = view.own.threshold === "tau_e" ? 1 : 0;
  const points = view.shown().flatMap((i) => {
    const condition = view.run.conditions[i];
    const [{ null_tau: times }, at] = [view.loaded[i], storedChi(condition, view.choice.chi)];
    if (!times || at < 0 || view.choice.wait >= condition.waits.length) return [];
    const tau = times.at(at, view.choice.wait, level);
    return Number.isFinite(tau) ? [[condition.temperature, tau]] : [];
  }).sort((one, other) => one[0] - other[0]);
  if (!points.length) return [];
  return [nullLine(view, points.map((one) => one[0]), points.map((one) => one[1]), {})];
}

const PREDICTIONS = { free: "free Brownian weights", bowl: "bowl of l2 alone" };

const overlapOf = (view) => (condition, loaded) =>
  overlapCurves(condition, loaded, view.choice.chi, view.choice.wait, view.choice.layer);

// Q of Gaussian displacements of a mean square, averaged over the replicas, each with its own epsilon.
const gaussianOverlap = (view) => (msd, condition, used) =>
  mean(used.map((replica) => (msd > 0 ? erf(condition.sigma[replica] / view.choice.chi / Math.sqrt(2 * msd)) : 1)));

// Of the replicas that were not lost.
const sigmasOf = (condition) => condition.sigma.filter((sigma, replica) => sigma !== null && condition.lost_at[replica] < 0);

function level(view, y, text) {
  return {
    shape: { type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { color: view.theme.muted, dash: "dot", width: 1 } },
    note: { xref: "paper", x: 0, xanchor: "left", y: view.log("y") ? Math.log10(y) : y, yanchor: "bottom", text, showarrow: false, font: { color: view.theme.muted, size: 11 } },
  };
}
const withLevels = (levels) => ({ shapes: levels.map((one) => one.shape), annotations: levels.map((one) => one.note) });

// tau of every condition shown, each in its place.
function taus(view, chi = view.choice.chi, wait = view.choice.wait, levelOf = constants.thresholds[view.own.threshold ?? "tau_90"].level) {
  return view.shown().flatMap((i) => {
    const condition = view.run.conditions[i];
    const found = wait < condition.waits.length && overlapCurves(condition, view.loaded[i], chi, wait, view.choice.layer);
    if (!found) return [];
    const known = found.times.filter((time, k) => time > 0 && found.values.some((one) => !Number.isNaN(one[k])));
    if (!known.length) return [];
    return [{ i, condition, first: known[0], last: known.at(-1), ...relaxationTime(condition, wait, found.times, found.values, levelOf) }];
  });
}

// A relaxation time with its interval; an arrowhead where it is only known to lie beyond the times observed.
function tauTrace(view, x, one, { color, symbol, name, meta }) {
  const reached = Number.isFinite(one.estimate);
  const below = one.outcome === "below the first save time";
  if (!reached && one.outcome !== "not reached" && !below) return [];
  const y = reached ? one.estimate : below ? one.first : one.last;
  const interval = `95 %: ${number(one.low)} to ${number(one.high)}; of the ${one.of}, ${one.used.length} of ${one.single.length} replicas`;
  return [
    {
      x: [x],
      y: [y],
      name,
      meta: { kind: reached ? "estimate" : "limit", ...meta },
      mode: "markers",
      marker: {
        color,
        size: reached ? 10 : 12,
        symbol: reached ? (one.of === "geometric mean" ? symbol : `${symbol}-open`) : below ? "triangle-down-open" : "triangle-up-open",
      },
      error_y:
        reached && Number.isFinite(one.low) && Number.isFinite(one.high)
          ? { type: "data", symmetric: false, array: [one.high - y], arrayminus: [y - one.low], color, thickness: 1.5 }
          : undefined,
      hovertemplate: `%{fullData.name}<br>${reached ? `tau = ${number(y)} steps<br>${interval}` : `${one.outcome}: ${below ? "<" : ">"} ${number(y)} steps`}<extra></extra>`,
      showlegend: false,
    },
  ];
}

function tauReplicas(view, x, one, { color, name, meta }) {
  const kept = one.single.map((_, replica) => replica).filter((replica) => Number.isFinite(one.single[replica].tau));
  return [
    {
      x: kept.map(() => x),
      y: kept.map((replica) => one.single[replica].tau),
      name,
      meta: { kind: "replicas", ...meta },
      mode: "markers",
      marker: { color, size: 7, opacity: 0.7 },
      text: kept.map((replica) => `origin ${one.condition.origin[replica]}`),
      hovertemplate: "%{fullData.name}, %{text}<br>tau = %{y:.4~g} steps<extra></extra>",
      showlegend: false,
    },
  ];
}

// tau against temperature; T = 0, which has no place on a logarithmic axis, is a line across.
function ladder(view, found, { color, symbol, name, meta = {} }) {
  return found.flatMap((one) => {
    const look = { color: color ?? view.look(one.i).color, symbol: symbol ?? view.look(one.i).symbol, name: name ?? one.condition.label, meta: { condition: one.i, ...meta } };
    if (one.condition.temperature > 0 || !view.log("x")) {
      return view.choice.average ? tauTrace(view, one.condition.temperature, one, look) : tauReplicas(view, one.condition.temperature, one, look);
    }
    const warm = view.run.conditions.map((condition) => condition.temperature).filter((t) => t > 0);
    if (!Number.isFinite(one.estimate) || !warm.length) return [];
    const ends = [Math.min(...warm) / 2, Math.max(...warm) * 2];
    return [{ ...dashed(ends, ends.map(() => one.estimate), look.color, { kind: "zero", ...look.meta }, `T = 0, tau = ${number(one.estimate)} steps`), line: { color: look.color, dash: "dashdot", width: 1.3 } }];
  });
}

function freeTau(view) {
  const i = view.shown().find((one) => view.run.conditions[one].temperature > 0 && view.loaded[one].free);
  if (i === undefined || view.choice.prediction !== "free") return [];
  const condition = view.run.conditions[i];
  const k = condition.times.length - 1;
  const perTemperature = view.loaded[i].free.at(0, k) / (2 * condition.times[k] * condition.temperature);
  const { erfinv } = constants.thresholds[view.own.threshold ?? "tau_90"];
  const reach = mean(sigmasOf(condition).map((sigma) => (sigma / view.choice.chi / erfinv) ** 2));
  const warm = view.shown().map((one) => view.run.conditions[one].temperature).filter((t) => t > 0);
  const [low, high] = [Math.min(...warm) / 2, Math.max(...warm) * 2];
  const x = Array.from({ length: 50 }, (_, n) => low * (high / low) ** (n / 49));
  return [dashed(x, x.map((t) => reach / (4 * perTemperature * t)), view.theme.muted, { kind: "prediction" }, "free Brownian weights")];
}

const observed = (found) => (found.length ? [Math.min(...found.map((one) => one.first)), Math.max(...found.map((one) => one.last))] : [1, 10]);

const LOG = "log";
const LINEAR = "linear";
const shared = ["conditions", "wait", "layer", "average"];

const CURVES = {
  overlap: {
    title: "Overlap Q(t)",
    about: "The share of weights that are within ε = σ/χ of where they were (Eq. 4). Dotted: the levels of τ90 and τe.",
    needs: ["within", "histogram", "free", "bowl", "null_overlap"],
    uses: [...shared, "chi", "prediction", "null"],
    x: [LOG, timeTitle],
    y: [LINEAR, "Q"],
    draw: (view) => ({
      traces: timeCurves(view, overlapOf(view), gaussianOverlap(view), { floor: 0, ceiling: 1, expected: nullOverlap(view) }),
      layout: withLevels([level(view, 0.9, "0.9"), level(view, Math.exp(-1), "1/e")]),
    }),
  },
  tau: {
    title: "Relaxation time against temperature",
    about:
      "Filled: geometric mean over replicas; open: of the mean curve, where not every replica has a number. Bars: 95 % intervals. Triangles: not reached by the last save time (up), or below the first (down). Dash-dotted: T = 0.",
    needs: ["within", "histogram", "free", "null_tau"],
    uses: [...shared, "chi", "prediction", "null"],
    own: { threshold: { label: "Level", values: { tau_90: "Q = 0.9 (τ90)", tau_e: "Q = 1/e (τe)" } } },
    x: [LOG, "T"],
    y: [LOG, (view) => (view.own.threshold === "tau_e" ? "τe (steps)" : "τ90 (steps)")],
    draw: (view) => {
      const found = taus(view);
      const [first, last] = observed(found);
      return {
        traces: [...freeTau(view), ...ladder(view, found, {}), ...nullTau(view)],
        layout: withLevels([level(view, first, "first save time"), level(view, last, "last save time")]),
        range: { y: [first / 3, last * 3] },
      };
    },
  },
  master: {
    title: "Master curve",
    about: `Mean Q against t/τe, where the mean curve reaches 1/e. Dashed: free diffusion alone, whose slope tends to −1/2; dotted: the paper's ${paperSlopeText}.`,
    needs: ["within", "histogram"],
    uses: ["conditions", "wait", "layer", "chi"],
    x: [LOG, "t/τe"],
    y: [LOG, "Q"],
    draw: (view) => {
      const traces = view.shown().flatMap((i) => {
        const condition = view.run.conditions[i];
        const found = view.choice.wait < condition.waits.length && overlapOf(view)(condition, view.loaded[i]);
        if (!found) return [];
        const curve = meanCurve(condition, view.choice.wait, found.times, found.values);
        const { tau } = firstCrossing(curve.mean, found.times, Math.exp(-1));
        if (!Number.isFinite(tau)) return [];
        const kept = found.times.map((_, k) => k).filter((k) => found.times[k] > 0);
        const look = view.look(i);
        return [
          {
            x: kept.map((k) => found.times[k] / tau),
            y: kept.map((k) => curve.mean[k]),
            name: condition.label,
            meta: { kind: "mean", condition: i, tau },
            mode: "lines+markers",
            line: { color: look.color, dash: look.dash, width: 2 },
            marker: { symbol: look.symbol, size: 7, maxdisplayed: 7, color: look.color },
            hovertemplate: `%{fullData.name}, τe = ${number(tau)}<br>t/τe = %{x:.4~g}<br>Q = %{y:.4~g}<extra></extra>`,
          },
        ];
      });
      const ends = traces.flatMap((trace) => [trace.x[0], trace.x.at(-1)]);
      const [low, high] = ends.length ? [Math.min(...ends), Math.max(...ends, 10)] : [0.1, 10];
      const x = Array.from({ length: 100 }, (_, n) => low * (high / low) ** (n / 99));
      const reach = constants.thresholds.tau_e.erfinv;
      const guide = [1, high];
      return {
        traces: [
          ...traces,
          dashed(x, x.map((one) => erf(reach / Math.sqrt(one))), view.theme.muted, { kind: "prediction" }, "free Brownian weights"),
          { ...dashed(guide, guide.map((one) => 0.6 * one ** paperSlope), view.theme.paper, { kind: "paper" }, `slope ${paperSlopeText}, paper`), line: { color: view.theme.paper, dash: "dot", width: 1.5 } },
        ],
        layout: {},
        empty: traces.length ? "" : "No mean curve reaches 1/e at this χ.",
      };
    },
  },
  left: {
    title: "What is left of Q",
    about: `Q at the last time against temperature. Dotted: the paper's slope of ${paperSlopeText} through the hottest; dashed: what theory leaves.`,
    needs: ["within", "histogram", "free", "bowl"],
    uses: [...shared, "chi", "prediction"],
    x: [LOG, "T"],
    y: [LOG, "Q at the last time"],
    draw: (view) => {
      const ends = view.shown().flatMap((i) => {
        const condition = view.run.conditions[i];
        const found = condition.temperature > 0 && view.choice.wait < condition.waits.length && overlapOf(view)(condition, view.loaded[i]);
        if (!found) return [];
        const curve = meanCurve(condition, view.choice.wait, found.times, found.values);
        const known = found.times.map((_, k) => k).filter((k) => Number.isFinite(curve.mean[k]) && found.times[k] > 0);
        return known.length ? [{ i, condition, found, curve, k: known.at(-1) }] : [];
      });
      const traces = ends.map(({ i, condition, found, curve, k }) => {
        const { color, symbol } = view.look(i);
        const t = condition.temperature;
        const single = found.values.filter((_, replica) => curve.used.includes(replica)).map((one) => one[k]);
        return {
          x: view.choice.average ? [t] : single.map(() => t),
          y: view.choice.average ? [curve.mean[k]] : single,
          name: condition.label,
          meta: { kind: view.choice.average ? "mean" : "replicas", condition: i, time: found.times[k] },
          mode: "markers",
          marker: { color, symbol, size: view.choice.average ? 10 : 7, opacity: view.choice.average ? 1 : 0.7 },
          error_y:
            view.choice.average && Number.isFinite(curve.low[k])
              ? { type: "data", symmetric: false, array: [curve.high[k] - curve.mean[k]], arrayminus: [curve.mean[k] - Math.max(curve.low[k], view.log("y") ? curve.mean[k] / 100 : 0)], color }
              : undefined,
          hovertemplate: `%{fullData.name}<br>Q(t = ${found.times[k]}) = %{y:.4~g}<extra></extra>`,
        };
      });
      const warm = ends.map((one) => one.condition.temperature);
      const hottest = ends.find((one) => one.condition.temperature === Math.max(...warm));
      if (hottest) {
        const guide = [Math.max(...warm), Math.min(...warm)];
        const y = guide.map((t) => hottest.curve.mean[hottest.k] * (t / guide[0]) ** paperSlope);
        traces.push({ ...dashed(guide, y, view.theme.paper, { kind: "paper" }, `slope ${paperSlopeText}, paper`), line: { color: view.theme.paper, dash: "dot", width: 1.5 } });
        const theory = ends.filter((one) => view.loaded[one.i][view.choice.prediction]);
        if (theory.length) {
          const predicted = theory.map((one) => {
            const last = one.condition.times.indexOf(one.found.times[one.k]);
            const msd = view.loaded[one.i][view.choice.prediction].at(view.choice.wait, last);
            return gaussianOverlap(view)(msd, one.condition, one.curve.used);
          });
          traces.push(dashed(theory.map((one) => one.condition.temperature), predicted, view.theme.muted, { kind: "prediction" }, PREDICTIONS[view.choice.prediction]));
        }
      }
      return { traces, layout: {} };
    },
  },
  sensitivity: {
    title: "τ90 at every χ that was recorded",
    about: "A factor in χ leaves the shape as it is and moves T* (Fig. A1).",
    needs: ["within"],
    uses: [...shared],
    x: [LOG, "T"],
    y: [LOG, "τ90 (steps)"],
    legend: "χ",
    draw: (view) => {
      const chis = [...new Set(view.run.conditions.flatMap((condition) => condition.chi))].sort((a, b) => a - b);
      const traces = chis.flatMap((chi, n) => {
        const color = view.scale(n, chis.length);
        const found = taus(view, chi);
        const line = found.filter((one) => one.condition.temperature > 0 && Number.isFinite(one.estimate));
        return [
          { x: line.map((one) => one.condition.temperature), y: line.map((one) => one.estimate), name: `χ = ${chi}`, meta: { kind: "line", chi }, mode: "lines", line: { color, width: 1 }, hoverinfo: "skip" },
          ...ladder(view, found, { color, symbol: SYMBOLS[n % SYMBOLS.length], name: `χ = ${chi}`, meta: { chi } }),
        ];
      });
      return { traces, layout: {} };
    },
  },
  ageing: {
    title: "Ageing: Q(t) from each waiting time",
    about: "At one temperature. Curves that lie on each other do not age.",
    needs: ["within", "histogram"],
    uses: ["layer", "average", "chi", "single"],
    x: [LOG, "t (steps)"],
    y: [LINEAR, "Q"],
    legend: "t_w",
    draw: (view) => {
      const i = view.choice.single;
      const condition = view.run.conditions[i];
      const traces = condition.waits.flatMap((wait, w) => {
        const found = overlapCurves(condition, view.loaded[i], view.choice.chi, w, view.choice.layer);
        if (!found || found.values.every((one) => one.every(Number.isNaN))) return [];
        const kept = drawnTimes(view, condition, found.times);
        const curve = pickCurve(kept, meanCurve(condition, w, found.times, found.values));
        const values = found.values.map((one) => pick(kept, one));
        const style = { color: view.scale(w, condition.waits.length), dash: "solid", symbol: SYMBOLS[w % SYMBOLS.length] };
        const made = curveTraces(view, i, { x: pick(kept, found.times), curve, values, wait: w, style, floor: 0, ceiling: 1, name: `t_w = ${wait}` });
        return made.map((trace, n) => (view.choice.average ? trace : { ...trace, legendgroup: `${w}`, showlegend: n === 0 }));
      });
      return { traces, layout: withLevels([level(view, 0.9, "0.9")]) };
    },
  },
  ageing_tau: {
    title: "Ageing: τ90 against the waiting time",
    about: "At every temperature that is shown; only where the level is reached.",
    needs: ["within", "histogram"],
    uses: ["conditions", "layer", "average", "chi"],
    own: { threshold: { label: "Level", values: { tau_90: "Q = 0.9 (τ90)", tau_e: "Q = 1/e (τe)" } } },
    x: [LOG, "t_w (steps)"],
    y: [LOG, (view) => (view.own.threshold === "tau_e" ? "τe (steps)" : "τ90 (steps)")],
    draw: (view) => {
      const nWaits = Math.max(...view.run.conditions.map((condition) => condition.waits.length));
      const found = Array.from({ length: nWaits }, (_, w) => taus(view, view.choice.chi, w));
      const traces = view.shown().flatMap((i) => {
        const { color, symbol, dash } = view.look(i);
        const own = found.flatMap((ones, w) => ones.filter((one) => one.i === i && Number.isFinite(one.estimate)).map((one) => ({ ...one, wait: one.condition.waits[w] })));
        const label = view.run.conditions[i].label;
        const line = { x: own.map((one) => one.wait), y: own.map((one) => one.estimate), name: label, meta: { kind: "line", condition: i }, mode: "lines", line: { color, dash, width: 1 }, hoverinfo: "skip" };
        return [
          ...(view.choice.average ? [line] : []),
          ...own.flatMap((one) => (view.choice.average ? tauTrace : tauReplicas)(view, one.wait, one, { color, symbol, name: `${label}, t_w = ${one.wait}`, meta: { condition: i, wait: one.wait } })),
        ];
      });
      return { traces, layout: {} };
    },
  },
  msd: {
    title: "Mean square displacement",
    about: "Eq. 7. Dotted: ε² of the overlap at the chosen χ.",
    needs: ["msd", "free", "bowl", "null_msd"],
    uses: [...shared, "prediction", "null"],
    x: [LOG, timeTitle],
    y: [LOG, "MSD (weight²)"],
    draw: (view) => {
      const sigmas = view.shown().flatMap((i) => sigmasOf(view.run.conditions[i]));
      const epsilon = mean(sigmas) / view.choice.chi;
      return {
        traces: timeCurves(view, (condition, loaded) => ({ times: condition.times, values: replicaCurves(condition, loaded.msd, view.choice.wait, view.choice.layer) }), (msd) => msd, { expected: nullOf(view, "null_msd") }),
        layout: sigmas.length ? withLevels([level(view, epsilon ** 2, `ε² at χ = ${number(view.choice.chi)}`)]) : {},
      };
    },
  },
  alpha: {
    title: "Non-Gaussian parameter α2",
    about: "Eq. 9; 0 for Gaussian displacements. Layers that move unequally far make it positive when they are pooled: look at single layers too.",
    needs: ["alpha", "null_alpha"],
    uses: [...shared, "null"],
    x: [LOG, timeTitle],
    y: [LINEAR, "α2"],
    draw: (view) => ({
      traces: timeCurves(view, (condition, loaded) => ({ times: condition.times, values: replicaCurves(condition, loaded.alpha, view.choice.wait, view.choice.layer) }), null, { expected: nullOf(view, "null_alpha") }),
      layout: withLevels([level(view, 0, "Gaussian")]),
    }),
  },
  mobility: {
    title: "Distribution of mobilities",
    about: "Density of |Δw| per decade: the area under a curve is the share of weights (Fig. 7). Dashed: what theory predicts, a single peak.",
    needs: ["histogram", "free", "bowl"],
    uses: [...shared, "prediction"],
    own: { bins: { label: "Bins a decade", values: { 1: "20", 2: "10", 4: "5" }, first: "2" } },
    slider: "time",
    x: [LOG, "|Δw|"],
    y: [LINEAR, "density per decade"],
    draw: (view) => {
      const time = view.times()[view.own.time];
      const merge = Number(view.own.bins);
      const traces = view.shown().flatMap((i) => {
        const condition = view.run.conditions[i];
        const { histogram } = view.loaded[i];
        const at = condition.sparse.indexOf(time);
        if (at < 0 || !histogram || view.choice.wait >= condition.waits.length) return [];
        const { first, last, steps } = condition.edges;
        const width = Math.log10(last / first) / steps;
        const n = weightsIn(condition, view.choice.layer);
        // Bins of the record: exact zeros, below the first edge, the regular ones, beyond the last edge.
        const start = Math.floor(Math.max(histogram.first - 2, 0) / merge) * merge;
        const end = Math.min(histogram.first - 2 + histogram.shape[4], steps);
        const groups = Array.from({ length: Math.ceil(Math.max(end - start, 0) / merge) }, (_, g) => start + g * merge);
        const x = groups.map((k) => first * (last / first) ** ((k + merge / 2) / steps));
        const values = condition.origin.map((_, replica) => {
          const counts = binCounts(histogram, replica, view.choice.wait, at, view.choice.layer);
          return groups.map((k) => sum(Array.from({ length: merge }, (_, m) => counts[k + m + 2 - histogram.first] ?? 0)) / n / (merge * width));
        });
        if (values.every((one) => one.every(Number.isNaN))) return [];
        const recorded = (replica) => condition.sparse.map((_, k) => histogram.at(0, replica, view.choice.wait, k, 0));
        const used = values.map((_, replica) => replica).filter((replica) => !isLost(condition, replica, view.choice.wait, condition.sparse, recorded(replica)));
        const points = x.map((_, k) => estimate(used.map((replica) => values[replica][k]), used.map(originOf(condition))));
        const curve = { used, mean: points.map((p) => p.mean), low: points.map((p) => p.low), high: points.map((p) => p.high) };
        const made = curveTraces(view, i, { x, curve, values, wait: view.choice.wait, floor: 0 });
        const theory = view.loaded[i][view.choice.prediction];
        if (theory) {
          const msd = theory.at(view.choice.wait, condition.times.indexOf(time));
          const fine = x.length > 1 ? Array.from({ length: 200 }, (_, k) => x[0] * (x.at(-1) / x[0]) ** (k / 199)) : [];
          const density = fine.map((w) => ((2 * Math.LN10 * w) / Math.sqrt(2 * Math.PI * msd)) * Math.exp((-w * w) / (2 * msd)));
          made.push(dashed(fine, density, view.look(i).color, { kind: "prediction", condition: i }, `${condition.label}, ${PREDICTIONS[view.choice.prediction]}`));
        }
        return made;
      });
      const peak = Math.max(...traces.flatMap((trace) => (trace.meta.kind === "band" ? [] : trace.y)));
      const seen = traces.flatMap((trace) => (trace.meta.kind === "band" ? [] : trace.x.filter((_, k) => trace.y[k] > peak / 300)));
      const range = seen.length ? { x: [Math.min(...seen) / 2, Math.max(...seen) * 2] } : {};
      return { traces, layout: {}, range, empty: traces.length ? "" : "No histograms were kept at this waiting time and time." };
    },
  },
  history: {
    title: "Losses and accuracies along the way",
    about: "A loss that drifts says that the quench had not ended, or that the temperature drives the network out of its basin.",
    // And the statistics of users, whose names only the page has.
    needs: ["data_loss", "total_loss", "test_loss", "accuracy", "test_accuracy", "awake", "dead"],
    uses: ["conditions", "wait", "average"],
    own: {
      quantity: {
        label: "Quantity",
        values: {
          data_loss: "data loss",
          total_loss: "total loss, with l2",
          test_loss: "test loss",
          accuracy: "accuracy",
          test_accuracy: "test accuracy",
          awake: "share of rows awake",
          dead: "share of dead networks",
        },
      },
    },
    x: [LOG, "t (steps)"],
    y: [LINEAR, (view) => CURVES.history.own.quantity.values[view.own.quantity] ?? view.run.statistics[view.own.quantity]],
    draw: (view) => {
      const isStatistic = view.own.quantity.startsWith("statistic_");
      const traces = timeCurves(view, (condition, loaded) => {
        const array = loaded[view.own.quantity];
        if (!array) return null;
        const values = replicaCurves(condition, array, view.choice.wait, 0);
        // Losses are taken at some of the times only.
        const seen = condition.times.map((_, k) => k).filter((k) => values.some((one) => !Number.isNaN(one[k])));
        return { times: pick(seen, condition.times), values: values.map((one) => pick(seen, one)) };
      }, null, isStatistic ? {} : { floor: 0, ceiling: view.own.quantity.endsWith("loss") ? Infinity : 1 });
      const { marker } = view.run;
      const shape = { type: "line", yref: "paper", y0: 0, y1: 1, x0: marker, x1: marker, line: { color: view.theme.muted, dash: "dot" } };
      const note = { x: view.log("x") ? Math.log10(marker) : marker, xanchor: "left", yref: "paper", y: 1, yanchor: "top", text: "measurements of Langevin dynamics begin", showarrow: false, font: { color: view.theme.muted, size: 11 } };
      return { traces, layout: marker ? { shapes: [shape], annotations: [note] } : {}, empty: traces.length ? "" : "It was not recorded." };
    },
  },
};
