// A training step of BiT against PyTorch eager through timm:
//   node bench/compare.mjs --python PYTHON [--rounds 5] [--engines onnx,node-cpu] [--threads N] [CASE…]
import { compareCases } from "../../backend-onnx/bench/rounds.mjs"
import { cases } from "./cases.mjs"

await compareCases(cases, import.meta.url)
