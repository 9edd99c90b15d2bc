"""Many trainings from one file: every combination of what it lists, each a `zoo train` of its own.

A trial is a command, so that a pool on this machine, a cluster and you can start the same one. Its
run folder is that of its configuration: if the same sweep is given again, it skips the trials that
have finished, goes on with those that were interrupted, and starts the others.
"""

from __future__ import annotations

import itertools
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..api import UsageError, ZooError
from ..config import flatten
from ..config.recipes import resolve
from ..files.reading import read_toml
from ..runs.folder import RunFolder, as_file_name
from .folds import find_existing
from .plan import Plan, make_plan

ZOO = (sys.executable, "-m", "zoo")
TABLES = ("base", "grid", "trial", "slurm", "ray")
LOGS = "sweep-logs"


@dataclass(frozen=True)
class Trial:
    number: int
    """From 1."""
    keys: Mapping[str, Any]
    """Its values in the file, by key."""
    varied: tuple[str, ...]
    """Keys in which the trials differ."""
    plan: Plan
    folder: RunFolder | None = None
    """Its run folder, if it was started before."""
    finished: bool = False

    @property
    def name(self) -> str:
        values = ", ".join(f"{key}={self.keys[key]}" for key in self.varied if key in self.keys)
        return f"trial {self.number}" + (f" ({values})" if values else "")

    def command(self, out: Path) -> list[str]:
        """The arguments after ``zoo``."""
        if self.folder is not None:
            return ["train", "--resume", str(self.folder.path)]
        line = ["train", str(self.keys["backbone"]), "--out", str(out)]
        for key, value in self.keys.items():
            if key == "recipe":
                line += ["--recipe", str(value)]
            elif key != "backbone":
                line += ["--set", f"{key}={_as_toml(value)}"]
        return line

    def log(self, out: Path) -> Path:
        """The file for its output."""
        values = "-".join(f"{key}-{self.keys[key]}" for key in self.varied if key in self.keys)
        return out / LOGS / f"{as_file_name(f'{self.number:03d}-{values}')[:120]}.log"


@dataclass(frozen=True)
class Sweep:
    trials: tuple[Trial, ...]
    slurm: Mapping[str, Any]
    """Parameters of a job, as submitit names them."""
    ray: Mapping[str, Any]
    """Options of a task, as Ray names them."""


@dataclass(frozen=True)
class Outcome:
    trial: Trial
    failure: str = ""
    """Why it did not finish; empty: it finished."""


def read_sweep(file: Path, out: Path, strict: bool = False) -> Sweep:
    """The trials of a file, each with its checked plan and, if there is one, its run folder below
    ``out``.

    Raises :class:`UsageError` that names the trial for a configuration that is not valid, and for
    two trials that are the same.
    """
    table = read_toml(file, error=UsageError)
    if unknown := sorted(set(table) - set(TABLES)):
        raise UsageError(
            f"{file}: unknown {unknown[0]!r}; a sweep has the tables {', '.join(TABLES)}"
        )
    combinations = [_flat(table, "base", file) | each for each in _combinations(table, file)]
    varied = tuple(
        key
        for key in dict.fromkeys(itertools.chain.from_iterable(combinations))
        if len({repr(each.get(key)) for each in combinations}) > 1
    )
    trials: list[Trial] = []
    for number, keys in enumerate(combinations, start=1):
        others = {key: value for key, value in keys.items() if key not in ("backbone", "recipe")}
        trial = Trial(number, keys, varied, _plan(file, number, keys, others))
        for earlier in trials:
            if earlier.plan.config == trial.plan.config:
                raise UsageError(f"{file}: {trial.name} is the same as {earlier.name}")
        trials.append(trial)
    engines = {name: _flat(table, name, file) for name in ("slurm", "ray")}
    return Sweep(tuple(_with_folders(trials, out, strict)), **engines)


def _plan(file: Path, number: int, keys: Mapping[str, Any], others: Mapping[str, Any]) -> Plan:
    try:
        backbone, recipe = str(keys.get("backbone", "")), str(keys.get("recipe", "seed"))
        return make_plan(resolve(backbone, recipe, (), others))
    except ZooError as error:
        raise UsageError(f"{file}: trial {number}: {error}") from error


def _flat(table: Mapping[str, Any], name: str, file: Path) -> dict[str, Any]:
    keys = table.get(name, {})
    if not isinstance(keys, dict):
        raise UsageError(f"{file}: [{name}] must be a table of keys")
    return flatten(keys)


def _combinations(table: Mapping[str, Any], file: Path) -> Iterator[dict[str, Any]]:
    """All combinations of the grid's values, and then the listed trials."""
    grid, listed = _flat(table, "grid", file), table.get("trial", [])
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise UsageError(f"{file}: write each listed trial below a line [[trial]]")
    for key, values in grid.items():
        if not isinstance(values, list) or not values:
            raise UsageError(f"{file}: grid.{key} must be a list of values to try")
    if grid or not listed:
        for values in itertools.product(*grid.values()):
            yield dict(zip(grid, values, strict=True))
    yield from map(flatten, listed)


def _with_folders(trials: Sequence[Trial], out: Path, strict: bool) -> Iterator[Trial]:
    """The trials with their run folders. Data that several trials use are opened only once."""

    def data_key(trial: Trial) -> str:
        config = trial.plan.config
        return repr(
            (config.dataset, config.data, config.protocol, config.plugin_options("dataset"))
        )

    folders: dict[int, tuple[RunFolder | None, bool]] = {}
    for key in dict.fromkeys(map(data_key, trials)):
        same = [trial for trial in trials if data_key(trial) == key]
        existing = find_existing([trial.plan for trial in same], out, strict)
        folders |= {trial.number: each for trial, each in zip(same, existing, strict=True)}
    for trial in trials:
        yield Trial(trial.number, trial.keys, trial.varied, trial.plan, *folders[trial.number])


def _as_toml(value: object) -> str:
    import tomli_w  # here, since only a sweep writes single values

    return tomli_w.dumps({"v": value}).removeprefix("v = ").strip().replace("\n", " ")


def run_command(arguments: Sequence[str], log: Path, variables: Mapping[str, str]) -> int:
    """``zoo ARGUMENTS`` as a process that prints into a log; gives its exit status."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        return subprocess.run(
            [*ZOO, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env={**os.environ, **variables},
        ).returncode


def place(slot: int, jobs: int, gpus: int) -> dict[str, str]:
    """Environment variables of the trial in a slot, from 0: a GPU of its own, or its share of the
    processors. The GPUs are those of CUDA_VISIBLE_DEVICES; a set OMP_NUM_THREADS is kept."""
    if gpus:
        devices = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(gpus)))
        return {"CUDA_VISIBLE_DEVICES": devices.split(",")[slot % gpus]}
    if jobs > 1 and "OMP_NUM_THREADS" not in os.environ:
        return {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // jobs))}
    return {}


def run_all(trials: Sequence[Trial], out: Path, jobs: int, gpus: int = 0) -> Iterator[Outcome]:
    """Run trials on this machine, ``jobs`` at a time; yields each outcome once it is known. A
    trial that fails or dies stops no other."""
    free = list(range(jobs))

    def run_trial(trial: Trial) -> int:
        slot = free.pop()
        try:
            return run_command(trial.command(out), trial.log(out), place(slot, jobs, gpus))
        finally:
            free.append(slot)

    with ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(run_trial, trial): trial for trial in trials}
        try:
            for done in as_completed(running):
                trial, status = running[done], done.result()
                yield Outcome(trial, _why(status, trial.log(out)) if status else "")
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _why(status: int, log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines() if log.is_file() else []
    how = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
    return f"{how}; {log} ends: {lines[-1]}" if lines else f"{how}; {log} is empty"


def submit_all(
    trials: Sequence[Trial], out: Path, parameters: Mapping[str, Any]
) -> Iterator[Outcome]:
    """Give trials to Slurm by submitit, and wait for them. ``parameters`` are submitit's own, such
    as ``timeout_min`` and ``slurm_partition``; ``cluster = "local"`` runs them without Slurm.

    Raises :class:`UsageError` where submitit is not installed or refuses a parameter.
    """
    try:
        import submitit
    except ImportError as error:
        raise UsageError("--on slurm needs submitit: pip install 'landmark-zoo[slurm]'") from error
    options = dict(parameters)
    cluster = options.pop("cluster", "slurm")
    try:
        executor = submitit.AutoExecutor(folder=out / LOGS, cluster=cluster)
        executor.update_parameters(**options)
    except (NameError, RuntimeError, TypeError, ValueError) as error:
        raise UsageError(f"submitit: {str(error).splitlines()[0]}") from error
    with executor.batch():
        jobs = [
            executor.submit(run_command, trial.command(out), trial.log(out), {}) for trial in trials
        ]
    for trial, job in zip(trials, jobs, strict=True):
        try:
            status = job.result()
        except Exception as error:  # the node was lost, the time was up
            lines = str(error).strip().splitlines() or [type(error).__name__]
            yield Outcome(trial, f"job {job.job_id}: {lines[-1]}")
        else:
            yield Outcome(trial, _why(status, trial.log(out)) if status else "")


def spread_all(
    trials: Sequence[Trial], out: Path, parameters: Mapping[str, Any]
) -> Iterator[Outcome]:
    """Give trials to the machines of a Ray cluster, which share the folder that this is called in;
    yields each outcome once it is known. ``parameters`` are Ray's own options of a task, such as
    ``num_cpus`` and ``num_gpus`` (1 where there are GPUs), and ``address``.

    Raises :class:`UsageError` where Ray is not installed, has no cluster or refuses an option.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError("--on ray needs Ray: pip install 'landmark-zoo[ray]'") from error
    options = dict(parameters)
    address = options.pop("address", "auto")
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"--on ray: no cluster at {address} ({str(error).splitlines()[0]}); start one with "
            "`ray start --head`, or name its address in the table [ray]"
        ) from error
    try:
        gpus = int(any("GPU" in node["Resources"] for node in ray.nodes()))
        options = {"num_gpus": gpus, "max_retries": 0} | options
        try:
            task = ray.remote(**options)(_run_in)
        except (TypeError, ValueError) as error:
            raise UsageError(f"Ray: {str(error).splitlines()[0]}") from error
        here = Path.cwd()
        running = {task.remote(here, t.command(out), t.log(out)): t for t in trials}
        while running:
            [done], _ = ray.wait(list(running))
            trial = running.pop(done)
            try:
                status = ray.get(done)
            except ray.exceptions.RayError as error:  # the node was lost
                lines = str(error).strip().splitlines() or [type(error).__name__]
                yield Outcome(trial, lines[0])
            else:
                yield Outcome(trial, _why(status, trial.log(out)) if status else "")
    finally:
        ray.shutdown()  # ends the trials that still run


def _run_in(folder: Path, arguments: Sequence[str], log: Path) -> int:
    os.chdir(folder)
    return run_command(arguments, log, {})
