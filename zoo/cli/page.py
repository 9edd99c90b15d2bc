"""What the board's web page needs beyond its records: commands, and faces on request."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.api import DataError, UsageError, ZooError
from zoo.cli.output import say

if TYPE_CHECKING:
    from zoo.evaluation.board.groups import Group
    from zoo.evaluation.page.gallery import GalleryFrames
    from zoo.evaluation.records import Record

FLAGS = (
    *("dataset", "protocol", "epochs", "batch_size", "lr", "head", "loss", "weights"),
    *("pretrained", "freeze", "precision"),
)
"""Keys of a configuration that `zoo train` has a flag for."""

LEFT_OUT = ("backbone", "recipe", "seed", "data", "device", "fold", "weights_sha256", "log_with")
"""Keys that the command to train again does not set: it has them already (such as the backbone), or
they belong to one machine or one run."""

OWN = "landmark-zoo/"


def render_page(
    groups: Sequence[Group], sort: str, with_faces: bool = False, data: Path | None = None
) -> str:
    """The HTML of a board; with faces from the data set at ``data`` or at its default place.

    Raises DataError where faces were asked for and no group can have any.
    """
    from zoo.evaluation.page import to_html

    faces = _galleries(groups, data) if with_faces else None
    return to_html(groups, train_again, faces, sort)


def train_again(record: Record) -> str:
    """The command that trains a record's run again: its recipe, and the values that differ from it.

    Every word is quoted for a shell, since a record's text may come from anybody.
    """
    from zoo.config import later_keys
    from zoo.evaluation.records.record_files import RENAMED

    recorded = {RENAMED.get(key, key): value for key, value in _flat(record.facts.config).items()}
    config = later_keys() | recorded
    name = record.plugin.id
    dataset = str(config.get("dataset") or record.data.dataset).removeprefix(OWN)
    if record.external:
        words = ["zoo", "import", name, "predictions.csv", "--dataset", dataset]
        return " ".join(map(_quoted, words))
    recipe = str(config.get("recipe") or "")
    known = _recipe_values(recipe)
    # a recipe file is not at hand: its values are given as differences from the default recipe
    words = ["zoo", "train", name, *(["--recipe", recipe] if known is not None else [])]
    defaults = _recipe_values("seed") if known is None else known
    for key, value in config.items():
        if key in LEFT_OUT or value is None or value == (defaults or {}).get(key):
            continue
        words += _option(key, value)
    if record.seed is not None:
        words += ["--seed", str(record.seed)]
    return " ".join(map(_quoted, words))


@cache
def _quoted(word: str) -> str:
    """A word quoted for a shell. Cached, since a board repeats the same words often."""
    from zoo.evaluation.board.labels import printable

    return shlex.quote(printable(word))


def _option(key: str, value: Any) -> list[str]:
    if key in FLAGS:
        flag = f"--{key.replace('_', '-')}"
        if isinstance(value, bool):
            return [flag] if value else ["--set", f"{key}=false"]
        return [flag, str(value).removeprefix(OWN)]
    return ["--set", f"{key}={_toml(value)}"]


@cache
def _plain_text(value: str) -> bool:
    """Whether `--set` reads a text as itself, without quotes."""
    from zoo.config.recipes import parse_set

    return parse_set(f"k={value}") == ("k", value)


def _toml(value: Any) -> str:
    """A value that `--set` reads back; text needs no quotes unless it reads as another type."""
    if type(value) in (int, float):
        return repr(value)
    if isinstance(value, str) and _plain_text(value):
        return value
    return json.dumps(value, ensure_ascii=False)


@cache
def _recipe_values(recipe: str) -> dict[str, Any] | None:
    """The values of a shipped recipe by flat key; None for a recipe from a file."""
    from zoo.config import later_keys
    from zoo.config.recipes import recipe_names, resolve

    if recipe not in recipe_names():
        return None
    return later_keys() | _flat(resolve("any", recipe).to_dict())


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """The values by keys as ``--set`` takes them, such as ``augment.flip`` and ``head.stride``."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if key == "options" and isinstance(value, dict):
            flat |= {
                f"{kind}.{name}": item
                for kind, options in value.items()
                if isinstance(options, dict)
                for name, item in options.items()
            }
        elif isinstance(value, dict):
            flat |= {f"{key}.{name}": item for name, item in value.items()}
        else:
            flat[key] = value
    return flat


def _galleries(groups: Sequence[Group], data: Path | None) -> list[dict[str, Any]]:
    from zoo.evaluation.page.gallery import gallery

    galleries: list[dict[str, Any]] = []
    reasons: list[str] = []
    for group in groups:
        try:
            shown = gallery(group, _frames(*_source(group), data))
        except ZooError as error:
            # the page may be published, so it names no folder of this machine
            shown = {"reason": "The data set of this group was not at hand."}
            reasons.append(str(error))
        else:
            reasons += [str(shown["reason"])] if "reason" in shown else []
        galleries.append(shown)
    if groups and all("reason" in shown for shown in galleries):
        raise DataError(f"no faces for the gallery: {reasons[0]}")
    for reason in reasons:
        say(f"no gallery for one group: {reason}")
    return galleries


def _source(group: Group) -> tuple[str, str]:
    """The data set of a group and the options it was opened with, as JSON."""
    for row in group.rows:
        for source in row.sources:
            config = source.record.facts.config
            if config.get("dataset"):
                options = config.get("options")
                of_dataset = options.get("dataset", {}) if isinstance(options, dict) else {}
                return str(config["dataset"]), json.dumps(of_dataset, sort_keys=True)
    return group.dataset, "{}"


@cache
def _frames(dataset_id: str, options: str, data: Path | None) -> GalleryFrames:
    """The data set, opened once for all groups that were scored on it."""
    from zoo.data.opening import open_dataset
    from zoo.data.table import read_table
    from zoo.evaluation.page.gallery import GalleryFrames
    from zoo.registry import registry

    opened = open_dataset(registry("dataset").resolve(dataset_id, json.loads(options)), data)
    table = read_table(opened)
    return GalleryFrames(
        scheme=table.scheme,
        fingerprint=table.fingerprint,
        images=dict(zip(table.ids, table.images, strict=True)),
    )


def refuse_faces(format: str, with_faces: bool, data: Path | None) -> None:
    """Raises UsageError where ``--gallery`` or ``--data`` has nothing to do."""
    if with_faces and format != "html":
        raise UsageError(f"--gallery: faces are part of the page alone; {format} has none")
    if data is not None and not with_faces:
        raise UsageError("--data is where --gallery finds the frames: name both")
