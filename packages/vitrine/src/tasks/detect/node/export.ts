import { resolve } from "node:path"
import { VitrineError } from "@vitrine/core"
import { precisionsOf, refuseOverrides } from "../../../export.ts"
import {
  exportName,
  type ExportOptions,
  type ExportResult,
  type ExportSource,
  writeOnnx,
} from "../../../node/export-files.ts"
import { nonFinite } from "../../../finite.ts"
import { detectorOnnx } from "../export.ts"
import { readDetector } from "./load.ts"

/**
 * Writes a detector as an `.onnx` file for images of `imageSize`.
 * @throws VitrineError (file, config)
 */
export async function exportDetector(source: ExportSource, options: ExportOptions): Promise<ExportResult> {
  const { to, force = false, imageSize, heads, dilated } = options
  if (to !== "onnx") throw new VitrineError("config", `${source.name}: is a detector, which is exported to ONNX alone`)
  const out = resolve(options.out ?? `${exportName(source)}.onnx`)
  const [single = "float32", ...others] = precisionsOf(options)
  if (others.length > 0 || !out.endsWith(".onnx"))
    throw new VitrineError("config", `${out}: a detector becomes one file that ends in .onnx, of one precision`)
  refuseOverrides(source.name, options, "of a detector", ["imageSize", "heads"])
  const detector = await readDetector(source.path, { heads, dilated })
  return writeOnnx(
    out,
    detectorOnnx(detector, imageSize, single),
    [...nonFinite(detector.values), ...detector.notes],
    force,
  )
}
