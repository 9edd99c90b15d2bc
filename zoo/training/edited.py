"""Whether the config.toml of a run still says what the run was trained with.

Its state and its best weights know. A run that went on with other keys, or was scored by them,
would have a record that says what did not happen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..api import UsageError
from ..config import Config, flatten
from ..runs.folder import RunFolder

ELSEWHERE = ("data", "device")
"""Keys that may be edited: they say where a run goes on, and the data's fingerprint is checked."""


def refuse_edited(
    folder: RunFolder, trained: Any, config: Config, but: Collection[str] = ()
) -> None:
    """Raises :class:`UsageError` that names the keys of ``config`` that differ from ``trained``.

    ``trained`` is what :meth:`Config.to_share` gave when the file was written; what is no table is
    of an older zoo, and refuses nothing. Keys of ``but`` may differ, and ``epochs`` may be more,
    where `zoo train --resume --epochs` could have made them more.
    """
    if not isinstance(trained, Mapping):
        return
    then, now = _flat(trained), _flat(config.to_share())
    free = {*ELSEWHERE, *but}
    if config.scheduler != "cosine" and then.get("epochs", 0) <= config.epochs:
        free.add("epochs")
    differ = [
        f"{key} = {_said(now, key)} (it was {_said(then, key)})"
        for key in dict.fromkeys((*then, *now))
        if key not in free and then.get(key) != now.get(key)
    ]
    if differ:
        raise UsageError(
            f"{folder.config}: is not what this run was trained with: {', '.join(differ)}. Put "
            "that back; other values are another run, with a `zoo train` of its own"
        )


def _flat(table: Mapping[str, Any]) -> dict[str, Any]:
    plain = dict(table)
    options = plain.pop("options", None)
    return flatten(plain) | flatten(options if isinstance(options, Mapping) else {})


def _said(table: Mapping[str, Any], key: str) -> str:
    return repr(table[key]) if key in table else "its default"
