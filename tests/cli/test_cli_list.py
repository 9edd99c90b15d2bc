"""`zoo list`, and what all commands share: errors, exit statuses, version, pipes."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import quick_process

import zoo

if TYPE_CHECKING:
    from conftest import Plant

LOSS = "from zoo.api import Loss\nours = Loss(build=lambda: None)\n"
# Not `-m zoo`: like the installed command, this does not put the working directory on the path.
ZOO = ["-P", "-c", "from zoo.cli import main; main()"]


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return quick_process.run([*ZOO, *arguments], cwd)


def test_the_list_as_json_is_complete_and_only_json() -> None:
    done = run("list", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    entries = json.loads(done.stdout)
    keys = {"id", "kind", "distribution", "version", "target", "status", "reason", "summary"}
    assert all(set(entry) == keys for entry in entries)
    found = {(entry["kind"], entry["id"]) for entry in entries}
    assert found >= {
        ("backbone", "custom_cnn"),
        ("backbone", "timm"),
        ("dataset", "youtube_faces"),
        ("head", "linear"),
        ("loss", "smooth_l1"),
        ("detector", "haar"),
    }
    assert {entry["distribution"] for entry in entries} >= {"landmark-zoo"}


def test_the_list_imports_neither_torch_nor_numpy_nor_a_plugin() -> None:
    code = (
        "import sys\n"
        "from zoo.cli import app\n"
        "app(['list'], standalone_mode=False)\n"
        "heavy = {'torch', 'torchvision', 'timm', 'numpy', 'cv2', 'pandas'}\n"
        "built_in = {m for m in sys.modules if m.startswith(('zoo.plugins.', 'zoo.datasets.'))}\n"
        "sys.exit(str(sorted(heavy & set(sys.modules) | built_in)))\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == "[]"
    assert "custom_cnn" in done.stdout


def test_pattern_and_kind_narrow_the_list(plant: Plant) -> None:
    plant("pair", {"zoo.losses": {"linear": "ours"}}, LOSS)
    lines = run("list", "lin*").stdout.splitlines()
    assert [line.split()[:2] for line in lines[2:]] == [["linear", "head"], ["linear", "loss"]]
    assert lines[0] == "1 head, 1 loss"
    for kind in ("loss", "losses"):
        listed = json.loads(run("list", "lin*", "--kind", kind, "--json").stdout)
        assert [entry["distribution"] for entry in listed] == ["pair"]


def test_a_text_finds_plugins_recipes_and_models_by_id_and_summary(plant: Plant) -> None:
    source = (
        "raise SystemExit('a list imports nothing')\nfrom zoo.api import Loss\n"
        "ours = Loss(\n    build=lambda: None,\n    summary='costs vgg '\n    \"features\",\n)\n"
        "theirs = Loss(build=print)\n"
    )
    plant("feature-loss", {"zoo.losses": {"x_loss": "ours", "x_other": "theirs"}}, source)
    lines = run("list", "VGG").stdout.splitlines()
    assert lines[0] == "1 backbone, 1 loss"
    assert [line.split()[:2] for line in lines[2:]] == [["vgg19", "backbone"], ["x_loss", "loss"]]
    assert lines[3].endswith("feature-loss 1.0    costs vgg features")
    [entry] = json.loads(run("list", "x_other", "--json").stdout)
    assert entry["summary"] == ""
    for text, kind in (("augmentation", "recipe"), ("face68", "model")):
        assert f"  {kind}" in run("list", text).stdout


def test_a_model_is_explained_by_its_card() -> None:
    done = run("info", "face68")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("# face68\n")
    assert "## What it is good and bad at" in done.stdout
    facts = json.loads(run("info", "face68", "--json").stdout)
    assert (facts["kind"], facts["here"], facts["scheme"]) == ("model", True, "ibug68")
    assert "does not have it; use face68" in run("info", "quick68").stderr


def test_a_recipe_is_explained_by_its_comments() -> None:
    done = run("info", "quick")
    assert done.returncode == 0, done.stderr
    assert "zoo train BACKBONE --recipe quick" in done.stdout
    assert "# A useful model in a quarter of an hour on a CPU." in done.stdout
    assert json.loads(run("info", "quick", "--json").stdout)["values"]["head.width"] == 128


def test_a_name_that_only_a_family_has_is_found_there() -> None:
    done = run("train", "resnet50", "--dataset", "synthetic")
    assert done.returncode == 1
    assert done.stderr == (
        'zoo: no installed backbone is called "resnet50"; did you mean timm:resnet50?\n'
    )


def test_a_pattern_without_a_match_says_so_and_fails() -> None:
    done = run("list", "unicorn*", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == 'zoo: nothing installed matches "unicorn*"; `zoo list` shows everything\n'
    assert run("list", "custom_cnn", "--kind", "head").returncode == 1


def test_an_unknown_kind_is_wrong_usage() -> None:
    done = run("list", "--kind", "optimiser")
    assert done.returncode == 2
    assert "there are backbone, dataset, head, loss, detector" in done.stderr


def test_a_family_is_searched() -> None:
    done = run("list", "timm:convnext_t*", "--json")
    assert done.returncode == 0, done.stderr
    entries = json.loads(done.stdout)
    assert "timm:convnext_tiny" in [entry["id"] for entry in entries]
    assert all(entry["id"].startswith("timm:convnext_t") for entry in entries)
    assert run("list", "tim:convnext*").returncode == 1


def test_check_distinguishes_broken_from_working_plugins(plant: Plant) -> None:
    plant("bad", {"zoo.losses": {"x_bad": "ours"}}, "import a_library_nobody_has\n")
    plant("good", {"zoo.losses": {"x_good": "ours"}}, f"print('noise')\n{LOSS}")
    done = run("list", "x_*", "--check", "--json")
    assert done.returncode == 3
    verdicts = {entry["id"]: entry for entry in json.loads(done.stdout)}
    assert verdicts["x_good"]["status"] == "ok"
    assert verdicts["x_bad"]["status"] == "broken"
    assert "a_library_nobody_has" in verdicts["x_bad"]["reason"]
    assert "needs a_library_nobody_has, which is not installed" in verdicts["x_bad"]["reason"]
    assert "Traceback" not in done.stderr
    assert run("list", "x_good", "--check").returncode == 0
    # without a terminal, the reason is at the end of the plugin's line, so that grep finds both
    [row] = [
        line for line in run("list", "x_bad", "--check").stdout.splitlines() if "x_bad" in line
    ]
    assert row.endswith("tell the author")


def test_a_plugin_with_an_unusable_id_or_target_fails_only_the_check(plant: Plant) -> None:
    plant("shouts", {"zoo.losses": {"X": "ours", "x_target": "no colon"}}, LOSS)
    for pattern in ("X", "x_target"):
        assert run("list", pattern).returncode == 0
        assert run("list", pattern, "--check").returncode == 3


def test_the_time_limit_for_loading_is_an_option(plant: Plant) -> None:
    plant("slow", {"zoo.losses": {"x_slow": "ours"}}, f"import time\ntime.sleep(600)\n{LOSS}")
    done = run("list", "x_slow", "--check", "--timeout", "1.5")
    assert done.returncode == 3
    assert "still loading after 1.5 s" in done.stdout
    assert run("list", "--timeout", "0").returncode == 2


def on_a_terminal(*arguments: str, columns: int) -> tuple[int, str]:
    """Run zoo on a pseudo-terminal of that width: its exit status and its output."""
    control, terminal = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    child = subprocess.Popen(
        [sys.executable, *ZOO, *arguments],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=environment,
    )
    os.close(terminal)
    output = b""
    while True:
        try:
            block = os.read(control, 65536)
        except OSError:  # Linux raises it for a closed terminal; elsewhere the read is empty.
            break
        if not block:
            break
        output += block
    os.close(control)
    return child.wait(timeout=60), output.decode()


def test_on_a_terminal_of_80_columns_every_plugin_has_its_line(plant: Plant) -> None:
    # Markup and terminal commands in a plugin's metadata are shown as text.
    plant("rogue", {"zoo.losses": {"[bold]\x1b]0;owned\x07": "ours"}}, LOSS)
    status, output = on_a_terminal("list", "--kind", "backbone", columns=80)
    assert status == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", output).splitlines()
    assert max(map(len, lines)) <= 80
    assert any("custom_cnn" in line and "six convolutions" in line for line in lines)
    _, output = on_a_terminal("list", "--kind", "loss", columns=80)
    assert "[bold]" in output
    assert "\x1b]0;" not in output
    assert "\x07" not in output


def test_on_a_terminal_of_80_columns_reasons_are_below_the_table(plant: Plant) -> None:
    plant("first", {"zoo.losses": {"x_twin": "ours", "x_good": "ours"}}, LOSS)
    plant("second", {"zoo.losses": {"x_twin": "ours"}}, LOSS)
    plant("bad", {"zoo.losses": {"x_bad": "ours"}}, "raise ValueError('word ' * 30)\n")
    status, output = on_a_terminal("list", "x_*", "--check", columns=80)
    assert status == 3
    lines = re.sub(r"\x1b\[[0-9;]*m", "", output).replace("\r", "").splitlines()
    assert max(map(len, lines)) <= 80
    # each plugin has one line, however long its reason is
    for start, status_word in (("x_twin", "duplicate"), ("x_bad", "broken"), ("x_good", "ok")):
        rows = [line for line in lines if line.strip().startswith(f"{start} ")]
        assert rows
        assert all(status_word in row for row in rows)
    text = " ".join(line.strip() for line in lines)
    assert "loss x_twin of first 1.0, duplicate: also in second 1.0; ask for first/x_twin" in text
    assert "loss x_bad of bad 1.0, broken: ValueError: word word" in text
    # a text longer than the terminal continues on the next line, indented
    assert any(line.startswith("  word ") for line in lines)


def test_a_reader_that_ends_early_causes_no_error() -> None:
    command = " ".join(f"'{word}'" for word in [sys.executable, *ZOO, "list", "--json"])
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -c 1"], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[", "")


def test_help_version_and_wrong_usage() -> None:
    assert run("--version").stdout == f"landmark-zoo {zoo.__version__}\n"
    for arguments in (["--help"], ["-h"], ["list", "--help"], ["info", "-h"]):
        done = run(*arguments)
        assert done.returncode == 0
        assert done.stdout.startswith("Usage: zoo")
    for arguments in ([], ["lst"], ["list", "--no-such-option"]):
        done = run(*arguments)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
    assert "list" in run("lst").stderr


@pytest.mark.parametrize(
    "arguments", [["--debug", "info", "nobody"], ["info", "nobody", "--debug"]]
)
def test_the_traceback_comes_with_debug_only(arguments: list[str]) -> None:
    debug, plain = run(*arguments), run("info", "nobody")
    assert debug.returncode == plain.returncode == 1
    assert "Traceback (most recent call last)" in debug.stderr
    assert debug.stderr.endswith(plain.stderr)
    assert len(plain.stderr.splitlines()) == 1


def test_a_bug_in_a_plugin_names_the_plugin(plant: Plant) -> None:
    source = (
        "from zoo.api import Dataset\n"
        "def open_it(root): return {}['faces']\n"
        "ours = Dataset(open=open_it, needs_root=False)\n"
    )
    plant("author", {"zoo.datasets": {"ours": "ours"}}, source, version="2.1")
    done = run("data", "info", "ours")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "zoo: dataset ours of author 2.1 cannot be opened: KeyError: 'faces'. "
        "The same command with --debug shows where, for the author of author",
    ]
    assert 'author.py", line 2, in open_it' in run("data", "info", "ours", "--debug").stderr


UNLOCKED = """None
import threading
def fail():
    with threading.Condition() as door:
        try:
            raise KeyboardInterrupt
        finally:
            threading.Lock().release()"""
"""As when an interrupt comes while a queue waits: the lock raises RuntimeError."""


@pytest.mark.parametrize(
    ("raised", "status", "message"),
    [
        ("KeyboardInterrupt", 130, "Stopped."),
        (UNLOCKED, 130, "Stopped."),
        ("ValueError('off by one')", 1, "this is a bug: ValueError: off by one"),
        (
            "OSError(28, 'No space left on device', 'a.png')",
            1,
            "zoo: a.png: cannot write: No space",
        ),
        ("OSError(28, 'No space left on device')", 1, "zoo: cannot write: No space"),
        ("zoo.api.DataError('a.csv, row 3: no image')", 1, "zoo: a.csv, row 3: no image"),
        ("zoo.api.UsageError('no such recipe')", 2, "zoo: no such recipe"),
    ],
)
def test_how_a_command_ends(raised: str, status: int, message: str) -> None:
    code = (
        "import sys, zoo.api, zoo.registry, zoo.cli\n"
        f"def fail(): raise {raised}\n"
        "zoo.registry.entries.survey = fail\n"
        "sys.argv = ['zoo', 'list']\n"
        "zoo.cli.main()\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.returncode == status
    assert message in done.stderr
    assert "Traceback" not in done.stderr
