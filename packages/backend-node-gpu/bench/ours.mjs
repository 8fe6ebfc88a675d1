// node ours.mjs CASE MODELS_FOLDER PRECISION
import { nodeGpuBackend } from "@vitrine/backend-node-gpu"
import {
  cases,
  configOf,
  dataOf,
  inferGraph,
  scalarsAt,
  trainGraph,
  trainSlots,
  weightsIn,
} from "../../backend-onnx/bench/cases.mjs"
import { answer } from "../../backend-onnx/bench/contender.mjs"

const [caseName, folder, precision] = process.argv.slice(2)
const { train, model, batch } = cases[caseName]
const config = configOf(model)
const weights = weightsIn(`${folder}/${model}.safetensors`)
const backend = await nodeGpuBackend("node-cpu", { precision })
const { images, targets, weights: ones } = dataOf(config, batch)

if (train) {
  const program = await backend.compile(trainGraph(config), { batch })
  const data = Object.fromEntries(weights.map(({ name, read }) => [name, read()]))
  const state = await backend.createState(trainSlots(config), data)
  let t = 0
  const step = async () => {
    const { loss } = await program.run({ images, targets, weights: ones, ...scalarsAt(++t) }, state)
    return loss.data[0]
  }
  await answer([await step(), await step(), await step()], step)
} else {
  const constants = Object.fromEntries(
    weights.map(({ name, path, offset, length }) => [name, { path, offset, length }]),
  )
  const program = await backend.compile(inferGraph(config), { batch, constants })
  const { logits } = await program.run({ images })
  await answer(Array.from(logits.data.slice(0, 3)), () => program.run({ images }))
}
