"""dinov3-huggingface*: folders of transformers' DINOv3, images, and its features, which timm's model gives from the same weights."""

import json

import timm
import torch
from transformers import DINOv3ViTConfig, DINOv3ViTModel
from transformers.models.dinov3_vit.image_processing_dinov3_vit import DINOv3ViTImageProcessor
from transformers.utils import logging

from cases import chosen
from common import FILES, nchw, write
from huggingface import redraw

# The fields of transformers' configuration, and the equal arguments of timm's Eva.
SIZE = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, patch_size=4)
CASES = {
    "": (
        dict(**SIZE, intermediate_size=48, image_size=32, num_register_tokens=2, layerscale_value=0.5),
        ("vit_small_patch16_dinov3_qkvb", dict(mlp_ratio=2, num_reg_tokens=2)),
    ),
    "-gated": (
        dict(**SIZE, intermediate_size=40, image_size=[16, 24], num_register_tokens=1, query_bias=False, value_bias=False, use_gated_mlp=True, hidden_act="silu"),
        ("vit_small_plus_patch16_dinov3", dict(mlp_ratio=5 / 3 + 1e-9, num_reg_tokens=1)),
    ),
}
# Height and width of the images. They differ from the configuration's, since coordinates follow from the images.
IMAGES = (12, 20)

NAMES = {
    "embeddings.register_tokens": "reg_token",
    "embeddings.cls_token": "cls_token",
    "embeddings.patch_embeddings": "patch_embed.proj",
    "model.layer.": "blocks.",
    "attention.o_proj": "attn.proj",
    "layer_scale1.lambda1": "gamma_1",
    "layer_scale2.lambda1": "gamma_2",
    "mlp.gate_proj": "mlp.fc1_g",
    "mlp.down_proj": "mlp.fc2",
    "attention.q_proj.bias": "attn.q_bias",
    "attention.v_proj.bias": "attn.v_bias",
}


def timm_names(state: dict[str, torch.Tensor], gated: bool) -> dict[str, torch.Tensor]:
    result = {}
    for name, value in state.items():
        if name == "embeddings.mask_token":
            continue
        for theirs, ours in {**NAMES, "mlp.up_proj": "mlp.fc1_x" if gated else "mlp.fc1"}.items():
            name = name.replace(theirs, ours)
        result[name] = value
    for name in [each for each in result if each.endswith("q_proj.weight")]:
        parts = [result.pop(name.replace("q_proj", f"{letter}_proj")) for letter in "qkv"]
        result[name.replace("attention.q_proj", "attn.qkv")] = torch.cat(parts)
    return result


@torch.no_grad()
def make(name: str, fields: dict, timms: tuple[str, dict], seed: int) -> None:
    folder = FILES / f"dinov3-huggingface{name}"
    model = DINOv3ViTModel(DINOv3ViTConfig(**fields)).eval()
    generator = torch.Generator().manual_seed(seed)
    redraw(model, generator)
    model.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)
    DINOv3ViTImageProcessor(size=dict(height=IMAGES[0], width=IMAGES[1])).save_pretrained(folder)
    images = torch.randn(2, *IMAGES, 3, generator=generator)
    features = model(pixel_values=nchw(images)).pooler_output
    architecture, args = timms
    same = timm.create_model(architecture, img_size=IMAGES, patch_size=4, embed_dim=24, depth=2, num_heads=3, num_classes=0, global_pool="token", **args).eval()
    same.load_state_dict(timm_names(model.state_dict(), fields.get("use_gated_mlp", False)), strict=True)
    torch.testing.assert_close(same(nchw(images)), features, rtol=1e-5, atol=2e-5)
    timm_weights = {f"timm.{key}": value for key, value in same.state_dict().items()}
    write(f"dinov3-huggingface{name}/expected", {"seed": seed}, {"images": images, "features": features, **timm_weights})


def generate() -> None:
    logging.disable_progress_bar()
    for name, (fields, timms), seed in chosen("dinov3-huggingface", CASES):
        make(name, fields, timms, seed)
