// The card of a row: everything in its records, in a dialog that has an address of its own.

const dialog = document.getElementById("card");

const UNKNOWN = "not in the record";

function pairs(entries) {
  return h(
    "dl",
    {},
    entries.map(([key, value, own]) =>
      h("div", { class: own ? "own" : null }, h("dt", {}, name(key)), h("dd", {}, String(value))),
    ),
  );
}

function part(title, ...children) {
  return h("section", {}, h("h3", {}, title), children);
}

function licences(group, row) {
  const at = (section, key) => fact(group, row, section, key);
  const weights = at("model", "weights");
  const none = weights === "none" ? "trained from random weights" : UNKNOWN;
  return pairs([
    ["code", at("model", "license") ?? UNKNOWN],
    ["weights", weights ?? UNKNOWN],
    ["weights' licence", at("model", "weights_license") ?? none],
    ["data", `${group.dataset} ${group.release}${group.partial ? ", partial" : ""}`],
    ["data's licence", at("data", "license") ?? UNKNOWN],
  ]);
}

function runsTable(arrays) {
  const runs = arrays.map((run) => Object.fromEntries(board.run.map((key, i) => [key, run[i]])));
  const columns = [
    ["run", (r) => r.run],
    ["seed", (r) => r.seed ?? MISSING],
    ["fold", (r) => r.fold ?? MISSING],
    ["NME", (r) => percent(r.nme_ioc)],
    ["pupil", (r) => percent(r.nme_pupil)],
    ["box", (r) => percent(r.nme_box)],
    ["diagonal", (r) => percent(r.nme_diag)],
    ["loss", (r) => number(r.loss)],
    ["> 8%", (r) => percent(r.fr_08)],
    ["> 10%", (r) => percent(r.fr_10)],
    ["AUC 8%", (r) => percent(r.auc_08)],
    ["AUC 10%", (r) => percent(r.auc_10)],
    ["seen", (r) => percent(r.nme_seen)],
    ["hidden", (r) => percent(r.nme_hidden)],
    ["hidden AP", (r) => percent(r.hidden_ap)],
    ["hidden F1", (r) => percent(r.hidden_f1)],
    ["faces", (r) => number(r.n)],
    ["people", (r) => number(r.people)],
    ["found", (r) => percent(r.coverage, 1)],
    ["epoch", (r) => (r.best_epoch === null ? MISSING : `${r.best_epoch} of ${number(r.epochs)}`)],
    ["training s", (r) => number(r.train_seconds)],
    ["predictions", (r) => r.predictions || MISSING],
  ];
  const shown = columns.filter(([, value]) => runs.some((run) => value(run) !== MISSING));
  const head = shown.map(([title]) => h("th", { scope: "col" }, title));
  const line = (run) =>
    shown.map(([title, value]) =>
      title === "run" ? h("th", { scope: "row" }, value(run)) : h("td", {}, value(run)),
    );
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table of runs" },
    h(
      "table",
      { class: "small" },
      h("thead", {}, h("tr", {}, head)),
      h(
        "tbody",
        {},
        runs.map((run) => h("tr", {}, line(run))),
      ),
    ),
  );
}

function commandOf(text) {
  if (!text) return h("p", { class: "lack" }, "These records do not say how to train them again.");
  // a line may break between words, but not at the dashes of a flag
  const words = text
    .split(" ")
    .flatMap((word, i) => [i ? " " : "", h("span", { class: "word" }, word)]);
  const code = h("code", {}, words);
  const copy = h("button", { type: "button" }, "Copy");
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      copy.textContent = "Copied";
    } catch {
      // no clipboard: select the text, so that the usual keys copy it
      getSelection().selectAllChildren(code);
    }
  });
  return h("div", { class: "command" }, h("pre", { tabindex: 0 }, code), copy);
}

function openCard(group, row) {
  const own = details(group, row);
  const rows = group.rows;
  const range =
    rows.low[row] === null || rows.high[row] === null
      ? ""
      : ` [${percent(rows.low[row])}, ${percent(rows.high[row])}]`;
  const section = (key) => facts(group, row, key);
  const config = section("config").sort((a, b) => b[2] - a[2]);
  const bench = section("bench");
  const close = h("button", { type: "button", class: "close" }, "Close");
  close.addEventListener("click", () => dialog.close());
  dialog.replaceChildren(
    h(
      "div",
      { class: "head" },
      h("h2", { id: "card-title" }, name(rows.name[row])),
      badges(group, row),
      close,
    ),
    h("p", { class: "note" }, name(group.detail[row])),
    pairs([
      [`NME on ${group.split}`, percent(headlineOf(group, row)) + range],
      ...group.columns
        .filter(({ key }) => key !== group.headline && rows[key][row] !== null)
        .map((column) => [column.title, cellOf(group, column, row).textContent]),
    ]),
    part("Train it again", commandOf(own.command)),
    part("Data, weights and licences", licences(group, row)),
    part(
      "Plugins",
      h(
        "ul",
        {},
        own.plugins.map((text) => h("li", {}, text)),
      ),
    ),
    part("Runs", runsTable(own.runs)),
    own.subsets?.length
      ? part(
          "Subsets",
          pairs(own.subsets.map(([name, n, nme]) => [name, `${percent(nme)} of ${number(n)} faces`])),
        )
      : "",
    part(
      "Configuration",
      h("p", { class: "note" }, `Hash ${own.hash}. Marked: not as in most rows of this group.`),
      pairs(config),
    ),
    part("Environment", pairs(section("environment"))),
    part("Data set", pairs(section("data"))),
    part("Model", pairs(section("model"))),
    part(
      "Cost, as `zoo bench` measures it",
      bench.length
        ? pairs(bench)
        : h("p", { class: "lack" }, "Not measured: `zoo bench RUN` does."),
    ),
  );
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

dialog.addEventListener("click", (event) => {
  // the backdrop is the dialog itself; its content is not
  if (event.target === dialog) dialog.close();
});
