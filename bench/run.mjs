// Every table of figures beside its peers, in one run: see README.md.
import { execFileSync } from "node:child_process"
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { availableParallelism, cpus, totalmem } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { costOf, caseOf, writeWeights } from "../packages/backend-onnx/bench/cases.mjs"
import { measure } from "../packages/backend-onnx/bench/rounds.mjs"
import { cells, markdown } from "./table.mjs"
import { growthReport } from "./growth.mjs"

const here = (file) => fileURLToPath(new URL(file, import.meta.url))
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: "string", default: process.env.PYTHON ?? "python3" },
    rounds: { type: "string" },
    threads: { type: "string", default: String(availableParallelism()) },
    cases: { type: "string", default: "" },
    out: { type: "string" },
    plot: { type: "string" },
    record: { type: "boolean", default: false },
  },
})
const { python, threads } = values

const folder = here("../node_modules/.cache/vitrine-bench")
mkdirSync(folder, { recursive: true })

/** Ours and PyTorch eager through timm, on ViTs. */
function vits(name, options = {}) {
  const { model } = caseOf(name)
  if (!existsSync(`${folder}/${model}.safetensors`)) writeWeights(model, `${folder}/${model}.safetensors`)
  const bench = (file) => here(`../packages/backend-onnx/bench/${file}`)
  const backend = JSON.stringify({ threads: Number(threads), ...options })
  return {
    ours: ["node", bench("ours.mjs"), name, folder, backend],
    torch: [python, bench("torch_case.py"), name, folder, options.web ? "1" : threads],
  }
}

/** Ours and PyTorch eager on a net of convolutions, by the package that has the case. */
const convolutions = (name) => {
  const of = name.startsWith("detr") ? "detection" : "resnet"
  const bench = (file) => here(`../packages/${of}/bench/${file}`)
  const plain = name.replace("detr-", "")
  return {
    ours: ["node", bench("ours.mjs"), plain, "onnx", threads],
    torch: [python, bench("torch_case.py"), plain, threads],
  }
}

const sides = [224, 384, 512, 768]
/** The groups: their cases, what runs them, the rounds, and the most calls in a round. */
const groups = {
  training: { cases: ["train-ti-b8", "train-s32-b64", "train-xs28-b128", "train-ti-b1"], field: vits, rounds: 7 },
  inference: { cases: ["infer-ti-b1", "infer-b16-b1", "infer-b16-b8"], field: vits, rounds: 7 },
  convolutions: {
    cases: ["r26-b16", "cifar-b64", "r50-b4", ...(process.env.DETR === undefined ? [] : ["detr-small-b4"])],
    field: convolutions,
    rounds: 5,
  },
  wasm: { cases: ["train-xs28-b16", "infer-s32-b8"], field: (name) => vits(name, { web: true }), rounds: 3, most: 2 },
  growth: {
    cases: [
      ...[1, 8].flatMap((batch) => sides.map((side) => `train-ti@${side}-b${batch}`)),
      ...[6, 24].map((depth) => `train-ti@224x${depth}-b8`),
      "train-ti@224-b64",
    ],
    field: vits,
    rounds: 2,
    most: 1,
  },
}

const machine = {
  processor: cpus()[0]?.model.trim() ?? "unknown",
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  torch: execFileSync(python, ["-c", "import torch; print(torch.__version__)"], { encoding: "utf8" }).trim(),
  threads: Number(threads),
}
const commit = execFileSync("git", ["-C", here(".."), "rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim()
const entry = { date: new Date().toISOString(), commit, ...machine, results: [] }

/** A result in the form of `vitrine bench --json`, and what stands beside it. */
function resultOf(group, name, { others, contenders }) {
  const { ours, torch } = contenders
  const cost = /^(train|infer)-/.test(name) ? costOf(name) : { batch: Number(/b(\d+)$/.exec(name)[1]) }
  const measured = ({ ms, cpuMs, peakMiB, baseMiB }) => ({
    what: name.startsWith("infer") ? "infer" : "train",
    medianMs: ms,
    cpuMs,
    imagesPerSecond: (1000 * cost.batch) / ms,
    peakBytes: peakMiB * 2 ** 20,
    baseBytes: baseMiB * 2 ** 20,
  })
  return {
    group,
    case: name,
    ...cost,
    backend: group === "wasm" ? "onnx-web" : "onnx",
    measured: [measured(ours)],
    peers: { torch: [measured(torch)] },
    ratios: ours.ratios,
    others,
  }
}

const wanted = positionals.length > 0 ? positionals : Object.keys(groups)
const chosen = values.cases === "" ? undefined : values.cases.split(",")
console.log(
  `${machine.processor}, ${machine.cores} cores, ${threads} threads, Node ${machine.node}, PyTorch ${machine.torch}`,
)
for (const group of wanted) {
  const kind = groups[group]
  if (kind === undefined) throw new Error(`there is no group "${group}": ${Object.keys(groups).join(", ")}`)
  const rows = []
  for (const name of chosen ?? kind.cases) {
    const rounds = Number(values.rounds ?? kind.rounds)
    const measurement = await measure(kind.field(name), rounds, { most: kind.most ?? 10 })
    const { ours, torch } = measurement.contenders
    const apart = Math.max(...ours.check.map((value, i) => Math.abs(value - torch.check[i])))
    if (!(apart < 1e-2 * Math.max(1, ...torch.check.map(Math.abs))))
      throw new Error(`${name}: ours and torch are ${apart} apart`)
    const result = resultOf(group, name, measurement)
    entry.results.push(result)
    rows.push(cells(result))
    console.error(`${name}: ${cells(result).join(" · ")}`)
  }
  console.log(`\n## ${group}\n\n${markdown(rows)}`)
  if (group === "growth") console.log(growthReport(entry.results, values.plot))
}

const history = here("history.jsonl")
const earlier = existsSync(history)
  ? readFileSync(history, "utf8")
      .trim()
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  : []
const last = earlier.findLast(({ processor, threads }) => processor === entry.processor && threads === entry.threads)
if (last !== undefined) {
  console.log(`\n## Beside ${last.commit} of ${last.date.slice(0, 10)}, by the ratios to PyTorch\n`)
  for (const { case: name, ratios } of entry.results) {
    const before = last.results.find((each) => each.case === name)?.ratios
    if (before === undefined) continue
    const change = (key) => `${key} ${before[key].toFixed(2)} → ${ratios[key].toFixed(2)}`
    console.log(`${name}: ${["time", "cpu", "peak"].map(change).join(", ")}`)
  }
}
if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(entry, null, 2)}\n`)
if (values.record) appendFileSync(history, `${JSON.stringify(entry)}\n`)
