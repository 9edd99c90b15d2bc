"""A run with every number at an end of its bound can be finished, recorded and resumed.

tests/config/test_config.py shows, without training, that numbers beyond their bounds are refused.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, get_args, get_origin, get_type_hints

import pytest

from zoo.config import Augment, Config, Plateau
from zoo.config.bounds import bounds_of
from zoo.evaluation.records import load_record
from zoo.training import run

if TYPE_CHECKING:
    from conftest import Kit

SIZED = {
    # keys that depend on this test's data, time and memory
    *("epochs", "batch_size", "input_size", "fold", "unfreeze_after"),
    *("augment.resize", "augment.margin"),
}


def at_the_ends() -> dict[str, tuple[str, str]]:
    """The least and the most value of every number of a configuration, as TOML."""
    ends = {}
    for group, keys in {"": Config, "plateau.": Plateau, "augment.": Augment}.items():
        for name, bound in bounds_of(keys).items():
            hint = get_type_hints(keys)[name]
            pair = get_origin(hint) is tuple
            integer = int in (hint, *get_args(hint))
            low, high = bound.least, bound.most
            if low is None:
                low = math.nextafter(bound.above or 0, math.inf)
            if high is None:
                high = int(bound.below) - 1 if integer else math.nextafter(bound.below, -math.inf)
            texts = [f"[{end}, {end}]" if pair else str(end) for end in (low, high)]
            ends[f"{group}{name}"] = (texts[0], texts[1])
    return ends


@pytest.mark.parametrize("end", [0, 1], ids=["least", "most"])
def test_a_run_at_the_ends_of_all_bounds_is_recorded_and_goes_on(kit: Kit, end: int) -> None:
    sets = [f"{key}={ends[end]}" for key, ends in at_the_ends().items() if key not in SIZED]
    if end == 1:
        # the highest rate with the highest decay diverges, which is another error
        sets += ["lr=0.001", "warmup_epochs=0"]
    folder = kit.train(*sets, epochs=1, seed=None)
    assert load_record(folder.record).epochs == 1
    run.resume(folder.path, epochs=3)
    assert load_record(folder.record).epochs == 3
