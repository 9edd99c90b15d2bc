"""The contracts of backbones, heads, losses, detectors and data sets.

The target of an entry point is one instance of :class:`Backbone` (or :class:`BackboneFamily`),
:class:`Head`, :class:`Loss`, :class:`Detector` or :class:`Dataset`; the other modules of this
package have the contracts of the other kinds. Types of numpy and torch appear only in annotations,
so that importing this module takes almost no time.
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
its ``api_version``; without one, that is version 1."""

SERVED_API_VERSIONS = frozenset({1, 2})
"""The versions of the contracts that this zoo supports. It refuses a plugin of any other version,
with a message that names the plugin."""

DEPRECATED_API_VERSIONS: Mapping[int, str] = {}
"""Supported versions that will be removed, each with the landmark-zoo release that first announced
it. A plugin of such a version works, but loading it gives a warning."""

ExpectedFailures = Mapping[str, str]
"""Names of conformance checks that a plugin is known to fail, each with the reason. The kit is
strict: a check that is named here and passes is a failure, so remove it."""

Triple = tuple[float, float, float]
Outputs = Mapping[str, tuple[int | str, ...]]
"""Named tensors of a head, each with its shape without the batch dimension. ``"K"`` stands for the
number of points: ``{"covariance": ("K", 2, 2)}``. In a loss's ``needs``, any other name stands for
a dimension of any size."""
IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Backbone:
    """A feature extractor: target of a ``zoo.backbones`` entry point.

    ``build(*, pretrained=False, **options)`` returns a module that maps normalised images
    (B, 3, H, W) to a vector (B, C), a map (B, C, h, w), or a list of maps from fine to coarse.
    The core measures channels and strides with one dummy forward pass. If ``build`` has an
    ``input_size`` parameter, the core passes the size (pixels, square) of the model's input. A
    ``build`` that does not support this size raises :class:`UsageError` with the sizes it accepts.

    If ``build`` has a ``stride`` parameter (default None), the core passes the stride that the head
    asks for, if it asks for one. The module then returns the maps from that stride to the coarsest,
    or all of its maps if all are coarser. Of several maps with the same stride, it returns one.
    Layers that only finer maps need are not built.

    If ``build`` has a ``tokens`` parameter (default False), the core passes True where the head
    asks for tokens. The module then returns tokens (B, N, C): first the extra ones (class,
    registers), then one per patch of the picture, row by row. Two attributes of the module give the
    layout: ``token_grid`` (rows, columns) and ``extra_tokens``; N is extra_tokens + rows * columns.

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
    """Default size of the input: pixels, square."""
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD
    """``mean`` and ``std`` refer to RGB in [0, 1]."""
    license: str = "unknown"
    weights_license: str = "unknown"
    reference: str = ""
    weights: str = ""
    """What ``pretrained=True`` loads (an address or hub name); empty: nothing can be loaded."""
    summary: str = ""
    api_version: int = 1
    expected_failures: ExpectedFailures = field(default_factory=dict, hash=False)
    files: tuple[str, ...] = ()
    """Names of the options of ``build`` that are files. A user gives a path. A run stores the
    digest of the content, and finds the file again by this digest. ``build`` gets a path."""


@runtime_checkable
class BackboneFamily(Protocol):
    """One entry point for many backbones, such as ``timm:convnext_tiny``.

    A family may state the version of the contracts that it was written for in an attribute
    ``api_version``; without one, that is version 1.

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

    ``channels``, ``sizes`` (h, w) and ``strides`` (input pixels per cell) have one entry per map,
    from fine to coarse. A vector has one channel count, no sizes and no strides. Tokens (B, N, C)
    have one channel count, the stride of a patch, no sizes, and a ``grid``.

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
    """How many tokens stand for no patch, such as a class token and registers. They come first."""

    @property
    def is_vector(self) -> bool:
        return not self.sizes and self.grid is None


@dataclass(frozen=True)
class Head:
    """From features to points: target of a ``zoo.heads`` entry point.

    ``build(features: FeatureInfo, scheme: LandmarkScheme, input_size: int, **options)`` returns a
    module. Its ``forward(features)`` takes the output of the backbone and returns a dict:

    - ``"points"`` (B, K, 2), as fractions [0, 1] of the input;
    - ``"score"`` (B, K), optional;
    - ``"visibility"`` (B, K), optional, since version 2: the probability in [0, 1] that a point is
      seen. The core trains and scores it where the data says which points are hidden;
    - further tensors of its own, optional.

    If ``build`` has a ``stride`` parameter with an integer default, the head asks for maps of that
    stride (input pixels per cell) and coarser ones. The core then refuses a backbone that emits a
    vector. ``features`` has the actual strides; a ``build`` that cannot work with them raises
    :class:`UsageError` with the strides that it can work with.

    ``outputs`` declares which of its own tensors a prediction contains, each with its shape without
    the batch dimension. `zoo predict`, ``Face.outputs`` and ONNX files give them by their names.
    Two names have a fixed meaning and shape:

    - ``covariance`` (K, 2, 2): of each point's position, symmetric and positive definite, in
      squared fractions of the input; a prediction has it in squared pixels of the picture;
    - ``depth`` (K,): in fractions of the input, towards the camera; a prediction has it in pixels.

    Any other tensor is passed on unchanged. The module may define

    - ``loss(output, target, visible, point_loss) -> scalar`` for heads that train on maps or bins
      (target (B, K, 2) in landmark units); otherwise ``point_loss(points, target, visible)`` is
      used with the points in landmark units;
    - ``start_at(mean_points)``: called once before training from random weights with the training
      set's mean shape, (K, 2) as fractions of the input;
    - ``declared_outputs``: replaces ``outputs``, where these depend on how the module was built.

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
    """What it returns besides points and scores, see above."""
    tokens: bool = False
    """True: it takes tokens (B, N, C); ``features.grid`` and ``features.extra_tokens`` give their
    layout. The core refuses a backbone that gives no tokens."""


@dataclass(frozen=True)
class Loss:
    """Target of a ``zoo.losses`` entry point.

    ``build(**options)`` returns ``loss(points, target, visible) -> scalar``: points and target
    (B, K, 2) in landmark units, visible (B, K) bool. The loss is averaged over the visible
    coordinates of each face first, then over the faces that have any. If ``build`` has a
    ``scheme`` parameter, the core passes the :class:`LandmarkScheme` of the data.

    If the loss has a fourth parameter, ``output``, the core passes everything that the head
    returned: a dict of float32 tensors, in fractions of the input, including the head's own
    tensors. ``needs`` declares the tensors that the loss takes from it, each with its shape without
    the batch dimension; a head that does not return them is refused before a run begins.

    Example:
        >>> import torch
        >>> from zoo.api import Loss
        >>> def build():
        ...     def l1(points, target, visible):
        ...         error = (points - target).abs().mean(2) * visible
        ...         count = visible.sum(1)
        ...         mean = error.sum(1) / count.clamp(min=1)
        ...         return mean.sum() / (count > 0).sum().clamp(min=1)
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

    A detector that looks up known boxes instead of searching the picture sets ``by_path``. The
    object that its ``build`` returns then has a second method, ``for_picture(image, path)``, which
    is called instead. ``path`` is where the picture came from, as the user gave it; "" if unknown.

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
    """Where landmarks lie in a detector's box. From this the core makes regions like those of
    training. The values are the longer side of the 68 points' box, and the offset (dx, dy) of its
    centre, as fractions of the longer side of the detector's box: medians of a measurement."""
    whole_frame: bool = False
    """True: the box is the whole picture, and the region is the square about the picture."""
    license: str = "unknown"
    reference: str = ""
    summary: str = ""
    api_version: int = 1
    expected_failures: ExpectedFailures = field(default_factory=dict, hash=False)
    by_path: bool = False
    """True: boxes depend on where a picture came from, see above."""
    any_angle: bool = False
    """True: it finds faces at any rotation. Where another detector finds nothing, `zoo predict`
    runs it again on the picture rotated by quarter turns."""


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
    """(K,): False where a point has no label; its coordinates may then be any finite numbers."""
    person: str | None = None
    video: str | None = None
    release_split: str | None = None
    """``"train"``, ``"test"`` or None: the split in the release; a protocol may split otherwise."""
    box: tuple[float, float, float, float] | None = None
    """The face: x0, y0, x1, y1 in source pixels."""
    bytes: int = 0
    """Size of the image file, or of the pixels for a frame of a video; 0 for a drawn image."""
    orientation: int = 1
    """EXIF orientation by which ``image`` turns the file's pixels, 1 to 8; 1 means unchanged. Part
    of the fingerprint: the same points on turned pixels are different data."""
    occluded: NDArray[np.bool_] | None = None
    """(K,): True where something hides the point; a hidden point may still have a label. None where
    the data set does not say. Since version 2."""
    attributes: Mapping[str, bool | str | float] = field(default_factory=dict, hash=False)
    """Properties of the frame, by name: ``{"blur": True, "camera": "front", "yaw": 31.5}``. Frames
    where an attribute is True, and frames that share a text, are also scored as subsets. Records
    name these subsets, so attributes must not contain names of people. Since version 2."""


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
    """An opened data set. ``samples()`` yields every labelled frame in a fixed order.

    A row that cannot be used is left out and appended to ``problems`` (emptied when ``samples()``
    starts). An error that makes the whole data set unusable raises :class:`DataError`. The core
    decides whether a skipped row is fatal (``--strict``), and makes the splits.

    A data set may also have a method ``unlabelled()``. It yields samples of frames without labels,
    in a fixed order. They have ids, persons and release splits like labelled samples, but no
    visible point. Self-training uses those that the protocol puts into the training split.

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
        """(dx, dy): the offset of labels from the true positions, in units of sqrt(w h) of the
        labelled points' box. A mirrored sample has the same offset."""
        ...

    @property
    def license(self) -> str: ...
    @property
    def notes(self) -> str: ...
    @property
    def problems(self) -> Sequence[Problem]: ...

    def samples(self) -> Iterable[Sample]: ...

    def released(self) -> bool | None:
        """Whether the files are the released ones, byte for byte; None where this is unknown."""
        ...


@dataclass(frozen=True)
class Dataset:
    """Target of a ``zoo.datasets`` entry point.

    ``open(root, **options)`` returns an :class:`OpenDataset` or raises :class:`DataError` that says
    what was looked for and where. ``fetch(root, *, source, jobs, progress)`` downloads the data
    set, verifies it and resumes an interrupted download.

    Example:
        A data set that makes its pictures in memory and needs no folder:

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
