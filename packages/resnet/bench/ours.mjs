// node ours.mjs CASE onnx|node-cpu THREADS [PROFILE]
import { nodeGpuBackend } from "@vitrine/backend-node-gpu"
import { onnxBackend } from "@vitrine/backend-onnx/node"
import { answer } from "../../backend-onnx/bench/contender.mjs"
import { cases, configOf, dataOf, parametersOf, scalarsAt, trainGraph } from "./cases.mjs"

const [caseName, engine, threads, profile] = process.argv.slice(2)
const { model, batch } = cases[caseName]
const config = configOf(model)
const options = { threads: Number(threads), ...(profile && { profile }) }
const backend = engine === "onnx" ? await onnxBackend(options) : await nodeGpuBackend(engine, options)
const { images, targets, weights } = dataOf(config, batch)
const program = await backend.compile(trainGraph(config), { batch })
const parameters = parametersOf(config)
const slots = {}
for (const { name, shape } of parameters)
  for (const prefix of ["", "m.", "v."]) slots[prefix + name] = { shape, dtype: "float32" }
const state = await backend.createState(slots, Object.fromEntries(parameters.map(({ name, value }) => [name, value])))
let t = 0
const step = async () => {
  const { loss } = await program.run({ images, targets, weights, ...scalarsAt(++t) }, state)
  return loss.data[0]
}
await answer([await step(), await step(), await step()], step, () => backend.close())
