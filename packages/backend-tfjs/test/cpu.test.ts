import "@tensorflow/tfjs-backend-cpu"
import * as tf from "@tensorflow/tfjs-core"
import type { Backend } from "@vitrine/core"
import { conformance } from "@vitrine/conformance"
import { golden, goldenNames } from "@vitrine/golden"
import { modelParity } from "@vitrine/parity"
import { tfjsBackend } from "../src/index.ts"
import { skip } from "./skip.ts"

const backend = async (): Promise<Backend> => {
  await tf.setBackend("cpu")
  return tfjsBackend(tf)
}
const large = Object.fromEntries(goldenNames("large-").map((name) => [name, async () => golden(name)]))

conformance("tfjs on cpu", backend, { skip })
modelParity("tfjs on cpu", backend, large)
