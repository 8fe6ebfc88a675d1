// node ours.mjs CASE MODELS_FOLDER [JSON of backend options]
import { onnxBackend } from "@vitrine/backend-onnx/node"
import { answerCase } from "./case.mjs"

const [caseName, folder, options = "{}"] = process.argv.slice(2)
await answerCase(caseName, folder, await onnxBackend(JSON.parse(options)))
