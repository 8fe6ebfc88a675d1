"""Peers of sources.mjs: sources.py FOLDER SIZE reads shards by `datasets` (Parquet) or webdataset (.tar), one thread.
sources.py FOLDER --codec CODEC OUT writes the Parquet of a folder anew, compressed."""

import glob
import io
import json
import os
import resource
import sys
import time

import numpy as np
from PIL import Image

folder = sys.argv[1]


def recompress(codec: str, out: str) -> None:
    import pyarrow.parquet as pq

    os.makedirs(out, exist_ok=True)
    for path in sorted(glob.glob(f"{folder}/*.parquet")):
        pq.write_table(pq.read_table(path), path.replace(folder, out, 1), compression=codec, row_group_size=5000)


def decoded(data: bytes, size: int) -> np.ndarray:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    if size > 0:
        scale = size / min(image.size)
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
        left, top = (image.width - size) // 2, (image.height - size) // 2
        image = image.crop((left, top, left + size, top + size))
    return (np.asarray(image, np.float32) / 255 - 0.5) / 0.2


def images():
    tars = sorted(glob.glob(f"{folder}/train*.tar"))
    if tars:
        import webdataset

        for sample in webdataset.WebDataset(tars, shardshuffle=False).shuffle(1000):
            yield next(sample[key] for key in ("jpg", "png") if key in sample)
    else:
        import datasets

        files = sorted(glob.glob(f"{folder}/train*.parquet"))
        rows = datasets.load_dataset("parquet", data_files=files, streaming=True, split="train")
        for row in rows.cast_column("image", datasets.Image(decode=False)).shuffle(seed=0, buffer_size=1000):
            yield row["image"]["bytes"]


def measure(size: int) -> None:
    source = images()
    for _ in range(64):
        decoded(next(source), size)
    begun, cpu = time.perf_counter(), time.process_time()
    count, batch = 0, []
    for data in source:
        batch.append(decoded(data, size))
        if len(batch) == 64:
            np.stack(batch)
            batch = []
        count += 1
    seconds = time.perf_counter() - begun
    cpu = time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"imagesPerS": round(count / seconds), "cpuMsOf1000": round(1e6 * cpu / count), "peakMiB": peak}))


if sys.argv[2] == "--codec":
    recompress(sys.argv[3], sys.argv[4])
else:
    measure(int(sys.argv[2]))
