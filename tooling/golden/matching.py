"""boxes, assignment: torchvision's functions and transforms of boxes, and the least costs by scipy's linear_sum_assignment."""

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torchvision import ops

from common import write


def boxes() -> None:
    generator = torch.Generator().manual_seed(1)
    draw = lambda n: torch.rand(n, 4, generator=generator, dtype=torch.float64) * 50
    corners = lambda raw: torch.cat([raw[:, :2], raw[:, :2] + raw[:, 2:] + 0.5], 1)
    a, b = corners(draw(9)), corners(draw(7))
    b[0] = a[0]  # the same
    b[1] = torch.tensor([a[1, 2], a[1, 1], a[1, 2] + 5, a[1, 3]])  # side by side
    b[2] = torch.tensor([900, 900, 901, 902])  # far away
    b[3] = torch.stack([a[3, 0] + 0.1, a[3, 1] + 0.1, a[3, 2] - 0.1, a[3, 3] - 0.1])  # inside
    flipped, cropped, resized = transformed(a)
    write("boxes", {"canvas": CANVAS, "window": WINDOW, "resized": RESIZED, "sizes": sizes()}, {
        "a": a, "b": b,
        "centers": ops.box_convert(a, "xyxy", "cxcywh"), "areas": ops.box_area(a),
        "iou": ops.box_iou(a, b), "generalized": ops.generalized_box_iou(a, b),
        "flipped": flipped, "cropped": cropped, "resized": resized,
    })


# [height, width]; and x, y, width, height.
CANVAS, RESIZED = [110, 120], [73, 41]
WINDOW = [45, 20, 40, 30]


def transformed(corners: torch.Tensor) -> list[torch.Tensor]:
    from torchvision.transforms.v2 import functional as F
    from torchvision.tv_tensors import BoundingBoxes

    boxes = BoundingBoxes(corners, format="XYXY", canvas_size=CANVAS)
    x, y, width, height = WINDOW
    cropped = F.clamp_bounding_boxes(F.crop(boxes, y, x, height, width))
    return [F.horizontal_flip(boxes).as_subclass(torch.Tensor), cropped.as_subclass(torch.Tensor), F.resize(boxes, RESIZED).as_subclass(torch.Tensor)]


def sizes() -> list:
    """[height, width, shortest, longest or null, resized height, resized width], by transformers' DETR."""
    from transformers.image_transforms import get_size_with_aspect_ratio

    rng = np.random.default_rng(2)
    drawn = [(int(h), int(w), int(s), int(l) if l > s else None) for h, w, s, l in rng.integers(20, 900, size=(60, 4))]
    cases = [(480, 640, 800, 1333), (640, 480, 800, 1333), (426, 640, 800, 1333), (300, 1000, 800, 1333), (500, 500, 480, 1333), (375, 500, 375, None)]
    return [[h, w, s, l, *get_size_with_aspect_ratio((h, w), s, l)] for h, w, s, l in cases + drawn]


# The number that means infinity in the file.
FORBIDDEN = 1e300


def assignment() -> None:
    rng = np.random.default_rng(1)
    costs = {"single": np.array([[3.5]]), "constant": np.full((4, 6), 2.0)}
    for rows, columns in [(5, 5), (100, 17), (17, 100), (1, 9), (9, 1), (40, 40)]:
        shape = f"{rows}x{columns}"
        costs[f"normal.{shape}"] = rng.normal(size=(rows, columns))
        costs[f"ties.{shape}"] = rng.integers(-2, 3, size=(rows, columns)).astype(float)
        costs[f"scales.{shape}"] = rng.normal(size=(rows, columns)) * 10 ** rng.uniform(-6, 6, size=(rows, columns))
        forbidden = rng.normal(size=(rows, columns))
        forbidden[rng.random((rows, columns)) < 0.4] = np.inf
        costs[f"forbidden.{shape}"] = forbidden
    blocked = rng.normal(size=(6, 8))
    blocked[2] = np.inf
    narrow = np.full((5, 7), np.inf)
    narrow[:, :4] = rng.normal(size=(5, 4))
    costs |= {"blocked-row": blocked, "five-to-four": narrow, "one-way": np.where(np.eye(6) == 1, 1.0, np.inf)}
    problems = []
    for name, cost in costs.items():
        try:
            total = float(cost[linear_sum_assignment(cost)].sum())
        except ValueError:
            total = None
        problems.append({"name": name, "total": total})
    finite = {k: torch.from_numpy(np.where(v == np.inf, FORBIDDEN, v)) for k, v in costs.items()}
    write("assignment", {"problems": problems, "forbidden": FORBIDDEN}, finite)


def generate() -> None:
    boxes()
    assignment()
