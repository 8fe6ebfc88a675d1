"""bit-folder, bit-huggingface: BiT ResNets in the formats of timm, transformers and Google, and their logits for images."""

import numpy as np
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_data_config
from timm.models._hub import save_for_hf
from transformers import BitConfig, BitForImageClassification
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil

from bit import CASES, build
from common import FILES, redraw, write
from folder import IMAGES, NAME

# Arguments that a model's name does not determine.
ARGS = dict(channels=(32, 64), stem_chs=16, norm_layer="groupnorm1", num_classes=4)
SIZE = (45, 37)
LABELS = ["tench", "goldfish", "great white shark"]
CONFIG = BitConfig(
    embedding_size=16,
    hidden_sizes=[32, 64, 96],
    depths=[2, 1, 1],
    num_groups=4,
    id2label=dict(enumerate(LABELS)),
    label2id={name: i for i, name in enumerate(LABELS)},
)
PROCESSOR = BitImageProcessorPil(
    size=dict(shortest_edge=43),
    crop_size=dict(height=39, width=39),
    image_mean=[0.5, 0.4, 0.6],
    image_std=[0.5, 0.6, 0.4],
)


def published() -> tuple[torch.nn.Module, torch.Tensor]:
    model = timm.create_model("resnetv2_50x1_bit", pretrained_cfg_overlay=dict(input_size=(3, *SIZE)), **ARGS)
    redraw(model, torch.Generator().manual_seed(910))
    folder = FILES / "bit-folder"
    save_for_hf(model, folder, model_args=ARGS, safe_serialization=True)
    (folder / "model.safetensors").chmod(0o644)
    model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    transform = create_transform(**resolve_data_config({}, model=model))
    inputs = []
    for file in IMAGES:
        with Image.open(FILES / NAME / file) as image:
            inputs.append(transform(image.convert("RGB")))
    return model, torch.stack(inputs)


def of_transformers() -> tuple[torch.nn.Module, torch.Tensor]:
    model = BitForImageClassification(CONFIG).eval()
    redraw(model, torch.Generator().manual_seed(911))
    folder = FILES / "bit-huggingface"
    model.save_pretrained(folder)
    PROCESSOR.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)
    inputs = []
    for file in IMAGES:
        with Image.open(FILES / NAME / file) as image:
            inputs.append(PROCESSOR(image.convert("RGB"), return_tensors="pt")["pixel_values"][0])
    return model, torch.stack(inputs)


def of_google() -> tuple[torch.nn.Module, torch.Tensor]:
    """`bit-odd.npz` with the ε and the preprocessing of google-research/big_transfer: squashed, in [-1, 1]."""
    args = dict(CASES["odd"])
    height, width = args.pop("image")
    model = build(**args).eval()
    model.load_pretrained(str(FILES / "bit-odd.npz"))
    for module in model.modules():
        if isinstance(module, timm.layers.StdConv2d):
            module.eps = 1e-10
    inputs = []
    for file in IMAGES:
        with Image.open(FILES / NAME / file) as image:
            squashed = np.asarray(image.convert("RGB").resize((width, height), Image.BILINEAR), np.float32)
        inputs.append(torch.from_numpy(squashed / 127.5 - 1).permute(2, 0, 1))
    return model, torch.stack(inputs)


@torch.no_grad()
def generate() -> None:
    document = {"images": f"{NAME}/", "files": list(IMAGES)}
    model, images = published()
    write("bit-folder/expected", document, {"logits": model.double()(images.double())})
    model, images = of_google()
    write("bit-folder/google", document, {"logits": model.double()(images.double())})
    model, images = of_transformers()
    write("bit-huggingface/expected", document, {"logits": model.double()(images.double()).logits})
