import { createRequire } from "node:module"
import { dirname } from "node:path"
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm"
import * as tf from "@tensorflow/tfjs-core"

/** tfjs on its WebAssembly device. */
export async function wasm(): Promise<typeof tf> {
  const main = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm")
  setWasmPaths(`${dirname(main)}/`)
  await tf.setBackend("wasm")
  return tf
}
