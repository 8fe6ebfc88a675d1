"""Writes the golden files: python generate.py [NAME ...].

A NAME is a generator below, or a file that one of them makes alone, such as vit-token. No NAME means all.
"""

import importlib
import logging
import sys

import cases

# The generators, and the prefixes of the files that each can make alone.
GENERATORS = {
    "vit": ("vit-",),
    "attention": ("attention-",),
    "seq2seq": ("transformer-", "seq2seq-"),
    "bit": ("bit-",),
    "bit_folder": (),
    "guide": (),
    "hybrid": ("hybrid-",),
    "rotary": ("rotary-", "large-rotary-"),
    "dinov3": ("dinov3-huggingface",),
    "resnet": ("resnet-",),
    "detr": ("detr-",),
    "detr_huggingface": ("huggingface-detr",),
    "training": ("training-",),
    "losses": (),
    "labels": (),
    "folder": (),
    "resolution": (),
    "family": (),
    "huggingface": ("huggingface-",),
    "interpret": (),
    "probe": (),
    "processors": (),
    "objectives": (),
    "annotated": (),
    "parquet": (),
    "shards": (),
    "variants": (),
    "flops": (),
    "plan": (),
    "matching": (),
    "average_precision": (),
    "towers": ("towers-",),
    "threefry": (),
}


def generator_of(name: str) -> str | None:
    """The generator that makes a file: the one with the longest prefix of the file's name."""
    beginnings = {prefix: generator for generator, prefixes in GENERATORS.items() for prefix in prefixes}
    fitting = [prefix for prefix in beginnings if name.startswith(prefix)]
    return beginnings[max(fitting, key=len)] if fitting else None


def run(generator: str, files: set[str]) -> None:
    """Makes some files of a generator, or all if `files` is empty."""
    if generator != "threefry":
        import torch
        from timm.layers import set_fused_attn

        set_fused_attn(False)
        # One thread and one order of sums give the same files on every machine with the same versions.
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
    cases.only = files
    importlib.import_module(generator).generate()
    missing = files - cases.made
    if missing:
        sys.exit(f"{generator} has no case {', '.join(sorted(missing))}")
    print(generator, *sorted(files))


def main(names: list[str]) -> None:
    logging.disable(logging.WARNING)
    whole = set(names or GENERATORS) & set(GENERATORS)
    files: dict[str, set[str]] = {name: set() for name in whole}
    for name in names:
        generator = name if name in whole else generator_of(name)
        if generator is None:
            sys.exit(f"no generator or file {name}; the generators are {', '.join(GENERATORS)}")
        if generator not in whole:
            files.setdefault(generator, set()).add(name)
    for generator in GENERATORS:
        if generator in files:
            run(generator, files[generator])


if __name__ == "__main__":
    main(sys.argv[1:])
