"""labels: scikit-learn's measures of images with several labels, with ties and a class without positive examples."""

import numpy as np
import torch
from sklearn.metrics import average_precision_score, f1_score

from common import write

EXAMPLES = 60
CLASSES = 7
EMPTY = 4


def generate() -> None:
    rng = np.random.default_rng(41)
    logits = np.round(2 * rng.standard_normal((EXAMPLES, CLASSES)), 1).astype(np.float32)
    targets = (rng.random((EXAMPLES, CLASSES)) < 1 / (1 + np.exp(1 - logits))).astype(np.int32)
    targets[:, EMPTY] = 0
    threshold = 0.3
    predicted = (1 / (1 + np.exp(-logits.astype(np.float64))) >= threshold).astype(np.int32)
    classes = [c for c in range(CLASSES) if c != EMPTY]
    by_class = [float(average_precision_score(targets[:, c], logits[:, c])) for c in classes]
    figures = {
        "ap": float(average_precision_score(targets[:, classes], logits[:, classes], average="macro")),
        "microAp": float(average_precision_score(targets, logits, average="micro")),
        "macroF1": float(f1_score(targets[:, classes], predicted[:, classes], average="macro")),
        "microF1": float(f1_score(targets, predicted, average="micro")),
        "classes": by_class[:EMPTY] + [None] + by_class[EMPTY:],
    }
    write("labels", {"seed": 41, "threshold": threshold, "figures": figures}, {"logits": torch.from_numpy(logits), "targets": torch.from_numpy(targets)})
