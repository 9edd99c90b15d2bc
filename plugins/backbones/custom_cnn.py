"""``custom_cnn``: the plain convolutional network with which the zoo began, trained from scratch.

Six blocks of 3x3 convolution (no padding, with bias), batch norm, ReLU, 2x2 max pooling and
channel dropout shrink the image to a single cell of 1024 channels; two fully connected layers
turn it into a vector of 256.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from zoo.api import Backbone, UsageError, WeightsError

CHANNELS = (3, 32, 64, 128, 256, 512, 1024)
CHANNEL_DROPOUT = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35)
WIDTHS = (1024, 512, 256)
DROPOUT = 0.4

SMALLEST, LARGEST = 190, 253
"""Smallest and largest input, in pixels, that six blocks reduce to exactly one cell."""


class CustomCNN(nn.Module):
    """Normalised images (B, 3, S, S), S from 190 to 253, to vectors (B, 256).

    The dropout rates of all layers are multiplied by ``dropout_scale``.
    """

    def __init__(self, dropout_scale: float = 1.0) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(
                _convolutional(inner, outer, rate * dropout_scale)
                for (inner, outer), rate in zip(pairwise(CHANNELS), CHANNEL_DROPOUT, strict=True)
            )
        )
        self.neck = nn.Sequential(
            nn.Flatten(),
            *(
                _fully_connected(inner, outer, DROPOUT * dropout_scale)
                for inner, outer in pairwise(WIDTHS)
            ),
        )

    def forward(self, images: Tensor) -> Tensor:
        vector: Tensor = self.neck(self.features(images))
        return vector


def _convolutional(inner: int, outer: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inner, outer, kernel_size=3),
        nn.BatchNorm2d(outer),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Dropout2d(dropout),
    )


def _fully_connected(inner: int, outer: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inner, outer), nn.BatchNorm1d(outer), nn.ReLU(inplace=True), nn.Dropout(dropout)
    )


def build(
    *, pretrained: bool = False, input_size: int = 224, dropout_scale: float = 1.0
) -> CustomCNN:
    """A network with torch's default random weights.

    ``dropout_scale`` from 0 (no dropout) to 2 multiplies every dropout rate. Raises
    :class:`WeightsError` for ``pretrained``: this network has never been published with weights;
    :class:`UsageError` for a size or a scale out of range.
    """
    if pretrained:
        raise WeightsError(
            "custom_cnn: no pretrained weights exist; leave --pretrained out, "
            "or start from your own with --weights FILE"
        )
    if not SMALLEST <= input_size <= LARGEST:
        raise UsageError(
            f"custom_cnn: works on inputs of {SMALLEST} to {LARGEST} px only, not {input_size}: "
            f"its fully connected layers want a single cell; set input_size to 224"
        )
    if not 0 <= dropout_scale <= 2:
        raise UsageError(f"custom_cnn: dropout_scale is {dropout_scale}, not between 0 and 2")
    return CustomCNN(dropout_scale)


custom_cnn = Backbone(
    build=build,
    license="MIT",
    weights_license="none",
    reference="the seed of this project",
    summary="six convolutions and two fully connected layers, trained from scratch",
)
