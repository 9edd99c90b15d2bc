// The page: shows a group, and reacts to addresses, themes and printers.

const main = document.getElementById("board");

function overview(current) {
  if (board.groups.length < 2) return null;
  const line = (group, i) => {
    const best = group.best === undefined ? null : group.best;
    const words =
      best === null
        ? "no ranked row"
        : `${group.rows.name[best]} ${percent(headlineOf(group, best))}`;
    return h(
      "li",
      {},
      h(
        "a",
        { href: `#g${i}`, "aria-current": group === current ? "page" : null },
        h("span", { class: "of" }, group.title),
        h(
          "span",
          {},
          `${group.benchmark}, data ${group.fingerprint.slice(0, 8)}`,
        ),
        h("span", { class: "count" }, plural(group.size, "row")),
        h("span", { class: "first" }, words),
      ),
    );
  };
  return h(
    "nav",
    { class: "groups", "aria-label": "Groups" },
    h("p", { class: "note" }, "Scored on different frames, so never ranked against each other:"),
    h("ul", {}, board.groups.map(line)),
  );
}

function headingOf(group) {
  const counts = [
    group.frames === null ? null : plural(group.frames, "face"),
    group.people ? plural(group.people, "person").replace("persons", "people") : null,
    group.partial ? "not all of the release" : null,
    group.benchmark,
    `data ${group.fingerprint.slice(0, 12)}`,
    board.made,
  ];
  return h(
    "div",
    { class: "heading" },
    h("h2", {}, group.title),
    h("p", { class: "note" }, counts.filter(Boolean).join(" · ")),
    group.meaning ? h("p", { class: "meaning" }, `Split ${group.protocol}: ${group.meaning}.`) : null,
    group.notes.length
      ? h(
          "ul",
          { class: "notes" },
          group.notes.map((note) => h("li", {}, note)),
        )
      : null,
  );
}

function legendOf(group, act) {
  const chips = [...group.picked]
    .sort(([a], [b]) => a - b)
    .map(([row, slot]) => {
      const take = h(
        "button",
        { type: "button", "aria-label": `Take ${label(group, row)} out of the charts` },
        "×",
      );
      take.addEventListener("click", () => {
        pick(group, row, false);
        act();
      });
      const light = (on) => () => {
        main.classList.toggle("lit", on);
        for (const each of main.querySelectorAll("[data-slot]")) {
          each.classList.toggle("bright", on && each.dataset.slot === String(slot));
        }
      };
      return h(
        "li",
        {
          onpointerenter: light(true),
          onpointerleave: light(false),
          onfocusin: light(true),
          onfocusout: light(false),
        },
        swatch(slot),
        h("span", {}, label(group, row)),
        take,
      );
    });
  return [
    h("p", { class: "note" }, `Drawn: the rows ticked in the table, ${MOST_PICKED} at most.`),
    h("ul", {}, chips),
  ];
}

let current = null;

function showGroup(group) {
  if (current?.group === group) return;
  const legend = h("div", { class: "legend" });
  const { figures, draw } = chartsOf(group);
  const refresh = () => {
    legend.replaceChildren(
      ...legendOf(group, () => {
        table.render();
        refresh();
      }),
    );
    draw();
  };
  const table = tableOf(group, refresh);
  main.replaceChildren(
    ...[
      overview(group),
      headingOf(group),
      table.element,
      h(
        "section",
        { class: "charts", "aria-label": "Charts" },
        h("h2", {}, "Charts"),
        legend,
        figures,
      ),
      galleryOf(group),
      h(
        "section",
        { class: "cite", "aria-label": "How to cite" },
        h("h2", {}, "How to cite"),
        h("pre", {}, group.cite),
      ),
      h(
        "footer",
        { class: "note" },
        `Made by ${board.version} on ${board.made} from ${plural(board.runs, "run")}.`,
      ),
    ].filter(Boolean),
  );
  current = { group, table, draw };
  refresh();
}

const largest = () => board.groups.reduce((most, group) => (group.size > most.size ? group : most));

/** `#g1` is the second group, `#g1r7` the card of its eighth row. */
function route() {
  const [, g, r] = /^#g(\d+)(?:r(\d+))?$/.exec(location.hash) || [];
  const named = board.groups[g] || (location.hash && current?.group);
  const group = named || largest();
  showGroup(group);
  if (r !== undefined && Number(r) < group.size) openCard(group, Number(r));
  else if (dialog.open) dialog.close();
}

function themes() {
  const button = document.getElementById("theme");
  const choices = ["automatic", "light", "dark"];
  let at = 0;
  button.hidden = false;
  button.addEventListener("click", () => {
    at = (at + 1) % choices.length;
    button.textContent = `Theme: ${choices[at]}`;
    if (at) document.documentElement.dataset.theme = choices[at];
    else delete document.documentElement.dataset.theme;
  });
}

dialog.addEventListener("close", () => {
  const closed = location.hash.replace(/r\d+$/, "");
  if (closed !== location.hash) location.hash = closed;
});
addEventListener("hashchange", route);
addEventListener(
  "resize",
  later(() => current.draw(), 150),
);
// on paper there are no pages of rows to turn, and three charts are side by side
addEventListener("beforeprint", () => {
  current.table.render(Math.max(PRINTED_AT_LEAST, pageSize));
  current.draw(430);
});
addEventListener("afterprint", () => {
  current.table.render();
  current.draw();
});
themes();
route();
