"""What a configuration accepts, a run can finish, record and go on with: at the ends of all bounds.

That what is beyond them is refused is shown in tests/config/test_config.py, without training.
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
    # what the test's own data, time and memory set
    *("epochs", "batch_size", "input_size", "fold", "unfreeze_after"),
    *("augment.resize", "augment.margin"),
}


def at_the_ends() -> dict[str, tuple[str, str]]:
    """Of every number of a configuration the least and the most, as TOML."""
    ends = {}
    for group, keys in {"": Config, "plateau.": Plateau, "augment.": Augment}.items():
        for name, bound in bounds_of(keys).items():
            wanted = get_type_hints(keys)[name]
            pair = get_origin(wanted) is tuple
            whole = int in (wanted, *get_args(wanted))
            low, high = bound.least, bound.most
            if low is None:
                low = math.nextafter(bound.above or 0, math.inf)
            if high is None:
                high = int(bound.below) - 1 if whole else math.nextafter(bound.below, -math.inf)
            said = [f"[{end}, {end}]" if pair else str(end) for end in (low, high)]
            ends[f"{group}{name}"] = (said[0], said[1])
    return ends


@pytest.mark.parametrize("end", [0, 1], ids=["least", "most"])
def test_a_run_at_the_ends_of_all_bounds_is_recorded_and_goes_on(kit: Kit, end: int) -> None:
    sets = [f"{key}={ends[end]}" for key, ends in at_the_ends().items() if key not in SIZED]
    if end == 1:
        # the highest rate diverges beside the highest decay, which is an error of its own
        sets += ["lr=0.001", "warmup_epochs=0"]
    folder = kit.train(*sets, epochs=1, seed=None)
    assert load_record(folder.record).epochs == 1
    run.resume(folder.path, epochs=3)
    assert load_record(folder.record).epochs == 3
