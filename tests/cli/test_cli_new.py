"""`zoo new`: packages of every kind are installed and run; a refusal writes nothing."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from environments import Environment, make_environment
from typer.testing import CliRunner

from zoo.cli import app
from zoo.registry.entries import GROUPS
from zoo.scaffold import PackageNames, writer
from zoo.testing import checks

if TYPE_CHECKING:
    from conftest import Plant

ROOT = Path(__file__).parents[2]
KINDS = list(GROUPS)
Done = subprocess.CompletedProcess[str]


def new(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["new", *arguments])


@dataclass(frozen=True)
class Written:
    """The packages ``my-KIND`` of every kind, written by `zoo new` and installed."""

    environment: Environment
    folder: Path
    printed: dict[str, str]
    """The output of `zoo new`, by kind."""

    def commands(self, kind: str) -> list[str]:
        """The three commands that `zoo new` printed as next steps."""
        return [line.strip() for line in self.printed[kind].splitlines()[-3:]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    environment = make_environment(tmp_path_factory.mktemp("environment"), OMP_NUM_THREADS="1")
    folder = tmp_path_factory.mktemp("packages")
    printed = {}
    for kind in KINDS:
        done = environment.run(["zoo", "new", f"my-{kind}", "--kind", kind], folder)
        assert done.returncode == 0, done.stdout
        printed[kind] = done.stdout
    environment.install(*(folder / f"my-{kind}" for kind in KINDS))
    return Written(environment, folder, printed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_complete(kind: str, written: Written) -> None:
    package = written.folder / f"my-{kind}"
    files = {p.relative_to(package).as_posix() for p in package.rglob("*") if p.is_file()}
    expected = {".gitignore", "LICENSE", "README.md", "pyproject.toml"}
    expected |= {f"my_{kind}.py", f"tests/test_my_{kind}.py"}
    left_by_pip = {name for name in files if name.startswith(("build/", f"my_{kind}.egg-info/"))}
    assert files - left_by_pip == expected
    assert all(f"  {name}\n" in written.printed[kind] for name in expected)

    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    assert project["entry-points"] == {GROUPS[kind]: {f"my_{kind}": f"my_{kind}:plugin"}}
    assert project["license"] == "MIT"
    assert f"the authors of my-{kind}" in (package / "LICENSE").read_text()
    assert [name for name in project["dependencies"] if name.startswith("landmark-zoo>=")]
    assert list(project["optional-dependencies"]) == ["test"]
    assert "$" not in "".join((package / name).read_text() for name in expected)

    install, check, use = written.commands(kind)
    assert install == f'cd my-{kind} && pip install -e ".[test]"'
    assert check == f"zoo check my_{kind}"
    assert f"my_{kind}" in use


def test_packages_pass_the_linter_of_this_repository(written: Written) -> None:
    packages = [str(written.folder / f"my-{kind}") for kind in KINDS]
    settings = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, *settings, *packages]
        done = subprocess.run(ruff, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_installed_packages_are_listed(written: Written) -> None:
    done = written.environment.run(["zoo", "list", "my_*", "--json"], written.folder)
    listed = json.loads(done.stdout)
    assert [(e["kind"], e["id"], e["distribution"], e["status"]) for e in listed] == [
        (kind, f"my_{kind}", f"my-{kind}", "not loaded") for kind in KINDS
    ]


@dataclass(frozen=True)
class Outcomes:
    """Results of the commands of the installed packages, which run in parallel."""

    own_tests: Path
    """The report of pytest on the tests of all packages."""
    checks: dict[str, Done]
    """By kind: the printed command `zoo check`. For a loss it runs all checks, otherwise only the
    first, because the tests of a package run all of them."""
    runs: dict[str, Done]
    """By kind: the printed command `zoo train`, on fewer faces and for one epoch."""


@pytest.fixture(scope="module")
def outcomes(written: Written) -> Outcomes:
    def run(*command: str) -> Done:
        return written.environment.run(command, written.folder)

    report = written.folder / "report.xml"
    packages = [f"my-{kind}" for kind in KINDS]
    smaller = ["--epochs", "1", "--set", "dataset.people=20", "--set", "dataset.frames=2"]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        pool.submit(run, "pytest", "-p", "no:cacheprovider", f"--junitxml={report}", *packages)
        first = {k: ["--only", "found_through_metadata"] for k in KINDS if k != "loss"}
        checked = {
            k: pool.submit(run, *shlex.split(written.commands(k)[1]), *first.get(k, []))
            for k in KINDS
        }
        trained = {
            k: pool.submit(run, *shlex.split(written.commands(k)[2]), *smaller)
            for k in ("backbone", "dataset", "head", "loss")
        }
    return Outcomes(
        report,
        {kind: done.result() for kind, done in checked.items()},
        {kind: done.result() for kind, done in trained.items()},
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_tests_of_a_package_pass(kind: str, outcomes: Outcomes) -> None:
    cases = [
        case
        for case in ElementTree.parse(outcomes.own_tests).iter("testcase")
        if case.get("classname", "").endswith(f"test_my_{kind}")
    ]
    names = [each.name for each in checks(f"my_{kind}", kind)]
    assert [case.get("name") for case in cases] == [f"test_conformance[{name}]" for name in names]
    failed = {case.get("name"): ElementTree.tostring(case) for case in cases if len(case)}
    assert failed == {}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_package_passes_zoo_check(kind: str, outcomes: Outcomes) -> None:
    done = outcomes.checks[kind]
    assert done.returncode == 0, done.stdout
    count = len(checks(f"my_{kind}", kind)) if kind == "loss" else 1
    last = done.stdout.splitlines()[-1]
    assert re.match(rf"{count}/{count}\b", last)
    assert "expected" not in last


@pytest.mark.slow
def test_runs_of_the_packages_are_rows_on_the_board(written: Written, outcomes: Outcomes) -> None:
    for done in outcomes.runs.values():
        assert done.returncode == 0, done.stdout
        assert "val nme_ioc" in done.stdout
    done = written.environment.run(["zoo", "leaderboard", "--format", "json"], written.folder)
    groups = {group["dataset"]: group for group in json.loads(done.stdout)}
    rows = {name: group["rows"] for name, group in groups.items()}
    assert [row["backbone"] for row in rows["my_dataset"]] == ["timm:test_resnet"]
    # The board may show a plugin with its distribution: my-head/my_head.
    drawn = {
        tuple(row[key].rpartition("/")[2] for key in ("backbone", "head", "loss_name"))
        for row in rows["synthetic"]
    }
    assert drawn == {
        ("my_backbone", "linear", "smooth_l1"),
        ("timm:test_resnet", "my_head", "smooth_l1"),
        ("timm:test_resnet", "linear", "my_loss"),
    }


BAD_NAMES = {
    "a capital": ("My-Net", ['"My-Net"', "small letter", "my-net would do"]),
    "a space": ("my net", ['"my net"', "my-net would do"]),
    "a digit first": ("3ddfa", ['"3ddfa"', "my-3ddfa would do"]),
    "a hyphen last": ("net-", ['"net-"', "net would do"]),
    "two hyphens": ("my--net", ['"my--net"', "my-net would do"]),
    "no letter": ("--kind=head --", ["my-head would do"]),
    "another alphabet": ("сеть", ["my-backbone would do"]),
    "a path": ("../net", ['"../net"', "net would do"]),
    "an escape": ("net\x1b[2J", ['"net?[2J"', "net-2j would do"]),
    "a keyword": ("class", ["a word of Python's own", "my-class would do"]),
    "a standard module": ("json", ["a module of Python's own", "my-json would do"]),
    "a folder beside it": ("tests", ["a folder beside it", "my-tests would do"]),
    "a library": ("torch", [f"torch {metadata.version('torch')}", "my-torch would do"]),
    "a library's other spelling": ("typing.extensions", ["installed already"]),
    "a module of a library": ("cv2", ["a module that is installed", "my-cv2 would do"]),
    "the zoo": ("landmark-zoo", ["landmark-zoo", "pip would replace it"]),
    "a built-in": ("custom-cnn", ["landmark-zoo", "a backbone of the id custom_cnn already"]),
    "a built-in, prefixed": ("landmark-zoo-timm", ["a backbone of the id timm already"]),
    "a built-in loss": ("l1 --kind loss", ["a loss of the id l1 already", "my-l1 would do"]),
}


@pytest.mark.parametrize("case", BAD_NAMES)
def test_a_bad_name_is_refused_in_one_line(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name, words = BAD_NAMES[case]
    plain, *options = name.split(" --kind ")
    if case == "no letter":
        result = new("--kind", "head", "--", "-")
    else:
        result = new(plain, *(("--kind", options[0]) if options else ()))
    assert result.exit_code == 2, result.output
    [line] = result.stderr.splitlines()
    assert line.startswith("zoo: ")
    assert all(word in line for word in words), line
    assert list(tmp_path.iterdir()) == []


def test_the_name_that_a_refusal_offers_is_accepted(
    plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant("my-net", {"zoo.backbones": {"my_net": "plugin"}})
    monkeypatch.chdir(tmp_path)
    line = new("My-Net").stderr
    [offered] = re.findall(r"; (\S+) would do", line)
    assert offered == "my-net-backbone", "my-net would do, were it not installed"
    assert new(offered).exit_code == 0


def test_an_id_that_ZOO_PLUGINS_hides_still_counts_as_taken(  # noqa: N802
    plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant("lips", {"zoo.heads": {"soft": "plugin"}})
    monkeypatch.setenv("ZOO_PLUGINS", "none")
    monkeypatch.chdir(tmp_path)
    assert "lips 1.0 has a head of the id soft already" in new("soft", "--kind", "head").stderr


def test_commands_name_the_kind_where_two_kinds_have_the_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = new("linear", "--kind", "backbone")
    assert result.exit_code == 0, result.stderr
    assert "  zoo check linear --kind backbone\n" in result.stdout


def test_the_prefix_of_a_package_is_not_part_of_the_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert new("landmark-zoo-tiny", "--out", "elsewhere").exit_code == 0
    project = tomllib.loads((tmp_path / "elsewhere/pyproject.toml").read_text())["project"]
    assert project["name"] == "landmark-zoo-tiny"
    assert project["entry-points"]["zoo.backbones"] == {"tiny": "landmark_zoo_tiny:plugin"}
    assert new("landmark-zoo-3d").exit_code == 0
    assert (
        (tmp_path / "landmark-zoo-3d/landmark_zoo_3d.py")
        .read_text()
        .startswith('"""landmark_zoo_3d: ')
    ), "3d would be no id"


@pytest.mark.parametrize("what", ["folder", "empty folder", "file", "dangling link"])
def test_an_existing_file_or_folder_is_left_unchanged(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "my-net"
    if what == "file":
        place.write_text("mine")
    elif what == "dangling link":
        place.symlink_to("nowhere")
    else:
        place.mkdir()
    if what == "folder":
        (place / "notes.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    result = new("my-net")
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("zoo: my-net exists already and is left as it is: ")
    assert "--out" in line
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("out", "words"),
    [("/proc/nowhere", ["/proc/nowhere", "cannot be written"]), ("a/b", ["a/b", "no folder a"])],
)
def test_a_place_that_cannot_be_written_is_an_error_of_one_line(
    out: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = new("my-net", "--out", out)
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert all(word in line for word in words), line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "status"), [(OSError(28, "No space left on device"), 2), (KeyboardInterrupt(), 130)]
)
def test_a_partly_written_package_is_removed(
    error: BaseException, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write, calls = Path.write_text, []

    def fail_at_the_fourth(path: Path, *arguments: Any, **options: Any) -> int:
        calls.append(path)
        if len(calls) == 4:
            raise error
        return write(path, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", fail_at_the_fourth)
    result = new("my-net")
    assert len(calls) == 4
    assert result.exit_code == status
    assert len(result.stderr.split("\n")) <= 3
    assert list(tmp_path.iterdir()) == []


def test_a_kind_that_does_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = new("my-net", "--kind", "backbon")
    assert result.exit_code == 2
    assert "no kind of plugin 'backbon'" in result.stderr
    assert new("my-nets", "--kind", "losses").exit_code == 0, "kinds may be written in the plural"


@pytest.mark.parametrize(
    ("version", "requirement"),
    [
        ("0.1.0", ">=0.1,<1"),
        ("0.10.3", ">=0.10,<1"),
        ("1.4", ">=1.4,<2"),
        ("0.2.0.dev3+g12ab", ">=0.2.0.dev3,<1"),
        ("2.0rc1", ">=2.0rc1,<3"),
    ],
)
def test_a_package_requires_the_zoo_that_wrote_it_or_a_newer_one(
    version: str, requirement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from packaging.requirements import Requirement

    monkeypatch.setattr(writer.metadata, "version", lambda name: version)
    text = writer.render(PackageNames("my-net", "my_net", "my_net", "backbone"))["pyproject.toml"]
    [zoo] = [d for d in tomllib.loads(text)["project"]["dependencies"] if "landmark" in d]
    assert zoo == f"landmark-zoo{requirement}"
    assert Requirement(zoo).specifier.contains(version.partition("+")[0], prereleases=True)
