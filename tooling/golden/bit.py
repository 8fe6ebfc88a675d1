"""bit-*: outputs, gradients and intermediate values of narrow BiT ResNets, and the sizes of the published ones."""

from functools import partial

import numpy as np
import timm
import torch
from timm.layers import GroupNormAct, StdConv2d
from timm.models.resnetv2 import ResNetV2

from cases import chosen, is_chosen
from common import FILES, write
from vit import inputs_of, outputs_of

# timm's ε for BiT. Google's is 1e-10.
WEIGHT_EPSILON = 1e-8

CASES = {
    "square": dict(image=(32, 32), layers=[1, 2], channels=(32, 64), stem_chs=16, groups=4, num_classes=5),
    "odd": dict(image=(37, 30), layers=[2, 1, 1], channels=(32, 32, 96), stem_chs=8, groups=8, num_classes=3),
    "wide": dict(image=(19, 44), layers=[1, 1], channels=(32, 48), stem_chs=8, width_factor=2, groups=2, in_chans=1, num_classes=4),
    "features": dict(image=(16, 23), layers=[1], channels=(64,), stem_chs=16, groups=16, in_chans=4, num_classes=0),
}
VARIANTS = {"R50x1": "50x1", "R50x3": "50x3", "R101x1": "101x1", "R101x3": "101x3", "R152x2": "152x2", "R152x4": "152x4"}


def build(groups: int, **args) -> ResNetV2:
    """Builds a model as timm builds resnetv2_*_bit, but with other groups."""
    norm = partial(GroupNormAct, num_groups=groups)
    return ResNetV2(stem_type="fixed", conv_layer=partial(StdConv2d, eps=WEIGHT_EPSILON), norm_layer=norm, **args)


@torch.no_grad()
def redraw(model: ResNetV2, generator: torch.Generator) -> None:
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        p.copy_(1 + 0.2 * noise if "norm" in name and name.endswith("weight") else 0.2 * noise)


@torch.no_grad()
def write_google(name: str, model: ResNetV2, args: dict) -> None:
    """Writes the same weights with the names of google-research/big_transfer, and checks them with timm's loader."""
    hwio = lambda conv: conv.weight.permute(2, 3, 1, 0).contiguous().numpy()
    arrays = {"root_block/standardized_conv2d/kernel": hwio(model.stem.conv)}
    for i, stage in enumerate(model.stages, start=1):
        for j, block in enumerate(stage.blocks, start=1):
            for k, letter in enumerate("abc", start=1):
                at, norm = f"block{i}/unit{j:02d}/{letter}", getattr(block, f"norm{k}")
                arrays[f"{at}/standardized_conv2d/kernel"] = hwio(getattr(block, f"conv{k}"))
                arrays |= {f"{at}/group_norm/gamma": norm.weight.numpy(), f"{at}/group_norm/beta": norm.bias.numpy()}
            if block.downsample is not None:
                arrays[f"block{i}/unit{j:02d}/a/proj/standardized_conv2d/kernel"] = hwio(block.downsample.conv)
    arrays |= {"group_norm/gamma": model.norm.weight.numpy(), "group_norm/beta": model.norm.bias.numpy()}
    if model.num_classes:
        arrays |= {"head/conv2d/kernel": hwio(model.head.fc), "head/conv2d/bias": model.head.fc.bias.numpy()}
    path = FILES / f"{name}.npz"
    np.savez(path, **{f"resnet/{key}": value for key, value in arrays.items()})
    path.chmod(0o644)
    again = build(**args)
    again.load_pretrained(str(path))
    for key, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[key], value, rtol=0, atol=0)


def make(name: str, args: dict, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    args = dict(args)
    height, width = args.pop("image")
    model = build(**args).eval()
    redraw(model, generator)
    blocks = [stage.blocks for stage in model.stages]
    config = {
        "imageSize": [height, width],
        "channels": model.in_chans,
        "classes": model.num_classes,
        "stemWidth": model.stem.conv.out_channels,
        "widths": [stage[0].conv3.out_channels for stage in blocks],
        "depths": [len(stage) for stage in blocks],
        "groups": model.norm.num_groups,
        "groupNormEpsilon": model.norm.eps,
        "weightEpsilon": model.stem.conv.eps,
    }
    outputs = model.num_classes or model.num_features
    tensors = inputs_of(model, (height, width), model.in_chans, outputs, generator)
    results, loss, seen = outputs_of(model, tensors)
    tensors |= results
    taps = ["stem.conv", "stem", "norm", *(n for n, m in model.named_modules() if n.startswith("stages.") and n.count(".") == 3)]
    tensors |= {f"tap.{tap}": seen[tap].permute(0, 2, 3, 1) for tap in taps}
    tensors["tap.pooled"] = seen["head.global_pool"].flatten(1)
    write(f"bit-{name}", {"config": config, "seed": seed, "loss": loss}, tensors)
    # timm's loader accepts only colour images.
    if model.in_chans == 3:
        write_google(f"bit-{name}", model.float(), args)


def generate() -> None:
    for name, args, seed in chosen("bit-", CASES):
        make(name, args, seed)
    if not is_chosen("bit-variants"):
        return
    variants = []
    for name, size in VARIANTS.items():
        model = timm.create_model(f"resnetv2_{size}_bit", num_classes=21843, device="meta")
        shapes = {k: list(v.shape) for k, v in model.named_parameters()}
        count = sum(v.numel() for v in model.parameters())
        variants.append({"variant": name, "parameters": count} | ({"shapes": shapes} if name == "R50x1" else {}))
    write("bit-variants", {"classes": 21843, "variants": variants})
