"""Measure how fast a store that is larger than the memory is read, in frames a second.

    sudo python docs/examples/read_beyond_memory.py FOLDER

It compares page faults, whole frames in a shuffled order, windows of shuffled shards, and whole
frames in the order of the file.

The script makes 20,000 frames of 217 px (2.8 GB) in FOLDER, which must be on the disk to measure.
It limits its process, page cache included, to 512 MB by a control group, which needs Linux and
root. Each measurement starts with a cold cache and reads other frames than the one before; each is
made twice.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from zoo.data.batches import Sources, Split, epoch_batches
from zoo.data.pixels import PixelFile

BATCH = 32
SHARD, WINDOW = 64, 32
"""Number of frames in a shard, and of shards in a window."""


def make(path: Path, frames: int, size: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (SHARD, size, size, 3), np.uint8)
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (frames, size, size, 3)}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, frames, SHARD):
            file.write(noise[: frames - start].tobytes())
        os.fsync(file.fileno())


def limit_memory(megabytes: int) -> None:
    """Limit the memory of this process and its page cache, by a control group of version 2 or 1."""
    second = Path("/sys/fs/cgroup/cgroup.controllers").is_file()
    group = Path("/sys/fs/cgroup", "" if second else "memory", "read-beyond-memory")
    group.mkdir(exist_ok=True)
    name = "memory.max" if second else "memory.limit_in_bytes"
    (group / name).write_text(str(megabytes << 20))
    (group / "cgroup.procs").write_text(str(os.getpid()))


def from_disk() -> int:
    """Number of bytes that this process has read from the disk."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["read_bytes"])


def windows(frames: int, seed: int) -> NDArray[np.int64]:
    """Every frame once: shards in a random order, with the frames of each window shuffled."""
    draw = np.random.default_rng(seed)
    shards = draw.permutation(frames // SHARD).astype(np.int64)
    parts = [shards[i : i + WINDOW] for i in range(0, len(shards), WINDOW)]
    frames_of_windows = [(part[:, None] * SHARD + np.arange(SHARD)).ravel() for part in parts]
    return np.concatenate([draw.permutation(window) for window in frames_of_windows])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=217)
    parser.add_argument("--memory", type=int, default=512, help="megabytes")
    parser.add_argument("--read", type=int, default=4096, help="frames that each way reads")
    parser.add_argument("--faults", type=int, default=256, help="frames that page faults read")
    arguments = parser.parse_args()
    path = arguments.folder / "frames.npy"
    if not path.is_file():
        make(path, arguments.frames, arguments.size)
    limit_memory(arguments.memory)
    images = np.load(path, mmap_mode="c")
    count = len(images)

    def split(file: PixelFile | None) -> Split:
        return Split(
            images=torch.from_numpy(images),
            points=torch.zeros(count, 68, 2),
            visible=torch.ones(count, 68, dtype=torch.bool),
            ids=("",) * count,
            device=torch.device("cpu"),
            sources=Sources((), np.zeros((count, 3))),
            file=file,
        )

    mapped, whole = split(None), split(PixelFile(images))
    shuffled = np.concatenate(epoch_batches(count, BATCH, 0, 0))
    ways = {
        "page faults, shuffled": (mapped, shuffled, arguments.faults),
        "whole frames, shuffled": (whole, shuffled, arguments.read),
        "whole frames, windows of shards": (whole, windows(count, 0), arguments.read),
        "whole frames, in order": (whole, np.arange(count), arguments.read),
    }
    start = 0
    for name, (frames, order, many) in [*ways.items(), *ways.items()]:
        rows = np.roll(order, -start)[:many]
        start += many
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        read, began, worked = from_disk(), time.perf_counter(), time.process_time()
        for i in range(0, many, BATCH):
            frames.take(rows[i : i + BATCH])
        seconds, worked = time.perf_counter() - began, time.process_time() - worked
        expected = many * images[0].nbytes
        print(
            f"{name:32} {many / seconds:6.0f} frames/s  {1e3 * worked / many:.2f} ms of CPU a "
            f"frame  {(from_disk() - read) / expected:6.2f} bytes read for each wanted",
            flush=True,
        )


if __name__ == "__main__":
    main()
