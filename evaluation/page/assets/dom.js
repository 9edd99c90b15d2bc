// Elements and texts. No function here takes markup: text is always shown as text.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true && !name.startsWith("aria-") ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

/** A name of at most this many characters never breaks. */
const UNBROKEN = 32;

/** A name. A long one may break after a colon, a slash, an underscore or a dash. */
function name(text) {
  if (text.length <= UNBROKEN) return [text];
  return text.split(/(?<=[:/_\-])(?=.)/).flatMap((part, i) => (i ? [h("wbr"), part] : [part]));
}

/** Announces a text to screen readers only. */
function say(text) {
  document.getElementById("said").textContent = text;
}

const MISSING = "–";

function percent(value, digits = 2) {
  return value === null || value === undefined ? MISSING : `${(100 * value).toFixed(digits)}%`;
}

/** A number for a table: three digits with trailing zeros, so that a column lines up, and without
 * an exponent. */
function number(value) {
  if (value === null || value === undefined) return MISSING;
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  if (size >= 100 || Number.isInteger(value)) return String(Math.round(value * 10) / 10);
  if (size < 0.000001) return String(Number(value.toPrecision(2)));
  return value.toPrecision(3);
}

function count(value) {
  if (value === null || value === undefined) return MISSING;
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)}G`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)}M`;
  return value >= 1e4 ? `${(value / 1e3).toFixed(1)}k` : number(value);
}

/** Such as "52 s", "18 min" or "1.4 h". */
function seconds(value) {
  if (value === null || value === undefined) return MISSING;
  if (value < 99.5) return `${Math.round(value)} s`;
  const minutes = value / 60;
  return minutes < 99.5 ? `${Math.round(minutes)} min` : `${(minutes / 60).toFixed(1)} h`;
}

function plural(n, word) {
  return `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
}

function yesNo(value) {
  return value === null || value === undefined ? MISSING : value ? "yes" : "no";
}

/** Runs once after a pause in calls. */
function later(act, milliseconds) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, milliseconds);
  };
}
