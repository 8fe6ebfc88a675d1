// Training from the same images in several formats: processor time and waiting of a run, its peak of memory, and whether an
// interrupted run comes to the same bytes.
//   node bench/sources.mjs [--steps N] [--batch N] [--image-size N] [--workers 1,4] [--rounds N] NAME=PATH…
// Each measurement is a process of its own. Rounds take the formats in turn, and the least processor time counts, since other
// work on a machine adds to it. The base of memory is a run of the same model on drawings, which need no files.
// packages/data/bench/sources.mjs measures the loader alone, beside Python.
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { train } from "vitrine"

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    steps: { type: "string", default: "60" },
    batch: { type: "string", default: "64" },
    "image-size": { type: "string", default: "32" },
    workers: { type: "string", default: "1,4" },
    rounds: { type: "string", default: "2" },
    one: { type: "string" },
  },
})
const [steps, batchSize, side] = [values.steps, values.batch, values["image-size"]].map(Number)
const self = new URL(import.meta.url).pathname

if (values.one !== undefined) console.log(JSON.stringify(await measure(positionals[0], JSON.parse(values.one))))
else compare()

function recipe(steps) {
  const patchSize = side <= 64 ? [8, 8] : [16, 16]
  return {
    model: { imageSize: [side, side], patchSize, dim: 96, depth: 4, heads: 3 },
    steps,
    batchSize,
    evaluateEvery: steps * 10,
  }
}

async function measure(data, { workers, resumes }) {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-bench-"))
  const out = join(folder, "run")
  const engine = { backend: "onnx", threads: 1, workers }
  let [first, cpu, waiting, images] = [undefined, undefined, 0, 0]
  try {
    for await (const event of train({ ...engine, data, out, recipe: recipe(steps) })) {
      if (event.type !== "step") continue
      // The first steps compile and start threads.
      if (event.step === 3) [first, cpu] = [performance.now(), process.cpuUsage()]
      if (event.step === steps) {
        const { user, system } = process.cpuUsage(cpu)
        cpu = user + system
        images = (steps - 3) * batchSize
        first = performance.now() - first
        waiting = event.waiting
      }
    }
    const weights = digest(out)
    const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024)
    const result = {
      cpuMsOf1000: Math.round(cpu / images),
      imagesPerS: Math.round((images / first) * 1000),
      waiting: Number(waiting.toFixed(4)),
      peakMiB,
    }
    if (!resumes) return result
    const half = join(folder, "half")
    const stop = new AbortController()
    const at = Math.floor(steps / 3)
    for await (const event of train({ ...engine, data, out: half, recipe: recipe(steps), signal: stop.signal }))
      if (event.type === "step" && event.step === at) stop.abort()
    for await (const _ of train({ ...engine, data, resume: half }));
    return { ...result, resumes: digest(half) === weights }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function digest(run) {
  return createHash("sha256")
    .update(readFileSync(join(run, "model.safetensors")))
    .digest("hex")
}

function compare() {
  const flags = ["steps", "batch", "image-size"].flatMap((name) => [`--${name}`, values[name]])
  const run = (path, options) =>
    JSON.parse(
      execFileSync(process.execPath, [self, "--one", JSON.stringify(options), ...flags, path], { encoding: "utf8" }),
    )
  const formats = positionals.map((each) => each.split("="))
  for (const workers of values.workers.split(",").map(Number)) {
    const base = run("shapes", { workers, resumes: false }).peakMiB
    const best = new Map()
    for (let round = 0; round < Number(values.rounds); round++)
      for (const [name, path] of formats) {
        const result = run(path, { workers, resumes: round === 0 && workers === 1 })
        const { waiting = 1, peakMiB = 0, resumes, cpuMsOf1000 = Number.POSITIVE_INFINITY } = best.get(name) ?? {}
        best.set(name, {
          ...result,
          cpuMsOf1000: Math.min(cpuMsOf1000, result.cpuMsOf1000),
          waiting: Math.min(waiting, result.waiting),
          peakMiB: Math.max(peakMiB, result.peakMiB),
          ...(resumes !== undefined && { resumes }),
        })
      }
    const fastest = Math.min(...Array.from(best.values(), ({ cpuMsOf1000 }) => cpuMsOf1000))
    for (const [name, { peakMiB, ...result }] of best)
      console.log(
        `${workers} workers, ${name}:`,
        JSON.stringify({
          ...result,
          ofFastest: Number((fastest / result.cpuMsOf1000).toFixed(3)),
          overBaseMiB: peakMiB - base,
        }),
      )
  }
}
