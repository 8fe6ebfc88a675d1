// node ours.mjs CASE MODELS_FOLDER PRECISION
import { nodeGpuBackend } from "@vitrine/backend-node-gpu"
import { answerCase } from "../../backend-onnx/bench/case.mjs"

const [caseName, folder, precision] = process.argv.slice(2)
await answerCase(caseName, folder, await nodeGpuBackend("node-cpu", { precision }))
