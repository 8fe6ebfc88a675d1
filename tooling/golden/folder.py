"""vit-folder-tiny: a model folder in timm's format, images, and timm's logits for them."""

import numpy as np
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_data_config
from timm.models._hub import save_for_hf

from common import FILES, redraw, write

NAME = "vit-folder-tiny"
ARGS = dict(img_size=48, patch_size=16, embed_dim=48, depth=2, num_heads=3)
LABELS = ["n02123045", "n02123159", "n02123394", "n02123597", "n02124075", "n02125311", "n02127052"]
DESCRIPTIONS = ["tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat", "cougar", "lynx"]

# Width, height and mode of each image. The shortest side is resized to floor(48 / 0.9) = 53.
IMAGES = {
    "wide-rgb.png": (100, 75, "RGB"),
    "tall-rgb.png": (41, 97, "RGB"),
    "exact-rgb.png": (70, 53, "RGB"),
    "small-rgb.png": (31, 20, "RGB"),
    "grey.png": (90, 61, "L"),
    "alpha.png": (64, 79, "RGBA"),
}


def picture(width: int, height: int, channels: int, rng: np.random.Generator) -> np.ndarray:
    """Waves with hard edges and noise, for which wrong resizing gives clearly different values. [height, width, channels] bytes."""
    y, x = np.arange(height)[:, None, None], np.arange(width)[None, :, None]
    a, b, phase = rng.uniform(0.05, 0.4, channels), rng.uniform(0.05, 0.4, channels), rng.uniform(0, 6, channels)
    waves = 128 + 90 * np.sin(a * x + b * y + phase)
    edges = np.where((x // 9 + y // 7) % 3 == 0, 60.0, 0.0)
    return np.clip(waves - edges + rng.normal(0, 12, (height, width, channels)), 0, 255).astype(np.uint8)


@torch.no_grad()
def generate() -> None:
    generator = torch.Generator().manual_seed(400)
    model = timm.create_model(
        "vit_tiny_patch16_224", num_classes=len(LABELS), pretrained_cfg_overlay=dict(crop_pct=0.9, interpolation="bicubic"), **ARGS
    ).eval()
    redraw(model, generator)
    folder = FILES / NAME
    labels = dict(label_names=LABELS, label_descriptions=dict(zip(LABELS, DESCRIPTIONS)))
    save_for_hf(model, folder, model_config=labels, safe_serialization=True)

    # The test uses the model that a reader of the folder gets.
    (folder / "model.safetensors").chmod(0o644)
    model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    data = resolve_data_config({}, model=model)
    transform = create_transform(**data)
    rng = np.random.default_rng(400)
    inputs, results = [], []
    for name, (width, height, mode) in IMAGES.items():
        pixels = picture(width, height, len(mode), rng)
        Image.fromarray(pixels.squeeze(-1) if mode == "L" else pixels).save(folder / name)
        with Image.open(folder / name) as image:
            assert image.mode == mode, (name, image.mode)
            x = transform(image.convert("RGB"))
        logits = model(x[None])[0]
        order = logits.argsort(descending=True)[:5].tolist()
        probabilities = logits.softmax(0)
        top = [dict(index=i, label=LABELS[i], description=DESCRIPTIONS[i], probability=probabilities[i].item()) for i in order]
        inputs.append(x)
        results.append(dict(file=name, top=top, logits=logits.tolist()))
    batch = torch.stack(inputs)
    tensors = {"images": batch.permute(0, 2, 3, 1), "logits": model.double()(batch.double())}
    write(f"{NAME}/expected", {"seed": 400, "data_config": data, "shortest_side": int(48 / data["crop_pct"]), "results": results}, tensors)
