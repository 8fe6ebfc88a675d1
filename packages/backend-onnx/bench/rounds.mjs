// Contenders in interleaved rounds. Told are medians, of the time that passed and of the CPU time, since neighbours on the
// machine take their share of the former.
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
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

/** Ticks of CPU that the machine has spent. */
function busyTicks() {
  const all = readFileSync("/proc/stat", "utf8").split("\n")[0].split(/\s+/).slice(1, 9).map(Number)
  return all.reduce((a, b) => a + b) - all[3] - all[4]
}

/** Ticks of CPU that a process has spent. */
function ticksOf(pid) {
  const own = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ")
  return Number(own[11]) + Number(own[12])
}

/**
 * Measures contenders in interleaved rounds.
 * @param commands by name, what starts a contender that answers as contender.mjs does
 * @returns by name, medians of time and of CPU time and the ratios to `torch`, and the share of the machine that others took
 */
export async function measure(commands, rounds, { most = 10 } = {}) {
  const field = Object.fromEntries(Object.entries(commands).map(([who, command]) => [who, contender(command)]))
  const results = {}
  for (const [who, { ready }] of Object.entries(field)) {
    const { check, baseMiB } = await ready()
    results[who] = { check, baseMiB, times: [], cpu: [], peakMiB: 0 }
  }
  const start = performance.now()
  const pids = Object.values(field).map(({ pid }) => pid)
  const before = { busy: busyTicks(), own: pids.map(ticksOf) }
  for (let round = -1; round < rounds; round++)
    for (const [who, { run }] of Object.entries(field)) {
      const each = results[who]
      const result = await run(Math.max(1, Math.min(most, Math.round(500 / (each.times[0] ?? 500)))))
      each.peakMiB = result.peakMiB
      if (round < 0) continue
      each.times.push(median(result.times))
      each.cpu.push(median(result.cpu))
    }
  const seconds = (performance.now() - start) / 1e3
  const own = pids.map(ticksOf).reduce((n, ticks, i) => n + ticks - before.own[i], 0)
  const others = (busyTicks() - before.busy - own) / 100 / seconds / availableParallelism()
  for (const { end } of Object.values(field)) end()
  const { torch } = results
  const contenders = Object.entries(results).map(([who, { check, baseMiB, times, cpu, peakMiB }]) => {
    const ratio = (list, of) => median(list.map((ms, i) => ms / of[i]))
    const ratios =
      torch === undefined || who === "torch"
        ? {}
        : { time: ratio(times, torch.times), cpu: ratio(cpu, torch.cpu), peak: peakMiB / torch.peakMiB }
    return [who, { check, baseMiB, peakMiB, ms: median(times), cpuMs: median(cpu), ratios }]
  })
  return { others: Math.max(0, others), contenders: Object.fromEntries(contenders) }
}

/** Training steps of `torch` and others, whose first losses must agree. */
async function compareSteps(title, commands, rounds) {
  const { contenders } = await measure(commands, rounds)
  console.log(title)
  for (const [who, { check, peakMiB, ms, cpuMs, ratios }] of Object.entries(contenders)) {
    const { time = 1, cpu = 1 } = ratios
    console.log(
      `  ${who.padEnd(8)} ${ms.toFixed(0)} ms, ${time.toFixed(2)} × torch; ` +
        `CPU ${cpuMs.toFixed(0)} ms, ${cpu.toFixed(2)} ×; peak ${peakMiB} MiB, losses ${check.map((loss) => loss.toFixed(5)).join(" ")}`,
    )
    const apart = Math.max(...check.map((loss, i) => Math.abs(loss / contenders.torch.check[i] - 1)))
    // Where a value before ReLU is 0 but for rounding, gradients part.
    if (!(apart < 1e-2)) throw new Error(`${title}: the losses of ${who} and torch are ${apart} apart`)
  }
}
