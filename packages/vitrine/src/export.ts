/** The formats in which models are exported, for all tasks. */
import { type Overrides, splitOverrides } from "@vitrine/checkpoint"
import { VitrineError } from "@vitrine/core"

/** The library that the exported files are for: timm, Hugging Face's transformers, or an ONNX runtime. */
export const exportTargets = ["timm", "hf", "onnx"] as const
/** The libraries for which models are written. */
export type ExportTarget = (typeof exportTargets)[number]

/** Types of weights that are not quantized. */
export const exportTypes = ["float32", "float16"] as const
/** Types of quantized weights. */
export const quantizedTypes = ["int8"] as const

/**
 * The type of the weights. `int8` is dynamic quantization, in which linear layers multiply integers. Only Vision
 * Transformers in ONNX can have it.
 */
export type ExportPrecision = (typeof exportTypes)[number] | (typeof quantizedTypes)[number]

/** The library and the number type for which a model is written. */
export interface ExportFormat {
  readonly to: ExportTarget
  /**
   * `float32` by default. ONNX accepts several types. Each becomes a file with the name that transformers.js expects.
   * In float16, layer norms and softmax stay in float32.
   */
  readonly precision?: ExportPrecision | readonly ExportPrecision[] | undefined
}

/** The precisions of an export, without duplicates. */
export function precisionsOf({ precision = [] }: Pick<ExportFormat, "precision">): readonly ExportPrecision[] {
  const list = typeof precision === "string" ? [precision] : precision
  const known: readonly string[] = [...exportTypes, ...quantizedTypes]
  const other = list.find((each) => !known.includes(each))
  if (other !== undefined)
    throw new VitrineError("config", `precision must be of ${known.join(", ")}, got ${JSON.stringify(other)}`)
  return [...new Set(list)]
}

/** An exported model in memory. */
export interface ExportedFiles {
  /** The files of the folder by their paths. Each is in pieces. */
  readonly files: ReadonlyMap<string, readonly Uint8Array[]>
  /** What the other library lacks or does differently, a line each. */
  readonly notes: readonly string[]
}

/**
 * Refuses overrides that models of a task do not accept, since the export would ignore them.
 * @param name the model's name in the error
 * @param owner words for the models of the task
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
