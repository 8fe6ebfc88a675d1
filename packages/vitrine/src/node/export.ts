import { tasks } from "../tasks/node.ts"
import type { ExportOptions, ExportResult } from "./export-files.ts"
import { locate } from "./hub.ts"
import { taskOf } from "./task-of.ts"

/**
 * Writes a model, of anything that `load`, `loadDetector` or `loadReader` takes, in the form in which timm, Hugging Face's
 * transformers, or onnxruntime and transformers.js load it, whole or not at all. `exportFiles` says what is written. A
 * detector becomes one ONNX file (`detectorOnnx`), a model that reads a folder with two (`readerOnnx`).
 *
 *     await exportModel("runs/flowers", { to: "onnx", precision: ["float32", "int8"], out: "public/flowers" })
 *
 * @throws VitrineError (file, config) for what cannot be read or written, what stands there already, and a model that the
 *   other library does not have.
 */
export async function exportModel(name: string, options: ExportOptions): Promise<ExportResult> {
  const { path } = await locate(name)
  const task = await tasks[await taskOf(path)]()
  return task.exportModel({ path, name }, options)
}
