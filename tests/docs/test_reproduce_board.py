"""docs/reproduce-board.sh: it trains the rows of the board, `zoo train` accepts each command, and a
second call continues where the first was interrupted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from zoo.cli import app
from zoo.config import Config
from zoo.registry import registry

SCRIPT = Path(__file__).parents[2] / "docs" / "reproduce-board.sh"

# A stand-in for `zoo`: it writes its arguments to $CALLS, makes the files of a run, and ranks the
# runs by name. A run of the backbone in $CUT_OFF is interrupted.
STAND_IN = f"""#!{sys.executable}
import json, os, pathlib, sys
arguments = sys.argv[1:]
with open(os.environ["CALLS"], "a") as file:
    print(json.dumps(arguments), file=file)
def record(folder):
    (folder / "record.json").write_text("{{}}")
if arguments[0] == "train":
    if "--resume" in arguments:
        record(pathlib.Path(arguments[arguments.index("--resume") + 1]))
        sys.exit()
    out = pathlib.Path(arguments[arguments.index("--out") + 1])
    seed = arguments[arguments.index("--seed") + 1] if "--seed" in arguments else "0"
    run = out / f"{{out.name.partition('-seed')[0]}}-00ff00-s{{seed}}"
    (run / "state").mkdir(parents=True)
    (run / "state/last.safetensors").touch()
    if arguments[1] == os.environ.get("CUT_OFF"):
        sys.exit(130)
    record(run)
if arguments[0] == "leaderboard" and "json" in arguments:
    runs = sorted(path.parent.name for path in pathlib.Path(arguments[1]).glob("*/*/record.json"))
    rows = [{{"runs": [], "external": True}}]
    rows += [{{"runs": [run], "external": False}} for run in runs if run.endswith("-s0")]
    print(json.dumps([{{"rows": rows}}]))
"""


class Board:
    """The script, with a stand-in for `zoo`."""

    def __init__(self, folder: Path) -> None:
        self.out, self.calls = folder / "board", folder / "calls"
        self.bin = folder / "bin"
        self.bin.mkdir()
        (self.bin / "zoo").write_text(STAND_IN)
        (self.bin / "zoo").chmod(0o755)

    def make(self, scale: str, **more: str) -> list[list[str]]:
        """Run the script; the arguments of each call of `zoo`."""
        self.calls.write_text("")
        environment = os.environ | {
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "CALLS": str(self.calls),
        }
        done = subprocess.run(
            ["bash", str(SCRIPT), "faces", str(self.out), scale],
            env=environment | more,
            capture_output=True,
            text=True,
        )
        self.status, self.output = done.returncode, done.stdout + done.stderr
        return [json.loads(line) for line in self.calls.read_text().splitlines()]


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


class TrainingCalledError(Exception):
    """Raised instead of training a configuration."""


def configurations(
    commands: Sequence[Sequence[str]], monkeypatch: pytest.MonkeyPatch
) -> list[Config]:
    """The configuration that the real command line makes of each `zoo train`."""
    configs: list[Config] = []

    def record_config(config: Config, *_: Any) -> None:
        configs.append(config)
        raise TrainingCalledError

    monkeypatch.setattr("zoo.training.folds.train_folds", record_config)
    for command in commands:
        result = CliRunner().invoke(app, list(command))
        assert isinstance(result.exception, TrainingCalledError), (command, result.output)
    return configs


@pytest.mark.parametrize("scale", ["full", "quick"])
def test_the_command_of_every_row_is_accepted(
    scale: str, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = board.make(scale)
    assert board.status == 0, board.output
    trained = [each for each in calls if each[0] == "train" and "--from-record" not in each]
    rows = configurations(trained, monkeypatch)
    for config in rows:
        registry("backbone").get(config.backbone)  # raises for an unknown one
        registry("head").get(config.head)
        assert config.data == "faces"
    backbones = {config.backbone for config in rows}
    assert {"custom_cnn", "resnet152", "vgg19"} <= backbones
    assert len([name for name in backbones if name.startswith("timm:")]) >= 8
    mobilenets = [c for c in rows if c.backbone == "timm:mobilenetv4_conv_small"]
    heads = {config.head.rpartition("/")[2] for config in mobilenets}
    assert heads == {"linear", "soft_argmax", "simcc", "heatmap"}
    assert any(c.recipe == "finetune" and c.pretrained for c in rows)
    if scale == "full":
        recipes = {config.recipe for config in rows if config.backbone == "custom_cnn"}
        assert recipes == {"seed", "custom_cnn"}
        assert {config.device for config in rows} == {"cuda"}  # so a missing GPU is an error
    assert [each[0] for each in calls[-2:]] == ["bench", "leaderboard"]


def test_the_five_best_get_two_more_seeds(board: Board) -> None:
    calls = board.make("quick")
    again = [each for each in calls if "--from-record" in each]
    best = (  # in the stand-in's order
        *("convnext_base", "custom_cnn", "efficientnet_b0"),
        *("efficientnet_b0-96px", "finetune"),
    )
    assert [(each[each.index("--from-record") + 1], each[each.index("--seed") + 1])
            for each in again] == [
        (f"{board.out}/{name}/{name}-00ff00-s0/record.json", seed)
        for name in best for seed in ("1", "2")
    ]  # fmt: skip


def test_finished_rows_are_not_trained_again(board: Board) -> None:
    board.make("quick")
    again = board.make("quick")
    assert board.status == 0, board.output
    assert [each[0] for each in again] == ["leaderboard", "bench", "leaderboard"]


def test_an_interrupted_row_is_resumed(board: Board) -> None:
    first = board.make("quick", CUT_OFF="vgg19")
    assert board.status == 130
    assert first[-1][:2] == ["train", "vgg19"]
    then = board.make("quick")
    assert then[0] == ["train", "--resume", f"{board.out}/vgg19/vgg19-00ff00-s0"]
    assert then[1][:2] == ["train", "resnet152"]


def test_a_dry_run_prints_the_commands_and_runs_none(board: Board) -> None:
    assert board.make("full", DRY="1") == []
    assert board.status == 0
    assert "zoo train timm:convnext_base --recipe strong --head heatmap" in board.output
    assert not board.out.exists()


@pytest.mark.parametrize("words", [[], ["faces", "out", "huge"], ["a", "b", "full", "more"]])
def test_wrong_arguments_print_the_usage(words: list[str]) -> None:
    done = subprocess.run(["bash", str(SCRIPT), *words], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "usage: docs/reproduce-board.sh ROOT [OUT] [full|quick]\n"
