import type { Overrides } from "@vitrine/checkpoint"
import { type ExportFormat, exportFiles } from "../tasks/classify/export.ts"
import type { ModelSource } from "./files.ts"
import { readModel } from "../tasks/classify/web/load.ts"

export interface ExportOptions extends ExportFormat, Overrides {}

export interface ExportResult {
  /** The files of the folder by their path. */
  readonly files: Readonly<Record<string, Blob>>
  /** What the other world cannot be told, or does otherwise: lines for people. */
  readonly notes: readonly string[]
}

/**
 * A model, of anything that `load` takes, in the form in which timm, Hugging Face's transformers, or onnxruntime and
 * transformers.js load it: see `exportFiles`.
 *
 *     const { files } = await exportModel(store.files(), { to: "onnx" })
 *     link.href = URL.createObjectURL(files["onnx/model.onnx"])
 *
 * @throws VitrineError (file, config) for what cannot be read, and a model that the other world does not have.
 */
export async function exportModel(source: ModelSource, options: ExportOptions): Promise<ExportResult> {
  const { to, precision, ...overrides } = options
  const { files, notes } = exportFiles(await readModel(source, overrides), { to, precision })
  const blobs = Array.from(files, ([path, chunks]) => [path, new Blob([...chunks] as BlobPart[])] as const)
  return { files: Object.fromEntries(blobs), notes }
}
