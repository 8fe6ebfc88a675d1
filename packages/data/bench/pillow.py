"""Decode, resize, crop and normalise with Pillow: python pillow.py FOLDER THREADS ROUNDS. Prints images/s of each round as JSON
lines, and the hash of the cropped bytes first. Reads a line before each round, so that rounds can be interleaved."""

import hashlib
import json
import pathlib
import sys
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import numpy as np
from PIL import Image

folder, threads = sys.argv[1], int(sys.argv[2])
files = sorted(str(f) for f in pathlib.Path(folder).glob("*.jpg"))
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
scale = np.float32(1 / 255) / np.array(STD, np.float32)
shift = -np.array(MEAN, np.float32) / np.array(STD, np.float32)


def cropped(f):
    im = Image.open(f).convert("RGB")
    w, h = im.size
    w, h = (256, int(256 * h / w)) if w < h else (int(256 * w / h), 256)
    im = im.resize((w, h), Image.Resampling.BICUBIC)
    x, y = round((w - 224) / 2), round((h - 224) / 2)
    return np.asarray(im.crop((x, y, x + 224, y + 224)))


def one(f):
    return np.ascontiguousarray(cropped(f) * scale + shift)


digest = hashlib.sha256()
for f in files:
    digest.update(np.ascontiguousarray(cropped(f)).tobytes())
print(json.dumps({"hash": digest.hexdigest(), "images": len(files)}), flush=True)
pool = ThreadPoolExecutor(threads)
for line in sys.stdin:
    repeats = int(line)
    begun = perf_counter()
    if threads == 1:
        for f in files * repeats:
            one(f)
    else:
        for _ in pool.map(lambda f: one(f) is None, files * repeats):
            pass
    print(json.dumps({"imagesPerS": repeats * len(files) / (perf_counter() - begun)}), flush=True)
