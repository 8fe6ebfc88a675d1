"""vit-*: outputs, gradients and inner values of small Vision Transformers of every kind that Vitrine can build."""

import timm
import torch
import torch.nn.functional as F

from common import nchw, redraw, timm_config, vitrine_config, write

BATCH = 3
SMOOTHING = 0.1

# Each is timm's vit_tiny_patch16_224 with these arguments.
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
}


def soft_targets(classes: int, generator: torch.Generator) -> torch.Tensor:
    """Two labels mixed for each image, then smoothed: [batch, classes]."""
    first, second = torch.randint(0, classes, (2, BATCH), generator=generator)
    share = torch.rand(BATCH, 1, generator=generator)
    mixed = share * F.one_hot(first, classes) + (1 - share) * F.one_hot(second, classes)
    return mixed * (1 - SMOOTHING) + SMOOTHING / classes


def loss_of(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    each = -(targets * logits.log_softmax(1)).sum(1)
    return (weights * each).sum() / weights.sum()


def hooked(model, x: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The model's outputs, and what its own modules took in (`name<`) and gave out (`name`)."""
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
    taps = {"patch_embed": seen["patch_embed"], "tokens": seen["blocks.0<"]}
    for i, block in enumerate(model.blocks):
        at = f"blocks.{i}"
        x = seen[f"{at}<"]
        batch, tokens, dim = x.shape
        heads = block.attn.num_heads
        qkv = seen[f"{at}.attn.qkv"].reshape(batch, tokens, 3, heads, dim // heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / (dim // heads) ** 0.5
        attention = scores.softmax(-1)
        context = attention @ v
        torch.testing.assert_close(context.transpose(1, 2).flatten(2), seen[f"{at}.attn.proj<"], rtol=1e-12, atol=1e-12)
        mid = x + seen[f"{at}.attn"]
        torch.testing.assert_close(mid, seen[f"{at}.norm2<"], rtol=0, atol=0)
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
            f"{at}.mlp_hidden": seen[f"{at}.mlp.act"],
            f"{at}.mlp": seen[f"{at}.mlp"],
            at: seen[at],
        }
    if isinstance(model.norm, torch.nn.LayerNorm):
        taps["norm"] = seen["norm"]
    taps["pooled"] = seen["fc_norm<"]
    taps["features"] = seen["fc_norm"]
    return {f"tap.{name}": tap.double() for name, tap in taps.items()}


def make(name: str, args: dict, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    model = timm.create_model("vit_tiny_patch16_224", **args).eval()
    redraw(model, generator)
    config = vitrine_config(model)
    height, width = config["imageSize"]
    images = torch.randn(BATCH, height, width, config["channels"], generator=generator)
    outputs = config["classes"] or config["dim"]
    targets = soft_targets(outputs, generator)
    weights = 0.5 + torch.rand(BATCH, generator=generator)
    tensors = {f"param.{k}": v.detach().clone() for k, v in model.named_parameters()}
    tensors |= {"images": images, "targets": targets, "weights": weights}
    with torch.no_grad():
        tensors["logits_f32"] = model(nchw(images))

    model.double()
    logits, seen = hooked(model, nchw(images.double()))
    loss = loss_of(logits, targets.double(), weights.double())
    loss.backward()
    tensors |= {f"grad.{k}": v.grad for k, v in model.named_parameters()}
    tensors["logits"] = logits.detach()
    tensors |= taps_of(model, seen)
    document = {"timm": timm_config(model), "config": config, "seed": seed, "label_smoothing": SMOOTHING, "loss": loss.item()}
    write(f"vit-{name}", document, tensors)


def generate() -> None:
    for seed, (name, args) in enumerate(CASES.items(), start=100):
        make(name, args, seed)
