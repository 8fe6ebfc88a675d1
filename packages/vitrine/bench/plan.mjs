// Prints what `vitrine plan` says of trainings beside what is measured: the peak resident memory of the whole process, and
// the processor seconds (user and system) of a step.
//
//     node packages/vitrine/bench/plan.mjs RUNS.txt [--hardware FILE]
//
// Each line of RUNS.txt has the flags of a `vitrine train`, such as `--data shapes --model Ti/16 --batch-size 8 --steps 6
// --backend onnx`. Linux only: it reads /proc.
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const command = fileURLToPath(new URL("../../../apps/cli/bin/vitrine.js", import.meta.url))
const [file, ...options] = process.argv.slice(2)
if (file === undefined) {
  console.error("name a file with the flags of a training in each line")
  process.exit(2)
}

function peakOf(pid) {
  try {
    return 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0)
  } catch {
    return 0
  }
}

/** User and system seconds of a process. */
function secondsOf(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ")
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return Number.NaN
  }
}

async function measured(flags) {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-plan-"))
  const child = spawn(process.execPath, [command, "train", ...flags, "--json", "--out", join(folder, "run")])
  let [peak, rest, faults, before, last] = [0, "", "", 0, ""]
  const seconds = []
  const look = () => (peak = Math.max(peak, peakOf(child.pid)))
  const timer = setInterval(look, 20)
  child.stderr.on("data", (text) => (faults += text))
  child.stdout.on("data", (text) => {
    look()
    const lines = (rest + text).split("\n")
    rest = lines.pop()
    for (const line of lines) {
      const { type } = JSON.parse(line)
      const now = secondsOf(child.pid)
      // What is between a step and an evaluation is no step.
      if (type === "step" && last === "step") seconds.push(now - before)
      ;[before, last] = [now, type]
    }
  })
  const code = await new Promise((resolve) => child.on("close", resolve))
  clearInterval(timer)
  rmSync(folder, { recursive: true })
  if (code !== 0) throw new Error(faults)
  // The first step compiles, and the second still warms up. The clock ticks in hundredths, so the mean of several counts.
  const later = seconds.slice(1)
  if (process.env.STEPS) console.error(seconds.map((each) => each.toFixed(2)).join(" "))
  return { peak, seconds: later.reduce((a, b) => a + b, 0) / later.length }
}

const apart = (plan, real) => `${(100 * (plan / real - 1)).toFixed(1)} %`
for (const line of readFileSync(file, "utf8")
  .split("\n")
  .filter((each) => each.trim() !== "")) {
  const flags = line.trim().split(/\s+/)
  const { stdout, stderr } = spawnSync(process.execPath, [command, "plan", ...flags, ...options, "--json"], {
    encoding: "utf8",
  })
  if (stdout === "") throw new Error(stderr)
  const plan = JSON.parse(stdout)
  const real = await measured(flags)
  const memory = `${(plan.memory.peak / 1e6).toFixed(0)} / ${(real.peak / 1e6).toFixed(0)} MB, ${apart(plan.memory.peak, real.peak)}`
  const time =
    plan.processorSeconds === null
      ? `${real.seconds.toFixed(3)} s`
      : `${plan.processorSeconds.toFixed(3)} / ${real.seconds.toFixed(3)} s, ${apart(plan.processorSeconds, real.seconds)}`
  console.log(`${memory}; ${time}; ${line.trim()}`)
}
