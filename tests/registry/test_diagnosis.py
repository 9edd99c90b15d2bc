"""A plugin that does not load says why in words that its user, or its author, can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import zoo
from zoo.api import Backbone, PluginError
from zoo.registry import author_of, registry
from zoo.registry.trial import check, check_all

if TYPE_CHECKING:
    from conftest import Plant

LOSS = "from zoo.api import Loss\nours = Loss(build=lambda: None)\n"
US = f"landmark-zoo {zoo.__version__}"


def message(plugin_id: str = "ours", kind: str = "loss") -> str:
    with pytest.raises(PluginError) as caught:
        registry(kind).get(plugin_id)
    text = str(caught.value)
    assert text.isprintable()
    return text


@pytest.mark.parametrize(
    ("source", "requires", "words"),
    [
        # of the same name, as PEP 503 compares it
        ("import a_library", ["A.Library>=2"], ": needs a_library, which is not installed: "
         "pip install A.Library"),
        ("import a_library.deep", ["a-library; python_version > '3'", "b-library"],
         ": pip install a-library"),
        # behind an extra
        ("import a_library", ["a-library; extra == 'faces'"], ": pip install 'needy[faces]'"),
        # of another name: whatever is declared and not there
        ("import a_library", ["torch", "python-a>=1", "tool; extra == 'dev'"],
         ": pip install python-a"),
        # a guess could name a stranger's package
        ("import a_library", ["torch"], "which is not installed and which needy does not declare: "
         "install the package that brings it, and tell the author"),
        ("import json.nothing", [], "needs json.nothing, which the installed json lacks: it wants "
         "another version of json"),
        ("import needy_part", [], "needs needy_part, which is not installed and which needy does "),
    ],
)  # fmt: skip
def test_a_missing_dependency_is_said_as_such(
    plant: Plant, source: str, requires: list[str], words: str
) -> None:
    plant("needy", {"zoo.losses": {"ours": "ours"}}, source, requires=requires)
    text = message()
    assert text.startswith("loss ours of needy 1.0 cannot be loaded from needy:ours: needs ")
    assert words in text


@pytest.mark.parametrize("target", ["lost:ours", "lost.deep:ours", "needy.deep:ours"])
def test_a_module_that_the_entry_point_names_and_nobody_wrote(plant: Plant, target: str) -> None:
    plant("needy", {"zoo.losses": {"ours": target}}, LOSS)
    module = target.partition(":")[0]
    assert f"names the module {module}, and there is no " in message()
    assert "reinstall needy, or tell its author" in message()


NEWER = (
    f"which version 2 of the plugin API, in {US}, does not have; if author was written for a "
    "newer landmark-zoo: pip install --upgrade landmark-zoo"
)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("from zoo.api import Backbone\nours = Backbone(build=None, layout='nhwc', api_version=99)",
         f"uses Backbone(layout=...), {NEWER}"),
        ("from zoo.api import Loss\nours = Loss(build=None, sumary='x')",
         "does not have (did you mean summary?); if"),
        ("from zoo.api import Sample\nSample(id='a', face=None)", "uses Sample(face=...), which"),
        ("from zoo.api import Federation", f"uses zoo.api.Federation, {NEWER}"),
        ("import zoo.api\nzoo.api.Federation()", f"uses zoo.api.Federation, {NEWER}"),
        ("import zoo.api\nours = zoo.api.loss()", "uses zoo.api.loss, which"),
        ("import zoo.tracking.boxes", f"uses zoo.tracking, {NEWER}"),
    ],
)  # fmt: skip
def test_a_plugin_for_another_zoo_is_told_from_a_broken_one(
    plant: Plant, source: str, words: str
) -> None:
    plant("author", {"zoo.losses": {"ours": "ours"}}, source)
    assert words in message()


def test_a_type_error_of_somebody_elses_class_stays_what_it_is(plant: Plant) -> None:
    source = "class Backbone:\n    def __init__(self): pass\nclass Net:\n    def __init__(self): "
    plant("author", {"zoo.losses": {"ours": "ours"}}, f"{source}pass\nNet(layout=1)")
    assert "TypeError: Net.__init__() got an unexpected keyword argument 'layout'" in message()


FAMILY = """
from zoo.api import Backbone

class Family:
    api_version = {family}
    def names(self, pattern): return ["ant"]
    def resolve(self, name): return Backbone(build=None, api_version={member})

ours = Family()
one = Backbone(build=None, api_version={member})
"""


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("3", f"backbone one of author 1.0 is written for version 3 of the plugin API, and {US} "
         "serves versions 1, 2: upgrade landmark-zoo (pip install --upgrade landmark-zoo)"),
        ("0", f"is written for version 0 of the plugin API, and {US} serves versions 1, 2: upgrade "
         "author, or ask its author for version 2"),
        ("'1'", "states '1' for its api_version, which is a whole number, such as 1"),
        ("True", "states True for its api_version"),
        ("None", "states None for its api_version"),
    ],
)  # fmt: skip
def test_a_version_of_the_contracts_that_is_not_served_is_refused_by_name(
    plant: Plant, version: str, words: str
) -> None:
    source = FAMILY.format(family=1, member=version)
    plant("author", {"zoo.backbones": {"ours": "ours", "one": "one"}}, source)
    assert words in message("one", "backbone")
    # a member of a family
    assert message("ours:ant", "backbone").startswith("backbone ours:ant of author 1.0 ")


def test_the_lists_check_says_it_too(plant: Plant) -> None:
    source = FAMILY.format(family=1, member=3)
    plant("author", {"zoo.backbones": {"ours": "ours", "one": "one"}}, source)
    ids = ["one", "ours:ant", "ours"]
    verdicts = list(check_all(registry("backbone").locate(plugin_id) for plugin_id in ids))
    reasons = {verdict.id: verdict.reason for verdict in verdicts}
    for plugin_id in ("one", "ours:ant"):
        assert reasons[plugin_id].startswith("is written for version 3")
        assert reasons[plugin_id] in message(plugin_id, "backbone")
    # what a family resolves to is checked only when it is resolved
    assert {v.id: v.status for v in verdicts} == dict.fromkeys(ids, "broken") | {"ours": "ok"}


def test_a_family_of_such_a_version_is_refused_whole(plant: Plant) -> None:
    plant("author", {"zoo.backbones": {"ours": "ours"}}, FAMILY.format(family=3, member=1))
    for ask in (registry("backbone").get, registry("backbone").search):
        with pytest.raises(PluginError, match=r"backbone ours of author 1\.0 is written for ver"):
            ask("ours:ant")  # type: ignore[operator]
    assert "version 3" in check(registry("backbone").locate("ours")).reason


def test_several_served_versions_are_all_named(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant("author", {"zoo.backbones": {"one": "one"}}, FAMILY.format(family=1, member=2))
    monkeypatch.setattr("zoo.api.SERVED_API_VERSIONS", frozenset({3, 4}))
    monkeypatch.setattr("zoo.api.API_VERSION", 4)
    assert "serves versions 3, 4: upgrade author, or ask its author for version 4" in message(
        "one", "backbone"
    )
    monkeypatch.setattr("zoo.api.SERVED_API_VERSIONS", frozenset({1, 2}))
    assert isinstance(registry("backbone").get("one"), Backbone)


def test_an_error_after_the_import_is_attributed_to_its_plugin(plant: Plant) -> None:
    source = (
        "import statistics\nfrom zoo.api import Loss\n"
        "def loss(points, target, visible):\n    return statistics.mean([])\n"
        "ours = Loss(build=lambda: loss)\n"
    )
    plant("author", {"zoo.losses": {"ours": "ours"}}, source, version="2.1")
    with pytest.raises(ValueError, match="at least one data point") as caught:
        registry("loss").get("ours").build()(None, None, None)  # type: ignore[arg-type]
    entry = author_of(caught.value)
    assert entry is not None
    assert (entry.id, entry.origin) == ("ours", "author 2.1")
    # a built-in is the zoo's own, and so is what goes wrong in the core itself
    with pytest.raises(AttributeError) as core_error:
        registry("loss").get("smooth_l1").build()(None, None, None)  # type: ignore[arg-type]
    assert author_of(core_error.value) is None
