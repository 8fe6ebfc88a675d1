import { resolve } from "node:path"
import { VitrineError } from "@vitrine/core"
import { precisionsOf, refuseOverrides } from "../../../export.ts"
import {
  exportName,
  type ExportOptions,
  type ExportResult,
  type ExportSource,
  writeFolder,
} from "../../../node/export-files.ts"
import { readerOnnx } from "../export.ts"
import { readReader } from "./load.ts"

/**
 * Writes a model that reads as a folder with an ONNX file of its encoder and one of its decoder.
 * @throws VitrineError (file, config)
 */
export async function exportReader(source: ExportSource, options: ExportOptions): Promise<ExportResult> {
  const { to, force = false } = options
  if (to !== "onnx")
    throw new VitrineError("config", `${source.name}: is a model that reads, which is exported to ONNX alone`)
  refuseOverrides(source.name, options, "of a model that reads")
  const out = resolve(options.out ?? `${exportName(source)}-onnx`)
  const [single = "float32", ...others] = precisionsOf(options)
  if (others.length > 0 || out.endsWith(".onnx"))
    throw new VitrineError("config", `${out}: a model that reads becomes a folder with two files of one precision`)
  const { record, alphabet, values } = await readReader(source.path)
  return writeFolder(out, readerOnnx({ preparation: record.recipe, alphabet, values }, single), force)
}
