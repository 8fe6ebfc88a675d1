"""PyTorch eager through timm: python torch_case.py CASE MODELS_FOLDER THREADS"""
import json
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from timm.models.vision_transformer import VisionTransformer

MODELS = {
    "ti": dict(img_size=224, patch_size=16, embed_dim=192, depth=12, num_heads=3, num_classes=1000),
    "b16": dict(img_size=224, patch_size=16, embed_dim=768, depth=12, num_heads=12, num_classes=1000),
    "s32": dict(img_size=32, patch_size=4, embed_dim=192, depth=6, num_heads=3, num_classes=10),
    "xs28": dict(img_size=28, patch_size=4, in_chans=1, embed_dim=64, depth=4, num_heads=4, mlp_ratio=2, num_classes=10),
}

case, folder, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
kind, name, batch = case.split("-")
batch = int(batch[1:])
torch.set_num_threads(threads)
model = VisionTransformer(**MODELS[name])
model.load_state_dict(load_file(f"{folder}/{name}.safetensors"))
shape = (batch, MODELS[name].get("in_chans", 3), MODELS[name]["img_size"], MODELS[name]["img_size"])
x = torch.from_numpy(np.sin(0.7 * np.arange(np.prod(shape), dtype=np.float64)).astype(np.float32).reshape(shape))
y = torch.arange(batch) % MODELS[name]["num_classes"]

if kind == "train":
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05)

    def call():
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    check = [call(), call(), call()]
else:
    model.eval()

    def call():
        with torch.inference_mode():
            return model(x)

    check = call().flatten()[:3].tolist()


def say(**values):
    print(json.dumps(values), flush=True)


def peak():
    return next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))


say(ready=True, check=check)
for line in sys.stdin:
    times, cpu = [], []
    for _ in range(int(line)):
        start, used = time.perf_counter(), time.process_time()
        call()
        times.append((time.perf_counter() - start) * 1e3)
        cpu.append((time.process_time() - used) * 1e3)
    say(times=times, cpu=cpu, peakMiB=peak())
