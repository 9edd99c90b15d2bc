"""A run's configuration: one typed object, checked.

:mod:`.flat` reads it from recipes, ``--set`` and flags (:mod:`zoo.config.recipes`).
Options of a plugin are written under its kind: ``head.stride``, ``dataset.frames``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from zoo.api.errors import unknown_name

from ..api import Augmentation, UsageError
from ..registry import Resolved, bare_id, registry
from .augment import Augment as Augment
from .bounds import EPOCHS, MANY, Bound, Count, CountOrNone, Rate, Side, SomeShare, check_bounds

PLUGIN_KINDS = ("backbone", "head", "loss", "dataset")
"""The kinds of plugins of which a run has one, each named by the key of the same name."""

AUGMENTATION = "augmentation"
"""The kind of plugin of which a run may have several, named in ``augmentations``. Their options are
written ``augmentation.ID.KEY``."""

CHOICES: dict[str, tuple[str, ...]] = {
    "optimizer": ("adam", "adamw", "sgd"),
    "scheduler": ("plateau", "cosine", "none"),
    "precision": ("fp32", "bf16", "fp16"),
    "region": ("frame", "box"),
}


@dataclass(frozen=True)
class Plateau:
    """Options of the ``plateau`` scheduler."""

    factor: Annotated[float, Bound(above=0, below=1)] = 0.5
    """What the learning rate is multiplied by."""
    patience: CountOrNone = 5
    """Epochs without a better validation loss before that."""
    min_lr: Annotated[float, Bound(least=0, most=100)] = 1e-5
    """The learning rate never falls below this."""

    def __post_init__(self) -> None:
        check_bounds(self, "plateau.")


@dataclass(frozen=True)
class Config:
    """Everything that a run depends on. ``zoo train --set KEY=VALUE`` takes each field by name."""

    backbone: str
    """Id of a backbone, such as custom_cnn or timm:resnet18."""
    # defaults name their distribution, so that another package's plugin of the same id is no clash
    head: str = "landmark-zoo/linear"
    """Id of a head."""
    loss: str = "landmark-zoo/smooth_l1"
    """Id of a loss."""
    dataset: str = "landmark-zoo/youtube_faces"
    """Id of a data set."""
    data: str = ""
    """Folder of the data set; empty: the default places."""
    protocol: str = ""
    """Rule for which people are trained on and which are scored; empty: the data set's default."""
    most_skipped: Annotated[float, Bound(least=0, most=1)] = 0.1
    """Share of the data's frames that may be skipped, because they cannot be used; more is an
    error."""
    fold: Annotated[int, Bound(least=-1, most=MANY)] = -1
    """The fold that is the test split, under a protocol with folds. -1: none is named, which means
    all of them to `zoo train`; a run has 0 where its protocol has no folds."""
    region: str = "frame"
    """What the model sees: the whole picture as a square, or the face's box."""
    input_size: Side = 0
    """Pixels, square; 0: the backbone's own."""
    refine: Annotated[int, Bound(least=0, most=3)] = 0
    """Passes after the first, each on a crop about the points of the pass before. The same network
    does them all, and is trained for it: half of its training images are such crops."""
    upright: bool = False
    """Whether each of these crops is turned upright by the roll of the points before it."""
    seed: Annotated[int, Bound(least=0, below=2**63)] = 0
    """Seed of all random numbers."""
    epochs: Annotated[int, Bound(least=1, most=EPOCHS)] = 60
    """Passes over the training frames."""
    batch_size: Count = 32
    """Images of a step, over all processes together."""
    optimizer: str = "adam"
    """``sgd`` has Nesterov's momentum of .9."""
    lr: Rate = 1e-3
    """Learning rate."""
    weight_decay: Annotated[float, Bound(least=0, most=100)] = 0.0
    """Weight decay, in the way of the optimizer; ``adamw`` keeps it apart from the gradient."""
    scheduler: str = "plateau"
    """How the learning rate falls: on the validation loss, along a cosine to 0, or not at all."""
    warmup_epochs: Annotated[float, Bound(least=0, most=MANY)] = 0.0
    """Epochs over which the learning rate rises from 0."""
    clip_grad: Annotated[float, Bound(least=0, most=1e9)] = 0.0
    """Largest norm of the gradient; 0: not clipped."""
    accumulate: Count = 1
    """Batches whose gradients make one step."""
    ema: Annotated[float, Bound(least=0, below=1)] = 0.0
    """Decay of the weights' moving average; 0: none is kept."""
    early_stop: CountOrNone = 0
    """Epochs without a better validation NME after which the run stops; 0: never."""
    precision: str = "fp32"
    """Number format of the arithmetic; half precision by autocast."""
    device: str = ""
    """Empty: cuda, then mps, then cpu."""
    compile: bool = False
    """Compile backbone and head by ``torch.compile``."""
    pretrained: bool = False
    """Whether the backbone starts from its published weights."""
    weights: str = ""
    """A run, a file or a ready model to start from."""
    weights_sha256: str = ""
    """Digest of that file. A run computes it; if a configuration has one, the file must match."""
    freeze: bool = False
    """Train the head alone."""
    unfreeze_after: CountOrNone = 0
    """Epochs for which the backbone is frozen before it is trained too; 0: it never is."""
    backbone_lr_factor: Rate = 1.0
    """Factor on ``lr`` for the parameters of a backbone that starts from weights."""
    layer_decay: SomeShare = 1.0
    """Further factor for each of its blocks, multiplied from the head down to the stem."""
    pseudo: str = ""
    """A run, the teacher: its points on the training people's unlabelled frames serve as labels."""
    pseudo_sha256: str = ""
    """Digest of its best weights. A run computes it; if a configuration has one, it must match."""
    pseudo_weight: SomeShare = 0.5
    """Weight of such a frame, where a labelled one has 1: an epoch sees this share of them."""
    pseudo_keep_share: SomeShare = 0.5
    """Share of the unlabelled frames that are used: those on which the teacher is surest."""
    visibility_weight: Annotated[float, Bound(least=0, most=1e9)] = 0.1
    """Weight of the loss of a head's ``visibility``, on data that says which points are hidden."""
    augmentations: tuple[str, ...] = ()
    """Ids of augmentation plugins, in the order in which they come after those of ``augment``."""
    recipe: str = "seed"
    plateau: Plateau = field(default_factory=Plateau)
    augment: Augment = field(default_factory=Augment)
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Options of plugins, by kind; those of augmentations by their ids without distribution."""
    asked: tuple[str, ...] = field(default=(), compare=False)
    """Keys that a flag or ``--set`` named: one of these without effect is an error. The list is not
    written to a file."""

    def asked_for(self, kind: str) -> str:
        """The key of a kind of plugin that the user set, as ``key = value``; empty: none."""
        for key in self.asked:
            if key == kind:
                return f"{kind} = {getattr(self, kind)}"
            if key.startswith(f"{kind}."):
                return f"{key} = {self.options[kind][key.removeprefix(f'{kind}.')]}"
        return ""

    def __post_init__(self) -> None:
        check_bounds(self)
        _check(self)

    def plugin_options(self, kind: str) -> dict[str, Any]:
        return dict(self.options.get(kind, {}))

    def plugin(self, kind: str) -> Resolved[Any]:
        """The plugin of a kind, with its entry and its options. Raises :class:`PluginError` for an
        id that is unknown or ambiguous, and for a plugin that does not load."""
        return registry(kind).resolve(getattr(self, kind), self.plugin_options(kind))

    def augmentation_plugins(self) -> list[Resolved[Augmentation]]:
        """Those of ``augmentations``; raises what :meth:`plugin` raises."""
        options = self.plugin_options(AUGMENTATION)
        plugins = registry(AUGMENTATION)
        return [plugins.resolve(each, options.get(bare_id(each))) for each in self.augmentations]

    def to_dict(self) -> dict[str, Any]:
        table: dict[str, Any] = _jsonable(asdict(self))
        del table["asked"]
        for key, default in later_keys().items():
            group, _, name = key.rpartition(".")
            keys = table[group] if group else table
            if keys[name] == default:
                del keys[name]
        return table

    def to_share(self) -> dict[str, Any]:
        """This configuration without the folders of the machine that trained."""
        names = {"weights": Path(self.weights).name, "recipe": Path(self.recipe).stem}
        if self.pseudo:
            names["pseudo"] = Path(self.pseudo).name
        return self.to_dict() | names | {"data": ""}


_LATER = (
    "most_skipped",
    "compile",
    "weights_sha256",
    "refine",
    "upright",
    "unfreeze_after",
    "backbone_lr_factor",
    "layer_decay",
    "pseudo",
    "pseudo_sha256",
    "pseudo_weight",
    "pseudo_keep_share",
    "visibility_weight",
    "augmentations",
    "augment.margin",
    "augment.label_offset",
    "augment.low_res",
    "augment.low_res_scale",
    "augment.jpeg",
    "augment.jpeg_quality",
)
"""Keys that came after the first records, and are left out where they have their default: the hash
of a configuration stays what it was."""

GROUPS: dict[str, type] = {"plateau": Plateau, "augment": Augment}


def _jsonable(value: Any) -> Any:
    """Tuples as lists, so that a configuration reads back equal from TOML and JSON."""
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    return [_jsonable(item) for item in value] if isinstance(value, list | tuple) else value


@cache
def later_keys() -> MappingProxyType[str, Any]:
    """Keys that a configuration's dictionary may lack, with the values that they then have."""
    classes = {"": Config, **GROUPS}
    defaults: dict[str, Any] = {}
    for key in _LATER:
        group, _, name = key.rpartition(".")
        [field_] = (f for f in fields(classes[group]) if f.name == name)
        defaults[key] = _jsonable(field_.default)
    return MappingProxyType(defaults)


def _check(config: Config) -> None:
    for key, allowed in CHOICES.items():
        value = getattr(config, key)
        if value not in allowed:
            raise UsageError(f"{key} = {value!r}: expected one of {', '.join(allowed)}")
    ids = [bare_id(each) for each in config.augmentations]
    for each in config.options.get(AUGMENTATION, {}):
        if each not in ids:
            raise unknown_name("augmentation of this run", each, ids)
    rules = {
        "augmentations holds one id twice": len(set(ids)) == len(ids),
        f"unfreeze_after = {config.unfreeze_after} must be below epochs = {config.epochs}, or the "
        "backbone is never trained, which is what freeze = true says": not config.unfreeze_after
        or config.unfreeze_after < config.epochs,
        "only one of pretrained and weights can be where a model starts": not (
            config.pretrained and config.weights
        ),
    }
    for rule, holds in rules.items():
        if not holds:
            raise UsageError(f"configuration: {rule}")
