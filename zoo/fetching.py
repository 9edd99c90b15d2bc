"""Downloading the files of a manifest, each verified, so that a broken download goes on.

Files appear under their names only when whole: a file is read into memory (the manifest says how
large it may be), compared with its sha256, written under a temporary name and renamed. What stands
is never asked for again, so the same call goes on where an earlier one broke off.

`pooch` verifies and renames too, but opens a connection a file, repeats a "not found" as patiently
as a broken line, and does not notice that a host is gone for all the thousands of files alike.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from zoo.api import DataError, UsageError
from zoo.api.contracts import FetchProgress
from zoo.files.names import inside
from zoo.files.reading import open_regular, read_lines

if TYPE_CHECKING:
    from urllib3.util.retry import Retry

ATTEMPTS = 5
"""Most attempts at one file."""
PAUSE = 0.5
"""Seconds, which double from attempt to attempt; the second one is made at once."""
LONGEST_WAIT = 60.0
"""Seconds, for servers that say how long to wait."""
TIMEOUT = (10.0, 30.0)
"""Seconds to connect, and between two pieces of an answer."""
FRUITLESS_FILES = 20
"""After so many failed files with none fetched in between, the rest is not tried."""


@dataclass(frozen=True)
class ManifestFile:
    """One file: path below the root (forward slashes), size, digest in hexadecimal."""

    path: str
    bytes: int
    sha256: str


def read_manifest(path: Path) -> tuple[ManifestFile, ...]:
    """The manifest in a CSV file with the columns path, bytes, sha256."""
    rows = csv.DictReader(read_lines(path))
    return tuple(ManifestFile(row["path"], int(row["bytes"]), row["sha256"]) for row in rows)


def is_whole(path: Path, entry: ManifestFile) -> bool:
    """Whether the file has the size and the sha256 of its entry."""
    if not path.is_file() or path.stat().st_size != entry.bytes:
        return False
    return _digest(path.read_bytes()) == entry.sha256


def fetch_files(
    manifest: Sequence[ManifestFile],
    root: Path,
    source: str,
    *,
    jobs: int = 8,
    progress: FetchProgress | None = None,
) -> int:
    """Brings every file of ``manifest`` from ``source`` (a URL or a folder) to ``root``, ``jobs``
    at a time; how many were missing.

    Broken connections, short or wrong answers and a server's own errors are tried again, with
    growing pauses; a host that does not answer at all is given up after a few attempts. Raises
    :class:`DataError` that says how many files stand, how many failed, and the first reasons; a
    path of the manifest that leads out of the root stops it before anything is fetched.
    """
    if jobs < 1:
        raise UsageError(f"--jobs must be 1 or more, not {jobs}")
    for entry in manifest:
        inside(root, entry.path)
    # slow to import, and listing data sets imports this module
    from urllib3.util.retry import Retry

    retries = Retry(ATTEMPTS - 1, backoff_factor=PAUSE)
    read = _reader(source, jobs)
    luck = _Luck(unreachable_limit=4 + jobs)
    done, fetched, failures = 0, 0, list[str]()
    with ThreadPoolExecutor(jobs) as pool:
        tasks = {pool.submit(_bring, entry, root, read, luck, retries): entry for entry in manifest}
        try:
            for task in as_completed(tasks):
                entry = tasks[task]
                try:
                    fetched += task.result()
                except CancelledError:
                    continue
                except _AttemptError as error:
                    failures.append(f"{entry.path}: {error}")
                    continue
                done += 1
                if progress is not None:
                    progress(done, len(manifest), entry.path)
        except BaseException:  # Ctrl-C above all: what runs ends, what waits is dropped
            luck.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if done < len(manifest):
        stands = f"{done} of {len(manifest)} files are in {root}"
        untried = len(manifest) - done - len(failures)
        raise DataError(_summary(source, stands, failures, untried, luck.gone))
    return fetched


class NotFetchedError(DataError):
    """A file that could not be had from anywhere; what asked for it may do without."""


def fetch_quickly(entry: ManifestFile, root: Path, sources: Sequence[str], seconds: float) -> None:
    """Brings one small file to ``root`` from the first of ``sources`` that has it: one attempt at
    each, and no more than so many seconds in all.

    Raises :class:`NotFetchedError` with the reasons in one line.
    """
    failures: list[tuple[str, str]] = []

    def bring() -> None:
        for source in sources:
            try:
                content = _reader(source, 1)(entry)
                _verify(content, entry)
                _write(inside(root, entry.path), content)
                return
            except _AttemptError as error:
                failures.append((urlsplit(source).hostname or source, str(error)))

    # of its own: looking up a host can take longer than any limit that a connection is given
    thread = Thread(target=bring, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        late = f"no answer within {seconds:g} seconds"
        raise NotFetchedError("; ".join([*_in_words(failures), late]))
    if len(failures) == len(sources):
        raise NotFetchedError("; ".join(_in_words(failures)))


def _in_words(failures: Iterable[tuple[str, str]]) -> list[str]:
    """Each reason once, with the hosts of which it is true."""
    hosts: dict[str, list[str]] = {}
    for host, reason in dict.fromkeys(failures):
        hosts.setdefault(reason, []).append(host)
    return [f"{' and '.join(named)}: {reason}" for reason, named in hosts.items()]


class _AttemptError(Exception):
    """An attempt that brought no file.

    ``retry``: whether another may; ``reached``: whether the source answered at all; ``wait``:
    seconds that it asked for.
    """

    def __init__(
        self, reason: str, *, retry: bool = True, reached: bool = True, wait: float = 0.0
    ) -> None:
        super().__init__(reason)
        self.retry, self.reached, self.wait = retry, reached, wait


class _Luck:
    """What all threads know of the source; sets ``stop`` once it is no use to go on."""

    def __init__(self, unreachable_limit: int) -> None:
        self.stop = Event()
        self.gone = ""
        """Why the source is taken to be out of reach; empty while it is not."""
        self._unreachable_limit = unreachable_limit
        self._lock = Lock()
        self._unreachable = self._fruitless = 0

    def fetched(self) -> None:
        with self._lock:
            self._unreachable = self._fruitless = 0

    def attempt_failed(self, error: _AttemptError) -> None:
        with self._lock:
            self._unreachable = 0 if error.reached else self._unreachable + 1
            if self._unreachable >= self._unreachable_limit:
                self.gone = str(error)
                self.stop.set()

    def file_failed(self) -> None:
        with self._lock:
            self._fruitless += 1
            if self._fruitless >= FRUITLESS_FILES:
                self.stop.set()


_Read = Callable[[ManifestFile], bytes]
"""The bytes of an entry, at most one piece more than it says; raises _AttemptError."""


def _bring(entry: ManifestFile, root: Path, read: _Read, luck: _Luck, retries: Retry) -> bool:
    """True: fetched; False: stood already. Raises _AttemptError, or CancelledError untried."""
    path = inside(root, entry.path)
    if is_whole(path, entry):
        return False
    if luck.stop.is_set():
        raise CancelledError
    while True:
        try:
            content = read(entry)
            _verify(content, entry)
            _write(path, content)
        except _AttemptError as error:
            luck.attempt_failed(error)
            if error.retry and retries.total:
                retries = retries.increment(error=error)
                pause = max(retries.get_backoff_time(), error.wait)
                if not luck.stop.wait(pause):
                    continue
            luck.file_failed()
            raise
        luck.fetched()
        return True


def _verify(content: bytes, entry: ManifestFile) -> None:
    if len(content) > entry.bytes:
        raise _AttemptError(f"more than the {entry.bytes} bytes of the manifest came")
    if len(content) < entry.bytes:
        raise _AttemptError(f"{len(content)} of {entry.bytes} bytes came")
    if _digest(content) != entry.sha256:
        raise _AttemptError("its sha256 is not that of the manifest: other or damaged content")


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise _AttemptError(f"cannot be written ({error})", retry=False) from error


def _reader(source: str, jobs: int) -> _Read:
    if source.startswith(("http://", "https://")):
        return _http_reader(source, jobs)
    folder = Path(os.path.expanduser(source))
    if not folder.is_dir():
        raise UsageError(f"--from {source}: neither an http(s) address nor a folder")
    return lambda entry: _read_file(folder, entry)


def _read_file(folder: Path, entry: ManifestFile) -> bytes:
    try:
        with open_regular(inside(folder, entry.path)) as file:
            return file.read(entry.bytes + 1)
    except (DataError, OSError) as error:
        raise _AttemptError(str(error), retry=False) from error


def _http_reader(source: str, jobs: int) -> _Read:
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()  # keeps connections open: most of the time of a small file
    session.headers["Accept-Encoding"] = "identity"  # so that a short answer is noticed as such
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=jobs))

    def read(entry: ManifestFile) -> bytes:
        url = source.rstrip("/") + "/" + quote(entry.path)
        content = bytearray()
        try:
            with session.get(url, stream=True, timeout=TIMEOUT) as answer:
                if answer.status_code != 200:
                    code = answer.status_code
                    raise _AttemptError(
                        f"the server answered {code} {answer.reason}",
                        retry=code >= 500 or code in (408, 429),
                        wait=_seconds(answer.headers.get("Retry-After", "")),
                    )
                for piece in answer.iter_content(1 << 16):
                    content += piece
                    if len(content) > entry.bytes:
                        break
        except requests.ConnectionError as error:
            raise _AttemptError(_innermost(error), reached=False) from error
        except requests.Timeout as error:
            raise _AttemptError("no answer in time", reached=False) from error
        except requests.exceptions.ChunkedEncodingError as error:
            raise _AttemptError(f"broke off before its {entry.bytes} bytes had come") from error
        except requests.RequestException as error:
            raise _AttemptError(f"{type(error).__name__}: {error}", retry=False) from error
        return bytes(content)

    return read


def _seconds(retry_after: str) -> float:
    """How long a server asks us to wait: it gives seconds or a date."""
    from urllib3.exceptions import InvalidHeader
    from urllib3.util.retry import Retry

    try:
        return min(Retry().parse_retry_after(retry_after), LONGEST_WAIT)
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0


def _innermost(error: BaseException) -> str:
    """What went wrong at the bottom: `requests` wraps a refused connection four times over."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    words = error.strerror if isinstance(error, OSError) else ""
    return words or str(error) or type(error).__name__


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _summary(source: str, stands: str, failures: Sequence[str], untried: int, gone: str) -> str:
    go_on = "the same command goes on from here; --from takes a mirror's address or a folder"
    if gone:
        return f"{source} cannot be reached: {gone}. {stands}; check the network, then {go_on}"
    given_up = f" and {untried} were not tried any more" if untried else ""
    reasons = "; ".join(failures[:3])
    return f"{source}: {len(failures)} failed{given_up}. First: {reasons}. {stands}; {go_on}"
