"""PyTorch eager through timm: python torch_case.py CASE MODELS_FOLDER THREADS"""

import sys

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from timm.models.vision_transformer import VisionTransformer

from contender import answer, images, training

MODELS = {
    "ti": dict(img_size=224, patch_size=16, embed_dim=192, depth=12, num_heads=3, num_classes=1000),
    "b16": dict(img_size=224, patch_size=16, embed_dim=768, depth=12, num_heads=12, num_classes=1000),
    "s32": dict(img_size=32, patch_size=4, embed_dim=192, depth=6, num_heads=3, num_classes=10),
    "xs28": dict(img_size=28, patch_size=4, in_chans=1, embed_dim=64, depth=4, num_heads=4, mlp_ratio=2, num_classes=10),
}

case, folder, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
kind, name, batch = case.split("-")
batch = int(batch[1:])
torch.set_num_threads(threads)
# ti@384 has images of 384², and ti@224x24 besides 24 blocks.
base, _, more = name.partition("@")
side, _, depth = more.partition("x")
fields = dict(MODELS[base])
if side:
    fields["img_size"] = int(side)
if depth:
    fields["depth"] = int(depth)
model = VisionTransformer(**fields)
model.load_state_dict(load_file(f"{folder}/{name}.safetensors"))
x = images(batch, fields.get("in_chans", 3), fields["img_size"], fields["img_size"])
y = torch.arange(batch) % fields["num_classes"]

if kind == "train":
    call = training(model.parameters(), 1e-3, lambda: F.cross_entropy(model(x), y))
    answer([call(), call(), call()], call)
else:
    model.eval()

    def call():
        with torch.inference_mode():
            return model(x)

    answer(call().flatten()[:3].tolist(), call)
