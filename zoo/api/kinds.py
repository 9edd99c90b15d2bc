"""The kinds of plugin, one entry each, for the registry, the kit, ``zoo new`` and the command line.

The other parts of a kind are found by its name, here ``metric``: the contract ``zoo.api.Metric``,
the checks in ``zoo/testing/metrics.py``, and the template for the package that ``zoo new`` writes,
``zoo/scaffold/templates/metric.py.template``.
"""

from __future__ import annotations

from dataclasses import dataclass

SMALL_RUN = "--recipe strong --set input_size=64 --epochs 20"
"""Options of a short training. With them, timm's smallest network reaches an error well below the
baseline, on drawn faces, in twenty seconds on two cores."""


@dataclass(frozen=True)
class Starter:
    """What differs between kinds in the package that ``zoo new`` writes, besides its module."""

    summary: str
    libraries: tuple[str, ...]
    """What the module imports besides the standard library and the zoo."""
    use: str
    """An example command that uses the plugin."""
    option: str = ""
    """How a user sets the plugin's option in that command; "" where the command cannot set one."""


@dataclass(frozen=True)
class Kind:
    name: str
    """One word: ``metric``; capitalised, the class in ``zoo.api``."""
    starter: Starter
    plural: str = ""
    """Empty: the name with an s."""
    words: str = ""
    """The name in prose, where it differs from ``name``: ``data set``."""
    options_of: str = "build"
    """The function of the contract that takes a user's options."""
    given: tuple[str, ...] = ()
    """Parameters of that function that the core fills in, so that users cannot set them."""
    brings_torch: bool = True
    """Whether its modules usually import torch."""
    several: bool = False
    """Whether a run may use several: options are then written ``augmentation.ID.width``."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "plural", self.plural or f"{self.name}s")
        object.__setattr__(self, "words", self.words or self.name)

    @property
    def group(self) -> str:
        """Its entry-point group."""
        return f"zoo.{self.plural}"

    @property
    def title(self) -> str:
        """The plural for a heading."""
        return (self.plural if self.words == self.name else f"{self.words}s").capitalize()

    @property
    def contract(self) -> str:
        """Its class in ``zoo.api``."""
        return self.name.capitalize()


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "backbone",
            Starter(
                "a small convolutional network",
                ("torch",),
                "zoo train $id --dataset synthetic --recipe strong --epochs 20",
                "--set backbone.width=16",
            ),
            given=("pretrained", "input_size", "stride", "tokens"),
        ),
        Kind(
            "dataset",
            Starter(
                "a data set of drawn faces, five points each",
                ("numpy",),
                f"zoo train timm:test_resnet --dataset $id {SMALL_RUN}",
                "--set dataset.people=200",
            ),
            words="data set",
            options_of="open",
            brings_torch=False,
        ),
        Kind(
            "head",
            Starter(
                "the mean place of a heat map for each point",
                ("torch",),
                f"zoo train timm:test_resnet --head $id --dataset synthetic {SMALL_RUN}",
                "--set head.temperature=0.5",
            ),
        ),
        Kind(
            "loss",
            Starter(
                "the Charbonnier loss",
                ("torch",),
                f"zoo train timm:test_resnet --loss $id --dataset synthetic {SMALL_RUN}",
                "--set loss.scale=0.05",
            ),
            plural="losses",
            given=("scheme",),
        ),
        Kind(
            "detector",
            Starter(
                "the frontal face cascade alt2 of OpenCV",
                ("numpy",),
                "zoo predict RUN PICTURE --detector $id",
            ),
            brings_torch=False,
        ),
        Kind(
            "augmentation",
            Starter(
                "black bars over the picture, as of hair and hands",
                ("torch",),
                "zoo train timm:test_resnet --set augmentations=$id --dataset synthetic "
                f"{SMALL_RUN}",
                "--set augmentation.$id.width=0.2",
            ),
            given=("scheme",),
            several=True,
        ),
        Kind(
            "metric",
            Starter(
                "the error of a face's worst point",
                ("numpy",),
                f"zoo train timm:test_resnet --dataset synthetic {SMALL_RUN} && "
                "zoo leaderboard --sort $id",
            ),
            options_of="measure",
            brings_torch=False,
        ),
        Kind(
            "tracker",
            Starter(
                "a run's figures as lines of JSON",
                (),
                f"zoo train timm:test_resnet --log-with $id --dataset synthetic {SMALL_RUN}",
            ),
            brings_torch=False,
            several=True,
        ),
    )
}
"""By name, in the order of listing."""


def listed(words: str) -> str:
    """The kinds in a sentence: ``listed("or")`` ends in ``..., metric or tracker``."""
    *most, last = KINDS
    return f"{', '.join(most)} {words} {last}"
