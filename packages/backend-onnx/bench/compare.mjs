// Interleaved pairs against PyTorch eager and, for inference, onnxruntime-node on the torch export:
//   node bench/compare.mjs --models FOLDER --python PYTHON [--pairs 7] [--options JSON] [CASE…]
// FOLDER holds MODEL.safetensors in timm's names, and MODEL.onnx for the export.
import { readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { cases } from "./cases.mjs"
import { contender, median } from "./rounds.mjs"

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    models: { type: "string" },
    python: { type: "string", default: "python3" },
    pairs: { type: "string", default: "7" },
    options: { type: "string", default: "{}" },
  },
})
const here = (file) => fileURLToPath(new URL(file, import.meta.url))
const threads = availableParallelism()

/** Ticks of CPU that the machine has spent, and those of one process. */
function ticks(pid) {
  const all = readFileSync("/proc/stat", "utf8").split("\n")[0].split(/\s+/).slice(1, 9).map(Number)
  const own = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ")
  return { busy: all.reduce((a, b) => a + b) - all[3] - all[4], own: Number(own[11]) + Number(own[12]) }
}

const format = (list) => `${median(list).toFixed(1)} ms (min ${Math.min(...list).toFixed(1)})`

for (const name of positionals.length > 0 ? positionals : Object.keys(cases)) {
  const { train } = cases[name]
  const field = {
    ours: contender(["node", here("ours.mjs"), name, values.models, values.options]),
    torch: contender([values.python, here("torch_case.py"), name, values.models, String(threads)]),
    ...(train ? {} : { export: contender(["node", here("ort-export.mjs"), name, values.models]) }),
  }
  const checks = {}
  for (const [who, { ready }] of Object.entries(field)) checks[who] = (await ready()).check
  const times = Object.fromEntries(Object.keys(field).map((who) => [who, []]))
  const others = []
  const peak = {}
  for (const { run } of Object.values(field)) await run(2)
  for (let i = 0; i < Number(values.pairs); i++)
    for (const who of Object.keys(field)) {
      const before = ticks(field[who].pid)
      const start = performance.now()
      const n = Math.max(1, Math.min(10, Math.round(600 / (times[who][0] ?? 300))))
      const result = await field[who].run(n)
      const seconds = (performance.now() - start) / 1e3
      const after = ticks(field[who].pid)
      others.push((after.busy - before.busy - (after.own - before.own)) / 100 / seconds / threads)
      times[who].push(median(result.times))
      peak[who] = result.peakMiB
    }
  for (const { end } of Object.values(field)) end()
  const rival = train ? "torch" : "export"
  const ratios = (who) => times.ours.map((ms, i) => ms / times[who][i])
  console.log(
    `${name}: others took ${(100 * median(others)).toFixed(0)} % of the machine (most ${(100 * Math.max(...others)).toFixed(0)} %)`,
  )
  for (const who of Object.keys(field)) {
    const ratio = who === "ours" ? "" : `, ours/${who} ${median(ratios(who)).toFixed(3)}`
    const check = checks[who].map((value) => value.toFixed(5)).join(" ")
    console.log(`  ${who.padEnd(6)} ${format(times[who])}, peak ${peak[who]} MiB${ratio}, check ${check}`)
  }
  const apart = Math.max(...checks.ours.map((value, i) => Math.abs(value - checks[rival][i])))
  if (!(apart < 2e-3)) throw new Error(`${name}: ours and ${rival} differ by ${apart}`)
}
