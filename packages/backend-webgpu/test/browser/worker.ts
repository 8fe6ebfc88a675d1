import * as tf from "@tensorflow/tfjs-core"
import { webgpuBackend } from "../../src/index.ts"
import { plainBackend } from "../plain.ts"
import { serve } from "./remote.ts"

const plain = self.name === "plain"
serve(async () => {
  // The page runs the kernels for adapters that compute on the CPU, which this one is.
  const backend = await webgpuBackend({ software: true, kernels: "gpu" })
  return plain ? plainBackend(tf, backend) : backend
})
