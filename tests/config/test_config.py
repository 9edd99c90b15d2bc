"""A run's configuration: what overrides what, what is refused and how, and TOML that reads back."""

from __future__ import annotations

import json
import math
import re
import warnings
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.api import UsageError, ZooDeprecationWarning, ZooWarning
from zoo.config import (
    CHOICES,
    PLUGIN_KINDS,
    Augment,
    Config,
    Plateau,
    dumps,
    from_dict,
    from_flat,
    known_keys,
    loads,
)
from zoo.config.bounds import Bound, bounds_of
from zoo.config.recipes import parse_set, read_recipe, recipe_names, resolve
from zoo.evaluation.records import config_hash


def write(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text)
    return str(path)


def test_flags_beat_set_which_beats_the_recipe_which_beats_the_defaults(tmp_path: Path) -> None:
    recipe = write(tmp_path, "lr = 1\nepochs = 2\nbatch_size = 3\n[plateau]\nfactor = 0.25\n")
    sets = ["epochs=20", "batch_size=30", "plateau.min_lr=0.001"]
    config = resolve("custom_cnn", recipe, sets, {"batch_size": 300, "seed": None})
    assert (config.lr, config.epochs, config.batch_size) == (1.0, 20, 300)
    assert config.plateau == Plateau(factor=0.25, patience=Plateau.patience, min_lr=0.001)
    assert config.seed == Config.seed
    assert config.recipe == recipe


def test_the_backbone_is_the_named_one_else_that_of_set_else_the_recipes(tmp_path: Path) -> None:
    recipe = write(tmp_path, 'backbone = "vgg19"')
    assert resolve("resnet152", recipe, ["backbone=timm:resnet18"]).backbone == "resnet152"
    assert resolve("", recipe, ["backbone=timm:resnet18"]).backbone == "timm:resnet18"
    assert resolve("", recipe).backbone == "vgg19"
    with pytest.raises(UsageError, match=r"no backbone named; `zoo list --kind backbone`"):
        resolve("", write(tmp_path, ""))


@pytest.mark.parametrize("name", recipe_names())
def test_a_shipped_recipe_is_a_configuration(name: str) -> None:
    config = resolve("landmark-zoo/custom_cnn", name)
    assert config.recipe == name
    assert config.backbone == "landmark-zoo/custom_cnn"
    # every key that it names takes effect
    for key, value in read_recipe(name).items():
        group, _, rest = key.rpartition(".")
        if group in PLUGIN_KINDS:
            actual = config.plugin_options(group)[rest]
        else:
            actual = getattr(getattr(config, group) if group else config, rest)
        assert actual == (tuple(value) if isinstance(value, list) else value)


def test_the_recipe_of_custom_cnn_leaves_its_own_option_out_for_others() -> None:
    assert resolve("", "custom_cnn").plugin_options("backbone") == {"dropout_scale": 0.0}
    assert resolve("vgg19", "custom_cnn").plugin_options("backbone") == {}


def test_the_seeds_own_training() -> None:
    config = resolve("", "seed")
    # the built-in ones, whatever else is installed under these names
    assert config.backbone == "landmark-zoo/custom_cnn"
    assert (config.head, config.loss) == ("landmark-zoo/linear", "landmark-zoo/smooth_l1")
    assert (config.input_size, config.batch_size) == (224, 32)
    assert (config.optimizer, config.lr, config.scheduler) == ("adam", 1e-3, "plateau")
    assert config.plateau == Plateau(0.5, 5, 1e-5)
    assert config.augment == Augment(
        margin=0.004,
        crop=True,
        brightness=0.9,
        contrast=0.9,
        grey=0.1,
        blur=1.0,
        blur_kernel=3,
        blur_sigma=(0.1, 2.0),
    )


def test_a_recipe_that_is_not_there_gets_close_matches() -> None:
    with pytest.raises(UsageError, match=r"no recipe 'stron': did you mean strong.* path"):
        resolve("custom_cnn", "stron")


@pytest.mark.parametrize("content", [b"lr = = 2", b"\xff\xfe\x00", b"lr"])
def test_a_recipe_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mine.toml").write_bytes(content)
    with pytest.raises(UsageError, match=r"recipe .*mine.toml: not (TOML|text)"):
        resolve("custom_cnn", str(tmp_path / "mine.toml"))


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("epoch", "did you mean epochs"),
        ("augment.rotate", "did you mean augment.rotation"),
        ("plateau.lr", "did you mean plateau.min_lr"),
        ("qqqq", "no key 'qqqq': there are backbone, "),
        ("augment", "did you mean augment"),
        ("recipe", "no key 'recipe'"),
        ("options", "no key 'options'"),
        ("lr.x", "no key 'lr.x'"),
        ("head.", "no key 'head.'"),
    ],
)
def test_an_unknown_key_gets_close_matches(key: str, near: str) -> None:
    with pytest.raises(UsageError, match=near):
        resolve("custom_cnn", sets=[f"{key}=1"])


def test_known_keys_are_the_fields() -> None:
    keys = known_keys()
    assert len(keys) == len(set(keys))
    names = {f.name for f in fields(Config)} - {"plateau", "augment", "options", "recipe", "asked"}
    assert {key for key in keys if "." not in key} == names
    assert {"plateau.patience", "augment.erase_area"} < set(keys)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lr=1e-4", ("lr", 1e-4)),
        (" lr = 0.5", ("lr", 0.5)),
        ("crop=true", ("crop", True)),
        ("blur_sigma=[0.1, 2]", ("blur_sigma", [0.1, 2])),
        ("head=heat_maps", ("head", "heat_maps")),
        ('head="heat maps"', ("head", "heat maps")),
        ("data=/some/where=odd", ("data", "/some/where=odd")),
        ("backbone=timm:resnet18.a1_in1k", ("backbone", "timm:resnet18.a1_in1k")),
        ("weights=", ("weights", "")),
        # as Python writes them, where TOML has other rules
        ("lr=.25", ("lr", 0.25)),
        ("lr=-1.", ("lr", -1.0)),
        ("lr=5.e-4", ("lr", 5e-4)),
        ("crop=True", ("crop", True)),
        ("crop=False", ("crop", False)),
        # but a name stays a name
        ("subset=007", ("subset", "007")),
        ("weights=v1.2.3", ("weights", "v1.2.3")),
    ],
)
def test_a_value_is_read_as_toml_if_it_is_toml_and_else_as_text(
    text: str, expected: tuple[str, Any]
) -> None:
    assert parse_set(text) == expected


@pytest.mark.parametrize("text", ["lr", "", "=3", " =3"])
def test_a_setting_without_key_or_value_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected key=value"):
        parse_set(text)


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("epochs=2.5", "epochs = 2.5: expected int"),
        ("epochs=true", "epochs = True: expected int"),
        ("epochs=many", "epochs = 'many': expected int"),
        ("lr=fast", "lr = 'fast': expected float"),
        ("freeze=1", "freeze = 1: expected bool"),
        ("head=3", "head = 3: expected str"),
        ("augment.crop=yes", "augment.crop = 'yes': expected bool"),
        ("augment.blur_sigma=1.0", "augment.blur_sigma = 1.0: expected 2 numbers"),
        ("augment.blur_sigma=[1, 2, 3]", "expected 2 numbers"),
        ('augment.erase_area=[0.1, "x"]', "augment.erase_area = 'x': expected float"),
    ],
)
def test_a_value_of_another_type_is_refused(setting: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve("custom_cnn", sets=[setting])
    assert reason in str(caught.value)


def test_a_whole_number_serves_as_a_fraction() -> None:
    config = resolve("custom_cnn", sets=["lr=1", "augment.blur_sigma=[1, 2]"])
    assert config.lr == 1.0
    assert isinstance(config.lr, float)
    assert config.augment.blur_sigma == (1.0, 2.0)


@pytest.mark.parametrize("key", CHOICES)
def test_a_choice_lists_what_there_is(key: str) -> None:
    for allowed in CHOICES[key]:
        assert getattr(resolve("custom_cnn", sets=[f"{key}={allowed}"]), key) == allowed
    with pytest.raises(UsageError) as caught:
        resolve("custom_cnn", sets=[f"{key}=other"])
    assert str(caught.value) == f"{key} = 'other': expected one of {', '.join(CHOICES[key])}"


@pytest.mark.parametrize(
    ("setting", "refusal"),
    [
        ("epochs=0", "epochs = 0: must be at least 1 and at most 5,000"),
        ("lr=0", "lr = 0.0: must be above 0 and at most 100"),
        ("lr=nan", "lr = nan: must be above 0 and at most 100"),
        ("clip_grad=inf", "clip_grad = inf: must be at least 0"),
        ("plateau.min_lr=inf", "plateau.min_lr = inf: must be at least 0 and at most 100"),
        ("plateau.factor=1", "plateau.factor = 1.0: must be above 0 and below 1"),
        (
            f"seed={2**63}",
            f"seed = {2**63}: must be at least 0 and below 9,223,372,036,854,775,808",
        ),
        (f"lr={10**400}", "lr: a number of 401 digits is too large"),
        ("augment.blur_sigma=[0.5, inf]", "augment.blur_sigma = inf: must be at least 0.01"),
        ("augment.blur_kernel=4", "augment.blur_kernel = 4: must be odd"),
        ("augment.blur_sigma=[2, 1]", "augment.blur_sigma = [2.0, 1.0]: must be two rising"),
        ("augment.erase_area=[0.3, 0.2]", "augment.erase_area = [0.3, 0.2]: must be two rising"),
        ("augment.low_res_scale=[0, 0.5]", "augment.low_res_scale = 0.0: must be above 0"),
        ("augment.jpeg_quality=[50, 20]", "augment.jpeg_quality = [50, 20]: must be two rising"),
        ("loss.w=inf", "loss.w = inf: must be finite"),
        ("head.sizes=[1, nan]", "head.sizes = nan: must be finite"),
        (f"dataset.people={2**63}", f"dataset.people = {2**63}: must be a number of 64 bits"),
        ("backbone.x={y=2026-01-01}", "backbone.x.y = datetime.date(2026, 1, 1): expected a text"),
    ],
)
def test_a_value_out_of_its_bound_is_refused_by_key_value_and_bound(
    setting: str, refusal: str
) -> None:
    with pytest.raises(UsageError) as caught:
        resolve("custom_cnn", sets=[setting])
    assert str(caught.value).startswith(refusal)


def test_pretrained_and_weights_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="only one of pretrained and weights"):
        resolve("custom_cnn", sets=["pretrained=true", "weights=x.pth"])


def numbers() -> dict[str, tuple[type, Bound]]:
    """Each number of a configuration by its key: its type, and its bound (of a pair, for both)."""
    found = {}
    for group, keys in {"": Config, "plateau.": Plateau, "augment.": Augment}.items():
        for name, hint in get_type_hints(keys).items():
            kind = (*get_args(hint), hint)[0]
            if kind in (int, float):
                found[f"{group}{name}"] = (hint, bounds_of(keys)[name])
    return found


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, -1, 0, 10**30, 5e-324])
def test_every_number_is_in_its_bound_or_refused_by_it(value: float) -> None:
    for key, (hint, bound) in numbers().items():
        pair = get_origin(hint) is tuple
        flat = {"backbone": "x", key: [value, value] if pair else value}
        try:
            config = from_flat(flat, recipe="seed")
        except UsageError as error:
            refusal = str(error)
        else:
            assert bound.holds(value), key
            assert math.isfinite(value), key
            assert loads(dumps(config), "config.toml") == config
            continue
        # one line that names the key, its value and what it may be
        assert re.fullmatch(rf"{key} = .+: (must be .+|expected int)", refusal)


def test_a_value_that_is_replaced_in_a_configuration_is_checked_too() -> None:
    config = resolve("custom_cnn")
    with pytest.raises(UsageError, match="seed = -1: must be at least 0"):
        replace(config, seed=-1)
    with pytest.raises(UsageError, match=r"augment.scale = 1: must be at least 0 and below 1"):
        replace(config.augment, scale=1)


@pytest.mark.parametrize("size", [16, 64, 224, 500])
def test_the_seeds_margin_fits_every_input(size: int) -> None:
    augment = resolve("custom_cnn", sets=[f"input_size={size}"]).augment
    stored = augment.stored_side(size)
    assert stored in (size + 1, size + 2)
    # a run keeps, and hashes, the same as runs of earlier versions
    assert augment.for_inputs(size) == replace(augment, margin=0.0, resize=stored)
    assert "margin" not in augment_table(augment.for_inputs(size))
    augment.refuse_narrow_crop(size)


def augment_table(augment: Augment) -> dict[str, Any]:
    table: dict[str, Any] = replace(resolve("custom_cnn"), augment=augment).to_dict()["augment"]
    return table


def test_a_crop_that_shows_too_little_of_the_region_is_refused() -> None:
    narrow = resolve("custom_cnn", sets=["augment.resize=225"]).augment
    with pytest.raises(UsageError) as caught:
        narrow.refuse_narrow_crop(64)
    assert str(caught.value).startswith(
        "augment.resize = 225: a crop of 64 px shows 8% of the region, and it must show at least 50"
    )
    narrow.refuse_narrow_crop(160)
    replace(narrow, crop=False).refuse_narrow_crop(64)


def test_options_of_plugins_go_to_their_kind() -> None:
    config = resolve(
        "custom_cnn",
        sets=["head.stride=4", "backbone.drop_rate=0.1", "dataset.frames=3", "dataset.people=9"],
    )
    assert config.plugin_options("head") == {"stride": 4}
    assert config.plugin_options("backbone") == {"drop_rate": 0.1}
    assert config.plugin_options("dataset") == {"frames": 3, "people": 9}
    assert config.plugin_options("loss") == {}


def test_options_of_plugins_stand_in_a_recipe_too(tmp_path: Path) -> None:
    recipe = write(tmp_path, "[head]\nstride = 4\n[backbone.pretrained_cfg_overlay]\nfile = 'x'\n")
    config = resolve("timm:resnet18", recipe)
    assert config.plugin_options("head") == {"stride": 4}
    assert config.plugin_options("backbone") == {"pretrained_cfg_overlay": {"file": "x"}}


def test_a_recipes_options_are_for_the_plugin_that_it_names() -> None:
    config = resolve("custom_cnn", "quick", ["augment.flip=0"])
    assert config.plugin_options("head") == {"width": 128}
    same = resolve("custom_cnn", "quick", flags={"head": "heatmap"})
    assert same.plugin_options("head") == {"width": 128}
    other = resolve("custom_cnn", "quick", ["head.stride=8"], {"head": "soft_argmax"})
    assert other.plugin_options("head") == {"stride": 8}
    assert resolve("custom_cnn", "quick", ["head=linear"]).plugin_options("head") == {}


CONFIGS = [
    resolve("custom_cnn"),
    resolve("timm:resnet18", "strong", ["head.stride=4", "backbone.out_indices=[1, -1]"]),
    resolve(
        "vgg19",
        sets=['backbone.overlay={file="a.bin", sizes=[1, 2]}', 'data="C:\\\\faces \\"x\\""'],
        flags={"weights": "/some/file.safetensors", "seed": 2**63 - 1},
    ),
]


@pytest.mark.parametrize("config", CONFIGS, ids=["seed", "strong", "odd"])
def test_a_configuration_reads_back_equal(config: Config) -> None:
    assert loads(dumps(config), "config.toml") == config
    assert from_dict(config.to_dict()) == config
    assert from_dict(json.loads(json.dumps(config.to_dict()))) == config


@settings(deadline=None)  # a busy machine may be slow
@given(
    lr=st.floats(1e-12, 100),
    decay=st.floats(0, 10),
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    seed=st.integers(0, 2**63 - 1),
)
def test_any_number_and_text_reads_back_equal(
    lr: float, decay: float, text: str, seed: int
) -> None:
    flat = {"backbone": "x", "lr": lr, "weight_decay": decay, "data": text, "seed": seed}
    config = from_flat(flat | {"head.note": text}, recipe="seed")
    assert loads(dumps(config), "config.toml") == config


NEWER = {"label_offset": False, "low_res": 0.2, "low_res_scale": (0.4, 0.9), "jpeg": 0.1}


def test_a_newer_key_is_written_only_where_it_differs_from_its_default() -> None:
    """So the hash of an older configuration, and with it a run's folder and row, stays the same."""
    plain = resolve("custom_cnn", "seed").to_dict()["augment"]
    assert not {*NEWER, "jpeg_quality"} & set(plain)
    assert {"blur_sigma", "flip"} <= set(plain)  # older ones always are
    for key, value in NEWER.items():
        config = from_flat({"backbone": "x", f"augment.{key}": value}, recipe="seed")
        assert set(config.to_dict()["augment"]) - set(plain) == {key}
        assert from_dict(config.to_dict()) == config
    same = resolve("custom_cnn", "seed", ["augment.label_offset=true", "augment.low_res=0"])
    assert same.to_dict() == resolve("custom_cnn", "seed").to_dict()


def test_a_configuration_from_before_a_key_reads_as_it_trained() -> None:
    older = resolve("custom_cnn", "strong").to_dict()
    for key in NEWER:
        older["augment"].pop(key, None)
    config = from_dict(older)
    assert config.recipe == "strong"
    assert config.augment.low_res == config.augment.jpeg == 0
    assert config.augment.label_offset


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('backbone = "x"\nepoch = 3', r"run/config.toml: no key 'epoch'.*epochs"),
        ('backbone = "x"\nepochs = 0', r"run/config.toml: epochs = 0: must be"),
        ('backbone = "x"\n[options.colour]\na = 1', r"run/config.toml: no key 'colour.a'"),
        ("backbone = ", r"run/config.toml: not TOML"),
    ],
)
def test_a_stored_configuration_that_is_wrong_is_named(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        loads(text, "run/config.toml")


def test_what_is_shared_names_no_folder_of_this_machine(tmp_path: Path) -> None:
    recipe = write(tmp_path, "")
    flags = {"data": str(tmp_path / "faces"), "weights": str(tmp_path / "some.safetensors")}
    config = resolve("custom_cnn", recipe, [], flags)
    shared = config.to_share()
    assert str(tmp_path) not in json.dumps(shared)
    assert (shared["data"], shared["weights"], shared["recipe"]) == ("", "some.safetensors", "mine")
    assert from_dict(shared).epochs == config.epochs
    assert resolve("custom_cnn").to_share()["weights"] == ""


@pytest.mark.parametrize(
    "line", ["options = 5", "recipe = 5", "[options]\nhead = 5", "augment = 5"]
)
def test_a_value_where_a_table_belongs_is_named(line: str) -> None:
    text = dumps(Config(backbone="custom_cnn")).replace('recipe = "seed"\n', "")
    text = text.split("\n[augment]")[0]
    with pytest.raises(UsageError, match=re.escape("run/config.toml: ")):
        loads(f"{line}\n{text}" if "[" not in line else f"{text}\n{line}\n", "run/config.toml")


def test_a_configuration_without_a_backbone_is_named() -> None:
    text = dumps(Config(backbone="custom_cnn")).replace('backbone = "custom_cnn"\n', "")
    with pytest.raises(UsageError, match="backbone is missing"):
        loads(text, "run/config.toml")


def test_a_key_is_read_by_its_earlier_name_and_its_hash_stays() -> None:
    with pytest.warns(ZooDeprecationWarning, match="backbone_lr is deprecated.*backbone_lr_factor"):
        old = resolve("custom_cnn", sets=["backbone_lr=0.5"])
    new = resolve("custom_cnn", sets=["backbone_lr_factor=0.5"])
    assert old == new
    stored = new.to_dict()
    of_an_earlier_version = dict(stored)
    of_an_earlier_version["backbone_lr"] = of_an_earlier_version.pop("backbone_lr_factor")
    assert config_hash(of_an_earlier_version) == config_hash(stored)
    with warnings.catch_warnings():  # a stored configuration gives no warning
        warnings.simplefilter("error")
        assert from_dict(of_an_earlier_version) == new
    with pytest.raises(UsageError, match="backbone_lr is an earlier name of backbone_lr_factor"):
        from_dict(stored | {"backbone_lr": 0.5})


def test_a_rate_where_a_factor_belongs_gives_a_warning() -> None:
    with pytest.warns(ZooWarning, match=r"trains at 5e-07; for a rate of 0\.0005, give 0\.5"):
        resolve("custom_cnn", sets=["backbone_lr_factor=0.0005"])
