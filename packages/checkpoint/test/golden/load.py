"""Loads a run folder into timm in both documented ways: python load.py FOLDER."""

import json
import sys
import warnings
from pathlib import Path

import timm
import torch
from safetensors.torch import load_file

warnings.filterwarnings("ignore")
folder = Path(sys.argv[1])
config = json.loads((folder / "config.json").read_text())
weights = load_file(folder / "model.safetensors")

model = timm.create_model(config["architecture"], num_classes=config["num_classes"], **config["model_args"])
model.load_state_dict(weights, strict=True)
local = timm.create_model(f"local-dir:{folder}", pretrained=True)
data = timm.data.resolve_model_data_config(local)

channels, height, width = config["pretrained_cfg"]["input_size"]
assert data["input_size"] == (channels, height, width) or data["input_size"] == [channels, height, width], data
assert data["crop_mode"] == "squash" and data["interpolation"] == "bilinear" and data["crop_pct"] == 0.9, data
images = torch.rand(2, channels, height, width)
with torch.no_grad():
    same = torch.equal(model.eval()(images), local.eval()(images))
same = same and all(torch.equal(value, weights[name]) for name, value in local.state_dict().items())
print("same" if same else "different")
