"""Draw which layer of the source imports which: python draw_architecture.py FILE.svg

Each layer has a row and a column, the lowest layer first. A dot means that the layer of its row
imports the layer of its column. Rooms import only lower ones, so all dots are below the diagonal.
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.sax.saxutils import escape

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from architecture import LAYERS, MODULES, layer_of, read

CELL = 22
LEFT, TOP = 150, 130


def layer_imports() -> set[tuple[str, str]]:
    """Pairs of layers: the first imports the second."""
    found = set()
    for name in MODULES:
        for each in read(name):
            pair = layer_of(name), layer_of(each.target) if each.target.startswith("zoo") else None
            if pair[0] and pair[1] and pair[0] != pair[1]:
                found.add((pair[0], pair[1]))
    return found


def drawn() -> str:
    """The picture as SVG."""
    layers = [layer for layer in LAYERS if any(layer_of(name) == layer for name in MODULES)]
    place = {layer: number for number, layer in enumerate(layers)}
    side = CELL * len(layers)
    width, height = LEFT + side + 10, TOP + side + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for layer, number in place.items():
        x, y = LEFT + CELL * number, TOP + CELL * number
        label = escape(layer.removeprefix("zoo.") if layer != "zoo" else "zoo/__init__")
        parts.append(f'<rect x="{LEFT}" y="{y}" width="{CELL * number}" height="{CELL}" ')
        parts[-1] += f'fill="{"#f2f5fa" if number % 2 else "#e7ecf5"}"/>'
        parts.append(f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="#33507d"/>')
        middle = y + CELL / 2 + 4
        parts.append(f'<text x="{LEFT - 8}" y="{middle}" text-anchor="end">{label}</text>')
        foot = x + CELL / 2 + 4
        parts.append(
            f'<text transform="translate({foot} {TOP - 8}) rotate(-60)" fill="#555">{label}</text>'
        )
    for above, below in sorted(layer_imports()):
        x = LEFT + CELL * place[below] + CELL / 2
        y = TOP + CELL * place[above] + CELL / 2
        parts.append(f'<circle cx="{x}" cy="{y}" r="5" fill="#e07a2f"/>')
    return "\n".join([*parts, "</svg>\n"])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(drawn(), "utf-8")
