import { type Parameter, type ViTConfig, vitParameters } from "@vitrine/core"
import { type StoredTensor, toFloat32 } from "./dtype.ts"
import { checkTensors } from "./tensors.ts"

/** Where each parameter of a model lies: the tensors of the file, by name, that are joined along their first axis. */
export type WeightSources = ReadonlyMap<string, readonly string[]>

/** The part of a file's header that names its tensors. */
interface TensorNames {
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[]
}

/** Hugging Face's names, but for the prefix of the model and the number of the block. */
const outside: Readonly<Record<string, string>> = {
  cls_token: "embeddings.cls_token",
  pos_embed: "embeddings.position_embeddings",
  "patch_embed.proj": "embeddings.patch_embeddings.projection",
  norm: "layernorm",
}
const inBlock: Readonly<Record<string, readonly string[]>> = {
  norm1: ["layernorm_before"],
  "attn.qkv": ["attention.attention.query", "attention.attention.key", "attention.attention.value"],
  "attn.proj": ["attention.output.dense"],
  norm2: ["layernorm_after"],
  "mlp.fc1": ["intermediate.dense"],
  "mlp.fc2": ["output.dense"],
}

/** The tensors of Hugging Face's ViT that make a parameter; `prefix` is "vit." or nothing. */
export function huggingFaceSources(parameter: string, prefix: string): readonly string[] {
  const [, path = parameter, field = ""] = /^(.*)(\.(?:weight|bias))$/.exec(parameter) ?? []
  if (path === "head") return [`classifier${field}`]
  const [, block, part = ""] = /^blocks\.(\d+)\.(.*)$/.exec(path) ?? []
  const names = block === undefined ? [outside[path]] : (inBlock[part] ?? [undefined])
  return names.map((name) => {
    if (name === undefined) throw new Error(`Hugging Face's ViT has no ${parameter}`)
    return block === undefined ? `${prefix}${name}${field}` : `${prefix}encoder.layer.${block}.${name}${field}`
  })
}

/** What a file may hold besides: they play no part in features and logits. */
const unused = /^(vit\.)?(pooler\.dense\.(weight|bias)|embeddings\.mask_token)$/

/**
 * Finds a model's parameters in a file of Hugging Face's and checks that it holds nothing else.
 * @throws VitrineError (file) that names missing, misshapen and unexpected tensors as the file does.
 */
export function findHuggingFace(header: TensorNames, config: ViTConfig, file: string): WeightSources {
  const prefix = config.classes > 0 || header.tensors.some(({ name }) => name.startsWith("vit.")) ? "vit." : ""
  const parameters = vitParameters(config)
  const sources = new Map(parameters.map(({ name }) => [name, huggingFaceSources(name, prefix)]))
  const expected = parameters.flatMap(({ name, shape }) => {
    const from = sources.get(name) as readonly string[]
    return from.map((source) => ({ name: source, shape: shape.with(0, (shape[0] as number) / from.length) }))
  })
  const tensors = header.tensors.filter(({ name }) => !unused.test(name))
  checkTensors({ tensors }, expected, file)
  return sources
}

/**
 * The same for a file with the names of Vitrine and timm: every parameter is one tensor.
 * @throws VitrineError (file)
 */
export function findTimm(header: TensorNames, config: ViTConfig, file: string): WeightSources {
  const parameters: readonly Parameter[] = vitParameters(config)
  checkTensors(header, parameters, file)
  return new Map(parameters.map(({ name }) => [name, [name]]))
}

/** The values of tensors one after the other, which joins them along their first axis; one alone may be a view. */
export function joinFloat32(parts: readonly StoredTensor[]): Float32Array {
  const values = parts.map(toFloat32)
  if (values.length === 1) return values[0] as Float32Array
  const all = new Float32Array(values.reduce((total, { length }) => total + length, 0))
  let at = 0
  for (const part of values) {
    all.set(part, at)
    at += part.length
  }
  return all
}
