"""The parts that all generators share: the place of files, their format, and random parameters of models."""

import json
from pathlib import Path
from types import SimpleNamespace

import torch
from timm.layers import GluMlp, LayerScale, RmsNorm, SwiGLU
from timm.models.vision_transformer import ParallelScalingBlock, ParallelThingsBlock, ResPostBlock
from safetensors.torch import save_file

FILES = Path(__file__).parent / "files"


def write(name: str, document: dict, tensors: dict[str, torch.Tensor] | None = None) -> None:
    """Writes `name.json`, and `name.safetensors` beside it if there are tensors."""
    path = FILES / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name(path.name + ".json").write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")
    if tensors:
        # The tensors are cloned, since safetensors refuses two names for the same memory.
        copies = {k: v.detach().clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}
        save_file(copies, f"{path}.safetensors")
        Path(f"{path}.safetensors").chmod(0o644)


@torch.no_grad()
def redraw(model: torch.nn.Module, generator: torch.Generator) -> None:
    """Draws new values for all parameters. None is 0 or 1, so that each affects the outputs."""
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        if "norm" in name and name.endswith("weight"):
            p.copy_(1 + 0.2 * noise)
        elif name.endswith("bias"):
            p.copy_(0.1 * noise)
        elif name in ("pos_embed", "cls_token", "dist_token", "reg_token"):
            p.copy_(0.4 * noise)
        else:
            p.copy_(0.2 * noise)


def nchw(images: torch.Tensor) -> torch.Tensor:
    """Converts images from Vitrine's order, [batch, height, width, channels], to PyTorch's."""
    return images.permute(0, 3, 1, 2)


POOLS = {"token": "token", "avg": "average", "map": "map", "token+average": "token+average"}
ACTIVATIONS = {"GELU": "gelu", "GELUTanh": "gelu_tanh", "QuickGELU": "quick_gelu", "ReLU": "relu", "SiLU": "silu"}


def first_convolution(embed):
    return embed.proj if not hasattr(embed, "backbone") else getattr(embed.backbone, "stem", embed.backbone).conv


def stem_of(embed) -> dict | None:
    """The fields of Vitrine's StemConfig for the ResNet of a hybrid's patch embedding."""
    if not hasattr(embed, "backbone"):
        return None
    depths = [len(stage.blocks) for stage in getattr(embed.backbone, "stages", [])]
    root = getattr(embed.backbone, "stem", embed.backbone)
    small = {"root": "3x3"} if root.conv.kernel_size == (3, 3) else {}
    return small | {"width": root.conv.out_channels, "depths": depths, "groups": root.norm.num_groups, "numerics": "timm"}


def vitrine_config(model) -> dict:
    """The fields of Vitrine's ViTConfig for a timm VisionTransformer."""
    is_norm = lambda module: isinstance(module, (torch.nn.LayerNorm, RmsNorm))
    block, kind = model.blocks[0], "sequential"
    if isinstance(block, ParallelThingsBlock):
        kind = "paired"
        attn, mlp = block.attns[0], block.ffns[0]
        block = SimpleNamespace(norm1=attn.norm, attn=attn.attn, ls1=attn.ls, mlp=mlp.mlp)
    elif isinstance(block, ParallelScalingBlock):
        kind = "joint"
        no_norm = torch.nn.Identity()
        fc2 = block.mlp_out_proj
        attn = SimpleNamespace(norm=no_norm, num_heads=block.num_heads, qkv=block.in_proj, proj=block.attn_out_proj, q_norm=block.q_norm)
        mlp = SimpleNamespace(norm=no_norm, fc2=fc2, act=block.mlp_act)
        block = SimpleNamespace(norm1=block.in_norm, attn=attn, ls1=block.ls, mlp=mlp)
    # Fields that few models have. They are left out where they have their defaults.
    rare = {
        "blockKind": (kind, "sequential"),
        "norm": ("rms" if isinstance(block.norm1, RmsNorm) else "layer", "layer"),
        "patchNorm": (is_norm(getattr(model.patch_embed, "norm", None)), False),
        "postNorm": (isinstance(block, ResPostBlock), False),
        "attentionNorm": (is_norm(block.attn.norm), False),
        "mlpNorm": (is_norm(block.mlp.norm), False),
        "splitGate": (isinstance(block.mlp, SwiGLU), False),
    }
    return {field: value for field, (value, default) in rare.items() if value != default} | {
        "imageSize": list(model.patch_embed.img_size),
        "patchSize": list(model.patch_embed.patch_size),
        "stem": stem_of(model.patch_embed),
        "channels": first_convolution(model.patch_embed).in_channels,
        "dim": model.embed_dim,
        "depth": len(model.blocks),
        "heads": block.attn.num_heads,
        "mlpDim": block.mlp.fc2.in_features,
        "gatedMlp": isinstance(block.mlp, (GluMlp, SwiGLU)),
        "classes": model.num_classes,
        "classToken": model.cls_token is not None,
        "distillationToken": hasattr(model, "dist_token"),
        "registers": model.num_reg_tokens,
        "pool": POOLS[model.global_pool],
        "poolPrefix": model.pool_include_prefix,
        "finalNorm": is_norm(model.norm) or is_norm(model.fc_norm),
        "normAfterPool": is_norm(model.fc_norm),
        "positions": "none" if model.pos_embed is None else "learned",
        "prefixPositions": not model.no_embed_class,
        "embeddingNorm": is_norm(model.norm_pre),
        "qkvBias": block.attn.qkv.bias is not None,
        "projBias": block.attn.proj.bias is not None,
        "qkNorm": is_norm(block.attn.q_norm),
        "layerScale": block.ls1.init_values if isinstance(getattr(block, "ls1", None), LayerScale) else None,
        "activation": ACTIVATIONS[type(block.mlp.act).__name__],
        "preLogits": None,
        "dropout": 0,
        "attentionDropout": 0,
        "stochasticDepth": 0,
        "layerNormEpsilon": block.norm1.eps,
    }


def timm_config(model) -> dict:
    """The document that timm publishes as a model's config.json."""
    import tempfile

    from timm.models._hub import save_config_for_hf

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.json"
        save_config_for_hf(model, path)
        return json.loads(path.read_text())
