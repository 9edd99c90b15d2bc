"""Write a photograph with a face to try `zoo predict` on.

    python docs/examples/photo.py photo.jpg

The photograph shows Grace Hopper and is in the public domain. It comes with matplotlib, which the
zoo needs.
"""

import argparse
import shutil
from pathlib import Path

from matplotlib import cbook


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("picture", type=Path, help="Such as photo.jpg.")
    path: Path = parser.parse_args().picture
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False), path)
    print(path)


if __name__ == "__main__":
    main()
