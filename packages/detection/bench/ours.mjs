// node ours.mjs CASE onnx|node-cpu THREADS [PROFILE]
import { nodeGpuBackend } from "@vitrine/backend-node-gpu"
import { onnxBackend } from "@vitrine/backend-onnx/node"
import { detectionLossDefaults, matchedTargets } from "@vitrine/detection"
import { answer } from "../../backend-onnx/bench/contender.mjs"
import { scalarsAt } from "../../backend-onnx/bench/steps.mjs"
import { adam, cases, configOf, dataOf, parametersOf, trainGraphs } from "./cases.mjs"

const [caseName, engine, threads, profile] = process.argv.slice(2)
const given = cases[caseName]
const config = configOf(given)
const options = { threads: Number(threads), ...(profile && { profile }) }
const backend = engine === "onnx" ? await onnxBackend(options) : await nodeGpuBackend(engine, options)
const { images, targets } = dataOf(config, given)
const { first, second, slots } = trainGraphs(config, given)
const forward = await backend.compile(first)
const rest = await backend.compile(second)
const values = Object.fromEntries(parametersOf(config).map(({ name, value }) => [name, value]))
const state = await backend.createState(slots, values)
let t = 0
const step = async () => {
  const inputs = { images, ...scalarsAt(++t, adam) }
  const { logits, boxes } = await forward.run(inputs, state)
  const told = matchedTargets(logits.data, boxes.data, targets, config, detectionLossDefaults)
  for (const [name, data] of Object.entries(told)) inputs[`targets.${name}`] = data
  const { loss } = await rest.run(inputs, state)
  return loss.data[0]
}
await answer([await step(), await step(), await step()], step, () => backend.close())
