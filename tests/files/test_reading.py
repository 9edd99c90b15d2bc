"""Untrusted files: one that is not regular, or is too large, is refused and never read."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from zoo.api import DataError, UsageError, WeightsError
from zoo.files import reading

READERS: dict[str, Callable[[Path], object]] = {
    "bytes": lambda path: reading.read_bytes(path, 1000),
    "text": reading.read_text,
    "lines": lambda path: list(reading.read_lines(path)),
    "json": reading.read_json,
    "toml": reading.read_toml,
    "digest": reading.digest,
    "require": reading.require_regular,
}

reads = pytest.mark.parametrize("read", READERS.values(), ids=READERS)


@reads
def test_a_missing_file_and_a_folder_are_named(read: Callable[[Path], object], tmp_path: Path):
    with pytest.raises(DataError, match="none: no such file"):
        read(tmp_path / "none")
    with pytest.raises(DataError, match="is a folder, not a file"):
        read(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="its devices have other names")
@reads
def test_devices_and_pipes_are_not_read(read: Callable[[Path], object], tmp_path: Path):
    """A pipe would wait for a writer, and the device gives zeros for ever."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    for name in ("pipe", "zeros"):
        with pytest.raises(DataError, match=f"{name}: is no regular file"):
            read(tmp_path / name)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path):
    path = tmp_path / "large"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)  # takes no space on the disk
    with pytest.raises(DataError, match="is larger than 64 MiB"):
        reading.read_json(path)
    with pytest.raises(WeightsError, match="is larger than 1 MiB"):
        reading.read_toml(path, error=WeightsError)


def test_a_line_without_an_end_is_no_table(tmp_path: Path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"a,b\n" + bytes(3 << 20))
    lines = reading.read_lines(path)
    assert next(lines) == "a,b\n"
    with pytest.raises(DataError, match=r"table\.csv: has a line of more than 1,048,576"):
        next(lines)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff\xfe", "not text in UTF-8"),
        (b'{"a": NaN}', "NaN is not finite"),
        (b"1" * 5000, "limit"),
        (b"", "not JSON"),
    ],
)
def test_invalid_json_is_refused_with_its_reason(content: bytes, reason: str, tmp_path: Path):
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"file\.json: .*{reason}"):
        reading.read_json(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a = " + b"[" * 100_000, "nested too deeply"),
        (b"a = 1\nb", "not TOML"),
        (b"\0", "not TOML"),
        (b"a = 1979-99-99", "not TOML"),
    ],
)
def test_invalid_toml_is_refused_with_its_reason(content: bytes, reason: str, tmp_path: Path):
    path = tmp_path / "file.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=rf"file\.toml: .*{reason}"):
        reading.read_toml(path, error=UsageError)


def test_line_ends_and_byte_order_marks_are_no_content(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"\xef\xbb\xbfa,b\r\n1,2\r\n")
    assert list(reading.read_lines(path)) == ["a,b\r\n", "1,2\r\n"]
    path.write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 2\r")
    assert reading.read_toml(path) == {"a": 1, "b": 2}
