"""Python processes that start at once: each is forked from a server with the big libraries loaded.

In a test, a command of the zoo spends most of its time on the import of PyTorch and timm. A forked
process has its own variables, folder and outputs, and finds these libraries in memory. ``run`` is
used like ``subprocess.run`` on ``python ARGUMENTS``. It starts a plain process where none can be
forked, and where a variable is set that a loaded library has read already. A test of imports,
threads or signals starts a plain process itself.
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
"""Prefixes of variables that Python or a loaded library reads only once."""
SERVED = ("PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONHASHSEED")
"""Variables with such a prefix that need no plain process."""
QUIET = ("-W", "ignore:Module already imported")
"""For pytest, which wants to rewrite its plugins' modules and finds some of them loaded."""
ADDRESS = "QUICK_PROCESS"
"""The variable that holds the server's address in a forked process."""
AT_START = dict(os.environ)
"""Variables of the server: this module is loaded before any test changes one."""
TIMEOUT = 240


def run(
    arguments: Sequence[str | Path],
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
    merged: bool = False,
    python: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run ``python ARGUMENTS``; both outputs are captured as text, as one if ``merged``.
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
        Path(os.devnull).open() as devnull,
    ):
        streams = (devnull.fileno(), out.fileno(), (out if merged else err).fileno())
        folder, interpreter = str(cwd or Path.cwd()), str(python or "")
        child = Child(server(), words, folder, variables, streams, interpreter)
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
    """The body of such a script: send its arguments, variables and streams to the server."""
    words = ["-P", "-m", name, *(QUIET if name == "pytest" else ()), *sys.argv[1:]]
    python = str(Path(sys.executable).absolute())
    child = Child(address, words, str(Path.cwd()), os.environ, (0, 1, 2), python)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os.kill(child.pid, number))
    status = child.wait()
    if status < 0:  # a signal ended the child: end this process by the same one
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)


@functools.cache
def server() -> str:
    """The address of the server; this process and all that it starts share one."""
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
    """A forked process, with the members of ``subprocess.Popen`` that tests need."""

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
            answer = self._line.recv(8)
            self._line.close()
            if not answer:
                raise RuntimeError("a forked process ended without an exit status")
            self.returncode = int.from_bytes(answer, "big", signed=True)
        return self.returncode

    def poll(self) -> int | None:
        with contextlib.suppress(BlockingIOError):
            return self.wait(0)
        return None

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


def start_python(arguments: Sequence[str]) -> Child:
    """A replacement for ``zoo.registry.trial.start_python`` where PyTorch may be loaded already."""
    with Path(os.devnull).open("r+") as devnull:
        streams = (devnull.fileno(),) * 3
        folder = str(Path.cwd())
        python = sys.executable if sys.prefix != sys.base_prefix else ""
        return Child(server(), arguments, folder, os.environ, streams, python, own_group=True)


def serve(address: str) -> NoReturn:
    """Load the libraries, then fork a process for every request."""
    path = [part for part in sys.path if part != str(Path(__file__).parent)]
    for name in LOADED:
        __import__(name)
    _draw_first_figure()
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        sys.exit(f"loading {', '.join(LOADED)} leaves {threads} threads; none can be forked")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    parent = os.getppid()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(address + ".new")
        listener.listen(16)
        listener.settimeout(1)
        os.rename(address + ".new", address)
        while os.getppid() == parent:
            with contextlib.suppress(TimeoutError):
                connection, _ = listener.accept()
                connection.setblocking(True)
                if os.fork() == 0:
                    listener.close()
                    _attend(connection, path)
                connection.close()
    os._exit(0)


def _draw_first_figure() -> None:
    """Draw a first figure, for which matplotlib looks for its fonts and builds a parser."""
    from zoo.training.curve import save_learning_curve

    row = {"epoch": 1, "train_loss": 0.02, "val_loss": 0.03, "val_nme": 0.4}
    with tempfile.TemporaryDirectory() as folder:
        save_learning_curve([row, row], Path(folder) / "curve.png")


def _attend(connection: socket.socket, path: list[str]) -> NoReturn:
    """In a process of its own: start the command, wait for its end and send its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, ancillary, _, _ = connection.recvmsg(1, socket.CMSG_SPACE(3 * array.array("i").itemsize))
    streams = array.array("i", ancillary[0][2][:12])
    with connection.makefile("rb") as stream:
        request = json.loads(stream.read())
    if (pid := os.fork()) == 0:
        connection.close()
        if request["own_group"]:
            os.setpgid(0, 0)
        for number, one in enumerate(streams):
            os.dup2(one, number)
        for one in streams:
            os.close(one)
        _become(request, path)
    if request["own_group"]:
        with contextlib.suppress(PermissionError):  # it did so itself and runs on
            os.setpgid(pid, pid)
    connection.sendall(pid.to_bytes(8, "big"))
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):  # the caller did not wait
        connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(8, "big", signed=True))
    os._exit(0)


def _become(request: Mapping[str, Any], path: list[str]) -> NoReturn:
    """Turn this process into the requested one."""
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
    """Put the packages of this interpreter's virtual environment first on the path."""
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
    """Do what Python does with its arguments: ``-m MODULE``, ``-c CODE`` or a file. With a ``-P``
    before them, their folder is not put on the path."""
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
