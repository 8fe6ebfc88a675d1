"""objective-*: 20 steps of DeiT's distillation and of masked-patch prediction in float64, and the losses alone."""

import timm
import torch
import torch.nn.functional as F

from common import nchw, redraw, vitrine_config, write

STEPS = 20
BATCH = 6
CLASSES = 5
SHAPE = dict(img_size=8, patch_size=4, embed_dim=16, depth=2, num_heads=2)
ADAMW = dict(lr=5e-3, betas=(0.9, 0.95), eps=1e-8)
DECAY = 0.05
TOKENS = ("pos_embed", "cls_token", "dist_token", "mask_token")
MEAN, STD = [0.45, 0.5, 0.4], [0.25, 0.2, 0.3]


def distillation_loss(outputs, outputs_kd, labels, teacher, kind: str, alpha: float, tau: float) -> torch.Tensor:
    """DeiT's `losses.py`, DistillationLoss.forward."""
    base = F.cross_entropy(outputs, labels)
    if kind == "soft":
        told = F.log_softmax(teacher / tau, dim=1)
        taught = F.kl_div(F.log_softmax(outputs_kd / tau, dim=1), told, reduction="sum", log_target=True)
        taught = taught * (tau * tau) / outputs_kd.numel()
    else:
        taught = F.cross_entropy(outputs_kd, teacher.argmax(dim=1))
    return base * (1 - alpha) + taught * alpha


def optimizer_of(named: list[tuple[str, torch.nn.Parameter]]) -> torch.optim.Optimizer:
    decays = lambda name, p: p.ndim >= 2 and name not in TOKENS
    groups = [
        dict(params=[p for k, p in named if decays(k, p)], weight_decay=DECAY),
        dict(params=[p for k, p in named if not decays(k, p)], weight_decay=0.0),
    ]
    return torch.optim.AdamW(groups, **ADAMW, foreach=False)


def run(name: str, document: dict, tensors: dict, named: list, loss_at) -> None:
    tensors |= {f"init.{k}": p.detach().clone().float() for k, p in named}
    opt = optimizer_of(named)
    losses = []
    for step in range(STEPS):
        opt.zero_grad()
        loss = loss_at(step)
        loss.backward()
        opt.step()
        losses.append(loss.item())
    tensors |= {f"final.{k}": p.detach() for k, p in named}
    write(f"objective-{name}", document | {"steps": STEPS, "batch": BATCH, "optimizer": ADAMW | {"weight_decay": DECAY}, "losses": losses}, tensors)


def distill(seed: int, kind: str, alpha: float, tau: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    model = timm.create_model("deit_tiny_distilled_patch16_224", num_classes=CLASSES, **SHAPE)
    redraw(model, generator)
    model.set_distilled_training(True)
    size = SHAPE["img_size"]
    images = torch.randn(STEPS, BATCH, size, size, 3, generator=generator)
    labels = torch.randint(0, CLASSES, (STEPS, BATCH), generator=generator)
    teacher = 3 * torch.randn(STEPS, BATCH, CLASSES, generator=generator)
    tensors = {"images": images, "labels": labels.to(torch.int32), "teacher": teacher}
    model.double().train()

    def loss_at(step: int) -> torch.Tensor:
        outputs, outputs_kd = model(nchw(images[step].double()))
        return distillation_loss(outputs, outputs_kd, labels[step], teacher[step].double(), kind, alpha, tau)

    document = {"config": vitrine_config(model), "distillation": {"kind": kind, "alpha": alpha, "tau": tau}}
    run(f"distill-{kind}", document, tensors, list(model.named_parameters()), loss_at)


def masked_patch(seed: int) -> None:
    """Appendix B.1.2 of the paper: the model predicts colours, with 3 bits for each channel, of the corrupted half of the patches."""
    generator = torch.Generator().manual_seed(seed)
    model = timm.create_model("vit_tiny_patch16_224", num_classes=0, **SHAPE)
    redraw(model, generator)
    model.double().train()
    size, patch, dim = SHAPE["img_size"], SHAPE["patch_size"], SHAPE["embed_dim"]
    count = (size // patch) ** 2
    token = torch.nn.Parameter(0.4 * torch.randn(1, 1, dim, generator=generator).float().double())
    head = torch.nn.Linear(dim, 512).double()
    with torch.no_grad():
        head.weight.copy_(0.2 * torch.randn(512, dim, generator=generator))
        head.bias.copy_(0.1 * torch.randn(512, generator=generator))
    pixels = torch.rand(STEPS, BATCH, size, size, 3, generator=generator, dtype=torch.float64)
    # The patches have different colours. The mean of noise would always be grey.
    pixels = pixels * 0.3 + 0.7 * torch.rand(STEPS, BATCH, size // patch, size // patch, 3, generator=generator, dtype=torch.float64).repeat_interleave(patch, 2).repeat_interleave(patch, 3)
    mean, std = torch.tensor(MEAN, dtype=torch.float64), torch.tensor(STD, dtype=torch.float64)
    images = ((pixels - mean) / std).float()
    means = F.avg_pool2d((images.double() * std + mean).reshape(-1, size, size, 3).permute(0, 3, 1, 2), patch)
    bits = (means * 8).floor().clamp(0, 7).long()
    colours = (bits[:, 0] * 64 + bits[:, 1] * 8 + bits[:, 2]).reshape(STEPS, BATCH, count)
    chosen = torch.rand(STEPS, BATCH, count, generator=generator).argsort(-1) < count // 2
    mask = (chosen & (torch.rand(STEPS, BATCH, count, generator=generator) < 0.8)).double()

    def loss_at(step: int) -> torch.Tensor:
        x = model.patch_embed(nchw(images[step].double()))
        m = mask[step].unsqueeze(-1)
        x = model.norm(model.blocks(model._pos_embed(x * (1 - m) + token * m)))
        logits = head(x[:, 1:])
        return F.cross_entropy(logits[chosen[step]], colours[step][chosen[step]])

    named = list(model.named_parameters()) + [("mask_token", token), ("mask_head.weight", head.weight), ("mask_head.bias", head.bias)]
    tensors = {"images": images, "colours": colours.to(torch.int32), "chosen": chosen.float(), "mask": mask.float()}
    run("masked-patch", {"config": vitrine_config(model), "mean": MEAN, "std": STD}, tensors, named, loss_at)


def generate() -> None:
    distill(900, "hard", 0.5, 1.0)
    distill(901, "soft", 0.3, 2.0)
    masked_patch(902)
