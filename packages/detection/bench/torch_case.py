"""PyTorch eager, facebookresearch's DETR at $DETR: python torch_case.py CASE THREADS"""

import json
import os
import sys
import time

import numpy as np
import torch

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../tooling/golden"))
from detr import Basic, Deep, build, criterion_of, total  # noqa: E402

from util.misc import NestedTensor  # noqa: E402

CASES = {
    "small-b4": (4, (192, 256), dict(backbone=dict(block=Basic, widths=[32, 64, 128, 256], depths=[2, 2, 2, 2], stem=32), d_model=128, nhead=8, enc=3, dec=3, mlp=512, queries=50, classes=10)),
    "r50-b1": (1, (384, 480), dict(backbone=dict(block=Deep, widths=[256, 512, 1024, 2048], depths=[3, 4, 6, 3], stem=64), d_model=256, nhead=8, enc=6, dec=6, mlp=2048, queries=100, classes=91)),
}

case, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
batch, size, args = CASES[case]
model = build(**args).train()


def noise(n: int, j: int) -> np.ndarray:
    values = 43758.5453 * np.sin(12.9898 * np.arange(n, dtype=np.float64) + 78.233 * j)
    return 2 * (values - np.floor(values)) - 1


with torch.no_grad():
    for j, (key, p) in enumerate(sorted(model.state_dict().items())):
        gain = key.endswith((".weight", ".running_var"))
        scale, shift = ((3 * p.shape[0] / p.numel()) ** 0.5, 0) if p.dim() > 1 else (0.2, 1) if gain else (0.1, 0)
        p.copy_(torch.from_numpy((shift + scale * noise(p.numel(), j)).astype(np.float32)).reshape(p.shape))
shape = (batch, 3, *size)
images = np.sin(0.7 * np.arange(np.prod(shape), dtype=np.float64)).astype(np.float32).reshape(shape)
samples = NestedTensor(torch.from_numpy(images), torch.zeros(batch, *size, dtype=torch.bool))
targets = []
for n in range(batch):
    count = 3 + n % 3
    boxes = np.tile([0.5, 0.5, 0.3, 0.3], count) + 0.2 * noise(4 * count, n)
    labels = torch.tensor([(3 * n + i) % args["classes"] for i in range(count)])
    targets.append({"labels": labels, "boxes": torch.from_numpy(boxes.astype(np.float32)).reshape(count, 4)})
criterion = criterion_of(args["classes"], args["dec"])
learned = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(learned, lr=1e-5, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05)


def call():
    optimizer.zero_grad(set_to_none=True)
    loss = total(criterion(model(samples), targets), criterion)
    loss.backward()
    optimizer.step()
    return loss.item()


def say(**values):
    print(json.dumps(values), flush=True)


def peak():
    return next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))


say(ready=True, check=[call(), call(), call()])
for line in sys.stdin:
    times, cpu = [], []
    for _ in range(int(line)):
        start, used = time.perf_counter(), time.process_time()
        call()
        times.append((time.perf_counter() - start) * 1e3)
        cpu.append((time.process_time() - used) * 1e3)
    say(times=times, cpu=cpu, peakMiB=peak())
