import { conformance } from "@vitrine/conformance"
import type { Backend } from "@vitrine/core"
import { trainingParity } from "@vitrine/parity"
import { inexactSines, plainSkips } from "../skips.ts"
import { goldens } from "./golden.ts"
import { remoteBackend } from "./remote.ts"

const inWorker = (name: "compiled" | "plain") => (): Promise<Backend> =>
  remoteBackend(new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name }))

const compiled = inWorker("compiled")
const plain = inWorker("plain")

const skip = { "constants from a file": "a page has no files" }

// The whole suite runs with these kernels in Node. The page runs all ops with those for adapters that compute on the CPU.
conformance("webgpu in a worker of a page", compiled, { skip, subset: "smoke" })
conformance("tfjs on our device in a worker of a page", plain, {
  skip: { ...plainSkips, ...inexactSines },
  subset: "smoke",
})
trainingParity("WebGPU in a worker of a page", compiled, goldens("training-adamw"))
