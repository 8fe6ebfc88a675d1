import { type Backend, type FileSlice, VitrineError } from "@vitrine/core"
import type * as Ort from "onnxruntime-common"
import { engineBackend } from "./engine/backend.ts"
import { encodeModel, isFileSlice } from "./onnx/encode.ts"
import type { Initializer, OnnxModel } from "./onnx/model.ts"

/** Options of the WebAssembly backend. */
export interface OnnxWebOptions {
  /**
   * The number of threads; by default that of the machine, at most four. Node, and pages that are not cross-origin
   * isolated, have one thread.
   */
  readonly threads?: number
  /** The URL of the folder with onnxruntime-web's `.wasm` and `.mjs` files, if it is not the folder of its script. */
  readonly wasmPaths?: string
  /** Whether to run in a worker, so that the page stays responsive. True by default. */
  readonly worker?: boolean
}

/**
 * A backend on ONNX Runtime as WebAssembly, in pages and in Node. The options of a page's first backend apply to all
 * later ones.
 * @throws VitrineError (backend) if onnxruntime-web cannot be loaded.
 */
export async function onnxBackend(options: OnnxWebOptions = {}): Promise<Backend> {
  const ort = await load()
  const { wasm, versions } = ort.env
  const { threads, worker } = (settings ??= settle(wasm, options))
  return engineBackend({
    name: "onnx-web",
    device: `onnxruntime-web ${versions.web ?? versions.common} (wasm, ${threads} ${threads === 1 ? "thread" : "threads"})`,
    Tensor: worker ? copyingTensor(ort) : ort.Tensor,
    writesInto: false,
    sliceRows: Number.POSITIVE_INFINITY,
    load: async (model) => {
      const bytes = encodeModel(await inMemory(model))
      try {
        return await ort.InferenceSession.create(bytes, {
          executionProviders: ["wasm"],
          graphOptimizationLevel: "all",
          logSeverityLevel: 3,
          // Core has already merged equal expressions. Equal expressions that remain stand behind barriers and must not
          // be merged.
          extra: { optimization: { disable_specified_optimizers: "CommonSubexpressionElimination" } },
        })
      } catch (error) {
        throw explained(error as Error)
      }
    },
  })
}

function explained(error: Error): VitrineError {
  const [why = ""] = error.message.split("\n")
  const help = /no available backend|initiali[sz]e/i.test(why)
    ? ": serve its .wasm and .mjs files, and say where by wasmPaths"
    : ""
  return new VitrineError("backend", `onnxruntime-web failed (${why})${help}`, { cause: error })
}

interface Settings {
  readonly threads: number
  readonly worker: boolean
}

/** The settings of this page or process. onnxruntime-web can be set up only once. */
let settings: Settings | undefined

function settle(wasm: Ort.Env.WebAssemblyFlags, options: OnnxWebOptions): Settings {
  const cores = globalThis.navigator?.hardwareConcurrency ?? 4
  const threads = globalThis.crossOriginIsolated ? (options.threads ?? Math.min(4, cores)) : 1
  const worker = (options.worker ?? true) && typeof globalThis.document !== "undefined"
  wasm.numThreads = threads
  wasm.proxy = worker
  if (options.wasmPaths !== undefined) wasm.wasmPaths = options.wasmPaths
  return { threads, worker }
}

/**
 * Makes tensors from a copy of their data. A worker takes the memory of tensors, but states and callers still need
 * theirs.
 */
function copyingTensor(ort: typeof Ort): Ort.TensorConstructor {
  const Tensor = ort.Tensor as new (type: "float32", data: Float32Array, dims: readonly number[]) => Ort.Tensor
  return class extends Tensor {
    constructor(type: "float32", data: Float32Array, dims: readonly number[]) {
      super(type, data.slice(), dims)
    }
  } as Ort.TensorConstructor
}

async function load(): Promise<typeof Ort> {
  try {
    return await import("onnxruntime-web/wasm")
  } catch (error) {
    const why = (error as Error).message.split("\n")[0]
    throw new VitrineError("backend", `onnxruntime-web cannot be loaded (${why}): npm install onnxruntime-web`, {
      cause: error,
    })
  }
}

async function inMemory(model: OnnxModel): Promise<OnnxModel> {
  const initializers = model.initializers.map(
    async (each): Promise<Initializer> =>
      isFileSlice(each.data) ? { ...each, data: await readSlice(each.data) } : each,
  )
  return { ...model, initializers: await Promise.all(initializers) }
}

/** Reads a part of a file (in Node) or of a URL (in a page). */
async function readSlice({ path, offset, length }: FileSlice): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  const fail = (actual: number | string): never => {
    throw new VitrineError("file", `${path}: expected ${length} bytes from ${offset} on, got ${actual}`)
  }
  const fs = globalThis.process?.getBuiltinModule?.("node:fs/promises")
  if (fs !== undefined) {
    const file = await fs.open(path)
    try {
      const { bytesRead } = await file.read(bytes, 0, length, offset)
      return bytesRead === length ? bytes : fail(bytesRead)
    } finally {
      await file.close()
    }
  }
  const response = await fetch(path, { headers: { Range: `bytes=${offset}-${offset + length - 1}` } })
  if (!response.ok) fail(`status ${response.status}`)
  const body = new Uint8Array(await response.arrayBuffer())
  const part = response.status === 206 ? body : body.subarray(offset, offset + length)
  return part.length === length ? part : fail(part.length)
}
