"""Loads a model: from a run's folder, the catalogue, an ONNX file or a repository.

Heavy packages are imported only when the model needs them: an ONNX file, and a model of the
catalogue that has one, need no torch.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ..api import UsageError, ZooError
from ..api.notices import warn
from ..runs.catalogue import GRAPH, Model, default_model, find, folder_of, is_named
from .predictor import Predictor

HUB = "hf://"
ONNX = ".onnx"


def load(source: str | Path = "", device: str = "") -> Predictor:
    """Load a model that is ready to predict.

    Args:
        source: A run's folder, the name of a model that `zoo models` lists, an ONNX file that
            `zoo export` wrote, or ``hf://user/name``, which is fetched; without one, the model
            that comes with the package.
        device: Device on which PyTorch runs the model: cpu, cuda, cuda:1 or mps. Empty: a run uses
            the best device available; where that is the CPU, it runs as an ONNX graph, which is
            exported when the run is first used. An ONNX file runs on the CPU. So does a model of
            the catalogue that has an ONNX file, unless another device is named.

    Returns:
        The model: ``model("photo.jpg")`` gives the faces of a picture, with points of shape
        (K, 2), x and y in pixels.

    Raises:
        zoo.api.ZooError: There is no such model, or it cannot be loaded.

    Example:
        >>> import zoo
        >>> model = zoo.load()
        >>> len(model.scheme)
        68
        >>> [face] = zoo.load("runs/my-run").predict("photo.png", "none")
        >>> face.points.shape
        (68, 2)
    """
    if not isinstance(source, str | os.PathLike):
        raise UsageError(
            f"a model is a run's folder, a name that `zoo models` lists, an ONNX file or "
            f"hf://user/name, each as text or Path; this is {type(source).__name__}"
        )
    text = str(source)
    if not text:
        return load_default(device)
    if text.startswith(HUB):
        from ..runs.hub import fetch

        fetched = _of_run(fetch(text), device)
        fetched.name = text  # the folder is named after a commit
        return fetched
    path = Path(source)
    if path.suffix.lower() == ONNX:
        from .onnx_model import OnnxPredictor

        if device not in ("", "cpu"):
            raise UsageError(f"{path}: an ONNX file runs on the CPU; leave device {device} out")
        return OnnxPredictor(path)
    if not path.exists() and is_named(text):
        return _of_catalogue(find(text), device)
    return _of_run(path, device)


def load_default(device: str = "") -> Predictor:
    """The model that comes with the package. Raises :class:`UsageError` where none does."""
    if model := default_model():
        return _of_catalogue(model, device)
    raise UsageError(
        "this copy of the zoo ships no model; name a run, or train one: "
        "zoo train timm:mobilenetv3_small_100 --dataset synthetic"
    )


def is_model(text: str) -> bool:
    """Whether an argument names something that :func:`load` takes, rather than a picture: a run's
    folder, a name of `zoo models`, an ONNX file or ``hf://user/name``. An existing file of another
    kind is a picture, whatever its name."""
    if text.startswith(HUB) or text.lower().endswith(ONNX):
        return True
    path = Path(text)
    if not path.exists():
        return is_named(text)
    # A run without weights, or an external entry, is a run too: loading it says what is missing.
    run_files = ("config.toml", "best.safetensors", "record.json")
    return path.is_dir() and any((path / name).is_file() for name in run_files)


def _of_catalogue(model: Model, device: str) -> Predictor:
    folder = folder_of(model.name)
    if not model.has_graph or device not in ("", "cpu"):
        return _of_run(folder, device)
    from .onnx_model import OnnxPredictor

    predictor = OnnxPredictor(folder / GRAPH, weights_beside=True)
    predictor.name = model.name
    return predictor


def _of_run(folder: Path, device: str) -> Predictor:
    if device:
        from .torch_model import TorchPredictor

        predictor: Predictor = TorchPredictor.of_run(folder, device)
    else:
        from .own_graph import load_run

        predictor = load_run(folder)
    _warn_if_unlearned(folder)
    return predictor


def _warn_if_unlearned(folder: Path) -> None:
    """Warn where the record says that a run has not learned: it draws about one face everywhere."""
    from ..runs.unlearned import unlearned

    # a run that is still training has no record, and a damaged record is reported elsewhere
    with contextlib.suppress(ZooError):
        if lines := unlearned(folder):
            warn(lines[0])
