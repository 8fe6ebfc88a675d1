import { statSync } from "node:fs"
import { availableParallelism } from "node:os"
import { dirname, resolve } from "node:path"
import { VitrineError } from "@vitrine/core"
import type { InferenceSession } from "onnxruntime-common"
import { type Engine, nativeSliceRows } from "../engine/engine.ts"
import { encodeModel, isFileSlice } from "../onnx/encode.ts"
import type { Initializer, OnnxModel } from "../onnx/model.ts"
import { firstLine, installedVersion, loadOrt } from "./load.ts"

export interface NativeOptions {
  /** The number of threads of one op. By default the process uses as many as it may. */
  readonly threads?: number
  /**
   * Whether sums have an order that does not depend on timing. The order of ONNX Runtime's CPU kernels depends only on
   * the number of threads.
   */
  readonly deterministic?: boolean
  /** ONNX Runtime's execution providers, `["cpu"]` by default. */
  readonly executionProviders?: readonly string[]
  /**
   * A batch runs in slices, which need less memory and fit better into the caches. A slice has the fewest examples
   * whose matrix products have this many rows (tokens), an eighth of that if nothing is summed over the batch, and half
   * of that if its values would take more than half a GiB. 4096 by default. Infinity runs whole batches.
   */
  readonly sliceRows?: number
  /** The prefix of the name of a file. If it is present, a profile of every run is written there. */
  readonly profile?: string
}

/**
 * onnxruntime-node in this thread.
 * @throws VitrineError (backend) if it cannot be loaded.
 */
export async function nativeEngine(options: NativeOptions = {}): Promise<Engine> {
  const ort = await loadOrt()
  const threads = options.threads ?? availableParallelism()
  const sessionOptions: InferenceSession.SessionOptions = {
    executionProviders: options.executionProviders ?? ["cpu"],
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    logSeverityLevel: 4,
    // With a memory plan a run needs a third more memory and is no faster.
    enableMemPattern: false,
    ...(options.profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: options.profile }),
  }
  return {
    name: "onnx",
    device: `onnxruntime-node ${installedVersion() ?? ""} (${sessionOptions.executionProviders?.join(", ")}, ${threads} ${threads === 1 ? "thread" : "threads"})`,
    Tensor: ort.Tensor,
    writesInto: true,
    sliceRows: options.sliceRows ?? nativeSliceRows,
    load: async (model, threadsOfSession = threads) => {
      const extra = {
        // Core has already merged equal expressions. Equal expressions that remain stand behind barriers and must not
        // be merged.
        optimization: { disable_specified_optimizers: "CommonSubexpressionElimination" },
        session: {
          ...(options.deterministic === true ? { use_deterministic_compute: "1" } : {}),
          ...externalFolder(model),
        },
      }
      try {
        const { model: encoded, externalData } = withValuesInPlace(model)
        return await ort.InferenceSession.create(encodeModel(encoded), {
          ...sessionOptions,
          intraOpNumThreads: threadsOfSession,
          externalData,
          extra,
        })
      } catch (error) {
        throw new VitrineError("backend", `onnxruntime-node cannot load the model: ${firstLine(error)}`, {
          cause: error,
        })
      }
    },
  }
}

/**
 * Values of at least this many bytes are given to the engine in their own memory. Within the model's bytes they would
 * be copied once more.
 */
const largeBytes = 2 ** 16

/**
 * Moves the large values of a model to external data, and returns the memory of these values. ONNX Runtime takes
 * external data either from memory or from files. So a model with values in files stays as it is.
 */
function withValuesInPlace(model: OnnxModel): {
  readonly model: OnnxModel
  readonly externalData: { readonly path: string; readonly data: Uint8Array }[]
} {
  const externalData: { readonly path: string; readonly data: Uint8Array }[] = []
  if (model.initializers.some(({ data }) => isFileSlice(data))) return { model, externalData }
  const initializers = model.initializers.map((each): Initializer => {
    const { data } = each
    if (isFileSlice(data) || data.byteLength < largeBytes) return each
    const path = `values ${externalData.length}`
    externalData.push({ path, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) })
    return { ...each, data: { path, offset: 0, length: data.byteLength } }
  })
  return { model: { ...model, initializers }, externalData }
}

/**
 * The folder of the files that a model refers to, as an option of the session.
 * @throws VitrineError (file) for a file that is missing or too short.
 */
function externalFolder(model: OnnxModel): Record<string, string> {
  const slices = model.initializers.map(({ data }) => data).filter(isFileSlice)
  const ends = new Map<string, number>()
  for (const { path, offset, length } of slices) ends.set(path, Math.max(ends.get(path) ?? 0, offset + length))
  for (const [path, end] of ends) {
    const size = statSync(path, { throwIfNoEntry: false })?.size
    if (size === undefined) throw new VitrineError("file", `${path}: there is no such file`)
    if (size < end) throw new VitrineError("file", `${path}: has ${size} bytes, but its tensors need ${end}`)
  }
  const folders = new Set([...ends.keys()].map((path) => dirname(resolve(path))))
  if (folders.size > 1)
    throw new VitrineError("backend", `constants must lie in one folder, but stand in ${[...folders].join(" and ")}`)
  const [folder] = folders
  return folder === undefined ? {} : { model_external_initializers_file_folder_path: folder }
}
