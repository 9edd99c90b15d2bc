// The figures of a group: its charts, their choices, and their values as tables.

const CHARTS = [
  {
    title: "Cumulative error",
    note: "Higher and further left is better. The area up to 8% is the AUC.",
    draw: cumulative,
    absent: "no record of this group holds one; `zoo evaluate RUN` adds it.",
    has: (group) => group.step !== null,
  },
  {
    title: "Error against cost",
    note: "Down and left is better. The line joins the rows that none beats in both.",
    draw: cost,
    choice: (group) => ["cost", "Cost", costs(group).map((key) => [key, COSTS[key].title])],
    absent: "no record of this group says what its model costs.",
    has: (group) => costs(group).length > 0,
  },
  {
    title: "Error by part of the face",
    tall: true,
    note: "Mean error of the points of each part.",
    draw: regions,
    absent: "no record of this group holds them; `zoo evaluate RUN` adds them.",
    has: (group) => group.regions.length > 0,
  },
  {
    title: "Error by head pose",
    note: "Faces by where the labelled nose lies between the eye corners; left is the picture's left.",
    draw: pose,
    absent: "no record of this group holds them; `zoo evaluate RUN` adds them.",
    has: (group) => group.pose.length > 0,
  },
  {
    title: "Learning curves",
    note: "After each epoch. A row's further seeds are drawn thin.",
    draw: learning,
    choice: () => ["measure", "Measure", Object.entries(MEASURES).map(([k, m]) => [k, m.title])],
    absent: "no record of this group holds its training history; `zoo evaluate RUN` adds it.",
    has: (group) => group.rows.name.some((_, row) => details(group, row).learning.length > 0),
  },
];

/** The figures of a group, and a function that draws them again after a change. */
function chartsOf(group) {
  group.cost ||= costs(group)[0];
  group.measure ||= "val_nme";
  const all = CHARTS.filter(({ has }) => has(group)).map((chart) => figureOf(group, chart));
  const absent = CHARTS.filter(({ has }) => !has(group));
  const draw = (width) => {
    const rows = [...group.picked]
      .sort(([a], [b]) => a - b)
      .map(([row, slot]) => ({ row, slot, name: label(group, row), detail: details(group, row) }));
    for (const { redraw } of all) redraw(rows, width);
  };
  const wall = h(
    "div",
    { class: "wall" },
    all.map(({ figure }) => figure),
  );
  const lines = absent.map((chart) => h("li", {}, `${chart.title}: ${chart.absent}`));
  return { figures: [wall, lines.length ? h("ul", { class: "lack" }, lines) : null], draw };
}

function figureOf(group, chart) {
  const title = h("h3", {}, chart.title);
  const plot = h("div", { class: "plot" });
  const lack = h("p", { class: "lack" });
  const table = h("div", {
    class: "scroll",
    tabindex: 0,
    role: "group",
    "aria-label": `Figures: ${chart.title}`,
  });
  const words = h("details", {}, h("summary", {}, "Figures"), table);
  let latest = [];
  const redraw = (rows, width = plot.clientWidth) => {
    latest = rows;
    const drawn = chart.draw(group, rows, Math.max(260, width));
    const what = drawn.probes.length ? "the arrow keys read the values" : "nothing to draw";
    for (const [name, value] of [
      ["tabindex", 0],
      ["role", "group"],
      ["aria-label", `${chart.title}: ${what}`],
    ]) {
      plot.setAttribute(name, value);
    }
    plot.replaceChildren(drawn.svg);
    probing(plot, drawn.svg, drawn.probes, drawn.box);
    table.replaceChildren(figuresTable(drawn));
    const lacking = drawn.lacking.map(({ name }) => name);
    lack.textContent = lacking.length
      ? `Not in the records of: ${lacking.slice(0, 4).join("; ")}${lacking.length > 4 ? ` and ${lacking.length - 4} more` : ""}`
      : "";
  };
  const picker = chart.choice && chooser(group, chart.choice(group), () => redraw(latest));
  const figure = h(
    "figure",
    { class: chart.tall ? "chart tall" : "chart" },
    h("div", { class: "caption" }, title, picker),
    h("p", { class: "note" }, chart.note),
    plot,
    lack,
    words,
  );
  return { figure, redraw };
}

function chooser(group, [key, title, choices], act) {
  const select = h(
    "select",
    {
      onchange: () => {
        group[key] = select.value;
        act();
      },
    },
    choices.map(([value, text]) => h("option", { value, selected: group[key] === value }, text)),
  );
  return h("label", { class: "choice" }, h("span", { class: "unseen" }, title), select);
}

function figuresTable({ head, lines }) {
  return h(
    "table",
    { class: "small" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        head.map((text) => h("th", { scope: "col" }, text)),
      ),
    ),
    h(
      "tbody",
      {},
      lines.map(([first, ...rest]) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, name(String(first))),
          rest.map((text) => h("td", {}, text)),
        ),
      ),
    ),
  );
}
