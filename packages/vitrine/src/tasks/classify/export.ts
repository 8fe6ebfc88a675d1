import {
  encodeModelChunks,
  mostInline,
  type OnnxModel,
  quantizeLinear,
  toFloat16,
  toOnnx,
  valueBytes,
  withExternalData,
} from "@vitrine/backend-onnx"
import {
  huggingFaceTensors,
  imageModel,
  isBiT,
  type ModelConfig,
  type ModelDescription,
  type StoredTensor,
  toHuggingFace,
  toTimm,
  writeSafetensors,
} from "@vitrine/checkpoint"
import { float16Bits, graph, ops, rootScope, type Tensor, VitrineError } from "@vitrine/core"
import { foldConstants } from "../../fold.ts"

/** Whose form a model is written in. */
export type ExportTarget = "timm" | "hf" | "onnx"

/** What weights are written as. `int8`, of ONNX and Vision Transformers alone: linear layers multiply integers (dynamic quantization). */
export type ExportPrecision = "float32" | "float16" | "int8"

export interface ExportFormat {
  readonly to: ExportTarget
  /**
   * `float32` unless told. ONNX takes several, each a file of its own, by the names that transformers.js looks for; in
   * float16, layer norms and softmax stay float32.
   */
  readonly precision?: readonly ExportPrecision[] | undefined
}

export interface ExportedFiles {
  /** The files of the folder by their path, each in pieces. */
  readonly files: ReadonlyMap<string, readonly Uint8Array[]>
  /** What the other world cannot be told, or does otherwise: lines for people. */
  readonly notes: readonly string[]
}

/** A model with its weights in memory, by timm's names. */
export interface WholeModel extends ModelDescription {
  readonly weights: Readonly<Record<string, Float32Array>>
}

/**
 * A model as a folder that others load:
 * - `timm`: `timm.create_model("local-dir:FOLDER")`; `config.json`, `model.safetensors`.
 * - `hf`: `AutoModelForImageClassification.from_pretrained(FOLDER)` of transformers; with `preprocessor_config.json`.
 * - `onnx`: onnxruntime, and transformers.js through `env.localModelPath`; `onnx/model.onnx` with the same JSON files.
 * @throws VitrineError (config) for a model that they do not have, or that float16 cannot hold.
 */
export function exportFiles(model: WholeModel, { to, precision = ["float32"] }: ExportFormat): ExportedFiles {
  const chosen = [...new Set(precision)]
  if (to === "onnx") return onnxFiles(model, chosen)
  const [dtype = "float32"] = chosen
  if (chosen.length > 1 || dtype === "int8")
    throw new VitrineError(
      "config",
      `to ${to} a model is exported in float32 or in float16, not in ${chosen.join(", ")}`,
    )
  const stored = (name: string, shape: readonly number[], data: Float32Array): readonly [string, StoredTensor] => [
    name,
    dtype === "float16" ? { dtype: "F16", shape, data: float16Bits(data, name) } : { dtype: "F32", shape, data },
  ]
  if (to === "timm") {
    const { config, notes } = toTimm(model)
    const tensors = imageModel(model.config).parameters.map(({ name, shape }) =>
      stored(name, shape, model.weights[name] as Float32Array),
    )
    return { files: folder(tensors, { "config.json": config }), notes }
  }
  const tensors = huggingFaceTensors(model.config, model.weights)
  const { config, preprocessor, notes } = toHuggingFace(model)
  const json = { "config.json": { ...config, dtype }, "preprocessor_config.json": preprocessor }
  return {
    files: folder(
      tensors.map(({ name, shape, data }) => stored(name, shape, data)),
      json,
    ),
    notes,
  }
}

function folder(
  tensors: readonly (readonly [string, StoredTensor])[],
  json: Readonly<Record<string, object>>,
): Map<string, readonly Uint8Array[]> {
  // transformers and others ask for this entry before they read a file.
  return new Map([...jsonFiles(json), ["model.safetensors", writeSafetensors(tensors, { format: "pt" })]])
}

function jsonFiles(json: Readonly<Record<string, object>>): [path: string, chunks: readonly Uint8Array[]][] {
  return Object.entries(json).map(([path, value]) => [path, [encode(`${JSON.stringify(value, null, 2)}\n`)]])
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

/** By the names and suffixes of transformers.js. */
const variants: Readonly<Record<ExportPrecision, { readonly dtype: string; readonly file: string }>> = {
  float32: { dtype: "fp32", file: "model.onnx" },
  float16: { dtype: "fp16", file: "model_fp16.onnx" },
  int8: { dtype: "q8", file: "model_quantized.onnx" },
}

function onnxFiles(model: WholeModel, precision: readonly ExportPrecision[]): ExportedFiles {
  const files = new Map<string, readonly Uint8Array[]>()
  const external: Record<string, number> = {}
  for (const each of precision) {
    const { file } = variants[each]
    const made = encodeOnnx(model, each, file)
    files.set(`onnx/${file}`, made.chunks)
    if (made.external === undefined) continue
    files.set(`onnx/${file}_data`, made.external)
    external[file] = 1
  }
  const { config, preprocessor, notes } = toHuggingFace(model)
  const own = {
    dtype: variants[precision[0] as ExportPrecision].dtype,
    ...(Object.keys(external).length > 0 && { use_external_data_format: external }),
  }
  const json = { "config.json": { ...config, "transformers.js_config": own }, "preprocessor_config.json": preprocessor }
  return { files: new Map([...jsonFiles(json), ...files]), notes }
}

/**
 * A model as one ONNX file, in pieces: `pixel_values` `[batch, channels, height, width]` → `logits` `[batch, classes]`, with an
 * open batch; of a model without classes `pooler_output` `[batch, width]` and, where it has tokens and the last norm stands
 * before the pooling, `last_hidden_state` `[batch, tokens, dim]`. The labels and the preprocessing are in its `metadata_props`.
 * @throws VitrineError (config) for weights that float16 cannot hold, or that take more than 2 GiB, and for a ResNet in int8.
 */
export function onnxFile(model: WholeModel, precision: ExportPrecision = "float32"): readonly Uint8Array[] {
  const { chunks, external } = encodeOnnx(model, precision, variants[precision].file)
  if (external !== undefined)
    throw new VitrineError("config", "weights of more than 2 GiB do not fit into one ONNX file: export to a folder")
  return chunks
}

function encodeOnnx(
  { config, weights, labels, preprocessing }: WholeModel,
  precision: ExportPrecision,
  file: string,
): { readonly chunks: readonly Uint8Array[]; readonly external?: readonly Uint8Array[] } {
  if (precision === "int8" && isBiT(config))
    throw new VitrineError("config", "int8 is for the linear layers of Vision Transformers: export a ResNet in float16")
  const folded = foldConstants(exportGraph(config), weights)
  const plain = toOnnx(folded.graph, { portable: true, constants: folded.constants })
  const model = convert[precision](plain)
  const metadata = {
    ...(labels && { labels: JSON.stringify(labels) }),
    preprocessing: JSON.stringify(preprocessing),
  }
  if (valueBytes(model) <= mostInline) return { chunks: encodeModelChunks(model, { metadata }) }
  const { model: outside, chunks } = withExternalData(model, `${file}_data`)
  return { chunks: encodeModelChunks(outside, { metadata }), external: chunks }
}

const convert: Readonly<Record<ExportPrecision, (model: OnnxModel) => OnnxModel>> = {
  float32: (model) => model,
  float16: toFloat16,
  int8: quantizeLinear,
}

/** The graph that is written, from images as PyTorch and transformers.js lay them out. */
function exportGraph(config: ModelConfig): ReturnType<typeof graph> {
  const found: Record<string, Tensor> = {}
  const tokens = config.classes === 0 && !isBiT(config)
  const scope = rootScope({ taps: tokens ? ["norm"] : [], onTap: (name, t) => void (found[name] = t) })
  const pixels = ops.input("pixel_values", ["batch", config.channels, ...config.imageSize])
  const result = imageModel(config).forward(scope, ops.transpose(pixels, [0, 2, 3, 1]))
  if (config.classes > 0) return graph({ outputs: { logits: result } })
  const { norm } = found
  return graph({ outputs: { ...(norm && { last_hidden_state: norm }), pooler_output: result } })
}
