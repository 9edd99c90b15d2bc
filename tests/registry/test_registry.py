"""Plugins are found, loaded and refused; a bad one disturbs none of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from zoo.api import Backbone, Loss, PluginError, UsageError
from zoo.registry import Entry, installed, kind_of, registry

if TYPE_CHECKING:
    from conftest import Plant

LOSS = "from zoo.api import Loss\nours = Loss(build=lambda: None, summary='ours')\n"
FAMILY = """
import fnmatch
from zoo.api import Backbone, PluginError

class Family:
    members = ("ant", "anteater", "bee")

    def names(self, pattern):
        return fnmatch.filter(self.members, pattern)

    def resolve(self, name):
        if name not in self.members:
            raise PluginError(f"zoology has no {name}; did you mean bee?")
        return Backbone(build=lambda **options: None, summary=name)

family = Family()
one = Backbone(build=lambda **options: None)
"""
BROKEN = {
    "raises": ("raise RuntimeError('no\\nluck \\x1b[31mtoday')\n", "RuntimeError: no luck"),
    "exits": ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
    "lacks": ("import a_library_nobody_has\n", "needs a_library_nobody_has, which is not inst"),
    "misspelt": ("import zoo.api\nours = Loss(\n", "SyntaxError: '(' was never closed (bad_"),
    "skips": ("class S(BaseException): pass\nraise S('not here')\n", "S: not here"),
    "strays": ("ours = 'a string'\n", "is an instance of zoo.api.Loss"),
    "empty": ("", "has no attribute 'ours'"),
}


def loss(entries: list[Entry], plugin_id: str) -> Entry:
    return next(entry for entry in entries if entry.id == plugin_id)


def test_a_planted_plugin_is_listed_from_metadata_and_loaded_when_asked_for(plant: Plant) -> None:
    plant("ringer", {"zoo.losses": {"ours": "ours"}}, LOSS, version="2.3")
    entry = loss(registry("losses").entries(), "ours")
    assert entry == Entry("ours", "loss", "ringer", "2.3", "ringer:ours", "not loaded", "")
    plugin = registry("loss").get("ours")
    assert isinstance(plugin, Loss)
    assert plugin.summary == "ours"
    assert registry("loss").get("ringer/ours") is plugin


def test_listing_imports_no_plugin(plant: Plant) -> None:
    plant("bomb", {"zoo.losses": {"ours": "ours"}}, "raise SystemExit('imported')\n")
    assert loss(installed(), "ours").status == "not loaded"
    assert registry("loss").locate("ours").qualified == "bomb/ours"


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_plugin_is_named_with_its_cause_and_spoils_nothing(plant: Plant, how: str) -> None:
    source, reason = BROKEN[how]
    plant(f"bad-{how}", {"zoo.losses": {"ours": "ours"}}, source, version="0.7")
    plant("good", {"zoo.losses": {"theirs": "ours"}}, LOSS)
    with pytest.raises(PluginError) as caught:
        registry("loss").get("ours")
    message = str(caught.value)
    assert f"bad-{how} 0.7" in message
    assert reason in message
    assert message.isprintable()
    assert caught.value.__cause__ is not None
    assert registry("loss").get("theirs").summary == "ours"


def test_a_plugin_repaired_in_place_loads_without_a_restart(plant: Plant) -> None:
    folder = plant("mend", {"zoo.losses": {"ours": "ours"}}, "raise ValueError('not yet')\n")
    with pytest.raises(PluginError, match="not yet"):
        registry("loss").get("ours")
    (folder / "mend.py").write_text(LOSS + "# repaired\n")
    assert registry("loss").get("ours").summary == "ours"


def test_what_a_plugin_prints_stays_off_standard_output(
    plant: Plant, capsys: pytest.CaptureFixture[str]
) -> None:
    plant("chatty", {"zoo.losses": {"ours": "ours"}}, f"print('hello from a plugin')\n{LOSS}")
    registry("loss").get("ours")
    out, err = capsys.readouterr()
    assert out == ""
    assert "hello from a plugin" in err


def test_two_distributions_with_one_id_are_both_listed_and_told_apart(plant: Plant) -> None:
    plant("first", {"zoo.losses": {"ours": "ours"}}, LOSS)
    plant("Second.Dist", {"zoo.losses": {"ours": "second:ours"}}, "")
    (plant("helper", {}) / "second.py").write_text(LOSS.replace("'ours'", "'the other'"))
    twins = [entry for entry in registry("loss").entries() if entry.id == "ours"]
    assert [(twin.distribution, twin.status) for twin in twins] == [
        ("Second.Dist", "duplicate"),
        ("first", "duplicate"),
    ]
    assert "first 1.0" in twins[0].reason
    with pytest.raises(PluginError) as caught:
        registry("loss").get("ours")
    for name in ("first 1.0", "Second.Dist 1.0", "first/ours", "Second.Dist/ours"):
        assert name in str(caught.value)
    assert registry("loss").get("first/ours").summary == "ours"
    # A distribution's name compares as pip compares it.
    assert registry("loss").get("second_dist/ours").summary == "the other"


def test_one_id_in_two_kinds_is_no_duplicate(plant: Plant) -> None:
    detector = "from zoo.api import Detector\nit = Detector(build=lambda: None)\n"
    plant(
        "pair", {"zoo.losses": {"both": "ours"}, "zoo.detectors": {"both": "it"}}, LOSS + detector
    )
    assert {entry.status for entry in installed() if entry.id == "both"} == {"not loaded"}
    assert kind_of("linear") == "head"
    with pytest.raises(UsageError, match="--kind loss or --kind detector"):
        kind_of("both")


def test_the_same_distribution_twice_on_the_path_counts_once_and_the_first_wins(
    plant: Plant,
) -> None:
    plant("twice-told", {"zoo.losses": {"ours": "ours", "gone": "ours"}}, LOSS, version="1.0")
    plant(
        "Twice_Told", {"zoo.losses": {"ours": "ours"}}, LOSS, version="2.0",
        metadata_folder="egg-info",
    )  # fmt: skip
    ours = [entry for entry in installed() if entry.reason or entry.id in ("ours", "gone")]
    assert [(entry.id, entry.version, entry.status) for entry in ours] == [
        ("ours", "2.0", "not loaded")
    ]


@pytest.mark.parametrize("name", ["Capital", "two words", "9lives", "hy-phen", "ümlaut"])
def test_a_bad_id_is_listed_as_such_and_refused(plant: Plant, name: str) -> None:
    plant("namer", {"zoo.losses": {name: "ours"}}, LOSS)
    entry = loss(registry("loss").entries(), name)
    assert entry.status == "invalid name"
    assert "small letter" in entry.reason
    with pytest.raises(PluginError, match=r"namer/.* cannot be used"):
        registry("loss").get(name)


def test_an_unknown_id_gets_close_matches_and_the_listing_command() -> None:
    with pytest.raises(PluginError, match=r"did you mean smooth_l1\?.*zoo list --kind loss"):
        registry("loss").get("smoth_l1")
    with pytest.raises(PluginError, match="landmark-zoo/smooth_l1"):
        registry("loss").get("landmark-zoo/smoth_l1")
    with pytest.raises(PluginError, match="somebody is not installed"):
        registry("loss").get("somebody/smooth_l1")
    with pytest.raises(PluginError, match=r"no installed plugin is called .*zoo list"):
        kind_of("zzzzzz")


def test_an_unknown_kind_names_the_kinds() -> None:
    with pytest.raises(UsageError, match="backbone, dataset, head, loss, detector"):
        registry("optimizer")
    assert registry("datasets") is registry("dataset")


def test_a_family_answers_for_its_members(plant: Plant) -> None:
    plant("zoology", {"zoo.backbones": {"animal": "family", "solo": "one"}}, FAMILY)
    backbones = registry("backbone")
    assert [entry.id for entry in backbones.search("animal:ant*")] == [
        "animal:ant",
        "animal:anteater",
    ]
    assert backbones.locate("zoology/animal:bee").qualified == "zoology/animal:bee"
    backbone = backbones.get("animal:bee")
    assert isinstance(backbone, Backbone)
    assert backbone.summary == "bee"
    assert backbones.get("zoology/animal:ant").summary == "ant"
    with pytest.raises(PluginError, match="zoology has no cat"):
        backbones.get("animal:cat")
    with pytest.raises(PluginError, match=r"animal:NAME"):
        backbones.get("animal")
    with pytest.raises(PluginError, match="solo is one backbone and no family"):
        backbones.get("solo:bee")


def test_a_family_that_fails_or_gives_something_else_is_broken(plant: Plant) -> None:
    source = (
        "class Family:\n"
        "    def names(self, pattern): raise OSError('catalogue gone')\n"
        "    def resolve(self, name): return name\n"
        "family = Family()\n"
    )
    plant("odd", {"zoo.backbones": {"odd": "family", "kind": "Family"}}, source)
    with pytest.raises(
        PluginError, match=r"odd 1\.0 cannot list its names: OSError: catalogue gone"
    ):
        registry("backbone").search("odd:*")
    with pytest.raises(PluginError, match=r"odd 1\.0 cannot be had: TypeError"):
        registry("backbone").get("odd:x")
    with pytest.raises(PluginError, match=r"zoo\.api\.Backbone"):
        registry("backbone").get("kind:x")


def test_search_takes_ids_and_qualified_ids() -> None:
    assert [entry.id for entry in registry("loss").search("*l1")] == ["l1", "smooth_l1"]
    # not all that landmark-zoo brings
    assert [entry.id for entry in registry("head").search("l*r")] == ["linear"]
    assert "mse" in [entry.id for entry in registry("loss").search("landmark-zoo/*")]
    assert registry("loss").search("nothing*") == []
