"""What a plugin promises and what it gets: backbones, heads, losses, detectors, data sets.

The target of an entry point is one instance of :class:`Backbone` (or :class:`BackboneFamily`),
:class:`Head`, :class:`Loss`, :class:`Detector` or :class:`Dataset`; the modules beside this one
have the contracts of the other kinds. Types of numpy and torch appear in annotations only:
importing this module costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from .schemes import LandmarkScheme

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import nn

API_VERSION = 2
"""Version of the contracts in this module. A plugin states the version that it was written for in
its ``api_version``; one that says nothing was written for the first."""

SERVED_API_VERSIONS = frozenset({1, 2})
"""The versions of the contracts that this zoo serves: a plugin of any other is refused by name."""

DEPRECATED_API_VERSIONS: Mapping[int, str] = {}
"""Served versions that will go, each with the release of landmark-zoo that first said so. A plugin
of one works, and whoever loads it is told."""

ExpectedFailures = Mapping[str, str]
"""Names of conformance checks that a plugin is known to fail, each with the reason. They are
strict: one that passes after all must be taken out."""

Triple = tuple[float, float, float]
Outputs = Mapping[str, tuple[int | str, ...]]
"""Named tensors of a head, each with its shape behind the batch, where ``"K"`` stands for the
number of points: ``{"covariance": ("K", 2, 2)}``. In a loss's ``needs`` any other name stands for
a size that the loss can work with whatever it is."""
IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Backbone:
    """A feature extractor: target of a ``zoo.backbones`` entry point.

    ``build(*, pretrained=False, **options)`` returns a module that maps normalised images
    (B, 3, H, W) to a vector (B, C), a map (B, C, h, w), or a list of maps from fine to coarse.
    The core measures channels and strides with one dummy forward. A ``build`` that names an
    ``input_size`` parameter is given the size (pixels, square) that the model will see; one that
    cannot work at that size raises :class:`UsageError` with the sizes it accepts.

    A ``build`` that names a ``stride`` parameter (default None) is given the stride that the head
    asks for, where it asks for one, and returns its maps from that stride to the coarsest; where
    all of its maps are coarser, all of them (one map where several have the same stride). What
    only finer maps need is not built.

    A ``build`` that names a ``tokens`` parameter (default False) is given True where the head asks
    for tokens, and its module then gives them, (B, N, C): the extra ones (class, registers) first,
    then those of the picture's patches, row by row. The module says their layout in two attributes:
    ``token_grid`` (rows, columns) and ``extra_tokens``, so that N is extra_tokens + rows * columns.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from zoo.api import Backbone
        >>> def build(*, pretrained: bool = False, width: int = 16) -> nn.Module:
        ...     return nn.Sequential(nn.Conv2d(3, width, 4, stride=4), nn.ReLU())
        >>> tiny = Backbone(build=build, input_size=64)
        >>> tiny.build(width=8)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 8, 16, 16])
    """

    build: Callable[..., nn.Module]
    input_size: int = 224
    """Pixels, square: the default input."""
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD
    """``mean`` and ``std`` are of RGB in [0, 1]."""
    license: str = "unknown"
    weights_license: str = "unknown"
    reference: str = ""
    weights: str = ""
    """What ``pretrained=True`` loads (an address or hub name); empty: nothing can be loaded."""
    summary: str = ""
    api_version: int = 1
    expected_failures: ExpectedFailures = field(default_factory=dict, hash=False)
    files: tuple[str, ...] = ()
    """Names of options of ``build`` that are files. A user gives a path; a run stores the content's
    digest and finds the file again by it. ``build`` gets a path."""


@runtime_checkable
class BackboneFamily(Protocol):
    """One entry point that answers for many backbones: ``timm:convnext_tiny``.

    A family may state the version of the contracts that it was written for in an attribute
    ``api_version``; without one it was written for the first.

    Example:
        >>> from fnmatch import filter
        >>> from torch import nn
        >>> from zoo.api import Backbone, BackboneFamily
        >>> class Convolutions:
        ...     def names(self, pattern):
        ...         return filter(["w16", "w32"], pattern)
        ...
        ...     def resolve(self, name):
        ...         width = int(name.removeprefix("w"))
        ...         return Backbone(build=lambda pretrained=False: nn.Conv2d(3, width, 4, stride=4))
        >>> family = Convolutions()
        >>> isinstance(family, BackboneFamily), family.names("*2")
        (True, ['w32'])
        >>> family.resolve("w32").build().out_channels
        32
    """

    def names(self, pattern: str) -> list[str]:
        """Names (without the family's id) that match a shell pattern; sorted."""
        ...

    def resolve(self, name: str) -> Backbone:
        """The backbone of that name. Raises :class:`PluginError` with close matches."""
        ...


@dataclass(frozen=True)
class FeatureInfo:
    """What a backbone emits for one input size, measured by the core.

    ``channels``, ``sizes`` (h, w) and ``strides`` (input pixels a cell) have one entry a map, fine
    to coarse; a vector has one channel count, no sizes and no strides. Tokens (B, N, C) have one
    channel count, the stride of a patch, no sizes, and a ``grid``.

    Example:
        Two maps of an input of 64 by 64 pixels, and a vector:

        >>> from zoo.api import FeatureInfo
        >>> FeatureInfo(channels=(64, 128), sizes=((16, 16), (8, 8)), strides=(4.0, 8.0)).is_vector
        False
        >>> FeatureInfo(channels=(512,)).is_vector
        True

        Tokens of 4 by 4 patches, with one for the class:

        >>> tokens = FeatureInfo(channels=(192,), strides=(16.0,), grid=(4, 4), extra_tokens=1)
        >>> tokens.is_vector, tokens.extra_tokens + tokens.grid[0] * tokens.grid[1]
        (False, 17)
    """

    channels: tuple[int, ...]
    sizes: tuple[tuple[int, int], ...] = ()
    strides: tuple[float, ...] = ()
    grid: tuple[int, int] | None = None
    """Rows and columns of the tokens; None: there are none."""
    extra_tokens: int = 0
    """Tokens of no patch, such as a class token and registers: they come first."""

    @property
    def is_vector(self) -> bool:
        return not self.sizes and self.grid is None


@dataclass(frozen=True)
class Head:
    """From features to points: target of a ``zoo.heads`` entry point.

    ``build(features: FeatureInfo, scheme: LandmarkScheme, input_size: int, **options)`` returns a
    module whose ``forward(features)`` takes what the backbone emits and gives a dict with
    ``"points"`` (B, K, 2) as fractions [0, 1] of the input, optionally ``"score"`` (B, K), since
    version 2 ``"visibility"`` (B, K), the probability in [0, 1] that a point is seen, and its own
    tensors. The core trains and scores the visibility where the data says what is hidden.

    A ``build`` that names a ``stride`` parameter, with an integer default, asks for maps: for that
    stride, input pixels a cell, and coarser ones. A backbone that emits a vector is then refused by
    the core; what strides there are stands in ``features``, and a ``build`` that cannot work with
    them raises :class:`UsageError` with the ones it can.

    ``outputs`` declares those of its tensors that a prediction carries, each with its shape behind
    the batch: `zoo predict`, ``Face.outputs`` and ONNX files give them by their names.
    These have a meaning and a shape:

    - ``covariance`` (K, 2, 2): of where each point may be, symmetric and positive definite, in
      squared fractions of the input; a prediction has it in squared pixels of the picture;
    - ``depth`` (K,): in fractions of the input, towards the camera; a prediction has it in pixels.

    Any other is passed on as it is. The module may define

    - ``loss(output, target, visible, point_loss) -> scalar`` for heads that train on maps or bins
      (target (B, K, 2) in landmark units); otherwise ``point_loss(points, target, visible)`` is
      used with the points in landmark units;
    - ``start_at(mean_points)``: called once before training from random weights with the training
      set's mean shape, (K, 2) as fractions of the input;
    - ``declared_outputs``: what stands for ``outputs``, where that depends on how it was built.

    Example:
        A head that takes a vector:

        >>> import torch
        >>> from torch import nn
        >>> from zoo.api import FeatureInfo, Head, generic_scheme
        >>> class Points(nn.Module):
        ...     def __init__(self, channels: int, count: int) -> None:
        ...         super().__init__()
        ...         self.linear = nn.Linear(channels, 2 * count)
        ...
        ...     def forward(self, vector):
        ...         return {"points": self.linear(vector).sigmoid().unflatten(1, (-1, 2))}
        >>> head = Head(build=lambda features, scheme, input_size: Points(
        ...     features.channels[0], len(scheme)))
        >>> module = head.build(FeatureInfo(channels=(8,)), generic_scheme(5), 64)
        >>> module(torch.zeros(1, 8))["points"].shape
        torch.Size([1, 5, 2])
    """

    build: Callable[..., nn.Module]
    reference: str = ""
    summary: str = ""
    api_version: int = 1
    expected_failures: ExpectedFailures = field(default_factory=dict, hash=False)
    files: tuple[str, ...] = ()
    """As for a :class:`Backbone`."""
    outputs: Outputs = field(default_factory=dict, hash=False)
    """What it gives beside points and scores, see above."""
    tokens: bool = False
    """True: it takes tokens (B, N, C), as ``features.grid`` and ``features.extra_tokens`` lay them
    out. A backbone that gives none is refused by the core."""


@dataclass(frozen=True)
class Loss:
    """Target of a ``zoo.losses`` entry point.

    ``build(**options)`` returns ``loss(points, target, visible) -> scalar``: points and target
    (B, K, 2) in landmark units, visible (B, K) bool. The mean goes over a face's visible
    coordinates first and then over the faces that have any. A ``build`` that names a ``scheme``
    parameter is given the :class:`LandmarkScheme` of the data.

    A loss that names a fourth parameter, ``output``, is given all that the head gave: a dict of
    float32 tensors, in fractions of the input, its own tensors among them. ``needs`` declares what
    it looks for there, each with its shape behind the batch; a head that does not give it is
    refused before a run begins.

    Example:
        >>> import torch
        >>> from zoo.api import Loss
        >>> def build():
        ...     def l1(points, target, visible):
        ...         error = (points - target).abs().mean(2) * visible
        ...         seen = visible.sum(1)
        ...         return (error.sum(1) / seen.clamp(min=1)).sum() / (seen > 0).sum().clamp(min=1)
        ...     return l1
        >>> loss = Loss(build=build).build()
        >>> loss(torch.ones(2, 5, 2), torch.zeros(2, 5, 2), torch.ones(2, 5, dtype=torch.bool))
        tensor(1.)
    """

    build: Callable[..., Callable[..., torch.Tensor]]
    reference: str = ""
    summary: str = ""
    api_version: int = 1
    expected_failures: ExpectedFailures = field(default_factory=dict, hash=False)
    files: tuple[str, ...] = ()
    """As for a :class:`Backbone`."""
    needs: Outputs = field(default_factory=dict, hash=False)
    """What it takes from the head's output, see above."""


@dataclass(frozen=True)
class Detector:
    """Target of a ``zoo.detectors`` entry point.

    ``build(**options)`` returns ``detect(image)``: uint8 (H, W, 3) RGB to float32 (N, 5) with rows
    x0, y0, x1, y1, score in source pixels, best first.

    A detector that looks boxes up rather than searching the picture says ``by_path``: what its
    ``build`` gives has a second method, ``for_picture(image, path)``, which is called instead, with
    where the picture came from (a path as the user gave it; "" where nobody knows).

    Example:
        A detector that takes the middle half of every picture for a face:

        >>> import numpy as np
        >>> from zoo.api import Detector
        >>> def build():
        ...     def detect(image):
        ...         height, width, _ = image.shape
        ...         box = [width / 4, height / 4, 3 * width / 4, 3 * height / 4, 1.0]
        ...         return np.array([box], np.float32)
        ...     return detect
        >>> Detector(build=build).build()(np.zeros((100, 200, 3), np.uint8)).tolist()
        [[50.0, 25.0, 150.0, 75.0, 1.0]]
    """

    build: Callable[..., Callable[[NDArray[np.uint8]], NDArray[np.float32]]]
    labelled: Triple = (1.0, 0.0, 0.0)
    """Where landmarks lie in a detector's box, so that it becomes a region like those of training:
    the longer side of the 68 points' box, and the offset (dx, dy) of its centre, as fractions of
    the longer side of the detector's box. Measured; medians."""
    whole_frame: bool = False
    """True: the box is the whole picture, and the region the picture as a square."""
    license: str = "unknown"
    reference: str = ""
    summary: str = ""
    api_version: int = 1
    expected_failures: ExpectedFailures = field(default_factory=dict, hash=False)
    by_path: bool = False
    """True: boxes depend on where a picture came from, see above."""
    any_angle: bool = False
    """True: it finds faces however they are turned. Of others, `zoo predict` asks again with the
    picture turned by quarters where they find nothing."""


@dataclass(frozen=True)
class Sample:
    """One labelled frame.

    Points are in source pixels: x right, y down, the centre of the top left pixel at (0, 0).

    Example:
        >>> import numpy as np
        >>> from zoo.api import Sample
        >>> sample = Sample(
        ...     id="training/Ada_00.jpg",
        ...     image=lambda: np.zeros((120, 90, 3), np.uint8),
        ...     points=np.float32([[30, 50], [60, 50]]),
        ...     visible=np.array([True, True]),
        ...     person="Ada",
        ...     occluded=np.array([False, True]),
        ...     attributes={"blur": False},
        ... )
        >>> sample.image().shape, sample.points.shape
        ((120, 90, 3), (2, 2))
    """

    id: str
    """Unique in its data set, e.g. ``training/Name_00.jpg``."""
    image: Callable[[], NDArray[np.uint8]]
    """Decodes to uint8 (H, W, 3) RGB; raises :class:`DataError` that names the file."""
    points: NDArray[np.float32]
    """(K, 2)."""
    visible: NDArray[np.bool_]
    """(K,): False where a point carries no label; such a point may hold anything finite."""
    person: str | None = None
    video: str | None = None
    release_split: str | None = None
    """``"train"``, ``"test"`` or None: what the release says, not what a protocol makes of it."""
    box: tuple[float, float, float, float] | None = None
    """The face: x0, y0, x1, y1 in source pixels."""
    bytes: int = 0
    """Size of the image's file (of its pixels, for a frame inside a video); 0 where drawn."""
    orientation: int = 1
    """EXIF orientation by which ``image`` turns the file's pixels, 1 to 8; 1 is not at all. Part of
    the fingerprint: the same points on turned pixels are other data."""
    occluded: NDArray[np.bool_] | None = None
    """(K,): True where something hides the point, which may be labelled all the same; None where
    the data set does not say. Since version 2."""
    attributes: Mapping[str, bool | str | float] = field(default_factory=dict, hash=False)
    """What the frame is like, by name: ``{"blur": True, "camera": "front", "yaw": 31.5}``. Frames
    where one is True, and those that share a text, are scored as subsets too, which records tell:
    no names of people belong here. Since version 2."""


@dataclass(frozen=True)
class Problem:
    """A row that was left out: where (file and row) and why.

    Example:
        >>> from zoo.api import Problem
        >>> str(Problem("labels.csv, row 3", "there is no picture a.jpg"))
        'labels.csv, row 3: there is no picture a.jpg'
    """

    where: str
    reason: str
    frames: int = 1
    """How many frames it would have given, as far as is known."""

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


class OpenDataset(Protocol):
    """A data set that was found. ``samples()`` yields every labelled frame in a fixed order.

    A row that cannot be used is appended to ``problems`` (emptied when ``samples()`` starts) and
    left out; what makes the whole data set unusable raises :class:`DataError`. Whether a skipped
    row is fatal (``--strict``) is the core's business, as are splits.

    A data set may also have a method ``unlabelled()``: samples of its frames without labels, in a
    fixed order, with ids, persons and release splits like the others' and not one visible point.
    Self-training uses those that the protocol puts into the training split.

    Example:
        >>> from zoo.registry import registry
        >>> opened = registry("dataset").get("synthetic").open(None, people=2, videos=1, frames=3)
        >>> len(list(opened.samples())), opened.scheme.name, opened.problems
        (6, 'ibug68', ())
    """

    @property
    def scheme(self) -> LandmarkScheme: ...
    @property
    def release(self) -> str:
        """Which release was found, e.g. ``"udacity"``."""
        ...

    @property
    def label_offset(self) -> tuple[float, float]:
        """(dx, dy): where a label sits relative to the true place, in units of sqrt(w h) of the
        labelled points. A mirrored sample keeps it."""
        ...

    @property
    def license(self) -> str: ...
    @property
    def notes(self) -> str: ...
    @property
    def problems(self) -> Sequence[Problem]: ...

    def samples(self) -> Iterable[Sample]: ...

    def released(self) -> bool | None:
        """Whether the files are the released ones, byte for byte; None where nobody can know."""
        ...


@dataclass(frozen=True)
class Dataset:
    """Target of a ``zoo.datasets`` entry point.

    ``open(root, **options)`` gives an :class:`OpenDataset` or raises :class:`DataError` that says
    what was looked for and where. ``fetch(root, *, source, jobs, progress)`` downloads the data
    set, verifies it and goes on where it stopped.

    Example:
        A data set whose faces are made where they are asked for, and read from no folder:

        >>> from dataclasses import dataclass
        >>> import numpy as np
        >>> from zoo.api import Dataset, Sample, generic_scheme
        >>> @dataclass
        ... class Grey:
        ...     scheme = generic_scheme(2)
        ...     release, label_offset, license, notes, problems = "made", (0.0, 0.0), "CC0", "", ()
        ...
        ...     def samples(self):
        ...         picture = np.full((64, 64, 3), 128, np.uint8)
        ...         points = np.float32([[20, 30], [44, 30]])
        ...         yield Sample("grey", lambda: picture, points, np.array([True, True]))
        ...
        ...     def released(self):
        ...         return None
        >>> grey = Dataset(open=lambda root: Grey(), needs_root=False, license="CC0")
        >>> [sample.id for sample in grey.open(None).samples()]
        ['grey']
    """

    open: Callable[..., OpenDataset]
    license: str = "unknown"
    reference: str = ""
    summary: str = ""
    needs_root: bool = True
    """False for a data set that is drawn rather than read: ``root`` is then None."""
    terms: str = ""
    """Printed before a download."""
    fetch: Callable[..., Any] | None = None
    default_protocol: str = "person"
    api_version: int = 1
    expected_failures: ExpectedFailures = field(default_factory=dict, hash=False)


FetchProgress = Callable[[int, int, str], None]
"""Called as (files done, files in all, path) while a data set is fetched."""
