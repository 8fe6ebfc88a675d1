"""average-precision: the measures that pycocotools' COCOeval computes for random objects and detections."""

import contextlib
import io
import json

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from common import FILES

FIGURES = ("ap", "ap50", "ap75", "apSmall", "apMedium", "apLarge", "ar1", "ar10", "ar100", "arSmall", "arMedium", "arLarge")


def drawn(rng: np.random.Generator, images: int, classes: int, most: int, crowds: float, ties: bool, extra: int, size: float):
    """Objects and detections on a grid of half pixels, so that some overlaps equal a threshold exactly."""
    half = lambda x: float(np.round(x * 2) / 2)
    truth, found = [], []
    for image in range(images):
        for _ in range(rng.integers(0, most + 1)):
            box = [half(v) for v in (rng.uniform(0, 300), rng.uniform(0, 300), 1 + rng.exponential(size), 1 + rng.exponential(size))]
            label = int(rng.integers(classes))
            area = half(box[2] * box[3] * rng.uniform(0.3, 1)) if rng.random() < 0.5 else box[2] * box[3]
            truth.append({"image": image, "label": label, "box": box, "area": area, "crowd": int(rng.random() < crowds)})
            for _ in range(rng.integers(0, 4)):
                near = [half(v + rng.normal() * size / 15) for v in box]
                near[2:] = [max(0.5, v) for v in near[2:]]
                found.append((image, label if rng.random() < 0.85 else int(rng.integers(classes)), near))
        for _ in range(rng.integers(0, extra + 1)):
            box = [half(v) for v in (rng.uniform(0, 300), rng.uniform(0, 300), 1 + rng.exponential(size), 1 + rng.exponential(size))]
            found.append((image, int(rng.integers(classes)), box))
    score = (lambda: int(rng.integers(1, 5)) / 4) if ties else (lambda: float(np.round(rng.random(), 4)))
    return truth, [{"image": i, "label": c, "box": b, "score": score()} for i, c, b in found]


def cases() -> dict:
    rng = np.random.default_rng(3)
    box = lambda x: [x, 10.0, 20.0, 30.0]
    thing = lambda image, label, x, crowd=0, area=600.0: {"image": image, "label": label, "box": box(x), "area": area, "crowd": crowd}
    seen = lambda image, label, x, score: {"image": image, "label": label, "box": box(x), "score": score}
    return {
        "plain": (8, 3, *drawn(rng, 8, 3, 6, 0, False, 3, 60)),
        "crowds": (8, 2, *drawn(rng, 8, 2, 6, 0.3, False, 3, 60)),
        "ties": (10, 2, *drawn(rng, 10, 2, 8, 0.1, True, 6, 25)),
        "sizes": (6, 2, *drawn(rng, 6, 2, 9, 0.1, True, 4, 110)),
        "many": (2, 1, *drawn(rng, 2, 1, 70, 0.05, True, 120, 30)),
        "empty-class": (4, 5, [t for t in drawn(rng, 4, 5, 5, 0, False, 2, 50)[0] if t["label"] != 3], drawn(rng, 4, 5, 5, 0, False, 2, 50)[1]),
        "nothing-found": (2, 2, [thing(0, 0, 5.0), thing(1, 1, 5.0)], [seen(1, 0, 5.0, 0.5)]),
        "no-objects": (2, 1, [thing(0, 0, 5.0, crowd=1)], [seen(0, 0, 5.0, 0.5), seen(1, 0, 5.0, 0.5)]),
        "perfect": (2, 2, [thing(0, 0, 5.0), thing(1, 1, 5.0)], [seen(0, 0, 5.0, 0.1), seen(1, 1, 5.0, 0.9)]),
        "thresholds": (1, 1, [thing(0, 0, 0.0, area=1024.0), thing(0, 0, 100.0, area=9216.0)], [{"image": 0, "label": 0, "box": [0.0, 10.0, 20.0, 15.0], "score": 0.5}, {"image": 0, "label": 0, "box": [100.0, 10.0, 15.0, 30.0], "score": 0.5}]),
    }


def evaluated(images: int, classes: int, truth: list, found: list) -> dict:
    coco = COCO()
    corner = lambda entry: {"image_id": entry["image"] + 1, "category_id": entry["label"] + 1, "bbox": entry["box"]}
    # Identifiers start at 1, since COCOeval takes an object with the identifier 0 for none.
    coco.dataset = {
        "info": {},
        "images": [{"id": i + 1, "width": 400, "height": 400} for i in range(images)],
        "categories": [{"id": c + 1, "name": str(c)} for c in range(classes)],
        "annotations": [corner(t) | {"id": i + 1, "area": t["area"], "iscrowd": t["crowd"]} for i, t in enumerate(truth)],
    }
    coco.createIndex()
    evaluation = COCOeval(coco, coco.loadRes([corner(f) | {"score": f["score"]} for f in found]), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    by_class = []
    for c in range(classes):
        precision = evaluation.eval["precision"][:, :, c, 0, 2]
        by_class.append(float(precision[precision > -1].mean()) if (precision > -1).any() else -1.0)
    return dict(zip(FIGURES, map(float, evaluation.stats))) | {"classes": by_class}


def generate() -> None:
    documents = []
    for name, (images, classes, truth, found) in cases().items():
        with contextlib.redirect_stdout(io.StringIO()):
            expected = evaluated(images, classes, truth, found)
        pack = lambda entry: [entry["image"], entry["label"], *entry["box"]]
        documents.append({
            "name": name, "images": images, "classes": classes, "expected": expected,
            "objects": [pack(t) + [t["area"], t["crowd"]] for t in truth],
            "detections": [pack(f) + [f["score"]] for f in found],
        })
    FILES.joinpath("average-precision.json").write_text('{"cases": [\n ' + ",\n ".join(map(printed, documents)) + "]}\n")


def printed(case: dict) -> str:
    """JSON with one object or detection on each line, since there are many."""
    lines = lambda rows: "[" + ",".join(f"\n   {json.dumps(row)}" for row in rows) + "]"
    fields = [f'"{k}": {lines(v) if k in ("objects", "detections") else json.dumps(v)}' for k, v in case.items()]
    return "{" + ",\n  ".join(fields) + "}"
