// onnxruntime-node on the ONNX file that torch.onnx.export wrote: node ort-export.mjs CASE MODELS_FOLDER
import { availableParallelism } from "node:os"
import ort from "onnxruntime-node"
import { cases, configOf } from "./cases.mjs"
import { answer } from "./contender.mjs"

const [name, folder] = process.argv.slice(2)
const { model, batch } = cases[name]
const { imageSize, channels } = configOf(model)
const session = await ort.InferenceSession.create(`${folder}/${model}.onnx`, {
  intraOpNumThreads: availableParallelism(),
})
const x = new Float32Array(batch * channels * imageSize[0] * imageSize[1]).map((_, i) => Math.sin(0.7 * i))
const feeds = { [session.inputNames[0]]: new ort.Tensor("float32", x, [batch, channels, ...imageSize]) }
const logits = (await session.run(feeds))[session.outputNames[0]].data
await answer(Array.from(logits.slice(0, 3)), () => session.run(feeds))
