import { statSync } from "node:fs"
import { availableParallelism } from "node:os"
import { dirname, resolve } from "node:path"
import { type FileSlice, VitrineError } from "@vitrine/core"
import type { InferenceSession } from "onnxruntime-common"
import type { Engine } from "../engine/engine.ts"
import { encodeModel, isFileSlice } from "../onnx/encode.ts"
import type { Initializer, OnnxModel } from "../onnx/model.ts"
import { installedVersion, loadOrt } from "./load.ts"

export interface NativeOptions {
  /** Threads for one op; as many as the process may use by default. */
  readonly threads?: number
  /** Sums in an order that does not depend on timing. ONNX Runtime's CPU kernels do so anyway for one thread count. */
  readonly deterministic?: boolean
  /** ONNX Runtime's execution providers, `["cpu"]` by default. */
  readonly executionProviders?: readonly string[]
  /**
   * Batches are run in slices of a few examples, so that memory is needed for a slice and not for the batch, and values
   * stay nearer to the caches: the fewest examples whose matrix products have this many rows (tokens), or an eighth of
   * it where nothing is summed over the batch. 4096 by default; Infinity for whole batches.
   */
  readonly sliceRows?: number
  /** Where to write a profile of every run, as a prefix of the file's name. */
  readonly profile?: string
}

/** onnxruntime-node in this thread. @throws VitrineError (backend) when it cannot be loaded. */
export async function nativeEngine(options: NativeOptions = {}): Promise<Engine> {
  const ort = await loadOrt()
  const threads = options.threads ?? availableParallelism()
  const sessionOptions: InferenceSession.SessionOptions = {
    executionProviders: options.executionProviders ?? ["cpu"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    logSeverityLevel: 4,
    // Planning all of a run's memory as one block costs a third more of it, and is no faster.
    enableMemPattern: false,
    ...(options.profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: options.profile }),
  }
  return {
    name: "onnx",
    device: `onnxruntime-node ${installedVersion() ?? ""} (${sessionOptions.executionProviders?.join(", ")}, ${threads} ${threads === 1 ? "thread" : "threads"})`,
    Tensor: ort.Tensor,
    writesInto: true,
    sliceRows: options.sliceRows ?? 4096,
    load: async (model) => {
      const extra = {
        // Core has merged equal expressions; what is still written twice stands behind a barrier.
        optimization: { disable_specified_optimizers: "CommonSubexpressionElimination" },
        session: {
          ...(options.deterministic === true ? { use_deterministic_compute: "1" } : {}),
          ...externalFolder(model),
        },
      }
      try {
        const { written, externalData } = apart(model)
        return await ort.InferenceSession.create(encodeModel(written), { ...sessionOptions, externalData, extra })
      } catch (error) {
        const why = (error as Error).message.split("\n")[0]
        throw new VitrineError("backend", `onnxruntime-node cannot load the model: ${why}`, { cause: error })
      }
    },
  }
}

/** What is given to the engine where it lies: in the model's bytes it would be copied once more. */
const largeBytes = 2 ** 16

/**
 * A model whose large values are files in name alone, and those files. Not where there are real ones too: ONNX Runtime
 * takes the one or the other.
 */
function apart(model: OnnxModel): {
  readonly written: OnnxModel
  readonly externalData: { readonly path: string; readonly data: Uint8Array }[]
} {
  const externalData: { readonly path: string; readonly data: Uint8Array }[] = []
  if (model.initializers.some(({ data }) => isFileSlice(data))) return { written: model, externalData }
  const initializers = model.initializers.map((each): Initializer => {
    const { buffer, byteOffset, byteLength } = each.data as Exclude<Initializer["data"], FileSlice>
    if (byteLength < largeBytes) return each
    const path = `values ${externalData.length}`
    externalData.push({ path, data: new Uint8Array(buffer, byteOffset, byteLength) })
    return { ...each, data: { path, offset: 0, length: byteLength } }
  })
  return { written: { ...model, initializers }, externalData }
}

/** Where the files lie to which the model refers. @throws VitrineError (file) for one that ends too soon. */
function externalFolder(model: OnnxModel): Record<string, string> {
  const slices = model.initializers.map(({ data }) => data).filter(isFileSlice)
  const ends = new Map<string, number>()
  for (const { path, offset, length } of slices) ends.set(path, Math.max(ends.get(path) ?? 0, offset + length))
  for (const [path, end] of ends) {
    const found = statSync(path, { throwIfNoEntry: false })?.size
    if (found === undefined) throw new VitrineError("file", `${path}: there is no such file`)
    if (found < end) throw new VitrineError("file", `${path}: has ${found} bytes, but its tensors need ${end}`)
  }
  const folders = new Set([...ends.keys()].map((path) => dirname(resolve(path))))
  if (folders.size > 1)
    throw new VitrineError("backend", `constants must lie in one folder, but stand in ${[...folders].join(" and ")}`)
  const [folder] = folders
  return folder === undefined ? {} : { model_external_initializers_file_folder_path: folder }
}
