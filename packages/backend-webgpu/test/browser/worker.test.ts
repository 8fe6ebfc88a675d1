import { conformance } from "@vitrine/conformance"
import { trainingParity } from "@vitrine/parity"
import { goldens } from "./golden.ts"
import { remoteBackend } from "./remote.ts"

const inWorker = () => remoteBackend(new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }))

const skip = { "constants from a file": "a page has no files" }

// The whole suite runs with these kernels in Node. The page runs all ops with those for adapters that compute on the CPU.
conformance("webgpu in a worker of a page", inWorker, { skip, subset: "smoke" })
trainingParity("WebGPU in a worker of a page", inWorker, goldens("training-adamw"))
