"""How checks are found, run and counted: first checks, expected failures, a plugin that is broken
before any check of its kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from zoo.api import PluginError, UsageError
from zoo.api.kinds import KINDS
from zoo.testing import CheckFailed, CheckNotRun, Outcome, checks, run, summary

if TYPE_CHECKING:
    from conftest import Plant

KIND, GROUP = "loss", "zoo.losses"

SOURCE = """
import torch

from zoo.api import Loss


def mean(cost, visible):
    count = visible.sum(1)
    of_each = torch.where(visible, cost, 0.0).sum(1) / count.clamp(min=1)
    return of_each.sum() / (count > 0).sum().clamp(min=1)


def apart(points, target, visible):
    return torch.where(visible[..., None], points - target, 0.0)


def squared(points, target, visible):
    return mean(apart(points, target, visible).square().mean(-1), visible)


def distance(points, target, visible):
    return mean(apart(points, target, visible).square().sum(-1).sqrt(), visible)


def talkative(points, target, visible):
    print("a plugin talks")
    return squared(points, target, visible)


healthy = Loss(build=lambda: squared)
loud = Loss(build=lambda: talkative)
broken = Loss(build=lambda: distance)
known = Loss(build=lambda: distance, expected_failures={
    "gradient_at_the_target_is_finite": "no point is ever quite right"})
mended = Loss(build=lambda: squared, expected_failures={
    "gradient_at_the_target_is_finite": "no point is ever quite right"})
misspelt = Loss(build=lambda: distance, expected_failures={
    "gradient_at_target_is_finite": "no point is ever quite right"})
without_reason = Loss(build=lambda: distance, expected_failures={
    "gradient_at_the_target_is_finite": " "})
excused = Loss(build=lambda: squared, expected_failures={
    "declares_valid_facts": "this one", "no_such_check": "and so nobody sees that"})
not_a_mapping = Loss(build=lambda: squared, expected_failures=["gives_a_scalar"])
of_another_version = Loss(build=lambda: squared, api_version=99)
no_plugin = 7
"""


def status_of(found: list[Outcome]) -> dict[str, str]:
    return {o.check.name: o.status for o in found if o.status != "ok"}


def test_checks_are_numbered_named_and_described_in_a_sentence() -> None:
    for kind in KINDS:
        found = checks("anything", kind)
        assert [check.number for check in found] == list(range(1, len(found) + 1))
        assert [check.name for check in found[:3]] == [
            "found_through_metadata",
            "import_leaves_no_trace",
            "declares_valid_facts",
        ]
        for check in found:
            assert check.name.isidentifier()
            assert check.name == check.name.lower()
            assert check.summary.endswith(".")
            assert "\n" not in check.summary


def test_the_kind_may_be_left_out_where_the_id_says_it(planted: object) -> None:
    assert [c.name for c in checks("healthy")] == [c.name for c in checks("healthy", "losses")]
    with pytest.raises(PluginError, match="no installed plugin"):
        checks("nobody_has_this")
    with pytest.raises(UsageError, match="no kind"):
        checks("healthy", "optimiser")


def test_a_failure_is_an_assertion_with_one_clear_line(planted: object) -> None:
    check = {c.name: c for c in checks("broken", "loss")}["gradient_at_the_target_is_finite"]
    with pytest.raises(
        AssertionError, match=r"^the gradient at the target is not finite$"
    ) as raised:
        check()
    assert isinstance(raised.value, CheckFailed)
    assert check.expected_failure == ""


def test_what_a_plugin_prints_stays_off_standard_output(
    outcomes: Callable[..., list[Outcome]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(outcomes("loud")) == {}
    out, err = capsys.readouterr()
    assert out == ""
    assert "a plugin talks" in err


def test_a_check_is_not_run_only_where_the_one_that_it_needs_fails(planted: object) -> None:
    """Where the needed check passes, the error counts as a failure of this one."""
    first, *_, last = checks("healthy", "loss")

    def stumbles(subject: object) -> None:
        raise CheckNotRun(first.name, "it stumbles")

    def wrong(subject: object) -> None:
        raise CheckFailed("so it is")

    outcome = run(replace(last, test=stumbles))
    assert (outcome.status, outcome.message) == ("failed", "it stumbles")
    outcome = run(replace(last, test=stumbles, tests={first.name: wrong}))
    assert (outcome.status, outcome.message) == ("not run", f"needs {first.name}: it stumbles")


def test_an_expected_failure_is_counted(outcomes: Callable[..., list[Outcome]]) -> None:
    found = outcomes("known")
    assert status_of(found) == {"gradient_at_the_target_is_finite": "failed as expected"}
    assert summary(found) == "14/14, 1 of them an expected failure"
    assert all(outcome.as_expected for outcome in found)
    [outcome] = [o for o in found if o.status != "ok"]
    assert outcome.message == "no point is ever quite right"


def test_an_expected_failure_that_passes_is_a_failure(
    outcomes: Callable[..., list[Outcome]],
) -> None:
    found = outcomes("mended")
    assert status_of(found) == {"gradient_at_the_target_is_finite": "passed unexpectedly"}
    assert summary(found) == "13/14: 1 passed unexpectedly"
    assert "take it out" in next(o.message for o in found if not o.as_expected)


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        ("misspelt", "did you mean gradient_at_the_target_is_finite?"),
        ("without_reason", "gives no reason for gradient_at_the_target_is_finite"),
        ("excused", "declares_valid_facts cannot be an expected failure"),
        ("not_a_mapping", "a mapping of check names to reasons is wanted"),
    ],
)
def test_a_wrong_declaration_is_a_failure_itself(
    outcomes: Callable[..., list[Outcome]], plugin: str, words: str
) -> None:
    found = {o.check.name: o for o in outcomes(plugin)}
    assert found["declares_valid_facts"].status == "failed"
    assert words in found["declares_valid_facts"].message


def test_counts() -> None:
    [check, *_] = checks("anything", "loss")

    def of(*statuses: str) -> str:
        return summary([Outcome(check, status, "", 0.0) for status in statuses])  # type: ignore[arg-type]

    assert of("ok", "ok") == "2/2"
    assert of("ok", "failed", "not run", "not run") == "1/4: 1 failed, 2 not run"
    assert of("failed as expected", "failed as expected") == "2/2, 2 of them expected failures"
    assert of("ok", "not applicable") == "2/2, 1 not applicable"
    assert of("failed", "passed unexpectedly", "failed as expected") == (
        "1/3: 1 failed, 1 passed unexpectedly, 1 of them an expected failure"
    )


def test_a_plugin_that_is_not_installed_fails_the_first_check_alone() -> None:
    found = [run(check) for check in checks("nobody_has_this", "head")]
    assert found[0].status == "failed"
    assert found[0].message.startswith('no installed head is called "nobody_has_this"')
    assert {outcome.status for outcome in found[1:]} == {"not run"}
    assert isinstance(found[-1].failure, CheckNotRun)
    assert found[-1].failure.needed == "found_through_metadata"


def test_an_id_that_two_distributions_claim_fails_the_first_check_alone(plant: Plant) -> None:
    plant("zoo-one", {GROUP: {"twin": "healthy"}}, SOURCE)
    plant("zoo-two", {GROUP: {"twin": "healthy"}}, SOURCE)
    found = [run(check) for check in checks("zoo-one/twin", "loss")]
    assert status_of(found) == {"found_through_metadata": "failed"}
    assert "also in zoo-two 1.0" in found[0].message
    unqualified = run(checks("twin", "loss")[0])
    assert "ask for zoo-one/twin or zoo-two/twin" in unqualified.message


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("of_another_version", "written for version 99 of the plugin API"),
        ("no_plugin", "a loss is an instance of zoo.api.Loss"),
        ("not_there", "no attribute 'not_there'"),
    ],
)
def test_what_does_not_load_fails_the_second_check_alone(
    plant: Plant, target: str, words: str
) -> None:
    plant("zoo-odd", {GROUP: {"odd": target}}, SOURCE)
    found = [run(check) for check in checks("odd", "loss")]
    assert [o.check.name for o in found if o.status == "failed"] == ["import_leaves_no_trace"]
    assert words in found[1].message
    assert {o.status for o in found[2:]} == {"not run"}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import a_library_nobody_has\n", "needs a_library_nobody_has, which is not installed"),
        ("import os\nos._exit(9)\n", "ended the process while loading (exit status 9)"),
        ("import time\ntime.sleep(600)\n", "still loading after 4 s"),
    ],
    ids=["missing library", "crash", "hang"],
)
def test_a_bad_import_is_one_line_and_does_no_harm(plant: Plant, source: str, words: str) -> None:
    plant("zoo-bad", {GROUP: {"bad": "ours"}}, source)
    # a crash must not be taken for a slow import on a busy machine
    timeout = 4.0 if "sleep" in source else 60.0
    found = [run(check) for check in checks("bad", "loss", import_timeout=timeout)]
    assert [o.check.name for o in found if o.status == "failed"] == ["import_leaves_no_trace"]
    assert words in found[1].message
    assert {o.status for o in found[2:]} == {"not run"}
