"""The text beside the name of a backbone: it differs between any two rows of a board."""

from __future__ import annotations

from typing import Any

from page_records import board, record


def details(*records: dict[str, Any]) -> dict[tuple[str, float | None], str]:
    [group] = board(*records)
    return {(row.backbone, row.nme_ioc): row.detail for row in group.rows}


def test_rows_of_one_backbone_are_told_apart_and_no_others() -> None:
    assert details(
        record("solo"),
        record("twin", nme=0.05),
        record("twin", nme=0.06, config={"input_size": 224, "lr": 0.01}),
        record("trio", nme=0.05),
        record("trio", nme=0.06, config={"recipe": "seed"}),
        record("trio", nme=0.07, config={"recipe": "seed", "lr": 0.01}),
    ) == {
        ("solo", 0.06): "",
        ("twin", 0.05): "112 px",
        ("twin", 0.06): "224 px",
        ("trio", 0.05): "strong, lr 0.001",
        ("trio", 0.06): "seed, lr 0.001",
        ("trio", 0.07): "seed, lr 0.01",
    }


def test_a_key_that_other_keys_make_redundant_is_not_shown() -> None:
    # head and input size distinguish all rows, so the recipe is redundant
    maps, quick = {"head": "landmark-zoo/heatmap"}, {"recipe": "quick"}
    shown = details(
        record("net", nme=0.05, config=maps | quick),
        record("net", nme=0.06, config=maps | quick | {"input_size": 64}),
        record("net", nme=0.07, config=quick | {"input_size": 64}),
        record("net", nme=0.08),
    )
    expected = ["heatmap, 112 px", "heatmap, 64 px", "linear, 64 px", "linear, 112 px"]
    assert list(shown.values()) == expected


def test_a_recipe_with_the_name_of_the_backbone_is_called_its_own() -> None:
    for backbone in ("net", "landmark-zoo/net"):
        config = {"backbone": backbone}
        shown = details(
            record("net", nme=0.05, config=config | {"recipe": "net"}),
            record("net", nme=0.06, config=config | {"recipe": "seed"}),
        )
        assert list(shown.values()) == ["its own recipe", "seed"]


def test_a_row_that_started_from_another_run_says_from_which() -> None:
    start = {"weights": "run: first sha256: 99aa"}
    shown = details(
        record("net", nme=0.05, config={"epochs": 8}, model={"parameters": 1000} | start),
        record(
            "net",
            nme=0.06,
            config={"epochs": 50},
            model={"parameters": 1000, "weights": "file: x sha256: 99aa"},
        ),
        record("other", nme=0.07, model={"parameters": 1000} | start),
    )
    assert list(shown.values()) == ["8 epochs, from first", "50 epochs", "from first"]


def test_rows_that_no_key_tells_apart_have_their_hashes() -> None:
    one = record(nme=0.05, config_hash="aaaaaa99")
    other = record(seed=1, nme=0.06, config_hash="bbbbbb99")
    assert list(details(one, other).values()) == ["aaaaaa", "bbbbbb"]
