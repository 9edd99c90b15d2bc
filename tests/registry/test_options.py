"""Options that a user wrote reach the plugin, or are refused with those that it takes."""

from __future__ import annotations

from typing import Any

import pytest

from zoo.api import PluginError, UsageError
from zoo.registry import Entry
from zoo.registry.call import call_with_options


def entry(kind: str, plugin_id: str) -> Entry:
    return Entry(plugin_id, kind, "ours", "1.0", "ours:plugin")


def build(size: int, *, width: int = 8, stride: int = 8) -> tuple[int, int]:
    return size, width


def test_arguments_and_options_are_passed_on() -> None:
    assert call_with_options(entry("head", "x"), build, 3, width=4) == (3, 4)


def test_an_unknown_option_is_refused_with_the_plugins_own() -> None:
    with pytest.raises(UsageError) as caught:
        call_with_options(entry("head", "x"), build, 3, depth=4)
    message = str(caught.value)
    assert message.startswith("head ours/x: ")
    assert "'depth'" in message
    assert message.endswith("its options are head.width, head.stride")


def backbone(
    *, pretrained: bool = False, input_size: int = 0, stride: int = 0, drop: int = 0
) -> None:
    """A backbone's parameters."""


def loss(*, scheme: object, beta: float = 1.0) -> None:
    """A loss's parameters."""


@pytest.mark.parametrize(
    ("kind", "build", "offered"),
    [("backbone", backbone, "backbone.drop"), ("loss", loss, "loss.beta")],
)
def test_what_the_core_gives_is_not_offered(kind: str, build: Any, offered: str) -> None:
    with pytest.raises(UsageError, match=rf"its options are {offered}$"):
        call_with_options(entry(kind, "x"), build, depth=4)


def test_a_plugin_without_options_says_so() -> None:
    with pytest.raises(UsageError, match=r"detector ours/none: .*'a'; its options are none$"):
        call_with_options(entry("detector", "none"), lambda: None, a=1)


def test_a_type_error_inside_a_plugin_is_not_taken_for_a_wrong_option() -> None:
    def broken(*, width: int = 1) -> Any:
        return width + "a bug"  # type: ignore[operator]

    with pytest.raises(PluginError, match=r"head x of ours 1\.0 cannot .*unsupported"):
        call_with_options(entry("head", "x"), broken, width=2)


def test_a_plugin_that_takes_any_option_gets_them_all() -> None:
    def anything(**options: int) -> dict[str, int]:
        return options

    assert call_with_options(entry("backbone", "x"), anything, a=1, b=2) == {"a": 1, "b": 2}


def typed(
    *,
    deep: bool = False,
    width: int = 8,
    share: float = 0.5,
    name: str = "",
    limit: float | None = None,
) -> dict[str, Any]:
    return {"deep": deep, "width": width, "share": share, "name": name, "limit": limit}


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("deep", "yes", "true or false"),
        ("deep", 1, "true or false"),
        ("width", 4.5, "a whole number"),
        ("width", True, "a whole number"),
        ("width", "4px", "a whole number"),
        ("share", "a third", "a number"),
        ("name", 3, "text"),
        ("limit", "none", "a number or left out"),
    ],
)
def test_a_value_of_another_type_is_refused(option: str, value: object, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        call_with_options(entry("head", "x"), typed, **{option: value})
    assert str(caught.value) == f"head.{option} = {value!r}: must be {words}"


def test_an_option_of_a_kind_with_several_plugins_is_named_with_its_plugin() -> None:
    with pytest.raises(UsageError, match=r"^augmentation\.x\.share = 'a third': must be a number"):
        call_with_options(entry("augmentation", "x"), typed, share="a third")


@pytest.mark.parametrize(
    "options", [{"deep": True}, {"width": 4}, {"share": 1}, {"limit": None}, {"limit": 2.5}]
)
def test_a_value_of_its_type_reaches_the_plugin(options: dict[str, Any]) -> None:
    assert call_with_options(entry("head", "x"), typed, **options).items() >= options.items()
