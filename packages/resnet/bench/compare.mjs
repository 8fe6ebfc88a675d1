// A training step of BiT against PyTorch eager through timm:
//   node bench/compare.mjs --python PYTHON [--rounds 5] [--engines onnx,node-cpu] [--threads N] [CASE…]
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { compareSteps } from "../../backend-onnx/bench/rounds.mjs"
import { cases } from "./cases.mjs"

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: "string", default: "python3" },
    rounds: { type: "string", default: "5" },
    engines: { type: "string", default: "onnx,node-cpu" },
    threads: { type: "string", default: String(availableParallelism()) },
  },
})
const here = (file) => fileURLToPath(new URL(file, import.meta.url))

for (const name of positionals.length > 0 ? positionals : Object.keys(cases)) {
  const ours = values.engines
    .split(",")
    .map((engine) => [engine, ["node", here("ours.mjs"), name, engine, values.threads]])
  const torch = [values.python, here("torch_case.py"), name, values.threads]
  await compareSteps(name, { torch, ...Object.fromEntries(ours) }, Number(values.rounds))
}
