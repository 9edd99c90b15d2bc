"""Names of files that one system writes in one form and another system stores in another form."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from zoo.api import DataError
from zoo.files.names import find_file, readable


@pytest.mark.parametrize(
    "kept", [b"plain.jpg", "Zo\u00eb.jpg".encode(), "Zoe\u0308.jpg".encode(), b"Zo\xeb.jpg"]
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_file_is_found_under_the_name_that_its_disk_keeps(
    tmp_path: Path, kept: bytes, form: str
) -> None:
    try:
        (tmp_path / os.fsdecode(kept)).touch()
    except OSError:  # a system whose names are all Unicode
        return
    written = "plain.jpg" if b"plain" in kept else unicodedata.normalize("NFC", "Zo\u00eb.jpg")
    if form == "NFD" and kept == b"Zo\xeb.jpg":
        return  # an accent by itself is no letter of a code page
    found = find_file(tmp_path, unicodedata.normalize(form, written))
    assert found is not None
    assert found.is_file()


def test_what_is_not_there_or_leads_out_is_not_found(tmp_path: Path) -> None:
    assert find_file(tmp_path, "\u65e5\u672c.jpg") is None
    with pytest.raises(DataError, match="no path below"):
        find_file(tmp_path, "../x.jpg")


def test_any_name_can_be_written(tmp_path: Path) -> None:
    assert readable(os.fsdecode(b"z\xfc.jpg")) in ("z\\xfc.jpg", "z\u00fc.jpg")
    assert readable("Zo\u00eb \u65e5.jpg") == "Zo\u00eb \u65e5.jpg"


def test_a_name_that_no_disk_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no name of a file"):
        find_file(tmp_path, "x" * 5000)
