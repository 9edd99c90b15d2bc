// Worst and best predictions, if the page was made with faces. A face has only a number: the page
// knows no names of people.

const SIDE = 1000;

function outline(contours, points, name) {
  const at = (i) => `${points[2 * i]} ${points[2 * i + 1]}`;
  const known = (i) => points[2 * i] !== null;
  const path = contours
    .filter(([indices]) => indices.every(known))
    .map(([indices, closed]) => `M${indices.map(at).join("L")}${closed ? "Z" : ""}`);
  const dots = [...Array(points.length / 2).keys()].filter(known).map((i) => `M${at(i)}h0`);
  return s(
    "g",
    { class: name },
    s("path", { class: "contour", d: path.join("") }),
    s("path", { class: "dots", d: dots.join("") }),
  );
}

function faceOf(gallery, { face, error, points }, words) {
  const { image, target } = gallery.faces[face];
  const text = `${words}, ${error === null ? "missed" : `error ${percent(error, 1)}`}`;
  return h(
    "figure",
    { class: "face" },
    s(
      "svg",
      { viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img", "aria-label": text },
      s("image", { href: image, width: SIDE, height: SIDE }),
      outline(gallery.contours, target, "label"),
      points ? outline(gallery.contours, points, "predicted") : null,
    ),
    h("figcaption", {}, error === null ? "missed" : percent(error, 1)),
  );
}

function galleryOf(group) {
  if (!group.gallery) return null;
  const { rows, reason } = group.gallery;
  const title = h("h3", {}, "Worst and best predictions");
  if (reason) return h("section", { class: "gallery" }, title, h("p", { class: "lack" }, reason));
  return h(
    "section",
    { class: "gallery" },
    title,
    h(
      "p",
      { class: "note" },
      h("span", { class: "key label" }, "labels"),
      h("span", { class: "key predicted" }, "predictions"),
      " One face a person; of a row with several runs, the first's.",
    ),
    rows.map(({ row, worst, best }) =>
      h(
        "div",
        { class: "model-faces" },
        h("h4", {}, label(group, row)),
        [
          ["worst", worst],
          ["best", best],
        ].map(([name, faces]) =>
          h(
            "div",
            { class: "strip" },
            h("p", {}, name),
            faces.map((each, i) => faceOf(group.gallery, each, `${i + 1} of the ${name}`)),
          ),
        ),
      ),
    ),
  );
}
