"""Folders are walked through links, none twice; a pattern that is a file's name means that file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zoo.api import ZooWarning
from zoo.files.folders import files_below, matching, walk


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """data/ with a folder, a link to one elsewhere, a link to a file, and two loops."""
    root = tmp_path / "data"
    for name in ("data/real/b.pts", "data/real/a.txt", "elsewhere/c.pts", "file/d.pts"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (root / "helen").symlink_to(Path("..", "elsewhere"))
    (root / "also").symlink_to(tmp_path / "elsewhere")
    (root / "alias").symlink_to("real")
    (root / "real" / "up").symlink_to("..")
    (root / "self").symlink_to(".")
    (root / "out").symlink_to(tmp_path)  # the rest of the disk is not the data set's
    (root / "one.pts").symlink_to(tmp_path / "file" / "d.pts")
    return root


def names(root: Path, found: list[Path]) -> list[str]:
    return [path.relative_to(root).as_posix() for path in found]


def test_links_are_followed_and_nothing_comes_twice(tree: Path) -> None:
    assert names(tree, files_below(tree, "*.pts")) == ["also/c.pts", "one.pts", "real/b.pts"]
    assert sum(1 for _ in walk(tree)) == 3


def test_suffixes_count_in_any_case(tree: Path) -> None:
    (tree / "real" / "C.PTS").touch()
    assert names(tree, files_below(tree, "*.pts"))[-2:] == ["real/C.PTS", "real/b.pts"]


@pytest.mark.parametrize("target", ["gone", "link.pts"])
def test_a_link_that_leads_nowhere_gives_a_warning(tmp_path: Path, target: str) -> None:
    (tmp_path / "link.pts").symlink_to(target)
    with pytest.warns(ZooWarning, match=r"link\.pts: the link leads nowhere"):
        assert files_below(tmp_path) == []


def test_a_link_as_the_root_is_its_folder(tree: Path) -> None:
    assert files_below(tree / "gone" / "away") == []
    assert names(tree, files_below(tree / "alias", "b*")) == ["alias/b.pts"]


def test_names_that_are_no_utf_8_come_as_the_system_gives_them(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"z\xfc.pts")).touch()
    except OSError:  # a system whose names are all Unicode
        return
    [found] = files_below(tmp_path)
    assert os.fsencode(found.name) == b"z\xfc.pts"


def test_a_folder_that_cannot_be_read_gives_a_warning(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_listdir = os.listdir

    def refusing(folder: Path) -> list[str]:
        if folder.name == "real":
            raise PermissionError(13, "Permission denied")
        return real_listdir(folder)

    monkeypatch.setattr(os, "listdir", refusing)
    with pytest.warns(ZooWarning, match=r"real: the folder cannot be read \(Permission denied\)"):
        assert names(tree, files_below(tree, "*.pts")) == ["also/c.pts", "one.pts"]


def test_patterns_go_through_links_once(tree: Path) -> None:
    assert names(tree, matching(f"{tree}/**/[bc].pts")) == ["real/b.pts", "also/c.pts"]
    assert names(tree, matching(f"{tree}/r*/?.t?t")) == ["real/a.txt"]


def test_a_pattern_that_is_the_name_of_a_file_means_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "me [2020]"
    folder.mkdir()
    for name in ("a[1].jpg", "a1.jpg", ".b.jpg", "c.jpg"):
        (folder / name).touch()
    assert names(folder, matching(f"{folder}/*.jpg")) == ["a1.jpg", "a[1].jpg", "c.jpg"]
    assert names(folder, matching(f"{folder}/a[1].jpg")) == ["a[1].jpg"]
    assert names(folder, matching(f"{folder}/.b*")) == [".b.jpg"]
    assert matching(f"{folder}/gone*") == []
    monkeypatch.chdir(folder)
    assert matching("[c].jpg") == [Path("c.jpg")]
    assert matching("**/c*") == [Path("c.jpg")]
