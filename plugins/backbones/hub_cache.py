"""What the cache of the Hugging Face hub holds, and whether the hub itself is within reach.

No plugin of its own: the family of timm asks here before it lets timm download. A repository is
written ``owner/name`` or ``owner/name@revision``.
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
    """The folder with the first of ``files`` that was ever downloaded; None where none was."""
    repo, _, revision = repository.partition("@")
    for file in files:
        path = try_to_load_from_cache(repo, file, revision=revision or None)
        if isinstance(path, str):
            return Path(path).parent
    return None


def cached_config(repository: str) -> dict[str, Any] | None:
    """timm's configuration of the repository; None where it was never downloaded."""
    folder = cached_folder(repository, ("config.json",))
    if folder is None:
        return None
    whole = read_json(folder / "config.json", MOST_SETTINGS)
    if not isinstance(whole, dict) or not isinstance(whole.get("pretrained_cfg", {}), dict):
        raise DataError(f"{folder / 'config.json'}: is no configuration of a timm model")
    return {**whole.get("pretrained_cfg", whole), "hf_hub_id": repository}


def require(repository: str, files: Sequence[str]) -> None:
    """Raise at once what the hub's library raises where the hub is needed and out of reach.

    Left to itself the library tries again and again, for 24 seconds a file.
    """
    if cached_folder(repository, files):
        return
    repo, _, revision = repository.partition("@")
    # An error that the hub answers with is timm's to explain: it knows other files to ask for.
    with contextlib.suppress(HfHubHTTPError):
        get_hf_file_metadata(hf_hub_url(repo, files[0], revision=revision or None), timeout=10)
