"""A run that is no better than the mean shape says so, and its advice fits how it was trained."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from board_samples import predict, record

from zoo.config import Config
from zoo.config.recipes import resolve
from zoo.evaluation.records import checked, save_record
from zoo.export.card import plain_card
from zoo.prediction import loading
from zoo.runs.folder import RunFolder
from zoo.runs.unlearned import unlearned

PEOPLE = [f"p{i}" for i in range(8)]
BASELINE = {"nme_ioc": 0.28, "nme_ioc_low": 0.25, "nme_ioc_high": 0.31}
SEED = Config(backbone="landmark-zoo/custom_cnn", dataset="landmark-zoo/synthetic", epochs=4)


def finished(folder: Path, error: float, config: Config = SEED) -> Path:
    """A run folder with the files that are read here: configuration and record."""
    folder.mkdir()
    RunFolder(folder).write_config(config)
    content = record(
        predict({person: [error] for person in PEOPLE}), results={"floor": dict(BASELINE)}
    )
    save_record(content | {"epochs": config.epochs}, folder / "record.json")
    return folder


def test_a_run_that_learned_has_nothing_to_say(tmp_path: Path) -> None:
    assert unlearned(finished(tmp_path / "run", 0.07)) == []


def test_a_run_that_has_not_learned_says_why_and_what_to_try(tmp_path: Path) -> None:
    run = finished(tmp_path / "run", 0.27)
    assert unlearned(run) == [
        f"{run} has not learned: its NME inter-ocular is not below the interval of the baseline, "
        "28.00% [25.00, 31.00]",
        "Try `zoo train timm:mobilenetv4_conv_small --dataset synthetic --recipe quick`, which "
        f"learns fast, or more epochs: zoo train --resume {run} --epochs 20",
    ]


def test_the_advice_can_be_followed(tmp_path: Path) -> None:
    # a cosine schedule ends with its last epoch: more of them are another run
    ended = replace(SEED, scheduler="cosine", epochs=30, data="faces")
    _, advice = unlearned(finished(tmp_path / "ended", 0.3, ended))
    assert "--dataset synthetic --data faces --recipe quick" in advice
    assert advice.endswith("or more epochs: --epochs 60")
    # a run with the recipe quick is not advised to use it
    quick = resolve("timm:lcnet_050", "quick", (), {"dataset": "synthetic", "lr": 0.01})
    _, advice = unlearned(finished(tmp_path / "quick", 0.3, quick))
    assert advice == (
        "Try more epochs (--epochs 40), a smaller learning rate (--lr 0.0025), and "
        "`zoo data check synthetic`, which finds labels that mislead"
    )


def test_loading_a_model_that_has_not_learned_gives_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo.prediction.torch_model.TorchPredictor.of_run", lambda *_: "model")
    with pytest.warns(UserWarning, match="stuck has not learned: its NME inter-ocular"):
        assert loading.load(finished(tmp_path / "stuck", 0.27)) == "model"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loading.load(finished(tmp_path / "good", 0.07))
        (tmp_path / "good" / "record.json").write_text("{")  # which gives no warning here
        loading.load(tmp_path / "good")


def test_the_card_of_a_model_that_has_not_learned_says_so() -> None:
    def card(error: float) -> str:
        content = record(
            predict({person: [error] for person in PEOPLE}), results={"floor": dict(BASELINE)}
        )
        return plain_card(checked("record.json", content), "hf://somebody/something")

    assert "**This model has not learned: on val it is no better than the baseline.**" in card(0.27)
    assert "has not learned" not in card(0.07)
