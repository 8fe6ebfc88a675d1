import { existsSync } from "node:fs"
import { Worker } from "node:worker_threads"
import type { Backend } from "@vitrine/core"
import { engineBackend } from "../engine/backend.ts"
import { type Channel, remoteBackend } from "../remote/client.ts"
import type { Reply } from "../remote/protocol.ts"
import { type NativeOptions, nativeEngine } from "./engine.ts"

export { cudaProvider, type OnnxAvailability, onnxAvailability } from "./load.ts"

/** Options of the native backend in Node. */
export interface OnnxBackendOptions extends NativeOptions {
  /**
   * Whether to run in a worker thread, so that this thread stays free. Inputs are then copied. True by default. If the
   * compiled worker is missing, as in a bundle, everything runs in this thread.
   */
  readonly worker?: boolean
}

/**
 * A backend on ONNX Runtime's native library.
 * @throws VitrineError (backend) when onnxruntime-node cannot be loaded.
 */
export async function onnxBackend({ worker = true, ...options }: OnnxBackendOptions = {}): Promise<Backend> {
  // The worker is compiled, since TypeScript sources cannot run in a worker of Node 20.
  const file = ["./worker.js", "../../dist/node/worker.js"]
    .map((path) => new URL(path, import.meta.url))
    .find((url) => existsSync(url))
  if (!worker || file === undefined) return engineBackend(await nativeEngine(options))
  return remoteBackend(workerChannel(file), options)
}

function workerChannel(file: URL): Channel {
  // The worker must not inherit this process's flags. Those of a test runner would resolve compiled code to TypeScript
  // sources.
  const worker = new Worker(file, { execArgv: [] })
  let ending = false
  return {
    send: (request, transfer) => worker.postMessage(request, transfer),
    onReply: (listener) => void worker.on("message", (reply: Reply) => listener(reply)),
    onEnd: (listener) => {
      worker.on("error", (error) => listener(`the worker of the backend failed: ${error.message}`))
      worker.on("exit", (code) => listener(`the worker of the backend ended with code ${code}`))
    },
    // The process waits for a worker that is ending.
    busy: (pending) => (pending || ending ? worker.ref() : worker.unref()),
    end: async () => {
      ending = true
      await worker.terminate()
    },
  }
}
