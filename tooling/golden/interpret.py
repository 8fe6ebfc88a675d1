"""interpret: the data of figures, computed by NumPy in float64, and timm's outputs of the blocks of vit-folder-tiny."""

import numpy as np
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_data_config

from common import FILES, write

FOLDER = FILES / "vit-folder-tiny"
IMAGE = "wide-rgb.png"
PATCH = (8, 4)
# Rows and columns of patches, and the number of tokens before them.
CASES = {"average": (3, 4, 0), "token": (4, 3, 1), "registers": (2, 5, 3)}
BATCH, HEADS, DEPTH, DIM = 2, 3, 3, 10


def rollout(blocks: np.ndarray) -> np.ndarray:
    """Abnar & Zuidema, section 3: [blocks, heads, tokens, tokens] to [tokens, tokens]."""
    joint = np.eye(blocks.shape[-1])
    for block in blocks:
        mixed = block.mean(0) + np.eye(blocks.shape[-1])
        joint = mixed / mixed.sum(-1, keepdims=True) @ joint
    return joint


def distances(attention: np.ndarray, rows: int, columns: int, prefix: int) -> np.ndarray:
    """[batch, heads, tokens, tokens] to [heads]."""
    y, x = np.divmod(np.arange(rows * columns), columns)
    centres = np.stack([y * PATCH[0], x * PATCH[1]], 1)
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    patches = attention[:, :, prefix:, prefix:]
    return np.average(np.broadcast_to(apart, patches.shape), axis=-1, weights=patches).mean((0, 2))


def components(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The directions as rows, and the share of the variance along each."""
    _, sizes, directions = np.linalg.svd(table - table.mean(0), full_matrices=False)
    return directions, sizes**2 / (sizes**2).sum()


def similarity(rows: np.ndarray) -> np.ndarray:
    unit = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return unit @ unit.T


@torch.no_grad()
def blocks_of_folder() -> dict[str, torch.Tensor]:
    model = timm.create_model(f"local-dir:{FOLDER}", pretrained=True).eval()
    transform = create_transform(**resolve_data_config({}, model=model))
    with Image.open(FOLDER / IMAGE) as image:
        x = transform(image.convert("RGB"))[None]
    seen = {}
    for i, block in enumerate(model.blocks):
        block.register_forward_hook(lambda _module, _inputs, output, name=f"blocks.{i}": seen.update({name: output}))
    model.double()(x.double())
    return seen


def generate() -> None:
    rng = np.random.default_rng(500)
    tensors: dict[str, torch.Tensor] = {}

    def keep(name: str, array: np.ndarray) -> np.ndarray:
        """Stores an input as float32, and returns the rounded values in float64."""
        tensors[name] = torch.from_numpy(np.asarray(array, np.float32))
        return tensors[name].double().numpy()

    for name, (rows, columns, prefix) in CASES.items():
        tokens = prefix + rows * columns
        scores = np.exp(rng.normal(0, 2, (DEPTH, BATCH, HEADS, tokens, tokens)))
        weights = keep(f"{name}.weights", scores / scores.sum(-1, keepdims=True))
        positions = keep(f"{name}.positions", rng.normal(size=(1, tokens, DIM)))
        features = keep(f"{name}.features", rng.normal(size=(BATCH, tokens, DIM)) * np.arange(1, DIM + 1))
        patches = features[:, prefix:].reshape(-1, DIM)
        directions, explained = components(patches)
        results = {
            "rollout": np.stack([rollout(weights[:, image]) for image in range(BATCH)]),
            "distances": np.stack([distances(block, rows, columns, prefix) for block in weights]),
            "similarity": similarity(positions[0, prefix:]),
            "neighbors": similarity(patches),
            "components": directions,
            "explained": explained,
            "scores": (patches - patches.mean(0)) @ directions.T,
        }
        tensors |= {f"{name}.{key}": torch.from_numpy(np.ascontiguousarray(value)) for key, value in results.items()}

    # One case has more filters than pixels, the other has fewer.
    for name, shape in {"filters.tall": (40, 3, 2, 4), "filters.wide": (12, 3, 4, 4)}.items():
        filters = keep(name, rng.normal(size=shape) * (1 + np.arange(shape[3])))
        directions, explained = components(filters.reshape(shape[0], -1))
        images = directions.reshape(-1, *shape[1:]).transpose(0, 2, 3, 1)
        tensors[f"{name}.components"] = torch.from_numpy(np.ascontiguousarray(images))
        tensors[f"{name}.explained"] = torch.from_numpy(explained)

    tensors |= {f"folder.{name}": tap for name, tap in blocks_of_folder().items()}
    cases = {name: dict(rows=rows, columns=columns, prefix=prefix) for name, (rows, columns, prefix) in CASES.items()}
    write("interpret", {"cases": cases, "patchSize": PATCH, "image": IMAGE}, tensors)
