"""boxes, assignment: torchvision's overlaps of boxes, and the least costs of scipy's linear_sum_assignment."""

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
    write("boxes", {}, {
        "a": a, "b": b,
        "centers": ops.box_convert(a, "xyxy", "cxcywh"), "areas": ops.box_area(a),
        "iou": ops.box_iou(a, b), "generalized": ops.generalized_box_iou(a, b),
    })


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
    write("assignment", {"problems": problems}, {k: torch.from_numpy(v) for k, v in costs.items()})


def generate() -> None:
    boxes()
    assignment()
