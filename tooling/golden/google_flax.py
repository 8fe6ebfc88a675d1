"""google-*, big-vision-*, hybrid-google: .npz files with the names of Google's two code bases, and the outputs of these code bases.

    python google_flax.py VISION_TRANSFORMER BIG_VISION

needs checkouts of google-research/vision_transformer at c6de1e5 and google-research/big_vision at 0127fb6, and
flax 0.12.8, einops 0.8.2, ml_collections 1.1.0, scipy 1.17.1 and the jax of requirements.txt. Their code runs unchanged.
They import TensorFlow only for files and data, so stand-ins replace it.
"""

import json
import os
import re
import sys
import types
from functools import partial
from pathlib import Path

import flax.training.checkpoints
import jax
import ml_collections
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors.numpy import save_file

from cases import chosen

FILES = Path(__file__).parent / "files"
sys.path[:0] = sys.argv[1:3]


def stand_in(name: str, **attributes) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__.update(attributes)
    sys.modules[name] = module
    return module


gfile = stand_in("tensorflow.io.gfile", GFile=open, exists=os.path.exists)
stand_in("tensorflow", io=stand_in("tensorflow.io", gfile=gfile))
stand_in("pandas")
stand_in("tqdm")
jax.config.update("jax_enable_x64", True)

from big_vision import utils  # noqa: E402
from big_vision.models import vit  # noqa: E402
from big_vision.models.proj.image_text import two_towers  # noqa: E402
from vit_jax import checkpoint, models_vit  # noqa: E402

SIZE = dict(depth=2, mlp_dim=20, num_heads=3)


def google(**changes):
    transformer = dict(num_layers=2, mlp_dim=20, num_heads=3, dropout_rate=0.0, attention_dropout_rate=0.0)
    fields = dict(num_classes=5, patches=types.SimpleNamespace(size=(4, 4)), transformer=transformer, hidden_size=12)
    return models_vit.VisionTransformer(**{**fields, **changes})


def hybrid(width: int, *num_layers: int, **changes):
    resnet = types.SimpleNamespace(num_layers=num_layers, width_factor=width / 64)
    return google(resnet=resnet, **{**dict(patches=types.SimpleNamespace(size=(1, 1))), **changes})


def big_vision(**changes):
    return vit.Model(**{**dict(num_classes=5, patch_size=(4, 4), width=12, dtype_mm="float64"), **SIZE, **changes})


def siglip():
    image = dict(patch_size=(4, 4), width=12, pool_type="map", scan=True, dtype_mm="float64", **SIZE)
    text = dict(width=12, vocab_size=9, **SIZE)
    return two_towers.Model(image=image, text=text, out_dim=(None, 12), bias_init=-10.0)


def released(name: str) -> str:
    """A name of Linen in the files of 2020, which number all modules of a block together."""
    for new, old in dict(
        MultiHeadDotProductAttention_0="MultiHeadDotProductAttention_1", LayerNorm_1="LayerNorm_2", MlpBlock_0="MlpBlock_3"
    ).items():
        name = name.replace(new, old)
    return f"opt/target/{name}"


def squeezed_before(array: np.ndarray) -> np.ndarray:
    """An array of a group norm in the format of the files of 2020."""
    return array.reshape(1, 1, 1, -1)


def before_2022(name: str) -> str:
    return name.replace("MAPHead_0/", "").replace("pos_embedding", "Transformer/pos_embedding")


# For each name: the module, height and width of its images, the names in its file, the other content of the file, and
# another image size.
CASES = {
    "google-token": (google(), (12, 12), str, {}, (20, 20)),
    "google-released": (google(representation_size=7), (12, 12), released, {"opt/state/step": np.array(7)}, None),
    "google-gap": (google(classifier="gap", patches=types.SimpleNamespace(size=(4, 2))), (8, 12), str, {}, None),
    "big-vision-gap": (big_vision(), (12, 12), "params/{}".format, {"opt/0/count": np.array(7)}, (20, 20)),
    "big-vision-map": (big_vision(pool_type="map", rep_size=True, scan=True), (12, 16), "params/{}".format, {}, None),
    "big-vision-tok": (big_vision(pool_type="tok", rep_size=9), (12, 12), str, {}, (8, 8)),
    "big-vision-sincos": (big_vision(posemb="sincos2d"), (12, 16), str, {}, (20, 8)),
    "big-vision-siglip": (siglip(), (12, 12), "params/{}".format, {}, None),
    "big-vision-old": (big_vision(pool_type="map"), (12, 12), before_2022, {}, None),
    "google-hybrid": (hybrid(32, 1, 1), (29, 32), str, {}, (49, 56)),
    "google-hybrid-root": (hybrid(64, patches=types.SimpleNamespace(size=(3, 3))), (24, 24), released, {}, None),
}


def draw(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draws a parameter. None is 0 or 1, so that each affects the outputs."""
    noise = rng.standard_normal(shape)
    if name.endswith("scale"):
        return (1 + 0.2 * noise).astype("f4")
    return ((0.1 if name.endswith("bias") else 0.4) * noise).astype("f4")


def run(model, params: dict, images: np.ndarray, text: np.ndarray | None) -> dict[str, np.ndarray]:
    """The logits (or the features of a model without a head) and the outputs of all blocks, in float64."""
    params = jax.tree.map(lambda x: np.asarray(x, "f8"), params)
    images = (images - 127.5) / 127.5
    if isinstance(model, models_vit.VisionTransformer):
        blocks = lambda module, _: isinstance(module, models_vit.Encoder1DBlock)  # noqa: E731
        out, state = model.apply({"params": params}, images, train=False, capture_intermediates=blocks)
        blocks = state["intermediates"]["Transformer"]
        return {"logits": out, **{f"blocks.{i}": blocks[f"encoderblock_{i}"]["__call__"][0] for i in range(2)}}
    if isinstance(model, two_towers.Model):
        # The norm comes after the outputs of the image tower.
        _, _, out = model.apply({"params": params}, images, text)
        return {"logits": out["img/pre_logits"], **{f"blocks.{i}": out["img/encoder"][f"block0{i}"]["+mlp"] for i in range(2)}}
    out, inner = model.apply({"params": params}, images)
    return {"logits": out, **{f"blocks.{i}": inner["encoder"][f"block0{i}"]["+mlp"] for i in range(2)}}


def generate() -> None:
    for name, (model, size, naming, besides, larger), seed in chosen("", CASES):
        rng = np.random.default_rng(seed)
        images = rng.integers(0, 256, (2, *size, 3))
        text = rng.integers(0, 9, (2, 6)) if isinstance(model, two_towers.Model) else None
        call = model.init if text is None else partial(model.init, text=text)
        if isinstance(model, models_vit.VisionTransformer):
            call = partial(model.init, train=False)
        shapes = flatten_dict(jax.eval_shape(call, jax.random.PRNGKey(0), images / 255)["params"], sep="/")
        flat = {key: draw(key, leaf.shape, rng) for key, leaf in sorted(shapes.items())}
        if text is not None:
            flat = {key: value.astype(jax.numpy.bfloat16) for key, value in flat.items()}
        path = FILES / f"{name}.npz"
        stored = {naming(key): squeezed_before(value) if naming is released and "gn_" in key else value for key, value in flat.items()}
        np.savez(path, **stored, **besides)

        params = loaded(model, name, path)
        for key, value in flatten_dict(params, sep="/").items():
            np.testing.assert_array_equal(np.asarray(value), np.asarray(flat[key]), err_msg=f"{name} {key}")
        tensors = {"images": images.astype("i4"), **run(model, params, images, text)}
        if larger:
            params = resized(model, params, larger)
            images = rng.integers(0, 256, (2, *larger, 3))
            logits = run(model, params, images, text)["logits"]
            tensors |= {"resized_images": images.astype("i4"), "resized_logits": logits}
        save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, path.with_suffix(".safetensors"))
        path.with_suffix(".safetensors").chmod(0o644)
        config = {"imageSize": size, "resized": larger}
        (FILES / f"{name}.json").write_text(json.dumps(config, indent=1) + "\n")
        print(name)


def loaded(model, name: str, path: Path) -> dict:
    """Reads the parameters with the code that wrote the file."""
    if name.startswith("google-") and name not in ("google-released", "google-hybrid-root"):
        return checkpoint.load(path)
    if name.startswith("google-"):
        # vision_transformer cannot read the state of a whole training. big_vision can read both.
        return checkpoint._fix_groupnorm(flax.training.checkpoints.convert_pre_linen(utils.load_params(str(path))))
    if isinstance(model, two_towers.Model):
        config = ml_collections.ConfigDict({"image": {"scan": True}, "text": {}, "bias_init": -10.0})
        return two_towers.load(None, str(path), config)
    return vit.load(None, str(path), {"scan": model.scan})


def resized(model, params: dict, size: tuple[int, int]) -> dict:
    flat = dict(flatten_dict(params, sep="/"))
    # A hybrid with two stages has one place for every 8 pixels.
    cell = 8 if isinstance(model, models_vit.VisionTransformer) and model.resnet else 4
    patches = -(-size[0] // cell) * -(-size[1] // cell)
    table = "Transformer/posembed_input/pos_embedding"
    if table in flat:
        flat[table] = checkpoint.interpolate_posembed(flat[table], patches + 1, True)
    elif "pos_embedding" in flat:
        flat["pos_embedding"] = vit.resample_posemb(flat["pos_embedding"], np.zeros((1, patches, 12)))
    return unflatten_dict(flat, sep="/")


def timm_layout(flat: dict) -> dict[str, np.ndarray]:
    """Converts parameters (or gradients) of a hybrid with one head and no hidden layer to timm's names and layout."""
    dim = flat["cls"].shape[-1]
    flat = {key: np.asarray(value) for key, value in flat.items()}
    oihw = lambda kernel: kernel.transpose(3, 2, 0, 1)  # noqa: E731
    out = {
        "cls_token": flat["cls"],
        "pos_embed": flat["Transformer/posembed_input/pos_embedding"],
        "patch_embed.proj.weight": oihw(flat["embedding/kernel"]),
        "patch_embed.proj.bias": flat["embedding/bias"],
        "head.weight": flat["head/kernel"].T,
        "head.bias": flat["head/bias"],
    }

    def norm(name, module):
        out[f"{name}.weight"], out[f"{name}.bias"] = flat[f"{module}/scale"], flat[f"{module}/bias"]

    stem = "patch_embed.backbone."
    out[f"{stem}stem.conv.weight"] = oihw(flat["conv_root/kernel"])
    norm(f"{stem}stem.norm", "gn_root")
    norm("norm", "Transformer/encoder_norm")
    for key in flat:
        if match := re.fullmatch(r"block(\d+)/unit(\d+)/(conv|gn)(_proj|\d)/(kernel|scale)", key):
            block, unit, kind, which, _ = match.groups()
            layer = "conv" if kind == "conv" else "norm"
            layer = f"downsample.{layer}" if which == "_proj" else layer + which
            name = f"{stem}stages.{int(block) - 1}.blocks.{int(unit) - 1}.{layer}"
            if kind == "gn":
                norm(name, key.removesuffix("/scale"))
            else:
                out[f"{name}.weight"] = oihw(flat[key])
    for i in range(2):
        ours, theirs = f"blocks.{i}.", f"Transformer/encoderblock_{i}/"
        norm(f"{ours}norm1", f"{theirs}LayerNorm_0")
        norm(f"{ours}norm2", f"{theirs}LayerNorm_1")
        attention = f"{theirs}MultiHeadDotProductAttention_0"
        three = [flat[f"{attention}/{part}/kernel"].reshape(dim, dim).T for part in ("query", "key", "value")]
        out[f"{ours}attn.qkv.weight"] = np.concatenate(three)
        out[f"{ours}attn.qkv.bias"] = np.concatenate([flat[f"{attention}/{part}/bias"].ravel() for part in ("query", "key", "value")])
        out[f"{ours}attn.proj.weight"] = flat[f"{attention}/out/kernel"].reshape(dim, dim).T
        out[f"{ours}attn.proj.bias"] = flat[f"{attention}/out/bias"]
        for j in range(2):
            out[f"{ours}mlp.fc{j + 1}.weight"] = flat[f"{theirs}MlpBlock_0/Dense_{j}/kernel"].T
            out[f"{ours}mlp.fc{j + 1}.bias"] = flat[f"{theirs}MlpBlock_0/Dense_{j}/bias"]
    return {key: np.ascontiguousarray(value) for key, value in out.items()}


def hybrid_gradients() -> None:
    """hybrid-google: the same as hybrid-* of hybrid.py, but with Google's modules."""
    # Its blocks compute in float32 by default.
    models_vit.Encoder1DBlock = partial(models_vit.Encoder1DBlock, dtype="float64")
    rng = np.random.default_rng(690)
    model, size = hybrid(32, 2), (23, 18)
    images = rng.standard_normal((3, *size, 3)).astype("f4")
    init = partial(model.init, train=False)
    shapes = flatten_dict(jax.eval_shape(init, jax.random.PRNGKey(0), images)["params"], sep="/")
    flat = {key: draw(key, leaf.shape, rng) for key, leaf in sorted(shapes.items())}
    targets = rng.dirichlet(np.ones(5), 3).astype("f4")
    weights = (0.5 + rng.random(3)).astype("f4")

    def loss_of(params):
        logits, state = model.apply({"params": params}, images.astype("f8"), train=False, capture_intermediates=True)
        each = -(targets.astype("f8") * jax.nn.log_softmax(logits)).sum(1)
        return (weights.astype("f8") * each).sum() / weights.astype("f8").sum(), (logits, state["intermediates"])

    params = unflatten_dict({key: value.astype("f8") for key, value in flat.items()}, sep="/")
    (loss, (logits, inner)), grads = jax.value_and_grad(loss_of, has_aux=True)(params)
    tensors = {"images": images, "targets": targets, "weights": weights, "logits": logits}
    tensors |= {f"param.{key}": value for key, value in timm_layout(flat).items()}
    tensors |= {f"grad.{key}": value for key, value in timm_layout(flatten_dict(grads, sep="/")).items()}
    tensors |= {f"tap.blocks.{i}": inner["Transformer"][f"encoderblock_{i}"]["__call__"][0] for i in range(2)}
    for unit in range(2):
        tensors[f"tap.patch_embed.backbone.stages.0.blocks.{unit}"] = inner["block1"][f"unit{unit + 1}"]["__call__"][0]
    save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, FILES / "hybrid-google.safetensors")
    (FILES / "hybrid-google.safetensors").chmod(0o644)
    config = dict(imageSize=size, patchSize=[1, 1], channels=3, dim=12, depth=2, heads=3, mlpDim=20, classes=5)
    config |= dict(stem=dict(width=32, depths=[2], groups=32, numerics="google"), activation="gelu_tanh")
    (FILES / "hybrid-google.json").write_text(json.dumps({"config": config, "loss": float(loss)}, indent=1) + "\n")
    print("hybrid-google")


generate()
hybrid_gradients()
