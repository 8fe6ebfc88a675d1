import { conformance } from "@vitrine/conformance"
import type { Backend } from "@vitrine/core"
import { trainingParity } from "@vitrine/parity"
import { agreement } from "../agreement.ts"
import { plainSkips } from "../skips.ts"
import { trainings } from "./golden.ts"
import { remoteBackend } from "./remote.ts"

const inWorker = (name: "compiled" | "plain") => (): Promise<Backend> =>
  remoteBackend(new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name }))

const compiled = inWorker("compiled")
const plain = inWorker("plain")

// tfjs' kernels and how they are put together are the same as in the page, where all runs are followed.
const few = Object.fromEntries(Object.entries(trainings).filter(([name]) => /-(adamw|sgd-clip)$/.test(name)))

conformance("webgpu in a worker of a page", compiled, { skip: { "constants from a file": "a page has no files" } })
conformance("tfjs on our device in a worker of a page", plain, { skip: plainSkips })
agreement("compiled and plain in workers of a page", compiled, plain)
trainingParity("WebGPU in a worker of a page", compiled, trainings)
trainingParity("tfjs on our device in a worker of a page", plain, few)
