"""Checks that transformers and onnxruntime accept an exported folder, and compute what Vitrine computes.

    python check_export.py FOLDER
    python check_export.py FOLDER --images a.png b.png --compare predictions.json [--backend torchvision]

FOLDER comes from `vitrine export --to hf` or `--to onnx` (check_timm.py checks `--to timm`). transformers must
find every tensor and no other. ONNX files must pass onnx's checker and run at batch 1 and 3. With --images the script
prepares the images by the folder's image processor and prints the logits. With --compare it compares them with the output of
`vitrine predict --json --logits`. The exit status is 1 if a difference exceeds max(2e-5, 1e-5 * max|logit|).
The differences of model_fp16.onnx and model_quantized.onnx are printed, but do not decide.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageClassification, pipeline
from transformers.utils import logging

from check_timm import compare


def inputs(folder: Path, images: list[Path], backend: str) -> np.ndarray:
    processor = AutoImageProcessor.from_pretrained(folder, backend=backend)
    batch = []
    for path in images:
        with Image.open(path) as image:
            batch.append(processor(image, return_tensors="np")["pixel_values"][0])
    return np.stack(batch)


def load_transformers(folder: Path) -> torch.nn.Module:
    model, info = AutoModelForImageClassification.from_pretrained(folder, output_loading_info=True, attn_implementation="eager")
    faults = {kind: sorted(map(str, names)) for kind, names in info.items() if names}
    if faults:
        sys.exit(f"{folder}: {faults}")
    return model.eval()


@torch.no_grad()
def by_transformers(folder: Path, model: torch.nn.Module, images: list[Path], backend: str) -> list[dict]:
    logits = model(torch.from_numpy(inputs(folder, images, backend)).to(model.dtype)).logits.float()
    classify = pipeline("image-classification", str(folder))
    for path, row in zip(images, logits):
        with Image.open(path) as image:
            best = classify(image.convert("RGB"), top_k=1)[0]
        if best["label"] != model.config.id2label[row.argmax().item()]:
            sys.exit(f"{path}: the pipeline says {best}")
    return [dict(file=str(path), logits=row.tolist()) for path, row in zip(images, logits)]


def by_onnx(folder: Path, file: Path, images: list[Path], backend: str) -> list[dict]:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    batch = inputs(folder, images, backend)
    run = lambda x: session.run(["logits"], {"pixel_values": x})[0]
    return [dict(file=str(path), logits=run(x[None])[0].tolist()) for path, x in zip(images, batch)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=Path, nargs="+", default=[])
    parser.add_argument("--compare", type=Path, help="a JSON document of predictions")
    parser.add_argument("--backend", choices=["pil", "torchvision"], default="pil", help="of the image processor")
    options = parser.parse_args()
    if options.compare and not options.images:
        parser.error("--compare needs --images")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    folder, passed = options.folder, True
    files = sorted((folder / "onnx").glob("*.onnx"))
    if not files:
        model = load_transformers(folder)
    for file in files or [folder / "model.safetensors"]:
        facts = {"file": str(file)}
        if files:
            onnx.checker.check_model(str(file), full_check=True)
            found = onnx.load(str(file), load_external_data=False)
            facts |= {"opset": found.opset_import[0].version, "ir": found.ir_version, "nodes": len(found.graph.node)}
            shape = [d.dim_value for d in found.graph.input[0].type.tensor_type.shape.dim]
            session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
            for batch in (1, 3):
                (result, *_) = session.run(None, {"pixel_values": np.zeros([batch, *shape[1:]], np.float32)})
                assert result.shape[0] == batch, result.shape
        else:
            facts |= {"class": type(model).__name__, "dtype": str(model.dtype)}
        if options.images:
            results = by_onnx(folder, file, options.images, options.backend) if files else by_transformers(folder, model, options.images, options.backend)
            if options.compare:
                verdict = compare(json.loads(options.compare.read_text())["results"], results)
                judged = file.name in ("model.onnx", "model.safetensors")
                passed &= verdict["pass"] or not judged
                facts |= verdict
            else:
                facts["results"] = results
        print(json.dumps(facts))
    if not passed:
        sys.exit(1)


if __name__ == "__main__":
    main()
