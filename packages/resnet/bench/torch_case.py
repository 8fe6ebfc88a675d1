"""PyTorch eager through timm: python torch_case.py CASE THREADS"""

import json
import sys
import time
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from timm.layers import GroupNormAct, StdConv2d
from timm.models.resnetv2 import ResNetV2

NARROW = dict(channels=(128, 256, 512, 1024), layers=[2, 2, 2, 2], stem_chs=32)
MODELS = {
    "r26": (64, dict(**NARROW, num_classes=10), 32),
    "cifar": (32, dict(channels=(128, 256), layers=[2, 2], stem_chs=32, num_classes=10), 16),
    "r50": (224, dict(layers=[3, 4, 6, 3], num_classes=1000), 32),
}

case, threads = sys.argv[1], int(sys.argv[2])
name, batch = case.split("-b")
batch = int(batch)
torch.set_num_threads(threads)
size, args, groups = MODELS[name]
norm = partial(GroupNormAct, num_groups=groups)
model = ResNetV2(stem_type="fixed", conv_layer=partial(StdConv2d, eps=1e-8), norm_layer=norm, **args)
with torch.no_grad():
    for j, (key, p) in enumerate(sorted(model.named_parameters())):
        scale, shift = (0.2, 1.0) if "norm" in key and key.endswith("weight") else (0.1, 0.0)
        values = 43758.5453 * np.sin(12.9898 * np.arange(p.numel(), dtype=np.float64) + 78.233 * j)
        values = shift + scale * (2 * (values - np.floor(values)) - 1)
        p.copy_(torch.from_numpy(values.astype(np.float32)).reshape(p.shape))
shape = (batch, 3, size, size)
x = torch.from_numpy(np.sin(0.7 * np.arange(np.prod(shape), dtype=np.float64)).astype(np.float32).reshape(shape))
y = torch.arange(batch) % args["num_classes"]
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05)


def call():
    optimizer.zero_grad(set_to_none=True)
    loss = F.cross_entropy(model(x), y)
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
