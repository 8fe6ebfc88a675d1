"""Writes files/google/*: small Vision Transformers of Flax modules in the names of Google's released .npz files, with
images and their logits: python google.py (flax 0.12, jax, numpy)."""

import json
from pathlib import Path

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_default_matmul_precision", "highest")
folder = Path(__file__).parent / "files" / "google"
folder.mkdir(exist_ok=True)


class MlpBlock(nn.Module):
    hidden: int

    @nn.compact
    def __call__(self, x):
        hidden = nn.gelu(nn.Dense(self.hidden)(x))
        return nn.Dense(x.shape[-1])(hidden)


class Encoder(nn.Module):
    depth: int
    heads: int
    hidden: int
    linen: bool

    @nn.compact
    def __call__(self, x):
        positions = self.param("pos", nn.initializers.normal(0.5), (1, *x.shape[1:]))
        x = x + positions
        # The released files count all modules of a block together, Linen each kind by itself.
        norm1, attention, norm2, mlp = (
            ("LayerNorm_0", "MultiHeadDotProductAttention_0", "LayerNorm_1", "MlpBlock_0")
            if self.linen
            else ("LayerNorm_0", "MultiHeadDotProductAttention_1", "LayerNorm_2", "MlpBlock_3")
        )

        class Block(nn.Module):
            heads: int
            hidden: int

            @nn.compact
            def __call__(self, x):
                y = nn.LayerNorm(name=norm1)(x)
                x = x + nn.MultiHeadDotProductAttention(num_heads=self.heads, name=attention)(y, y)
                return x + MlpBlock(self.hidden, name=mlp)(nn.LayerNorm(name=norm2)(x))

        for i in range(self.depth):
            x = Block(self.heads, self.hidden, name=f"encoderblock_{i}")(x)
        return nn.LayerNorm(name="encoder_norm")(x)


class VisionTransformer(nn.Module):
    classifier: str = "token"
    pre_logits: int | None = None
    linen: bool = False

    @nn.compact
    def __call__(self, x):
        x = nn.Conv(12, (4, 4), strides=(4, 4), padding="VALID", name="embedding")(x)
        x = x.reshape(x.shape[0], -1, 12)
        if self.classifier == "token":
            cls = self.param("cls", nn.initializers.normal(1), (1, 1, 12))
            x = jnp.concatenate([jnp.tile(cls, (x.shape[0], 1, 1)), x], axis=1)
        x = Encoder(2, 3, 20, self.linen, name="Transformer")(x)
        x = x[:, 0] if self.classifier == "token" else x.mean(axis=1)
        if self.pre_logits:
            x = nn.tanh(nn.Dense(self.pre_logits, name="pre_logits")(x))
        return nn.Dense(5, name="head")(x)


rng = np.random.default_rng(0)
pixels = rng.integers(0, 256, (2, 12, 12, 3))
images = ((pixels - 127.5) / 127.5).astype("f4")
expected = {"images": [image.ravel().tolist() for image in pixels], "logits": {}}
for name, prefix, model in [
    ("token", "", VisionTransformer()),
    ("gap", "", VisionTransformer("gap", linen=True)),
    ("pre-logits", "opt/target/", VisionTransformer(pre_logits=7)),
]:
    shapes = jax.eval_shape(model.init, jax.random.PRNGKey(0), images)["params"]
    flat = {
        "/".join(path): (rng.standard_normal(leaf.shape) * 0.4).astype("f4")
        for path, leaf in sorted(flax.traverse_util.flatten_dict(shapes).items())
    }
    params = flax.traverse_util.unflatten_dict({tuple(path.split("/")): value for path, value in flat.items()})
    logits = model.apply({"params": params}, images)
    expected["logits"][name] = np.asarray(logits).tolist()
    arrays = {prefix + k.replace("Transformer/pos", "Transformer/posembed_input/pos_embedding"): v for k, v in flat.items()}
    if prefix:
        arrays["opt/state/step"] = np.array(7)
    np.savez(folder / f"{name}.npz", **arrays)
(folder / "expected.json").write_text(json.dumps(expected) + "\n")
