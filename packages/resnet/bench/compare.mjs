// A training step of BiT in interleaved rounds against PyTorch eager through timm:
//   node bench/compare.mjs --python PYTHON [--rounds 5] [--engines onnx,node-cpu] [--threads N] [CASE…]
// Told are medians, and the CPU time beside the time that passed, since neighbours take their share of the latter.
import { spawn } from "node:child_process"
import { availableParallelism } from "node:os"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
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
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1]

function contender(command, args) {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => JSON.parse((await lines.next()).value)
  return {
    ready: next,
    run: (n) => {
      child.stdin.write(`${n}\n`)
      return next()
    },
    end: () => child.stdin.end(),
  }
}

for (const name of positionals.length > 0 ? positionals : Object.keys(cases)) {
  const field = { torch: contender(values.python, [here("torch_case.py"), name, values.threads]) }
  for (const engine of values.engines.split(","))
    field[engine] = contender("node", [here("ours.mjs"), name, engine, values.threads])
  const checks = {}
  for (const [who, { ready }] of Object.entries(field)) checks[who] = (await ready()).check
  const times = Object.fromEntries(Object.keys(field).map((who) => [who, []]))
  const cpu = Object.fromEntries(Object.keys(field).map((who) => [who, []]))
  const peak = {}
  for (let round = -1; round < Number(values.rounds); round++)
    for (const [who, { run }] of Object.entries(field)) {
      const result = await run(Math.max(1, Math.min(10, Math.round(500 / (times[who][0] ?? 500)))))
      if (round < 0) continue
      times[who].push(median(result.times))
      cpu[who].push(median(result.cpu))
      peak[who] = result.peakMiB
    }
  for (const { end } of Object.values(field)) end()
  console.log(name)
  for (const who of Object.keys(field)) {
    const ratio = (of) => median(of[who].map((ms, i) => ms / of.torch[i])).toFixed(2)
    const check = checks[who].map((loss) => loss.toFixed(5)).join(" ")
    console.log(
      `  ${who.padEnd(8)} ${median(times[who]).toFixed(0)} ms, ${ratio(times)} × torch; ` +
        `CPU ${median(cpu[who]).toFixed(0)} ms, ${ratio(cpu)} ×; ` +
        `peak ${peak[who]} MiB, losses ${check}`,
    )
    const apart = Math.max(...checks[who].map((loss, i) => Math.abs(loss / checks.torch[i] - 1)))
    // Where a value before ReLU is 0 but for rounding, gradients part.
    if (!(apart < 1e-2)) throw new Error(`${name}: the losses of ${who} and torch are ${apart} apart`)
  }
}
