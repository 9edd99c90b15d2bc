"""`zoo info`: what a plugin is, as text and as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from zoo.api import PluginError, UsageError
from zoo.cli import app
from zoo.cli.info import describe

if TYPE_CHECKING:
    from conftest import Plant

BOTH = """
from zoo.api import Detector, Loss
ours = Loss(build=lambda: None, summary="a loss", reference="[bold]Huber[/bold] 1964")
it = Detector(build=lambda: None, license="MIT")
"""


def test_a_backbone_is_described_down_to_its_parameters() -> None:
    done = CliRunner().invoke(app, ["info", "custom_cnn", "--json"])
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["trainable_parameters"] == facts["parameters"] == 6_984_840
    assert (facts["id"], facts["kind"], facts["distribution"]) == (
        "custom_cnn",
        "backbone",
        "landmark-zoo",
    )
    assert facts["input_size"] == 224
    assert facts["gmacs"] == pytest.approx(0.79, abs=0.005)
    assert len(facts["mean"]) == len(facts["std"]) == 3
    assert {"weights", "license", "weights_license", "reference", "summary"} <= set(facts)
    assert facts["license"] == "MIT"


def test_a_backbone_as_text_has_readable_numbers() -> None:
    """Also, torch's compiler is not imported: that takes as long as everything else."""
    script = (
        "import sys, zoo.cli\n"
        "try: zoo.cli.main()\n"
        "finally: print('compiler', 'torch._dynamo' in sys.modules)"
    )
    command = [sys.executable, "-c", script, "info", "custom_cnn"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert lines["trainable_parameters"] == "6,984,840"
    assert lines["mean"].count(",") == 2
    assert lines["compiler"] == "False"


@pytest.mark.parametrize(
    ("plugin_id", "kind"),
    [("linear", "head"), ("smooth_l1", "loss"), ("haar", "detector"), ("synthetic", "dataset")],
)
def test_every_kind_is_described(plugin_id: str, kind: str) -> None:
    facts = describe(plugin_id)
    assert (facts["id"], facts["kind"], facts["version"]) == (plugin_id, kind, facts["version"])
    assert facts["summary"]
    json.dumps(facts)


def test_a_dataset_says_whether_it_can_be_fetched() -> None:
    assert describe("youtube_faces")["can_fetch"] is True
    assert describe("synthetic")["can_fetch"] is False


def test_an_id_of_two_kinds_needs_the_kind(plant: Plant) -> None:
    plant("pair", {"zoo.losses": {"both": "ours"}, "zoo.detectors": {"both": "it"}}, BOTH)
    with pytest.raises(UsageError, match="--kind loss or --kind detector"):
        describe("both")
    done = CliRunner().invoke(app, ["info", "both"])
    assert done.exit_code == 2
    assert "a loss and a detector" in done.stderr
    assert describe("both", "loss")["summary"] == "a loss"
    assert describe("pair/both", "detectors")["license"] == "MIT"


def test_markup_in_the_text_of_a_plugin_is_printed_unchanged(plant: Plant) -> None:
    plant("pair", {"zoo.losses": {"both": "ours"}}, BOTH)
    assert "[bold]Huber[/bold] 1964" in CliRunner().invoke(app, ["info", "both"]).stdout


FAILING = """
from zoo.api import Backbone, Loss
none = Loss(build=lambda: None)
some = Loss(build=lambda: None, reference="",
            expected_failures={"finite": "log of zero", "scale": "in pixels"})
def build(*, pretrained=False):
    print("building")
    from torch import nn
    return nn.Conv2d(3, 4, 3, stride=4)
loud = Backbone(build=build, input_size=32)
"""


def test_an_empty_field_is_a_dash_and_a_mapping_has_a_line_per_key(plant: Plant) -> None:
    plant("author", {"zoo.losses": {"none": "none", "some": "some"}}, FAILING)
    shown = CliRunner().invoke(app, ["info", "none", "--kind", "loss"]).stdout.splitlines()
    assert "expected_failures  -" in shown
    assert "reference          -" in shown
    shown = CliRunner().invoke(app, ["info", "some"]).stdout.splitlines()
    at = shown.index("expected_failures  2, with the reason")
    assert shown[at : at + 3] == [
        "expected_failures  2, with the reason",
        "  finite           log of zero",
        "  scale            in pixels",
    ]
    facts = json.loads(CliRunner().invoke(app, ["info", "some", "--json"]).stdout)
    assert facts["expected_failures"] == {"finite": "log of zero", "scale": "in pixels"}
    assert facts["api_version"] == 1


def test_output_of_a_plugin_while_it_is_built_is_not_in_the_json(plant: Plant) -> None:
    plant("author", {"zoo.backbones": {"loud": "loud"}}, FAILING)
    done = CliRunner().invoke(app, ["info", "loud", "--json"])
    assert json.loads(done.stdout)["id"] == "loud"
    assert "building" in done.stderr


def test_a_family_and_an_unknown_id_are_refused_with_advice() -> None:
    with pytest.raises(PluginError, match=r"timm:NAME.*zoo list 'timm:\*'"):
        describe("timm")
    with pytest.raises(PluginError, match=r"did you mean custom_cnn\?"):
        describe("custom_cn")


@pytest.mark.parametrize(("name", "near"), [("qick", "quick"), ("face86", "face68")])
def test_near_recipes_and_models_are_named(name: str, near: str) -> None:
    done = CliRunner().invoke(app, ["info", name])
    assert done.exit_code == 2
    assert f"no plugin, recipe or model is called {name!r}; did you mean {near}?" in done.stderr
