// The table of a group: sorted by its headers, filtered, and divided into pages of rows.

const PAGE_SIZES = [50, 100, 500];
const PRINTED_AT_LEAST = 100;
let pageSize = PAGE_SIZES[0];

function cellOf(group, column, row, range) {
  const value = group.rows[column.key][row];
  if (column.kind === "interval") return headlineCell(group, value, row, range);
  const write = { percent, count, number, seconds, flag: yesNo, text: (v) => v ?? MISSING };
  return h("td", { class: column.kind }, write[column.kind](value));
}

function badges(group, row) {
  return signs(group, row).map(([sign, word, help]) =>
    h("span", { class: `badge ${sign}`, title: help }, word),
  );
}

function headlineCell(group, value, row, range) {
  const [low, high] = [group.rows.low[row], group.rows.high[row]];
  const cell = h("td", { class: "interval" }, h("b", {}, percent(value)));
  if (low === null || high === null || group.headline !== "nme_ioc") return cell;
  // logarithmic, so that the interval of a row at 5% is visible beside a row at 28%
  const [least, most] = range.map((v) => Math.log(Math.max(v, 1e-6)));
  const at = (v) =>
    (4 + (72 * (Math.log(Math.max(v, 1e-6)) - least)) / (most - least || 1)).toFixed(1);
  cell.append(
    h("small", {}, ` [${(100 * low).toFixed(1)}, ${(100 * high).toFixed(1)}]`),
    s(
      "svg",
      { class: "whisker", viewBox: "0 0 80 10", width: 80, height: 10, "aria-hidden": true },
      s("path", { d: `M${at(low)} 5H${at(high)}M${at(low)} 2v6M${at(high)} 2v6` }),
      s("circle", { cx: at(value), cy: 5, r: 2.6 }),
    ),
  );
  return cell;
}

function baselineCell(group, { key, kind }) {
  const value = group.baseline[key];
  if (value === undefined || value === null) return h("td", {}, "");
  const cell = h("td", { class: kind }, kind === "number" ? number(value) : percent(value));
  const [low, high] = [group.baseline[`${key}_low`], group.baseline[`${key}_high`]];
  if (kind === "interval" && low && high) {
    cell.append(h("small", {}, ` [${(100 * low).toFixed(1)}, ${(100 * high).toFixed(1)}]`));
  }
  return cell;
}

/** `act` draws the charts again; it is called after every change of rows or picks. */
function tableOf(group, act) {
  const shownColumns = (group.wanted ||= new Set(
    group.columns.filter(({ usual }) => usual).map(({ key }) => key),
  ));
  const status = h("p", { class: "status", role: "status" });
  const body = h("tbody");
  const headers = h("tr");
  const foot = h("tfoot");
  const pages = h("div", { class: "pages" });
  const columns = () => group.columns.filter(({ key }) => shownColumns.has(key));

  const headerOf = ({ key, title, help, kind, lower }) => {
    const sorted = group.sort.key === key;
    const direction = sorted ? (group.sort.down ? "descending" : "ascending") : null;
    const button = h(
      "button",
      {
        type: "button",
        title: help,
        "data-sort": key,
        onclick: () => {
          // the first press puts the best row on top, the next press reverses the order
          group.sort = { key, down: sorted ? !group.sort.down : lower === false };
          group.page = 0;
          render();
          headers.querySelector(`[data-sort="${key}"]`).focus();
          act();
        },
      },
      title,
      h(
        "span",
        { "aria-hidden": true, class: "arrow" },
        sorted ? (group.sort.down ? "▼" : "▲") : "",
      ),
    );
    return h("th", { scope: "col", class: kind, "aria-sort": direction }, button);
  };

  const rowOf = (row, place, range) => {
    const box = h("input", {
      type: "checkbox",
      checked: group.picked.has(row),
      "aria-label": `Draw ${label(group, row)} in the charts`,
      onchange: () => {
        if (!pick(group, row, box.checked)) {
          box.checked = false;
          say(`The charts show ${MOST_PICKED} rows at most: take one out first.`);
        }
        render();
        body.querySelector(`[data-row="${row}"] input`)?.focus();
        act();
      },
    });
    const slot = group.picked.get(row);
    return h(
      "tr",
      { "data-row": row, class: slot === undefined ? null : "drawn" },
      h("td", { class: "pick" }, h("label", {}, box, slot === undefined ? null : swatch(slot))),
      h(
        "th",
        { scope: "row", class: "model" },
        h("a", { href: `#g${board.groups.indexOf(group)}r${row}` }, name(group.rows.name[row])),
        badges(group, row),
        group.detail[row] ? h("small", {}, name(group.detail[row])) : null,
      ),
      columns().map((column) => cellOf(group, column, row, range)),
    );
  };

  const pageButton = (text, page, enabled) =>
    h("button", { type: "button", disabled: !enabled, onclick: () => turnTo(page) }, text);

  const turnTo = (page) => {
    group.page = page;
    render();
    say(status.textContent);
  };

  const render = (size = pageSize) => {
    group.shown = rowsOf(group);
    const last = Math.max(0, Math.ceil(group.shown.length / size) - 1);
    group.page = Math.min(group.page, last);
    const from = group.page * size;
    const rows = group.shown.slice(from, from + size);
    const bounds = rows
      .flatMap((r) => [group.rows.low[r], group.rows.high[r]])
      .filter((v) => v !== null);
    const extent = [Math.min(...bounds), Math.max(...bounds)];
    const model = {
      key: "name",
      title: "model",
      help: "A model's name opens its card",
      kind: "model",
    };
    headers.replaceChildren(
      h("th", { scope: "col", class: "pick" }, h("span", { class: "unseen" }, "in the charts")),
      ...[model, ...columns()].map(headerOf),
    );
    body.replaceChildren(...rows.map((row, i) => rowOf(row, from + i + 1, extent)));
    foot.replaceChildren(
      h(
        "tr",
        { class: "baseline" },
        h("td", { class: "pick" }),
        h(
          "th",
          { scope: "row", class: "model" },
          "baseline",
          h("small", {}, "mean shape of the training set"),
        ),
        columns().map((column) => baselineCell(group, column)),
      ),
    );
    const all = group.shown.length === group.size ? "" : ` of ${group.size.toLocaleString("en")}`;
    const range =
      rows.length < group.shown.length ? `, showing ${from + 1} to ${from + rows.length}` : "";
    status.textContent = `${group.shown.length.toLocaleString("en")}${all} ${group.size === 1 ? "row" : "rows"}${range}`;
    pages.hidden = group.size <= PAGE_SIZES[0];
    pages.replaceChildren(
      pageButton("First", 0, group.page > 0),
      pageButton("Previous", group.page - 1, group.page > 0),
      pageButton("Next", group.page + 1, group.page < last),
      pageButton("Last", last, group.page < last),
      h("label", {}, h("span", {}, "Rows"), sizes),
    );
  };

  const sizes = h(
    "select",
    {
      onchange: () => {
        pageSize = Number(sizes.value);
        group.page = 0;
        render();
      },
    },
    PAGE_SIZES.map((size) => h("option", { value: size, selected: size === pageSize }, size)),
  );

  const chosen = h(
    "details",
    { class: "columns" },
    h("summary", {}, "Columns"),
    h(
      "ul",
      {},
      group.columns.map(({ key, title, help }) => {
        const box = h("input", {
          type: "checkbox",
          checked: shownColumns.has(key),
          onchange: () => {
            if (box.checked) shownColumns.add(key);
            else shownColumns.delete(key);
            render();
          },
        });
        return h(
          "li",
          {},
          h("label", { class: "tick" }, box, h("b", {}, title), h("span", {}, help)),
        );
      }),
    ),
  );

  const filters = filtersOf(group, () => {
    group.page = 0;
    render();
    act();
  });
  const scroll = h(
    "div",
    { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table of rows" },
    h("table", { class: "main" }, h("thead", {}, headers), body, foot),
  );
  const framed = h("div", { class: "framed" }, scroll);
  const showMore = () => {
    const hidden = scroll.scrollWidth - scroll.clientWidth - scroll.scrollLeft;
    framed.classList.toggle("more", hidden > 1);
  };
  scroll.addEventListener("scroll", showMore, { passive: true });
  new ResizeObserver(showMore).observe(scroll.firstChild);
  new ResizeObserver(showMore).observe(scroll);

  render();
  return {
    element: h(
      "section",
      { class: "rows", "aria-label": "Rows" },
      filters,
      h("div", { class: "above" }, status, chosen),
      framed,
      pages,
    ),
    render,
  };
}
