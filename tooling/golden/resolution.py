"""resolution: vit-folder-tiny at other image sizes and with other preprocessing, and timm's logits."""

import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_data_config

from common import FILES, write
from folder import IMAGES

FOLDER = FILES / "vit-folder-tiny"
# Height and width of the images, and further options under the names of timm's flags.
CASES = {
    "tall": ((64, 48), {}),
    "wide-border": ((32, 80), dict(crop_mode="border", crop_pct=0.8, mean=(0.1, 0.3, 0.7))),
    "squash": ((64, 80), dict(crop_mode="squash", interpolation="bilinear", crop_pct=1.0, std=(0.2, 0.25, 0.3))),
    "square": ((96, 96), dict(interpolation="lanczos")),
    "filter": ((48, 64), dict(interpolation="hamming")),
}


@torch.no_grad()
def generate() -> None:
    cases, tensors = [], {}
    for name, (size, args) in CASES.items():
        # timm resizes the table of positions when it loads a model with another size.
        model = timm.create_model(f"local-dir:{FOLDER}", pretrained=True, img_size=size).eval()
        data = resolve_data_config({"img_size": None, "input_size": (3, *size), **args}, model=model)
        assert data["input_size"] == (3, *size), data
        transform = create_transform(**data)
        inputs = []
        for file in IMAGES:
            with Image.open(FOLDER / file) as image:
                inputs.append(transform(image.convert("RGB")))
        batch = torch.stack(inputs)
        tensors[f"{name}.pos_embed"] = model.pos_embed
        tensors[f"{name}.logits"] = model.double()(batch.double())
        cases.append({"name": name, "imageSize": size, "args": args})
    write("resolution", {"files": list(IMAGES), "cases": cases}, tensors)
