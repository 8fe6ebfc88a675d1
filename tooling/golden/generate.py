"""Writes the golden files: python generate.py [NAME ...], of the names below.

No name means all.
"""

import importlib
import logging
import sys

GENERATORS = (
    "vit",
    "attention",
    "seq2seq",
    "bit",
    "bit_folder",
    "hybrid",
    "resnet",
    "detr",
    "detr_huggingface",
    "training",
    "losses",
    "folder",
    "resolution",
    "family",
    "huggingface",
    "interpret",
    "probe",
    "objectives",
    "variants",
    "flops",
    "matching",
    "average_precision",
    "threefry",
)


def main(names: list[str]) -> None:
    unknown = [name for name in names if name not in GENERATORS]
    if unknown:
        sys.exit(f"no generator {', '.join(unknown)}; there are {', '.join(GENERATORS)}")
    logging.disable(logging.WARNING)
    for name in names or GENERATORS:
        if name != "threefry":
            import torch
            from timm.layers import set_fused_attn

            set_fused_attn(False)
            # One thread and one order of sums: the same files wherever they are made with the same versions.
            torch.set_num_threads(1)
            torch.use_deterministic_algorithms(True)
        importlib.import_module(name).generate()
        print(name)


if __name__ == "__main__":
    main(sys.argv[1:])
