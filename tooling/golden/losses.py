"""loss-*: PyTorch's losses on given logits, with their gradients, in float64."""

import torch
import torch.nn.functional as F

from common import write

BATCH = 6
CLASSES = 5


def with_gradient(loss, logits: torch.Tensor, *rest, **options) -> tuple[float, torch.Tensor]:
    logits = logits.clone().requires_grad_()
    value = loss(logits, *rest, **options)
    value.backward()
    return value.item(), logits.grad


def generate() -> None:
    generator = torch.Generator().manual_seed(300)
    logits = 2 * torch.randn(BATCH, CLASSES, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, CLASSES, (BATCH,), generator=generator)
    soft = torch.rand(BATCH, CLASSES, generator=generator, dtype=torch.float64).softmax(1)
    hot = (torch.rand(BATCH, CLASSES, generator=generator) < 0.4).double()
    weights = 0.25 + 2 * torch.rand(CLASSES, generator=generator, dtype=torch.float64)
    cases = {
        "cross_entropy": (F.cross_entropy, labels, {}),
        "cross_entropy_smoothed": (F.cross_entropy, labels, dict(label_smoothing=0.1)),
        "cross_entropy_weighted": (F.cross_entropy, labels, dict(weight=weights)),
        "cross_entropy_weighted_smoothed": (F.cross_entropy, labels, dict(weight=weights, label_smoothing=0.1)),
        "cross_entropy_soft": (F.cross_entropy, soft, {}),
        "cross_entropy_soft_weighted_smoothed": (F.cross_entropy, soft, dict(weight=weights, label_smoothing=0.1)),
        "binary_cross_entropy": (F.binary_cross_entropy_with_logits, hot, {}),
    }
    values, gradients = {}, {}
    for name, (loss, targets, options) in cases.items():
        values[name], gradients[f"grad.{name}"] = with_gradient(loss, logits, targets, **options)
    tensors = {"logits": logits, "labels": labels.to(torch.int32), "soft_targets": soft, "multi_hot": hot, "class_weights": weights}
    write("losses", {"seed": 300, "label_smoothing": 0.1, "losses": values}, tensors | gradients)
