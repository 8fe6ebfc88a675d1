"""flops: operations of one image through timm's models, as PyTorch counts them."""

import timm
import torch
from torch.utils.flop_counter import FlopCounterMode

import bit
import hybrid
import vit
from common import write

PUBLISHED = {
    "Ti/16": "vit_tiny_patch16_224",
    "S/16": "vit_small_patch16_224",
    "B/32": "vit_base_patch32_224",
    "B/16": "vit_base_patch16_224",
    "L/16": "vit_large_patch16_224",
    "H/14": "vit_huge_patch14_224",
    "R+Ti/16": "vit_tiny_r_s16_p8_224",
    "R26+S/32": "vit_small_r26_s32_224",
    "R50+B/16": "vit_base_r50_s16_224",
    "R50+L/32": "vit_large_r50_s32_224",
    "R50x1": "resnetv2_50x1_bit",
    "R50x3": "resnetv2_50x3_bit",
    "R101x1": "resnetv2_101x1_bit",
    "R152x4": "resnetv2_152x4_bit",
}


def count(model: torch.nn.Module, channels: int, size: tuple[int, int]) -> int:
    with FlopCounterMode(display=False) as counter:
        model.eval()(torch.empty(1, channels, *size, device=next(model.parameters()).device))
    return counter.get_total_flops()


def generate() -> None:
    published = []
    for variant, architecture in PUBLISHED.items():
        with torch.device("meta"):
            model = timm.create_model(architecture, num_classes=1000)
        published.append({"variant": variant, "architecture": architecture, "flops": count(model, 3, (224, 224))})
    golden = {}
    for name, args in vit.CASES.items():
        model = vit.build(**args)
        golden[f"vit-{name}"] = count(model, args.get("in_chans", 3), model.patch_embed.img_size)
    for name, (stem, args) in hybrid.CASES.items():
        model = hybrid.build(stem, **args)
        golden[f"hybrid-{name}"] = count(model, args.get("in_chans", 3), model.patch_embed.img_size)
    for name, args in bit.CASES.items():
        model = bit.build(**{key: value for key, value in args.items() if key != "image"})
        golden[f"bit-{name}"] = count(model, args.get("in_chans", 3), args["image"])
    write("flops", {"published": published, "golden": golden})
