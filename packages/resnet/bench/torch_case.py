"""PyTorch eager through timm: python torch_case.py CASE THREADS"""

import os
import sys
from functools import partial

import torch
import torch.nn.functional as F
from timm.layers import GroupNormAct, StdConv2d
from timm.models.resnetv2 import ResNetV2

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../backend-onnx/bench"))
from contender import answer, images, set_noise, training  # noqa: E402

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
        set_noise(p, j, scale, shift)
x = images(batch, 3, size, size)
y = torch.arange(batch) % args["num_classes"]
call = training(model.parameters(), 1e-5, lambda: F.cross_entropy(model(x), y))
answer([call(), call(), call()], call)
