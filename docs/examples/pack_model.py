"""Bundle a run: put it into the folder of models that come with the package. For maintainers.

    python docs/examples/pack_model.py RUN NAME "One line about it"

Run `zoo card RUN` before this script, so that the card has the tolerance to boxes and other data.
Commit `zoo/runs/bundled/` after it. Wheels that are built afterwards hold the model.
"""

from __future__ import annotations

import sys

from zoo.api import ZooError
from zoo.export.bundle import pack


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        packed = pack(*sys.argv[1:])
    except ZooError as error:
        sys.exit(f"{error}")
    bits = "16 bits" if packed.half else "32 bits"
    print(f"{packed.folder}: weights of {packed.weights / 1e6:.2f} MB in {bits}")
    print(f"its ONNX graph: {packed.graph / 1e6:.2f} MB")
    print(f"points moved by {packed.moved:.3f} px of the input on average")


if __name__ == "__main__":
    main()
