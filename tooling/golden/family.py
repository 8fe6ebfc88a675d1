"""family: small models of the later kinds in timm's format, at their own and at other image sizes."""

import timm
import torch
from PIL import Image
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, create_transform, resolve_data_config
from safetensors.torch import save_file
from timm.layers import GluMlp
from timm.models._hub import save_for_hf
from timm.models.vision_transformer import checkpoint_filter_fn

from cases import seed_of
from common import FILES, redraw, write
from folder import IMAGES, NAME

SMALL = dict(embed_dim=24, depth=2, num_heads=3, num_classes=4)
# Settings that shapes do not determine stand beside the weights, under Vitrine's names.
MODELS = {
    "siglip": ("vit_base_patch16_siglip_224", dict(img_size=32, patch_size=8, act_layer="gelu_tanh", **SMALL), dict(activation="gelu_tanh")),
    "dinov2": ("vit_small_patch14_reg4_dinov2", dict(img_size=(42, 56), **SMALL), dict(imageSize=[42, 56])),
    "giant": ("vit_giant_patch14_dinov2", dict(img_size=42, mlp_ratio=4, **SMALL), {}),
    "deit": ("deit_tiny_distilled_patch16_224", dict(img_size=32, patch_size=8, **SMALL), {}),
    "deit3": ("deit3_small_patch16_224", dict(img_size=48, **SMALL), {}),
    "clip": ("vit_base_patch16_clip_quickgelu_224", dict(img_size=32, patch_size=8, **SMALL), dict(activation="quick_gelu", layerNormEpsilon=1e-5)),
    "reg-gap": ("vit_medium_patch16_reg4_gap_256", dict(img_size=32, patch_size=8, no_embed_class=False, **SMALL), {}),
    "hybrid": ("vit_tiny_r_s16_p8_224", dict(img_size=48, patch_size=4, **SMALL), {}),
}
# Models whose weights DINOv2's repository publishes under its own names.
OWN_NAMES = {
    "dinov2-names": ("vit_small_patch14_dinov2", dict(img_size=70, **SMALL)),
    "dinov2-names-registers": ("vit_giant_patch14_reg4_dinov2", dict(img_size=56, mlp_ratio=4, **SMALL)),
}
GRIDS = {"own": None, "square": (6, 6), "wide": (2, 5)}


def dinov2_names(model: torch.nn.Module, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """The weights of a timm model under the names of DINOv2's repository. Its table of positions has a row for the class token."""
    renamed = {"reg_token": "register_tokens"}
    if isinstance(model.blocks[0].mlp, GluMlp):
        renamed |= {"mlp.fc1": "mlp.w12", "mlp.fc2": "mlp.w3"}
    own = {}
    for name, value in model.state_dict().items():
        for timms, others in renamed.items():
            name = name.replace(timms, others)
        own[name] = value.clone()
    if "register_tokens" in own:
        row = torch.randn(1, 1, model.embed_dim, generator=generator)
        own["pos_embed"] = torch.cat([row, own["pos_embed"]], 1)
    return {**own, "mask_token": torch.randn(1, model.embed_dim, generator=generator)}


@torch.no_grad()
def generate() -> None:
    models, tensors = [], {}
    for name, (architecture, args, untold) in MODELS.items():
        model = timm.create_model(architecture, **args).eval()
        redraw(model, torch.Generator().manual_seed(seed_of(f"family-{name}")))
        folder = FILES / f"family-{name}"
        save_for_hf(model, folder, safe_serialization=True)
        (folder / "model.safetensors").chmod(0o644)
        patch = model.patch_embed.feat_ratio(as_scalar=False)
        cases = []
        for grid, sides in GRIDS.items():
            # timm resizes the table of positions for each image.
            dynamic = timm.create_model(f"local-dir:{folder}", pretrained=True, dynamic_img_size=True).eval()
            size = dynamic.patch_embed.img_size if sides is None else tuple(n * p for n, p in zip(sides, patch))
            data = resolve_data_config({"img_size": None, "input_size": (3, *size)}, model=dynamic)
            transform = create_transform(**data)
            inputs = []
            for file in IMAGES:
                with Image.open(FILES / NAME / file) as image:
                    inputs.append(transform(image.convert("RGB")))
            tensors[f"{name}.{grid}.logits"] = dynamic.double()(torch.stack(inputs).double())
            still = timm.create_model(f"local-dir:{folder}", pretrained=True, img_size=size)
            tensors[f"{name}.{grid}.pos_embed"] = still.pos_embed
            cases.append({"name": grid, "imageSize": size})
        models.append({"name": name, "untold": {"heads": 3, **untold}, "cases": cases})
    for name, (architecture, args) in OWN_NAMES.items():
        generator = torch.Generator().manual_seed(seed_of(name))
        model = timm.create_model(architecture, **{**args, "num_classes": 0}).eval()
        redraw(model, generator)
        own = dinov2_names(model, generator)
        save_file(own, FILES / f"{name}.safetensors")
        (FILES / f"{name}.safetensors").chmod(0o644)
        # timm reads them as it reads Meta's files.
        model.load_state_dict(checkpoint_filter_fn(dict(own), model), strict=True)
        images = torch.randint(0, 256, (2, *model.patch_embed.img_size, 3), generator=generator, dtype=torch.int32)
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD))
        tensors[f"{name}.images"] = images
        tensors[f"{name}.features"] = model.double()(((images / 255.0 - mean) / std).permute(0, 3, 1, 2))
    write("family", {"images": f"{NAME}/", "files": list(IMAGES), "models": models}, tensors)
