"""Copy the Udacity release of YouTube Faces without the labels of some training people.

The copy shows what self-training is worth if there are few labels.

    python docs/examples/hide_labels.py youtube_faces half                half of the people
    python docs/examples/hide_labels.py --share 0.9 youtube_faces tenth   nine of ten

Which people lose their labels depends on their names alone. Val and test people of the protocol
`person` keep all labels, so that every copy is scored on the same frames. Images are linked, not
copied.
"""

import argparse
import csv
from pathlib import Path
from zlib import crc32

from zoo.datasets.youtube_udacity import FOLDERS
from zoo.evaluation.scores.protocols import VAL_BELOW, person_hash


def is_hidden(person: str, share: float) -> bool:
    """Whether a person loses their labels. The hash is not that of the protocols' splits."""
    return person_hash(person) >= VAL_BELOW and crc32(b"hidden " + person.encode()) < share * 2**32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("release", type=Path)
    parser.add_argument("copy", type=Path)
    parser.add_argument("--share", type=float, default=0.5)
    arguments = parser.parse_args()

    release, copy = arguments.release.resolve(), arguments.copy
    copy.mkdir(parents=True)
    kept, hidden = [], []
    for name, (folder, _) in FOLDERS.items():
        if not (release / name).is_file():
            continue
        (copy / folder).symlink_to(release / folder, target_is_directory=True)
        with (release / name).open(newline="") as file:
            header, *rows = csv.reader(file)
        people = [row[0].rpartition("_")[0] for row in rows]
        shown = [not is_hidden(person, arguments.share) for person in people]
        with (copy / name).open("w", newline="") as file:
            csv.writer(file).writerows(
                [header, *(row for row, show in zip(rows, shown, strict=True) if show)]
            )
        kept += [person for person, show in zip(people, shown, strict=True) if show]
        hidden += [person for person, show in zip(people, shown, strict=True) if not show]
    print(f"{copy}: {len(kept)} frames of {len(set(kept))} people keep their labels")
    print(f"{len(hidden)} frames of {len(set(hidden))} people have none")


if __name__ == "__main__":
    main()
