"""A run's own ONNX graph, exported when the run first predicts: later predictions need no PyTorch.

It lies in ``ZOO_HOME/graphs`` under a name made of all that it depends on: the run's files, what is
installed, the code of the zoo and of the plugins, the machine. Where one of these changes, the name
does, and the run exports itself again. Processes that do so at once write the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from ..api import WeightsError, ZooError
from ..api.notices import warn
from ..files import zoo_home
from ..files.kept import keep
from ..files.reading import digest
from ..registry import installed
from ..runs.catalogue import CONFIG, RECORD, WEIGHTS
from .onnx_model import OnnxPredictor
from .predictor import Predictor


def load_run(run: Path) -> Predictor:
    """A run on the best device that there is: by its graph where that is the CPU.

    A run that cannot be exported goes on with PyTorch, and a warning says why. Raises what
    :func:`zoo.runs.trained.load_trained` raises.
    """
    place = _place(run)
    if place is None:
        return _by_torch(run)
    with contextlib.suppress(ZooError):  # a file that was damaged since is written anew
        if place.is_file():
            predictor = OnnxPredictor(place)
            predictor.name = run.name
            return predictor
    return _first(run, place)


def _by_torch(run: Path) -> Predictor:
    from .torch_model import TorchPredictor

    return TorchPredictor.of_run(run)


def _first(run: Path, place: Path) -> Predictor:
    from ..runs.trained import Trained
    from .agreement import compare, random_crops, why_not
    from .graph import facts_of, require_packages, trace, with_metadata
    from .torch_model import TorchPredictor

    network = TorchPredictor.of_run(run)
    if network.device.type != "cpu":
        return network
    refused = place.with_suffix(".txt")
    try:
        if refused.is_file():
            raise ZooError(refused.read_text("utf-8"))
        require_packages()
        trained = Trained(network.model, network.header)
        facts = facts_of(trained, run.name, network.calibration)
        content = with_metadata(trace(trained), facts.to_metadata(), "")
        predictor = OnnxPredictor.of_bytes(content)
        crops = random_crops(network.input_size)
        if reason := why_not([compare(network, predictor, crops, "random")], network.header.config):
            raise WeightsError(reason)
    except ZooError as error:
        keep(refused, str(error).encode())
        warn(f"{run}: runs in PyTorch, which takes seconds to start: {error}")
        return network
    if _place(run) == place:  # a training may have written better weights meanwhile
        keep(place, content)
    return predictor


def _place(run: Path) -> Path | None:
    """Where the graph of a run is, or would be; None where the run's files cannot be read, which
    whoever loads it says."""
    try:
        files = [
            digest(run / name) if os.path.lexists(run / name) else ""
            for name in (WEIGHTS, CONFIG, RECORD)
        ]
    except ZooError:
        return None
    if not all(files[:2]):
        return None
    machine = [platform.node(), os.environ.get("CUDA_VISIBLE_DEVICES", "")]
    said = "\n".join([*files, *machine, *_distributions(), *_code()])
    key = hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest()
    return zoo_home() / "graphs" / f"{key}.onnx"


def _distributions() -> Iterator[str]:
    """Names and versions of all that is installed, as their folders of metadata have them."""
    for folder in sys.path:
        with contextlib.suppress(OSError):
            names = os.listdir(folder or ".")
            yield from sorted(name for name in names if name.endswith((".dist-info", ".egg-info")))


def _code() -> Iterator[str]:
    """Name, size and time of each Python file of the zoo and of the packages of plugins: an
    installation in development changes without its version."""
    packages = {entry.target.partition(":")[0].partition(".")[0] for entry in installed()}
    for package in sorted({*packages, "zoo", "zoo.plugins"}):
        with contextlib.suppress(ImportError, ValueError, OSError):
            spec = find_spec(package)
            if spec is None:
                continue
            folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
            files = [file for folder in folders for file in sorted(folder.rglob("*.py"))]
            for file in files or [Path(spec.origin or "")]:
                status = file.stat()
                yield f"{file} {status.st_size} {status.st_mtime_ns}"
