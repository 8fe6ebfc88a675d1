// A small BiT and a small hybrid beside a ViT of equal FLOPs, on Fashion-MNIST and CIFAR-10: trains what is not trained yet,
// then writes the table and the plot of docs/comparison.md.
//
//     npm run comparison -- --data fashion-mnist cifar10 [--seeds 0,1] [--out runs/comparison] [--steps n] [--threads n]
//     npm run comparison -- --data cifar10 --search
//
// What was interrupted goes on where it ended. --search is how the learning rates were chosen: 300 steps at each of four, in
// which no image comes twice, and the mean loss of the last 100.
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { readRun } from "vitrine"

const families = ["vit", "hybrid", "bit"]
const rates = ["0.001", "0.003", "0.01", "0.03"]
const here = (path) => fileURLToPath(new URL(path, import.meta.url))

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: "string" },
    seeds: { type: "string", default: "0" },
    out: { type: "string", default: "runs/comparison" },
    steps: { type: "string" },
    threads: { type: "string" },
    backend: { type: "string", default: "onnx" },
    search: { type: "boolean", default: false },
  },
})
if (values.data === undefined) fail("name the data: --data fashion-mnist cifar10")
const data = [values.data, ...positionals]
const { out } = values
const given = ["threads", "backend"].flatMap((name) => (values[name] ? [`--${name}`, values[name]] : []))

function fail(message) {
  console.error(message)
  process.exit(2)
}

function vitrine(...args) {
  const { status } = spawnSync(process.execPath, [here("../../apps/cli/bin/vitrine.js"), ...args], { stdio: "inherit" })
  if (status !== 0) process.exit(status ?? 1)
}

/** Trains a run, or the rest of it, and says what it has come to. */
async function trained(run, args) {
  const begun = existsSync(join(run, "config.json"))
  const before = begun ? await readRun(run) : undefined
  if (before?.last?.step === before?.steps && before !== undefined) return before
  vitrine("train", ...(begun ? ["--resume", run] : [...args, "--out", run]), ...given)
  return readRun(run)
}

const recipe = (family) => ["--recipe", here(`${family}.ts`)]

if (values.search) {
  for (const family of families)
    for (const rate of rates) {
      const run = join(out, `search-${family}-${rate}`)
      await trained(run, [...recipe(family), "--data", data[0], "--steps", "300", "--eval-every", "300", "--lr", rate])
      const lines = readFileSync(join(run, "metrics.jsonl"), "utf8").trim().split("\n")
      const losses = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === "step")
      console.log(`${family} at ${rate}: loss ${mean(losses.slice(-100).map(({ loss }) => loss)).toFixed(3)}`)
    }
  process.exit()
}

const runs = []
for (const seed of values.seeds.split(","))
  for (const path of data)
    for (const family of families) {
      const run = join(out, `${basename(path).replace(/\..*$/, "")}-${family}-${seed}`)
      const length = values.steps === undefined ? [] : ["--steps", values.steps]
      runs.push(await trained(run, [...recipe(family), "--data", path, "--seed", seed, ...length]))
      checkEqual(runs.filter((each) => each.data === runs.at(-1).data))
    }

const rows = runs
  .filter(({ seed }) => seed === runs[0].seed)
  .map(({ data, family }) => row(runs.filter((run) => run.data === data && run.family === family)))
const markdown = [
  "| data | model | parameters | FLOPs an image | steps | FLOPs of training | best | last | time |",
  "|---|---|---|---|---|---|---|---|---|",
  ...rows,
].join("\n")
writeFileSync(join(out, "table.md"), `${markdown}\n`)
console.log(`\n${markdown}\n`)
vitrine("compare", ...runs.map(({ run }) => run), "--out", join(out, "comparison.svg"))

/** Refuses models whose operations an image differ by more than 5 %. */
function checkEqual(all) {
  const flops = all.map(({ forwardFlops }) => forwardFlops)
  const apart = Math.max(...flops) / Math.min(...flops) - 1
  console.log(
    `FLOPs an image: ${flops.map((n) => `${(n / 1e6).toFixed(2)} M`).join(", ")}: ${(100 * apart).toFixed(1)} % apart`,
  )
  if (apart > 0.05) fail("the models are to be of equal FLOPs, within 5 %")
}

/** The runs of one model on the same data, whatever their seeds, as a row. */
function row(all) {
  const [{ data, family, parameters, forwardFlops, steps, trainingFlops }] = all
  const accuracies = (of) => all.map((run) => `${(100 * of(run).top1).toFixed(2)} %`).join(", ")
  const minutes = mean(all.map(({ seconds }) => seconds)) / 60
  const cells = [
    basename(data).replace(/\..*$/, ""),
    family,
    parameters.toLocaleString("en"),
    `${(forwardFlops / 1e6).toFixed(2)} M`,
    steps.toLocaleString("en"),
    `${(trainingFlops / 1e12).toFixed(2)} T`,
    accuracies(({ best }) => best),
    accuracies(({ last }) => last),
    `${minutes.toFixed(1)} min`,
  ]
  return `| ${cells.join(" | ")} |`
}

function mean(all) {
  return all.reduce((sum, x) => sum + x, 0) / all.length
}
