// The same images in several formats: images a second, peak memory, and batches that are the same after a resume.
//   node bench/sources.mjs [--workers N] [--rounds N] [--size N] DATA…
// DATA are what train takes: a folder, a .tar, a folder of Parquet or of WebDataset's shards. `vitrine data pack` and
// bench/sources.py make them. Each measurement is a process of its own, rounds are taken in turn, and the best counts.
// With PEERS_PY=python, Python's datasets and webdataset read their formats beside it, with Pillow's decoding.
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { readdirSync, statSync } from "node:fs"
import { parseArgs } from "node:util"
import { centerCrop, createLoader, normalize, resize, resolveData } from "@vitrine/data/node"

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    workers: { type: "string", default: "1" },
    rounds: { type: "string", default: "3" },
    size: { type: "string" },
    one: { type: "boolean", default: false },
  },
})
const self = new URL(import.meta.url).pathname
const peers = new URL("./sources.py", import.meta.url).pathname

if (values.one) console.log(JSON.stringify(await measure(positionals[0])))
else compare(positionals)

async function measure(path) {
  const size = values.size === undefined ? undefined : Number(values.size)
  const fit = size === undefined ? [] : [resize(size, { interpolation: "bicubic" }), centerCrop(size)]
  const begun = performance.now()
  const { train, notes } = await resolveData(path)
  const openedMs = performance.now() - begun
  const base = process.memoryUsage.rss()
  const plan = {
    source: train,
    transforms: [...fit, normalize([0.5, 0.5, 0.5], [0.2, 0.2, 0.2])],
    batchSize: 64,
    shuffle: true,
    dropLast: true,
    epochs: 1,
    workers: Number(values.workers),
  }
  const loader = await createLoader(plan)
  const batches = loader[Symbol.asyncIterator]()
  await batches.next() // Starting threads is not what is measured.
  const middle = Math.floor(loader.batchesPerEpoch / 2)
  let expected
  let images = 0
  const [since, cpu] = [performance.now(), process.cpuUsage()]
  for (let step = await batches.next(); !step.done; step = await batches.next()) {
    images += step.value.size
    if (step.value.index === middle) expected = digest(step.value)
  }
  const { user, system } = process.cpuUsage(cpu)
  const imagesPerS = images / ((performance.now() - since) / 1000)
  const resumed = await createLoader({ ...plan, start: { epoch: 0, batch: middle } })
  const first = await resumed[Symbol.asyncIterator]().next()
  await resumed.close()
  return {
    openedMs: Math.round(openedMs),
    imagesPerS: Math.round(imagesPerS),
    // On a machine with other work the time of the processor says more than images a second.
    cpuMsOf1000: Math.round((user + system) / images),
    growthMiB: Math.round(process.resourceUsage().maxRSS / 1024 - base / 2 ** 20),
    resumes: digest(first.value) === expected,
    order: notes.find((note) => note.startsWith("order:"))?.split(",")[0] ?? "order: exact",
  }
}

function digest({ images, labels }) {
  return createHash("sha256").update(images).update(labels).digest("hex")
}

function compare(paths) {
  const flags = ["--workers", values.workers, ...(values.size === undefined ? [] : ["--size", values.size])]
  const runs = paths.map((path) => ({
    name: path,
    run: () => JSON.parse(execFileSync(process.execPath, [self, "--one", ...flags, path], { encoding: "utf8" })),
  }))
  if (process.env.PEERS_PY !== undefined)
    for (const path of paths.filter(isShards))
      runs.push({
        name: `${path} (Python)`,
        run: () =>
          JSON.parse(execFileSync(process.env.PEERS_PY, [peers, path, values.size ?? "0"], { encoding: "utf8" })),
      })
  const best = new Map()
  for (let round = 0; round < Number(values.rounds); round++)
    for (const { name, run } of runs) {
      const result = run()
      const earlier = best.get(name)
      if (earlier === undefined || result.imagesPerS > earlier.imagesPerS) best.set(name, result)
    }
  const fastest = Math.max(...[...best.values()].map(({ imagesPerS }) => imagesPerS))
  for (const [name, result] of best)
    console.log(name, JSON.stringify({ ...result, ofFastest: Number((result.imagesPerS / fastest).toFixed(3)) }))
}

function isShards(path) {
  return statSync(path).isDirectory() && readdirSync(path).some((name) => /\.(parquet|tar)$/.test(name))
}
