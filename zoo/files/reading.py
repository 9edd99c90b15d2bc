"""Reads files that may be broken or hostile: regular files only, and only up to a size limit.

A name may lead to a device that never ends, to a pipe that nobody writes to, or to a file that is
larger than the memory. Every file that the zoo reads completely into memory is read here; a file
that a library opens by its name is checked by :func:`require_regular` first.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo.api import DataError, ZooError

MIB = 1 << 20
MOST_SETTINGS = MIB
"""Largest file with settings (a configuration, a recipe, a catalogue), in bytes."""
MOST_JSON = 64 * MIB
MOST_TABLE = 1 << 30
"""Largest table, in bytes: one of a million faces with 68 points is smaller."""
LONGEST_LINE = MIB
"""Longest line, in characters: one with a thousand points has 20 thousand."""
csv.field_size_limit(LONGEST_LINE)  # so that no cell of such a line is too long for csv.reader


def open_regular(
    path: str | Path, most: int | None = None, error: type[ZooError] = DataError
) -> io.BufferedReader:
    """The file, open for reading bytes.

    Raises ``error``, with the file's name, for one that is missing or cannot be opened, that is no
    regular file, or that has more than ``most`` bytes.
    """
    descriptor, _ = _opened(path, most, error)
    return os.fdopen(descriptor, "rb")


def require_regular(
    path: str | Path, most: int | None = None, error: type[ZooError] = DataError
) -> Path:
    """Check that the path is a regular file of at most ``most`` bytes, before a library opens it,
    and return the path. Raises as :func:`open_regular` does."""
    try:
        status = os.stat(path)
    except (OSError, ValueError) as failure:
        raise error(_reason(path, failure)) from failure
    _check(path, status, most, error)
    return Path(path)


def read_bytes(path: str | Path, most: int, error: type[ZooError] = DataError) -> bytes:
    """All of a file of at most ``most`` bytes. Raises as :func:`open_regular` does."""
    return read_whole(path, most, error)[0]


def read_whole(
    path: str | Path, most: int, error: type[ZooError] = DataError
) -> tuple[bytes, os.stat_result]:
    """The bytes as :func:`read_bytes` gives them, and the file's status."""
    descriptor, status = _opened(path, most, error)
    try:
        # a buffer of the stated size: to allocate ``most`` bytes takes longer than to read the file
        content = os.read(descriptor, status.st_size + 1)
        while len(content) <= most and (more := os.read(descriptor, MIB)):
            content += more
    except OSError as failure:
        raise error(_reason(path, failure)) from failure
    finally:
        os.close(descriptor)
    if len(content) > most:  # the file grew, or it is a system file that states no size
        raise error(_too_large(path, most))
    return content, status


def read_text(
    path: str | Path,
    most: int = MOST_SETTINGS,
    error: type[ZooError] = DataError,
    *,
    encoding: str = "utf-8-sig",
    errors: str = "strict",
) -> str:
    """All of a file as text, with ``\\n`` as line ends and without a byte order mark. Raises as
    :func:`open_regular` does, and for text of another encoding."""
    content = read_bytes(path, most, error)
    try:
        text = content.decode(encoding, errors)
    except UnicodeDecodeError as failure:
        raise error(f"{path}: not text in {_named(encoding)}: {failure}") from failure
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_lines(
    path: str | Path,
    most: int = MOST_TABLE,
    error: type[ZooError] = DataError,
    *,
    encoding: str = "utf-8-sig",
    errors: str = "strict",
) -> Iterator[str]:
    """A file's lines with their ends, as ``csv.reader`` needs them, one in memory at a time; a byte
    order mark is left out. Raises as :func:`open_regular` does, and for text of another encoding
    or a line of more than ``LONGEST_LINE`` characters."""
    try:
        with (
            open_regular(path, most, error) as stream,
            io.TextIOWrapper(stream, encoding, errors, newline="") as text,
        ):
            while line := text.readline(LONGEST_LINE + 1):
                if len(line) > LONGEST_LINE:
                    raise error(
                        f"{path}: has a line of more than {LONGEST_LINE:,} characters, so it is "
                        "no table of text"
                    )
                yield line
    except UnicodeDecodeError as failure:
        raise error(f"{path}: not text in {_named(encoding)}: {failure}") from failure
    except OSError as failure:
        raise error(_reason(path, failure)) from failure


def digest(path: str | Path, error: type[ZooError] = DataError) -> str:
    """sha256 of a file's bytes, in hexadecimal. Raises as :func:`open_regular` does."""
    try:
        with open_regular(path, None, error) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as failure:
        raise error(_reason(path, failure)) from failure


def read_json(path: str | Path, most: int = MOST_JSON, error: type[ZooError] = DataError) -> Any:
    """The content of a JSON file. Numbers that are not finite are refused, since JSON has none."""
    return parse_json(read_text(path, most, error), str(path), error)


def parse_json(text: str, where: str, error: type[ZooError] = DataError) -> Any:
    """The content of a JSON text. Raises ``error``, which calls the text ``where``, for a text that
    is no JSON."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as failure:
        raise error(f"{where}: not JSON: it is nested too deeply") from failure
    except ValueError as failure:
        raise error(f"{where}: not JSON: {failure}") from failure


def read_toml(
    path: str | Path, most: int = MOST_SETTINGS, error: type[ZooError] = DataError
) -> dict[str, Any]:
    """The content of a TOML file."""
    return parse_toml(read_text(path, most, error), str(path), error)


def parse_toml(text: str, where: str, error: type[ZooError] = DataError) -> dict[str, Any]:
    """The content of a TOML text. Raises ``error``, which calls the text ``where``, for a text that
    is no TOML."""
    try:
        return tomllib.loads(text)
    except RecursionError as failure:
        raise error(f"{where}: not TOML: it is nested too deeply") from failure
    except ValueError as failure:
        raise error(f"{where}: not TOML: {failure}") from failure


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not finite")


def _opened(
    path: str | Path, most: int | None, error: type[ZooError]
) -> tuple[int, os.stat_result]:
    """The descriptor of a regular file of at most ``most`` bytes."""
    try:
        # a pipe without a writer would let a plain open wait for ever
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as failure:
        raise error(_reason(path, failure)) from failure
    try:
        status = os.fstat(descriptor)
        _check(path, status, most, error)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, status


def _check(
    path: str | Path, status: os.stat_result, most: int | None, error: type[ZooError]
) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise error(f"{path}: is a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise error(f"{path}: is no regular file (a pipe, a device or a socket), so it is not read")
    if most is not None and status.st_size > most:
        raise error(_too_large(path, most))


def _too_large(path: str | Path, most: int) -> str:
    limit = f"{most // MIB:,} MiB" if most >= MIB else f"{most:,} bytes"
    return f"{path}: is larger than {limit}, the most that is read of such a file"


def _reason(path: str | Path, failure: Exception) -> str:
    if isinstance(failure, FileNotFoundError | NotADirectoryError):
        return f"{path}: no such file"
    reason = failure.strerror if isinstance(failure, OSError) else None
    return f"{path}: cannot be read: {reason or failure}"


def _named(encoding: str) -> str:
    return encoding.upper().removesuffix("-SIG")
