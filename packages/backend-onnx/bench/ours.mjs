// node ours.mjs CASE MODELS_FOLDER [JSON of backend options; {"web":true} for WebAssembly]
import { answerCase } from "./case.mjs"

const [caseName, folder, options = "{}"] = process.argv.slice(2)
const { web = false, ...rest } = JSON.parse(options)
const { onnxBackend } = await import(`@vitrine/backend-onnx/${web ? "web" : "node"}`)
await answerCase(caseName, folder, await onnxBackend(rest))
