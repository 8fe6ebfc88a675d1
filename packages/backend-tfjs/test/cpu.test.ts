import "@tensorflow/tfjs-backend-cpu"
import * as tf from "@tensorflow/tfjs-core"
import { conformance } from "@vitrine/conformance"
import { tfjsBackend } from "../src/index.ts"
import { skip } from "./skip.ts"

conformance(
  "tfjs on cpu",
  async () => {
    await tf.setBackend("cpu")
    return tfjsBackend(tf)
  },
  { skip },
)
