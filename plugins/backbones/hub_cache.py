"""Looks files up in the cache of the Hugging Face hub, and checks that the hub can be reached.

This is no plugin: the family of timm checks here before timm downloads. A repository is written
``owner/name`` or ``owner/name@revision``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError

from zoo.api import DataError
from zoo.files.reading import MOST_SETTINGS, read_json


def cached_folder(repository: str, files: Sequence[str]) -> Path | None:
    """The folder of the first of ``files`` that is in the cache; None where none is."""
    repo, _, revision = repository.partition("@")
    for file in files:
        path = try_to_load_from_cache(repo, file, revision=revision or None)
        if isinstance(path, str):
            return Path(path).parent
    return None


def cached_config(repository: str) -> dict[str, Any] | None:
    """timm's configuration of the repository; None where it is not in the cache."""
    folder = cached_folder(repository, ("config.json",))
    if folder is None:
        return None
    config = read_json(folder / "config.json", MOST_SETTINGS)
    if not isinstance(config, dict) or not isinstance(config.get("pretrained_cfg", {}), dict):
        raise DataError(f"{folder / 'config.json'}: is no configuration of a timm model")
    return {**config.get("pretrained_cfg", config), "hf_hub_id": repository}


def require(repository: str, files: Sequence[str]) -> None:
    """Raise the error of the hub's library at once, where the hub is needed and cannot be reached.

    Without this check, the library would retry for 24 seconds per file.
    """
    if cached_folder(repository, files):
        return
    repo, _, revision = repository.partition("@")
    # An HTTP error is left to timm, which may ask for other files.
    with contextlib.suppress(HfHubHTTPError):
        get_hf_file_metadata(hf_hub_url(repo, files[0], revision=revision or None), timeout=10)
