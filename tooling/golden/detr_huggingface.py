"""huggingface-detr*: folders of narrow DETR models of transformers, with ResNets of timm and of transformers; images, and the models' outputs."""

import numpy as np
import torch
from PIL import Image
from timm.models import register_model
from timm.models._builder import build_model_with_cfg
from timm.models.resnet import Bottleneck, ResNet
from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig
from transformers.models.detr.image_processing_pil_detr import DetrImageProcessorPil

from cases import chosen
from common import FILES, write
from folder import picture
from resnet import drawn

LABELS = ["cat", "remote", "couch"]
# Width and height. The images have both orientations. One is so long that the limit of the longest side applies.
IMAGES = {"wide.png": (101, 75), "tall.png": (41, 97), "long.png": (150, 31)}
SIZE = dict(
    d_model=24, num_queries=6, encoder_layers=2, decoder_layers=2, encoder_attention_heads=3, decoder_attention_heads=3,
    encoder_ffn_dim=20, decoder_ffn_dim=20, dropout=0.1,
    id2label=dict(enumerate(LABELS)), label2id={name: i for i, name in enumerate(LABELS)},
)


@register_model
def narrow_resnet(pretrained=False, **kwargs):
    args = dict(block=Bottleneck, layers=[1, 1, 1, 2], channels=(4, 4, 6, 8))
    return build_model_with_cfg(ResNet, "narrow_resnet", pretrained, **args, **kwargs)


def timm(dilation: bool) -> DetrConfig:
    return DetrConfig(**SIZE, use_timm_backbone=True, backbone="narrow_resnet", dilation=dilation)


def native(**args) -> DetrConfig:
    backbone = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 12, 16, 20], depths=[1, 2, 1, 1], layer_type="basic", out_features=["stage4"],
    )
    return DetrConfig(**SIZE | args, use_timm_backbone=False, backbone=None, backbone_config=backbone)


MODELS = {
    "detr": lambda: timm(False),
    "detr-dilated": lambda: timm(True),
    "detr-native": native,
    # Then there are norms between the decoder's layers.
    "detr-auxiliary": lambda: native(auxiliary_loss=True, decoder_layers=3),
}


@torch.no_grad()
def redraw(model: torch.nn.Module, generator: torch.Generator) -> None:
    for name, value in model.state_dict().items():
        noise = torch.randn(value.shape, generator=generator)
        if value.dim() == 4 or "backbone" in name or "norm" in name:
            value.copy_(drawn(name, noise))
        else:
            value.copy_(noise if "query" in name else 0.3 * noise)


@torch.no_grad()
def make(name: str, config: DetrConfig, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    folder = FILES / f"huggingface-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    model = DetrForObjectDetection(config).eval()
    redraw(model, generator)
    model.save_pretrained(folder)
    processor = DetrImageProcessorPil(size=dict(shortest_edge=64, longest_edge=90))
    processor.save_pretrained(folder)
    images = []
    rng = np.random.default_rng(seed)
    for file, (width, height) in IMAGES.items():
        Image.fromarray(picture(width, height, 3, rng)).save(folder / file)
        images.append(Image.open(folder / file).convert("RGB"))
    inputs = processor(images, return_tensors="pt")
    model.double()
    seen = {}
    for kind in ("encoder", "decoder"):
        for i, layer in enumerate(getattr(model.model, kind).layers):
            at = f"tap.transformer.{kind}.layers.{i}"
            layer.register_forward_hook(lambda _m, _i, out, at=at: seen.update({at: out[0] if isinstance(out, tuple) else out}))
    out = model(inputs.pixel_values.double(), inputs.pixel_mask)
    found = processor.post_process_object_detection(out, 0.4, [(h, w) for w, h in IMAGES.values()])
    tensors = {
        "images": inputs.pixel_values.permute(0, 2, 3, 1), "mask": inputs.pixel_mask.float(),
        "logits": out.logits, "boxes": out.pred_boxes, **seen,
    }
    alone = {}
    for file, image in zip(IMAGES, images):
        one = processor(image, return_tensors="pt")
        result = model(one.pixel_values.double(), one.pixel_mask)
        alone |= {f"alone.{file}.logits": result.logits[0], f"alone.{file}.boxes": result.pred_boxes[0]}
    tensors |= alone
    detections = {
        file: {key: value.tolist() for key, value in each.items()} for file, each in zip(IMAGES, found)
    }
    write(f"huggingface-{name}/expected", {"threshold": 0.4, "detections": detections}, tensors)
    for path in folder.iterdir():
        path.chmod(0o644)


def generate() -> None:
    for name, config, seed in chosen("huggingface-", MODELS):
        make(name, config(), seed)
