// Figures of networks at their minima: losses over width and l2, and what minima are like.

const QUANTITIES = {
  total_loss: "total loss",
  data_loss: "data loss",
  test_loss: "test loss",
  accuracy: "accuracy",
  test_accuracy: "test accuracy",
  awake: "share of rows awake",
};

const FLOOR = 1e-20; // of losses under a geometric mean

// Geometric over replicas that did not diverge and whose value is not exactly 0, as losses span decades.
function geometricMean(values) {
  const kept = values.filter((value) => value > 0);
  return kept.length ? Math.exp(mean(kept.map((value) => Math.log(Math.max(value, FLOOR))))) : NaN;
}

const cell = (view, width, l2) => {
  const epochs = Number(view.own.epochs);
  const values = view.run.quantities[view.own.quantity][epochs][width][l2];
  const alive = view.run.alive[epochs][width][l2];
  const done = values.map((_, origin) => origin).filter((origin) => alive[origin] !== null);
  return {
    kept: done.filter((origin) => alive[origin] === 1).map((origin) => ({ origin, value: values[origin] })),
    lost: done.filter((origin) => alive[origin] !== 1).map((origin) => ({ origin, value: values[origin] })),
  };
};

const planeSettings = {
  quantity: { label: "Quantity", values: QUANTITIES, of: (run) => Object.keys(run.quantities) },
  epochs: { label: "Length of the quench", values: (run) => Object.fromEntries(run.epochs.map((one, k) => [k, `${one} epochs`])), last: true },
};

const paperLine = (view, x, text) => ({
  shapes: [{ type: "line", yref: "paper", y0: 0, y1: 1, x0: x, x1: x, line: { color: view.theme.paper, dash: "dot", width: 1.5 } }],
  annotations: [{ x: view.log("x") ? Math.log10(x) : x, xanchor: "left", yref: "paper", y: 1, yanchor: "top", text, showarrow: false, font: { color: view.theme.paper, size: 11 } }],
});

// One line for each width, or each l2, over the other.
function lossLines(view, along, across, xOf, cellOf) {
  return view.shown().flatMap((i) => {
    const look = view.look(i);
    const label = across(i);
    const cells = along.map((_, k) => cellOf(i, k));
    const origins = view.run.origins;
    const found = (k, origin) => cells[k].kept.find((one) => one.origin === origin)?.value ?? null;
    const lost = cells.flatMap((one, k) => one.lost.map((gone) => ({ x: xOf(k), ...gone })));
    const traces = view.choice.average
      ? [
          {
            x: along.map((_, k) => xOf(k)),
            y: cells.map((one) => geometricMean(one.kept.map(({ value }) => value))),
            name: label,
            meta: { kind: "mean", condition: i },
            mode: "lines+markers",
            line: { color: look.color, width: 2 },
            marker: { color: look.color, symbol: look.symbol, size: 7 },
            customdata: cells.map((one) => `${one.kept.length} of ${one.kept.length + one.lost.length} replicas`),
            hovertemplate: "%{fullData.name}<br>x = %{x:.4~g}, geometric mean = %{y:.4~g}<br>%{customdata}<extra></extra>",
          },
        ]
      : origins.map((origin) => ({
          x: along.map((_, k) => xOf(k)),
          y: along.map((_, k) => found(k, origin)),
          name: `${label}, origin ${origin}`,
          meta: { kind: "replica", condition: i, origin },
          mode: "lines+markers",
          line: { color: look.color, width: 1 },
          marker: { color: look.color, symbol: "circle-open", size: 6 },
          hovertemplate: "%{fullData.name}<br>x = %{x:.4~g}, %{y:.4~g}<extra></extra>",
        }));
    if (lost.length) {
      traces.push({
        x: lost.map((one) => one.x),
        y: lost.map((one) => one.value),
        name: `${label}, diverged`,
        meta: { kind: "lost", condition: i },
        mode: "markers",
        marker: { color: look.color, symbol: "x", size: 8 },
        text: lost.map((one) => `origin ${one.origin}`),
        hovertemplate: "%{fullData.name}, %{text}: last finite value %{y:.4~g}<extra></extra>",
      });
    }
    return traces;
  });
}

const PLANE = {
  plane: {
    title: "Loss over width and l2",
    about: `Geometric mean over the replicas that did not diverge; cells without any are empty. The paper sees transitions near N/P_D = ${constants.paper.ratio} and λ = ${constants.paper.l2}.`,
    uses: [],
    own: { ...planeSettings, colour: { label: "Colours", values: { log: "logarithmic", linear: "linear" } } },
    x: ["category", "N/P_D"],
    y: ["category", "λ"],
    draw: (view) => {
      const { widths, l2s, ratios } = view.run;
      const cells = l2s.map((_, l2) => widths.map((_, width) => cell(view, width, l2)));
      const means = cells.map((row) => row.map((one) => geometricMean(one.kept.map(({ value }) => value))));
      const z = means.map((row) => row.map((value) => (Number.isFinite(value) ? (view.own.colour === "log" ? Math.log10(value) : value) : null)));
      return {
        traces: [
          {
            type: "heatmap",
            x: ratios.map((ratio) => ratio.toPrecision(3)),
            y: l2s.map(String),
            z,
            meta: { kind: "plane" },
            colorscale: "Viridis",
            colorbar: { title: { text: `${view.own.colour === "log" ? "log10 " : ""}${QUANTITIES[view.own.quantity]}`, side: "right" }, thickness: 14 },
            text: cells.map((row, l2) => row.map((one, width) => `width ${widths[width]}, λ = ${l2s[l2]}<br>${number(means[l2][width])}, ${one.kept.length} of ${one.kept.length + one.lost.length} replicas`)),
            hovertemplate: "%{text}<extra></extra>",
          },
        ],
        layout: {},
      };
    },
  },
  width_line: {
    title: "Loss against width",
    about: "Crosses are replicas that diverged, at their last finite weights.",
    uses: ["average"],
    chips: "l2s",
    own: planeSettings,
    x: [LINEAR, "N/P_D"],
    y: [LOG, (view) => QUANTITIES[view.own.quantity]],
    draw: (view) => ({
      traces: lossLines(view, view.run.widths, (i) => `λ = ${view.run.l2s[i]}`, (k) => view.run.ratios[k], (i, k) => cell(view, k, i)),
      layout: view.run.paper.ratio ? paperLine(view, view.run.paper.ratio, "N*/P_D, paper") : {},
    }),
  },
  l2_line: {
    title: "Loss against l2",
    about: "Crosses are replicas that diverged, at their last finite weights.",
    uses: ["average"],
    chips: "widths",
    own: planeSettings,
    x: [LINEAR, "λ"],
    y: [LINEAR, (view) => QUANTITIES[view.own.quantity]],
    draw: (view) => ({
      traces: lossLines(view, view.run.l2s, (i) => `width ${view.run.widths[i]}`, (k) => view.run.l2s[k], (i, k) => cell(view, i, k)),
      layout: paperLine(view, view.run.paper.l2, "λ*, paper"),
    }),
  },
};

// One column of points a group, with what the authors' scripts find behind them.
function columns(view, valuesOf, textOf, kind) {
  return view.shown().map((i) => {
    const group = view.run.groups[i];
    const values = valuesOf(group);
    const { color, symbol } = view.look(i);
    return {
      x: values.map(() => group.label),
      y: values,
      name: group.label,
      meta: { kind, condition: i },
      mode: "markers",
      marker: { color, symbol, size: 8, opacity: 0.75 },
      text: values.map((_, k) => textOf(group, k)),
      hovertemplate: "%{fullData.name}, %{text}: %{y:.5~g}<extra></extra>",
    };
  });
}
const scriptsBand = (view, [low, high]) => ({
  shapes: [{ type: "rect", xref: "paper", x0: 0, x1: 1, y0: low, y1: high, fillcolor: withAlpha(view.theme.muted, 0.25), line: { width: 0 } }],
  annotations: [{ xref: "paper", x: 1, xanchor: "right", y: view.log("y") ? Math.log10(high) : high, yanchor: "bottom", text: "authors' scripts at λ = 0.01", showarrow: false, font: { color: view.theme.muted, size: 11 } }],
});

function pairName(group, k) {
  let left = k;
  for (let first = 0; first < group.origins.length; first++) {
    const others = group.origins.length - first - 1;
    if (left < others) return `origins ${group.origins[first]} and ${group.origins[first + 1 + left]}`;
    left -= others;
  }
  return "";
}

const MINIMA = {
  weights: {
    title: "Distribution of weights",
    about: "All replicas together.",
    uses: ["groups"],
    x: [LINEAR, "w"],
    y: [LOG, "density"],
    legend: "",
    draw: (view) => ({
      traces: view.shown().map((i) => {
        const group = view.run.groups[i];
        return {
          x: group.weights.at,
          y: group.weights.density,
          name: group.label,
          meta: { kind: "density", condition: i },
          mode: "lines",
          line: { color: view.look(i).color, shape: "hvh", width: 2 },
          hovertemplate: "%{fullData.name}<br>w = %{x:.3~g}, density %{y:.3~g}<extra></extra>",
        };
      }),
      layout: {},
    }),
  },
  minima_losses: {
    title: "Data loss of each minimum",
    about: "One point a replica.",
    uses: ["groups"],
    x: ["category", "λ"],
    y: [LINEAR, "data loss"],
    draw: (view) => ({
      traces: columns(view, (group) => group.losses, (group, k) => `origin ${group.origins[k]}`, "losses"),
      layout: scriptsBand(view, view.run.scripts.losses),
    }),
  },
  distances: {
    title: "Distances between minima",
    about: "One point a pair of replicas: |W − W′|.",
    uses: ["groups"],
    x: ["category", "λ"],
    y: [LINEAR, "|W − W′|"],
    draw: (view) => ({
      traces: columns(view, (group) => group.distances, pairName, "distances"),
      layout: scriptsBand(view, view.run.scripts.distances),
    }),
  },
  spectrum: {
    title: "Ends of the Hessian's spectrum",
    about: "The smallest and the largest eigenvalues at each minimum. A negative one says that the place is no minimum.",
    uses: ["groups"],
    x: ["category", "λ"],
    y: [LINEAR, "eigenvalue"],
    own: { end: { label: "End", values: { both: "both", smallest: "smallest", largest: "largest" } } },
    draw: (view) => ({
      traces: ["smallest", "largest"]
        .filter((end) => view.own.end === "both" || view.own.end === end)
        .flatMap((end) => columns(view, (group) => group[end], () => end, end)),
      layout: {},
    }),
  },
};
