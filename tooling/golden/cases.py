"""Selects the cases to make, and their random seeds.

A seed follows from the name of a case's file. So a new case, or another order of cases, changes no other file.
"""

import zlib
from collections.abc import Iterator

# Older files keep the seeds that followed from their places.
SEEDS = {
    "vit-token": 100,
    "vit-average": 101,
    "vit-average-class-token": 102,
    "vit-average-norm-first": 103,
    "vit-token-fc-norm": 104,
    "vit-no-positions": 105,
    "vit-no-positions-average": 106,
    "vit-rectangle": 107,
    "vit-features": 108,
    "vit-features-average": 109,
    "vit-one-patch": 110,
    "vit-map": 111,
    "vit-map-prefix": 112,
    "vit-registers": 113,
    "vit-registers-positions": 114,
    "vit-deit3": 115,
    "vit-qk-norm": 116,
    "vit-qk-norm-prefix": 117,
    "vit-clip": 118,
    "vit-clip-qkv": 119,
    "vit-swiglu": 120,
    "vit-swiglu-map": 121,
    "vit-distilled": 122,
    "vit-distilled-features": 123,
    "vit-token-average": 124,
    "vit-token-average-features": 125,
    "training-adamw": 200,
    "training-adam": 201,
    "training-sgd": 202,
    "training-sgd-nesterov": 203,
    "training-adamw-schedule": 204,
    "training-adamw-ema": 205,
    "training-adamw-accumulate": 206,
    "training-adamw-layer-decay": 207,
    "training-adamw-multi-label": 208,
    "training-sgd-clip": 209,
    "huggingface-vit": 500,
    "huggingface-deit": 501,
    "huggingface-rectangle": 502,
    "huggingface-features": 503,
    "huggingface-deit-teacher": 504,
    "huggingface-deit-token": 505,
    "huggingface-dinov2": 506,
    "huggingface-dinov2-registers": 507,
    "huggingface-dinov2-swiglu": 508,
    "google-token": 600,
    "google-released": 601,
    "google-gap": 602,
    "big-vision-gap": 603,
    "big-vision-map": 604,
    "big-vision-tok": 605,
    "big-vision-sincos": 606,
    "big-vision-siglip": 607,
    "big-vision-old": 608,
    "google-hybrid": 609,
    "google-hybrid-root": 610,
    "family-siglip": 700,
    "family-dinov2": 701,
    "family-giant": 702,
    "family-deit": 703,
    "family-deit3": 704,
    "family-clip": 705,
    "family-reg-gap": 706,
    "family-hybrid": 707,
    "dinov2-names": 720,
    "dinov2-names-registers": 721,
    "bit-square": 900,
    "bit-odd": 901,
    "bit-wide": 902,
    "bit-features": 903,
    "resnet-basic": 950,
    "resnet-bottleneck": 951,
    "resnet-dilated": 952,
    "detr-post": 970,
    "detr-pre": 971,
    "detr-dilated": 972,
    "hybrid-root": 980,
    "hybrid-stages": 981,
    "hybrid-average": 982,
    "hybrid-features": 983,
    "attention-cross": 1200,
    "attention-causal": 1201,
    "attention-padding": 1202,
    "attention-both": 1203,
    "attention-added": 1204,
    "attention-blind": 1205,
    "huggingface-detr": 1200,
    "huggingface-detr-dilated": 1201,
    "huggingface-detr-native": 1202,
    "huggingface-detr-auxiliary": 1203,
    "transformer-post": 1300,
    "transformer-plain": 1301,
    "transformer-pre": 1302,
    "transformer-pre-plain": 1303,
    "transformer-padded": 1304,
    "transformer-no-bias": 1305,
    "seq2seq-text": 1350,
    "seq2seq-text-apart": 1351,
    "seq2seq-image": 1352,
    "seq2seq-image-patches": 1353,
}

# The names of the files to make, or none to make all; and the names that `is_chosen` has accepted.
only: set[str] = set()
made: set[str] = set()


def seed_of(file: str) -> int:
    return SEEDS.get(file, zlib.crc32(file.encode()))


def is_chosen(file: str) -> bool:
    if only and file not in only:
        return False
    made.add(file)
    return True


def chosen(prefix: str, table: dict) -> Iterator[tuple[str, object, int]]:
    """The name, the arguments and the seed of each case to make. The file's name is `prefix` followed by the case's name."""
    for name, arguments in table.items():
        if is_chosen(prefix + name):
            yield name, arguments, seed_of(prefix + name)
