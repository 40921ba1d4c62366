// A run's part of the page: what the reader chooses for all of its figures, and the figures.

const KINDS = { curves: CURVES, plane: PLANE, minima: MINIMA };

// In figures against time of runs whose time may be counted in more ways than one.
const CLOCK = { clock: { label: "Time in", values: { steps: "steps", scaled: "learning rate × steps" } } };
const EPOCHS = { epochs: { label: "Times", values: { whole: "whole epochs", all: "all" } } };

class RunReport {
  constructor(host) {
    this.host = host;
    this.id = `run-${host.dataset.run}`;
    this.title = document.getElementById(`${this.id}-title`).textContent;
    this.payload = JSON.parse(document.getElementById(`${this.id}-data`).textContent);
    const { shown = {}, conditions = [] } = this.payload;
    this.choice = {
      on: { all: new Set(this.conditions().keys()) },
      chi: shown.chi,
      layer: 0,
      wait: shown.wait ?? 0,
      average: true,
      prediction: conditions.some((one) => one.predictions.free) ? "free" : "none",
      null: true,
      single: shown.condition ?? 0,
    };
    this.loading = new Map();
    const specs = this.payload.figures.map((name) => [name, KINDS[this.payload.kind][name]]);
    if (!specs.length) return;
    this.controls = build('<form class="controls" aria-label="What the figures show"></form>');
    this.controls.addEventListener("submit", (event) => event.preventDefault());
    this.uses = new Set(specs.flatMap(([, spec]) => [...spec.uses, ...(spec.chips ? [spec.chips] : [])]));
    this.figures = specs.map(([name, spec]) => new Figure(this, name, spec));
    this.addControls();
    const grid = build('<div class="grid"></div>');
    grid.append(...this.figures.map((figure) => figure.element));
    const list = build('<ul class="figures-list" aria-label="Figures"></ul>');
    for (const figure of this.figures) {
      const entry = build('<li><button type="button"></button></li>');
      entry.firstElementChild.textContent = figure.spec.title;
      entry.firstElementChild.addEventListener("click", () => figure.element.scrollIntoView({ behavior: "auto", block: "start" }));
      list.append(entry);
    }
    host.append(list, this.controls, grid);
  }

  // What chips stand for: conditions of records, groups of minima, or one axis of a plane.
  conditions(axis) {
    const { kind, conditions, groups, l2s, widths } = this.payload;
    if (kind === "curves") return conditions;
    if (kind === "minima") return groups;
    if (axis === "l2s") return l2s.map((l2) => ({ label: `λ = ${l2}` }));
    if (axis === "widths") return widths.map((width) => ({ label: `width ${width}` }));
    return [];
  }

  chosen(axis = "all") {
    this.choice.on[axis] ??= new Set(this.conditions(axis).keys());
    return this.choice.on[axis];
  }

  shown(axis) {
    return [...this.conditions(axis).keys()].filter((i) => this.chosen(axis).has(i));
  }

  // Arrays by name, one object a condition.
  async load(names) {
    const { conditions = [] } = this.payload;
    return Promise.all(
      conditions.map(async (condition) => {
        const references = { ...condition.arrays, ...condition.predictions };
        const there = names.filter((name) => references[name]);
        const arrays = await Promise.all(there.map((name) => readArray(references[name])));
        return Object.fromEntries(there.map((name, k) => [name, arrays[k]]));
      }),
    );
  }

  // Settings that a figure has in this run only.
  ownSettings(name) {
    const { kind, conditions, shown, figures } = this.payload;
    if (kind !== "curves") return {};
    if (name === "history") {
      const has = (payload, value) => payload.conditions.some((condition) => condition.arrays[value]);
      const values = { ...CURVES.history.own.quantity.values, ...this.payload.statistics };
      return { quantity: { ...CURVES.history.own.quantity, values, has } };
    }
    if (!["msd", "overlap", "alpha"].includes(name) || figures.includes("tau")) return {};
    const hasRates = new Set(conditions.map((condition) => condition.rate)).size > 1;
    const hasEpochs = conditions.some((condition) => condition.epoch > 1);
    return {
      ...(hasRates ? { clock: { ...CLOCK.clock, first: shown.clock } } : {}),
      ...(hasEpochs && name !== "overlap" ? EPOCHS : {}),
    };
  }

  changed() {
    for (const figure of this.figures) figure.changed();
  }

  set(name, value) {
    this.choice[name] = value;
    this.changed();
  }

  addControls() {
    const { vary, conditions = [] } = this.payload;
    if (this.uses.has("conditions")) this.addChips(vary);
    if (this.uses.has("groups")) this.addChips("λ");
    if (this.uses.has("l2s")) this.addChips("λ, against width", "l2s");
    if (this.uses.has("widths")) this.addChips("Width, against l2", "widths");
    if (this.uses.has("chi")) this.addChi();
    const row = build('<div class="row"></div>');
    this.controls.append(row);
    const most = conditions.reduce((one, other) => (other.waits.length > one.waits.length ? other : one), { waits: [] });
    if (this.uses.has("wait") && most.waits.length > 1) {
      const shared = conditions.every((condition) => condition.waits.every((wait, k) => wait === most.waits[k]));
      const texts = most.waits.map((wait, k) => [k, shared ? `${wait} steps` : `reference ${k + 1}`]);
      this.addSelect(row, "Waiting time t_w", "wait", texts, Number);
    }
    if (this.uses.has("layer") && conditions.some((condition) => condition.layers)) {
      const n = conditions[0].n_weights.length;
      const names = conditions[0].n_weights.map((weights, k) => [k + 1, `${conditions[0].layer_names[k]} (${weights} weights)`]);
      this.addSelect(row, "Layers", "layer", [[0, "whole network"], ...names], Number);
    }
    if (this.uses.has("average")) this.addAverage(row);
    const known = Object.keys(PREDICTIONS).filter((name) => conditions.some((condition) => condition.predictions[name]));
    if (this.uses.has("prediction") && known.length) {
      this.addSelect(row, "Dashed", "prediction", [...known.map((name) => [name, PREDICTIONS[name]]), ["none", "no prediction"]], String);
    }
    if (this.uses.has("null") && conditions.some((condition) => condition.predictions.null_msd)) this.addNull(row);
    if (this.uses.has("single")) {
      this.addSelect(row, "Ageing at", "single", conditions.map((condition, i) => [i, condition.label]), Number);
    }
  }

  addSelect(host, label, name, options, convert) {
    const element = selection(label, options);
    const select = element.querySelector("select");
    select.dataset.control = name;
    select.value = String(this.choice[name]);
    select.addEventListener("change", () => this.set(name, convert(select.value)));
    host.append(element);
  }

  addNull(host) {
    const element = build('<label class="setting"><input type="checkbox" data-control="null" checked> drift + diffusion (recorded χ, whole network)</label>');
    element.addEventListener("change", (event) => this.set("null", event.target.checked));
    host.append(element);
  }

  addAverage(host) {
    const element = build(`<fieldset class="setting"><legend class="hidden">Averages or replicas</legend>
      <label><input type="radio" name="${this.id}-average" value="average" checked> average</label>
      <label><input type="radio" name="${this.id}-average" value="replicas"> each replica</label></fieldset>`);
    element.addEventListener("change", (event) => this.set("average", event.target.value === "average"));
    host.append(element);
  }

  addChips(legend, axis = "all") {
    const field = build(`<fieldset class="chips" data-axis="${axis}"><legend></legend></fieldset>`);
    field.querySelector("legend").textContent = legend;
    const chosen = this.chosen(axis);
    const boxes = this.conditions(axis).map((condition, i) => {
      const chip = build('<label class="chip"><input type="checkbox" checked><span class="swatch" aria-hidden="true"></span><span class="name"></span></label>');
      const lost = (condition.lost_at ?? []).filter((step) => step >= 0).length;
      chip.querySelector(".name").textContent = condition.label + (lost ? ` (${lost} lost)` : "");
      const input = chip.querySelector("input");
      input.value = i;
      input.addEventListener("change", () => {
        chosen[input.checked ? "add" : "delete"](i);
        this.changed();
      });
      field.append(chip);
      return input;
    });
    for (const [text, wanted] of [["all", true], ["none", false]]) {
      const button = build(`<button type="button" class="plain">${text}</button>`);
      button.setAttribute("aria-label", `${legend}: ${text}`);
      button.addEventListener("click", () => {
        for (const input of boxes.filter((one) => one.checked !== wanted)) input.click();
      });
      field.append(button);
    }
    this.controls.append(field);
  }

  // Chips are the legend of the figures.
  paint() {
    if (!this.controls) return;
    const theme = currentTheme();
    for (const field of this.controls.querySelectorAll(".chips")) {
      const conditions = this.conditions(field.dataset.axis === "all" ? undefined : field.dataset.axis);
      field.querySelectorAll(".swatch").forEach((swatch, i) => {
        const look = lookOf(conditions, i, theme);
        swatch.style.background = look.dash === "dashdot" ? `repeating-linear-gradient(90deg, ${look.color} 0 6px, transparent 6px 9px, ${look.color} 9px 11px, transparent 11px 14px)` : look.color;
      });
    }
  }

  addChi() {
    const { conditions } = this.payload;
    const stored = [...new Set(conditions.flatMap((condition) => condition.chi))].sort((a, b) => a - b);
    const ends = stored.length ? [stored[0] / 5, stored.at(-1) * 5] : [10, 10000];
    const [low, high] = ends.map(Math.log10);
    const field = build(`<fieldset class="chi"><legend>Sensitivity χ: Q counts weights within ε = σ/χ</legend>
      <input type="range" min="${low}" max="${high}" step="${(high - low) / 400}" aria-label="chi, logarithmic" >
      <div class="ticks"></div><p class="said"><output></output></p><div class="stored"></div></fieldset>`);
    if (stored.length) field.querySelector(".stored").textContent = "Recorded:";
    const slider = field.querySelector("input");
    const marks = stored.map((chi) => {
      const place = build('<span class="tick" aria-hidden="true"></span>');
      place.style.left = `${(100 * (Math.log10(chi) - low)) / (high - low)}%`;
      field.querySelector(".ticks").append(place);
      const button = build('<button type="button" class="mark"></button>');
      button.textContent = `${chi}`;
      button.dataset.chi = chi;
      button.setAttribute("aria-label", `chi = ${chi}, recorded exactly`);
      button.addEventListener("click", () => choose(chi));
      field.querySelector(".stored").append(button);
      return button;
    });
    const width = conditions[0].edges;
    const percent = 100 * ((width.last / width.first) ** (1 / width.steps) - 1);
    const say = async () => {
      const { chi, wait } = this.choice;
      const isStored = conditions.some((condition) => storedChi(condition, chi) >= 0);
      let text = "recorded: exact, at every save time";
      if (!isStored) {
        const loaded = await this.load(["histogram"]);
        const there = conditions.some((condition, i) => loaded[i].histogram && wait < condition.waits.length && condition.origin.some((_, replica) => !Number.isNaN(loaded[i].histogram.at(0, replica, wait, 0, 0))));
        text = there ? `from histograms of |Δw|, bins ${percent.toFixed(0)} % wide, at the sparser save times` : "not recorded, and no histograms at this waiting time: choose a recorded χ";
      }
      if (chi !== this.choice.chi) return;
      field.querySelector("output").textContent = `χ = ${number(chi)}: ${text}`;
      slider.setAttribute("aria-valuetext", `chi = ${number(chi)}, ${text}`);
      for (const button of marks) button.setAttribute("aria-pressed", String(Math.abs(Number(button.dataset.chi) / chi - 1) < 1e-9));
    };
    const choose = (chi, moved = true) => {
      if (moved) slider.value = Math.log10(chi);
      this.set("chi", chi);
      say();
    };
    slider.value = Math.log10(this.choice.chi);
    slider.addEventListener("input", () => {
      const wanted = 10 ** Number(slider.value);
      const step = 10 ** Number(slider.step);
      // Within half a step of a recorded one it is that one.
      choose(stored.find((chi) => Math.abs(Math.log(chi / wanted)) <= Math.log(step) / 2) ?? wanted, false);
    });
    this.controls.addEventListener("change", (event) => event.target.dataset.control === "wait" && say());
    this.sayChi = say;
    this.controls.append(field);
  }
}
