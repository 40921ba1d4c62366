// The arrays of the page, and what is computed from them: overlaps, means with intervals, relaxation times.
// Axes and rules are those of the Python package; functions say which of its functions they follow.

const constants = JSON.parse(document.getElementById("constants").textContent);

const TYPES = { f4: Float32Array, u2: Uint16Array, u4: Uint32Array };
const MISSING = { u2: 0xffff, u4: 0xffffffff };

async function inflated(id) {
  const text = document.getElementById(id).textContent;
  const stream = new Blob([decoded(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

function decoded(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let k = 0; k < bytes.length; k++) bytes[k] = characters.charCodeAt(k);
  return bytes;
}

const buffers = new Map();

// An array of the page with its axes; each is decompressed once, when it is first needed.
async function readArray(reference) {
  if (!buffers.has(reference.at)) buffers.set(reference.at, inflated(`array-${reference.at}`));
  const values = new TYPES[reference.type](await buffers.get(reference.at));
  const strides = reference.shape.map((_, axis) => reference.shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const missing = MISSING[reference.type];
  const offset = (...index) => {
    let place = 0;
    for (let axis = 0; axis < index.length; axis++) place += index[axis] * strides[axis];
    return place;
  };
  const known = (value) => (value === missing ? NaN : value);
  const at = (...index) => known(values[offset(...index)]);
  // All along the last axis.
  const along = (...index) => {
    const start = offset(...index);
    return Array.from(values.subarray(start, start + reference.shape.at(-1)), known);
  };
  return { values, missing, offset, at, along, shape: reference.shape, first: reference.first ?? 0 };
}

const sum = (values) => values.reduce((a, b) => a + b, 0);
const mean = (values) => sum(values) / values.length;

// Relative error below 1.2e-7 (a Chebyshev fit to log erfc); enough for a dashed line.
function erf(x) {
  const t = 1 / (1 + Math.abs(x) / 2);
  const fit = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    0.17087277,
  ].reduceRight((value, coefficient) => value * t + coefficient, 0);
  const complement = t * Math.exp(-x * x + fit);
  return x >= 0 ? 1 - complement : complement - 1;
}

// How many weights the chosen layer has; 0 is the network as a whole, l the layer l.
const weightsIn = (condition, layer) => (layer ? condition.n_weights[layer - 1] : sum(condition.n_weights));

const storedChi = (condition, chi) => condition.chi.findIndex((one) => Math.abs(one / chi - 1) < 1e-9);

// Q of each replica (glassnet.overlap): exact where chi was recorded, else from histograms (approximate=True).
// null where there is neither.
function overlapCurves(condition, loaded, chi, wait, layer) {
  const stored = storedChi(condition, chi);
  if (stored >= 0) return { exact: true, times: condition.times, values: countedOverlap(condition, loaded.within, stored, wait, layer) };
  if (!loaded.histogram) return null;
  return { exact: false, times: condition.sparse, values: histogramOverlap(condition, loaded.histogram, chi, wait, layer) };
}

function countedOverlap(condition, within, chi, wait, layer) {
  const layers = [...Array(within.shape[1]).keys()].filter((one) => !layer || within.shape[1] === 1 || one === layer - 1);
  const n = weightsIn(condition, layer);
  return condition.origin.map((_, replica) => {
    const rows = layers.map((one) => within.along(chi, one, replica, wait));
    return rows[0].map((_, time) => sum(rows.map((row) => row[time])) / n);
  });
}

// Within the bin that holds epsilon displacements count as spread evenly.
function histogramOverlap(condition, histogram, chi, wait, layer) {
  const { first, last, steps } = condition.edges;
  const edge = (k) => (k === 0 ? 0 : first * (last / first) ** ((k - 1) / steps));
  const perBin = Math.log(last / first) / steps;
  const n = weightsIn(condition, layer);
  return condition.sigma.map((sigma, replica) => {
    const epsilon = sigma / chi;
    const guess = epsilon < first ? 0 : Math.floor(Math.log(epsilon / first) / perBin) + 1;
    const bin = Math.min(Math.max(guess, 0), steps);
    const share = (epsilon - edge(bin)) / (edge(bin + 1) - edge(bin));
    return condition.sparse.map((_, time) => {
      const counts = binCounts(histogram, replica, wait, time, layer);
      if (Number.isNaN(counts[0])) return NaN;
      let below = 0;
      for (let k = histogram.first; k <= bin && k - histogram.first < counts.length; k++) below += counts[k - histogram.first];
      return (below + share * (counts[bin + 1 - histogram.first] ?? 0)) / n;
    });
  });
}

// Numbers of weights in the bins that are kept, of one layer or of all; NaN where nothing was recorded.
function binCounts(histogram, replica, wait, time, layer) {
  const [nLayers, , , , nBins] = histogram.shape;
  const counts = new Float64Array(nBins);
  for (let one = 0; one < nLayers; one++) {
    if (layer && nLayers > 1 && one !== layer - 1) continue;
    const start = histogram.offset(one, replica, wait, time, 0);
    for (let bin = 0; bin < nBins; bin++) {
      const count = histogram.values[start + bin];
      counts[bin] += count === histogram.missing ? NaN : count;
    }
  }
  return counts;
}

// A variable (layer, replica, waiting_time, time), or without layers, of each replica.
function replicaCurves(condition, array, wait, layer) {
  return condition.origin.map((_, replica) =>
    array.shape.length === 4 ? array.along(array.shape[0] > 1 ? layer : 0, replica, wait) : array.along(replica, wait),
  );
}

// Replicas that diverged before the end of the curve (glassnet.analysis.groups.lost).
function isLost(condition, replica, wait, times, values) {
  const end = condition.lost_at[replica];
  if (end < 0) return false;
  return times.some((time, i) => Number.isNaN(values[i]) && condition.waits[wait] + time >= end);
}

// Who shares an initial condition, as a label.
const originOf = (condition) => (replica) => `${condition.seed[replica]}/${condition.origin[replica]}`;

// Mean with Student's 95 % interval between initial conditions (glassnet.analysis.intervals.estimate).
function estimate(values, origins) {
  const n = values.length;
  if (!n) return { mean: NaN, low: NaN, high: NaN };
  const middle = mean(values);
  const together = new Map();
  values.forEach((value, i) => together.set(origins[i], (together.get(origins[i]) ?? 0) + value - middle));
  const groups = together.size;
  if (groups < 2) return { mean: middle, low: NaN, high: NaN };
  const squares = sum([...together.values()].map((one) => one ** 2));
  const reach = constants.student[groups - 1] * Math.sqrt((groups / (groups - 1)) * squares) / n;
  return { mean: middle, low: middle - reach, high: middle + reach };
}

// The mean curve (glassnet.ensemble_mean) with its band, and which replicas are in it.
function meanCurve(condition, wait, times, values) {
  const used = values.map((_, replica) => replica).filter((replica) => !isLost(condition, replica, wait, times, values[replica]));
  const origins = used.map(originOf(condition));
  const points = times.map((_, i) => estimate(used.map((replica) => values[replica][i]), origins));
  return {
    used,
    mean: points.map((point) => point.mean),
    low: points.map((point) => point.low),
    high: points.map((point) => point.high),
  };
}

// glassnet.analysis.relaxation.first_crossing: Q is linear in log t between save times; time 0 plays no part.
function firstCrossing(values, times, level) {
  let before = -1;
  for (let i = 0; i < times.length; i++) {
    if (times[i] <= 0 || Number.isNaN(values[i])) continue;
    if (values[i] <= level) {
      if (before < 0) return values[i] < level ? { tau: NaN, outcome: "below the first save time" } : { tau: times[i], outcome: "reached" };
      const drop = values[before] > values[i] ? values[before] - values[i] : 1;
      const share = (values[before] - level) / drop;
      const log = Math.log(times[before]) + share * (Math.log(times[i]) - Math.log(times[before]));
      return { tau: Math.exp(log), outcome: "reached" };
    }
    before = i;
  }
  return { tau: NaN, outcome: before < 0 ? "not recorded" : "not reached" };
}

// glassnet.relaxation_time of the replicas of one condition.
function relaxationTime(condition, wait, times, values, level) {
  const curve = meanCurve(condition, wait, times, values);
  const single = values.map((one, replica) =>
    curve.used.includes(replica) ? firstCrossing(one, times, level) : { tau: NaN, outcome: "lost" },
  );
  const ofMean = firstCrossing(curve.mean, times, level);
  const complete = curve.used.length > 0 && curve.used.every((replica) => single[replica].outcome === "reached");
  const found = { single, used: curve.used, outcome: curve.used.length ? ofMean.outcome : "lost", of: complete ? "geometric mean" : "mean curve" };
  if (complete) {
    const logs = estimate(curve.used.map((replica) => Math.log(single[replica].tau)), curve.used.map(originOf(condition)));
    return { ...found, estimate: Math.exp(logs.mean), low: Math.exp(logs.low), high: Math.exp(logs.high) };
  }
  return { ...found, estimate: ofMean.tau, low: bandCrossing(curve.low, times, level, true), high: bandCrossing(curve.high, times, level, false) };
}

function bandCrossing(band, times, level, isLow) {
  const known = times.filter((time, i) => time > 0 && !Number.isNaN(band[i]));
  const { tau, outcome } = firstCrossing(band, times, level);
  if (outcome === "below the first save time") return isLow ? 0 : known[0];
  if (outcome === "not reached") return isLow ? known.at(-1) : Infinity;
  return tau;
}
