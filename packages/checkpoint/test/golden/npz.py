"""Writes files/npz/* with NumPy: python npz.py (numpy 2, ml_dtypes)."""

import io
import json
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np

folder = Path(__file__).parent / "files" / "npz"
folder.mkdir(exist_ok=True)

arrays = {
    "f4": np.arange(6, dtype="<f4").reshape(2, 3) / 2,
    "f8": np.array(3.25),
    "f2": np.array([1.5, 65504, 6e-8, np.inf], dtype="<f2"),
    "i4": np.array([70000, -1], dtype="<i4"),
    "i8": np.array([1, -2, 2**40]),
    "i2": np.array([-300], dtype="<i2"),
    "i1": np.array([-3], dtype="i1"),
    "u1": np.array([7, 255], dtype="u1"),
    "u2": np.array([65535], dtype="<u2"),
    "b1": np.array([True, False]),
    "empty": np.zeros((0, 3), dtype="<f4"),
    "big/f4": np.arange(6, dtype=">f4").reshape(3, 2),
    "big/f8": np.array([1.5, -2], dtype=">f8"),
    "big/i8": np.array([2**40], dtype=">i8"),
    "fortran": np.asfortranarray(np.arange(24, dtype="<f4").reshape(2, 3, 4)),
    "fortran_big": np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3)),
    "bfloat16": np.array([1.5, -2.25], dtype=ml_dtypes.bfloat16),
    "zeros": np.zeros((100, 100), dtype="<f4"),
    "noise": np.random.default_rng(0).standard_normal((100, 50)).astype("<f4"),
}
np.savez(folder / "stored.npz", **arrays)
np.savez_compressed(folder / "deflated.npz", **arrays)


class Stream(io.RawIOBase):
    """A file that cannot be rewound, so that sizes stand after the contents."""

    def __init__(self):
        self.data = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.data += bytes(data)
        return len(data)


stream = Stream()
with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
    for name in ["f4", "i8"]:
        with archive.open(f"{name}.npy", "w", force_zip64=name == "i8") as file:
            np.lib.format.write_array(file, arrays[name])
(folder / "streamed.npz").write_bytes(stream.data)

for version in [(1, 0), (2, 0), (3, 0)]:
    with open(folder / f"v{version[0]}.npy", "wb") as file:
        np.lib.format.write_array(file, arrays["f4"], version)
np.save(folder / "pickled.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
np.save(folder / "structured.npy", np.array([(1, 2.0)], dtype=[("x", "<i4"), ("y", "<f4")]))
np.savez(folder / "pickled.npz", fine=arrays["f4"], bad=np.array([None], dtype=object))

expected = {
    name: {"shape": list(array.shape), "values": [float(value) for value in array.astype("f8").ravel()]}
    for name, array in arrays.items()
    if name not in ("noise", "zeros", "f2")
}
(folder / "expected.json").write_text(json.dumps(expected) + "\n")
