// Finds texts and lines of the page with too little contrast to their background (WCAG 2.1, AA).
() => {
  // any CSS colour as red, green, blue, alpha from 0 to 1
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((v) => v / 255);
  };
  const luminance = (colour) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb(colour).map(linear);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (rgb(colour)[3] === 1) return colour;
    }
    return "white";
  };
  const ratio = (a, b) => {
    const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const poor = [];
  let measured = 0;
  for (const element of document.querySelectorAll("body *")) {
    const hasText = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!hasText || !element.checkVisibility() || element.closest(":disabled, script, .unseen"))
      continue;
    const style = getComputedStyle(element);
    const colour = element instanceof SVGElement ? style.fill : style.color;
    const value = ratio(colour, background(element));
    measured += 1;
    if (value < 4.5)
      poor.push(`${element.tagName} ${element.textContent.slice(0, 30)} ${value.toFixed(2)}`);
  }
  for (const element of document.querySelectorAll(".series .line, .series rect, .series .mark")) {
    const style = getComputedStyle(element);
    const value = ratio(
      element.matches(".line") ? style.stroke : style.fill,
      background(element.closest(".plot")),
    );
    measured += 1;
    if (value < 3) poor.push(`${element.parentElement.getAttribute("class")} ${value.toFixed(2)}`);
  }
  return [measured, poor];
};
