"""towers-*: folders of transformers' CLIP, SigLIP and MAE and of timm's MAE, images, and the features or logits of the vision half."""

import json

import numpy as np
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_data_config
from timm.models._hub import save_for_hf
from transformers import (
    AutoImageProcessor,
    CLIPConfig,
    CLIPForImageClassification,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    SiglipConfig,
    SiglipForImageClassification,
    SiglipModel,
    SiglipVisionConfig,
    SiglipVisionModel,
    ViTMAEConfig,
    ViTMAEForPreTraining,
    ViTMAEModel,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil
from transformers.utils import logging

from cases import chosen, is_chosen, seed_of
from common import FILES
from folder import picture
from huggingface import IMAGES, redraw

VISION = dict(hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=3, image_size=40, patch_size=8)
TEXT = dict(vocab_size=20, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2)
LABELS = dict(id2label={0: "cat", 1: "dog", 2: "bird"}, label2id={"cat": 0, "dog": 1, "bird": 2})
CLIP = CLIPImageProcessorPil(size=dict(shortest_edge=47), crop_size=dict(height=40, width=40))
SIGLIP = SiglipImageProcessorPil(size=dict(height=40, width=40))
MAE = ViTMAEConfig(**VISION, decoder_hidden_size=16, decoder_num_hidden_layers=1, decoder_num_attention_heads=2, decoder_intermediate_size=16)

MODELS = {
    "clip-vision": (CLIPVisionModel, CLIPVisionConfig(**VISION), CLIP),
    "clip": (CLIPModel, CLIPConfig(vision_config=VISION | dict(hidden_act="gelu"), text_config=TEXT, projection_dim=12), CLIP),
    "clip-classifier": (CLIPForImageClassification, CLIPConfig(vision_config=VISION, text_config=TEXT, **LABELS), CLIP),
    "siglip-vision": (SiglipVisionModel, SiglipVisionConfig(**VISION), SIGLIP),
    "siglip": (SiglipModel, SiglipConfig(vision_config=VISION, text_config=TEXT | dict(projection_size=48)), SIGLIP),
    "siglip-classifier": (SiglipForImageClassification, SiglipConfig(vision_config=VISION, text_config=TEXT, **LABELS), SIGLIP),
    "mae": (ViTMAEModel, MAE, ViTImageProcessorPil(size=dict(height=40, width=40))),
    "mae-pretraining": (ViTMAEForPreTraining, MAE, ViTImageProcessorPil(size=dict(height=40, width=40))),
}


def outputs(model: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
    """The logits, or what a model without a head gives of an image."""
    if isinstance(model, (ViTMAEModel, ViTMAEForPreTraining)):
        encoder = getattr(model, "vit", model)
        # Nothing is masked. The patches are shuffled, the class token is not.
        encoder.config.mask_ratio = 0.0
        return encoder(pixel_values=batch).last_hidden_state[:, 0]
    if isinstance(model, (CLIPModel, SiglipModel)):
        return model.vision_model(pixel_values=batch).pooler_output
    out = model(pixel_values=batch)
    return out.logits if "logits" in out else out.pooler_output


def save_images(folder, seed: int, prepare) -> torch.Tensor:
    """Draws images into a folder, and prepares them: [images, channels, height, width]."""
    rng = np.random.default_rng(seed)
    inputs = []
    for file, (width, height) in IMAGES.items():
        Image.fromarray(picture(width, height, 3, rng)).save(folder / file)
        with Image.open(folder / file) as image:
            inputs.append(prepare(image))
    return torch.stack(inputs)


def save_results(folder, seed: int, outputs: torch.Tensor) -> None:
    results = [dict(file=file, outputs=row.tolist()) for file, row in zip(IMAGES, outputs)]
    (folder / "expected.json").write_text(json.dumps(dict(seed=seed, results=results), indent=1) + "\n")


def timm_mae(seed: int) -> None:
    """A folder as timm publishes the weights of MAE's encoder: a model without classes."""
    data = dict(tag="mae", num_classes=0, input_size=(3, 40, 40), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    size = dict(img_size=40, patch_size=8, embed_dim=48, depth=2, num_heads=3)
    model = timm.create_model("vit_base_patch16_224", pretrained_cfg_overlay=data, num_classes=0, **size).eval()
    redraw(model, torch.Generator().manual_seed(seed))
    folder = FILES / "towers-timm-mae"
    save_for_hf(model, folder, model_args=size, safe_serialization=True)
    (folder / "model.safetensors").chmod(0o644)
    transform = create_transform(**resolve_data_config({}, model=model))
    save_results(folder, seed, model(save_images(folder, seed, transform)))


@torch.no_grad()
def generate() -> None:
    logging.disable_progress_bar()
    if is_chosen("towers-timm-mae"):
        timm_mae(seed_of("towers-timm-mae"))
    for name, (architecture, config, processor), seed in chosen("towers-", MODELS):
        folder = FILES / f"towers-{name}"
        model = architecture(config)
        redraw(model, torch.Generator().manual_seed(seed))
        model.save_pretrained(folder)
        for file in folder.glob("*.safetensors"):
            file.chmod(0o644)
        processor.save_pretrained(folder)
        model = architecture.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
        processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
        batch = save_images(folder, seed, lambda image: processor(image, return_tensors="pt")["pixel_values"][0])
        save_results(folder, seed, outputs(model, batch))
