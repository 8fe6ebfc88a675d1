"""huggingface-*: model folders as transformers writes them, images, and the logits that transformers gives for them."""

import json

import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor, ViTConfig, ViTForImageClassification, ViTModel
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil
from transformers.utils import logging

from common import FILES, write
from folder import picture

LABELS = ["tench", "goldfish", "great white shark", "tiger shark", "hammerhead"]
SIZE = dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=3, intermediate_size=96)

# Width and height of each image: odd, so that crops of them are off the middle.
IMAGES = {"wide.png": (101, 75), "tall.png": (41, 97), "small.png": (31, 21)}

# Height and width of images for which position embeddings are resized.
RESIZED = {"vit": (64, 80), "features": (80, 32)}


def names(labels: list[str]) -> dict:
    return dict(id2label=dict(enumerate(labels)), label2id={name: i for i, name in enumerate(labels)})


# Processors of Pillow, whose bytes are the same everywhere. A dict is a preprocessor_config.json of an older version.
MODELS = {
    "vit": (
        ViTForImageClassification,
        ViTConfig(**SIZE, image_size=48, patch_size=16, hidden_act="gelu", layer_norm_eps=1e-12, **names(LABELS)),
        ViTImageProcessorPil(size=dict(height=48, width=48)),
    ),
    # DeiT without a distillation token is published as a ViT.
    "deit": (
        ViTForImageClassification,
        ViTConfig(**SIZE, image_size=48, patch_size=8, hidden_act="gelu_new", layer_norm_eps=1e-6, **names(LABELS)),
        DeiTImageProcessorPil(
            size=dict(height=55, width=57),
            crop_size=dict(height=48, width=48),
            image_mean=[0.485, 0.456, 0.406],
            image_std=[0.229, 0.224, 0.225],
        ),
    ),
    "rectangle": (
        ViTForImageClassification,
        ViTConfig(**SIZE, image_size=(48, 32), patch_size=(16, 8), hidden_act="relu", num_labels=3),
        ViTImageProcessorPil(size=dict(shortest_edge=59), do_center_crop=True, crop_size=dict(height=48, width=32), resample=1),
    ),
    "features": (
        ViTModel,
        ViTConfig(**SIZE, image_size=48, patch_size=16, layer_norm_eps=0.01),
        dict(do_normalize=True, do_resize=True, image_mean=[0.5] * 3, image_std=[0.5] * 3, resample=2, size=48),
    ),
}


@torch.no_grad()
def redraw(model: torch.nn.Module, generator: torch.Generator) -> None:
    """Draws every parameter anew, so that none is 0 or 1 and each one matters for the outputs."""
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        scale = 0.1 if name.endswith("bias") else 0.4 if "_token" in name or "position" in name else 0.2
        p.copy_((1 if "norm" in name and name.endswith("weight") else 0) + scale * noise)


def outputs(model: torch.nn.Module, batch: torch.Tensor, resized: bool = False) -> torch.Tensor:
    """Logits, or of a model without a head the class token after the last norm."""
    out = model(pixel_values=batch, interpolate_pos_encoding=resized)
    return out.last_hidden_state[:, 0] if isinstance(model, ViTModel) else out.logits


@torch.no_grad()
def generate() -> None:
    logging.disable_progress_bar()
    for seed, (name, (architecture, config, processor)) in enumerate(MODELS.items(), 500):
        folder = FILES / f"huggingface-{name}"
        model = architecture(config)
        redraw(model, torch.Generator().manual_seed(seed))
        model.save_pretrained(folder)
        (folder / "model.safetensors").chmod(0o644)
        if isinstance(processor, dict):
            (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n")
        else:
            processor.save_pretrained(folder)

        # What is tested is what a reader of the folder gets.
        model = architecture.from_pretrained(folder, attn_implementation="eager").eval()
        processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
        rng = np.random.default_rng(seed)
        inputs, larger = [], []
        for file, (width, height) in IMAGES.items():
            Image.fromarray(picture(width, height, 3, rng)).save(folder / file)
            with Image.open(folder / file) as image:
                inputs.append(processor(image, return_tensors="pt")["pixel_values"][0])
                if name in RESIZED:
                    size = dict(zip(("height", "width"), RESIZED[name]))
                    larger.append(processor(image, size=size, return_tensors="pt")["pixel_values"][0])
        batch = torch.stack(inputs)
        logits = outputs(model, batch)
        results = [dict(file=file, logits=row.tolist()) for file, row in zip(IMAGES, logits)]
        tensors = {"images": batch.permute(0, 2, 3, 1), "logits": outputs(model.double(), batch.double())}
        if larger:
            tensors["resized_logits"] = outputs(model, torch.stack(larger).double(), resized=True)
        write(f"huggingface-{name}/expected", {"seed": seed, "processor": type(processor).__name__, "results": results}, tensors)
