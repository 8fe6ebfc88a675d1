"""probe: linear classifiers and neighbours on features, computed with NumPy's and PyTorch's solvers in float64."""

import numpy as np
import torch
import torch.nn.functional as F

from common import write

CLASSES = 4
WIDTH = 12
L2 = {"least_squares": [2.0**-4, 1.0, 2.0**9], "logistic": [1e-3, 1e-1]}
NEIGHBOURS = [dict(k=1, temperature=0.07), dict(k=5, temperature=0.07), dict(k=20, temperature=0.5)]


def whiten(x: np.ndarray, like: np.ndarray) -> np.ndarray:
    return (x - like.mean(0)) / (like.std(0) + 1e-5)


def least_squares(x: np.ndarray, labels: np.ndarray, query: np.ndarray, l2: float) -> np.ndarray:
    """The method of big_vision's fewshot_lsr: a constant feature of 100 for the bias, targets of -1 and 1."""
    pad = lambda a: np.pad(a, ((0, 0), (0, 1)), constant_values=100.0)
    a, q = pad(whiten(x, x)), pad(whiten(query, x))
    y = 2.0 * np.eye(CLASSES)[labels] - 1.0
    if len(a) >= a.shape[1]:
        w = np.linalg.solve(a.T @ a + l2 * np.eye(a.shape[1]), a.T @ y)
    else:
        w = a.T @ np.linalg.solve(a @ a.T + l2 * np.eye(len(a)), y)
    return q @ w


def logistic(x: np.ndarray, labels: np.ndarray, query: np.ndarray, l2: float) -> np.ndarray:
    a, q, y = (torch.from_numpy(v) for v in (whiten(x, x), whiten(query, x), labels))
    w = torch.zeros(WIDTH, CLASSES, dtype=torch.float64, requires_grad=True)
    b = torch.zeros(CLASSES, dtype=torch.float64, requires_grad=True)
    opt = torch.optim.LBFGS([w, b], max_iter=2000, tolerance_grad=1e-11, tolerance_change=1e-15, line_search_fn="strong_wolfe")

    def closure():
        opt.zero_grad()
        loss = F.cross_entropy(a @ w + b, y) + l2 / 2 * w.square().sum()
        loss.backward()
        return loss

    opt.step(closure)
    scores = (q @ w + b).detach()
    # Only differences between classes matter, and the bias has no penalty.
    return (scores - scores.mean(1, keepdim=True)).numpy()


def neighbours(x: np.ndarray, labels: np.ndarray, query: np.ndarray, k: int, temperature: float) -> np.ndarray:
    """The method of DINO's eval_knn: the k nearest by cosine, with weights exp(similarity / temperature)."""
    a, q = (F.normalize(torch.from_numpy(v), dim=1) for v in (x, query))
    near, place = (q @ a.T).topk(min(k, len(a)), dim=1)
    hot = F.one_hot(torch.from_numpy(labels)[place], CLASSES).double()
    return (hot * (near / temperature).exp()[..., None]).sum(1).numpy()


def generate() -> None:
    random = np.random.default_rng(800)
    centres = random.normal(size=(CLASSES, WIDTH))
    tensors, cases = {}, {}
    query_labels = random.integers(CLASSES, size=25)
    draw = lambda labels: (centres[labels] * 0.7 + random.normal(size=(len(labels), WIDTH)) * (1 + np.arange(WIDTH))).astype(np.float32)
    query = draw(query_labels)
    tensors["query"] = query
    for name, rows in (("few", 8), ("many", 60)):
        labels = np.concatenate([np.arange(CLASSES), random.integers(CLASSES, size=rows - CLASSES)])
        x = draw(labels)
        tensors |= {f"{name}.features": x, f"{name}.labels": labels.astype(np.int32)}
        wide = [v.astype(np.float64) for v in (x, query)]
        cases[name] = {"least_squares": L2["least_squares"], "logistic": L2["logistic"], "neighbours": NEIGHBOURS}
        for i, l2 in enumerate(L2["least_squares"]):
            tensors[f"{name}.least_squares.{i}"] = least_squares(wide[0], labels, wide[1], l2)
        for i, l2 in enumerate(L2["logistic"]):
            tensors[f"{name}.logistic.{i}"] = logistic(wide[0], labels, wide[1], l2)
        for i, case in enumerate(NEIGHBOURS):
            tensors[f"{name}.neighbours.{i}"] = neighbours(wide[0], labels, wide[1], **case)
    write("probe", {"classes": CLASSES, "width": WIDTH, "cases": cases}, {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in tensors.items()})
