"""Write the committed board, docs/leaderboard.md and board.csv, from docs/records.

    make docs

The page keeps its date as long as the table stays the same.
"""

from __future__ import annotations

import re
import sys
from datetime import date
from pathlib import Path

from zoo.evaluation.board.groups import Group
from zoo.evaluation.board.leaderboard import collect
from zoo.evaluation.board.render import to_csv, to_markdown

COLUMNS = (
    *("nme", "mark", "nme_median", "fr_08", "loss"),
    *("parameters", "latency_ms", "train_seconds"),
)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def board_page(groups: list[Group], day: str) -> str:
    """The text of docs/leaderboard.md."""
    group = groups[0]
    results = [source.record.results[group.split] for row in group.rows for source in row.sources]
    frames, people = results[0].n, results[0].people
    low = group.baseline.get(f"{group.headline}_low")
    bar = f"{100 * low:.1f}%" if low is not None else "its interval"
    return f"""\
# The board

As of {day}. `zoo leaderboard docs/records --out board.html` makes a page of this board with charts,
learning curves and a card for each model; [board.csv](board.csv) has all columns for programs.
Both are made from [records](records).
<!-- site: <a href="board.html">See the page with charts.</a> -->

How to read it:

1. Each row is a model that the zoo trained, or the points of another program ("external"), on
   {frames} frames of {people} people whom the zoo's models have not seen.
2. **NME** is the mean distance between predicted and labelled points, in percent of the distance
   between the outer eye corners, with its 95% interval; half of the faces have an error above the
   **median**.
3. **> 8%** is the share of faces whose error is above that: they count as failures.
4. **=** marks the best row and the rows that differ from it neither in error nor in failures;
   **\\*** marks the rows that no other row beats in both error and cost.
5. The **loss** is SmoothL1 in [landmark units](benchmark.md#metrics), whatever a model was trained
   with. The times for **a face** and for **training** are those of one core, which the CSV names.
6. The last row is the mean face, which ignores the picture: a model whose NME is not below {bar}
   has not learned.

[The benchmark](benchmark.md) says more about each; `docs/reproduce-board.sh` trains the rows.

{to_markdown(groups, COLUMNS)}"""


def write(docs: Path) -> None:
    groups, problems = collect([docs / "records"])
    if problems:
        raise SystemExit("\n".join(f"{problem}" for problem in problems))
    page, day = docs / "leaderboard.md", date.today()
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    if (dated := DATE.search(old)) and board_page(groups, dated[0]) == old:
        day = date.fromisoformat(dated[0])
    files = {
        page: board_page(groups, day.isoformat()),
        docs / "board.csv": to_csv(groups),
    }
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
