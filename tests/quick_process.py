"""Python processes that start at once: each is forked from one that has the big libraries loaded.

Most of what a command of the zoo costs in a test is the import of PyTorch and timm. So the command
line is run as a process of its own, with its own variables, folder and outputs, which finds these
libraries in memory. ``run`` is used like ``subprocess.run`` on ``python ARGUMENTS``. It starts a
plain process where none can be forked, and where a variable is set that a loaded library has read
already. A test of what is imported, of threads or of a signal starts a plain process itself.
"""

from __future__ import annotations

import array
import contextlib
import functools
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

LOADED = (
    "torch",
    "torchvision",
    "timm",
    "torch.utils.flop_counter",
    "safetensors.torch",
    "cv2",
    "pandas",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "onnx",
    "torch.onnx",
    "torch.export",
    "rich.progress",
    "typer",
)
READ_ON_IMPORT = ("MPL", "OPENCV_", "PYTHON")
"""Beginnings of variables that Python or a loaded library reads once; PYTHONPATH is served here."""
SERVED = ("PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONHASHSEED")
QUIET = ("-W", "ignore:Module already imported")
"""For pytest, which would rewrite its plugins' modules and finds some of them loaded."""
ADDRESS = "QUICK_PROCESS"
"""The variable in which a forked process finds what it was forked from."""
AT_START = dict(os.environ)
"""Variables of a process that is forked from: this module is loaded before any test changes one."""
TIMEOUT = 240


def run(
    arguments: Sequence[str | Path],
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
    merged: bool = False,
    python: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """What ``python ARGUMENTS`` does; both outputs are captured as text, ``merged`` in one.
    ``python`` may be that of a virtual environment. Raises TimeoutExpired."""
    words = [str(each) for each in arguments]
    variables = dict(os.environ if env is None else env)
    if not can_fork(variables):
        return subprocess.run(
            [python or sys.executable, *words],
            cwd=cwd,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            text=True,
            timeout=timeout,
        )
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        Path(os.devnull).open() as nothing,
    ):
        streams = (nothing.fileno(), out.fileno(), (out if merged else err).fileno())
        place, own = str(cwd or Path.cwd()), str(python or "")
        child = Child(server(), words, place, variables, streams, own)
        try:
            status = child.wait(timeout)
        except TimeoutError:
            child.kill()
            raise subprocess.TimeoutExpired(words, timeout) from None
        texts = []
        for each in (out, err):
            each.seek(0)
            texts.append(each.read().decode())
    return subprocess.CompletedProcess([sys.executable, *words], status, *texts)


def can_fork(variables: Mapping[str, str]) -> bool:
    """Whether a forked process does what a new one would."""
    read = [name for name in variables if name.startswith(READ_ON_IMPORT) and name not in SERVED]
    return sys.platform == "linux" and all(AT_START.get(name) == variables[name] for name in read)


def command(folder: Path, name: str, python: Path) -> Path:
    """Write ``folder/name``: the console command of a module of that name, run by ``python``."""
    script = folder / name
    here = str(Path(__file__).parent)
    script.write_text(
        f"#!{python} -IS\nimport sys\nsys.path.insert(0, {here!r})\n"
        f"from quick_process import as_command\nas_command({name!r}, {server()!r})\n"
    )
    script.chmod(0o755)
    return script


def as_command(name: str, address: str) -> NoReturn:
    """What such a script does: this process's own words, variables and streams go to the server."""
    words = ["-P", "-m", name, *(QUIET if name == "pytest" else ()), *sys.argv[1:]]
    python = str(Path(sys.executable).absolute())
    child = Child(address, words, str(Path.cwd()), os.environ, (0, 1, 2), python)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os.kill(child.pid, number))
    status = child.wait()
    if status < 0:  # it died of a signal, and so does this
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)


@functools.cache
def server() -> str:
    """The address of the process that is forked: one for this process and all that it starts."""
    if ADDRESS in os.environ:
        return os.environ[ADDRESS]
    folder = tempfile.mkdtemp(prefix="quick-")
    address = f"{folder}/socket"
    variables = AT_START | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    running = subprocess.Popen([sys.executable, __file__, address], env=variables)
    import atexit

    atexit.register(lambda: (running.kill(), running.wait(), shutil.rmtree(folder)))
    while not Path(address).exists():
        if running.poll() is not None:
            raise RuntimeError("the process to fork from has ended; its reason stands above")
        time.sleep(0.01)
    return address


class Child:
    """A forked process, with what ``subprocess.Popen`` has for one that runs."""

    def __init__(
        self,
        address: str,
        words: Sequence[str],
        cwd: str,
        variables: Mapping[str, str],
        streams: tuple[int, int, int],
        python: str = "",
        own_group: bool = False,
    ) -> None:
        request = {
            "address": address,
            "words": list(words),
            "cwd": cwd,
            "variables": dict(variables),
            "python": python,
            "own_group": own_group,
        }
        self.returncode: int | None = None
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._line.connect(address)
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", streams))
        self._line.sendmsg([b"."], [rights])
        self._line.sendall(json.dumps(request).encode())
        self._line.shutdown(socket.SHUT_WR)
        self.pid = int.from_bytes(self._line.recv(8), "big")

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, or a signal's number below zero. Raises TimeoutError."""
        if self.returncode is None:
            self._line.settimeout(timeout)
            told = self._line.recv(8)
            self._line.close()
            if not told:
                raise RuntimeError("a forked process ended, and nobody told how")
            self.returncode = int.from_bytes(told, "big", signed=True)
        return self.returncode

    def poll(self) -> int | None:
        with contextlib.suppress(BlockingIOError):
            return self.wait(0)
        return None

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


def start_python(arguments: Sequence[str]) -> Child:
    """In the place of ``zoo.registry.trial.start_python``, where it does not matter that PyTorch is
    there already."""
    with Path(os.devnull).open("r+") as nothing:
        streams = (nothing.fileno(),) * 3
        place = str(Path.cwd())
        python = sys.executable if sys.prefix != sys.base_prefix else ""
        return Child(server(), arguments, place, os.environ, streams, python, own_group=True)


def serve(address: str) -> NoReturn:
    """Load the libraries, then fork a process for every request."""
    own = [part for part in sys.path if part != str(Path(__file__).parent)]
    for name in LOADED:
        __import__(name)
    _draw()
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        sys.exit(f"loading {', '.join(LOADED)} leaves {threads} threads; none can be forked")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    parent = os.getppid()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.bind(address + ".new")
        door.listen(16)
        door.settimeout(1)
        os.rename(address + ".new", address)
        while os.getppid() == parent:
            with contextlib.suppress(TimeoutError):
                line, _ = door.accept()
                line.setblocking(True)
                if os.fork() == 0:
                    door.close()
                    _attend(line, own)
                line.close()
    os._exit(0)


def _draw() -> None:
    """Draw a first figure, for which matplotlib looks for its fonts and builds a parser."""
    from zoo.training.curve import save_learning_curve

    row = {"epoch": 1, "train_loss": 0.02, "val_loss": 0.03, "val_nme": 0.4}
    with tempfile.TemporaryDirectory() as folder:
        save_learning_curve([row, row], Path(folder) / "curve.png")


def _attend(line: socket.socket, path: list[str]) -> NoReturn:
    """In a process of its own: start the command, wait for its end and say how that was."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, ancillary, _, _ = line.recvmsg(1, socket.CMSG_SPACE(3 * array.array("i").itemsize))
    streams = array.array("i", ancillary[0][2][:12])
    with line.makefile("rb") as stream:
        request = json.loads(stream.read())
    if (pid := os.fork()) == 0:
        line.close()
        if request["own_group"]:
            os.setpgid(0, 0)
        for number, one in enumerate(streams):
            os.dup2(one, number)
        for one in streams:
            os.close(one)
        _become(request, path)
    if request["own_group"]:
        with contextlib.suppress(PermissionError):  # it did so itself, and is on
            os.setpgid(pid, pid)
    line.sendall(pid.to_bytes(8, "big"))
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):  # who asked did not wait
        line.sendall(os.waitstatus_to_exitcode(status).to_bytes(8, "big", signed=True))
    os._exit(0)


def _become(request: Mapping[str, Any], path: list[str]) -> NoReturn:
    """Be the process that was asked for."""
    import atexit
    import importlib
    import threading
    import traceback

    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["variables"])
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    if "huggingface_hub.constants" in sys.modules:
        importlib.reload(sys.modules["huggingface_hub.constants"])  # it reads HF_... when imported
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    for name, number in (("stdout", 1), ("stderr", 2)):
        binary = open(number, "wb", 0 if unbuffered else -1, closefd=False)  # noqa: SIM115
        errors = getattr(sys, name).errors
        stream = io.TextIOWrapper(
            binary, errors=errors, write_through=unbuffered, line_buffering=number == 2
        )
        setattr(sys, name, stream)
    before = os.environ.get("PYTHONPATH", "")
    sys.path[:] = [*filter(None, before.split(os.pathsep)), *path]
    if request["python"]:
        _enter(Path(request["python"]))
    import zoo.registry.trial

    os.environ[ADDRESS] = request["address"]
    zoo.registry.trial.start_python = start_python  # type: ignore[assignment]
    status = 1
    try:
        _run(request["words"])
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status & 255)


def _enter(python: Path) -> None:
    """See what is installed in the virtual environment of this interpreter before all else."""
    import importlib
    import site
    import sysconfig

    folder = python.parent.parent
    packages = sysconfig.get_path("purelib", vars={"base": str(folder)})
    known = list(sys.path)
    sys.path[:] = []
    site.addsitedir(packages)
    sys.path[:] = list(dict.fromkeys([*sys.path, *known]))
    sys.executable, sys.prefix, sys.exec_prefix = str(python), str(folder), str(folder)
    importlib.invalidate_caches()


def _run(words: list[str]) -> None:
    """What Python does with the words after its name: ``-m MODULE``, ``-c CODE`` or a file; after
    ``-P`` their folder is not on the path."""
    import runpy

    kind, *rest = words[words[0] == "-P" :]
    folder = {"-m": str(Path.cwd()), "-c": ""}.get(kind, str(Path(kind).absolute().parent))
    if words[0] != "-P":
        sys.path.insert(0, folder)
    if kind == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv = ["-c", *rest[1:]]
        main = sys.modules["__main__"] = type(sys)("__main__")
        exec(compile(rest[0], "<string>", "exec"), main.__dict__)
    else:
        sys.argv = [kind, *rest]
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    serve(sys.argv[1])
