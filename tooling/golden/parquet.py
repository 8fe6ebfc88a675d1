"""parquet: the same 24 images as a folder and as Parquet of `datasets`, pyarrow, polars and DuckDB."""

import io

import datasets
import duckdb
import numpy as np
import polars
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from common import FILES

CLASSES = ["cat", "dog", "owl"]
EACH = 8
HERE = FILES / "parquet"


def pictures() -> list[tuple[str, str, bytes]]:
    rng = np.random.default_rng(19)
    rows = []
    for name in CLASSES:
        for i in range(EACH):
            buffer = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(buffer, "png")
            rows.append((name, f"{i}.png", buffer.getvalue()))
    return rows


def generate() -> None:
    rows = pictures()
    for name, file, data in rows:
        path = HERE / "folder" / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    labels = [CLASSES.index(name) for name, _, _ in rows]
    images = [{"bytes": data, "path": file} for _, file, data in rows]
    hub(rows)
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array(images, struct), "label": pa.array([name for name, _, _ in rows])})
    pages = {"row_group_size": 10, "data_page_size": 600, "write_batch_size": 2}
    for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
        pq.write_table(table, HERE / f"{codec}.parquet", compression=codec, use_dictionary=False, **pages)
    pq.write_table(table, HERE / "dictionary.parquet", compression="snappy", use_dictionary=True, dictionary_pagesize_limit=900, **pages)
    pq.write_table(table, HERE / "pages-v2.parquet", compression="none", data_page_version="2.0", use_dictionary=False, **pages)
    pq.write_table(table, HERE / "pages-v2-zstd.parquet", compression="zstd", data_page_version="2.0", write_page_index=True, **pages)
    encodings = {"use_dictionary": False, "column_encoding": {"image.bytes": "DELTA_LENGTH_BYTE_ARRAY"}}
    pq.write_table(table, HERE / "delta.parquet", compression="none", **encodings, **pages)
    # Rows without an image, without its bytes, and without a label.
    holes = [None if i == 3 else {"bytes": None, "path": "x.png"} if i == 12 else image for i, image in enumerate(images)]
    missing = pa.table({"image": pa.array(holes, struct), "label": pa.array([None if i == 5 else label for i, label in enumerate(labels)])})
    for codec in ["none", "zstd"]:
        pq.write_table(missing, HERE / f"nulls-{codec}.parquet", compression=codec, use_dictionary=False, **pages)
    data = [data for _, _, data in rows]
    bare = pa.table({"id": pa.array(range(len(rows))), "picture": pa.array(data), "species": pa.array([name for name, _, _ in rows])})
    pq.write_table(bare, HERE / "bytes.parquet", compression="none")
    paths = pa.table({"file_name": [f"folder/{name}/{file}" for name, file, _ in rows], "label": labels})
    pq.write_table(paths, HERE / "paths.parquet", compression="snappy")
    tags = pa.table({"image": pa.array(images, struct), "tags": pa.array([sorted({name, CLASSES[i % 3]}) if i else [] for i, (name, _, _) in enumerate(rows)])})
    pq.write_table(tags, HERE / "tags.parquet", compression="zstd", **pages)
    # Columns of structs, lists and maps beside the images, in one row group of one page.
    nested = pa.table(
        {
            "meta": pa.array([{"camera": {"name": f"c{i}", "lens": [i, i + 1]}} if i % 5 else None for i in range(len(rows))]),
            "faces": pa.array([[{"x": i, "names": ["a", None]}] * (i % 3) for i in range(len(rows))]),
            "extra": pa.array([[("k", i)] for i in range(len(rows))], pa.map_(pa.string(), pa.int64())),
            "image": pa.array(images, struct),
            "label": pa.array([name for name, _, _ in rows]).dictionary_encode(),
        }
    )
    pq.write_table(nested, HERE / "nested.parquet", compression="zstd", row_group_size=10_000)
    frame = polars.DataFrame({"image": [{"bytes": data, "path": file} for _, file, data in rows], "label": labels})
    frame.write_parquet(HERE / "polars.parquet", row_group_size=10)
    database = duckdb.connect()
    database.register("images", table)
    database.execute(f"COPY images TO '{HERE / 'duckdb.parquet'}' (FORMAT parquet, COMPRESSION zstd)")


def hub(rows: list[tuple[str, str, bytes]]) -> None:
    """Two shards for training and one for validation, as `datasets` pushes them."""
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=CLASSES)})
    splits = {"train": [row for i, row in enumerate(rows) if i % 4 != 0], "validation": rows[::4]}
    for split, part in splits.items():
        content = {
            "image": [{"bytes": data, "path": file} for _, file, data in part],
            "label": [CLASSES.index(name) for name, _, _ in part],
        }
        whole = datasets.Dataset.from_dict(content, features=features)
        count = 2 if split == "train" else 1
        for i in range(count):
            path = HERE / "hub" / "data" / f"{split}-{i:05d}-of-{count:05d}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            whole.shard(count, i, contiguous=True).to_parquet(path)
    lists = datasets.Features({"image": datasets.Image(), "labels": datasets.List(datasets.ClassLabel(names=[*CLASSES, "bat"]))})
    content = {
        "image": [{"bytes": data, "path": None} for _, _, data in rows],
        "labels": [[CLASSES.index(name), i % 3] if i % 5 else [] for i, (name, _, _) in enumerate(rows)],
    }
    datasets.Dataset.from_dict(content, features=lists).to_parquet(HERE / "several.parquet")
