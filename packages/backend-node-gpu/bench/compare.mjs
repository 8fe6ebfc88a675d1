// Interleaved pairs against stock tfjs-node and, where a Python with torch is given, PyTorch eager:
//   node bench/compare.mjs --models FOLDER --project FOLDER [--python PYTHON] [--pairs 7] [CASE…]
// The first folder holds MODEL.safetensors in timm's names; the second is a project with @tensorflow/tfjs-node, whose
// addon `vitrine setup node-cpu` has built.
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { cases } from "../../backend-onnx/bench/cases.mjs"
import { contender, median } from "../../backend-onnx/bench/rounds.mjs"

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    models: { type: "string" },
    project: { type: "string" },
    python: { type: "string" },
    pairs: { type: "string", default: "7" },
  },
})
const here = (file) => fileURLToPath(new URL(file, import.meta.url))

const quiet = { stderr: "ignore" }
const wanted = ["train-ti-b8", "train-s32-b64", "infer-b16-b1", "infer-b16-b8"]
for (const name of positionals.length > 0 ? positionals : wanted) {
  const ours = (precision) => contender(["node", here("ours.mjs"), name, values.models, precision], quiet)
  const field = {
    stock: contender(["node", here("stock.mjs"), name, values.models], { ...quiet, cwd: values.project }),
    float32: ours("float32"),
    bfloat16: ours("bfloat16"),
  }
  if (values.python)
    field.torch = contender(
      [
        values.python,
        here("../../backend-onnx/bench/torch_case.py"),
        name,
        values.models,
        String(availableParallelism()),
      ],
      quiet,
    )
  const checks = {}
  for (const [who, { ready }] of Object.entries(field)) checks[who] = (await ready()).check
  const times = Object.fromEntries(Object.keys(field).map((who) => [who, []]))
  const peak = {}
  for (const { run } of Object.values(field)) await run(2)
  for (let i = 0; i < Number(values.pairs); i++)
    for (const [who, { run }] of Object.entries(field)) {
      const result = await run(cases[name].batch > 1 ? 1 : 4)
      times[who].push(median(result.times))
      peak[who] = result.peakMiB
    }
  for (const { end } of Object.values(field)) end()
  console.log(name)
  for (const who of Object.keys(field)) {
    const faster = median(times.stock.map((ms, i) => ms / times[who][i]))
    console.log(
      `  ${who.padEnd(8)} ${median(times[who]).toFixed(1)} ms (min ${Math.min(...times[who]).toFixed(1)}), ` +
        `${faster.toFixed(2)} × stock's speed, peak ${peak[who]} MiB (${(peak[who] / peak.stock).toFixed(2)} × stock's)`,
    )
  }
  const apart = checks.float32.map((value, i) => Math.abs(value - checks.bfloat16[i]))
  console.log(`  bfloat16 is off by ${Math.max(...apart).toExponential(1)} (first ${apart.length} of losses or logits)`)
}
