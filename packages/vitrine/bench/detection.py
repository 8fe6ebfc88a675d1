"""The side of transformers in detection.mjs: python detection.py JOB.json trains a DETR and writes what it finds."""

import json
import math
import re
import sys
from collections.abc import Iterator

import torch
from safetensors.torch import load_file, save_file
from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig
from transformers.models.detr.modeling_detr import DetrFrozenBatchNorm2d


def build(job: dict) -> DetrForObjectDetection:
    """A DETR of transformers, with group norms in the place of frozen batch norms and a stem that learns."""
    model = job["model"]
    stem = model["backbone"]["config"]
    backbone = ResNetConfig(
        embedding_size=stem["stemWidth"], hidden_sizes=stem["widths"], depths=stem["depths"], layer_type=stem["block"],
        out_features=[f"stage{len(stem['widths'])}"],
    )
    detector = DetrForObjectDetection(DetrConfig(
        use_timm_backbone=False, use_pretrained_backbone=False, backbone_config=backbone,
        num_labels=model["classes"], num_queries=model["queries"], d_model=model["dim"], auxiliary_loss=True, dropout=0.0,
        encoder_layers=model["encoderDepth"], encoder_ffn_dim=model["mlpDim"], encoder_attention_heads=model["heads"],
        decoder_layers=model["decoderDepth"], decoder_ffn_dim=model["mlpDim"], decoder_attention_heads=model["heads"],
    ))
    for module in list(detector.modules()):
        for name, child in module.named_children():
            if isinstance(child, DetrFrozenBatchNorm2d):
                channels = child.weight.numel()
                setattr(module, name, torch.nn.GroupNorm(channels // 8 if channels % 8 == 0 else 1, channels))
    return detector.requires_grad_(True)


def renamed(name: str, value: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """A tensor of facebookresearch's DETR as transformers names it: one, or three of an attention's input."""
    for pattern, replacement in (
        (r"^backbone\.0\.body\.(conv|bn)1\.", r"model.backbone.model.embedder.embedder.\1."),
        (r"^backbone\.0\.body\.layer(\d+)\.(\d+)\.", lambda m: f"model.backbone.model.encoder.stages.{int(m[1]) - 1}.layers.{m[2]}."),
        (r"\.(conv|bn)(\d+)\.", lambda m: f".layer.{int(m[2]) - 1}.{m[1]}."),
        (r"\.downsample\.([01])\.", lambda m: f".shortcut.{('conv', 'bn')[int(m[1])]}."),
        (r"\.conv\.", ".convolution."),
        (r"\.bn\.", ".normalization."),
        (r"^input_proj\.", "model.input_projection."),
        (r"^query_embed\.", "model.query_position_embeddings."),
        (r"^class_embed\.", "class_labels_classifier."),
        (r"^bbox_embed\.", "bbox_predictor."),
        (r"^transformer\.decoder\.norm\.", "model.decoder.layernorm."),
        (r"^transformer\.(encoder\.layers\.\d+)\.norm2\.", r"model.\1.final_layer_norm."),
        (r"^transformer\.(decoder\.layers\.\d+)\.norm3\.", r"model.\1.final_layer_norm."),
        (r"^transformer\.", "model."),
        (r"\.norm1\.", ".self_attn_layer_norm."),
        (r"\.norm2\.", ".encoder_attn_layer_norm."),
        (r"\.multihead_attn\.", ".encoder_attn."),
        (r"\.out_proj\.", ".o_proj."),
        (r"\.linear([12])\.", r".mlp.fc\1."),
    ):
        name = re.sub(pattern, replacement, name)
    if "in_proj_" not in name:
        yield name, value
        return
    for letter, part in zip("qkv", value.chunk(3)):
        yield name.replace("in_proj_", f"{letter}_proj."), part


def main(path: str) -> None:
    job = json.load(open(path))
    recipe, steps = job["recipe"], job["steps"]
    torch.manual_seed(job["seed"])
    torch.set_num_threads(job["threads"])
    detector = build(job)
    weights = load_file(job["weights"])
    detector.load_state_dict(dict(pair for name, value in weights.items() for pair in renamed(name, value)))
    print(f"  {sum(p.numel() for p in detector.parameters()):,} parameters")
    images = load_file(job["images"])
    normal = lambda bytes: (bytes.permute(0, 3, 1, 2).float() / 255 - recipe["mean"]) / recipe["std"]

    # Matrices decay, queries do not.
    matrix = lambda name, p: p.ndim >= 2 and "query_position" not in name
    named = list(detector.named_parameters())
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for n, p in named if matrix(n, p)], "weight_decay": recipe["weightDecay"]},
            {"params": [p for n, p in named if not matrix(n, p)], "weight_decay": 0.0},
        ],
        lr=recipe["learningRate"],
    )
    warm = int(recipe["warmup"] * steps)
    rate = lambda t: (t + 1) / warm if t < warm else 0.5 * (1 + math.cos(math.pi * (t - warm) / (steps - warm)))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)

    size = recipe["batchSize"]
    count = len(job["train"])
    order: list[int] = []
    detector.train()
    for step in range(steps):
        if len(order) < size:
            order = torch.randperm(count).tolist()
        chosen, order = order[:size], order[size:]
        pixels = normal(images["train"][chosen])
        labels = []
        for row, i in enumerate(chosen):
            boxes = torch.tensor(job["train"][i]["boxes"], dtype=torch.float32).reshape(-1, 4)
            if torch.rand(()) < 0.5:
                pixels[row] = pixels[row].flip(-1)
                boxes[:, 0] = 1 - boxes[:, 0]
            labels.append({"class_labels": torch.tensor(job["train"][i]["labels"], dtype=torch.long), "boxes": boxes})
        loss = detector(pixel_values=pixels, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(detector.parameters(), recipe["clip"])
        optimizer.step()
        schedule.step()
        if (step + 1) % 250 == 0:
            print(f"  step {step + 1}  loss {loss.item():.3f}", flush=True)

    detector.eval()
    with torch.no_grad():
        found = [detector(pixel_values=normal(part)) for part in images["test"].split(size)]
    save_file({"logits": torch.cat([f.logits for f in found]), "boxes": torch.cat([f.pred_boxes for f in found])}, job["found"])


if __name__ == "__main__":
    main(sys.argv[1])
