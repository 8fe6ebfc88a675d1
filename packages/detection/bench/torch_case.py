"""PyTorch eager, facebookresearch's DETR at $DETR: python torch_case.py CASE THREADS"""

import os
import sys

import numpy as np
import torch

here = os.path.dirname(__file__)
sys.path[:0] = [os.path.join(here, "../../../tooling/golden"), os.path.join(here, "../../backend-onnx/bench")]
from contender import answer, images, noise, set_noise, training  # noqa: E402
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

with torch.no_grad():
    for j, (key, p) in enumerate(sorted(model.state_dict().items())):
        gain = key.endswith((".weight", ".running_var"))
        scale, shift = ((3 * p.shape[0] / p.numel()) ** 0.5, 0) if p.dim() > 1 else (0.2, 1) if gain else (0.1, 0)
        set_noise(p, j, scale, shift)
samples = NestedTensor(images(batch, 3, *size), torch.zeros(batch, *size, dtype=torch.bool))
targets = []
for n in range(batch):
    count = 3 + n % 3
    boxes = np.tile([0.5, 0.5, 0.3, 0.3], count) + 0.2 * noise(4 * count, n)
    labels = torch.tensor([(3 * n + i) % args["classes"] for i in range(count)])
    targets.append({"labels": labels, "boxes": torch.from_numpy(boxes.astype(np.float32)).reshape(count, 4)})
criterion = criterion_of(args["classes"], args["dec"])
learned = [p for p in model.parameters() if p.requires_grad]
call = training(learned, 1e-5, lambda: total(criterion(model(samples), targets), criterion))
answer([call(), call(), call()], call)
