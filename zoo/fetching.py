"""Downloading the files of a manifest; each file is verified, and a broken download continues.

A file appears under its name only when it is complete: it is read into memory (the manifest says
how large it may be), compared with its sha256, written under a temporary name and renamed. A
complete file is not downloaded again, so the same call continues where an earlier one broke off.

`pooch` verifies and renames too, but it opens a connection for each file, retries a "not found" as
often as a broken connection, and tries each of thousands of files although the host is unreachable.
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
"""Maximum number of attempts for one file."""
PAUSE = 0.5
"""Seconds between attempts, doubled each time; the second attempt is made at once."""
LONGEST_WAIT = 60.0
"""Maximum number of seconds to wait where a server says how long to wait."""
TIMEOUT = (10.0, 30.0)
"""Seconds to connect, and seconds between two pieces of a response."""
FRUITLESS_FILES = 20
"""After this many failed files in a row, the remaining files are not tried."""


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
    """Fetch every file of ``manifest`` from ``source`` (a URL or a folder) to ``root``, ``jobs``
    at a time; returns how many were missing.

    Broken connections, incomplete or wrong responses and server errors are tried again, with
    growing pauses; a host that does not answer at all is given up after a few attempts. Raises
    :class:`DataError` that says how many files are there, how many failed, and the first reasons.
    A path of the manifest that leads out of the root is an error before anything is fetched.
    """
    if jobs < 1:
        raise UsageError(f"--jobs must be 1 or more, not {jobs}")
    for entry in manifest:
        inside(root, entry.path)
    # slow to import, and listing data sets imports this module
    from urllib3.util.retry import Retry

    retries = Retry(ATTEMPTS - 1, backoff_factor=PAUSE)
    read = _reader(source, jobs)
    state = _SourceState(unreachable_limit=4 + jobs)
    done, fetched, failures = 0, 0, list[str]()
    with ThreadPoolExecutor(jobs) as pool:
        tasks = {
            pool.submit(_fetch_file, entry, root, read, state, retries): entry for entry in manifest
        }
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
        except BaseException:  # such as Ctrl-C: end running downloads, drop waiting ones
            state.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if done < len(manifest):
        present = f"{done} of {len(manifest)} files are in {root}"
        untried = len(manifest) - done - len(failures)
        raise DataError(_summary(source, present, failures, untried, state.unreachable))
    return fetched


class NotFetchedError(DataError):
    """A file that no source could provide; the caller may be able to do without it."""


def fetch_quickly(entry: ManifestFile, root: Path, sources: Sequence[str], seconds: float) -> None:
    """Fetch one small file to ``root`` from the first of ``sources`` that has it: one attempt at
    each, and at most ``seconds`` in all.

    Raises :class:`NotFetchedError` with the reasons in one line.
    """
    failures: list[tuple[str, str]] = []

    def fetch() -> None:
        for source in sources:
            try:
                content = _reader(source, 1)(entry)
                _verify(content, entry)
                _write(inside(root, entry.path), content)
                return
            except _AttemptError as error:
                failures.append((urlsplit(source).hostname or source, str(error)))

    # a thread, since looking up a host can take longer than the timeout of a connection
    thread = Thread(target=fetch, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        late = f"no answer within {seconds:g} seconds"
        raise NotFetchedError("; ".join([*_in_words(failures), late]))
    if len(failures) == len(sources):
        raise NotFetchedError("; ".join(_in_words(failures)))


def _in_words(failures: Iterable[tuple[str, str]]) -> list[str]:
    """Each reason once, with the hosts that it applies to."""
    hosts: dict[str, list[str]] = {}
    for host, reason in dict.fromkeys(failures):
        hosts.setdefault(reason, []).append(host)
    return [f"{' and '.join(named)}: {reason}" for reason, named in hosts.items()]


class _AttemptError(Exception):
    """An attempt that fetched no file.

    ``retry``: whether another attempt may succeed; ``reached``: whether the source answered at all;
    ``wait``: seconds that the source asked to wait.
    """

    def __init__(
        self, reason: str, *, retry: bool = True, reached: bool = True, wait: float = 0.0
    ) -> None:
        super().__init__(reason)
        self.retry, self.reached, self.wait = retry, reached, wait


class _SourceState:
    """What all threads know about the source; sets ``stop`` once further attempts are useless."""

    def __init__(self, unreachable_limit: int) -> None:
        self.stop = Event()
        self.unreachable = ""
        """Why the source counts as unreachable; empty while it does not."""
        self._unreachable_limit = unreachable_limit
        self._lock = Lock()
        self._unreachable_attempts = self._failed_in_a_row = 0

    def fetched(self) -> None:
        with self._lock:
            self._unreachable_attempts = self._failed_in_a_row = 0

    def attempt_failed(self, error: _AttemptError) -> None:
        with self._lock:
            self._unreachable_attempts = 0 if error.reached else self._unreachable_attempts + 1
            if self._unreachable_attempts >= self._unreachable_limit:
                self.unreachable = str(error)
                self.stop.set()

    def file_failed(self) -> None:
        with self._lock:
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= FRUITLESS_FILES:
                self.stop.set()


_Read = Callable[[ManifestFile], bytes]
"""Reads the bytes of an entry, at most one piece more than its size; raises _AttemptError."""


def _fetch_file(
    entry: ManifestFile, root: Path, read: _Read, state: _SourceState, retries: Retry
) -> bool:
    """Whether the file was missing. Raises _AttemptError, or CancelledError if it was not tried."""
    path = inside(root, entry.path)
    if is_whole(path, entry):
        return False
    if state.stop.is_set():
        raise CancelledError
    while True:
        try:
            content = read(entry)
            _verify(content, entry)
            _write(path, content)
        except _AttemptError as error:
            state.attempt_failed(error)
            if error.retry and retries.total:
                retries = retries.increment(error=error)
                pause = max(retries.get_backoff_time(), error.wait)
                if not state.stop.wait(pause):
                    continue
            state.file_failed()
            raise
        state.fetched()
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

    # a session keeps connections open: opening one takes longer than fetching a small file
    session = requests.Session()
    session.headers["Accept-Encoding"] = "identity"  # so that an incomplete response is noticed
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=jobs))

    def read(entry: ManifestFile) -> bytes:
        url = source.rstrip("/") + "/" + quote(entry.path)
        content = bytearray()
        try:
            with session.get(url, stream=True, timeout=TIMEOUT) as response:
                if response.status_code != 200:
                    code = response.status_code
                    raise _AttemptError(
                        f"the server answered {code} {response.reason}",
                        retry=code >= 500 or code in (408, 429),
                        wait=_seconds(response.headers.get("Retry-After", "")),
                    )
                for piece in response.iter_content(1 << 16):
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
    """The innermost error in words: `requests` wraps a refused connection four times."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    reason = error.strerror if isinstance(error, OSError) else ""
    return reason or str(error) or type(error).__name__


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _summary(
    source: str, present: str, failures: Sequence[str], untried: int, unreachable: str
) -> str:
    go_on = "the same command goes on from here; --from takes a mirror's address or a folder"
    if unreachable:
        return (
            f"{source} cannot be reached: {unreachable}. {present}; check the network, then {go_on}"
        )
    given_up = f" and {untried} were not tried any more" if untried else ""
    reasons = "; ".join(failures[:3])
    return f"{source}: {len(failures)} failed{given_up}. First: {reasons}. {present}; {go_on}"
