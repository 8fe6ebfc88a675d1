import { createRequire } from "node:module"
import { dirname } from "node:path"
import { type Backend, VitrineError } from "@vitrine/core"
import { messageOf } from "./errors.ts"
import { note } from "./output.ts"
import {
  type BackendFactory,
  type BackendOptions,
  backends as libraryBackends,
  type ChosenBackend,
  chooseBackend,
} from "vitrine"

/** The library's backends, and TensorFlow.js on its devices in Node. */
export const backends: Readonly<Record<string, BackendFactory>> = {
  ...libraryBackends,
  "onnx-cuda": async (options) => {
    const { cudaProvider, onnxBackend } = await import("@vitrine/backend-onnx/node")
    const missing = cudaProvider()
    if (missing !== undefined) throw new VitrineError("backend", missing)
    return onnxBackend({ ...options, executionProviders: ["cuda", "cpu"], sliceRows: Number.POSITIVE_INFINITY })
  },
  "node-gpu": nodeGpu("node-gpu"),
  "node-cpu": nodeGpu("node-cpu"),
  tfjs: tensorflow("wasm"),
  "tfjs-cpu": tensorflow("cpu"),
}

/** @throws VitrineError (backend) that says what was tried */
export async function choose(name: string, options: BackendOptions): Promise<ChosenBackend> {
  if (options.precision === "bfloat16" && !name.startsWith("node-"))
    throw new VitrineError("backend", `--precision bfloat16 needs --backend node-cpu or node-gpu, not ${name}`)
  if (options.precision === "float16" && name !== "webgpu")
    throw new VitrineError("backend", `--precision float16 needs --backend webgpu, not ${name}`)
  return chooseBackend(name, options, backends)
}

export async function create(name: string, options: BackendOptions): Promise<Backend> {
  return (await choose(name, options)).backend
}

function nodeGpu(name: "node-gpu" | "node-cpu"): BackendFactory {
  return async ({ threads, precision }) => {
    const { nodeGpuBackend } = await import("@vitrine/backend-node-gpu")
    return nodeGpuBackend(name, {
      threads,
      precision: precision === "bfloat16" ? precision : "float32",
      onFallback: note,
    })
  }
}

function tensorflow(device: "wasm" | "cpu"): BackendFactory {
  return async ({ threads }) => {
    try {
      const tf = await import("@tensorflow/tfjs-core")
      // Otherwise TensorFlow.js advertises another of its packages on standard error.
      tf.enableProdMode()
      if (device === "cpu") await import("@tensorflow/tfjs-backend-cpu")
      else {
        const { setThreadsCount, setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm")
        const main = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm")
        setWasmPaths(`${dirname(main)}/`)
        if (threads !== undefined) setThreadsCount(threads)
      }
      if (!(await tf.setBackend(device))) throw new Error(`the device ${device} did not start`)
      const { tfjsBackend } = await import("@vitrine/backend-tfjs")
      return tfjsBackend(tf)
    } catch (error) {
      if (VitrineError.isInstance(error)) throw error
      const [why] = messageOf(error).split("\n")
      throw new VitrineError(
        "backend",
        `tfjs cannot be loaded (${why}): npm install @tensorflow/tfjs-core @tensorflow/tfjs-backend-${device}`,
        { cause: error },
      )
    }
  }
}
