"""The side of transformers in detection.mjs: python detection.py JOB.json trains a DETR and writes what it finds."""

import json
import math
import sys
from functools import partial

import torch
from safetensors.torch import load_file, save_file
from timm.layers import GroupNormAct, HybridEmbed, StdConv2dSame
from timm.models.resnetv2 import ResNetV2
from timm.models.vision_transformer import VisionTransformer
from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig


class Features(torch.nn.Module):
    """A hybrid ViT of timm's as the backbone of a DETR of transformers."""

    def __init__(self, config: dict):
        super().__init__()
        stem = config["stem"]
        parts = dict(stem_type="same", preact=False, conv_layer=partial(StdConv2dSame, eps=1e-8), norm_layer=partial(GroupNormAct, num_groups=stem["groups"]))
        channels = [4 * stem["width"] * 2**i for i in range(len(stem["depths"]))]
        backbone = ResNetV2(layers=stem["depths"], channels=channels, stem_chs=stem["width"], num_classes=0, global_pool="", **parts)
        self.vit = VisionTransformer(
            img_size=tuple(config["imageSize"]), patch_size=tuple(config["patchSize"]), embed_dim=config["dim"], depth=config["depth"],
            num_heads=config["heads"], mlp_ratio=config["mlpDim"] / config["dim"], class_token=False, global_pool="avg", num_classes=0,
            embed_layer=partial(HybridEmbed, backbone=backbone),
        )
        self.intermediate_channel_sizes = [config["dim"]]

    def forward(self, pixel_values: torch.Tensor, pixel_mask: torch.Tensor):
        tokens = self.vit.fc_norm(self.vit.forward_features(pixel_values))
        grid = self.vit.patch_embed.grid_size
        maps = tokens.transpose(1, 2).unflatten(2, grid)
        return [(maps, torch.ones(maps.shape[0], *grid, dtype=torch.bool))]


def build(job: dict) -> DetrForObjectDetection:
    model = job["model"]
    config = DetrConfig(
        use_timm_backbone=False, backbone=None, use_pretrained_backbone=False,
        backbone_config=ResNetConfig(embedding_size=8, hidden_sizes=[8], depths=[1], layer_type="basic", out_features=["stage1"]),
        num_labels=model["classes"], num_queries=model["queries"], d_model=model["dim"], auxiliary_loss=True, dropout=0.0,
        encoder_layers=model["encoderDepth"], encoder_ffn_dim=model["mlpDim"], encoder_attention_heads=model["heads"],
        decoder_layers=model["decoderDepth"], decoder_ffn_dim=model["mlpDim"], decoder_attention_heads=model["heads"],
    )
    detector = DetrForObjectDetection(config)
    backbone = Features(model["backbone"]["config"])
    missing, unexpected = backbone.vit.load_state_dict(load_file(job["start"]), strict=False)
    assert not unexpected and not missing, (missing, unexpected)
    detector.model.backbone = backbone
    detector.model.input_projection = torch.nn.Conv2d(model["backbone"]["config"]["dim"], model["dim"], kernel_size=1)
    return detector


def main(path: str) -> None:
    job = json.load(open(path))
    recipe, steps = job["recipe"], job["steps"]
    torch.manual_seed(job["seed"])
    torch.set_num_threads(job["threads"])
    detector = build(job)
    print(f"  {sum(p.numel() for p in detector.parameters()):,} parameters")
    images = load_file(job["images"])
    normal = lambda bytes: (bytes.permute(0, 3, 1, 2).float() / 255 - recipe["mean"]) / recipe["std"]

    # Matrices decay, tables of positions and queries do not.
    matrix = lambda name, p: p.ndim >= 2 and "pos_embed" not in name and "query_position" not in name
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
        if (step + 1) % 500 == 0:
            print(f"  step {step + 1}  loss {loss.item():.3f}", flush=True)

    detector.eval()
    with torch.no_grad():
        found = [detector(pixel_values=normal(part)) for part in images["test"].split(size)]
    save_file({"logits": torch.cat([f.logits for f in found]), "boxes": torch.cat([f.pred_boxes for f in found])}, job["found"])


if __name__ == "__main__":
    main(sys.argv[1])
