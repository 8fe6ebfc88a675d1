"""detr-*: narrow detectors of facebookresearch/detr: outputs, losses, gradients and 20 steps of training.

$DETR must be the path of a checkout of https://github.com/facebookresearch/detr at 29901c5.
"""

import os
import sys

import torch
import torchvision

from cases import chosen, is_chosen
from common import nchw, write
from resnet import Basic, Deep, Narrow, redraw as redraw_resnet

# The checkout reads a version with two digits, which today's torchvision no longer has.
torchvision.__version__ = "0.9.0"
sys.path.insert(0, os.environ.get("DETR", "detr"))
from models.backbone import BackboneBase, FrozenBatchNorm2d, Joiner  # noqa: E402
from models.detr import DETR, SetCriterion  # noqa: E402
from models.matcher import HungarianMatcher  # noqa: E402
from models.position_encoding import PositionEmbeddingSine  # noqa: E402
from models.transformer import Transformer  # noqa: E402
from util.misc import NestedTensor, nested_tensor_from_tensor_list  # noqa: E402

CASES = {
    "post": dict(
        backbone=dict(block=Deep, widths=[8, 12, 16, 20], depths=[1, 1, 1, 1], stem=6),
        sizes=[(70, 41), (37, 101), (64, 64)], d_model=12, nhead=3, enc=2, dec=3, mlp=20, queries=5, classes=4,
        # None; more than there are queries; some.
        objects=[0, 7, 3],
    ),
    "pre": dict(
        backbone=dict(block=Basic, widths=[4, 6, 8], depths=[1, 1, 1], stem=4),
        sizes=[(50, 33), (49, 60)], d_model=8, nhead=2, enc=1, dec=2, mlp=12, queries=7, classes=2, pre=True,
        objects=[2, 1],
    ),
    "dilated": dict(
        backbone=dict(block=Deep, widths=[8, 12, 16, 16], depths=[1, 1, 1, 2], stem=4, dilated=True),
        sizes=[(90, 70), (61, 90)], d_model=16, nhead=4, enc=1, dec=1, mlp=8, queries=4, classes=3,
        objects=[0, 0],
    ),
}
WEIGHTS = {"loss_ce": 1, "loss_bbox": 5, "loss_giou": 2}


def build(backbone, d_model, nhead, enc, dec, mlp, queries, classes, pre=False, **_) -> DETR:
    body = Narrow(**{"dilated": False} | backbone, norm=FrozenBatchNorm2d)
    base = BackboneBase(body, True, backbone["widths"][-1], False) if len(backbone["widths"]) == 4 else Shallow(body, backbone["widths"])
    joined = Joiner(base, PositionEmbeddingSine(d_model // 2, normalize=True))
    joined.num_channels = backbone["widths"][-1]
    transformer = Transformer(d_model, nhead, enc, dec, mlp, 0.0, "relu", pre, True)
    return DETR(joined, transformer, classes, queries, aux_loss=True)


class Shallow(BackboneBase):
    """A backbone that ends after its third stage."""

    def __init__(self, body, widths):
        from torchvision.models._utils import IntermediateLayerGetter

        super(BackboneBase, self).__init__()
        self.body = IntermediateLayerGetter(body, return_layers={f"layer{len(widths)}": "0"})
        self.num_channels = widths[-1]


@torch.no_grad()
def redraw(model: torch.nn.Module, generator: torch.Generator) -> None:
    redraw_resnet(model.backbone[0].body, generator)
    for name, p in model.named_parameters():
        if name.startswith("backbone."):
            continue
        noise = torch.randn(p.shape, generator=generator)
        if "norm" in name and name.endswith("weight"):
            p.copy_(1 + 0.2 * noise)
        else:
            p.copy_(noise if name.startswith("query_embed") else 0.3 * noise)


def targets_of(counts: list[int], classes: int, generator: torch.Generator) -> list[dict]:
    made = []
    for count in counts:
        size = 0.1 + 0.4 * torch.rand(count, 2, generator=generator)
        centre = size / 2 + (1 - size) * torch.rand(count, 2, generator=generator)
        labels = torch.randint(classes, (count,), generator=generator)
        made.append({"labels": labels, "boxes": torch.cat([centre, size], 1)})
    return made


def criterion_of(classes: int, layers: int) -> SetCriterion:
    matcher = HungarianMatcher(cost_class=1, cost_bbox=5, cost_giou=2)
    names = ["", *(f"_{i}" for i in range(layers - 1))]
    weights = {f"{k}{suffix}": v for suffix in names for k, v in WEIGHTS.items()}
    return SetCriterion(classes, matcher, weights, 0.1, ["labels", "boxes"])


def total(losses: dict, criterion: SetCriterion) -> torch.Tensor:
    return sum(losses[k] * criterion.weight_dict[k] for k in losses if k in criterion.weight_dict)


def doubled(targets: list[dict]) -> list[dict]:
    return [{"labels": t["labels"], "boxes": t["boxes"].double()} for t in targets]


def plain(targets: list[dict]) -> list[dict]:
    return [{"labels": t["labels"].tolist(), "boxes": t["boxes"].flatten().tolist()} for t in targets]


def config_of(case: dict) -> dict:
    body = case["backbone"]
    resnet = {
        "channels": 3, "stemWidth": body["stem"], "block": "basic" if body["block"] is Basic else "bottleneck",
        "widths": body["widths"], "depths": body["depths"], "norm": "frozen", "dilated": body.get("dilated", False),
    }
    return {
        "backbone": {"kind": "resnet", "config": resnet},
        "classes": case["classes"], "queries": case["queries"], "dim": case["d_model"], "heads": case["nhead"],
        "encoderDepth": case["enc"], "decoderDepth": case["dec"], "mlpDim": case["mlp"],
        "normFirst": case.get("pre", False), "dropout": 0,
    }


def batch_of(case: dict, generator: torch.Generator) -> NestedTensor:
    return nested_tensor_from_tensor_list([torch.randn(3, *size, generator=generator) for size in case["sizes"]])


def outputs_of(out: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and boxes of all layers, [batch, layers, queries, …]."""
    layers = [*out["aux_outputs"], out]
    return torch.stack([o["pred_logits"] for o in layers], 1), torch.stack([o["pred_boxes"] for o in layers], 1)


def make(name: str, case: dict, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    model = build(**case).eval()
    redraw(model, generator)
    samples = batch_of(case, generator)
    targets = targets_of(case["objects"], case["classes"], generator)
    tensors = {f"param.{k}": v.clone() for k, v in model.state_dict().items()}
    tensors |= {"images": samples.tensors.permute(0, 2, 3, 1), "mask": (~samples.mask).float()}

    model.double()
    seen = {}
    for at, module in model.named_modules():
        if at.count(".") == 3 and ".layers." in at and at.startswith("transformer"):
            module.register_forward_hook(lambda _m, _i, out, at=at: seen.update({f"tap.{at}": out.transpose(0, 1)}))
    model.input_proj.register_forward_hook(lambda _m, _i, out: seen.update({"tap.input_proj": out.flatten(2).transpose(1, 2)}))
    model.backbone[1].register_forward_hook(lambda _m, _i, out: seen.update({"positions": out.flatten(2).transpose(1, 2)}))
    out = model(NestedTensor(samples.tensors.double(), samples.mask))
    logits, boxes = outputs_of(out)
    criterion = criterion_of(case["classes"], case["dec"]).double()
    losses = criterion(out, doubled(targets))
    loss = total(losses, criterion)
    loss.backward()
    tensors |= {f"grad.{k}": v.grad for k, v in model.named_parameters() if v.grad is not None}
    tensors |= seen | {"logits": logits, "boxes": boxes}
    document = {"config": config_of(case), "targets": plain(targets), "loss": loss.item()}
    write(f"detr-{name}", document | {"losses": {k: losses[k].item() for k in WEIGHTS}}, tensors)


def losses() -> None:
    """Losses of given outputs. Boxes match exactly, touch, contain each other, are far apart, or there are none."""
    generator = torch.Generator().manual_seed(77)
    batch, layers, queries, classes = 4, 2, 6, 3
    logits = torch.randn(batch, layers, queries, classes + 1, generator=generator)
    centre, size = torch.rand(2, batch, layers, queries, 2, generator=generator).split(1)
    boxes = torch.cat([0.25 + 0.5 * centre[0], 0.05 + 0.4 * size[0]], -1)
    # The corners are multiples of 1/64, which are exact in every precision.
    boxes = (boxes * 64).round().clamp(min=1) / 64
    targets = targets_of([0, 4, 9, 2], classes, generator)
    for t in targets:
        t["boxes"] = (t["boxes"] * 64).round().clamp(min=1) / 64
    targets[1]["boxes"][0] = boxes[1, 1, 2]
    targets[1]["boxes"][1] = boxes[1, 0, 3]
    targets[1]["boxes"][2] = torch.tensor([boxes[1, 1, 4, 0] + boxes[1, 1, 4, 2], *boxes[1, 1, 4, 1:]])
    targets[3]["boxes"][0] = boxes[3, 1, 0] * torch.tensor([1, 1, 0.5, 0.5])
    targets[3]["boxes"][1, 2:] = 0
    leaves = [t.double().requires_grad_() for t in (logits, boxes)]
    out = {"pred_logits": leaves[0][:, -1], "pred_boxes": leaves[1][:, -1]}
    out["aux_outputs"] = [{"pred_logits": leaves[0][:, i], "pred_boxes": leaves[1][:, i]} for i in range(layers - 1)]
    results = {}
    tensors = {"logits": logits, "boxes": boxes}
    for name, given in {"some": targets, "none": targets_of([0] * batch, classes, generator)}.items():
        criterion = criterion_of(classes, layers).double()
        parts = criterion(out, doubled(given))
        loss = total(parts, criterion)
        grads = torch.autograd.grad(loss, leaves, retain_graph=True, allow_unused=True)
        tensors |= {f"{name}.grad.logits": grads[0], f"{name}.grad.boxes": grads[1] if grads[1] is not None else torch.zeros_like(leaves[1])}
        results[name] = {"targets": plain(given), "loss": loss.item(), "losses": {k: parts[k].item() for k in WEIGHTS}}
    config = {"classes": classes, "queries": queries, "decoderDepth": layers}
    write("detr-losses", {"config": config, "cases": results}, tensors)


def training(name: str, case: dict, seed: int) -> None:
    """Trains as main.py does: AdamW with another rate for the backbone, clipped gradients, and one drop of the rate."""
    generator = torch.Generator().manual_seed(seed)
    model = build(**case).double().train()
    redraw(model, generator)
    samples = [batch_of(case, generator) for _ in range(4)]
    targets = [targets_of(case["objects"], case["classes"], generator) for _ in range(4)]
    tensors = {f"param.{k}": v.float() for k, v in model.state_dict().items()}
    model.load_state_dict({k: v.float().double() for k, v in model.state_dict().items()})
    for i, (sample, target) in enumerate(zip(samples, targets)):
        tensors |= {f"images.{i}": sample.tensors.permute(0, 2, 3, 1), f"mask.{i}": (~sample.mask).float()}
    rate, backbone_rate, decay, clip, drop = 1e-3, 1e-4, 1e-2, 0.1, 12
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    groups = [
        {"params": [p for n, p in named if "backbone" not in n]},
        {"params": [p for n, p in named if "backbone" in n], "lr": backbone_rate},
    ]
    optimizer = torch.optim.AdamW(groups, lr=rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, drop)
    criterion = criterion_of(case["classes"], case["dec"]).double()
    history = []
    for step in range(20):
        sample, target = samples[step % 4], doubled(targets[step % 4])
        loss = total(criterion(model(NestedTensor(sample.tensors.double(), sample.mask)), target), criterion)
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        history.append({"loss": loss.item(), "gradientNorm": norm.item()})
        optimizer.step()
        schedule.step()
    tensors |= {f"final.{k}": v for k, v in model.state_dict().items() if k in dict(named)}
    options = {"rate": rate, "backboneRate": backbone_rate, "weightDecay": decay, "clip": clip, "drop": drop}
    document = {"config": config_of(case), "targets": [plain(t) for t in targets], "options": options, "steps": history}
    write(f"detr-{name}", document | {"frozen": [n for n, p in model.named_parameters() if not p.requires_grad]}, tensors)


def generate() -> None:
    for name, case, seed in chosen("detr-", CASES):
        make(name, case, seed)
    if is_chosen("detr-losses"):
        losses()
    if not is_chosen("detr-training"):
        return
    # After padding all images have one size, since one program accepts one size.
    backbone = dict(block=Deep, widths=[8, 8, 12, 12], depths=[1, 1, 1, 1], stem=4)
    case = dict(backbone=backbone, sizes=[(64, 48), (40, 64)], d_model=8, nhead=2, enc=1, dec=2, mlp=12, queries=4, classes=3, objects=[2, 1])
    training("training", case, 990)
