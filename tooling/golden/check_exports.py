"""Exports a small model of each kind to timm, transformers and ONNX, reloads it there strictly, and compares logits.

    python check_exports.py [--names PART] [--out TABLE.json]

The models are timm's by name, narrowed, with random weights, and the encoder of transformers' MAE.
Build Vitrine before. Prints a line for each export: the largest difference in shares of max(2e-5, 1e-5 * max|logit|), or
why the export is refused. The exit status is 1 if a reload fails or if float32 differs by more than one share. float16
and int8 are printed in shares of max|logit|, and do not decide.
"""

import argparse
import itertools
import json
import logging
import re
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import timm
import torch
import transformers
from PIL import Image
from timm.data import create_transform, resolve_data_config

from check_names import Vitrine, build, narrow, save
from check_timm import load as load_timm
from common import redraw

TIMM = {
    "vision_transformer": "vit_tiny_patch16_384 vit_base_patch32_clip_quickgelu_224 vit_base_patch16_siglip_256 vit_small_patch14_dinov2 vit_small_patch14_reg4_dinov2 "
    "vit_giant_patch14_dinov2 vit_betwixt_patch16_reg4_gap_256 aimv2_large_patch14_224 beit3_base_patch16_224 vit_base_patch16_rpn_224 vit_intern300m_patch14_448",
    "deit": "deit_tiny_patch16_224 deit_tiny_distilled_patch16_224 deit3_small_patch16_224",
    "vision_transformer_hybrid": "vit_tiny_r_s16_p8_224 vit_small_r26_s32_224",
    "eva": "eva02_tiny_patch14_224 eva02_base_patch16_clip_224 eva_giant_patch14_224 eva02_enormous_patch14_clip_224 vit_pe_core_base_patch16_224 vit_pe_spatial_base_patch16_512 "
    "vit_small_patch16_rope_224 vit_small_patch16_rope_mixed_ape_224 vit_medium_patch16_rope_reg1_gap_256 vit_small_patch16_dinov3 vit_small_plus_patch16_dinov3_qkvb",
    "resnetv2": "resnetv2_50x1_bit",
}
PRECISIONS = {"float32": "model.onnx", "float16": "model_fp16.onnx", "int8": "model_quantized.onnx"}


def sources(part: str, work: Path):
    """Folders with an input, the outputs of the library that made them, and their name."""
    for module, names in TIMM.items():
        for name in names.split():
            # In transformers, the towers of CLIP and SigLIP and DINOv3 have no head.
            for classes in (5, 0) if re.search("dinov[23]|_clip_|siglip|_tiny_patch16_384", name) else (5,):
                if not re.search(part, name):
                    continue
                args = narrow(name, module) | {"num_classes": classes}
                if "global_pool" not in args and "dinov3" in name and classes == 0:
                    args |= {"global_pool": "token"}
                if re.search("dinov2|_clip_|siglip", name):
                    args |= {"img_size": args["img_size"][:1] * 2}
                model = build(name, args, torch.Generator().manual_seed(len(name)))
                size = model.pretrained_cfg["input_size"]
                pixels = np.random.default_rng(1).integers(0, 256, (*size[1:], 3), dtype=np.uint8)
                x = create_transform(**resolve_data_config({}, model=model))(Image.fromarray(pixels))[None]
                folder = work / f"{name}-{classes}"
                save(model, args, folder)
                with torch.no_grad():
                    yield f"{name}{' without head' if classes == 0 else ''}", folder, x, model(x)


@torch.no_grad()
def mae(part: str, work: Path):
    """A folder of transformers' MAE, whose encoder sees every patch here."""
    name = "vit_mae without head"
    if not re.search(part, name):
        return
    config = transformers.ViTMAEConfig(hidden_size=48, num_hidden_layers=2, num_attention_heads=3, intermediate_size=80, image_size=40, patch_size=8, mask_ratio=0.0)
    model = transformers.ViTMAEModel(config)
    redraw(model, torch.Generator().manual_seed(len(name)))
    folder = work / "vit_mae"
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_processor_type": "ViTImageProcessor", "size": {"height": 40, "width": 40}}))
    x = torch.randn(1, 3, 40, 40, generator=torch.Generator().manual_seed(1))
    yield name, folder, x, model.eval()(x).last_hidden_state[:, 0]


@torch.no_grad()
def by_transformers(folder: Path, x: torch.Tensor, features: bool) -> torch.Tensor:
    kind = getattr(transformers, json.loads((folder / "config.json").read_text())["architectures"][0])
    poolless = {"add_pooling_layer": False} if kind.__name__ in ("ViTModel", "DeiTModel") else {}
    model, info = kind.from_pretrained(folder, output_loading_info=True, attn_implementation="eager", **poolless)
    faults = {kind: sorted(map(str, names)) for kind, names in info.items() if names}
    assert not faults, faults
    result = model.eval()(x)
    if not features:
        return result.logits
    return result.pooler_output.flatten(1) if kind.__name__ in ("BitModel", "CLIPVisionModel", "SiglipVisionModel") else result.last_hidden_state[:, 0]


def shares(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / max(2e-5, 1e-5 * np.abs(expected).max()))


def check(folder: Path, out: Path, target: str, x: torch.Tensor, expected: torch.Tensor, features: bool) -> dict:
    """Reloads an export, and compares its results."""
    expected = expected.numpy()
    if target == "timm":
        with torch.no_grad():
            return {"shares": shares(load_timm(out)(x).numpy(), expected)}
    if target == "hf":
        return {"shares": shares(by_transformers(out, x, features).numpy(), expected)}
    result = {}
    for precision, file in PRECISIONS.items():
        path = out / "onnx" / file
        onnx.checker.check_model(str(path), full_check=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        # Without a head, there may be an output of all tokens too.
        output = session.get_outputs()[-1].name
        found = session.run([output], {session.get_inputs()[0].name: torch.cat([x, x]).numpy()})[0][1:2]
        result[precision] = shares(found, expected) if precision == "float32" else float(np.abs(found - expected).max() / np.abs(expected).max())
    return {"shares": result.pop("float32"), **result}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", default="")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    vitrine, rows = Vitrine("onnx"), []
    with tempfile.TemporaryDirectory() as place:
        for name, folder, x, expected in itertools.chain(sources(options.names, Path(place)), mae(options.names, Path(place))):
            for target in ("timm", "hf", "onnx"):
                out = Path(place) / f"{folder.name}-{target}"
                to = {"to": target, "out": str(out), "cropMode": "squash"} | ({"precision": list(PRECISIONS)} if target == "onnx" else {})
                answer = vitrine.send({"path": str(folder), "to": to})
                row = {"name": name, "to": target}
                if "error" in answer:
                    row |= {"refused" if answer["kind"] == "config" else "fault": answer["error"]}
                else:
                    try:
                        row |= check(folder, out, target, x, expected, "without head" in name) | {"notes": answer["notes"]}
                    except Exception as error:
                        row |= {"fault": f"{type(error).__name__} {str(error)[:300]}"}
                rows.append(row)
                print(json.dumps(row), flush=True)
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1))
    sys.exit(any("fault" in row or row.get("shares", 0) > 1 for row in rows))


if __name__ == "__main__":
    main()
