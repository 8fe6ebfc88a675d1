// A training step of DETR, matching included, against PyTorch eager, whose DETR is facebookresearch's (29901c5):
//   DETR=CHECKOUT node bench/compare.mjs --python PYTHON [--rounds 5] [--engines onnx,node-cpu] [--threads N] [CASE…]
// The python needs torch, torchvision and scipy.
import { compareCases } from "../../backend-onnx/bench/rounds.mjs"
import { cases } from "./cases.mjs"

await compareCases(cases, import.meta.url)
