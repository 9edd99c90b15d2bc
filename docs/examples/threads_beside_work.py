"""Time a training step, alone and beside other work, for ways in which OpenMP's threads may wait.

    python docs/examples/threads_beside_work.py

A step is forward, backward and AdamW of a small network on 32 images. Each setting has a separate
process, with a thread for each processor. Figures are medians of wall-clock time in milliseconds.
The other work is a number of processes (--busy) that keep a processor busy.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

SETTINGS: dict[str, dict[str, str]] = {
    "as PyTorch has it": {},
    "OMP_WAIT_POLICY=PASSIVE, as the zoo sets it": {"OMP_WAIT_POLICY": "PASSIVE"},
    "GOMP_SPINCOUNT=1000": {"GOMP_SPINCOUNT": "1000"},
    "OMP_NUM_THREADS=1": {"OMP_NUM_THREADS": "1"},
}
VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_NUM_THREADS")
STEP = """
import statistics, sys, time
import timm, torch
torch.manual_seed(0)
net = timm.create_model("mobilenetv3_small_100", num_classes=136)
optimizer = torch.optim.AdamW(net.parameters())
images, targets = torch.rand(32, 3, 112, 112), torch.rand(32, 136)
def step():
    begun = time.perf_counter()
    optimizer.zero_grad()
    (net(images) - targets).square().mean().backward()
    optimizer.step()
    return time.perf_counter() - begun
step()
print(1e3 * statistics.median(step() for _ in range(int(sys.argv[1]))))
"""


def milliseconds(setting: dict[str, str], steps: int) -> float:
    """The median step of a process with only these variables of OpenMP."""
    others = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    command = [sys.executable, "-c", STEP, str(steps)]
    done = subprocess.run(command, env=others | setting, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--busy", type=int, default=1, help="other processes that count")
    parser.add_argument("--steps", type=int, default=15)
    arguments = parser.parse_args()
    print(f"| threads wait | alone | beside {arguments.busy} |\n| --- | --- | --- |", flush=True)
    for name, setting in SETTINGS.items():
        alone = milliseconds(setting, arguments.steps)
        spin = [sys.executable, "-c", "while True: pass"]
        others = [subprocess.Popen(spin) for _ in range(arguments.busy)]
        try:
            beside = milliseconds(setting, arguments.steps)
        finally:
            for other in others:
                other.kill()
        print(f"| {name} | {alone:.0f} | {beside:.0f} |", flush=True)


if __name__ == "__main__":
    main()
