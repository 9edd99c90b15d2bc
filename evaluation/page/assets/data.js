// The data of the page, and the reader's choices.

const board = JSON.parse(document.getElementById("data").textContent);

/** Most rows in one chart: eight colours, each with two kinds of line and mark. */
const MOST_PICKED = 16;
const PICKED_AT_FIRST = 8;

const SIGNS = {
  tied: {
    word: "tied",
    help: "Neither mean error nor failures tell it from the best row: on other people the order may turn round",
    filter: "Best and tied",
  },
  pareto: {
    word: "Pareto",
    help: "No other row is both cheaper in GMACs and more accurate",
    filter: "On the Pareto front",
  },
  external: {
    word: "external",
    help: "Points of a program outside the zoo, imported",
    filter: "External",
  },
  unlearned: {
    word: "not learned",
    help: "Not below the interval of the baseline, the mean shape: never ranked",
    filter: "Not learned",
  },
};

const blocks = new Map();

/** The details of a row. Its block of rows is parsed when it is first needed. */
function details(group, row) {
  const id = `rows-${board.groups.indexOf(group)}-${Math.floor(row / board.block)}`;
  if (!blocks.has(id)) {
    const parsed = JSON.parse(document.getElementById(id).textContent);
    for (const { learning } of parsed) learning.forEach(unpackCurves);
    blocks.set(id, parsed);
  }
  return blocks.get(id)[row % board.block];
}

/** Each measure of a learning curve is packed as [exponent, integers], or is null. */
function unpackCurves(curve) {
  for (const measure of ["val_nme", "val_loss", "train_loss"]) {
    const [exponent, digits] = curve[measure] || [0, curve.epoch.map(() => null)];
    curve[measure] = digits.map((d) => (d === null ? null : d * 10 ** exponent));
  }
}

for (const group of board.groups) {
  group.size = group.rows.name.length;
  const known = [...Array(group.size).keys()].filter(
    (row) => headlineOf(group, row) !== null && !group.rows.unlearned[row],
  );
  group.best = known.reduce(
    (best, row) => (headlineOf(group, row) < headlineOf(group, best) ? row : best),
    known[0],
  );
  group.percent = group.headline === "nme_ioc" ? "of the eye corners' distance" : "of the face box";
  const sorted = group.columns.find(({ key }) => key === group.sorted);
  group.sort = { key: group.sorted, down: sorted ? !sorted.lower : false };
  group.filter = { text: "", choices: {}, marks: new Set() };
  group.page = 0;
  // row -> slot: its colour, dash and mark, which it keeps as long as it is drawn
  group.picked = new Map();
  for (let row = 0; row < Math.min(PICKED_AT_FIRST, group.size); row++) group.picked.set(row, row);
}

function pick(group, row, picked) {
  if (!picked) return group.picked.delete(row);
  const taken = new Set(group.picked.values());
  for (let slot = 0; slot < MOST_PICKED; slot++) {
    if (!taken.has(slot)) return group.picked.set(row, slot);
  }
  return false;
}

/** The badges of a row: [kind, word, meaning]. The only row of a group is compared with nothing but
 * the baseline. */
function signs(group, row) {
  return Object.entries(SIGNS)
    .filter(([sign]) => (group.size > 1 || sign === "unlearned") && group.rows[sign][row])
    .map(([sign, { word, help }]) =>
      sign === "tied" && row === group.best
        ? [sign, "best", "The lowest error of this group"]
        : [sign, word, help],
    );
}

function label(group, row) {
  const detail = group.detail[row];
  return detail ? `${group.rows.name[row]}, ${detail}` : group.rows.name[row];
}

function headlineOf(group, row) {
  return group.rows[group.headline][row];
}

/** A section of a row, complete: [key, value, whether it differs from most rows of the group]. */
function facts(group, row, section) {
  const own = details(group, row).own[section];
  const keys = [...new Set([...Object.keys(group.common[section]), ...Object.keys(own)])];
  return keys
    .map((key) => [key, key in own ? own[key] : group.common[section][key], key in own])
    .filter(([, value]) => value !== null);
}

function fact(group, row, section, key) {
  const found = facts(group, row, section).find(([name]) => name === key);
  return found ? found[1] : null;
}
