"""vit-*: outputs, gradients and intermediate values of small Vision Transformers of every kind that Vitrine can build."""

import timm
import torch
import torch.nn.functional as F

from timm.models.vision_transformer import ParallelScalingBlock, ParallelThingsBlock, ResPostBlock, VisionTransformer

from cases import chosen
from common import nchw, redraw, timm_config, vitrine_config, write

BATCH = 3
SMOOTHING = 0.1

# Each case is timm's vit_tiny_patch16_224, or another architecture, with these arguments.
CASES = {
    "token": dict(img_size=16, patch_size=4, embed_dim=18, depth=3, num_classes=5),
    "average": dict(img_size=12, patch_size=4, embed_dim=16, depth=2, num_heads=4, num_classes=7, global_pool="avg", class_token=False),
    "average-class-token": dict(img_size=12, patch_size=4, embed_dim=16, depth=2, num_heads=2, num_classes=4, global_pool="avg"),
    "average-norm-first": dict(img_size=12, patch_size=3, embed_dim=18, depth=2, num_heads=3, mlp_ratio=2, num_classes=3, global_pool="avg", class_token=False, fc_norm=False, act_layer="gelu_tanh"),
    "token-fc-norm": dict(img_size=10, patch_size=5, embed_dim=20, depth=2, num_heads=2, mlp_ratio=3, num_classes=6, fc_norm=True, act_layer="relu"),
    "no-positions": dict(img_size=12, patch_size=4, embed_dim=12, depth=2, num_heads=3, mlp_ratio=5, in_chans=1, num_classes=10, pos_embed="none"),
    "no-positions-average": dict(img_size=8, patch_size=4, embed_dim=16, depth=1, num_heads=1, in_chans=4, num_classes=2, pos_embed="none", global_pool="avg", fc_norm=False),
    "rectangle": dict(img_size=(24, 16), patch_size=(8, 4), embed_dim=18, depth=2, num_heads=6, mlp_ratio=2.5, num_classes=5, act_layer="gelu_tanh"),
    "features": dict(img_size=(8, 16), patch_size=4, embed_dim=12, depth=2, num_heads=3, num_classes=0),
    "features-average": dict(img_size=8, patch_size=2, embed_dim=12, depth=2, num_heads=2, num_classes=0, global_pool="avg", class_token=False),
    "one-patch": dict(img_size=6, patch_size=6, embed_dim=16, depth=2, num_heads=2, num_classes=3, global_pool="avg", class_token=False),
    "map": dict(img_size=(12, 16), patch_size=4, embed_dim=16, depth=2, num_heads=2, mlp_ratio=2.7, num_classes=5, global_pool="map", class_token=False, act_layer="gelu_tanh"),
    "map-prefix": dict(img_size=8, patch_size=4, embed_dim=12, depth=2, num_heads=3, mlp_ratio=2, num_classes=4, global_pool="map", reg_tokens=1, pool_include_prefix=True, init_values=1e-5, fc_norm=True),
    "registers": dict(img_size=(8, 12), patch_size=4, embed_dim=12, depth=2, num_heads=2, num_classes=3, reg_tokens=2, no_embed_class=True, init_values=1e-5),
    "registers-positions": dict(img_size=8, patch_size=4, embed_dim=12, depth=2, num_heads=2, num_classes=4, class_token=False, reg_tokens=3, global_pool="avg", init_values=0.1),
    "deit3": dict(img_size=12, patch_size=4, embed_dim=12, depth=2, num_heads=3, num_classes=4, no_embed_class=True, init_values=1e-6, in_chans=1),
    "qk-norm": dict(img_size=8, patch_size=4, embed_dim=16, depth=2, num_heads=2, mlp_ratio=3, num_classes=5, qk_norm=True, qkv_bias=False, proj_bias=False, act_layer="relu"),
    "qk-norm-prefix": dict(img_size=8, patch_size=4, embed_dim=12, depth=2, num_heads=2, num_classes=3, qk_norm=True, reg_tokens=1, global_pool="avg", pool_include_prefix=True, final_norm=False, act_layer="silu"),
    "clip": dict(architecture="vit_base_patch16_clip_quickgelu_224", img_size=8, patch_size=4, embed_dim=12, depth=2, num_heads=3, num_classes=6),
    "clip-qkv": dict(architecture="vit_base_patch16_clip_224", img_size=(8, 4), patch_size=4, embed_dim=12, depth=2, num_heads=1, num_classes=4, qkv_bias=False, global_pool="avg", fc_norm=False),
    "swiglu": dict(architecture="vit_giant_patch14_dinov2", img_size=8, patch_size=4, embed_dim=12, depth=2, num_heads=2, mlp_ratio=4, num_classes=0, reg_tokens=2),
    "swiglu-map": dict(architecture="vit_giant_patch14_dinov2", img_size=8, patch_size=4, embed_dim=12, depth=1, num_heads=2, mlp_ratio=3, num_classes=4, global_pool="map"),
    "rms": dict(architecture="test_vit4", img_size=(8, 12), patch_size=4, embed_dim=12, depth=2, num_heads=2, num_classes=4, qk_norm=True),
    "aimv2": dict(architecture="aimv2_large_patch14_224", img_size=(12, 8), patch_size=4, embed_dim=16, depth=2, num_heads=2, num_classes=5),
    "aimv2-map": dict(architecture="aimv2_large_patch14_224", img_size=8, patch_size=4, embed_dim=12, depth=1, num_heads=2, mlp_ratio=3, num_classes=4, global_pool="map"),
    "beit3": dict(architecture="beit3_base_patch16_224", img_size=8, patch_size=4, embed_dim=12, depth=2, num_heads=3, num_classes=4),
    "post-norm": dict(architecture="vit_base_patch16_rpn_224", img_size=(8, 12), patch_size=4, embed_dim=12, depth=2, num_heads=2, num_classes=3),
    "paired": dict(architecture="vit_small_patch16_18x2_224", img_size=(8, 12), patch_size=4, embed_dim=12, depth=2, num_heads=2, num_classes=3, qk_norm=True),
    "joint": dict(architecture="vit_base_patch16_xp_224", img_size=(12, 8), patch_size=4, embed_dim=12, depth=2, num_heads=3, mlp_ratio=2, num_classes=4),
    "joint-scaled": dict(architecture="vit_pwee_patch16_reg1_gap_256", img_size=8, patch_size=4, embed_dim=16, depth=2, num_heads=2, mlp_ratio=3, num_classes=3),
    "distilled": dict(architecture="deit_tiny_distilled_patch16_224", img_size=8, patch_size=4, embed_dim=18, depth=2, num_classes=5),
    "distilled-features": dict(architecture="deit_tiny_distilled_patch16_224", img_size=(8, 12), patch_size=4, embed_dim=12, depth=2, num_classes=0),
    "token-average": dict(architecture="token_average", img_size=(8, 12), patch_size=4, embed_dim=12, depth=2, num_heads=2, num_classes=5, reg_tokens=2, init_values=0.1),
    "token-average-features": dict(architecture="token_average", img_size=8, patch_size=4, embed_dim=12, depth=2, num_heads=2, num_classes=0),
}


class TokenAverage(VisionTransformer):
    """The input of the classifier in transformers' DINOv2: the class token and the mean of the patches, side by side."""

    def __init__(self, **args) -> None:
        super().__init__(**args)
        self.global_pool = "token+average"
        if self.num_classes:
            self.head = torch.nn.Linear(2 * self.embed_dim, self.num_classes)

    def pool(self, x, pool_type=None):
        return torch.cat([x[:, 0], x[:, self.num_prefix_tokens :].mean(1)], 1)


def build(architecture: str = "vit_tiny_patch16_224", **args):
    return TokenAverage(**args) if architecture == "token_average" else timm.create_model(architecture, **args)


def soft_targets(batch: int, classes: int, generator: torch.Generator) -> torch.Tensor:
    """A mix of two labels for each image, smoothed: [batch, classes]."""
    first, second = torch.randint(0, classes, (2, batch), generator=generator)
    share = torch.rand(batch, 1, generator=generator)
    mixed = share * F.one_hot(first, classes) + (1 - share) * F.one_hot(second, classes)
    return mixed * (1 - SMOOTHING) + SMOOTHING / classes


def loss_of(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    each = -(targets * logits.log_softmax(1)).sum(1)
    return (weights * each).sum() / weights.sum()


def inputs_of(model, size, channels: int, outputs: int, generator: torch.Generator, batch: int = BATCH) -> dict[str, torch.Tensor]:
    """The parameters of a model, and random images, targets and weights for it."""
    images = torch.randn(batch, *size, channels, generator=generator)
    targets = soft_targets(batch, outputs, generator)
    weights = 0.5 + torch.rand(batch, generator=generator)
    tensors = {f"param.{k}": v.detach().clone() for k, v in model.named_parameters()}
    return tensors | {"images": images, "targets": targets, "weights": weights}


def outputs_of(model, inputs: dict[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], float, dict[str, torch.Tensor]]:
    """The logits and gradients, the loss, and the values from `hooked`, in float64."""
    images, targets, weights = (inputs[name].double() for name in ("images", "targets", "weights"))
    model.double()
    logits, seen = hooked(model, nchw(images))
    loss = loss_of(logits, targets, weights)
    loss.backward()
    tensors = {f"grad.{k}": v.grad for k, v in model.named_parameters()}
    return tensors | {"logits": logits.detach()}, loss.item(), seen


def hooked(model, x: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The model's outputs, and the inputs (`name<`) and outputs (`name`) of its modules."""
    seen: dict[str, torch.Tensor] = {}

    def keep(name):
        def hook(module, inputs, output):
            seen[f"{name}<"], seen[name] = inputs[0].detach(), output.detach()
        return hook

    handles = [m.register_forward_hook(keep(name)) for name, m in model.named_modules() if name]
    logits = model(x)
    for handle in handles:
        handle.remove()
    return logits, seen


@torch.no_grad()
def taps_of(model, seen: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    taps = {"patch_embed": seen["patch_embed.norm<"].flatten(1, -2), "tokens": seen["blocks.0<"]}
    for i, block in enumerate(model.blocks):
        at = f"blocks.{i}"
        x = seen[f"{at}<"]
        taps[at] = seen[at]
        if isinstance(block, ParallelThingsBlock):
            for j in range(2):
                taps |= {f"{at}.attns.{j}.norm": seen[f"{at}.attns.{j}.norm"], f"{at}.attns.{j}.attn.proj": seen[f"{at}.attns.{j}.attn"]}
                taps[f"{at}.ffns.{j}.mlp.output"] = seen[f"{at}.ffns.{j}.mlp"]
            continue
        if isinstance(block, ParallelScalingBlock):
            taps |= {f"{at}.in_norm": seen[f"{at}.in_norm"], f"{at}.mlp_hidden": seen[f"{at}.mlp_drop"]}
            taps |= {f"{at}.{part}": seen[f"{at}.{part}_norm"].transpose(1, 2) for part in "qk"}
            continue
        batch, tokens, dim = x.shape
        heads = block.attn.num_heads
        qkv = seen[f"{at}.attn.qkv"].reshape(batch, tokens, 3, heads, dim // heads)
        v = qkv.permute(2, 0, 3, 1, 4)[2]
        q, k = seen[f"{at}.attn.q_norm"], seen[f"{at}.attn.k_norm"]
        scores = q @ k.transpose(-2, -1) / (dim // heads) ** 0.5
        attention = scores.softmax(-1)
        context = attention @ v
        torch.testing.assert_close(context.transpose(1, 2).flatten(2), seen[f"{at}.attn.norm<"], rtol=1e-12, atol=1e-12)
        post = isinstance(block, ResPostBlock)
        mid = x + seen[f"{at}.norm1" if post else f"{at}.ls1"]
        torch.testing.assert_close(mid, seen[f"{at}.mlp<" if post else f"{at}.norm2<"], rtol=0, atol=0)
        taps |= {
            f"{at}.norm1": seen[f"{at}.norm1"],
            f"{at}.q": q,
            f"{at}.k": k,
            f"{at}.v": v,
            f"{at}.scores": scores,
            f"{at}.attn": attention,
            f"{at}.context": context,
            f"{at}.proj": seen[f"{at}.attn"],
            f"{at}.mid": mid,
            f"{at}.norm2": seen[f"{at}.norm2"],
            f"{at}.mlp_hidden": seen[f"{at}.mlp.drop1"],
            f"{at}.mlp": seen[f"{at}.mlp"],
            at: seen[at],
        }
    if not isinstance(model.norm, torch.nn.Identity):
        taps["norm"] = seen["norm"]
    if hasattr(model, "dist_token"):
        taps["pooled"] = taps["features"] = seen["norm"][:, :2].mean(1)
    else:
        taps["pooled"], taps["features"] = seen["fc_norm<"], seen["fc_norm"]
    return {f"tap.{name}": tap.double() for name, tap in taps.items()}


def make(name: str, args: dict, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    model = build(**args).eval()
    redraw(model, generator)
    config = vitrine_config(model)
    outputs = config["classes"] or config["dim"] * (2 if config["pool"] == "token+average" else 1)
    tensors = inputs_of(model, config["imageSize"], config["channels"], outputs, generator)
    with torch.no_grad():
        tensors["logits_f32"] = model(nchw(tensors["images"]))
    results, loss, seen = outputs_of(model, tensors)
    tensors |= results | taps_of(model, seen)
    timm_document = {} if isinstance(model, TokenAverage) else {"timm": timm_config(model)}
    document = {**timm_document, "config": config, "seed": seed, "label_smoothing": SMOOTHING, "loss": loss}
    write(f"vit-{name}", document, tensors)


def generate() -> None:
    for name, args, seed in chosen("vit-", CASES):
        make(name, args, seed)
