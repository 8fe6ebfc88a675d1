"""Writes what timm's Eva builds: python eva.py (timm 1.0.31, torch 2.15).

files/eva.json   the structure of every architecture of timm's Eva, and of some with other arguments; why the others are refused
"""

import hashlib
import json
import sys
import warnings
from pathlib import Path

import timm
from timm.layers import LayerNorm
from timm.models.eva import EvaBlock, EvaBlockPostNorm

sys.path.insert(0, str(Path(__file__).parents[4] / "tooling" / "golden"))
from rotary import eva_config

warnings.filterwarnings("ignore")
files = Path(__file__).parent / "files"


def beyond(model):
    """Why a model is not one as Vitrine builds them; None if it is one."""
    block = model.blocks[0]
    kinds = ((block, (EvaBlock, EvaBlockPostNorm)), (block.norm1, (LayerNorm,)))
    return next((type(part).__name__ for part, allowed in kinds if type(part) not in allowed), None)


def structure(model):
    """The fields of a ViTConfig, read off the built model; None if it is not one as Vitrine builds them."""
    return None if beyond(model) else eva_config(model)


def case(architecture, model, model_args):
    cfg = model.pretrained_cfg
    channels = model.patch_embed.proj.in_channels
    pretrained = {key: cfg[key] for key in ("fixed_input_size", "num_classes")} | {"input_size": [*cfg["input_size"]], "mean": [0.5] * channels, "std": [0.5] * channels}
    lines = sorted(f"{name} {'x'.join(map(str, p.shape))}" for name, p in model.named_parameters())
    return {
        "json": {"architecture": architecture, "num_classes": model.num_classes, "model_args": model_args, "pretrained_cfg": pretrained},
        "expected": eva_config(model),
        "parameters": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
    }


changes = [
    ("eva02_tiny_patch14_224", {"img_size": [28, 42], "embed_dim": 24, "depth": 2, "num_heads": 2, "scale_attn_inner": True, "qk_norm": True}),
    ("eva02_small_patch14_336", {"use_rot_pos_emb": False, "swiglu_align_to": 8, "qkv_bias": False, "num_classes": 7}),
    ("eva02_tiny_patch14_224", {"embed_dim": 24, "depth": 2, "num_heads": 2, "use_post_norm": True, "init_values": 0.1}),
    ("eva_giant_patch14_224", {"embed_dim": 48, "depth": 2, "num_heads": 3, "use_rot_pos_emb": True, "rope_grid_indexing": "xy", "init_values": 0.1, "no_embed_class": True}),
    ("vit_pe_core_base_patch16_224", {"global_pool": "avg", "ref_feat_shape": [3, 4], "attn_pool_num_heads": 4, "num_reg_tokens": 2}),
    ("vit_pe_core_small_patch16_384", {"attn_pool_num_heads": 3, "attn_pool_mlp_ratio": 2.6, "in_chans": 1, "class_token": False}),
    ("vit_pe_spatial_tiny_patch16_512", {"use_fc_norm": True, "global_pool": "token", "rope_grid_offset": 0.5}),
    ("vit_small_patch16_rope_mixed_224", {"embed_dim": 32, "depth": 2, "num_heads": 2, "rope_temperature": 5, "rope_grid_indexing": "ij"}),
    ("vit_small_patch16_rope_224", {"use_abs_pos_emb": True, "rope_rotate_half": True, "qkv_fused": False, "global_pool": "avg"}),
    ("vit_small_patch16_dinov3", {"img_size": 96, "dynamic_img_size": False, "global_pool": "token", "rope_grid_offset": 0.25, "num_classes": 3}),
    ("vit_base_patch16_dinov3_qkvb", {"rope_type": "cat", "pretrained_cfg_overlay": {"input_size": (3, 64, 96)}, "num_reg_tokens": 0, "dynamic_img_size": False}),
]


def generate():
    cases, refused = [], {}
    for name, model_args in [(name, {}) for name in timm.list_models(module="eva")] + changes:
        # No memory is taken for the parameters.
        model = timm.create_model(name, device="meta", **model_args)
        model_args.pop("pretrained_cfg_overlay", None)
        if beyond(model) is None:
            cases.append(case(name, model, model_args))
        else:
            refused[name] = beyond(model)
    text = json.dumps({"cases": cases, "refused": refused})
    (files / "eva.json").write_text(text.replace('{"json"', '\n{"json"').replace(', "refused"', ',\n"refused"') + "\n")


if __name__ == "__main__":
    generate()
