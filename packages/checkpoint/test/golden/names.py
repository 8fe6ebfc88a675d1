"""Writes every name that timm lists: python names.py (timm 1.0.31, torch 2.15).

files/names.json.gz   the models of timm's modules of Vision Transformers, Eva and ResNet-v2: names and shapes of their tensors at
                      full size and narrowed, and the configuration of those that Vitrine has
"""

import gzip
import json

import timm
import torch
from architectures import config_of, files, structure
from eva import structure as eva_structure

MODULES = ("vision_transformer", "deit", "vision_transformer_hybrid", "eva", "resnetv2")
tables = {}


def table(model):
    """The index of a model's names and shapes, which other models may share."""
    text = "\n".join(f"{name} {'x'.join(map(str, value.shape))}" for name, value in model.state_dict().items())
    return tables.setdefault(text, len(tables))


def bit(model):
    """The fields of a BiTConfig; None for another ResNet."""
    if "_bit" not in model.pretrained_cfg["architecture"]:
        return None
    stages = [[block.conv3.out_channels for block in stage.blocks] for stage in model.stages]
    widths = [stage[0] for stage in stages]
    return {"widths": widths, "depths": [len(stage) for stage in stages], "stemWidth": model.stem.conv.out_channels}


def narrow(name, module):
    """Arguments for a model of the same kind that is small."""
    if module == "resnetv2":
        return {"channels": [128, 256, 384, 512], "stem_chs": 64}
    # Its patches have the width of the network before them.
    if name == "vit_base_mci_224":
        return {"depth": 2}
    if "sapiens2" in name:
        return {"embed_dim": 48, "depth": 2, "num_heads": 3, "num_kv_heads": 1}
    return {"embed_dim": 48, "depth": 2, "num_heads": 3}


rows = []
for module in MODULES:
    for name in timm.list_models(module=module):
        row = {"name": name}
        for size, model_args in (("full", {}), ("narrow", narrow(name, module))):
            with torch.device("meta"):
                model = timm.create_model(name, **model_args)
            if module == "resnetv2":
                expected = bit(model)
            else:
                expected = eva_structure(model) if module == "eva" else structure(model) if hasattr(model, "blocks") else None
            row[size] = {"json": config_of(name, model, model_args), "tensors": table(model), "expected": expected}
        rows.append(row)
packed = gzip.compress(json.dumps({"names": rows, "tables": list(tables)}).encode(), mtime=0)
(files / "names.json.gz").write_bytes(packed)
print(f"{len(rows)} names, {len(tables)} tables, {len(packed)} bytes")
