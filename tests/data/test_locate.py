"""Where data is looked for, and the error where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zoo.api import DataError, Dataset
from zoo.data.locate import default_root, find_root
from zoo.files import zoo_home


def never(*_: Any, **__: Any) -> Any:
    raise AssertionError("opened")


READ = Dataset(open=never)
FETCHED = Dataset(open=never, fetch=never)
DRAWN = Dataset(open=never, needs_root=False)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ZOO_DATA", raising=False)
    return tmp_path / "home"


def test_the_home_is_where_the_environment_says(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert zoo_home() == home
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ZOO_HOME", "~/mine")
    assert zoo_home() == tmp_path / "mine"
    monkeypatch.delenv("ZOO_HOME")
    assert zoo_home() == tmp_path / ".cache" / "landmark-zoo"


def test_a_root_that_is_named_is_taken(tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces.csv").write_text("")
    assert find_root("faces", READ, tmp_path / "faces") == (tmp_path / "faces").resolve()
    assert find_root("faces", READ, tmp_path / "faces.csv") == (tmp_path / "faces.csv").resolve()


def test_a_root_that_is_named_and_missing_is_an_error_even_with_data_at_home(
    home: Path, tmp_path: Path
) -> None:
    (home / "data" / "faces").mkdir(parents=True)
    with pytest.raises(DataError, match="typo: no such file or folder; --data"):
        find_root("faces", READ, tmp_path / "typo")


def test_the_shared_place_comes_before_the_home(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_home = home / "data" / "faces"
    at_home.mkdir(parents=True)
    assert find_root("faces", READ, None) == at_home.resolve() == default_root("faces").resolve()
    monkeypatch.setenv("ZOO_DATA", str(tmp_path / "shared"))
    assert find_root("faces", READ, None) == at_home.resolve()
    assert default_root("faces") == tmp_path / "shared" / "faces"
    (tmp_path / "shared" / "faces").mkdir(parents=True)
    assert find_root("faces", READ, None) == (tmp_path / "shared" / "faces").resolve()


def test_a_qualified_id_finds_the_same_folder(home: Path) -> None:
    (home / "data" / "faces").mkdir(parents=True)
    assert find_root("some-plugins/faces", READ, None) == (home / "data" / "faces").resolve()


def test_missing_data_is_an_error_that_names_the_commands_to_type(home: Path) -> None:
    with pytest.raises(DataError) as caught:
        find_root("landmark-zoo/faces", FETCHED, None)
    message = str(caught.value)
    assert message.startswith(f"faces: no data at {home / 'data' / 'faces'}. ")
    assert "`zoo data fetch faces`" in message
    assert "`--dataset synthetic`" in message
    with pytest.raises(DataError) as caught:
        find_root("faces", READ, None)
    assert "fetch" not in str(caught.value)
    assert "`--data ROOT`" in str(caught.value)


def test_a_drawn_data_set_has_no_root() -> None:
    assert find_root("synthetic", DRAWN, None) is None
