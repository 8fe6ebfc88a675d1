import { webgpuBackend } from "../../src/index.ts"
import { serve } from "./remote.ts"

// The page runs the kernels for adapters that compute on the CPU, which this one is.
serve(() => webgpuBackend({ software: true, kernels: "gpu" }))
