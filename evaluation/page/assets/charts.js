// The charts of a group. Each takes the picked rows, [{row, slot, name, detail}], and returns the
// drawing, the tips at its places (probes), the same figures as a table, and the rows without data.

const HEIGHT = 270;

const whole = (value) => `${Number(value.toFixed(2))}%`;

function cumulative(group, rows, width) {
  const known = rows.filter(({ detail }) => detail.ced && group.step);
  const place = (k) => 100 * k * group.step;
  const last = Math.max(0, ...known.map(({ detail }) => detail.ced.length - 1));
  const x = { scale: linear(0, place(last)), format: whole, label: `error, ${group.percent}` };
  const y = { scale: linear(0, 100), format: whole, label: "faces with at most that error" };
  const { svg, px, py, box } = axes(width, HEIGHT, x, y);
  if (place(last) >= 8) {
    // the text is placed where no curve is: below curves of small errors, above those of large ones
    const good = known.some(({ detail }) => detail.ced[Math.round(0.08 / group.step)] > 500);
    const y = good ? box.bottom - 6 : box.top + 12;
    svg.append(
      s("path", { class: "guide", d: `M${px(8)} ${box.top}V${box.bottom}` }),
      s("text", { class: "guide", x: px(8) + 4, y }, "failure above 8%"),
    );
  }
  for (const { slot, detail } of known) {
    drawLine(svg, px, py, { slot, points: detail.ced.map((v, k) => [place(k), v / 10]) });
  }
  const value = ({ detail }, k) => (k < detail.ced.length ? whole(detail.ced[k] / 10) : MISSING);
  const probes = Array.from({ length: known.length ? last + 1 : 0 }, (_, k) => ({
    x: px(place(k)),
    y: null,
    title: `error up to ${whole(place(k))}`,
    lines: known
      .toSorted((a, b) => b.detail.ced[k] - a.detail.ced[k])
      .map((each) => [each.slot, each.name, value(each, k)]),
  }));
  const read = [0.02, 0.04, 0.06, 0.08, 0.1, 0.15].map((e) => Math.round(e / group.step));
  const shown = read.filter((k) => k <= last);
  return {
    svg,
    probes,
    box,
    head: ["model", ...shown.map((k) => `≤ ${whole(place(k))}`)],
    lines: known.map((each) => [each.name, ...shown.map((k) => value(each, k))]),
    lacking: rows.filter((each) => !known.includes(each)),
  };
}

const COSTS = {
  gmacs: { title: "GMACs of one forward", format: number },
  parameters: { title: "parameters", format: count },
  latency_ms: { title: "milliseconds for one image", format: number },
};

function costs(group) {
  return Object.keys(COSTS).filter((key) => group.rows[key]?.some((v) => v > 0));
}

/** Rows on the Pareto front of cost and error, cheapest first. */
function front(points) {
  const best = [];
  for (const point of points.toSorted((a, b) => a.cost - b.cost || a.error - b.error)) {
    if (!best.length || point.error < best.at(-1).error) best.push(point);
  }
  return best;
}

function cost(group, rows, width) {
  const { title, format } = COSTS[group.cost];
  const points = group.shown
    .map((row) => ({ row, cost: group.rows[group.cost][row], error: headlineOf(group, row) }))
    .filter((point) => point.cost > 0 && point.error !== null);
  const x = {
    scale: around(
      points.map((p) => p.cost),
      5,
    ),
    format,
    label: title,
  };
  const y = {
    scale: around(
      points.map((p) => 100 * p.error),
      4,
    ),
    format: whole,
    label: `NME, ${group.percent}`,
  };
  const { svg, px, py, box } = axes(width, HEIGHT, x, y);
  const at = (point) => [px(point.cost), py(100 * point.error)];
  // one path of zero-length dots: thousands of rows take one element
  const dots = points
    .map(
      (p) =>
        `M${at(p)
          .map((v) => v.toFixed(1))
          .join(" ")}h0`,
    )
    .join("");
  svg.append(s("path", { class: "dots", d: dots }));
  const best = front(points.filter((point) => !group.rows.unlearned[point.row]));
  const steps = best.map((point, i) => {
    const [left, top] = at(point).map((v) => v.toFixed(1));
    return i ? `H${left}V${top}` : `M${left} ${top}`;
  });
  if (best.length) svg.append(s("path", { class: "front", d: `${steps.join("")}H${box.right}` }));
  for (const point of points) {
    if (group.picked.has(point.row)) drawMark(svg, ...at(point), group.picked.get(point.row));
  }
  const onFront = new Set(best.map((point) => point.row));
  const words = (point) => {
    const [low, high] = [group.rows.low[point.row], group.rows.high[point.row]];
    const range = low === null || high === null ? "" : ` [${percent(low)}, ${percent(high)}]`;
    return `${percent(point.error)}${range}`;
  };
  const probes = points
    .toSorted((a, b) => a.cost - b.cost)
    .map((point) => ({
      x: at(point)[0],
      y: at(point)[1],
      title: label(group, point.row),
      lines: [
        [group.picked.get(point.row) ?? null, "NME", words(point)],
        [null, title, format(point.cost)],
        ...(onFront.has(point.row) ? [[null, "on the Pareto front", ""]] : []),
      ],
    }));
  return {
    svg,
    probes,
    box,
    head: ["on the front", title, "NME"],
    lines: best.map((point) => [label(group, point.row), format(point.cost), words(point)]),
    lacking: rows.filter(({ row }) => !(group.rows[group.cost][row] > 0)),
  };
}

function regions(group, rows, width) {
  const known = rows.filter(({ detail }) => detail.regions.some((v) => v !== null));
  // two charts are beside this one if there is room: the bars fill the height of both
  const room = ((width > 340 ? 600 : 480) - 58) / group.regions.length - 10;
  const thick = Math.max(4, Math.min(22, Math.round(room / (known.length || 1))));
  const pitch = known.length * thick + 10;
  const height = group.regions.length * pitch + 58;
  const largest = Math.max(0.001, ...known.flatMap(({ detail }) => detail.regions));
  const names = group.regions.map((name) => name.replaceAll("_", " "));
  const rank = places(names.length);
  const downwards = Object.assign((i) => 1 - rank(i), { ticks: rank.ticks });
  const y = { scale: downwards, plain: true, room: 78, format: (i) => names[i], label: "" };
  const x = { scale: linear(0, 105 * largest), format: whole, label: `NME, ${group.percent}` };
  const { svg, px, py, box } = axes(width, height, x, y);
  const probes = group.regions.map((_, i) => {
    known.forEach(({ slot, detail }, k) => {
      const value = detail.regions[i];
      if (value === null) return;
      const top = py(i) + (k - known.length / 2) * thick;
      const { colour } = look(slot);
      const size = { x: px(0), y: top, width: px(100 * value) - px(0), height: thick - 1 };
      svg.append(s("g", { class: `series ${colour}`, "data-slot": slot }, s("rect", size)));
      drawMark(svg, px(100 * value), top + (thick - 1) / 2, slot);
    });
    return {
      ...{ x: width / 2, y: py(i), half: pitch / 2, title: names[i] },
      lines: known.map(({ slot, name, detail }) => [slot, name, percent(detail.regions[i])]),
    };
  });
  return {
    svg,
    probes: known.length ? probes : [],
    box,
    head: ["model", ...names],
    lines: known.map(({ name, detail }) => [name, ...detail.regions.map((v) => percent(v))]),
    lacking: rows.filter((each) => !known.includes(each)),
  };
}

/** The nose's position in a bin, in eye distances from the middle; negative is left. */
function reach({ low, high }) {
  if (low === null && high === null) return "";
  if (low === null) return `nose left of ${high}`;
  return high === null
    ? `nose right of ${low}`
    : `nose at ${low} to ${high}`;
}

/** A name of several words in two lines. */
const twoLines = (text) => text.split(/ (.*)/).filter(Boolean);

function pose(group, rows, width) {
  const known = rows.filter(({ detail }) => detail.pose.some((v) => v !== null));
  const values = known.flatMap(({ detail }) => detail.pose.filter((v) => v !== null));
  const x = {
    scale: places(group.pose.length),
    format: (i) => [...twoLines(group.pose[i].name), `n ${group.pose[i].n}`],
    label: "",
    plain: true,
    room: 48,
    tight: width < 80 * group.pose.length,
  };
  const y = {
    scale: linear(0, 108 * Math.max(0.001, ...values)),
    format: whole,
    label: `NME, ${group.percent}`,
  };
  const { svg, px, py, box } = axes(width, HEIGHT, x, y);
  for (const { slot, detail } of known) {
    drawLine(svg, px, py, { slot, points: detail.pose.map((v, i) => [i, v && 100 * v]) });
    detail.pose.forEach((v, i) => v === null || drawMark(svg, px(i), py(100 * v), slot));
  }
  const probes = group.pose.map((bin, i) => ({
    x: px(i),
    y: null,
    title: [bin.name, reach(bin), plural(bin.n, "face")].filter(Boolean).join(", "),
    lines: known.map(({ slot, name, detail }) => [slot, name, percent(detail.pose[i])]),
  }));
  return {
    svg,
    probes: known.length ? probes : [],
    box,
    head: ["model", ...group.pose.map((bin) => `${bin.name} (${bin.n})`)],
    lines: known.map(({ name, detail }) => [name, ...detail.pose.map((v) => percent(v))]),
    lacking: rows.filter((each) => !known.includes(each)),
  };
}

const MEASURES = {
  val_nme: { title: "validation NME", scale: 100, format: whole },
  val_loss: { title: "validation loss", scale: 1, format: number },
  train_loss: { title: "training loss", scale: 1, format: number },
};

function learning(group, rows, width) {
  const { title, scale, format } = MEASURES[group.measure];
  const has = (curve) => curve[group.measure].some((v) => v !== null);
  const known = rows.filter(({ detail }) => detail.learning.some(has));
  const curves = known.flatMap((each) =>
    each.detail.learning.filter(has).map((curve, i) => ({
      ...each,
      curve,
      thin: i > 0,
      points: curve.epoch.map((epoch, k) => {
        const v = curve[group.measure][k];
        return [epoch, v === null ? null : v * scale];
      }),
    })),
  );
  const values = curves.flatMap(({ points }) => points.map(([, v]) => v).filter((v) => v !== null));
  const most = Math.max(1, ...curves.flatMap(({ curve }) => curve.epoch));
  const x = { scale: linear(0, most), format: number, label: "epoch" };
  const y = { scale: around(values, 4), format, label: title };
  const { svg, px, py, box } = axes(width, HEIGHT, x, y);
  for (const { slot, points, thin } of curves) drawLine(svg, px, py, { slot, points, thin });
  const first = curves.filter(({ thin }) => !thin);
  const epochs = [...new Set(first.flatMap(({ curve }) => curve.epoch))].sort((a, b) => a - b);
  const probes = epochs.map((epoch) => ({
    x: px(epoch),
    y: null,
    title: `epoch ${epoch}`,
    lines: first.flatMap(({ slot, name, curve, points }) => {
      const found = points.find(([at, v]) => at === epoch && v !== null);
      const chosen = curve.best === epoch ? " (chosen)" : "";
      return found ? [[slot, name, format(found[1]) + chosen]] : [];
    }),
  }));
  const at = (points, epoch) => {
    const found = points.find(([e]) => e === epoch);
    return found && found[1] !== null ? format(found[1]) : MISSING;
  };
  return {
    svg,
    probes,
    box,
    head: ["model", "seed", "epochs", "chosen epoch", `${title} there`, "at the end"],
    lines: curves.map(({ name, curve, points }) => [
      name,
      curve.seed ?? MISSING,
      curve.epoch.at(-1),
      curve.best ?? MISSING,
      curve.best === null ? MISSING : at(points, curve.best),
      at(points, curve.epoch.at(-1)),
    ]),
    lacking: rows.filter((each) => !known.includes(each)),
  };
}
