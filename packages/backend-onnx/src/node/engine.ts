import { availableParallelism } from "node:os"
import { dirname, resolve } from "node:path"
import { VitrineError } from "@vitrine/core"
import type { InferenceSession } from "onnxruntime-common"
import type { Engine } from "../engine/engine.ts"
import { encode, isFileSlice } from "../onnx/encode.ts"
import type { OnnxModel } from "../onnx/model.ts"
import { installedVersion, loadOrt } from "./load.ts"

export interface NativeOptions {
  /** Threads for one op; as many as the process may use by default. */
  readonly threads?: number
  /** Sums in an order that does not depend on timing. ONNX Runtime's CPU kernels do so anyway for one thread count. */
  readonly deterministic?: boolean
  /** ONNX Runtime's execution providers, `["cpu"]` by default. */
  readonly executionProviders?: readonly string[]
  /**
   * Batches are run in slices of as many examples as keep the largest value below this, so that it stays in the
   * processor's caches. 1 MiB by default; Infinity for whole batches.
   */
  readonly sliceBytes?: number
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
    logSeverityLevel: 3,
    ...(options.profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: options.profile }),
  }
  return {
    name: "onnx",
    device: `onnxruntime-node ${installedVersion() ?? ""} (${sessionOptions.executionProviders?.join(", ")}, ${threads} ${threads === 1 ? "thread" : "threads"})`,
    Tensor: ort.Tensor,
    writesInto: true,
    sliceBytes: options.sliceBytes ?? 2 ** 20,
    load: (model) =>
      ort.InferenceSession.create(encode(model), {
        ...sessionOptions,
        extra: {
          // Core has merged equal expressions; what is still written twice stands behind a barrier.
          optimization: { disable_specified_optimizers: "CommonSubexpressionElimination" },
          session: {
            ...(options.deterministic === true ? { use_deterministic_compute: "1" } : {}),
            ...externalFolder(model),
          },
        },
      }),
  }
}

/** Where the files lie to which the model refers. */
function externalFolder(model: OnnxModel): Record<string, string> {
  const folders = new Set(
    model.initializers.flatMap(({ data }) => (isFileSlice(data) ? [dirname(resolve(data.path))] : [])),
  )
  if (folders.size > 1)
    throw new VitrineError("backend", `constants must lie in one folder, but stand in ${[...folders].join(" and ")}`)
  const [folder] = folders
  return folder === undefined ? {} : { model_external_initializers_file_folder_path: folder }
}
