"""Writes what timm builds: python architectures.py (timm 1.0.31, torch 2.15).

files/architectures.json   the structure of every plain Vision Transformer and of those behind a ResNet-v2, and of some with other arguments
files/timm-folder/         a small model, saved as timm publishes models
"""

import hashlib
import json
import sys
import warnings
from pathlib import Path

import timm
import torch
from timm.layers import GluMlp, HybridEmbed, LayerNorm, Mlp, RmsNorm, SwiGLU
from timm.models._hub import save_for_hf
from timm.models.deit import VisionTransformerDistilled
from timm.models.resnetv2 import ResNetV2
from timm.models.vision_transformer import Attention, Block, ParallelScalingBlock, ParallelThingsBlock, ResPostBlock, VisionTransformer

sys.path.insert(0, str(Path(__file__).parents[4] / "tooling" / "golden"))
from common import ACTIVATIONS, vitrine_config

warnings.filterwarnings("ignore")
files = Path(__file__).parent / "files"


def beyond(model):
    """Why a model is not a plain Vision Transformer as Vitrine builds them; None if it is one."""
    block = model.blocks[0]
    parts = [(model, (VisionTransformer, VisionTransformerDistilled)), (block, (Block, ParallelScalingBlock, ParallelThingsBlock, ResPostBlock))]
    if type(block) in (Block, ResPostBlock):
        parts += [(block.attn, Attention), (block.mlp, (Mlp, GluMlp, SwiGLU)), (block.norm1, (LayerNorm, RmsNorm))]
        embed = model.patch_embed
        if isinstance(embed, HybridEmbed):
            named = [name for name, _ in embed.backbone.named_children()]
            parts += [] if named == ["conv", "norm", "pool"] else [(embed.backbone, ResNetV2)]
    for part, kinds in parts:
        if type(part) not in (kinds if isinstance(kinds, tuple) else (kinds,)):
            return type(part).__name__
    if model.global_pool not in ("token", "avg", "map"):
        return f"global_pool {model.global_pool}"
    activation = type(parts_of(block)["activation"]).__name__
    return None if activation in ACTIVATIONS else activation


def parts_of(block):
    """The activation, the dropouts and the drop path of a block of any kind."""
    if isinstance(block, ParallelScalingBlock):
        return {"activation": block.mlp_act, "dropout": block.mlp_drop, "attention": block.attn_drop, "path": block.drop_path}
    attn, mlp, path = (
        (block.attns[0].attn, block.ffns[0].mlp, block.attns[0].drop_path)
        if isinstance(block, ParallelThingsBlock)
        else (block.attn, block.mlp, block.drop_path1)
    )
    return {"activation": mlp.act, "dropout": mlp.drop1, "attention": attn.attn_drop, "path": path}


def structure(model):
    """The fields of a ViTConfig, read off the built model; None if it is not a plain Vision Transformer."""
    if beyond(model):
        return None
    first, last = parts_of(model.blocks[0]), parts_of(model.blocks[-1])
    return vitrine_config(model) | {
        "dropout": first["dropout"].p,
        "attentionDropout": first["attention"].p,
        "stochasticDepth": round(getattr(last["path"], "drop_prob", 0.0), 6),
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


def parameters(model):
    """A digest of the names and shapes of all parameters."""
    lines = sorted(f"{name} {'x'.join(map(str, p.shape))}" for name, p in model.named_parameters())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def main():
    cases = []
    refused = {}
    names = [name for module in ("vision_transformer", "deit", "vision_transformer_hybrid") for name in timm.list_models(module=module)]
    for name in names:
        # No memory is taken for the parameters.
        model = timm.create_model(name, device="meta")
        expected = structure(model)
        if expected is None:
            refused[name] = beyond(model)
        else:
            cases.append({"json": config_of(name, model, {}), "expected": expected, "parameters": parameters(model)})

    changes = [
        {"img_size": 32, "patch_size": 4, "embed_dim": 48, "depth": 3, "num_heads": 4, "mlp_ratio": 2.6},
        {"img_size": [32, 64], "patch_size": [8, 16], "in_chans": 1, "global_pool": "avg"},
        {"class_token": False, "global_pool": "avg", "fc_norm": False, "pos_embed": "none"},
        {"global_pool": "avg", "fc_norm": False, "act_layer": "relu"},
        {"fc_norm": True, "act_layer": "gelu_tanh", "num_classes": 7, "norm_layer": "layernorm"},
        {"pos_drop_rate": 0.1, "proj_drop_rate": 0.1, "attn_drop_rate": 0.2, "drop_path_rate": 0.3, "drop_rate": 0.4},
        {"num_classes": 0, "no_embed_class": True, "class_token": False, "global_pool": "avg"},
        {"reg_tokens": 0, "init_values": None, "qk_norm": False, "pre_norm": False, "final_norm": True},
        {"reg_tokens": 3, "init_values": 0.1, "qk_norm": True, "pre_norm": True, "qkv_bias": False, "act_layer": "silu"},
        {"proj_bias": False, "global_pool": "map", "pool_include_prefix": True, "fc_norm": True, "act_layer": "swish"},
        {"scale_attn_norm": True, "scale_mlp_norm": True, "norm_layer": "rmsnorm", "pre_norm": True, "qk_norm": True},
        {"final_norm": False, "no_embed_class": True, "init_values": 0, "global_pool": "avg", "act_layer": "quick_gelu"},
    ]
    built = [("vit_tiny_patch16_384", model_args) for model_args in changes]
    built += [
        ("vit_tiny_r_s16_p8_224", {"img_size": 61, "patch_size": 2, "embed_dim": 48, "depth": 3, "in_chans": 1, "act_layer": "relu"}),
        ("vit_small_patch16_18x2_224", {"img_size": 32, "depth": 2, "qkv_bias": False, "init_values": 0, "scale_attn_norm": True, "drop_path_rate": 0.2}),
        ("vit_base_patch16_xp_224", {"img_size": 32, "depth": 2, "qk_norm": False, "qkv_bias": True, "init_values": 0.1, "proj_drop_rate": 0.1}),
        ("vit_pwee_patch16_reg1_gap_256", {"img_size": 32, "depth": 2, "proj_bias": False, "init_values": 0, "attn_drop_rate": 0.2, "drop_path_rate": 0.1}),
        ("vit_small_r26_s32_224", {"img_size": [96, 64], "class_token": False, "global_pool": "avg", "reg_tokens": 2, "depth": 2}),
    ]
    for architecture, model_args in built:
        model = timm.create_model(architecture, device="meta", **model_args)
        assert not beyond(model), model_args
        json_config = config_of(architecture, model, model_args)
        cases.append({"json": json_config, "expected": structure(model), "parameters": parameters(model)})

    # Plain models whose image size their patches do not divide are built by timm, which drops the rest of the image.
    for name, reason in refused.items():
        print(f"{name}: {reason}")
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


if __name__ == "__main__":
    main()
