"""Every check of the list for data sets finds the one thing that is wrong with a data set."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from zoo.api import DataError
from zoo.testing import Outcome, checks

pytestmark = pytest.mark.usefixtures("quick_children")

KIND, GROUP = "dataset", "zoo.datasets"

SOURCE = '''
import itertools
import os
import random
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from zoo.api import DataError, Dataset, LandmarkScheme, Sample, UsageError

FACE = LandmarkScheme(
    "face5", ("eye_l", "eye_r", "nose", "mouth_l", "mouth_r"), flip=(1, 0, 2, 4, 3),
    eye_corners=(0, 1), pupils=((0,), (1,)),
)
SHAPE = np.float32([[30, 30], [70, 30], [50, 50], [35, 70], [65, 70]])


def picture(number):
    return np.full((90, 160, 3), number, np.uint8)


def sample(number, **facts):
    person = f"Ada {number // 4}"
    usual = dict(
        id=f"{number:02}.png",
        image=lambda: picture(number),
        points=SHAPE + np.float32([number, 0]),
        visible=np.ones(5, np.bool_),
        person=person,
        video=f"{person}/{number // 2 % 2}",
        release_split="train" if number % 3 else "test",
        box=(20.0, 20.0, 80.0, 80.0),
    )
    return Sample(**{**usual, **facts})


@dataclass
class Opened:
    rows: list
    scheme: LandmarkScheme = FACE
    release: str = "drawn"
    label_offset: tuple = (0.0, 0.0)
    license: str = "MIT"
    notes: str = ""
    problems: list = field(default_factory=list)

    def samples(self):
        return iter(self.rows)

    def released(self):
        return None


def of(change=lambda number: {}, opened=Opened, count=40, **facts):
    def open_it(root, *, count=count):
        if root is not None:
            raise UsageError("nothing is read: leave the root out")
        return opened([sample(i, **change(i)) for i in range(count)])

    return Dataset(**{"open": open_it, "needs_root": False, **facts})


healthy = of()
nobody = of(lambda i: {"person": None, "video": None}, default_protocol="release")
no_symmetry = of(opened=lambda rows: Opened(rows, scheme=replace(
    FACE, flip=None, eye_corners=None, pupils=None)))

bad_protocol = of(default_protocol="persons")


def open_by_place(root, count=40):
    return healthy.open(root, count=count)


by_place = Dataset(open=open_by_place, needs_root=False)


def open_anything(root, *, count=40):
    return healthy.open(None)


def open_badly(root):
    if root is not None:
        raise KeyError("labels.csv")
    return healthy.open(None)


takes_any_root = Dataset(open=open_anything, needs_root=False)
dies_of_a_root = Dataset(open=open_badly, needs_root=False)

pixel_offset = of(opened=lambda rows: Opened(rows, label_offset=(0.8, 0.0)))
no_release = of(opened=lambda rows: Opened(rows, release=""))

doubles = of(lambda i: {"points": SHAPE.astype(np.float64)})
endless = of(lambda i: {"points": SHAPE * np.float32(np.nan if i == 7 else 1)})
twice = of(lambda i: {"id": f"{i // 2:02}.png"} if i < 2 else {})
hidden_faces = of(lambda i: {"occluded": np.zeros(1, np.bool_)} if i == 3 else {})
nested_attribute = of(lambda i: {"attributes": {"pose": [1, 2]}} if i == 3 else {})
torn_video = of(lambda i: {"video": "one for all"} if i in (0, 39) else {})
valid_split = of(lambda i: {"release_split": "val" if i == 3 else "train"})
two_spellings = of(lambda i: {"person": f"Ada_{i // 4}", "video": None} if i % 4 == 1 else {})

broken_image = of(lambda i: {"image": lambda: picture(i)[..., 0]} if i == 39 else {})


def raise_keyerror():
    raise KeyError("colorImages")


no_image = of(lambda i: {"image": raise_keyerror} if i == 0 else {})
kept = picture(1)
shared_image = of(lambda i: {"image": lambda: kept})

fractions = of(lambda i: {"points": SHAPE / 160})
exchanged = of(lambda i: {"points": (SHAPE * [1, 1.2] + [80, 0])[:, ::-1].astype(np.float32)})
far_point = of(lambda i: {"points": SHAPE + np.float32([[900 * (i == 39), 0]] * 5)})

not_mirrored = of(opened=lambda rows: Opened(rows, scheme=replace(FACE, flip=(1, 0, 2, 3, 4))))
eyes_stay = of(opened=lambda rows: Opened(rows, scheme=replace(FACE, flip=(0, 1, 2, 4, 3))))
right_is_left = of(opened=lambda rows: Opened(rows, scheme=replace(FACE, eye_corners=(1, 0))))


class Shuffled(Opened):
    def samples(self):
        return iter(random.sample(self.rows, len(self.rows)))


shuffled = of(opened=Shuffled)


def offering(first=100, **facts):
    nothing = dict(visible=np.zeros(5, np.bool_), points=np.zeros((5, 2), np.float32), box=None)

    class Offering(Opened):
        def unlabelled(self):
            return iter([sample(first + i, **{**nothing, **facts}) for i in range(3)])

    return Offering


healthy_offer = of(opened=offering())
offers_labels = of(opened=offering(visible=np.ones(5, np.bool_)))
offers_its_own = of(opened=offering(first=38))


class Folder(Opened):
    """Files 00.txt and so on, in one folder, their number the brightness."""


def names_in_order(root):
    return sorted(os.listdir(root))


def open_folder(list_it, name=lambda path: path.name, text=lambda path: path.read_text()):
    def open_it(root):
        names = [n for n in list_it(root) if n.endswith(".txt")]
        if not names:
            raise DataError(f"{root}: no .txt here")
        paths = [Path(root) / n for n in names]
        return Folder([sample(int(text(p)), id=name(p), bytes=p.stat().st_size) for p in paths])

    return open_it


def in_its_folder(path):
    return f"{path.parent.name}/{path.name}"


healthy_folder = Dataset(open=open_folder(names_in_order))
as_listed = Dataset(open=open_folder(lambda root: os.listdir(root)))
as_scanned = Dataset(open=open_folder(lambda root: [e.name for e in os.scandir(root)]))
as_globbed = Dataset(open=open_folder(lambda root: [p.name for p in Path(root).glob("*.txt")]))
as_iterated = Dataset(open=open_folder(lambda root: [p.name for p in Path(root).iterdir()]))
named_by_place = Dataset(open=open_folder(names_in_order, name=in_its_folder))
named_by_path = Dataset(open=open_folder(names_in_order, name=str))
'''

BROKEN = {
    "bad_protocol": ("declares_valid_facts", "default_protocol is 'persons': the protocols are"),
    "by_place": ("options_are_keyword_only", "put a star before: (root, *, count=...)"),
    "takes_any_root": ("refuses_a_root_without_data", "opens without complaint, with 40 samples"),
    "dies_of_a_root": ("refuses_a_root_without_data", "raises KeyError: 'labels.csv'"),
    "pixel_offset": ("opens_and_describes_itself", "label_offset is (0.8, 0.0)"),
    "no_release": ("opens_and_describes_itself", "release is ''"),
    "doubles": ("samples_are_well_formed", "00.png: points is float64 (5, 2), not float32"),
    "endless": ("samples_are_well_formed", "07.png: a point is not finite"),
    "hidden_faces": ("samples_are_well_formed", "03.png: occluded is bool (1,), not bool (5,)"),
    "nested_attribute": ("samples_are_well_formed", "03.png: attribute 'pose' is [1, 2]; a text"),
    "twice": ("ids_are_unique", "two samples have the id '00.png'"),
    "offers_labels": ("samples_are_well_formed", "unlabelled(), 100.png: a point is visible"),
    "offers_its_own": ("ids_are_unique", "two samples have the id '38.png'"),
    "torn_video": ("people_and_splits_fit_together", "video 'one for all' is of 2 people"),
    "valid_split": ("people_and_splits_fit_together", "a release split is 'val'"),
    "two_spellings": ("person_protocol_shares_nobody", "one person?"),
    "broken_image": ("images_decode", "39.png: its image is uint8 (90, 160), not uint8 (H, W, 3)"),
    "no_image": ("images_decode", "the image of 00.png raises KeyError: 'colorImages'"),
    "shared_image": ("images_decode", "it gives the same array: copy it"),
    "fractions": ("points_lie_in_the_images", "are they fractions rather than pixels?"),
    "exchanged": ("points_lie_in_the_images", "with x and y exchanged they would"),
    "far_point": ("points_lie_in_the_images", "39.png: a point at (930, 30) in an image of 160"),
    "not_mirrored": ("flip_swaps_left_and_right", "flip exchanges point 3 for 3"),
    "eyes_stay": ("flip_swaps_left_and_right", "flip puts 0 in place of the left eye corner 0"),
    "right_is_left": ("flip_swaps_left_and_right", "eye corner 1 should be the left one"),
    "shuffled": ("order_is_the_same_every_time", "read again, sample"),
}
IN_FOLDERS = {
    "as_listed": "its folders listed backwards, sample 0 is",
    "as_scanned": "its folders listed backwards, sample 0 is",
    "as_globbed": "its folders listed backwards, sample 0 is",
    "as_iterated": "its folders listed backwards, sample 0 is",
    "named_by_place": "sample 0 is 'a copy elsewhere/00.txt'",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    for number in range(12):
        (root / f"{number:02}.txt").write_text(str(number))
    return root


@pytest.mark.parametrize("plugin", ["healthy", "healthy_offer"])
def test_a_healthy_data_set_passes_all(outcomes: Callable[..., list[Outcome]], plugin: str) -> None:
    found = outcomes(plugin)
    assert [(o.check.name, o.message) for o in found if o.status != "ok"] == []
    assert len(found) == 15


def test_one_without_people_or_symmetry_says_what_does_not_apply(
    outcomes: Callable[..., list[Outcome]],
) -> None:
    for plugin, check, words in (
        ("nobody", "person_protocol_shares_nobody", "names no person"),
        ("no_symmetry", "flip_swaps_left_and_right", "has no known symmetry"),
    ):
        idle = {o.check.name: o for o in outcomes(plugin) if o.status != "ok"}
        assert list(idle) == [check]
        assert idle[check].status == "not applicable"
        assert words in idle[check].message


@pytest.mark.parametrize("plugin", BROKEN)
def test_a_broken_data_set_fails_the_check_that_is_about_it(
    failures: Callable[..., dict[str, str]], plugin: str
) -> None:
    check, words = BROKEN[plugin]
    found = failures(plugin)
    assert list(found) == [check]
    assert words in found[check]


def test_each_check_has_a_data_set_that_fails_it() -> None:
    elsewhere = {"found_through_metadata", "import_leaves_no_trace"}  # in test_kit
    elsewhere |= {"independent_of_the_file_system"}  # below
    named = [check.name for check in checks("healthy", "dataset")]
    assert {check for check, _ in BROKEN.values()} | elsewhere == set(named)


def test_a_healthy_folder_passes_all(outcomes: Callable[..., list[Outcome]], folder: Path) -> None:
    found = outcomes("healthy_folder", data=folder)
    assert [(o.check.name, o.message) for o in found if o.status != "ok"] == []


@pytest.mark.parametrize("plugin", IN_FOLDERS)
def test_a_data_set_that_hangs_on_its_place_is_found(
    failures: Callable[..., dict[str, str]], folder: Path, plugin: str
) -> None:
    found = failures(plugin, data=folder)
    # as the disk lists them, the first of two readings may be sorted by chance
    assert list(found) == ["independent_of_the_file_system"]
    assert IN_FOLDERS[plugin] in found["independent_of_the_file_system"]


def test_ids_with_the_roots_path_are_found(
    failures: Callable[..., dict[str, str]], folder: Path
) -> None:
    found = failures("named_by_path", data=folder)
    assert "another copy would have other ids" in found["ids_are_unique"]


def test_the_disk_is_as_it_was_afterwards(
    outcomes: Callable[..., list[Outcome]], folder: Path
) -> None:
    here, scandir, listdir = Path.cwd(), os.scandir, os.listdir
    before = sorted(folder.rglob("*"))
    outcomes("healthy_folder", data=folder)
    assert (Path.cwd(), os.scandir, os.listdir) == (here, scandir, listdir)
    assert sorted(folder.rglob("*")) == before


def test_the_root_may_come_from_a_function_that_is_called_once(
    outcomes: Callable[..., list[Outcome]], folder: Path
) -> None:
    calls = []

    def root() -> Path:
        calls.append(1)
        return folder

    assert all(o.as_expected for o in outcomes("healthy_folder", data=root))
    assert calls == [1]


def test_data_that_are_nowhere_fail_no_check(
    planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    opens = {c.name: c for c in checks("healthy_folder", "dataset")}["opens_and_describes_itself"]
    with pytest.raises(DataError, match="healthy_folder: no data at"):
        _ = opens.subject.root
