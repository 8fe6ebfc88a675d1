"""variants: timm's counts of the parameters of published models."""

import timm
import torch

from common import vitrine_config, write

GAP = dict(global_pool="avg", class_token=False)
VARIANTS = {
    "Ti/16": ("vit_tiny_patch16_224", {}),
    "S/16": ("vit_small_patch16_224", {}),
    "S/32": ("vit_small_patch32_224", {}),
    "B/16": ("vit_base_patch16_224", {}),
    "B/32": ("vit_base_patch32_224", {}),
    "B/8": ("vit_base_patch8_224", {}),
    "L/16": ("vit_large_patch16_224", {}),
    "L/32": ("vit_large_patch32_224", {}),
    "H/14": ("vit_huge_patch14_224", {}),
    "g/14": ("vit_giant_patch14_224", {}),
    "G/14": ("vit_gigantic_patch14_224", {}),
    "B/16 average": ("vit_base_patch16_224", GAP),
}


def generate() -> None:
    result = []
    for name, (architecture, args) in VARIANTS.items():
        with torch.device("meta"):
            model = timm.create_model(architecture, num_classes=1000, img_size=224, weight_init="skip", **args)
        parameters = sum(p.numel() for p in model.parameters())
        shapes = {k: list(p.shape) for k, p in model.named_parameters() if not k.startswith("blocks.") or k.startswith("blocks.0.")}
        variant = name.split()[0]
        result.append(dict(name=name, variant=variant, architecture=architecture, model_args=args, config=vitrine_config(model), parameters=parameters, shapes=shapes))
    write("variants", {"variants": result})
