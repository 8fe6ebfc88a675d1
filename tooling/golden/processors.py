"""processors: the image processors of ViT, DeiT, DINOv2 and DETR in transformers (Pillow backend) and of DINOv3 (torchvision), each field changed by itself.

files/processors.json          the files as JSON, the fields that processors have, and for each case the shape of its pixels or its fault
files/processors.safetensors   the pixels, [height, width, 3]
"""

import json
import warnings

import numpy as np
import torch
from PIL import Image
from transformers import BitImageProcessorPil, DeiTImageProcessorPil, DetrImageProcessorPil, ViTImageProcessorPil
from transformers.models.dinov3_vit.image_processing_dinov3_vit import DINOv3ViTImageProcessor
from transformers.processing_utils import ImagesKwargs

from common import FILES, write
from folder import picture

warnings.filterwarnings("ignore")

SIDE = 24
PROCESSORS = {
    "vit": (ViTImageProcessorPil, dict(size=dict(height=SIDE, width=SIDE))),
    "deit": (DeiTImageProcessorPil, dict(size=dict(height=28, width=28), crop_size=dict(height=SIDE, width=SIDE))),
    "dinov2": (BitImageProcessorPil, dict(size=dict(shortest_edge=28), crop_size=dict(height=SIDE, width=SIDE))),
    "dinov3": (DINOv3ViTImageProcessor, dict(size=dict(height=SIDE, width=SIDE))),
    "dinov3-crop": (DINOv3ViTImageProcessor, dict(size=dict(height=29, width=35), do_center_crop=True, crop_size=dict(height=SIDE, width=30))),
    "detr": (DetrImageProcessorPil, dict(size=dict(shortest_edge=SIDE, longest_edge=40))),
}
VALUES = {
    "do_convert_rgb": [True, False, None],
    "do_resize": [False, None],
    "size": [
        dict(height=24, width=24), dict(height=24, width=31), dict(shortest_edge=24), dict(shortest_edge=26, longest_edge=33),
        dict(max_height=24, max_width=50), dict(max_height=60, max_width=29), 24, 27, [24, 31], dict(longest_edge=24), None,
    ],
    "default_to_square": [True, False],
    "crop_size": [dict(height=24, width=24), dict(height=20, width=24), 24, 22, [24, 18], dict(height=60, width=24), None],
    "resample": [0, 1, 2, 3, 4, 5, None],
    "do_rescale": [False, None],
    "rescale_factor": [1 / 127.5, 0.01, None],
    "do_normalize": [False, None],
    "image_mean": [0.4, [0.1, 0.2, 0.3], None],
    "image_std": [0.3, [0.1, 0.2, 0.3], None],
    "do_pad": [True, False, None],
    "pad_size": [dict(height=48, width=64), dict(height=24, width=24)],
    "do_center_crop": [True, False, None],
    "data_format": ["channels_last", None],
    "input_data_format": ["channels_first"],
    "device": ["cpu"],
    "return_tensors": ["pt"],
    "disable_grouping": [True],
    "image_seq_length": [5],
    "format": ["coco_detection"],
    "do_convert_annotations": [False],
}


def generate() -> None:
    fields = sorted({*ImagesKwargs.__annotations__, *DetrImageProcessorPil.valid_kwargs.__annotations__})
    assert set(fields) == set(VALUES), set(fields) ^ set(VALUES)
    rng = np.random.default_rng(16)
    width, height = 53, 37
    Image.fromarray(picture(width, height, 3, rng)).save(FILES / "processors.png")
    image = Image.open(FILES / "processors.png").convert("RGB")
    cases, tensors, keys = [], {}, {}
    for name, (kind, base) in PROCESSORS.items():
        plain = json.loads(kind(**base).to_json_string())
        changes = [(None, None), *((field, value) for field, values in VALUES.items() for value in values)]
        for index, (field, value) in enumerate(changes):
            changed = plain if field is None else plain | {field: value}
            case = {"processor": name, "field": field, "json": changed}
            try:
                made = kind.from_dict(changed)(image)["pixel_values"][0]
                pixels = np.moveaxis(np.asarray(made, dtype=np.float64), 0, -1)
                if pixels.shape[-1] != 3:
                    pixels = np.moveaxis(pixels, 0, -1)
                if pixels.size > 20_000:
                    # The default is 800 pixels.
                    continue
                values = torch.from_numpy(np.ascontiguousarray(pixels)).float()
                # Most fields have no effect.
                content = (tuple(values.shape), values.numpy().tobytes())
                case["key"] = keys.setdefault(content, f"{name}.{index}")
                tensors[case["key"]] = values
            except Exception as error:
                case["fault"] = type(error).__name__
            cases.append(case)
    write("processors", {"side": SIDE, "fields": fields, "cases": cases}, tensors)
