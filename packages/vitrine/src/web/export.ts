import type { Overrides } from "@vitrine/checkpoint"
import { VitrineError } from "@vitrine/core"
import type { ExportFormat } from "../export.ts"
import { tasks } from "../tasks/web.ts"
import { locateModel, type ModelSource } from "./files.ts"
import { taskAt } from "./task-of.ts"

/** Options of exporting a model in a page. */
export interface ExportOptions extends ExportFormat, Overrides {}

/** An exported model as blobs. */
export interface ExportResult {
  /** The files of the folder by their paths. */
  readonly files: Readonly<Record<string, Blob>>
  /** What the other library lacks or does differently, a line each. */
  readonly notes: readonly string[]
}

/**
 * A model in the format of timm, of Hugging Face's transformers, or of onnxruntime and transformers.js. The source can
 * be anything that `load` or `loadDetector` accepts. `exportFiles` describes the files. A detector becomes one ONNX
 * file.
 *
 *     const { files } = await exportModel(store.files(), { to: "onnx" })
 *     link.href = URL.createObjectURL(files["onnx/model.onnx"])
 *
 * @throws VitrineError (file, config) for files that cannot be read, and for a model that the other library does not
 *   have
 */
export async function exportModel(source: ModelSource, options: ExportOptions): Promise<ExportResult> {
  const location = await locateModel(source)
  const name = await taskAt(location)
  const task = await tasks[name]?.()
  if (task === undefined)
    throw new VitrineError(
      "config",
      `${location.name}: models of the task "${name}" are exported in Node, not in pages`,
    )
  const { files, notes } = await task.exportModel(location, options)
  const blobs = Array.from(files, ([path, chunks]) => [path, new Blob([...chunks] as BlobPart[])] as const)
  return { files: Object.fromEntries(blobs), notes }
}
