"""training-*: 20 steps of training in float64 with PyTorch's optimizers, or timm's if PyTorch has none."""

import math

import timm
import torch
import torch.nn.functional as F
from timm.optim import param_groups_layer_decay
from timm.utils import ModelEmaV3

from cases import chosen
from common import nchw, redraw, timm_config, vitrine_config, write

STEPS = 20
BATCH = 6
CLASSES = 5
MODEL = dict(img_size=8, patch_size=4, embed_dim=16, depth=2, num_heads=2, num_classes=CLASSES)

ADAMW = dict(name="adamw", lr=5e-3, betas=[0.9, 0.95], eps=1e-8, weight_decay=0.05, decay="matrices")
ADAM = dict(name="adam", lr=3e-3, betas=[0.9, 0.999], eps=1e-8, weight_decay=0.01, decay="all")
SGD = dict(name="sgd", lr=0.05, momentum=0.9, nesterov=False, weight_decay=1e-4, decay="all")

CASES = {
    "adamw": dict(optimizer=ADAMW),
    "adam": dict(optimizer=ADAM),
    "sgd": dict(optimizer=SGD),
    "sgd-nesterov": dict(optimizer=SGD | dict(nesterov=True)),
    "adamw-schedule": dict(optimizer=ADAMW, schedule=dict(kind="warmup-cosine", warmup=4), clip=1.0, label_smoothing=0.1),
    "adamw-ema": dict(optimizer=ADAMW, ema=0.99),
    "adamw-accumulate": dict(optimizer=ADAMW, accumulate=2),
    "adamw-layer-decay": dict(optimizer=ADAMW, layer_decay=0.75),
    "adamw-multi-label": dict(optimizer=ADAMW, loss="binary-cross-entropy"),
    "sgd-clip": dict(optimizer=SGD, clip=0.5),
}


def rate(base: float, schedule: dict, step: int) -> float:
    """The learning rate at a step, counted from 0: a linear warm-up without 0, then a cosine to 0."""
    if schedule["kind"] == "constant":
        return base
    warmup = schedule["warmup"]
    if step < warmup:
        return base * (step + 1) / warmup
    return base * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (STEPS - warmup)))


def is_matrix(name: str, p: torch.nn.Parameter) -> bool:
    return p.ndim >= 2 and name not in ("pos_embed", "cls_token")


def groups_of(model, optimizer: dict, layer_decay: float | None) -> list[dict]:
    """Parameter groups with their `lr_scale`."""
    wd = optimizer["weight_decay"]
    if layer_decay is not None:
        return param_groups_layer_decay(model, wd, no_weight_decay_list=model.no_weight_decay(), layer_decay=layer_decay)
    decayed, plain = [], []
    for name, p in model.named_parameters():
        (decayed if optimizer["decay"] == "all" or is_matrix(name, p) else plain).append(p)
    groups = [dict(params=decayed, weight_decay=wd), dict(params=plain, weight_decay=0.0)]
    return [group | dict(lr_scale=1.0) for group in groups if group["params"]]


def optimizer_of(groups: list[dict], optimizer: dict) -> torch.optim.Optimizer:
    kind = optimizer["name"]
    if kind == "sgd":
        return torch.optim.SGD(groups, lr=optimizer["lr"], momentum=optimizer["momentum"], nesterov=optimizer["nesterov"], foreach=False)
    make = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind]
    return make(groups, lr=optimizer["lr"], betas=tuple(optimizer["betas"]), eps=optimizer["eps"], foreach=False)


def make(name: str, seed: int, optimizer: dict, schedule: dict = dict(kind="constant"), clip: float | None = None,
         label_smoothing: float = 0.0, ema: float | None = None, accumulate: int = 1, layer_decay: float | None = None,
         loss: str = "cross-entropy") -> None:
    generator = torch.Generator().manual_seed(seed)
    model = timm.create_model("vit_tiny_patch16_224", **MODEL)
    redraw(model, generator)
    size = MODEL["img_size"]
    batch = BATCH * accumulate
    images = torch.randn(STEPS, batch, size, size, 3, generator=generator)
    tensors = {f"init.{k}": v.detach().clone() for k, v in model.named_parameters()} | {"images": images}
    if loss == "cross-entropy":
        labels = torch.randint(0, CLASSES, (STEPS, batch), generator=generator)
        tensors["labels"] = labels.to(torch.int32)
        loss_of = lambda logits, step, rows: F.cross_entropy(logits, labels[step, rows], label_smoothing=label_smoothing)
    else:
        hot = (torch.rand(STEPS, batch, CLASSES, generator=generator) < 0.4).float()
        tensors["targets"] = hot
        loss_of = lambda logits, step, rows: F.binary_cross_entropy_with_logits(logits, hot[step, rows].double())

    model.double().train()
    groups = groups_of(model, optimizer, layer_decay)
    names = {id(p): k for k, p in model.named_parameters()}
    decayed = sorted(names[id(p)] for group in groups if group["weight_decay"] for p in group["params"])
    scales = {names[id(p)]: group["lr_scale"] for group in groups for p in group["params"]}
    opt = optimizer_of(groups, optimizer)
    average = ModelEmaV3(model, decay=ema) if ema is not None else None
    losses, rates, norms = [], [], []
    for step in range(STEPS):
        lr = rate(optimizer["lr"], schedule, step)
        for group in opt.param_groups:
            group["lr"] = lr * group["lr_scale"]
        opt.zero_grad()
        total = 0.0
        for micro in range(accumulate):
            rows = slice(micro * BATCH, (micro + 1) * BATCH)
            part = loss_of(model(nchw(images[step, rows].double())), step, rows) / accumulate
            part.backward()
            total += part.item()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), math.inf if clip is None else clip, foreach=False)
        opt.step()
        if average is not None:
            average.update(model)
        losses.append(total)
        rates.append(lr)
        norms.append(norm.item())
    tensors |= {f"final.{k}": v.detach() for k, v in model.named_parameters()}
    if average is not None:
        tensors |= {f"ema.{k}": v.detach() for k, v in average.module.named_parameters()}
    document = {
        "timm": timm_config(model),
        "config": vitrine_config(model),
        "seed": seed,
        "steps": STEPS,
        "batch": BATCH,
        "accumulate": accumulate,
        "loss": {"kind": loss, "label_smoothing": label_smoothing},
        "optimizer": optimizer,
        "decayed": decayed,
        "schedule": schedule | {"steps": STEPS},
        "clip": clip,
        "ema": ema,
        "layer_decay": layer_decay,
        "lr_scale": scales,
        "losses": losses,
        "lrs": rates,
        "grad_norms": norms,
    }
    write(f"training-{name}", document, tensors)


def generate() -> None:
    for name, case, seed in chosen("training-", CASES):
        make(name, seed, **case)
