// What all figures have in common: their frame and settings, colours and themes, and when they are drawn.

const SYMBOLS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "pentagon", "star"];

// Stops of the colour map "plasma".
const PLASMA = ["#0d0887", "#41049d", "#6a00a8", "#8f0da4", "#b12a90", "#cc4778", "#e16462", "#f2844b", "#fca636", "#fcce25", "#f0f921"];

const channels = (hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));

function plasma(place) {
  const at = Math.min(Math.max(place, 0), 1) * (PLASMA.length - 1);
  const k = Math.min(Math.floor(at), PLASMA.length - 2);
  const [low, high] = [channels(PLASMA[k]), channels(PLASMA[k + 1])];
  return `rgb(${low.map((value, c) => Math.round(value + (at - k) * (high[c] - value))).join(", ")})`;
}

function withAlpha(color, alpha) {
  const [r, g, b] = color.startsWith("#") ? channels(color) : color.match(/\d+/g);
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function currentTheme() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  // The ends of the map that the page's colour would swallow are left out.
  return { ink: of("ink"), muted: of("muted"), grid: of("grid"), card: of("card"), paper: of("paper"), range: isDark() ? [0.38, 1] : [0.03, 0.8] };
}

// Colours by rank from cold to hot; T = 0 in ink, dash-dotted. Neighbours differ by symbol too.
function lookOf(conditions, i, theme) {
  const isZero = conditions[i].temperature === 0 && conditions.some((one) => one.temperature > 0) && conditions.filter((one) => one.temperature === 0).length === 1;
  if (isZero) return { color: theme.ink, dash: "dashdot", symbol: "x" };
  const others = conditions.map((_, k) => k).filter((k) => conditions[k].temperature !== 0 || conditions.filter((one) => one.temperature === 0).length > 1);
  const rank = others.length - 1 - others.indexOf(i);
  return { color: spaced(rank, others.length, theme), dash: "solid", symbol: SYMBOLS[rank % SYMBOLS.length] };
}

function spaced(rank, total, theme) {
  const [low, high] = theme.range;
  return plasma(total > 1 ? low + ((high - low) * rank) / (total - 1) : (low + high) / 2);
}

let library;

// The drawing library is part of the page; it is unpacked when the first figure comes into view.
function loadLibrary() {
  library ??= inflated("plotly").then((buffer) => {
    const script = document.createElement("script");
    script.textContent = new TextDecoder().decode(buffer);
    document.head.append(script);
  });
  return library;
}

// One figure after the other, so that each is seen as soon as it is there and the page answers in between.
let queue = Promise.resolve();
const nextTask = () => new Promise((resolve) => setTimeout(resolve));

class Figure {
  constructor(report, name, spec) {
    Object.assign(this, { report, name, spec });
    this.own = {};
    this.scales = { x: spec.x[0], y: spec.y[0] };
    this.element = build(`
      <figure class="figure" id="${report.id}-${name}" aria-busy="true">
        <figcaption><h4></h4><p></p></figcaption>
        <div class="settings"></div>
        <div class="plot" role="img"></div>
        <p class="empty" role="status" hidden></p>
      </figure>`);
    this.element.querySelector("h4").textContent = spec.title;
    this.element.querySelector("p").textContent = spec.about;
    this.plot = this.element.querySelector(".plot");
    this.plot.setAttribute("aria-label", `${spec.title}. ${spec.about}`);
    this.addSettings(this.element.querySelector(".settings"));
    this.isSeen = false;
    this.isStale = true;
    new IntersectionObserver((entries) => {
      this.isSeen = entries.at(-1).isIntersecting;
      if (this.isSeen && this.isStale) this.changed();
    }, { rootMargin: "200px" }).observe(this.element);
  }

  addSettings(host) {
    for (const axis of ["x", "y"]) {
      if (this.scales[axis] === "category") continue;
      const box = build(`<label class="setting"><input type="checkbox" data-axis="${axis}"> log ${axis}</label>`);
      const input = box.querySelector("input");
      input.checked = this.scales[axis] === LOG;
      input.addEventListener("change", () => {
        this.scales[axis] = input.checked ? LOG : LINEAR;
        this.changed();
      });
      host.append(box);
    }
    for (const [name, setting] of Object.entries({ ...this.spec.own, ...this.report.ownSettings(this.name) })) {
      const { payload } = this.report;
      const values = typeof setting.values === "function" ? setting.values(payload) : setting.values;
      const known = setting.of ? setting.of(payload) : Object.keys(values).filter((value) => !setting.has || setting.has(payload, value));
      const select = selection(setting.label, known.map((value) => [value, values[value]]));
      select.querySelector("select").dataset.setting = name;
      this.own[name] = setting.first ?? (setting.last ? known.at(-1) : known[0]);
      select.querySelector("select").value = this.own[name];
      select.querySelector("select").addEventListener("change", (event) => {
        this.own[name] = event.target.value;
        this.changed();
      });
      if (known.length > 1) host.append(select);
    }
    if (this.spec.slider === "time") this.addTimes(host);
    const save = build('<button type="button" class="save">Save numbers (CSV)</button>');
    save.addEventListener("click", () => saveNumbers(this.plot, `${this.report.title}-${this.name}.csv`));
    host.append(save);
  }

  addTimes(host) {
    const times = this.times();
    const label = build(`<label class="setting wide">t = <output></output> <input type="range" min="0" step="1" data-setting="time" aria-label="Time in steps"></label>`);
    const [input, output] = [label.querySelector("input"), label.querySelector("output")];
    input.max = times.length - 1;
    const show = () => {
      output.textContent = `${times[this.own.time]} steps`;
      input.setAttribute("aria-valuetext", output.textContent);
    };
    this.own.time = times.length - 1;
    input.value = this.own.time;
    show();
    input.addEventListener("input", () => {
      this.own.time = Number(input.value);
      show();
      this.changed();
    });
    host.append(label);
  }

  times() {
    return [...new Set(this.report.payload.conditions.flatMap((condition) => condition.sparse))].sort((a, b) => a - b);
  }

  // Drawn again now where it is seen, and else when it comes into view.
  changed() {
    this.isStale = true;
    this.element.setAttribute("aria-busy", "true");
    if (!this.isSeen || this.isQueued) return;
    this.isQueued = true;
    queue = queue.then(nextTask).then(() => this.draw());
  }

  async draw() {
    this.isQueued = this.isStale = false;
    const [loaded] = await Promise.all([this.report.load([...(this.spec.needs ?? []), ...Object.keys(this.report.payload.statistics ?? {})]), loadLibrary()]);
    const theme = currentTheme();
    const { payload, choice } = this.report;
    const conditions = this.report.conditions(this.spec.chips);
    const view = {
      run: payload,
      loaded,
      choice,
      theme,
      own: this.own,
      log: (axis) => this.scales[axis] === LOG,
      shown: () => this.report.shown(this.spec.chips),
      look: (i) => lookOf(conditions, i, theme),
      scale: (rank, total) => spaced(rank, total, theme),
      times: () => this.times(),
    };
    const { traces, layout, range = {}, empty = "" } = this.spec.draw(view);
    const message = this.element.querySelector(".empty");
    message.textContent = empty || (traces.length ? "" : "Nothing is chosen, or nothing was recorded, that could be shown here.");
    message.hidden = !message.textContent;
    await Plotly.react(this.plot, traces, { ...this.frame(view, range), ...layout }, SETTINGS);
    this.element.dataset.drawn ??= Math.round(performance.now());
    if (!this.isStale) this.element.setAttribute("aria-busy", "false");
  }

  frame(view, range) {
    const { theme } = view;
    const axis = (which) => {
      const [, title] = this.spec[which];
      const type = this.scales[which];
      const limits = range[which] && { range: type === LOG ? range[which].map(Math.log10) : range[which] };
      return {
        type,
        title: { text: typeof title === "function" ? title(view) : title, standoff: 8 },
        gridcolor: theme.grid,
        linecolor: theme.muted,
        zeroline: false,
        ticks: "outside",
        tickcolor: theme.muted,
        exponentformat: "power",
        automargin: true,
        ...(type === LOG ? { nticks: which === "x" ? 7 : 5 } : {}),
        ...limits,
      };
    };
    const hasLegend = this.spec.legend !== undefined;
    return {
      height: 380,
      margin: { l: 60, r: 14, t: 14, b: 46 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 13, color: theme.ink },
      xaxis: axis("x"),
      yaxis: axis("y"),
      showlegend: hasLegend,
      legend: { orientation: "h", y: -0.22, yanchor: "top", x: 0, itemclick: false, itemdoubleclick: false, font: { size: 12 } },
      hovermode: "closest",
      hoverlabel: { bgcolor: theme.card, bordercolor: theme.muted, font: { color: theme.ink } },
      uirevision: `${this.scales.x} ${this.scales.y}`,
    };
  }
}

const SETTINGS = {
  responsive: true,
  displaylogo: false,
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  toImageButtonOptions: { format: "svg" },
};

// All that is drawn, a line a point.
function saveNumbers(plot, name) {
  const lines = ["series,kind,x,y"];
  for (const trace of plot.data ?? []) {
    if (trace.type === "heatmap" || trace.meta?.kind === "band") continue;
    trace.x.forEach((x, k) => lines.push([JSON.stringify(trace.name ?? ""), trace.meta?.kind ?? "", x, trace.y[k]].join(",")));
  }
  for (const map of (plot.data ?? []).filter((trace) => trace.type === "heatmap")) {
    map.z.forEach((row, j) => row.forEach((z, k) => lines.push([JSON.stringify(`y = ${map.y[j]}`), "z", map.x[k], z].join(","))));
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "text/csv" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

function build(markup) {
  const template = document.createElement("template");
  template.innerHTML = markup.trim();
  return template.content.firstElementChild;
}

function selection(label, options) {
  const element = build('<label class="setting"><span></span> <select></select></label>');
  element.querySelector("span").textContent = label;
  for (const [value, text] of options) element.querySelector("select").append(new Option(text, value));
  return element;
}
