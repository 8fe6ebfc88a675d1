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
  attentionOf,
  familyOf,
  huggingFaceTensors,
  imageModel,
  type ModelConfig,
  type StoredTensor,
  toHuggingFace,
  toTimm,
  writeSafetensors,
} from "@vitrine/checkpoint"
import { type Graph, graph, ops, rootScope, type Tensor, VitrineError } from "@vitrine/core"
import { float16Bits } from "@vitrine/core/backend"
import { type ExportedFiles, type ExportFormat, type ExportPrecision, precisionsOf } from "../../export.ts"
import { nonFinite } from "../../finite.ts"
import { foldConstants } from "../../fold.ts"
import type { WholeModel } from "./whole-model.ts"

/**
 * A model as a folder that other libraries can load:
 * - `timm`: `timm.create_model("local-dir:FOLDER")`; `config.json`, `model.safetensors`.
 * - `hf`: `AutoModelForImageClassification.from_pretrained(FOLDER)` of transformers; also `preprocessor_config.json`.
 * - `onnx`: onnxruntime, and transformers.js through `env.localModelPath`; `onnx/model.onnx` with the same JSON files.
 * @throws VitrineError (config) for a model that these libraries do not have, or that float16 cannot hold
 */
export async function exportFiles(model: WholeModel, { to, precision }: ExportFormat): Promise<ExportedFiles> {
  const [dtype = "float32", ...others] = precisionsOf({ precision })
  const exported = await filesOf(model, to, [dtype, ...others])
  return { ...exported, notes: [...nonFinite(model.weights), ...exported.notes] }
}

async function filesOf(
  model: WholeModel,
  to: ExportFormat["to"],
  [dtype, ...others]: readonly [ExportPrecision, ...ExportPrecision[]],
): Promise<ExportedFiles> {
  if (to === "onnx") return onnxFiles(model, [dtype, ...others])
  if (others.length > 0 || dtype === "int8")
    throw new VitrineError(
      "config",
      `to ${to} a model is exported in float32 or in float16, not in ${[dtype, ...others].join(", ")}`,
    )
  const stored = (name: string, shape: readonly number[], data: Float32Array): readonly [string, StoredTensor] => [
    name,
    dtype === "float16" ? { dtype: "F16", shape, data: float16Bits(data, name) } : { dtype: "F32", shape, data },
  ]
  if (to === "timm") {
    const { config, notes } = await toTimm(model)
    const tensors = imageModel(model.config).parameters.map(({ name, shape }) =>
      stored(name, shape, model.weights[name] as Float32Array),
    )
    return { files: folder(tensors, { "config.json": config }), notes }
  }
  const tensors = await huggingFaceTensors(model.config, model.weights)
  const { config, preprocessor, notes } = await toHuggingFace(model)
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
  // transformers refuses a file without the entry "format".
  return new Map([...jsonFiles(json), ["model.safetensors", writeSafetensors(tensors, { format: "pt" })]])
}

function jsonFiles(json: Readonly<Record<string, object>>): [path: string, chunks: readonly Uint8Array[]][] {
  return Object.entries(json).map(([path, value]) => [path, [encode(`${JSON.stringify(value, null, 2)}\n`)]])
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The names and suffixes of transformers.js. */
const variants: Readonly<Record<ExportPrecision, { readonly dtype: string; readonly file: string }>> = {
  float32: { dtype: "fp32", file: "model.onnx" },
  float16: { dtype: "fp16", file: "model_fp16.onnx" },
  int8: { dtype: "q8", file: "model_quantized.onnx" },
}

async function onnxFiles(
  model: WholeModel,
  precision: readonly [ExportPrecision, ...ExportPrecision[]],
): Promise<ExportedFiles> {
  const files = new Map<string, readonly Uint8Array[]>()
  const externalData: Record<string, number> = {}
  for (const each of precision) {
    const { file } = variants[each]
    const { chunks, external } = encodeOnnx(model, each, file)
    files.set(`onnx/${file}`, chunks)
    if (external === undefined) continue
    files.set(`onnx/${file}_data`, external)
    externalData[file] = 1
  }
  const { config, preprocessor, notes } = await toHuggingFace(model)
  const transformersJs = {
    dtype: variants[precision[0]].dtype,
    ...(Object.keys(externalData).length > 0 && { use_external_data_format: externalData }),
  }
  const json = {
    "config.json": { ...config, "transformers.js_config": transformersJs },
    "preprocessor_config.json": preprocessor,
  }
  return { files: new Map([...jsonFiles(json), ...files]), notes }
}

/**
 * A model as one ONNX file, in pieces, with an open batch. Its input is `pixel_values` `[batch, channels, height,
 * width]`.
 * - A model with classes outputs `logits` `[batch, classes]`.
 * - A model without classes outputs `pooler_output` `[batch, width]`. If it has tokens and its last norm stands before
 *   the pooling, it also outputs `last_hidden_state` `[batch, tokens, dim]`.
 *
 * The labels and the preprocessing are in `metadata_props`.
 * @throws VitrineError (config) for weights that float16 cannot hold, or of more than 2 GiB, and for a ResNet in int8
 */
export function onnxFile(model: WholeModel, precision: ExportPrecision = "float32"): readonly Uint8Array[] {
  const { chunks, external } = encodeOnnx(model, precision, variants[precision].file)
  if (external !== undefined)
    throw new VitrineError("config", "weights of more than 2 GiB do not fit into one ONNX file: export to a folder")
  return chunks
}

function encodeOnnx(
  { config, weights, labels, preprocessing, problemType }: WholeModel,
  precision: ExportPrecision,
  file: string,
): { readonly chunks: readonly Uint8Array[]; readonly external?: readonly Uint8Array[] } {
  const { int8, label } = familyOf(config)
  if (precision === "int8" && !int8)
    throw new VitrineError(
      "config",
      `int8 is for the linear layers of Vision Transformers: export a ${label} in float16`,
    )
  const [fault] = precision === "int8" ? nonFinite(weights) : []
  if (fault !== undefined)
    throw new VitrineError("config", `int8 has no NaN and no Inf, and ${fault.replace(", which the export keeps", "")}`)
  const folded = foldConstants(exportGraph(config), weights)
  const plain = toOnnx(folded.graph, { portable: true, constants: folded.constants })
  const model = convert[precision](plain)
  const metadata = {
    ...(labels && { labels: JSON.stringify(labels) }),
    ...(problemType && { problem_type: problemType }),
    preprocessing: JSON.stringify(preprocessing),
  }
  if (valueBytes(model) <= mostInline) return { chunks: encodeModelChunks(model, { metadata }) }
  const { model: linked, chunks: external } = withExternalData(model, `${file}_data`)
  return { chunks: encodeModelChunks(linked, { metadata }), external }
}

const convert: Readonly<Record<ExportPrecision, (model: OnnxModel) => OnnxModel>> = {
  float32: (model) => model,
  float16: toFloat16,
  int8: quantizeLinear,
}

/** The graph of the file. Its images have the layout of PyTorch and transformers.js. */
function exportGraph(config: ModelConfig): Graph {
  const taps: Record<string, Tensor> = {}
  const tokens = config.classes === 0 && attentionOf(config) !== null
  const scope = rootScope({ taps: tokens ? ["norm"] : [], onTap: (name, t) => void (taps[name] = t) })
  const pixels = ops.input("pixel_values", ["batch", config.channels, ...config.imageSize])
  const result = imageModel(config).forward(scope, ops.transpose(pixels, [0, 2, 3, 1]))
  if (config.classes > 0) return graph({ outputs: { logits: result } })
  const { norm } = taps
  return graph({ outputs: { ...(norm && { last_hidden_state: norm }), pooler_output: result } })
}
