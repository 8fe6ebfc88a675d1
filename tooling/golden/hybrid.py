"""hybrid-*: timm's Vision Transformers behind a ResNet, narrow and with odd sizes: outputs, gradients and intermediate values."""

from functools import partial

import timm
import torch
from timm.layers import GroupNormAct, HybridEmbed, StdConv2dSame
from timm.models.resnetv2 import ResNetV2, create_resnetv2_stem
from timm.models.vision_transformer import VisionTransformer

from cases import chosen, is_chosen
from common import redraw, vitrine_config, write
from vit import inputs_of, outputs_of

# For each name: the stem, and the arguments of the transformer. Images have odd and even sizes, so that SAME padding is
# uneven.
CASES = {
    "root": (dict(width=8, depths=[], groups=4), dict(img_size=(37, 24), patch_size=(5, 2), embed_dim=12, depth=2, num_heads=3, num_classes=5)),
    "stages": (dict(width=8, depths=[1, 2], groups=2), dict(img_size=(27, 46), patch_size=1, embed_dim=8, depth=2, num_heads=2, num_classes=4)),
    "average": (dict(width=8, depths=[1, 1], groups=1), dict(img_size=32, patch_size=2, embed_dim=8, depth=1, num_heads=2, num_classes=3, in_chans=1, class_token=False, global_pool="avg")),
    "small-root": (dict(width=8, depths=[1, 1], groups=2, root="3x3"), dict(img_size=(11, 14), patch_size=1, embed_dim=8, depth=1, num_heads=2, num_classes=3)),
    "features": (dict(width=8, depths=[2], groups=8), dict(img_size=(9, 13), patch_size=1, embed_dim=8, depth=2, num_heads=1, num_classes=0, in_chans=4)),
}
VARIANTS = {
    "R+Ti/16": "vit_tiny_r_s16_p8_224",
    "R26+S/32": "vit_small_r26_s32_224",
    "R26+B/32": "vit_base_r26_s32_224",
    "R50+B/16": "vit_base_r50_s16_224",
    "R50+L/32": "vit_large_r50_s32_224",
}


def build(stem: dict, in_chans: int = 3, **args) -> VisionTransformer:
    """Builds a hybrid as timm does, but with other widths and groups."""
    parts = dict(stem_type="same", preact=False, conv_layer=partial(StdConv2dSame, eps=1e-8), norm_layer=partial(GroupNormAct, num_groups=stem["groups"]))
    width, depths = stem["width"], stem["depths"]
    if depths:
        channels = [4 * width * 2**i for i in range(len(depths))]
        backbone = ResNetV2(layers=depths, channels=channels, stem_chs=width, num_classes=0, global_pool="", in_chans=in_chans, **parts)
    else:
        backbone = create_resnetv2_stem(in_chans, width, **parts)
    if stem.get("root") == "3x3":
        # timm has no such root, only its layers.
        backbone.stem.conv = StdConv2dSame(in_chans, width, kernel_size=3, stride=1, bias=False, eps=1e-8)
    return VisionTransformer(in_chans=in_chans, embed_layer=partial(HybridEmbed, backbone=backbone), **args)


def make(name: str, stem: dict, args: dict, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    model = build(stem, **args).eval()
    redraw(model, generator)
    config = vitrine_config(model)
    tensors = inputs_of(model, config["imageSize"], config["channels"], config["classes"] or config["dim"], generator)
    results, loss, seen = outputs_of(model, tensors)
    tensors |= results
    inner = "patch_embed.backbone"
    stages = [n for n in seen if n.startswith(f"{inner}.stages.") and n.count(".") == 5 and not n.endswith("<")]
    tensors |= {f"tap.{n}": seen[n].permute(0, 2, 3, 1) for n in stages}
    tensors[f"tap.{inner}.root"] = seen[f"{inner}.stem" if stem["depths"] else inner].permute(0, 2, 3, 1)
    tensors["tap.patch_embed.embeddings"] = seen["patch_embed"]
    tensors |= {f"tap.blocks.{i}": seen[f"blocks.{i}"] for i in range(config["depth"])}
    write(f"hybrid-{name}", {"config": config, "seed": seed, "loss": loss}, tensors)


def generate() -> None:
    for name, (stem, args), seed in chosen("hybrid-", CASES):
        make(name, stem, args, seed)
    if not is_chosen("hybrid-variants"):
        return
    variants = []
    for name, architecture in VARIANTS.items():
        model = timm.create_model(architecture, num_classes=1000)
        shapes = {k: list(v.shape) for k, v in model.named_parameters() if not k.startswith("blocks.")}
        count = sum(v.numel() for v in model.parameters())
        variants.append({"variant": name, "parameters": count} | ({"shapes": shapes} if name.startswith(("R+", "R26+S")) else {}))
    write("hybrid-variants", {"variants": variants})
