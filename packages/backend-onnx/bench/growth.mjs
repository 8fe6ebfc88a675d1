// Memory over many training steps of a small model: node bench/growth.mjs [STEPS] [JSON of backend options]
import { readFileSync } from "node:fs"
import { initializeViT, keyFromSeed, vitConfig, vitParameters } from "@vitrine/core"
import { onnxBackend } from "@vitrine/backend-onnx/node"
import { adam, trainGraph, trainSlots } from "./cases.mjs"
import { dataOf, scalarsAt } from "./steps.mjs"

const steps = Number(process.argv[2] ?? 2000)
const backend = await onnxBackend(JSON.parse(process.argv[3] ?? "{}"))
const config = vitConfig({
  imageSize: [32, 32],
  patchSize: [8, 8],
  dim: 32,
  depth: 2,
  heads: 2,
  mlpDim: 64,
  classes: 10,
})
const batch = 16
const parameters = vitParameters(config)
const program = await backend.compile(trainGraph(config), { batch })
const state = await backend.createState(trainSlots(config), initializeViT(parameters, config, "fan", keyFromSeed(1)))
const { images, targets, weights } = dataOf(config, batch)
const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1024
let settled = 0
for (let t = 1; t <= steps; t++) {
  await program.run({ images, targets, weights, ...scalarsAt(t, adam) }, state)
  if (t === 200) settled = rss()
  if (t % 300 === 200) console.log(`step ${t}: ${rss().toFixed(1)} MiB`)
}
const grown = rss() - settled
console.log(`grown by ${grown.toFixed(1)} MiB from step 200 to ${steps}`)
await backend.close()
process.exitCode = grown <= 5 ? 0 : 1
