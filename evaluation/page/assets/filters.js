// Filters and the order of a group's rows.

/** Rows that pass the filter, in the order of the sorted column. Rows without a value come after
 * those, and rows that have not learned come last. */
function rowsOf(group) {
  const { text, choices, marks } = group.filter;
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  group.search ||= group.rows.name.map((_, row) =>
    [
      label(group, row),
      ...["recipe", "head", "loss_name", "device"].map((k) => group.rows[k]?.[row]),
    ]
      .join(" ")
      .toLowerCase(),
  );
  const rows = [];
  for (let row = 0; row < group.size; row++) {
    const kept =
      words.every((word) => group.search[row].includes(word)) &&
      Object.entries(choices).every(([key, v]) => v === "" || String(group.rows[key][row]) === v) &&
      [...marks].every((mark) => group.rows[mark][row]);
    if (kept) rows.push(row);
  }
  const { key, down } = group.sort;
  const values =
    key === "name" ? group.rows.name.map((_, row) => label(group, row)) : group.rows[key];
  const order = (a, b) => {
    const [left, right] = [values[a], values[b]];
    if (left === null || right === null) return (left === null) - (right === null);
    const sign = typeof left === "string" ? left.localeCompare(right) : left - right;
    return down ? -sign : sign;
  };
  const unlearned = group.rows.unlearned;
  return rows.sort((a, b) => unlearned[a] - unlearned[b] || order(a, b) || a - b);
}

function filtersOf(group, act) {
  const text = h("input", {
    type: "search",
    value: group.filter.text,
    placeholder: "name, recipe, device …",
    oninput: later(() => {
      group.filter.text = text.value;
      act();
    }, 120),
  });
  const selects = group.columns
    .filter(({ kind }) => kind === "text" || kind === "flag")
    .map((column) => [column, [...new Set(group.rows[column.key].map(String))].sort()])
    .filter(([, values]) => values.filter((v) => v !== "null").length > 1 && values.length <= 40)
    .map(([{ key, title }, values]) => {
      const words = { true: "yes", false: "no", null: MISSING };
      const select = h(
        "select",
        {
          onchange: () => {
            group.filter.choices[key] = select.value;
            act();
          },
        },
        h("option", { value: "" }, "any"),
        values.map((value) =>
          h(
            "option",
            { value, selected: group.filter.choices[key] === value },
            words[value] ?? value,
          ),
        ),
      );
      return h("label", {}, h("span", {}, title), select);
    });
  const marks = Object.entries(SIGNS)
    .filter(([mark]) => group.size > 1 && group.rows[mark].some(Boolean))
    .map(([mark, { help, filter }]) => {
      const box = h("input", {
        type: "checkbox",
        checked: group.filter.marks.has(mark),
        onchange: () => {
          if (box.checked) group.filter.marks.add(mark);
          else group.filter.marks.delete(mark);
          act();
        },
      });
      return h("label", { class: "tick", title: help }, box, h("span", {}, filter));
    });
  return h(
    "div",
    { class: "filters", role: "search" },
    h("label", { class: "wide" }, h("span", {}, "Filter"), text),
    selects,
    marks,
  );
}
