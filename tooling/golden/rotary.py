"""rotary-*, large-rotary-*: outputs and gradients of small timm Eva models, with rotary positions of every kind and the layers of EVA."""

import inspect
import re
import types

import timm
import timm.models.eva as eva
import torch
from timm.layers import GluMlp, SwiGLU, pos_embed_sincos
from torch import nn

from cases import chosen
from common import POOLS, nchw, redraw, timm_config, write
from vit import hooked, inputs_of, outputs_of

# A timm architecture for each name, and the arguments that make it small.
CASES = {
    "eva02": ("eva02_small_patch14_224", dict(img_size=(15, 10), patch_size=5, embed_dim=16, depth=2, num_heads=2, num_classes=5, ref_feat_shape=(4, 3))),
    "eva02-norms": ("eva02_base_patch16_clip_224", dict(img_size=(8, 12), patch_size=4, embed_dim=24, depth=2, num_heads=3, num_classes=4)),
    "eva-giant": ("eva_giant_patch14_224", dict(img_size=8, patch_size=4, embed_dim=12, depth=2, num_heads=3, mlp_ratio=3, num_classes=3)),
    "eva-post-norm": ("eva02_enormous_patch14_clip_224", dict(img_size=8, patch_size=4, embed_dim=12, depth=2, num_heads=3, mlp_ratio=3, num_classes=3)),
    "core": ("vit_pe_core_base_patch16_224", dict(img_size=(12, 20), patch_size=4, embed_dim=16, depth=2, num_heads=2, num_classes=4, attn_pool_num_heads=4, attn_pool_mlp_ratio=2.0)),
    "spatial": ("vit_pe_spatial_gigantic_patch14_448", dict(img_size=(12, 8), patch_size=4, embed_dim=12, depth=2, num_heads=1, mlp_ratio=35 / 6, num_classes=0)),
    "axial": ("vit_small_patch16_rope_224", dict(img_size=(6, 9), patch_size=3, embed_dim=16, depth=2, num_heads=2, num_classes=5, in_chans=1)),
    "axial-table": ("vit_base_patch16_rope_ape_224", dict(img_size=(20, 12), patch_size=4, embed_dim=16, depth=2, num_heads=4, num_classes=3)),
    "mixed": ("vit_small_patch16_rope_mixed_224", dict(img_size=(12, 20), patch_size=4, embed_dim=24, depth=3, num_heads=2, num_classes=4)),
    "mixed-table": ("vit_large_patch16_rope_mixed_ape_224", dict(img_size=12, patch_size=4, embed_dim=16, depth=2, num_heads=2, num_classes=3, rope_grid_indexing="ij")),
    "registers": ("vit_mediumd_patch16_rope_reg1_gap_256", dict(img_size=(12, 15), patch_size=3, embed_dim=16, depth=2, num_heads=2, num_classes=4, num_reg_tokens=3)),
    "dinov3": ("vit_small_patch16_dinov3", dict(img_size=(12, 20), patch_size=4, embed_dim=16, depth=2, num_heads=2, num_classes=4)),
    "dinov3-token": ("vit_base_patch16_lingbot", dict(img_size=(15, 9), patch_size=3, embed_dim=24, depth=2, num_heads=3, num_classes=0)),
    "dinov3-gated": ("vit_huge_plus_patch16_dinov3_qkvb", dict(img_size=8, patch_size=4, embed_dim=12, depth=2, num_heads=1, mlp_ratio=2.5, num_classes=3)),
}

# Models of 1,024 patches, whose coordinates and angles are those of large images. Their files have one image and no values of single layers.
LARGE = dict(img_size=32, patch_size=1, embed_dim=16, depth=1, num_heads=1, mlp_ratio=1, num_classes=5, in_chans=1)
LARGE_CASES = {
    "core": ("vit_pe_core_base_patch16_224", LARGE | dict(attn_pool_num_heads=2, attn_pool_mlp_ratio=1.0)),
    "mixed": ("vit_small_patch16_rope_mixed_224", LARGE),
    "dinov3": ("vit_small_patch16_dinov3", LARGE),
}


def doubled():
    """timm's rotary positions in float64: its module with other types."""
    source = inspect.getsource(pos_embed_sincos).replace("torch.float32", "torch.float64").replace(".float()", ".double()")
    module = types.ModuleType("doubled")
    module.__package__ = "timm.layers"
    exec(compile(source, "doubled", "exec"), module.__dict__)
    return module


def build(architecture: str, args: dict, double: bool):
    """A model whose tables are computed in float64 and stored in float32, or timm's unchanged model."""
    # Models that take any size are run at the size of their preprocessing.
    size = args["img_size"] if isinstance(args["img_size"], tuple) else (args["img_size"],) * 2
    args = args | {"pretrained_cfg_overlay": {"input_size": (args.get("in_chans", 3), *size)}}
    if not double:
        return timm.create_model(architecture, **args).eval()
    original = eva.create_rope_embed
    torch.set_default_dtype(torch.float64)
    try:
        eva.create_rope_embed = doubled().create_rope_embed
        model = timm.create_model(architecture, **args).eval()
    finally:
        eva.create_rope_embed = original
        torch.set_default_dtype(torch.float32)
    if model.rope is not None and not model.rope_mixed:
        embed = model.rope.get_embed
        model.rope.get_embed = lambda *shape, **options: embed(*shape, **options).float().double()
    return model


def rotary_config(model):
    rope = model.rope
    if rope is None:
        return "none" if model.pos_embed is None else "learned"
    centred = type(rope).__name__ == "RotaryEmbeddingDinoV3"
    reference = getattr(rope, "ref_feat_shape", None)
    return {
        "kind": "rotary",
        "pairs": "halves" if model.blocks[0].attn.rotate_half else "neighbours",
        "axes": rope.grid_indexing,
        "centres": centred,
        "offset": getattr(rope, "grid_offset", 0),
        "reference": list(reference) if reference else None,
        "frequencies": "learned" if model.rope_mixed else "fixed",
        "temperature": rope.temperature,
        "table": model.pos_embed is not None,
    }


def eva_config(model) -> dict:
    """The fields of Vitrine's ViTConfig for a timm Eva."""
    block = model.blocks[0]
    attn, mlp = block.attn, block.mlp
    is_norm = lambda module: isinstance(module, nn.LayerNorm)
    split = attn.qkv is None
    biases = [attn.q_proj.bias, attn.k_proj.bias] if split else [attn.q_bias, None] if hasattr(attn, "q_bias") else [attn.qkv.bias] * 2
    gated = isinstance(mlp, (GluMlp, SwiGLU))
    pool = model.attn_pool
    post = {"postNorm": True} if isinstance(block, eva.EvaBlockPostNorm) else {}
    return post | {
        "imageSize": list(model.patch_embed.img_size),
        "patchSize": list(model.patch_embed.patch_size),
        "stem": None,
        "channels": model.patch_embed.proj.in_channels,
        "dim": model.embed_dim,
        "depth": len(model.blocks),
        "heads": attn.num_heads,
        "mlpDim": mlp.fc2.in_features,
        "gatedMlp": gated,
        "splitGate": isinstance(mlp, SwiGLU),
        "classes": model.num_classes,
        "classToken": model.cls_token is not None,
        "distillationToken": False,
        "registers": 0 if model.reg_token is None else model.reg_token.shape[1],
        "pool": POOLS[model.global_pool],
        "poolPrefix": pool is not None,
        "mapPool": None if pool is None else {"heads": pool.num_heads, "mlpDim": pool.mlp.fc2.in_features},
        "finalNorm": is_norm(model.norm) or is_norm(model.fc_norm),
        "normAfterPool": is_norm(model.fc_norm),
        "positions": rotary_config(model),
        "prefixPositions": not model.no_embed_class,
        "embeddingNorm": is_norm(model.norm_pre),
        "qkvBias": biases[0] is not None,
        "keyBias": type(attn).__name__ == "AttentionRope",
        "splitQkv": split,
        "attentionNorm": is_norm(attn.norm),
        "mlpNorm": is_norm(mlp.norm),
        "projBias": True,
        "qkNorm": is_norm(attn.q_norm),
        "layerScale": getattr(block, "init_values", None) if not post else None,
        "activation": "silu" if gated else "gelu",
        "preLogits": None,
        "dropout": 0,
        "attentionDropout": 0,
        "stochasticDepth": 0,
        "layerNormEpsilon": block.norm1.eps,
    }


@torch.no_grad()
def taps_of(model, seen: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    taps = {"patch_embed": seen["patch_embed"].flatten(1, -2), "tokens": seen["blocks.0<"]}
    for i, block in enumerate(model.blocks):
        at = f"blocks.{i}"
        taps |= {
            f"{at}.norm1": seen[f"{at}.norm1"],
            f"{at}.proj": seen[f"{at}.attn"],
            f"{at}.norm2": seen[f"{at}.norm2"],
            f"{at}.mlp_hidden": seen[f"{at}.mlp.drop1"],
            f"{at}.mlp": seen[f"{at}.mlp"],
            at: seen[at],
        }
    taps["features"] = seen["fc_norm"]
    return {f"tap.{name}": tap.double() for name, tap in taps.items()}


def make(name: str, case: tuple[str, dict], seed: int, large: bool = False) -> None:
    architecture, args = case
    generator = torch.Generator().manual_seed(seed)
    single = build(architecture, args, double=False)
    redraw(single, generator)
    config = eva_config(single)
    tensors = inputs_of(single, config["imageSize"], config["channels"], config["classes"] or config["dim"], generator, **({"batch": 1} if large else {}))
    with torch.no_grad():
        tensors["logits_f32"] = single(nchw(tensors["images"]))
    model = build(architecture, args, double=True)
    model.load_state_dict(single.state_dict(), strict=True)
    results, loss, seen = outputs_of(model, tensors)
    taps = taps_of(model, seen)
    if large:
        taps = {tap: value for tap, value in taps.items() if re.fullmatch(r"tap\.blocks\.\d+|tap\.features", tap)}
    tensors |= results | taps
    write(name, {"timm": timm_config(single), "config": config, "seed": seed, "loss": loss}, tensors)


def generate() -> None:
    for name, case, seed in chosen("rotary-", CASES):
        make(f"rotary-{name}", case, seed)
    for name, case, seed in chosen("large-rotary-", LARGE_CASES):
        make(f"large-rotary-{name}", case, seed, large=True)
