import * as tf from "@tensorflow/tfjs-core"
import { webgpuBackend } from "../../src/index.ts"
import { plainBackend } from "../../src/tfjs.ts"
import { serve } from "./remote.ts"

const plain = self.name === "plain"
serve(async () => {
  const backend = await webgpuBackend({ software: true })
  return plain ? plainBackend(tf, backend) : backend
})
