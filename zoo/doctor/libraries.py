"""Checks of Python, the zoo, the libraries that it needs, and the devices that they compute on."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from zoo.registry.entries import OURS, one_line
from zoo.threads import CHOSEN, WAITING, usable_cores, waiting

from .diagnosis import Diagnosis
from .probes import ask

LOADED = {
    "torch": "torch",
    "torchvision": "torchvision",
    "timm": "timm",
    "opencv-python-headless": "cv2",
}
"""The module of each distribution that is loaded, since an installed one may still not work."""

BUILT_ON = {"torchvision": ("torch",), "timm": ("torch", "torchvision")}
"""Distributions that do not load if one of these does not: one remedy mends them all."""

OTHER_NAMES = {
    "opencv-python-headless": (
        "opencv-python",
        "opencv-contrib-python-headless",
        "opencv-contrib-python",
    )
}

EXTRAS = {
    "export": "export to ONNX, and prediction from ONNX files",
    "track": "--log-with tensorboard",
    "heic": "pictures of Apple's telephones",
}
"""What each extra is for. `dev` is left out: it is for work on the zoo itself."""

SPINS = ("ACTIVE", "TURNAROUND", "INFINITE", "INFINITY")
"""Values of a variable that make threads keep their processors busy while they wait."""

_NVIDIA = Path("/proc/driver/nvidia/version")


def look_at_libraries() -> Iterator[Diagnosis]:
    yield from _ourselves()
    needed, optional = _requirements()
    installed = {requirement.name: _installed(requirement) for requirement in needed}
    asked = {
        name: ask(module)
        for name, module in LOADED.items()
        if name in installed and installed[name].status != "broken"
    }
    failures = {name: failed for name, (_, failed) in asked.items() if failed}
    answers = {LOADED[name]: answer for name, (answer, failed) in asked.items() if not failed}
    working: list[Diagnosis] = []
    for requirement in needed:
        finding = installed[requirement.name]
        if requirement.name in failures:
            finding = _not_loading(requirement, finding.what, failures, needed)
        if finding.status != "ok" or requirement.name in LOADED:
            yield finding
        else:
            working.append(finding)
    yield _in_one_line(working)
    for extra, requirements in optional.items():
        yield _extra(extra, requirements)
    if "torch" in answers:
        yield accelerator(answers["torch"])
        yield threads(answers["torch"]["threads"])
    if "cv2" in answers:
        yield from opencv(answers["cv2"])


def _ourselves() -> Iterator[Diagnosis]:
    here = Path(__file__).resolve().parents[1]
    try:
        version = metadata.version(OURS)
    except metadata.PackageNotFoundError:
        what = f"{here} is on the path and not installed: it has no plugins"
        yield Diagnosis("zoo", "broken", what, f"pip install -e {here.parent}")
    else:
        yield Diagnosis("zoo", "ok", f"{OURS} {version} in {here}")
    yield Diagnosis("python", "ok", f"{platform.python_version()}, {sys.executable}")
    command = shutil.which("zoo")
    scripts = Path(sys.prefix, "Scripts" if os.name == "nt" else "bin")
    if command is None:
        what = "no command `zoo` on the PATH; `python -m zoo` is the same"
        yield Diagnosis("command", "warn", what, f"export PATH={scripts}{os.pathsep}$PATH")
    elif Path(command).resolve().parent != scripts.resolve():
        what = f"`zoo` is {command}, which belongs to another Python than {sys.executable}"
        yield Diagnosis("command", "warn", what, f"export PATH={scripts}{os.pathsep}$PATH")
    else:
        yield Diagnosis("command", "ok", command)


def _requirements() -> tuple[list[Requirement], dict[str, list[Requirement]]]:
    """The requirements of the zoo and of each of its extras, from its metadata."""
    try:
        lines = metadata.requires(OURS) or []
    except metadata.PackageNotFoundError:
        lines = []
    needed: list[Requirement] = []
    optional: dict[str, list[Requirement]] = {extra: [] for extra in EXTRAS}
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": ""}):
            needed.append(requirement)
        for extra, listed in optional.items():
            if marker is not None and "extra" in str(marker) and marker.evaluate({"extra": extra}):
                listed.append(requirement)
    return needed, {extra: listed for extra, listed in optional.items() if listed}


def _installed(requirement: Requirement) -> Diagnosis:
    """The installed version, read from metadata alone. OpenCV comes in four distributions with the
    same module, and any of them will do."""
    for name in (requirement.name, *OTHER_NAMES.get(requirement.name, ())):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        except Exception as error:  # metadata that a broken installation left behind
            fix = f"pip install --force-reinstall {_quoted(requirement)}"
            return Diagnosis(_short(requirement), "broken", one_line(error), fix)
        if requirement.specifier.contains(version, prereleases=True):
            return Diagnosis(_short(requirement), "ok", version)
        what = f"{version}, and the zoo asks for {requirement.specifier}"
        return Diagnosis(_short(requirement), "warn", what, f"pip install {_quoted(requirement)}")
    what = "is not installed, and the zoo needs it"
    return Diagnosis(_short(requirement), "broken", what, f"pip install {_quoted(requirement)}")


def _not_loading(
    requirement: Requirement,
    version: str,
    failures: Mapping[str, str],
    needed: Sequence[Requirement],
) -> Diagnosis:
    """A library that is installed and does not load. ``failures`` has the reasons of all such
    libraries by name. The builds of torch and torchvision must fit each other, so both are
    reinstalled together."""
    name = requirement.name
    below = [each for each in BUILT_ON.get(name, ()) if each in failures]
    if below:
        what = f"{version}, does not load, since {below[0]} does not"
        return Diagnosis(_short(requirement), "broken", what)
    together = ("torch", "torchvision") if name in ("torch", "torchvision") else (name,)
    packages = " ".join(_quoted(each) for each in needed if each.name in together)
    what = f"{version}, does not load: {failures[name]}"
    fix = f"pip install --force-reinstall {packages}"
    return Diagnosis(_short(requirement), "broken", what, fix)


def _short(requirement: Requirement) -> str:
    return LOADED.get(requirement.name, requirement.name)


def _quoted(requirement: Requirement) -> str:
    return f"'{requirement.name}{requirement.specifier}'"


def _in_one_line(working: list[Diagnosis]) -> Diagnosis:
    """One line for all libraries that work and need no line of their own."""
    versions = ", ".join(f"{each.name} {each.what}" for each in working)
    return Diagnosis("libraries", "ok", versions or "none")


def _extra(extra: str, requirements: list[Requirement]) -> Diagnosis:
    found = [_installed(each) for each in requirements]
    absent = [each.name for each in found if each.status == "broken"]
    if absent:
        what = f"{', '.join(absent)} not installed (for {EXTRAS[extra]})"
        return Diagnosis(f"[{extra}]", "missing", what, f"pip install '{OURS}[{extra}]'")
    old = [each for each in found if each.status != "ok"]
    if old:
        return Diagnosis(f"[{extra}]", "warn", f"{old[0].name} {old[0].what}", old[0].next)
    return Diagnosis(f"[{extra}]", "ok", ", ".join(f"{each.name} {each.what}" for each in found))


def accelerator(torch: Mapping[str, Any], driver: Path = _NVIDIA) -> Diagnosis:
    """The device that training takes and, if that is no GPU, the reason."""
    if torch["devices"]:
        names = ", ".join(
            f"{each['name']} ({each['memory'] / 2**30:.0f} GiB)" for each in torch["devices"]
        )
        return Diagnosis("accelerator", "ok", f"cuda: {names}")
    if torch["mps"]:
        return Diagnosis("accelerator", "ok", "mps: the GPU of this Mac")
    if not driver.exists():
        if torch["mps_built"]:
            return Diagnosis(
                "accelerator", "ok", "none: training runs on the CPU; mps is not ready"
            )
        what = "none: training runs on the CPU; this machine has no NVIDIA driver"
        return Diagnosis("accelerator", "ok", what)
    if not torch["cuda_build"]:
        what = "there is an NVIDIA driver, and this PyTorch is built for the CPU alone"
        how = "reinstall torch and torchvision with CUDA, as https://pytorch.org/get-started says"
        return Diagnosis("accelerator", "warn", what, how)
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1"):
        what = f'CUDA_VISIBLE_DEVICES="{hidden}" hides the GPU'
        return Diagnosis("accelerator", "warn", what, "unset CUDA_VISIBLE_DEVICES")
    what = f"there is an NVIDIA driver, and no GPU for PyTorch: {torch['refusal']}"
    return Diagnosis("accelerator", "warn", what, "nvidia-smi")


def threads(used: int) -> Diagnosis:
    """The number of PyTorch's threads, of the processors that it may use, and how the threads wait
    for each other."""
    cores = usable_cores()
    limit = os.environ.get("OMP_NUM_THREADS")
    counts = f"{used} for {cores} processor{'s' if cores > 1 else ''}"
    if used > cores:
        return Diagnosis("threads", "warn", f"{counts}: they wait for each other", _export(cores))
    if limit is not None and used < cores:
        return Diagnosis("threads", "warn", f"{counts}: OMP_NUM_THREADS={limit}", _export(cores))
    if used > 1 and any(os.environ.get(name, "").upper() in SPINS for name in WAITING):
        what = f"{counts}; {waiting()}: beside other work, waiting threads hold it up"
        return Diagnosis("threads", "warn", what, "export OMP_WAIT_POLICY=PASSIVE")
    by = " (chosen by the zoo)" if CHOSEN else ""
    return Diagnosis("threads", "ok", f"{counts}; they wait by {waiting()}{by}")


def _export(cores: int) -> str:
    return f"export OMP_NUM_THREADS={cores}"


def opencv(answer: Mapping[str, Any]) -> Iterator[Diagnosis]:
    """OpenCV's cascades, which the detector haar needs, and its reading and writing of videos."""
    absent = [name for name, there in answer["cascades"].items() if not there]
    if absent:
        what = f"{', '.join(absent)} missing from OpenCV {answer['version']}: haar finds no faces"
        fix = "pip install --force-reinstall 'opencv-python-headless<5'"
        yield Diagnosis("cascades", "warn", what, f"{fix}, or use another detector")
    else:
        yield Diagnosis("cascades", "ok", "frontal and profile faces")
    works = [kind for kind, done in answer["video"].items() if done]
    fails = [kind for kind, done in answer["video"].items() if not done]
    if not fails:
        yield Diagnosis("video", "ok", f"written and read: {', '.join(works)}")
    else:
        what = f"cannot be written and read: {', '.join(fails)}"
        fix = "pip install --force-reinstall opencv-python-headless"
        yield Diagnosis("video", "warn", what, fix)
