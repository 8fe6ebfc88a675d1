"""Checks that timm accepts a model folder, and computes what Vitrine computes.

    python check_timm.py FOLDER
    python check_timm.py FOLDER --images a.png b.png
    python check_timm.py FOLDER --images a.png b.png --compare predictions.json

FOLDER has config.json in timm's format and model.safetensors. The weights are loaded with strict=True. With --images
the script prints timm's logits, with timm's transforms, as {"results": [{"file", "logits"}]}. With --compare it compares
them with a document of the same form, such as the output of `vitrine predict --json --logits`, and prints the verdict.
The exit status is 1 if a difference exceeds max(2e-5, 1e-5 * max|logit|).
"""

import argparse
import json
import logging
import math
import sys
from pathlib import Path

import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from timm.data import create_transform, resolve_data_config


def load(folder: Path) -> torch.nn.Module:
    """Builds the model of a folder by hand and by timm's folder loader. The two must have the same weights."""
    config = json.loads((folder / "config.json").read_text())
    if not isinstance(config.get("architecture"), str):
        sys.exit(f"{folder / 'config.json'}: no architecture; it must be a config.json as timm publishes it")
    args = dict(config.get("model_args", {}))
    if "num_classes" in config:
        args["num_classes"] = config["num_classes"]
    model = timm.create_model(config["architecture"], pretrained_cfg_overlay=config.get("pretrained_cfg"), **args)
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    published = timm.create_model(f"local-dir:{folder}", pretrained=True)
    for (name, ours), theirs in zip(model.state_dict().items(), published.state_dict().values(), strict=True):
        if not torch.equal(ours, theirs):
            sys.exit(f"{name}: timm's folder loader reads other values than model.safetensors holds")
    return published.eval()


@torch.no_grad()
def predict(model: torch.nn.Module, images: list[Path]) -> list[dict]:
    transform = create_transform(**resolve_data_config({}, model=model))
    mode = "L" if model.in_chans == 1 else "RGB"
    results = []
    for path in images:
        with Image.open(path) as image:
            logits = model(transform(image.convert(mode))[None])[0]
        results.append({"file": str(path), "logits": logits.tolist()})
    return results


def compare(expected: list[dict], found: list[dict]) -> dict:
    """The largest difference of the logits of equal file names, and whether it is within the tolerance."""
    logits = {Path(each["file"]).name: each["logits"] for each in found}
    if len(logits) < len(found):
        sys.exit("two results have the same file name")
    largest, worst, scale = 0.0, None, 0.0
    for each in expected:
        name = Path(each["file"]).name
        if name not in logits:
            sys.exit(f"{name}: no such file among the predictions ({', '.join(logits) or 'there are none'})")
        if len(logits[name]) != len(each["logits"]):
            sys.exit(f"{name}: {len(logits[name])} logits where timm gives {len(each['logits'])}")
        for a, b in zip(each["logits"], logits[name]):
            if not isinstance(b, (int, float)) or not math.isfinite(b):
                sys.exit(f"{name}: a logit of {b}")
            scale = max(scale, abs(a))
            if abs(a - b) > largest:
                largest, worst = abs(a - b), name
    tolerance = max(2e-5, 1e-5 * scale)
    return {"images": len(expected), "max_difference": largest, "worst": worst, "max_logit": scale, "tolerance": tolerance, "pass": largest <= tolerance}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=Path, nargs="+", default=[])
    parser.add_argument("--compare", type=Path, help="a JSON document of predictions")
    options = parser.parse_args()
    if options.compare and not options.images:
        parser.error("--compare needs --images")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    model = load(options.folder)
    if not options.images:
        parameters = sum(p.numel() for p in model.parameters())
        print(json.dumps({"architecture": type(model).__name__, "parameters": parameters, "strict": True}))
        return
    results = predict(model, options.images)
    if not options.compare:
        print(json.dumps({"results": results}))
        return
    verdict = compare(results, json.loads(options.compare.read_text())["results"])
    print(json.dumps(verdict))
    if not verdict["pass"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
