import { patchGrid, type ViTConfig, vitParameters } from "@vitrine/core"
import { type BiTConfig, bitParameters } from "@vitrine/resnet"
import { imageModel, isBiT, type ModelConfig } from "./families.ts"
import { bitTarget } from "./huggingface-bit.ts"
import { checkTensors } from "./tensors.ts"
import type { ParameterSource, WeightSources } from "./weights.ts"

/** The part of a file's header that names its tensors. */
interface TensorNames {
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[]
}

/** A source with the shapes that its tensors must have. */
export interface ShapedSource extends ParameterSource {
  readonly shapes: readonly (readonly number[])[]
}

/** Hugging Face's names of what stands outside of the blocks, but for the prefix of the model. */
const outside: Readonly<Record<string, string>> = {
  cls_token: "embeddings.cls_token",
  dist_token: "embeddings.distillation_token",
  pos_embed: "embeddings.position_embeddings",
  "patch_embed.proj": "embeddings.patch_embeddings.projection",
  norm: "layernorm",
}

type BlockNames = Readonly<Record<string, readonly string[]>>

const queryKeyValue = ["attention.attention.query", "attention.attention.key", "attention.attention.value"]
const vitBlock: BlockNames = {
  norm1: ["layernorm_before"],
  "attn.qkv": queryKeyValue,
  "attn.proj": ["attention.output.dense"],
  norm2: ["layernorm_after"],
  "mlp.fc1": ["intermediate.dense"],
  "mlp.fc2": ["output.dense"],
}
const dinoBlock: BlockNames = {
  norm1: ["norm1"],
  "attn.qkv": queryKeyValue,
  "attn.proj": ["attention.output.dense"],
  "ls1.gamma": ["layer_scale1.lambda1"],
  norm2: ["norm2"],
  "mlp.fc1": ["mlp.fc1"],
  "mlp.fc2": ["mlp.fc2"],
  "ls2.gamma": ["layer_scale2.lambda1"],
}
const swigluBlock: BlockNames = { ...dinoBlock, "mlp.fc1": ["mlp.weights_in"], "mlp.fc2": ["mlp.weights_out"] }

/** What transformers 5 calls these while a model runs, as in the file of a bare `state_dict`. */
const inMemory = {
  "attn.qkv": ["attention.q_proj", "attention.k_proj", "attention.v_proj"],
  "attn.proj": ["attention.o_proj"],
}
const running = {
  vit: { ...vitBlock, ...inMemory, "mlp.fc1": ["mlp.fc1"], "mlp.fc2": ["mlp.fc2"] },
  dino: { ...dinoBlock, ...inMemory },
  swiglu: { ...dinoBlock, ...inMemory, "mlp.fc1": ["mlp.gate_proj", "mlp.up_proj"], "mlp.fc2": ["mlp.down_proj"] },
} satisfies Record<string, BlockNames>

interface Naming {
  /** Of the model: "vit.", or nothing for a bare model. */
  readonly prefix: string
  /** Of a block, before its number. */
  readonly blocks: string
  readonly block: BlockNames
}

/** The names under which transformers publishes a model. */
const published = ({ layerScale, gatedMlp }: ViTConfig, prefix: string): Naming => ({
  prefix,
  blocks: "encoder.layer",
  block: layerScale === null ? vitBlock : gatedMlp ? swigluBlock : dinoBlock,
})

/** The tensors that a parameter becomes in Hugging Face's files: equal parts of it, along the first axis. */
export function huggingFaceTargets(
  parameter: string,
  shape: readonly number[],
  config: ViTConfig,
  prefix: string,
): { readonly name: string; readonly shape: readonly number[] }[] {
  const { from, shapes } = huggingFaceSource(parameter, shape, config, published(config, prefix))
  return from.map((name, i) => ({ name, shape: shapes[i] as readonly number[] }))
}

function namingOf({ tensors }: TensorNames, config: ViTConfig, modelType: string): Naming {
  const { layerScale, gatedMlp } = config
  const prefix = tensors.some(({ name }) => name.startsWith("embeddings.")) ? "" : `${modelType}.`
  const naming = published(config, prefix)
  if (!tensors.some(({ name }) => name.includes(".attention.q_proj."))) return naming
  if (layerScale === null) return { prefix, blocks: "layers", block: running.vit }
  return { ...naming, block: gatedMlp ? running.swiglu : running.dino }
}

/** The tensors of Hugging Face's that make a parameter. */
function huggingFaceSource(
  parameter: string,
  shape: readonly number[],
  config: ViTConfig,
  { prefix, blocks, block }: Naming,
): ShapedSource {
  const { distillationToken, prefixPositions } = config
  if (!prefixPositions && (parameter === "cls_token" || parameter === "pos_embed"))
    return classPosition(parameter, config, `${prefix}${outside.cls_token}`, `${prefix}${outside.pos_embed}`)
  // DeiT's second token is a register where no head reads it.
  if (parameter === "reg_token")
    return {
      from: [`${prefix}embeddings.${prefixPositions ? "distillation_token" : "register_tokens"}`],
      shapes: [shape],
    }
  const [, path = parameter, field = ""] = /^(.*)(\.(?:weight|bias))$/.exec(parameter) ?? []
  if (path === "head") return { from: [`${distillationToken ? "cls_" : ""}classifier${field}`], shapes: [shape] }
  if (path === "head_dist") return { from: [`distillation_classifier${field}`], shapes: [shape] }
  const [, index, part = ""] = /^blocks\.(\d+)\.(.*)$/.exec(path) ?? []
  const names = index === undefined ? [outside[path]] : (block[part] ?? [undefined])
  const from = names.map((name) => {
    if (name === undefined) throw new Error(`Hugging Face's models have no ${parameter}`)
    return index === undefined ? `${prefix}${name}${field}` : `${prefix}${blocks}.${index}.${name}${field}`
  })
  return { from, shapes: from.map(() => shape.with(0, (shape[0] as number) / from.length)) }
}

/**
 * The class token and the positions of the patches, from DINOv2's table: it has a row for the class token, which is added
 * to that, whatever else stands before the patches.
 */
export function classPosition(
  parameter: "cls_token" | "pos_embed",
  config: ViTConfig,
  token: string,
  table: string,
): ShapedSource {
  const { dim } = config
  const [rows, columns] = patchGrid(config)
  const tableShape = [1, 1 + rows * columns, dim]
  if (parameter === "pos_embed")
    return { from: [table], shapes: [tableShape], make: ([all]) => (all as Float32Array).subarray(dim) }
  return {
    from: [token, table],
    shapes: [[1, 1, dim], tableShape],
    make: ([own, all]) => (own as Float32Array).map((value, i) => value + ((all as Float32Array)[i] as number)),
  }
}

/** What a file may hold besides: they play no part in features and logits. */
const unused = /^(\w+\.)?(pooler\.dense\.(weight|bias)|embeddings\.mask_token|decoder\.0\.(weight|bias))$/

/**
 * Finds a model's parameters in a file of Hugging Face's and checks that it holds nothing else.
 * @param modelType that of `config.json`; models without a head may have their names with and without it.
 * @throws VitrineError (file) that names missing, misshapen and unexpected tensors as the file does.
 */
export function huggingFaceSources(
  header: TensorNames,
  config: ModelConfig,
  modelType: string,
  file: string,
): WeightSources {
  const sources = new Map(isBiT(config) ? bitSources(header, config) : vitSources(header, config, modelType))
  checkTensors({ tensors: header.tensors.filter(({ name }) => !unused.test(name)) }, wanted(sources), file)
  return sources
}

function vitSources(header: TensorNames, config: ViTConfig, modelType: string): [string, ShapedSource][] {
  const naming = namingOf(header, config, modelType)
  return vitParameters(config).map(({ name, shape }) => [name, huggingFaceSource(name, shape, config, naming)])
}

function bitSources(header: TensorNames, config: BiTConfig): [string, ShapedSource][] {
  const prefix = header.tensors.some(({ name }) => name.startsWith("embedder.")) ? "" : "bit."
  return bitParameters(config).map((parameter) => {
    const { name, shape } = bitTarget(parameter, prefix)
    return [parameter.name, { from: [name], shapes: [shape] }]
  })
}

/** The tensors that sources are made of, each once. */
export function wanted(
  sources: Iterable<readonly [string, ShapedSource]>,
): { name: string; shape: readonly number[] }[] {
  const tensors = new Map<string, readonly number[]>()
  for (const [, { from, shapes }] of sources)
    for (const [i, name] of from.entries()) tensors.set(name, shapes[i] as readonly number[])
  return Array.from(tensors, ([name, shape]) => ({ name, shape }))
}

/**
 * The same for a file with the names of Vitrine and timm: every parameter is one tensor.
 * @throws VitrineError (file)
 */
export function timmSources(header: TensorNames, config: ModelConfig, file: string): WeightSources {
  const { parameters } = imageModel(config)
  checkTensors(header, parameters, file)
  return new Map(parameters.map(({ name }) => [name, { from: [name] }]))
}
