"""Checks of the folders that the zoo reads and writes: data, models and free disk space."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from zoo.api import ZooError
from zoo.data.locate import default_root
from zoo.files import zoo_home
from zoo.registry import registry
from zoo.registry.entries import one_line
from zoo.runs.catalogue import default_model, find, folder_of

from .diagnosis import Diagnosis

ROOM = 2 * 2**30
"""Bytes: the frames of YouTube Faces and a store of them at 224 px take half, runs the rest."""

DATASET, DETECTOR = "youtube_faces", "yunet"


def look_at_places() -> Iterator[Diagnosis]:
    home = zoo_home()
    yield _home(home)
    yield from _zoo_data()
    yield _data(list(dict.fromkeys([default_root(DATASET), home / "data" / DATASET])))
    yield _model()
    yield _detector()
    yield from _room(home)


def _home(home: Path) -> Diagnosis:
    text = f"{home}{'' if os.environ.get('ZOO_HOME') else ' (the default)'}"
    existing = _nearest(home)
    if not existing.is_dir():
        what = f"{text}: {existing} is a file"
    elif not os.access(existing, os.W_OK | os.X_OK):
        what = f"{text}: cannot be written by this user"
    else:
        return Diagnosis("ZOO_HOME", "ok", text if home.exists() else f"{text}, made when needed")
    return Diagnosis("ZOO_HOME", "broken", what, "export ZOO_HOME=A_FOLDER_OF_YOURS")


def _zoo_data() -> Iterator[Diagnosis]:
    data = os.environ.get("ZOO_DATA")
    if not data:
        return
    if Path(os.path.expanduser(data)).is_dir():
        yield Diagnosis("ZOO_DATA", "ok", data)
    else:
        what = f"{data}: no such folder"
        yield Diagnosis("ZOO_DATA", "warn", what, "unset ZOO_DATA, or name the folder of data sets")


def _data(places: list[Path]) -> Diagnosis:
    found = [place for place in places if place.exists()]
    fetch = f"zoo data fetch {DATASET}"
    if not found:
        what = f"not at {', '.join(map(str, places))}"
        return Diagnosis(DATASET, "missing", what, f"{fetch}, or train with --dataset synthetic")
    try:
        opened = registry("dataset").get(f"landmark-zoo/{DATASET}").open(found[0])
    except ZooError as error:
        return Diagnosis(DATASET, "warn", str(error), fetch)
    except Exception as error:  # a broken library, which has a line of its own
        return Diagnosis(DATASET, "warn", f"{found[0]}: {one_line(error)}", fetch)
    released = {True: "", False: ", smaller than released", None: ""}[opened.released()]
    return Diagnosis(DATASET, "ok", f"{opened.release} in {found[0]}{released}")


def _model() -> Diagnosis:
    """The model that `zoo predict photo.jpg` takes."""
    train = "zoo train timm:mobilenetv3_small_100 --dataset synthetic, and name its run"
    try:
        model = default_model()
        if model is not None:
            return Diagnosis("model", "ok", f"{model.name}, in {folder_of(model.name)}")
    except ZooError as error:
        return Diagnosis("model", "warn", str(error), train)
    return Diagnosis("model", "missing", "this copy of the zoo ships none", train)


def _detector() -> Diagnosis:
    """The detector that `zoo predict photo.jpg` takes; without it, haar is used."""
    try:
        model = find(DETECTOR)
    except ZooError as error:
        return Diagnosis(DETECTOR, "warn", str(error))
    if folder := model.folder():
        return Diagnosis(DETECTOR, "ok", f"finds faces for zoo predict, in {folder}")
    what = "its file is not here; zoo predict fetches it when it first looks for faces"
    return Diagnosis(DETECTOR, "missing", what, f"zoo fetch {DETECTOR}")


def _room(home: Path) -> Iterator[Diagnosis]:
    places = {"ZOO_HOME": _nearest(home), "this folder": Path.cwd()}
    free = {name: shutil.disk_usage(place).free for name, place in places.items()}
    amounts = ", ".join(f"{amount / 2**30:.1f} GiB in {name}" for name, amount in free.items())
    if min(free.values()) >= ROOM:
        yield Diagnosis("disk", "ok", f"free: {amounts}")
    else:
        what = f"free: {amounts}; real data, its stores and some runs take {ROOM / 2**30:.0f} GiB"
        yield Diagnosis("disk", "warn", what, "make room, or set ZOO_HOME to a larger disk")


def _nearest(place: Path) -> Path:
    """The place itself or the nearest folder above it that exists."""
    return next(each for each in (place.absolute(), *place.absolute().parents) if each.exists())
