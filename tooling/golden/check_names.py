"""Compares logits with timm's for all 278 names of its modules, on narrowed copies with random weights.

    python check_names.py [--names PART] [--draws N] [--seed S] [--backend B] [--out TABLE.json]

Each model is read as a folder, as a bare file with its name (`architecture`), with its heads, and alone. With --draws,
random arguments of timm's (`model_args`) are drawn for random names in place of the table. Build Vitrine before.

The exit status is 1 if a reading is wrong: if logits differ by more than max(2e-5, 1e-5 * max|logit|). In ResNets of
random weights, float32 is further from float64 than that, in timm as in Vitrine. Folders of ResNets are also compared in
float64, within 1e-7 * max|logit|, since logits are returned in float32. In float32 they may be four times as far from float64
as timm is, in the worst of three ways to compute: with oneDNN, without it, and with channels last.
"""

import argparse
import json
import logging
import random
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform, resolve_data_config

from common import redraw, timm_config

warnings.filterwarnings("ignore")
MODULES = ("vision_transformer", "deit", "vision_transformer_hybrid", "eva", "resnetv2")
UNTOLD = ("act_layer", "global_pool", "pool_include_prefix", "ref_feat_shape", "attn_pool_num_heads", "norm_layer")
NODE = Path(__file__).parents[2] / "packages" / "vitrine" / "bench" / "logits.mjs"


def narrow(name: str, module: str) -> dict:
    """Arguments for a model of the same kind that is small, with images that are not square."""
    if module == "resnetv2":
        return {"channels": [128, 256, 384, 512], "stem_chs": 64}
    args = {"depth": 2}
    if name != "vit_base_mci_224":
        args |= {"embed_dim": 48, "num_heads": 3}
    if "sapiens2" in name:
        args |= {"num_kv_heads": 1}
    patch = int(re.search(r"_patch(\d+)_", name).group(1)) if "_patch" in name else 16
    cell = {"s32": 32, "s16": 16}.get((re.search(r"_(s\d+)", name) or [0, ""])[1], patch) if "_r" in name and "hybrid" in module else patch
    if "_p8_" in name:
        cell = 32 * 2
    return args | {"img_size": [3 * cell, 4 * cell]}


def drawn(rng: random.Random, name: str, module: str) -> dict:
    """Random arguments beside those that make a model small."""
    args = narrow(name, module)
    if module == "resnetv2":
        return args | {"num_classes": rng.choice([0, 1, 5])}
    pick = lambda **choices: {key: rng.choice(values) for key, values in choices.items() if rng.random() < 0.4}
    args |= pick(
        num_classes=[0, 1, 2, 7], in_chans=[1], global_pool=["token", "avg", "map"], mlp_ratio=[2, 3.5],
        class_token=[True, False], no_embed_class=[True, False], qk_norm=[True, False], qkv_bias=[True, False],
        init_values=[0.1, 1.0], dynamic_img_size=[True, False],
    )
    if module == "eva":
        args |= pick(
            num_reg_tokens=[0, 1, 3], use_fc_norm=[True, False], use_post_transformer_norm=[True, False], use_pre_transformer_norm=[True, False],
            swiglu_mlp=[True, False], scale_mlp=[True, False], scale_attn_inner=[True, False], qkv_fused=[True, False], attn_type=["eva", "rope"],
            use_abs_pos_emb=[True, False], use_rot_pos_emb=[True, False], rope_type=["cat", "mixed", "dinov3"], rope_grid_offset=[0.0, 1.0],
            rope_grid_indexing=["ij", "xy"], rope_temperature=[50.0, 1000.0], rope_rotate_half=[True, False], ref_feat_shape=[[5, 7]], swiglu_align_to=[0, 8],
            attn_pool_num_heads=[1, 2], attn_pool_mlp_ratio=[2.0],
        )
    else:
        args |= pick(
            reg_tokens=[0, 1, 4], fc_norm=[True, False], final_norm=[True, False], pre_norm=[True, False], proj_bias=[True, False],
            pool_include_prefix=[True, False], act_layer=["relu", "gelu_tanh", "quick_gelu", "silu"], pos_embed=["none", "learn"], norm_layer=["layernorm"],
            scale_attn_norm=[True], scale_mlp_norm=[True],
        )
    return args


def build(name: str, args: dict, generator: torch.Generator):
    size = args.get("img_size", [70, 90])
    data = {"input_size": (args.get("in_chans", 3), *size), "crop_pct": 1.0, "fixed_input_size": "img_size" in args}
    if args.get("in_chans") == 1:
        data |= {"mean": (0.4,), "std": (0.3,)}
    model = timm.create_model(name, pretrained_cfg_overlay=data, **args).eval()
    redraw(model, generator)
    return model


@torch.no_grad()
def result(model, path: Path) -> tuple[list[float], float]:
    """timm's logits, and its rounding errors in float32; of a ResNet, the logits in float64 and the worst errors."""
    transform = create_transform(**resolve_data_config({}, model=model))
    with Image.open(path) as image:
        x = transform(image.convert("L" if model.in_chans == 1 else "RGB"))[None]
    single = model(x)[0].double()
    if type(model).__name__ != "ResNetV2" and not hasattr(getattr(model, "patch_embed", None), "backbone"):
        return single.tolist(), 0
    with torch.backends.mkldnn.flags(enabled=False):
        plain = model(x)[0].double()
    last = model.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))[0].double()
    exact = model.to(memory_format=torch.contiguous_format).double()(x.double())[0]
    return exact.tolist(), max(float((exact - each).abs().max()) for each in (single, plain, last))


def save(model, args: dict, folder: Path) -> None:
    folder.mkdir(parents=True)
    config = timm_config(model)
    config["model_args"] = args
    config["pretrained_cfg"] |= {"input_size": list(model.pretrained_cfg["input_size"]), "crop_pct": 1.0}
    (folder / "config.json").write_text(json.dumps(config))
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, folder / "model.safetensors")


class Vitrine:
    def __init__(self, backend: str):
        self.process = subprocess.Popen(["node", str(NODE), backend], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def send(self, request: dict) -> dict:
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def ask(self, path: Path, image: Path, options: dict) -> dict:
        return self.send({"path": str(path), "image": str(image), "options": options})


def verdict(expected: list[float], rounding: float, answer: dict, double: bool = False) -> tuple[str, object]:
    """The kind of an answer, and its difference in shares of the tolerance or its error."""
    if "error" in answer:
        return ("refused" if answer["kind"] in ("config", "file") else "FAULT"), answer["error"]
    a, b = np.array(expected), np.array(answer["logits"])
    if a.shape != b.shape:
        return "WRONG", f"{b.shape} for {a.shape}"
    largest = np.abs(a).max()
    tolerance = 1e-7 * largest if double else max(1e-5 * largest, 2e-5, 4 * rounding)
    difference = float(np.abs(a - b).max() / tolerance) if np.isfinite(b).all() else float("inf")
    return ("right" if difference <= 1 else "WRONG"), difference


def check(name: str, module: str, args: dict, seed: int, vitrine: Vitrine, reference: Vitrine, work: Path) -> list[dict] | None:
    generator = torch.Generator().manual_seed(seed)
    try:
        model = build(name, args, generator)
        height, width = args.get("img_size", [70, 90])
        picture = work / "picture.png"
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)).save(picture)
        expected, rounding = result(model, picture)
        if not np.isfinite(expected).all():
            return None
    except Exception as error:  # timm cannot build this model.
        print(f"{name} {args}: timm: {type(error).__name__} {error}", file=sys.stderr)
        return None
    model = model.float()
    folder = work / "folder"
    save(model, args, folder)
    bare = work / "bare.safetensors"
    shutil.copy(folder / "model.safetensors", bare)
    data = resolve_data_config({}, model=model)
    overrides = {"mean": data["mean"], "std": data["std"], "cropPct": 1, "interpolation": data["interpolation"], "imageSize": [height, width], "cropMode": "center"}
    heads = {} if module == "resnetv2" else {"heads": args.get("num_heads", 3)}
    named = overrides | heads | ({} if module == "resnetv2" else {"architecture": name})
    rows = []
    # What no tensor and no name tells is not asked of a bare file.
    hidden = any(key in UNTOLD or key.startswith("rope_") for key in args)
    ways = [("folder", folder, {}), *([("folder in float64", folder, {})] if rounding > 0 else [])]
    for way, path, options in ways if hidden else (
        *ways,
        ("bare with its name", bare, named),
        ("bare with heads", bare, overrides | heads),
        ("bare", bare, overrides),
    ):
        double = way == "folder in float64"
        answer = (reference if double else vitrine).ask(path, picture, options)
        kind, detail = verdict(expected, rounding, answer, double)
        rows.append({"name": name, "args": args, "way": way, "verdict": kind, "detail": detail})
        if kind in ("WRONG", "FAULT"):
            print(json.dumps(rows[-1]), file=sys.stderr)
    shutil.rmtree(folder)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", default="")
    parser.add_argument("--draws", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend", default="onnx")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    rng = random.Random(options.seed)
    names = [(name, module) for module in MODULES for name in timm.list_models(module=module) if re.search(options.names, name)]
    cases = [(name, module, narrow(name, module)) for name, module in names]
    if options.draws:
        cases = [(name, module, drawn(rng, name, module)) for name, module in rng.choices(names, k=options.draws)]
    vitrine, reference, rows = Vitrine(options.backend), Vitrine("reference"), []
    with tempfile.TemporaryDirectory() as work:
        for index, (name, module, args) in enumerate(cases):
            rows += check(name, module, args, 1000 * options.seed + index, vitrine, reference, Path(work)) or []
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1))
    for way in dict.fromkeys(row["way"] for row in rows):
        counts = Counter(row["verdict"] for row in rows if row["way"] == way)
        worst = max((row["detail"] for row in rows if row["way"] == way and row["verdict"] == "right"), default=0)
        print(f"{way}: {dict(counts)}, the worst right one at {worst:.2f} of the tolerance")
    sys.exit(any(row["verdict"] in ("WRONG", "FAULT") for row in rows))


if __name__ == "__main__":
    main()
