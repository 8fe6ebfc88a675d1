"""What contenders in Python are given, and how they answer: as contender.mjs does."""

import json
import sys
import time

import numpy as np
import torch


def images(*shape: int) -> torch.Tensor:
    """sin(0.7 i)"""
    values = np.sin(0.7 * np.arange(np.prod(shape), dtype=np.float64))
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def noise(n: int, j: int) -> np.ndarray:
    """Numbers in [-1, 1) that look random."""
    values = 43758.5453 * np.sin(12.9898 * np.arange(n, dtype=np.float64) + 78.233 * j)
    return 2 * (values - np.floor(values)) - 1


def set_noise(p: torch.Tensor, j: int, scale: float, shift: float) -> None:
    p.copy_(torch.from_numpy((shift + scale * noise(p.numel(), j)).astype(np.float32)).reshape(p.shape))


def training(parameters, lr: float, loss):
    """A call that takes a step of AdamW on what `loss` gives, and its value."""
    optimizer = torch.optim.AdamW(parameters, lr=lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05)

    def call() -> float:
        optimizer.zero_grad(set_to_none=True)
        value = loss()
        value.backward()
        optimizer.step()
        return value.item()

    return call


def answer(check: list[float], call) -> None:
    say(ready=True, check=check, baseMiB=BASE)
    for line in sys.stdin:
        times, cpu = [], []
        for _ in range(int(line)):
            start, used = time.perf_counter(), time.process_time()
            call()
            times.append((time.perf_counter() - start) * 1e3)
            cpu.append((time.process_time() - used) * 1e3)
        say(times=times, cpu=cpu, peakMiB=peak())


def say(**values) -> None:
    print(json.dumps(values), flush=True)


def memory(field: str) -> int:
    return next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith(field))


def peak() -> int:
    return memory("VmHWM")


# The memory of the process with its libraries, before there is a model.
BASE = memory("VmRSS")
