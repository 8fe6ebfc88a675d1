"""annotated: Parquet of `datasets`, polars and pyarrow with boxes and with texts beside the images.

Image i of 10 is grey and 20×12. Its box k of i % 3 is [k + 1, k + 2, k + 4, k + 3] as x, y, width, height, of the class (i + k) % 2.
"""

import io

import datasets
import polars
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from common import FILES

HERE = FILES / "annotated"
NAMES = ["round", "square"]


def generate() -> None:
    HERE.mkdir(parents=True, exist_ok=True)
    images = []
    for i in range(10):
        buffer = io.BytesIO()
        Image.new("L", (20, 12), 20 * i).save(buffer, "png")
        images.append({"bytes": buffer.getvalue(), "path": f"{i}.png"})
    boxes = [[[k + 1.0, k + 2.0, k + 4.0, k + 3.0] for k in range(i % 3)] for i in range(10)]
    kinds = [[(i + k) % 2 for k in range(i % 3)] for i in range(10)]
    objects(images, boxes, kinds)
    data = [image["bytes"] for image in images]
    listed = [[{"bbox": box, "category": NAMES[kind]} for box, kind in zip(*pair)] for pair in zip(boxes, kinds)]
    polars.DataFrame({"image": data, "objects": listed}).write_parquet(HERE / "listed.parquet", compression="zstd")
    corners = [[[x, y, x + width, y + height] for x, y, width, height in each] for each in boxes]
    pq.write_table(pa.table({"image": data, "boxes": corners, "labels": kinds}), HERE / "corners.parquet", compression="snappy")
    texts = [f"line {i}" if i != 4 else None for i in range(10)]
    pq.write_table(pa.table({"id": [str(i) for i in range(10)], "image": data, "text": texts}), HERE / "text.parquet", compression="none")
    captions = [[text, "other"] if text else [] for text in texts]
    pq.write_table(pa.table({"image": data, "captions": captions}), HERE / "captions.parquet", compression="gzip")


def objects(images: list, boxes: list, kinds: list) -> None:
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "width": datasets.Value("int32"),
            "height": datasets.Value("int32"),
            "objects": {
                "area": datasets.List(datasets.Value("float32")),
                "bbox": datasets.List(datasets.List(datasets.Value("float32"), length=4)),
                "category": datasets.List(datasets.ClassLabel(names=NAMES)),
            },
        }
    )
    areas = [[0.5 + k for k, _ in enumerate(each)] for each in kinds]
    rows = [{"area": a, "bbox": b, "category": c} for a, b, c in zip(areas, boxes, kinds)]
    content = {"image": images, "width": [20] * 10, "height": [12] * 10, "objects": rows}
    whole = datasets.Dataset.from_dict(content, features=features)
    (HERE / "hub").mkdir(exist_ok=True)
    whole.select(range(7)).to_parquet(HERE / "hub" / "train-00000-of-00001.parquet")
    whole.select(range(7, 10)).to_parquet(HERE / "hub" / "validation-00000-of-00001.parquet")
