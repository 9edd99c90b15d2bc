"""A run's own ONNX graph, exported when the run first predicts: later predictions need no PyTorch.

The graph lies in ``ZOO_HOME/graphs``. Its name is a hash of everything that it depends on: the
run's files, the installed packages, the code of the zoo and of the plugins, and the machine. When
one of these changes, the name changes, and the run is exported again. Processes that export at the
same time write the same file.
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
    """Load a run on the best device available. On the CPU, the run's graph is used.

    A run that cannot be exported runs in PyTorch, and a warning says why. Raises what
    :func:`zoo.runs.trained.load_trained` raises.
    """
    path = _graph_path(run)
    if path is None:
        return _load_in_torch(run)
    with contextlib.suppress(ZooError):  # a damaged file is written again
        if path.is_file():
            predictor = OnnxPredictor(path)
            predictor.name = run.name
            return predictor
    return _export(run, path)


def _load_in_torch(run: Path) -> Predictor:
    from .torch_model import TorchPredictor

    return TorchPredictor.of_run(run)


def _export(run: Path, path: Path) -> Predictor:
    from ..runs.trained import Trained
    from .agreement import compare, random_crops, why_not
    from .graph import facts_of, require_packages, trace, with_metadata
    from .torch_model import TorchPredictor

    network = TorchPredictor.of_run(run)
    if network.device.type != "cpu":
        return network
    failure = path.with_suffix(".txt")  # says why an earlier export failed
    try:
        if failure.is_file():
            raise ZooError(failure.read_text("utf-8"))
        require_packages()
        trained = Trained(network.model, network.header)
        facts = facts_of(trained, run.name, network.calibration)
        content = with_metadata(trace(trained), facts.to_metadata(), "")
        predictor = OnnxPredictor.of_bytes(content)
        crops = random_crops(network.input_size)
        if reason := why_not([compare(network, predictor, crops, "random")], network.header.config):
            raise WeightsError(reason)
    except ZooError as error:
        keep(failure, str(error).encode())
        warn(f"{run}: runs in PyTorch, which takes seconds to start: {error}")
        return network
    if _graph_path(run) == path:  # a training may have written better weights meanwhile
        keep(path, content)
    return predictor


def _graph_path(run: Path) -> Path | None:
    """The path of a run's graph, which need not exist. None where the run's files cannot be read:
    loading the run then gives the reason."""
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
    text = "\n".join([*files, *machine, *_distributions(), *_code_files()])
    key = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    return zoo_home() / "graphs" / f"{key}.onnx"


def _distributions() -> Iterator[str]:
    """Names and versions of all installed packages, from the names of their metadata folders."""
    for folder in sys.path:
        with contextlib.suppress(OSError):
            names = os.listdir(folder or ".")
            yield from sorted(name for name in names if name.endswith((".dist-info", ".egg-info")))


def _code_files() -> Iterator[str]:
    """Path, size and time of each Python file of the zoo and of the packages of plugins: the code
    of an editable installation changes without a new version."""
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
