"""shards: the images of parquet/folder as tar shards of the library webdataset."""

import json

from webdataset import ShardWriter

from common import FILES

CLASSES = ["cat", "dog", "owl"]
HERE = FILES / "webdataset"


def write(name: str, samples: list[dict], shard: int) -> None:
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with ShardWriter(str(path), maxcount=shard, verbose=0, mtime=0, user="vitrine", group="vitrine") as writer:
        for sample in samples:
            writer.write(sample)


def generate() -> None:
    images = [(c, (FILES / "parquet" / "folder" / name / f"{i}.png").read_bytes()) for c, name in enumerate(CLASSES) for i in range(8)]
    samples = [{"__key__": f"{i:04d}", "png": data, "cls": c} for i, (c, data) in enumerate(images)]
    write("cls/train-%06d.tar", samples, 10)
    named = [{"__key__": f"{i:04d}", "png": data, "json": json.dumps({"label": CLASSES[c], "id": i}).encode()} for i, (c, data) in enumerate(images)]
    write("json/train-%06d.tar", [row for i, row in enumerate(named) if i % 4], 100)
    write("json/val-%06d.tar", named[::4], 100)
    pairs = [{"__key__": f"{i:04d}", "left.png": data, "right.png": images[-1 - i][1], "txt": CLASSES[c]} for i, (c, data) in enumerate(images)]
    write("pairs-%06d.tar", pairs, 100)
