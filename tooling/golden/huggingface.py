"""huggingface-*: model folders in transformers' format, images, and transformers' logits for them."""

import json

import numpy as np
import torch
from PIL import Image
from transformers import (
    AutoImageProcessor,
    DeiTConfig,
    DeiTForImageClassification,
    DeiTForImageClassificationWithTeacher,
    Dinov2Config,
    Dinov2ForImageClassification,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersForImageClassification,
    ViTConfig,
    ViTForImageClassification,
    ViTModel,
)
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil
from transformers.utils import logging

from cases import chosen
from common import FILES, write
from folder import picture

LABELS = ["tench", "goldfish", "great white shark", "tiger shark", "hammerhead"]
SIZE = dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=3, intermediate_size=96)

# Width and height of each image. They are odd, so that crops are not exactly in the middle.
IMAGES = {"wide.png": (101, 75), "tall.png": (41, 97), "small.png": (31, 21)}

# Height and width of the images for which position embeddings are resized.
RESIZED = {
    "vit": (64, 80),
    "features": (80, 32),
    "deit-teacher": (64, 80),
    "dinov2": (98, 42),
    "dinov2-registers": (42, 84),
    "dinov2-swiglu": (56, 56),
}

# Folders with the greatest size of a weights file in bytes, and folders with another type.
SHARDED = {"dinov2-registers": ("64KB", torch.float16), "dinov2-swiglu": ("96KB", torch.bfloat16)}

IMAGENET = dict(image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])
# The size is not the model's, since DINOv2 accepts images of any size.
DINO = BitImageProcessorPil(size=dict(shortest_edge=64), crop_size=dict(height=56, width=56), **IMAGENET)
DINO_SIZE = dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=3, image_size=70, patch_size=14)


def names(labels: list[str]) -> dict:
    return dict(id2label=dict(enumerate(labels)), label2id={name: i for i, name in enumerate(labels)})


# Processors that use Pillow, whose bytes are the same on every machine. A dict is a preprocessor_config.json of an
# older version.
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
            **IMAGENET,
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
    "deit-teacher": (
        DeiTForImageClassificationWithTeacher,
        DeiTConfig(**SIZE, image_size=48, patch_size=16, **names(LABELS)),
        dict(feature_extractor_type="DeiTFeatureExtractor", size=55, crop_size=48, resample=3, **IMAGENET),
    ),
    "deit-token": (
        DeiTForImageClassification,
        DeiTConfig(**SIZE, image_size=(48, 32), patch_size=8, hidden_act="gelu_new", qkv_bias=False, num_labels=3),
        DeiTImageProcessorPil(size=dict(height=57, width=40), crop_size=dict(height=48, width=32), resample=5),
    ),
    "dinov2": (Dinov2ForImageClassification, Dinov2Config(**DINO_SIZE, mlp_ratio=2, **names(LABELS)), DINO),
    "dinov2-registers": (
        Dinov2WithRegistersForImageClassification,
        Dinov2WithRegistersConfig(**DINO_SIZE, num_register_tokens=3, mlp_ratio=2, layer_norm_eps=1e-5, **names(LABELS)),
        DINO,
    ),
    "dinov2-swiglu": (
        Dinov2Model,
        Dinov2Config(**DINO_SIZE, mlp_ratio=3, use_swiglu_ffn=True, qkv_bias=False, use_mask_token=False),
        dict(image_processor_type="BitImageProcessor", size=70, crop_size=70, do_resize=True, **IMAGENET),
    ),
}


@torch.no_grad()
def redraw(model: torch.nn.Module, generator: torch.Generator) -> None:
    """Draws new values for all parameters. None is 0 or 1, so that each affects the outputs."""
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        scale = 0.1 if name.endswith("bias") else 0.4 if "_token" in name or "position" in name else 0.2
        p.copy_((1 if "norm" in name and name.endswith("weight") else 0) + scale * noise)


def outputs(model: torch.nn.Module, batch: torch.Tensor, resized: bool = False) -> torch.Tensor:
    """The logits, or for a model without a head the class token after the last norm."""
    # DINOv2 always resizes its positions if necessary.
    told = {} if isinstance(model.config, (Dinov2Config, Dinov2WithRegistersConfig)) else dict(interpolate_pos_encoding=resized)
    out = model(pixel_values=batch, **told)
    return out.last_hidden_state[:, 0] if isinstance(model, (ViTModel, Dinov2Model)) else out.logits


def block_outputs(model: torch.nn.Module, batch: torch.Tensor) -> dict[str, torch.Tensor]:
    """The outputs of all blocks, [batch, tokens, width]."""
    found = []
    blocks = [module for name, module in model.named_modules() if name.split(".")[-2:-1] in (["layers"], ["layer"])]
    hooks = [block.register_forward_hook(lambda _, __, out: found.append(out)) for block in blocks]
    outputs(model, batch)
    for hook in hooks:
        hook.remove()
    assert len(found) == model.config.num_hidden_layers
    return {f"blocks.{i}": out for i, out in enumerate(found)}


@torch.no_grad()
def generate() -> None:
    logging.disable_progress_bar()
    for name, (architecture, config, processor), seed in chosen("huggingface-", MODELS):
        folder = FILES / f"huggingface-{name}"
        model = architecture(config)
        redraw(model, torch.Generator().manual_seed(seed))
        size, dtype = SHARDED.get(name, ("1GB", torch.float32))
        model.to(dtype).save_pretrained(folder, max_shard_size=size)
        for file in folder.glob("*.safetensors"):
            file.chmod(0o644)
        if isinstance(processor, dict):
            (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n")
        else:
            processor.save_pretrained(folder)

        # The test uses the model that a reader of the folder gets.
        model = architecture.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
        processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
        rng = np.random.default_rng(seed)
        inputs = []
        for file, (width, height) in IMAGES.items():
            Image.fromarray(picture(width, height, 3, rng)).save(folder / file)
            with Image.open(folder / file) as image:
                inputs.append(processor(image, return_tensors="pt")["pixel_values"][0])
        batch = torch.stack(inputs)
        logits = outputs(model, batch)
        results = [dict(file=file, logits=row.tolist()) for file, row in zip(IMAGES, logits)]
        model = model.double()
        exact = batch.double()
        tensors = {"images": batch.permute(0, 2, 3, 1), "logits": outputs(model, exact), **block_outputs(model, exact)}
        if name in RESIZED:
            # The images already have the size, so that only the positions are resized.
            larger = rng.integers(0, 256, (2, *RESIZED[name], 3), dtype=np.uint8)
            batch = processor(list(larger), do_resize=False, do_center_crop=False, return_tensors="pt")["pixel_values"]
            tensors["resized_images"] = torch.from_numpy(larger.astype("i4"))
            tensors["resized_logits"] = outputs(model, batch.double(), resized=True)
        document = {"seed": seed, "processor": type(processor).__name__, "results": results}
        write(f"huggingface-{name}/expected", document, tensors)
