// Parts of every chart: scales, axes, series with different colours, dashes and marks, and a tip
// that follows the pointer or the arrow keys.

const COLOURS = 8;
const DASHES = ["", "7 3", "2 3", "9 3 2 3", "4 2", "12 4"];
const SHAPES = [
  "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
  "M-3.5-3.5h7v7h-7z",
  "M0-4.6L4.4 3.2h-8.8z",
  "M0-5L5 0L0 5L-5 0z",
  "M0 4.6L4.4-3.2h-8.8z",
  "M-1.5-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
  "M0-5.4L1.6-1.8L5.4-1.6L2.5 .8L3.4 4.6L0 2.5L-3.4 4.6L-2.5 .8L-5.4-1.6L-1.6-1.8z",
  "M-4.4-2.6L-2.6-4.4L0-1.8L2.6-4.4L4.4-2.6L1.8 0L4.4 2.6L2.6 4.4L0 1.8L-2.6 4.4L-4.4 2.6L-1.8 0z",
];

/** The style of a slot's row: slots 8 to 15 repeat the colours with other dashes and marks. */
function look(slot) {
  const turn = Math.floor(slot / COLOURS);
  return {
    colour: `c${slot % COLOURS}`,
    dash: DASHES[(slot + 2 * turn) % DASHES.length],
    mark: SHAPES[(slot + 3 * turn) % SHAPES.length],
  };
}

/** A slot's line with its mark, for legends. */
function swatch(slot) {
  const { colour, dash, mark } = look(slot);
  return s(
    "svg",
    { class: `swatch ${colour}`, viewBox: "0 0 34 12", width: 34, height: 12, "aria-hidden": true },
    s("path", { class: "line", d: "M0 6H34", "stroke-dasharray": dash }),
    s("path", { class: "mark", d: mark, transform: "translate(17 6)" }),
  );
}

function linear(from, to) {
  const scale = (value) => (value - from) / (to - from || 1);
  const rough = (to - from || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((each) => each >= rough * 0.999);
  scale.ticks = [];
  for (let k = Math.ceil(from / step - 1e-9); k * step <= to + 1e-9 * step; k++) {
    scale.ticks.push(k * step);
  }
  return scale;
}

function logarithmic(from, to) {
  const [low, high] = [Math.log10(from), Math.log10(to)];
  const scale = (value) => (Math.log10(value) - low) / (high - low || 1);
  const within = (multiples) => {
    const ticks = [];
    for (let k = Math.floor(low); k <= Math.ceil(high); k++) {
      for (const m of multiples) ticks.push(m * 10 ** k);
    }
    return ticks.filter((t) => t >= from * 0.999 && t <= to * 1.001);
  };
  // the fewest ticks, but three or more; a range of less than an octave gets linear ticks
  const choices = [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 7]].map(within);
  scale.ticks = choices.find((ticks) => ticks.length >= 3) || linear(from, to).ticks;
  return scale;
}

/** A scale over values with a margin; logarithmic if largest / smallest exceeds `ratio`. */
function around(values, ratio) {
  const [low, high] = values.reduce(
    ([a, b], v) => [Math.min(a, v), Math.max(b, v)],
    [Infinity, -Infinity],
  );
  if (!Number.isFinite(low)) return linear(0, 1);
  if (low > 0 && high / low > ratio) return logarithmic(low / 1.12, high * 1.12);
  const air = (high - low || Math.abs(high) || 1) * 0.08;
  return linear(low > 0 ? Math.max(0, low - air) : low - air, high + air);
}

/** A scale of `count` places side by side, the first at 0. */
function places(count) {
  const scale = (i) => (i + 0.5) / count;
  scale.ticks = Array.from({ length: count }, (_, i) => i);
  return scale;
}

/**
 * Axes with a grid. `x` and `y` are {scale, format, label}; `room` is the space for an axis's
 * texts, `tight` makes them small, and `plain` leaves out its grid lines. Returns the svg, its inner
 * box, and functions from values to pixels.
 */
function axes(width, height, x, y) {
  const box = { left: y.room || 46, right: width - 12, top: 22, bottom: height - (x.room || 36) };
  const px = (value) => box.left + x.scale(value) * (box.right - box.left);
  const py = (value) => box.bottom - y.scale(value) * (box.bottom - box.top);
  const grid = s("g", { class: "grid" });
  const words = s("g", { class: "axis" });
  const room = Math.max(1, Math.floor((box.right - box.left) / 44));
  const every = Math.ceil(x.scale.ticks.length / room);
  x.scale.ticks.forEach((tick, i) => {
    const at = px(tick);
    if (!x.plain) grid.append(s("path", { d: `M${at} ${box.top}V${box.bottom}` }));
    if (i % every) return;
    for (const [k, text] of [x.format(tick)].flat().entries()) {
      const y = box.bottom + 15 + 12 * k;
      const tight = x.tight ? "tight" : null;
      words.append(s("text", { class: tight, x: at, y, "text-anchor": "middle" }, text));
    }
  });
  for (const tick of y.scale.ticks) {
    const at = py(tick);
    if (!y.plain) grid.append(s("path", { d: `M${box.left} ${at}H${box.right}` }));
    words.append(s("text", { x: box.left - 7, y: at + 4, "text-anchor": "end" }, y.format(tick)));
  }
  words.append(
    s("text", { class: "title", x: box.right, y: height - 5, "text-anchor": "end" }, x.label),
    s("text", { class: "title", x: 4, y: 12 }, y.label),
  );
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": true }, grid, words);
  return { svg, px, py, box };
}

/** A series as a line with a few marks, shifted so that marks of two series rarely overlap. */
function drawLine(svg, px, py, { slot, points, thin }) {
  const { colour, dash, mark } = look(slot);
  const known = points.filter(([, y]) => y !== null);
  const path = known.map(([x, y], i) => `${i ? "L" : "M"}${px(x).toFixed(1)} ${py(y).toFixed(1)}`);
  const group = s("g", { class: `series ${colour}${thin ? " thin" : ""}`, "data-slot": slot });
  group.append(s("path", { class: "line", d: path.join(""), "stroke-dasharray": dash }));
  const every = Math.max(1, Math.round(known.length / 6));
  known.forEach(([x, y], i) => {
    if (thin || (i + slot) % every) return;
    const at = `translate(${px(x).toFixed(1)} ${py(y).toFixed(1)})`;
    group.append(s("path", { class: "mark", d: mark, transform: at }));
  });
  svg.append(group);
}

function drawMark(svg, x, y, slot) {
  const { colour, mark } = look(slot);
  const at = `translate(${x.toFixed(1)} ${y.toFixed(1)})`;
  svg.append(
    s(
      "g",
      { class: `series ${colour}`, "data-slot": slot },
      s("path", { class: "mark", d: mark, transform: at }),
    ),
  );
}

/**
 * A tip for the places of a chart. A probe is {x, y, title, lines: [[slot or null, name, value]]} in
 * pixels of the viewBox; y null marks a whole column, `half` a band about y with this half
 * height. The arrow keys walk through the probes.
 */
function probing(holder, svg, probes, box) {
  if (!probes.length) return;
  const tip = h("div", { class: "tip", hidden: true });
  const hair = s("path", { class: "hair" });
  const ring = s("circle", { class: "ring", r: 8 });
  let at = -1;
  const show = (index, aloud) => {
    at = index;
    const probe = probes[index];
    svg.append(hair, ring);
    hair.setAttribute("d", probe.y === null ? `M${probe.x} ${box.top}V${box.bottom}` : "");
    ring.setAttribute("visibility", probe.y === null || probe.half ? "hidden" : "visible");
    ring.setAttribute("cx", probe.x);
    ring.setAttribute("cy", probe.y ?? 0);
    const rows = probe.lines.map(([slot, name, value]) =>
      h("div", {}, slot === null ? null : swatch(slot), h("span", {}, name), h("b", {}, value)),
    );
    tip.replaceChildren(h("strong", {}, probe.title), ...rows);
    tip.hidden = false;
    // below the place that it describes, so that it does not hide it
    const scale = svg.clientWidth / svg.viewBox.baseVal.width;
    const room = holder.clientWidth - tip.offsetWidth;
    const below = probe.y === null ? svg.viewBox.baseVal.height : probe.y + (probe.half || 14);
    tip.style.left = `${Math.max(0, Math.min(room, probe.x * scale - tip.offsetWidth / 2))}px`;
    tip.style.top = `${below * scale}px`;
    if (aloud) {
      say([probe.title, ...probe.lines.map(([, name, value]) => `${name} ${value}`)].join(", "));
    }
  };
  const hide = () => {
    tip.hidden = true;
    hair.remove();
    ring.remove();
  };
  const follow = (event) => {
    const frame = svg.getBoundingClientRect();
    const scale = svg.viewBox.baseVal.width / frame.width;
    const [x, y] = [(event.clientX - frame.left) * scale, (event.clientY - frame.top) * scale];
    let [best, distance] = [-1, 45];
    probes.forEach((probe, index) => {
      const along = probe.half ? 0 : probe.x - x;
      const away = Math.hypot(along, probe.y === null ? 0 : probe.y - y);
      if (away < distance) [best, distance] = [index, away];
    });
    if (best < 0) hide();
    else show(best, false);
  };
  holder.append(tip);
  holder.onpointermove = holder.onpointerdown = follow;
  holder.onpointerleave = hide;
  holder.onblur = hide;
  holder.onkeydown = (event) => {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    if (event.key === "Escape") return hide();
    if (!(event.key in steps)) return undefined;
    event.preventDefault();
    const next = at < 0 && steps[event.key] < 0 ? probes.length - 1 : at + steps[event.key];
    return show(Math.max(0, Math.min(probes.length - 1, next)), true);
  };
}
