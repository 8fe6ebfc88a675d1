// node ours.mjs CASE onnx|node-cpu THREADS [PROFILE]
import { nodeGpuBackend } from "@vitrine/backend-node-gpu"
import { onnxBackend } from "@vitrine/backend-onnx/node"
import { answer } from "../../backend-onnx/bench/contender.mjs"
import { dataOf, scalarsAt, slotsOf } from "../../backend-onnx/bench/steps.mjs"
import { adam, cases, configOf, parametersOf, trainGraph } from "./cases.mjs"

const [caseName, engine, threads, profile] = process.argv.slice(2)
const { model, batch } = cases[caseName]
const config = configOf(model)
const options = { threads: Number(threads), ...(profile && { profile }) }
const backend = engine === "onnx" ? await onnxBackend(options) : await nodeGpuBackend(engine, options)
const { images, targets, weights } = dataOf(config, batch)
const program = await backend.compile(trainGraph(config), { batch })
const parameters = parametersOf(config)
const values = Object.fromEntries(parameters.map(({ name, value }) => [name, value]))
const state = await backend.createState(slotsOf(parameters), values)
let t = 0
const step = async () => {
  const { loss } = await program.run({ images, targets, weights, ...scalarsAt(++t, adam) }, state)
  return loss.data[0]
}
await answer([await step(), await step(), await step()], step, () => backend.close())
