"""Writes files/positions.safetensors: python positions.py (torch 2.15, safetensors 0.8).

Tables of position embeddings, [prefix + rows * columns, dim] in float32, and the same on other grids, resized in float64
as each origin does. scipy.ndimage.zoom of order 1 is torch's bilinear interpolation with aligned corners; where scipy is
installed that is checked.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

DIM = 3
METHODS = {
    "timm": dict(mode="bicubic", antialias=True, align_corners=False),
    "huggingface": dict(mode="bicubic", align_corners=False),
    "google": dict(mode="bilinear", align_corners=True),
    "bilinear": dict(mode="bilinear", align_corners=False),
}
# Prefix tokens, grid before, grid after.
CASES = [
    (1, (4, 4), (7, 7)),
    (0, (7, 7), (3, 3)),
    (5, (6, 4), (5, 9)),
    (2, (3, 8), (8, 3)),
    (1, (14, 14), (4, 3)),
    (0, (2, 2), (1, 5)),
    (1, (1, 1), (3, 2)),
]


def zoomed(grid: torch.Tensor, size: tuple[int, int]) -> torch.Tensor | None:
    try:
        from scipy.ndimage import zoom
    except ImportError:
        return None
    rows, columns, _ = grid.shape
    return torch.from_numpy(zoom(grid.numpy(), (size[0] / rows, size[1] / columns, 1), order=1))


generator = torch.Generator().manual_seed(500)
tensors = {}
for prefix, before, after in CASES:
    table = torch.randn(prefix + before[0] * before[1], DIM, generator=generator)
    name = f"{prefix}/{before[0]}x{before[1]}/{after[0]}x{after[1]}"
    tensors[name] = table
    grid = table[prefix:].double().reshape(*before, DIM)
    for method, how in METHODS.items():
        resized = F.interpolate(grid.permute(2, 0, 1)[None], size=after, **how)[0].permute(1, 2, 0)
        if method == "google" and (theirs := zoomed(grid, after)) is not None:
            torch.testing.assert_close(resized, theirs)
        tensors[f"{name}/{method}"] = torch.cat([table[:prefix].double(), resized.reshape(-1, DIM)])
save_file(tensors, Path(__file__).parent / "files" / "positions.safetensors")
