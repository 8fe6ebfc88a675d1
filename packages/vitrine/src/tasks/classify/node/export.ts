import { resolve } from "node:path"
import { hintsOf, type Overrides } from "@vitrine/checkpoint"
import { readModelFolder } from "@vitrine/checkpoint/node"
import { VitrineError } from "@vitrine/core"
import {
  exportName,
  type ExportOptions,
  type ExportResult,
  type ExportSource,
  writeFolder,
  writeOnnx,
} from "../../../node/export-files.ts"
import { precisionsOf } from "../../../export.ts"
import { nonFinite } from "../../../finite.ts"
import { exportFiles, onnxFile } from "../export.ts"
import { type WholeModel, wholeModel } from "../whole-model.ts"

/** @throws VitrineError (file, config) */
export async function exportClassifier(source: ExportSource, options: ExportOptions): Promise<ExportResult> {
  const { to, force = false } = options
  const [single = "float32", ...others] = precisionsOf(options)
  const out = resolve(options.out ?? `${exportName(source)}-${to}`)
  const model = await readModel(source, options)
  if (to !== "onnx" || !out.endsWith(".onnx"))
    return writeFolder(out, await exportFiles(model, { to, precision: [single, ...others] }), force)
  if (others.length > 0)
    throw new VitrineError(
      "config",
      `${out}: one file holds one precision, not ${[single, ...others].join(", ")}; name a folder`,
    )
  return writeOnnx(out, onnxFile(model, single), nonFinite(model.weights), force)
}

async function readModel({ path, name }: ExportSource, overrides: Overrides): Promise<WholeModel> {
  const folder = await readModelFolder(path, hintsOf(overrides))
  return wholeModel(folder, overrides, name).finally(folder.weights.close)
}
