"""Draw a board of records: each row's NME with its 95% interval, networks in green.

python docs/examples/draw_board.py docs/records docs/images/board.svg
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot

import zoo

GREEN, GREY = "#0b8a63", "#8a8a8a"
TICKS = (4, 5, 6, 8, 10, 15, 20, 30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("records", type=Path)
    parser.add_argument("picture", type=Path, help="Such as board.svg.")
    arguments = parser.parse_args()

    rows = zoo.leaderboard(arguments.records).sort_values("nme_ioc", ascending=False)
    pyplot.rcParams |= {"svg.hashsalt": "landmark-zoo", "font.size": 9, "svg.fonttype": "none"}
    figure, axes = pyplot.subplots(figsize=(7.2, 0.26 * len(rows) + 1), layout="constrained")
    names = []
    for place, row in enumerate(rows.itertuples()):
        low, middle, high = (100 * v for v in (row.nme_ioc_low, row.nme_ioc, row.nme_ioc_high))
        network = row.head == row.head and bool(row.head)  # other programs have no head
        colour = GREEN if network else GREY
        axes.plot([low, high], [place, place], color=colour, linewidth=1.5)
        axes.plot(middle, place, "o", color=colour, markersize=4.5)
        detail = row.detail if isinstance(row.detail, str) and row.detail else ""
        names.append(f"{row.backbone.removeprefix('timm:')}{f' ({detail})' if detail else ''}")
    axes.set_yticks(range(len(names)), names)
    axes.set_xscale("log")
    axes.set_xticks(TICKS, map(str, TICKS))
    axes.minorticks_off()
    axes.set_xlabel("NME inter-ocular, %, with its 95% interval")
    axes.grid(axis="x", color="#cccccc", linewidth=0.5)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.savefig(arguments.picture, metadata={"Date": None})


if __name__ == "__main__":
    main()
