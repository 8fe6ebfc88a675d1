import { findAddon, nodeGpuBackend } from "@vitrine/backend-node-gpu"
import { onnxBackend } from "@vitrine/backend-onnx/node"
import { onnxBackend as wasmBackend } from "@vitrine/backend-onnx/web"
import { referenceBackend } from "@vitrine/backend-reference"
import { golden, goldenNames } from "@vitrine/golden"
import { describe } from "vitest"
import { modelParity, trainingParity } from "../src/index.ts"

const runs = Object.fromEntries(goldenNames("training-").map((name) => [name, async () => golden(name)]))

trainingParity("float64", async () => referenceBackend(), runs, { losses: 1e-7, parameters: 1e-6 })
trainingParity("float32 on ONNX Runtime", () => onnxBackend({ worker: false }), runs)

/** Models of 1,024 patches, whose coordinates make larger angles than those of small images. */
const large = Object.fromEntries(goldenNames("large-").map((name) => [name, async () => golden(name)]))

const { "large-rotary-core": core = async () => golden("large-rotary-core") } = large
modelParity("float64", async () => referenceBackend(), { core }, { tolerance: { absolute: 1e-12, relative: 1e-9 } })
modelParity("float32 on ONNX Runtime", () => onnxBackend({ worker: false }), large, { gradients: true })
modelParity("float32 on ONNX Runtime in WebAssembly", () => wasmBackend({ worker: false, threads: 1 }), large)

/** The runs that depend on the engine: fused ops, slots that several programs share, and scaled losses. */
const engineRuns = ["training-adamw-ema", "training-adamw-accumulate", "training-sgd-clip"]
const smoke = Object.fromEntries(Object.entries(runs).filter(([name]) => engineRuns.includes(name)))

const tensorFlow = findAddon("node-cpu")
if (typeof tensorFlow === "string") describe.skip(`TensorFlow (${tensorFlow})`, () => {})
else {
  trainingParity("float32 on TensorFlow", () => nodeGpuBackend("node-cpu"), smoke)
  modelParity("float32 on TensorFlow", () => nodeGpuBackend("node-cpu"), large, { gradients: true })
}
