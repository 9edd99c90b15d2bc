"""Sessions of onnxruntime: each runs one ONNX graph on the CPU, within the limit of memory."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from .api import UsageError, WeightsError
from .limits import how_to_raise, memory_limit


def open_session(model: bytes, where: str, folder: Path | None = None) -> Any:
    """An ``onnxruntime.InferenceSession`` for the content of an ONNX file, ``model``.

    ``where`` begins each message, and names the file. ``folder`` holds the graph's weights, where
    they lie in files of their own. Raises :class:`WeightsError` for content that is no graph, and
    :class:`UsageError` where onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise UsageError(
            f"{where}an ONNX file needs onnxruntime, which is not installed: "
            "pip install onnxruntime"
        ) from error
    options = onnxruntime.SessionOptions()
    _share_memory(onnxruntime)
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.log_severity_level = 4  # fatal only: other errors are raised
    if folder is not None:
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str(folder.resolve())
        )
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdecimal():  # as torch and OpenCV do; onnxruntime would take every core
        options.intra_op_num_threads = int(threads)
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has an error class for each kind of damage
        reason = reason_of(error)
        raise WeightsError(f"{where}not an ONNX file that can be read: {reason}") from error


@cache
def _share_memory(onnxruntime: Any) -> None:
    """Make all sessions allocate their tensors in one arena of limited size: a graph of a few bytes
    can ask for more memory than a machine has."""
    memory_info = onnxruntime.OrtMemoryInfo(
        "Cpu",
        onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR,
        0,
        onnxruntime.OrtMemType.DEFAULT,
    )
    arena = onnxruntime.OrtArenaCfg(memory_limit(), -1, -1, -1)
    onnxruntime.create_and_register_allocator(memory_info, arena)


def reason_of(error: Exception) -> str:
    """Why onnxruntime failed, in one line. Its own message for a lack of memory is replaced, since
    it only names a line of its source."""
    if "smaller than requested bytes" in str(error):
        return f"it needs more memory than it may have; {how_to_raise()}"
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
