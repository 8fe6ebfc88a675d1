"""guide-*: what timm computes with the models of the site's guide for its first drawing and for a photo, in float64."""

import base64
import json
from pathlib import Path

import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from timm.data import create_transform, resolve_data_config

from common import FILES, nchw, write
from hybrid import build
from vit import hooked

SITE = Path(__file__).parents[2] / "apps" / "web"
MODELS = SITE / "public" / "model"
PHOTO = FILES / "vit-folder-tiny" / "wide-rgb.png"


def drawing() -> torch.Tensor:
    """The first drawing as the model's input, [1, 3, 32, 32]."""
    first = json.loads((SITE / "src" / "guide" / "first.json").read_text())
    pixels = torch.frombuffer(bytearray(base64.b64decode(first["pixels"])), dtype=torch.uint8)
    return nchw((pixels.reshape(1, 32, 32, 3).double() / 255 - 0.5) / 0.5)


def photo(model) -> torch.Tensor:
    transform = create_transform(**resolve_data_config({}, model=model))
    with Image.open(PHOTO) as image:
        return transform(image.convert("RGB"))[None].double()


def values(model, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """The values that the guide's figures draw, of block 1 and head 1, by the names of their taps."""
    logits, seen = hooked(model, x)
    patches = x.unfold(2, 8, 8).unfold(3, 8, 8).permute(0, 2, 3, 4, 5, 1)
    block = model.blocks[0]
    q, k, v = seen["blocks.0.attn.qkv"].reshape(1, 17, 3, 3, 16).permute(2, 0, 3, 1, 4)
    scores = q @ k.transpose(-2, -1) / 4
    weights = scores.softmax(-1)
    context = weights @ v
    torch.testing.assert_close(context.transpose(1, 2).flatten(2), seen["blocks.0.attn.proj<"], rtol=1e-12, atol=1e-12)
    heads = {"q": q, "k": k, "v": v, "scores": scores, "weights": weights, "context": context}
    residual = seen["blocks.0<"] + seen["blocks.0.attn"]
    return {
        "patch_embed.flattened": patches.reshape(1, 16, 192),
        "patch_embed.embeddings": seen["patch_embed"],
        "class_token": model.cls_token,
        "positions": model.pos_embed,
        "tokens": seen["blocks.0<"],
        "blocks.0.norm1": seen["blocks.0.norm1"],
        **{f"blocks.0.attn.{name}": value[:, 0] for name, value in heads.items()},
        "blocks.0.attn.proj": seen["blocks.0.attn"],
        "blocks.0.residual1": residual,
        "blocks.0.norm2": block.norm2(residual),
        "blocks.0.mlp.fc1": seen["blocks.0.mlp.fc1"],
        "blocks.0.mlp.hidden": seen["blocks.0.mlp.act"],
        "blocks.0.mlp.output": seen["blocks.0.mlp"],
        **{f"blocks.{i}.residual2": seen[f"blocks.{i}"] for i in range(len(model.blocks))},
        "norm": seen["norm"],
        "pooled": seen["norm"][:, 0],
        "logits": logits,
        "probabilities": logits.softmax(-1),
    }


def hybrid_values(model, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """The first channel of the features, and the embeddings, of the guide's hybrid."""
    logits, seen = hooked(model, x)
    features = seen["patch_embed.backbone.stages.0.blocks.0"]
    return {"hybrid:features": features[:, 0], "hybrid:embeddings": seen["patch_embed"], "hybrid:logits": logits}


@torch.no_grad()
def generate() -> None:
    model = timm.create_model(f"local-dir:{MODELS}", pretrained=True).eval()
    hybrid = build(
        dict(width=16, depths=[1], groups=4),
        img_size=32, patch_size=2, embed_dim=48, depth=2, num_heads=3, num_classes=10,
    ).eval()
    weights = load_file(MODELS / "hybrid" / "model.safetensors")
    hybrid.load_state_dict({name: value.float() for name, value in weights.items()})
    inputs = {"drawing": drawing(), "photo": photo(model)}
    model.double()
    hybrid.double()
    for name, x in inputs.items():
        tensors = values(model, x) | hybrid_values(hybrid, x)
        write(f"guide-{name}", {"photo": "vit-folder-tiny/wide-rgb.png"} if name == "photo" else {}, {k: v.float() for k, v in tensors.items()})
