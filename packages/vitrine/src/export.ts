/** The forms that models are exported in, whatever their task. */
import { type Overrides, splitOverrides } from "@vitrine/checkpoint"
import { VitrineError } from "@vitrine/core"

/** The library whose form a model is written in: timm, Hugging Face's transformers, or an ONNX runtime. */
export const exportTargets = ["timm", "hf", "onnx"] as const
export type ExportTarget = (typeof exportTargets)[number]

/** Types of weights that are not quantized. */
export const exportTypes = ["float32", "float16"] as const
/** Types of quantized weights. */
export const quantizedTypes = ["int8"] as const

/**
 * The type of the weights. `int8` is dynamic quantization, for Vision Transformers in ONNX alone: their linear layers multiply
 * integers.
 */
export type ExportPrecision = (typeof exportTypes)[number] | (typeof quantizedTypes)[number]

export interface ExportFormat {
  readonly to: ExportTarget
  /**
   * `float32` by default. ONNX takes several: each becomes a file by the name that transformers.js looks for. Layer norms and
   * softmax stay float32 in float16.
   */
  readonly precision?: ExportPrecision | readonly ExportPrecision[] | undefined
}

/** The precisions of an export, each once. */
export function precisionsOf({ precision = [] }: Pick<ExportFormat, "precision">): readonly ExportPrecision[] {
  const list = typeof precision === "string" ? [precision] : precision
  const known: readonly string[] = [...exportTypes, ...quantizedTypes]
  const other = list.find((each) => !known.includes(each))
  if (other !== undefined)
    throw new VitrineError("config", `precision must be of ${known.join(", ")}, got ${JSON.stringify(other)}`)
  return [...new Set(list)]
}

export interface ExportedFiles {
  /** The files of the folder by their path, each in pieces. */
  readonly files: ReadonlyMap<string, readonly Uint8Array[]>
  /** What the other library lacks or does otherwise, a line each. */
  readonly notes: readonly string[]
}

/**
 * Refuses overrides that models of a task do not take, for the export would ignore them.
 * @param name names the model in the error, and `owner` the models of the task.
 * @throws VitrineError (config)
 */
export function refuseOverrides(
  name: string,
  options: Overrides,
  owner: string,
  accepted: readonly string[] = [],
): void {
  const [overrides] = splitOverrides(options)
  const refused = Object.entries(overrides).find(([field, value]) => value !== undefined && !accepted.includes(field))
  if (refused !== undefined) throw new VitrineError("config", `${name}: ${refused[0]} ${owner} cannot be told`)
}
