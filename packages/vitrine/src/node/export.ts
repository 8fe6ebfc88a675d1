import { basename, resolve } from "node:path"
import {
  hintsOf,
  type Overrides,
  applyOverrides,
  parameterReader,
  resizeWeights,
  splitOverrides,
} from "@vitrine/checkpoint"
import { readModelFolder, writeFileAtomic, writeModelFolder } from "@vitrine/checkpoint/node"
import { VitrineError } from "@vitrine/core"
import {
  type ExportedFiles,
  type ExportFormat,
  exportFiles,
  onnxFile,
  type WholeModel,
} from "../tasks/classify/export.ts"
import { detectorOnnx, exportedSize } from "../tasks/detect/export.ts"
import { readerOnnx } from "../tasks/read/export.ts"
import { readDetector } from "../tasks/detect/node/load.ts"
import { locate } from "./hub.ts"
import { taskOf } from "./task-of.ts"
import { readReader } from "../tasks/read/node/load.ts"

export interface ExportOptions extends ExportFormat, Overrides {
  /** The folder to write, or for ONNX a file that ends in `.onnx`; `NAME-TO` in the working directory unless told. */
  readonly out?: string | undefined
  /** Whether a file, or a folder with an export, may be replaced. */
  readonly force?: boolean | undefined
  /** Of a detector's weights without a `config.json`: whether the backbone's last stage is dilated (DC5). */
  readonly dilated?: boolean | undefined
}

export interface ExportResult {
  /** What was written, absolute: a folder, or an `.onnx` file. */
  readonly path: string
  readonly files: readonly { readonly path: string; readonly bytes: number }[]
  /** What the other world cannot be told, or does otherwise: lines for people. */
  readonly notes: readonly string[]
}

/**
 * Writes a model, of anything that `load`, `loadDetector` or `loadReader` takes, in the form in which timm, Hugging Face's
 * transformers, or onnxruntime and transformers.js load it, whole or not at all. See `exportFiles` for what is written; a
 * detector becomes one ONNX file (`detectorOnnx`), a model that reads two in a folder (`readerOnnx`).
 *
 *     await exportModel("runs/flowers", { to: "onnx", precision: ["float32", "int8"], out: "public/flowers" })
 *
 * @throws VitrineError (file, config): for what cannot be read or written, what stands there already, and a model that
 *   the other world does not have.
 */
export async function exportModel(path: string, options: ExportOptions): Promise<ExportResult> {
  const { to, precision = ["float32"], force = false, ...overrides } = options
  const { path: place } = await locate(path)
  const task = await taskOf(place)
  if (task === "detect") return exportDetector(place, path, options)
  if (task === "read") return exportReader(place, path, options)
  const out = resolve(options.out ?? `${nameOf(path)}-${to}`)
  const model = await wholeModel(path, overrides)
  if (to === "onnx" && out.endsWith(".onnx")) {
    const [only = "float32", ...others] = precision
    if (others.length > 0)
      throw new VitrineError(
        "config",
        `${out}: one file holds one precision, not ${precision.join(", ")}; name a folder`,
      )
    const chunks = onnxFile(model, only)
    await writeFileAtomic(out, chunks, { replace: force })
    return { path: out, files: [{ path: basename(out), bytes: sizeOf(chunks) }], notes: [] }
  }
  return writeFolder(out, exportFiles(model, { to, precision }), force)
}

async function writeFolder(out: string, { files, notes }: ExportedFiles, replace: boolean): Promise<ExportResult> {
  await writeModelFolder(out, files, { replace })
  return { path: out, files: Array.from(files, ([file, chunks]) => ({ path: file, bytes: sizeOf(chunks) })), notes }
}

const sizeOf = (chunks: readonly Uint8Array[]): number => chunks.reduce((total, { length }) => total + length, 0)

/** A detector as an `.onnx` file, for images of `imageSize`. */
async function exportDetector(place: string, path: string, options: ExportOptions): Promise<ExportResult> {
  const { to, precision = ["float32"], force = false, imageSize, heads, dilated } = options
  if (to !== "onnx") throw new VitrineError("config", `${path}: is a detector, which is exported to ONNX alone`)
  const out = resolve(options.out ?? `${nameOf(path)}.onnx`)
  const [only = "float32", ...others] = precision
  if (others.length > 0 || !out.endsWith(".onnx"))
    throw new VitrineError("config", `${out}: a detector becomes one file that ends in .onnx, of one precision`)
  refuseOverrides(path, options, "of a detector", ["imageSize", "heads"])
  const detector = await readDetector(place, { heads, dilated })
  const size = typeof imageSize === "number" ? ([imageSize, imageSize] as const) : imageSize
  const chunks = detectorOnnx(detector, size ?? exportedSize(detector.config, detector.preprocessing), only)
  await writeFileAtomic(out, chunks, { replace: force })
  return { path: out, files: [{ path: basename(out), bytes: sizeOf(chunks) }], notes: detector.notes }
}

/** A model that reads as a folder with an ONNX file of its encoder and one of its decoder. */
async function exportReader(place: string, path: string, options: ExportOptions): Promise<ExportResult> {
  const { to, precision = ["float32"], force = false } = options
  if (to !== "onnx") throw new VitrineError("config", `${path}: is a model that reads, which is exported to ONNX alone`)
  refuseOverrides(path, options, "of a model that reads")
  const out = resolve(options.out ?? `${nameOf(path)}-onnx`)
  const [only = "float32", ...others] = precision
  if (others.length > 0 || out.endsWith(".onnx"))
    throw new VitrineError("config", `${out}: a model that reads becomes a folder with two files of one precision`)
  const { record, alphabet, values } = await readReader(place)
  return writeFolder(out, readerOnnx({ preparation: record.recipe, alphabet, values }, only), force)
}

/** What a family cannot be told is refused, for it would not be what it says. */
function refuseOverrides(path: string, options: ExportOptions, whose: string, free: readonly string[] = []): void {
  const [overrides] = splitOverrides(options)
  const given = Object.entries(overrides).find(([name, value]) => value !== undefined && !free.includes(name))
  if (given !== undefined) throw new VitrineError("config", `${path}: ${given[0]} ${whose} cannot be told`)
}

/** The last part of a path without its ending, or of the hub's name without its revision. */
const nameOf = (model: string): string =>
  basename(model.startsWith("hf:") ? model.replace(/@[^@]*$/, "") : resolve(model)).replace(/\.(npz|safetensors)$/, "")

/** A model with its weights in memory. */
async function wholeModel(path: string, overrides: Overrides): Promise<WholeModel> {
  const folder = await readModelFolder((await locate(path)).path, hintsOf(overrides))
  try {
    const description = applyOverrides(folder, overrides, path)
    const read = parameterReader(folder.weights, folder.sources)
    const weights: Record<string, Float32Array> = {}
    for (const name of folder.sources.keys()) weights[name] = await read(name)
    Object.assign(weights, await resizeWeights(folder.config, description.config, read, folder.positionMethod))
    return { ...description, weights }
  } finally {
    await folder.weights.close()
  }
}
