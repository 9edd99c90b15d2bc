"""What metadata alone shows: malformed entry points, broken metadata, what ZOO_PLUGINS hides."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import quick_process

import zoo.registry.entries
from zoo.api import PluginError, ZooWarning
from zoo.registry import kind_of, registry
from zoo.registry.entries import Entry, installed, survey

if TYPE_CHECKING:
    from conftest import Plant

LOSS = "from zoo.api import Loss\nours = Loss(build=lambda: None)\n"
ZOO = ["-P", "-c", "from zoo.cli import main; main()"]


def found(plugin_id: str, kind: str = "loss") -> list[Entry]:
    return [entry for entry in installed() if (entry.kind, entry.id) == (kind, plugin_id)]


def distributions() -> set[str]:
    return {entry.distribution for entry in installed()}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return quick_process.run([*ZOO, *arguments])


@pytest.mark.parametrize(
    "target",
    ["no_object", "module:", ":object", "a b:c", "my-net:net", "a:b:c", "1st:net", "a..b:c"],
)
def test_an_entry_point_that_is_no_module_and_object_is_listed_as_such(
    plant: Plant, target: str
) -> None:
    folder = plant("author", {"zoo.losses": {"good": "ours"}}, LOSS)
    file = folder / "author-1.0.dist-info" / "entry_points.txt"
    file.write_text(f"{file.read_text()}bad = {target}\n")
    [entry] = found("bad")
    assert entry.status == "invalid target"
    assert entry.reason == f'"{target}" does not read module:object, as an entry point must'
    with pytest.raises(PluginError, match=r"author/bad cannot be used: .*does not read module"):
        registry("loss").get("bad")
    assert registry("loss").get("good")


def test_blanks_and_extras_in_an_entry_point_are_allowed(plant: Plant) -> None:
    plant("author", {"zoo.losses": {"ours": "author : ours [faces, all]"}}, LOSS)
    assert [entry.target for entry in found("ours")] == ["author:ours"]
    assert registry("loss").get("ours")


@pytest.mark.parametrize(
    ("file", "content", "cause"),
    [
        ("METADATA", b"nothing of use\n", "no Name in its METADATA"),
        ("entry_points.txt", b"[zoo.losses]\nours\n", "a line of its entry_points"),
        ("entry_points.txt", b"[zoo.losses]\nours = x:\xff\n", "UnicodeDecodeError"),
    ],
)
def test_broken_metadata_is_one_warning_and_hides_that_distribution_alone(
    plant: Plant, file: str, content: bytes, cause: str
) -> None:
    folder = plant("mangled", {"zoo.losses": {"ours": "ours"}}, LOSS)
    info = folder / "mangled-1.0.dist-info"
    (info / file).write_bytes(content)
    if file == "METADATA":
        (info / "PKG-INFO").unlink()
    plant("good", {"zoo.losses": {"theirs": "ours"}}, LOSS)
    with pytest.warns(ZooWarning, match=rf"plugins of .*mangled-1\.0\.dist-info are.*{cause}"):
        assert (len(found("ours")), len(found("theirs"))) == (0, 1)
    done = run("list", "--kind", "loss")
    assert done.returncode == 0
    assert "theirs" in done.stdout
    [line] = done.stderr.splitlines()  # although several steps of a command read it
    assert line.startswith("warning: plugins of ")
    assert line.endswith("; reinstall it or uninstall it")


def test_metadata_so_damaged_that_torch_cannot_be_imported_is_named(plant: Plant) -> None:
    folder = plant("mangled", {"zoo.losses": {"ours": "ours"}}, LOSS)
    info = folder / "mangled-1.0.dist-info"
    (info / "entry_points.txt").write_text("[zoo.losses]\nours\n")
    command = [sys.executable, *ZOO, "train", "custom_cnn", "--dataset", "synthetic"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert f"warning: plugins of {info} are unknown" in done.stderr.splitlines()[0]


def test_a_distribution_without_a_version_is_listed(plant: Plant) -> None:
    folder = plant("author", {"zoo.losses": {"ours": "ours"}}, LOSS)
    for name in ("METADATA", "PKG-INFO"):
        (folder / "author-1.0.dist-info" / name).write_text("Metadata-Version: 2.1\nName: author\n")
    assert [entry.origin for entry in found("ours")] == ["author unknown"]


@pytest.fixture
def three(plant: Plant) -> None:
    plant("First.Dist", {"zoo.losses": {"one": "ours", "smooth_l1": "ours"}}, "", version="0.1")
    plant("second-dist", {"zoo.losses": {"two": "ours"}, "zoo.heads": {"two": "ours"}}, LOSS)
    plant("third", {"zoo.backbones": {"three": "ours"}}, LOSS)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", {"landmark-zoo", "First.Dist", "second-dist", "third"}),
        (" , ", {"landmark-zoo", "First.Dist", "second-dist", "third"}),
        ("none", {"landmark-zoo"}),
        ("third", {"landmark-zoo", "third"}),
        # names compare as pip compares them
        ("first_dist, SECOND.dist", {"landmark-zoo", "First.Dist", "second-dist"}),
        ("landmark-zoo,third", {"landmark-zoo", "third"}),
        ("none,third", {"landmark-zoo", "third"}),
    ],
)
@pytest.mark.usefixtures("three")
def test_zoo_plugins_limits_what_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, value: str, shown: set[str]
) -> None:
    everything = {"landmark-zoo", "First.Dist", "second-dist", "third"}
    monkeypatch.setenv("ZOO_PLUGINS", value)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ZooWarning)
        assert distributions() & everything == shown
        assert {entry.distribution for entry in survey().hidden} & everything == everything - shown
    # a hidden plugin makes no duplicate
    taken = "First.Dist" in shown
    assert {entry.status for entry in found("smooth_l1")} == {
        "duplicate" if taken else "not loaded"
    }


@pytest.mark.usefixtures("three")
def test_an_unknown_name_is_said_and_hides_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_PLUGINS", "thrid,third")
    with pytest.warns(ZooWarning) as caught:
        assert len(found("three", "backbone")) == 1
    assert [str(w.message) for w in caught] == [
        "ZOO_PLUGINS names thrid, which is not installed or brings no plugin"
    ]
    done = run("list", "thr*")
    assert done.returncode == 0
    assert "three" in done.stdout
    assert done.stderr.count("ZOO_PLUGINS names thrid") == 1


@pytest.mark.usefixtures("three")
def test_a_hidden_plugin_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_PLUGINS", "third")
    reason = (
        r"one is a loss of First\.Dist 0\.1, which ZOO_PLUGINS hides: add First\.Dist to it, or"
    )
    for ask in (registry("loss").get, registry("loss").locate, kind_of):
        with pytest.raises(PluginError, match=reason):
            ask("one")
    with pytest.raises(PluginError, match=r"Second_Dist/two is a loss of second-dist 1\.0, which"):
        registry("loss").get("Second_Dist/two")
    with pytest.raises(PluginError, match=r"no installed detector is called .two."):
        registry("detector").get("two")
    assert registry("loss").locate("smooth_l1").distribution == "landmark-zoo"


@pytest.mark.usefixtures("three")
def test_every_command_and_its_children_honour_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_PLUGINS", "none")
    done = run("list", "--json")
    assert '"distribution": "second-dist"' not in done.stdout
    [line] = done.stderr.splitlines()
    assert line.startswith("ZOO_PLUGINS hides the plugins of ")
    assert "second-dist" in line
    for arguments in (["info", "three"], ["train", "three"], ["list", "three"]):
        done = run(*arguments)
        assert done.returncode == 1
        assert "ZOO_PLUGINS hides" in done.stderr
        assert "Traceback" not in done.stderr
    child = "import subprocess, sys; subprocess.run([sys.executable, '-m', 'zoo', 'info', 'three'])"
    done = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True)
    assert "of third 1.0, which ZOO_PLUGINS hides" in done.stderr


def test_damaged_metadata_that_is_hidden_gives_no_warning(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder: Path = plant("mangled", {"zoo.losses": {"ours": "ours"}}, LOSS)
    (folder / "mangled-1.0.dist-info" / "entry_points.txt").write_text("[zoo.losses]\nours\n")
    monkeypatch.setenv("ZOO_PLUGINS", "none")
    with warnings.catch_warnings():
        warnings.simplefilter("error", ZooWarning)
        assert "landmark-zoo" in distributions()


@pytest.mark.parametrize(
    ("group", "advice"),
    [
        ("zoo.backbone", "did you mean zoo.backbones?"),
        ("zoo.metric", "did you mean zoo.metrics?"),
        ("zoo.exporters", "its groups are zoo.backbones, zoo.datasets, zoo.heads"),
        ("Zoo.Losses", "did you mean zoo.losses?"),
        ("zoo_heads", "did you mean zoo.heads?"),
        ("landmark-zoo.detectors", "did you mean zoo.detectors?"),
    ],
)
def test_a_group_that_the_zoo_does_not_read_is_told(plant: Plant, group: str, advice: str) -> None:
    plant("author", {group: {"lost": "ours"}, "zoo.losses": {"good": "ours"}}, LOSS)
    [stray] = survey().strays
    assert f"author declares plugins in the entry-point group {group}, which the zoo" in stray
    assert advice in stray
    assert found("good")
    assert not found("lost")


def test_groups_of_other_programs_are_ignored(plant: Plant) -> None:
    plant("author", {"zookeeper.animals": {"lion": "ours"}, "console_scripts": {"zoo-l": "ours"}})
    assert survey().strays == []


def test_list_says_which_group_it_does_not_read(plant: Plant) -> None:
    plant("author", {"zoo.metric": {"lost": "ours"}}, LOSS)
    done = run("list")
    assert done.returncode == 0
    assert "author declares plugins in the entry-point group zoo.metric, which" in done.stderr


def test_thousands_of_plugins_in_one_package_are_each_checked_once(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To compare each with all others took seconds."""
    plant("author", {"zoo.losses": {f"loss_{i}": "ours" for i in range(2000)}}, LOSS)
    checked = zoo.registry.entries._checked
    compared: list[int] = []

    def count(entry: Entry, namesakes: list[Entry]) -> Entry:
        compared.append(len(namesakes))
        return checked(entry, namesakes)

    monkeypatch.setattr(zoo.registry.entries, "_checked", count)
    assert len(found("loss_7")) == 1
    assert sum(compared) == len(installed())
