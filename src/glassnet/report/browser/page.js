// The page: which part is shown, the table of claims, commands to copy, and the theme.

const reports = new Map();

function report(section) {
  const host = section.querySelector(".figures");
  if (host && !reports.has(section.id)) {
    const made = new RunReport(host);
    reports.set(section.id, made);
    made.paint();
    made.sayChi?.();
  }
}

function show() {
  const views = [...document.querySelectorAll(".view")];
  const wanted = views.find((view) => `#${view.id}` === location.hash) ?? views[0];
  for (const view of views) view.hidden = view !== wanted;
  for (const link of document.querySelectorAll("#contents a")) {
    const isHere = link.hash === `#${wanted.id}`;
    link.toggleAttribute("data-here", isHere);
    isHere ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
  report(wanted);
  scrollTo(0, 0);
}

function repaint() {
  for (const one of reports.values()) {
    one.paint();
    if (one.figures) one.changed();
  }
}

function chooseTheme() {
  const select = document.getElementById("theme");
  select.addEventListener("change", () => {
    if (select.value === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = select.value;
    repaint();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
}

function filterClaims() {
  const rows = [...document.querySelectorAll("#claims-table tbody tr")];
  const words = document.getElementById("claims-words");
  const boxes = [...document.querySelectorAll('input[name="seen"], input[name="reading"]')];
  const filter = () => {
    const off = boxes.filter((box) => !box.checked);
    const wanted = words.value.trim().toLowerCase();
    for (const row of rows) row.hidden = off.some((box) => row.dataset[box.name] === box.value) || !row.textContent.toLowerCase().includes(wanted);
    document.getElementById("claims-count").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} claims`;
  };
  for (const input of [words, ...boxes]) input.addEventListener("input", filter);
  filter();
}

function sortClaims() {
  const body = document.querySelector("#claims-table tbody");
  const heads = [...document.querySelectorAll("#claims-table th")];
  const keyOf = (row, column) => row.cells[column].dataset.key ?? row.cells[column].textContent;
  const compare = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === ""); // what has no number comes last
    return Number.isNaN(Number(a)) || Number.isNaN(Number(b)) ? a.localeCompare(b) : a - b;
  };
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const isUp = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", isUp ? "ascending" : "descending");
      const rows = [...body.rows].sort((a, b) => {
        const [first, second] = [keyOf(a, column), keyOf(b, column)];
        const isMissing = first === "" || second === "";
        return (isUp || isMissing ? 1 : -1) * compare(first, second);
      });
      body.append(...rows);
    });
  });
}

function copyCommands() {
  for (const button of document.querySelectorAll("button.copy")) {
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        // Where a page may not write to the clipboard, the text is selected for the reader to copy.
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
  }
}

chooseTheme();
filterClaims();
sortClaims();
copyCommands();
addEventListener("hashchange", show);
show();
// While claims are read, the library gets ready for the first figure.
setTimeout(loadLibrary, 500);
