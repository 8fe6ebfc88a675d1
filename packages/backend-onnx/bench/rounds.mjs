// Contenders in interleaved rounds. Told are medians, of the time that passed and of the CPU time, since neighbours on the
// machine take their share of the former.
import { spawn } from "node:child_process"
import { availableParallelism } from "node:os"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

export const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1]

/** Starts a command that answers as contender.mjs does. */
export function contender([command, ...args], { cwd, stderr = "inherit" } = {}) {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", stderr], cwd })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => JSON.parse((await lines.next()).value)
  return {
    ready: next,
    run: (n) => {
      child.stdin.write(`${n}\n`)
      return next()
    },
    end: () => child.stdin.end(),
    pid: child.pid,
  }
}

/**
 * Compares the cases that the command line names, or all, by `ours.mjs` and `torch_case.py`:
 *   [--python PYTHON] [--rounds 5] [--engines onnx,node-cpu] [--threads N] [CASE…]
 * @param folder URL of the file that asks, beside which these two lie
 */
export async function compareCases(cases, folder) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      python: { type: "string", default: "python3" },
      rounds: { type: "string", default: "5" },
      engines: { type: "string", default: "onnx,node-cpu" },
      threads: { type: "string", default: String(availableParallelism()) },
    },
  })
  const here = (file) => fileURLToPath(new URL(file, folder))
  for (const name of positionals.length > 0 ? positionals : Object.keys(cases)) {
    const ours = values.engines
      .split(",")
      .map((engine) => [engine, ["node", here("ours.mjs"), name, engine, values.threads]])
    const torch = [values.python, here("torch_case.py"), name, values.threads]
    await compareSteps(name, { torch, ...Object.fromEntries(ours) }, Number(values.rounds))
  }
}

/**
 * Training steps of `torch` and others, whose first losses must agree.
 * @param commands by name, what starts a contender that answers as contender.mjs does; one of them is `torch`
 */
async function compareSteps(title, commands, rounds) {
  const field = Object.fromEntries(Object.entries(commands).map(([who, command]) => [who, contender(command)]))
  const checks = {}
  for (const [who, { ready }] of Object.entries(field)) checks[who] = (await ready()).check
  const times = Object.fromEntries(Object.keys(field).map((who) => [who, []]))
  const cpu = Object.fromEntries(Object.keys(field).map((who) => [who, []]))
  const peak = {}
  for (let round = -1; round < rounds; round++)
    for (const [who, { run }] of Object.entries(field)) {
      const result = await run(Math.max(1, Math.min(10, Math.round(500 / (times[who][0] ?? 500)))))
      if (round < 0) continue
      times[who].push(median(result.times))
      cpu[who].push(median(result.cpu))
      peak[who] = result.peakMiB
    }
  for (const { end } of Object.values(field)) end()
  console.log(title)
  for (const who of Object.keys(field)) {
    const ratio = (of) => median(of[who].map((ms, i) => ms / of.torch[i])).toFixed(2)
    const check = checks[who].map((loss) => loss.toFixed(5)).join(" ")
    console.log(
      `  ${who.padEnd(8)} ${median(times[who]).toFixed(0)} ms, ${ratio(times)} × torch; ` +
        `CPU ${median(cpu[who]).toFixed(0)} ms, ${ratio(cpu)} ×; peak ${peak[who]} MiB, losses ${check}`,
    )
    const apart = Math.max(...checks[who].map((loss, i) => Math.abs(loss / checks.torch[i] - 1)))
    // Where a value before ReLU is 0 but for rounding, gradients part.
    if (!(apart < 1e-2)) throw new Error(`${title}: the losses of ${who} and torch are ${apart} apart`)
  }
}
