"""Writes what timm builds: python architectures.py (timm 1.0.31, torch 2.15).

files/architectures.json   the structure of every plain Vision Transformer, and of some with other arguments
files/timm-folder/         a small model, saved as timm publishes models
"""

import json
import warnings
from pathlib import Path

import timm
import torch
from timm.layers import LayerNorm, Mlp
from timm.models._hub import save_for_hf
from timm.models.vision_transformer import Attention, Block, VisionTransformer

warnings.filterwarnings("ignore")
files = Path(__file__).parent / "files"

ACTIVATIONS = {"GELU": "gelu", "GELUTanh": "gelu_tanh", "ReLU": "relu"}


def structure(model):
    """The fields of a ViTConfig, read off the built model; None if it is not a plain Vision Transformer."""
    if type(model) is not VisionTransformer or model.global_pool not in ("token", "avg"):
        return None
    block = model.blocks[0]
    if type(block) is not Block:
        return None
    norm = block.norm1
    plain = (
        type(block.attn) is Attention
        and type(block.mlp) is Mlp
        and type(norm) is LayerNorm
        and norm.eps == 1e-6
        and block.attn.qkv.bias is not None
        and block.attn.proj.bias is not None
        and type(block.ls1) is torch.nn.Identity
        and type(block.attn.q_norm) is torch.nn.Identity
        and type(block.attn.norm) is torch.nn.Identity
        and type(block.mlp.norm) is torch.nn.Identity
        and type(model.norm_pre) is torch.nn.Identity
        and type(model.patch_embed.norm) is torch.nn.Identity
        and model.patch_embed.proj.bias is not None
        and not model.num_reg_tokens
        and not (model.no_embed_class and model.has_class_token)
        and not model.pool_include_prefix
        and type(block.mlp.act).__name__ in ACTIVATIONS
        and (type(model.norm) is LayerNorm) != (type(model.fc_norm) is LayerNorm)
    )
    if not plain:
        return None
    return {
        "imageSize": list(model.patch_embed.img_size),
        "patchSize": list(model.patch_embed.patch_size),
        "channels": model.in_chans,
        "dim": model.embed_dim,
        "depth": len(model.blocks),
        "heads": block.attn.num_heads,
        "mlpDim": block.mlp.fc1.out_features,
        "classes": model.num_classes,
        "classToken": model.has_class_token,
        "pool": {"token": "token", "avg": "average"}[model.global_pool],
        "normAfterPool": type(model.fc_norm) is LayerNorm,
        "positions": "none" if model.pos_embed is None else "learned",
        "activation": ACTIVATIONS[type(block.mlp.act).__name__],
        "dropout": block.mlp.drop1.p,
        "attentionDropout": block.attn.attn_drop.p,
        "stochasticDepth": round(getattr(model.blocks[-1].drop_path1, "drop_prob", 0.0), 6),
        "layerNormEpsilon": norm.eps,
    }


def config_of(architecture, model, model_args):
    cfg = model.pretrained_cfg
    return {
        "architecture": architecture,
        "num_classes": model.num_classes,
        "model_args": model_args,
        "pretrained_cfg": {
            "input_size": list(cfg["input_size"]),
            "fixed_input_size": cfg["fixed_input_size"],
            "num_classes": cfg["num_classes"],
            "mean": [0.5] * model.in_chans,
            "std": [0.5] * model.in_chans,
        },
    }


cases = []
refused = []
names = timm.list_models(module="vision_transformer") + timm.list_models(module="deit")
for name in names:
    # No memory is taken for the parameters.
    model = timm.create_model(name, device="meta")
    expected = structure(model)
    if expected is None:
        refused.append(name)
    else:
        cases.append({"json": config_of(name, model, {}), "expected": expected})

changes = [
    {"img_size": 32, "patch_size": 4, "embed_dim": 48, "depth": 3, "num_heads": 4, "mlp_ratio": 2.6},
    {"img_size": [32, 64], "patch_size": [8, 16], "in_chans": 1, "global_pool": "avg"},
    {"class_token": False, "global_pool": "avg", "fc_norm": False, "pos_embed": "none"},
    {"global_pool": "avg", "fc_norm": False, "act_layer": "relu"},
    {"fc_norm": True, "act_layer": "gelu_tanh", "num_classes": 7, "norm_layer": "layernorm"},
    {"pos_drop_rate": 0.1, "proj_drop_rate": 0.1, "attn_drop_rate": 0.2, "drop_path_rate": 0.3, "drop_rate": 0.4},
    {"num_classes": 0, "no_embed_class": True, "class_token": False, "global_pool": "avg"},
    {"reg_tokens": 0, "init_values": None, "qk_norm": False, "pre_norm": False, "final_norm": True},
]
for model_args in changes:
    model = timm.create_model("vit_tiny_patch16_384", device="meta", **model_args)
    cases.append({"json": config_of("vit_tiny_patch16_384", model, model_args), "expected": structure(model)})
    assert cases[-1]["expected"] is not None, model_args

# Plain models whose image size their patches do not divide are built by timm, which drops the rest of the image.
text = json.dumps({"cases": cases, "refused": refused})
(files / "architectures.json").write_text(text.replace('{"json"', '\n{"json"').replace(', "refused"', ',\n"refused"') + "\n")

torch.manual_seed(0)
small = dict(img_size=16, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=3)
model = timm.create_model("vit_tiny_patch16_224", **small)
save_for_hf(
    model,
    files / "timm-folder",
    model_config={"label_names": ["circle", "square", "star"]},
    safe_serialization=True,
)
