"""`zoo push`: a finished run to a hub, with its card.

It publishes the files that :mod:`zoo.runs.hub` fetches. They name no folder of this machine and no
person of the data; the predictions of the run are not published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from ..api import DataError, UsageError
from ..config import Config, dumps, from_dict
from ..evaluation.records import Record, layout
from ..evaluation.scores.predictions import load as predictions_of
from ..files.by_content import FOLDER
from ..registry import Resolved
from ..runs.folder import RunFolder
from ..runs.hub import CARD, CONFIG, ONNX, RECORD, SCHEME, TIMEOUT, WEIGHTS, Address, errors_of
from ..runs.trained import load_trained
from .card import model_card
from .measured import measured


@dataclass(frozen=True)
class Pushed:
    """What was published, and where."""

    url: str
    """Address of the commit."""
    address: str
    """What :func:`zoo.load` takes: the repository, at the revision that was named."""
    pinned: str
    """The same address at this commit, so that its content never changes."""
    files: tuple[str, ...]


def push(
    run: str | Path,
    address: str,
    *,
    private: bool = False,
    revision: str = "",
    license: str = "",
    onnx: bool = False,
) -> Pushed:
    """Publish a finished run at ``hf://user/name``, which is made where it does not exist.

    Args:
        run: Folder of the run.
        address: Repository on the hub: ``hf://user/name``.
        private: Make a new repository private.
        revision: Branch to push to, which is made where it does not exist; empty: main.
        license: Licence that you publish under, by its name on the hub, such as ``mit``.
        onnx: Export model.onnx anew and publish it too.

    Returns:
        Where it was published, and which files.

    Raises:
        UsageError: The run is not finished, or there is no token to write with.
        WeightsError: The weights cannot be loaded.
        DataError: The hub refuses; nothing has been published then.

    Example:
        Once HF_TOKEN holds a token that may write:

        >>> import zoo
        >>> pushed = zoo.push("runs/my-run", "hf://tester/my-run", license="mit")
        >>> pushed.files
        ('README.md', 'config.toml', 'record.json', 'best.safetensors')
    """
    target = _target(address, revision)
    folder = RunFolder(Path(run))
    files = _files(folder, target, license, onnx)
    from huggingface_hub import CommitOperationAdd, HfApi, get_token

    if get_token() is None:
        raise UsageError(
            f"{target}: no token to write there with: set HF_TOKEN, or run `hf auth login`"
        )
    api = HfApi(library_name="landmark-zoo", library_version=metadata.version("landmark-zoo"))
    with errors_of(target):
        api.create_repo(target.repository, private=private or None, exist_ok=True)
        if private and not api.model_info(target.repository, timeout=TIMEOUT).private:
            raise UsageError(
                f"{target}: exists and is public, so --private cannot hide what is pushed there; "
                "make it private on the hub, or choose another name"
            )
        if target.revision:
            api.create_branch(target.repository, branch=target.revision, exist_ok=True)
        done = api.create_commit(
            target.repository,
            [CommitOperationAdd(name, content) for name, content in files.items()],
            commit_message=f"{folder.path.resolve().name}, by landmark-zoo",
            revision=target.revision or None,
        )
    return Pushed(
        url=str(done.commit_url),
        address=str(target),
        pinned=f"{SCHEME}{target.repository}@{done.oid}",
        files=tuple(files),
    )


def _target(address: str, revision: str) -> Address:
    target = Address.parse(address)
    if revision:
        if target.revision not in ("", revision):
            raise UsageError(f"{address}: --revision names another one, {revision}")
        target = Address.parse(f"{SCHEME}{target.repository}@{revision}")
    if target.pinned:
        raise UsageError(f"{target}: a commit cannot be pushed to; name a branch, or none")
    return target


def _files(folder: RunFolder, target: Address, license: str, onnx: bool) -> dict[str, Any]:
    """The files by name: the bytes of each, or the path of a large one."""
    config = folder.read_config()
    record = folder.read_record()
    load_trained(folder)  # raises for weights that cannot be loaded
    require_no_names(folder, record)
    files: dict[str, Any] = {
        CARD: model_card(
            record, str(target), license=license, onnx=onnx, measured=measured(folder)
        ).encode(),
        CONFIG: dumps(from_dict(config.to_share())).encode(),
        RECORD: f"{layout(record.raw)}\n".encode(),
        WEIGHTS: str(folder.best),
        **{name: str(path) for name, path in brought_files(config).items()},
    }
    if onnx:
        from .export import export_onnx

        files[ONNX] = str(export_onnx(folder.path).path)
    return files


def brought_files(config: Config) -> dict[str, Path]:
    """The files that options of a model's plugins name: where each is kept, by its path beside a
    published run."""
    plugins: list[Resolved[Any]] = [config.plugin(kind) for kind in ("backbone", "head")]
    paths = [Path(path) for plugin in plugins for path in plugin.files.values()]
    return {f"{FOLDER}/{path.name}": path for path in paths}


def require_no_names(folder: RunFolder, record: Record) -> None:
    """Raises :class:`DataError` for a record that names a person or a frame of the data. Records of
    the zoo do not, but one that was written by hand or by another tool may."""
    texts = set(_texts(record.raw))
    for split in record.results:
        path = folder.predictions(split)
        if not path.is_file():
            continue
        predictions = predictions_of(path)
        names = {p for p in predictions.people if p} | set(predictions.ids)
        if names & texts:
            raise DataError(
                f"{folder.record}: names a person or a frame of the data, and is not published; "
                f"score the run again: zoo evaluate {folder.path}"
            )


def _texts(value: Any) -> Sequence[str]:
    """All strings in a record, keys included."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [*value, *(text for item in value.values() for text in _texts(item))]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return []
