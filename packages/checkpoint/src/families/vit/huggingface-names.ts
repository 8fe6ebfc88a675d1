/** The names of a Vision Transformer's tensors in transformers. */
import { type ViTConfig, vitParameters } from "@vitrine/core"
import { type ShapedSource, sourceTensors, type TensorNames } from "../../sources.ts"
import { classPosition } from "./class-position.ts"

/** Names outside the blocks, without the model's prefix. */
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

/** The names of transformers 5 in memory. The file of a bare `state_dict` has them. */
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
  /** The prefix of the model's names: "vit.", or "" for a bare model. */
  readonly prefix: string
  /** The prefix of a block's names, before its number. */
  readonly blocks: string
  readonly block: BlockNames
}

/** The names with which transformers publishes a model. */
const published = ({ layerScale, gatedMlp }: ViTConfig, prefix: string): Naming => ({
  prefix,
  blocks: "encoder.layer",
  block: layerScale === null ? vitBlock : gatedMlp ? swigluBlock : dinoBlock,
})

/** The tensors of a file for a parameter: equal parts of it along the first axis. */
export function huggingFaceTargets(
  parameter: string,
  shape: readonly number[],
  config: ViTConfig,
  prefix: string,
): { readonly name: string; readonly shape: readonly number[] }[] {
  return sourceTensors([[parameter, huggingFaceSource(parameter, shape, config, published(config, prefix))]])
}

function namingOf({ tensors }: TensorNames, config: ViTConfig, modelType: string): Naming {
  const { layerScale, gatedMlp } = config
  const prefix = tensors.some(({ name }) => name.startsWith("embeddings."))
    ? ""
    : `${modelType === "vit_mae" ? "vit" : modelType}.`
  const naming = published(config, prefix)
  if (!tensors.some(({ name }) => name.includes(".attention.q_proj."))) return naming
  if (layerScale === null) return { prefix, blocks: "layers", block: running.vit }
  return { ...naming, block: gatedMlp ? running.swiglu : running.dino }
}

/** The tensors of a file for a parameter. */
function huggingFaceSource(
  parameter: string,
  shape: readonly number[],
  config: ViTConfig,
  { prefix, blocks, block }: Naming,
): ShapedSource {
  const { distillationToken, prefixPositions } = config
  if (!prefixPositions && (parameter === "cls_token" || parameter === "pos_embed"))
    return classPosition(parameter, config, `${prefix}${outside.cls_token}`, `${prefix}${outside.pos_embed}`)
  // DeiT's second token is a register if no head reads it.
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
  const [rows = 1, ...others] = shape
  return { from, shapes: from.map(() => [rows / from.length, ...others]) }
}

/** The tensors of a file for each parameter. */
export function vitSources(header: TensorNames, config: ViTConfig, modelType: string): [string, ShapedSource][] {
  const naming = namingOf(header, config, modelType)
  return vitParameters(config).map(({ name, shape }) => [name, huggingFaceSource(name, shape, config, naming)])
}
