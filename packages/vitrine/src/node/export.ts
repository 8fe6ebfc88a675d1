import { tasks } from "../tasks/node.ts"
import type { ExportOptions, ExportResult } from "./export-files.ts"
import { locate } from "./hub.ts"
import { taskOf } from "./task-of.ts"

/**
 * Writes a model in the format of timm, of Hugging Face's transformers, or of onnxruntime and transformers.js. The
 * source can be anything that `load`, `loadDetector` or `loadReader` accepts. The model is written whole or not at all.
 * `exportFiles` describes the files. A detector becomes one ONNX file (`detectorOnnx`), a model that reads becomes a
 * folder with two (`readerOnnx`).
 *
 *     await exportModel("runs/flowers", { to: "onnx", precision: ["float32", "int8"], out: "public/flowers" })
 *
 * @throws VitrineError (file, config) for files that cannot be read or written or that exist, and for a model that the
 *   other library does not have
 */
export async function exportModel(name: string, options: ExportOptions): Promise<ExportResult> {
  const { path } = await locate(name)
  const task = await tasks[await taskOf(path)]()
  return task.exportModel({ path, name }, options)
}
