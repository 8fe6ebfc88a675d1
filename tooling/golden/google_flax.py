"""google-*, big-vision-*: .npz files in the names of Google's two code bases, and what their own modules give for them.

    python google_flax.py VISION_TRANSFORMER BIG_VISION

takes checkouts of google-research/vision_transformer at c6de1e5 and google-research/big_vision at 0127fb6, and needs
flax 0.12.8, einops 0.8.2, ml_collections 1.1.0, scipy 1.17.1 and the jax of requirements.txt. Their code runs as it is; of
TensorFlow, which they import for files and data alone, stand-ins are enough.
"""

import json
import os
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


def big_vision(**changes):
    return vit.Model(**{**dict(num_classes=5, patch_size=(4, 4), width=12, dtype_mm="float64"), **SIZE, **changes})


def siglip():
    image = dict(patch_size=(4, 4), width=12, pool_type="map", scan=True, dtype_mm="float64", **SIZE)
    text = dict(width=12, vocab_size=9, **SIZE)
    return two_towers.Model(image=image, text=text, out_dim=(None, 12), bias_init=-10.0)


def released(name: str) -> str:
    """A name of Linen's as the files of 2020 have it: the modules of a block are counted together."""
    for new, old in dict(
        MultiHeadDotProductAttention_0="MultiHeadDotProductAttention_1", LayerNorm_1="LayerNorm_2", MlpBlock_0="MlpBlock_3"
    ).items():
        name = name.replace(new, old)
    return f"opt/target/{name}"


def before_2022(name: str) -> str:
    return name.replace("MAPHead_0/", "").replace("pos_embedding", "Transformer/pos_embedding")


# By name: the module, height and width of its images, the names of its file, what else the file holds, another size.
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
}


def draw(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """No parameter is 0 or 1, so that each one matters."""
    noise = rng.standard_normal(shape)
    if name.endswith("scale"):
        return (1 + 0.2 * noise).astype("f4")
    return ((0.1 if name.endswith("bias") else 0.4) * noise).astype("f4")


def run(model, params: dict, images: np.ndarray, text: np.ndarray | None) -> dict[str, np.ndarray]:
    """Logits or, without a head, features, and what every block gives, in float64."""
    params = jax.tree.map(lambda x: np.asarray(x, "f8"), params)
    images = (images - 127.5) / 127.5
    if isinstance(model, models_vit.VisionTransformer):
        blocks = lambda module, _: isinstance(module, models_vit.Encoder1DBlock)  # noqa: E731
        out, state = model.apply({"params": params}, images, train=False, capture_intermediates=blocks)
        blocks = state["intermediates"]["Transformer"]
        return {"logits": out, **{f"blocks.{i}": blocks[f"encoderblock_{i}"]["__call__"][0] for i in range(2)}}
    if isinstance(model, two_towers.Model):
        # Normalised only after what the image tower gives.
        _, _, out = model.apply({"params": params}, images, text)
        return {"logits": out["img/pre_logits"], **{f"blocks.{i}": out["img/encoder"][f"block0{i}"]["+mlp"] for i in range(2)}}
    out, inner = model.apply({"params": params}, images)
    return {"logits": out, **{f"blocks.{i}": inner["encoder"][f"block0{i}"]["+mlp"] for i in range(2)}}


def generate() -> None:
    for seed, (name, (model, size, naming, besides, larger)) in enumerate(CASES.items(), 600):
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
        np.savez(path, **{naming(key): value for key, value in flat.items()}, **besides)

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
    """The parameters as the code of the file's origin reads them."""
    if name.startswith("google-") and name != "google-released":
        return checkpoint.load(path)
    if name == "google-released":
        # vision_transformer has no reader of a whole training's state; big_vision has one for both.
        return flax.training.checkpoints.convert_pre_linen(utils.load_params(str(path)))
    if isinstance(model, two_towers.Model):
        config = ml_collections.ConfigDict({"image": {"scan": True}, "text": {}, "bias_init": -10.0})
        return two_towers.load(None, str(path), config)
    return vit.load(None, str(path), {"scan": model.scan})


def resized(model, params: dict, size: tuple[int, int]) -> dict:
    flat = dict(flatten_dict(params, sep="/"))
    patches = (size[0] // 4) * (size[1] // 4)
    table = "Transformer/posembed_input/pos_embedding"
    if table in flat:
        flat[table] = checkpoint.interpolate_posembed(flat[table], patches + 1, True)
    elif "pos_embedding" in flat:
        flat["pos_embedding"] = vit.resample_posemb(flat["pos_embedding"], np.zeros((1, patches, 12)))
    return unflatten_dict(flat, sep="/")


generate()
