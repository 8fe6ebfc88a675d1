"""Writes files/official.safetensors with the official library: python official.py (torch 2.15, safetensors 0.8)."""

from pathlib import Path

import safetensors.torch
import torch

tensors = {
    "b.weight": torch.arange(6, dtype=torch.float32).reshape(2, 3) / 2,
    "a": torch.tensor([1, -2, 2**40], dtype=torch.int64),
    "h": torch.tensor([1.5, 65504, 6e-8, float("inf")]).half(),
    "bf": torch.tensor([1.5, -3e38]).bfloat16(),
    "d": torch.tensor(3.25, dtype=torch.float64),
    "ok": torch.tensor([True, False]),
    "i8": torch.tensor([-3], dtype=torch.int8),
    "u8": torch.tensor([7], dtype=torch.uint8),
    "i16": torch.tensor([-300], dtype=torch.int16),
    "i32": torch.tensor([70000], dtype=torch.int32),
    "empty": torch.zeros(0, 3),
    "aa.bias": torch.zeros(1),
}
path = Path(__file__).parent / "files" / "official.safetensors"
safetensors.torch.save_file(tensors, path, metadata={"format": "pt"})
