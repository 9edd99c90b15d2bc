"""The contract with plugins is what its snapshot says, so every change of it is deliberate."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest


def _contract() -> Any:
    file = Path(__file__).with_name("contract.py")
    spec = importlib.util.spec_from_file_location("contract_of_zoo_api", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


contract = _contract()
BREAKING = """\
this change breaks plugins that are written for version {version} of the plugin API:
{breaking}
Take it back, add an optional field instead, or make a new version: docs/plugins/contract.md,
"A new version", says how."""
ADDING = """\
zoo.api promises more than its snapshot, in ways that no plugin notices:
{adding}
If that is meant: python tests/api/contract.py --write, and a line in docs/plugins/contract.md,
"What was added"."""


@pytest.mark.parametrize("version", sorted(contract.api.SERVED_API_VERSIONS))
def test_every_version_that_is_served_has_its_snapshot(version: int) -> None:
    file = contract.SNAPSHOT.with_name(f"contract_v{version}.txt")
    assert file.is_file(), "python tests/api/contract.py --write writes that of API_VERSION"
    page = (Path(__file__).parents[2] / "docs" / "plugins" / "contract.md").read_text()
    rows = page.partition("### What was added")[2].splitlines()
    assert any(row.split("|")[2:3] == [f" {version} "] for row in rows), (
        "the page has no row for it"
    )


def test_zoo_api_is_what_its_snapshot_says() -> None:
    breaking, adding = contract.breaches(contract.snapshot(), contract.promises())
    version = contract.api.API_VERSION
    if breaking:
        pytest.fail(BREAKING.format(version=version, breaking="\n".join(breaking)), pytrace=False)
    if adding:
        pytest.fail(ADDING.format(adding="\n".join(adding)), pytrace=False)
    assert contract.SNAPSHOT.read_text() == contract.text(), "the order of the snapshot is stale"


def test_a_plugin_of_version_1_finds_all_that_it_was_promised() -> None:
    first = contract.SNAPSHOT.with_name("contract_v1.txt").read_text().splitlines()
    changed = ("#", "API_VERSION", "SERVED_API_VERSIONS", "Loss.build:")  # takes more now
    promised = [line for line in first if not line.startswith(changed)]
    now = [line for line in contract.promises() if not line.startswith(changed)]
    breaking, _ = contract.breaches(promised, now)
    assert breaking == []


def test_the_snapshot_holds_every_public_name_and_the_fields_that_plugins_fill_in() -> None:
    lines = contract.snapshot()
    for name in contract.api.__all__:
        assert any(line.startswith((f"{name}: ", f"{name} = ")) for line in lines), name
    for line in (
        "Backbone.input_size: int = 224",
        "Sample.id: str",
        "BackboneFamily.resolve(self, name: str) -> Backbone",
        "OpenDataset.label_offset -> tuple[float, float]",
        "UsageError.exit_status = 2",
    ):
        assert line in lines


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Backbone.input_size: int = 224", "Backbone.input_size: int = 256"),
        ("Backbone.input_size: int = 224", "Backbone.size: int = 224"),
        ("Backbone.input_size: int = 224", None),
        ("Sample.id: str", "Sample.id: int"),
        (None, "Backbone.layout: str"),  # without a default: no plugin gives it
        (None, "BackboneFamily.count(self) -> int"),  # no family has it
        (None, "OpenDataset.homepage -> str"),
        ("generic_scheme: function (count: int) -> LandmarkScheme",
         "generic_scheme: function (count: int, name: str) -> LandmarkScheme"),
        ("backbone.build is given, where it names it: stride", None),
    ],
)  # fmt: skip
def test_what_breaks_a_plugin_is_reported_as_breaking(old: str | None, new: str | None) -> None:
    before = contract.snapshot()
    now = [line for line in before if line != old] + ([new] if new else [])
    breaking, adding = contract.breaches(before, now)
    assert (f"- {old}" in breaking) == (old is not None)
    reported = breaking if old is None else [*breaking, *adding]
    assert (f"+ {new}" in reported) == (new is not None)


@pytest.mark.parametrize(
    "new",
    [
        "Backbone.layout: str = 'nchw'",
        "FeatureInfo.is_pyramid -> bool",
        "LandmarkScheme.mirrored(self) -> LandmarkScheme",
        "Exporter: frozen dataclass",
        "Exporter.build: Callable[..., nn.Module]",
        "head.build is given, where it names it: depth",
    ],
)
def test_what_no_plugin_notices_is_an_addition(new: str) -> None:
    before = contract.snapshot()
    assert contract.breaches(before, [*before, new]) == ([], [f"+ {new}"])


def test_nothing_that_plugins_import_is_left_without_a_promise() -> None:
    """All that is reachable as zoo.api.NAME is public, or one of its modules."""
    reachable = {name for name in vars(contract.api) if not name.startswith("_")}
    modules = {"contracts", "correspondence", "errors", "notices", "schemes"}
    modules |= {"augmentations", "kinds", "metrics", "trackers"}
    assert reachable - modules == set(contract.api.__all__)
