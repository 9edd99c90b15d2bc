"""Models on a hub with Hugging Face's protocol: ``hf://user/name`` and ``hf://user/name@REV``.

A repository holds what a run needs to predict: its weights as safetensors, its configuration, its
record, a card, and the files that options of its plugins stand for, each under its sha256. Nothing
else is ever fetched from one: other formats of weights can run code when they are read.
``HF_ENDPOINT`` names another hub; the token is taken from where its own tools keep it:
``HF_TOKEN``, or what `hf auth login` stored.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from ..api import DataError, UsageError, WeightsError
from ..api.notices import warn
from ..files import zoo_home
from ..files.by_content import is_brought

SCHEME = "hf://"
WEIGHTS, CONFIG, RECORD, CARD, ONNX = (
    "best.safetensors",
    "config.toml",
    "record.json",
    "README.md",
    "model.onnx",
)
FETCHED = (WEIGHTS, CONFIG, RECORD, CARD)
"""All files that are fetched from a repository, besides those that options stand for."""

TIMEOUT = 10.0
"""Seconds for the first answer: without a network, the hub's library tries for half a minute."""

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
# a part begins with a letter or a figure: none can be "..", and none is empty, so that no revision
# leads out of the folder that it is kept in
_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_ADDRESS = re.compile(
    rf"(?P<repository>{_NAME}/{_NAME})(?:@(?P<revision>{_PART}(?:/{_PART}){{0,8}}))?"
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_MARK = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True)
class Address:
    """A repository, and a commit, branch or tag of it; "": its main branch."""

    repository: str
    revision: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Raises :class:`UsageError` that shows how an address is written."""
        found = _ADDRESS.fullmatch(text.removeprefix(SCHEME))
        if not text.startswith(SCHEME) or not found or ".." in text or "--" in found["repository"]:
            raise UsageError(
                f"{text}: no address on the hub; it is written {SCHEME}user/name or "
                f"{SCHEME}user/name@revision, in letters, digits, -, _ and ."
            )
        return cls(found["repository"], found["revision"] or "")

    @property
    def pinned(self) -> bool:
        """Whether the revision is a commit, which never changes."""
        return bool(_COMMIT.fullmatch(self.revision))

    def __str__(self) -> str:
        return SCHEME + self.repository + (f"@{self.revision}" if self.revision else "")


def fetch(text: str) -> Path:
    """The folder of a published run, fetched where it is not here yet: files of one commit, below
    ``ZOO_HOME/hub``.

    Without a network, the commit that was fetched last is used. Raises :class:`UsageError` for a
    text that is no address, :class:`WeightsError` for a repository without such weights, and
    :class:`DataError` for one that cannot be fetched, each in one line.
    """
    address = Address.parse(text)
    if address.pinned and (here := _cached(address)):
        return here
    try:
        with errors_of(address):
            return _download(address, _files(address))
    except UnreachableError as error:
        if here := _cached(address):
            warn(f"{error}: {address} as it was fetched last, {here.name[:12]}")
            return here
        raise DataError(f"{error}, and {address} was never fetched here") from error


def _files(address: Address) -> list[str]:
    """Names of the files to fetch."""
    from huggingface_hub import HfApi

    revision = address.revision or None
    info = HfApi().model_info(address.repository, revision=revision, timeout=TIMEOUT)
    # names that the hub gives become names of folders and files on this machine
    if not isinstance(info.sha, str) or not _COMMIT.fullmatch(info.sha):
        raise DataError(f"{address}: the hub names no commit: {str(info.sha)[:60]!r}")
    names = [each.rfilename for each in info.siblings or ()]
    if wrong := [n for n in names if not isinstance(n, str) or not _is_below(n)]:
        raise DataError(f"{address}: the hub lists {str(wrong[0])[:60]!r}, which is no file's name")
    _require_weights(address, names)
    to_fetch = [name for name in names if name in FETCHED or is_brought(name)]
    for name in to_fetch:
        _require_plain_marks(address, name, info.sha)
    return to_fetch


def _require_plain_marks(address: Address, name: str, commit: str) -> None:
    """Refuse odd marks of a file: the hub's library uses them as names of files on this machine."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(address.repository, name, revision=commit)
    found = get_hf_file_metadata(url, timeout=TIMEOUT)
    for mark in (found.etag, found.commit_hash):
        if mark is not None and not _MARK.fullmatch(mark):
            raise DataError(f"{address}: the hub marks {name} by {mark[:60]!r}, which is no digest")


def _is_below(name: str) -> bool:
    """Whether a file of this name stays below the folder that it is put into."""
    parts = PurePosixPath(name).parts
    return bool(parts) and name[0] != "/" and ".." not in parts and not set(name) & set("\\:\0")


def _require_weights(address: Address, files: list[str]) -> None:
    if WEIGHTS in files:
        return
    other = [f for f in files if Path(f).suffix in (".bin", ".pt", ".pth", ".pkl", ".ckpt", ".h5")]
    has = f"; it has {other[0]}, which could run code when it is read" if other else ""
    raise WeightsError(
        f"{address}: holds no {WEIGHTS}, and nothing else is loaded{has}. "
        "`zoo push RUN` publishes a run"
    )


def _download(address: Address, names: Sequence[str] = (), **options: Any) -> Path:
    from huggingface_hub import constants, snapshot_download

    folder = snapshot_download(
        address.repository,
        revision=address.revision or None,
        allow_patterns=list(names),
        cache_dir=zoo_home() / "hub",
        endpoint=constants.ENDPOINT,
        library_name="landmark-zoo",
        library_version=metadata.version("landmark-zoo"),
        **options,
    )
    return Path(folder)


def _cached(address: Address) -> Path | None:
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = _download(address, local_files_only=True)
    except LocalEntryNotFoundError:
        return None
    return folder if (folder / WEIGHTS).is_file() else None


class UnreachableError(DataError):
    """The hub could not be reached; a copy that is here already may serve."""


@contextmanager
def errors_of(address: Address) -> Iterator[None]:
    """Turn errors of the hub, or of its library, into one line that a user can act on."""
    from huggingface_hub import constants, utils
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    tools: Any = utils  # its types do not tell what it exports
    quiet = not sys.stderr.isatty()
    if quiet:  # in a log file every step of a bar is a line
        tools.disable_progress_bars()
    where = constants.ENDPOINT
    try:
        yield
    except (DataError, UsageError, WeightsError):
        raise
    except GatedRepoError as error:
        page = f"{where}/{address.repository}"
        raise DataError(f"{address}: its owner wants terms accepted first, at {page}") from error
    except RevisionNotFoundError as error:
        raise DataError(
            f"{address}: the repository has no revision {address.revision or 'main'}"
        ) from error
    except RepositoryNotFoundError as error:
        raise DataError(
            f"{address}: {where} has no such repository, or it is private and the token does not "
            "open it; check the name, or set HF_TOKEN"
        ) from error
    except HfHubHTTPError as error:
        raise _refused(address, where, error) from error
    # an answer that is no JSON or has another form than agreed, or a card that the hub refuses
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{address}: {where} and its library disagree: {reason}") from error
    except (OfflineModeIsEnabled, LocalEntryNotFoundError, OSError) as error:
        raise _unreachable(where, error) from error
    except Exception as error:
        # the library's client for HTTP has changed twice, and its errors are not all OSErrors
        if type(error).__module__.partition(".")[0] not in ("httpx", "httpx2", "requests"):
            raise
        raise _unreachable(where, error) from error
    finally:
        if quiet:
            tools.enable_progress_bars()


def _refused(address: Address, where: str, error: Any) -> DataError:
    status = getattr(error.response, "status_code", 0)
    if status == 401:
        return DataError(
            f"{address}: {where} does not know the token (401): set HF_TOKEN to one of yours, or "
            "run `hf auth login`"
        )
    if status == 403:
        return DataError(
            f"{address}: the token may not do that (403): it needs the right to write to "
            f"{address.repository.partition('/')[0]}"
        )
    reason = (getattr(error, "server_message", None) or str(error)).strip().splitlines()
    return DataError(f"{address}: {where} answers {status}: {reason[0][:200] if reason else ''}")


def _unreachable(where: str, error: Exception) -> UnreachableError:
    reason = (str(error).strip().splitlines() or [""])[0][:120]
    return UnreachableError(f"{where} cannot be reached ({type(error).__name__}: {reason})")
