"""plan: parameters of timm's models and of DETR, and the operations of one image as PyTorch counts them."""

import timm
import torch
from transformers import DetrConfig, DetrForObjectDetection

from common import write
from flops import count

ARCHITECTURES = """
beit3_base_patch16_224 deit3_base_patch16_224 deit3_huge_patch14_224 deit3_large_patch16_384 deit3_medium_patch16_224
deit_base_distilled_patch16_384 deit_base_patch16_224 deit_small_distilled_patch16_224 deit_tiny_patch16_224
eva02_base_patch14_224 eva02_base_patch16_clip_224 eva02_tiny_patch14_336 eva_giant_patch14_224 eva_large_patch14_196
flexivit_small resnetv2_101x1_bit resnetv2_101x3_bit resnetv2_152x2_bit resnetv2_152x4_bit resnetv2_50x1_bit resnetv2_50x3_bit
vit_7b_patch16_dinov3 vit_base_patch14_dinov2 vit_base_patch14_reg4_dinov2 vit_base_patch16_224 vit_base_patch16_384
vit_base_patch16_clip_224 vit_base_patch16_dinov3 vit_base_patch16_gap_224 vit_base_patch16_plus_240
vit_base_patch16_rope_mixed_224 vit_base_patch16_siglip_224 vit_base_patch16_siglip_gap_512 vit_base_patch16_xp_224
vit_base_patch32_224 vit_base_patch8_224 vit_base_r26_s32_224 vit_base_r50_s16_384 vit_betwixt_patch16_reg4_gap_256
vit_giant_patch14_dinov2 vit_gigantic_patch14_clip_224 vit_huge_patch14_224 vit_large_patch14_clip_336
vit_large_patch16_224 vit_large_patch32_384 vit_large_r50_s32_224 vit_medium_patch16_gap_240
vit_mediumd_patch16_rope_reg1_gap_256 vit_pe_core_tiny_patch16_384 vit_small_patch16_36x1_224 vit_small_patch32_384
vit_small_plus_patch16_dinov3 vit_small_r26_s32_224 vit_so400m_patch14_siglip_224 vit_tiny_patch16_224
vit_tiny_r_s16_p8_224 vit_wee_patch16_reg1_gap_256
""".split()

# The backbones, sizes and images of DETR.
DETECTORS = {
    "detr-resnet-50": dict(backbone="resnet50", image=(480, 640)),
    "detr-resnet-101": dict(backbone="resnet101", image=(320, 448)),
    "detr-small": dict(backbone="resnet50", image=(256, 256), d_model=128, encoder_layers=3, decoder_layers=2, num_queries=25),
}


class Predictions(torch.nn.Module):
    """DETR as it is trained: every layer of the decoder makes predictions."""

    def __init__(self, model: DetrForObjectDetection):
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        outputs = self.model(pixel_values=images)
        for _ in range(self.model.config.decoder_layers - 1):
            self.model.class_labels_classifier(outputs.last_hidden_state)
            self.model.bbox_predictor(outputs.last_hidden_state)
        return outputs.logits, outputs.pred_boxes


def detector(backbone: str, **args) -> DetrForObjectDetection:
    heads = dict(encoder_attention_heads=8, decoder_attention_heads=8)
    labels = dict(id2label={i: str(i) for i in range(91)}, label2id={str(i): i for i in range(91)})
    return DetrForObjectDetection(
        DetrConfig(use_timm_backbone=True, backbone=backbone, use_pretrained_backbone=False, **heads, **labels, **args)
    )


def generate() -> None:
    rows = []
    for name in ARCHITECTURES:
        with torch.device("meta"):
            model = timm.create_model(name, num_classes=1000)
        size = model.pretrained_cfg["input_size"]
        parameters = sum(p.numel() for p in model.parameters())
        rows.append(
            {"architecture": name, "imageSize": list(size[1:]), "parameters": parameters, "flops": count(model, 3, size[1:])}
        )
    detectors = []
    for name, args in DETECTORS.items():
        image = args["image"]
        model = detector(**{key: value for key, value in args.items() if key != "image"})
        parameters = sum(p.numel() for p in model.parameters())
        detectors.append({"name": name, "imageSize": list(image), "parameters": parameters, "flops": count(Predictions(model), 3, image)})
    write("plan", {"classifiers": rows, "detectors": detectors})
