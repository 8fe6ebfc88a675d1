import { VitrineError } from "@vitrine/core"
import { type TransformerConfig, transformerConfig } from "./config.ts"
import { transformerParameters } from "./parameters.ts"

/** The fields of a configuration that a state dict does not determine. `heads` has no default. */
export type TorchHints = Pick<TransformerConfig, "heads"> &
  Partial<Pick<TransformerConfig, "activation" | "normFirst" | "dropout" | "layerNormEpsilon">>

/** A Transformer whose parameters have torch's names. */
export interface TorchTransformer {
  readonly config: TransformerConfig
  /** The name in the state dict of every parameter. */
  readonly names: ReadonlyMap<string, string>
}

const marker = "encoder.layers.0.self_attn.in_proj_weight"

/**
 * Derives the configuration of a `torch.nn.Transformer` from the names and shapes of its state dict. Names may have the
 * prefix of a larger module, such as `transformer.`. Tensors without this prefix are ignored.
 * @throws VitrineError (file) for a tensor that is missing, has another shape, or belongs to no layer
 */
export function readTorchTransformer(
  shapes: ReadonlyMap<string, readonly number[]>,
  hints: TorchHints,
): TorchTransformer {
  const fail = (message: string): never => {
    throw new VitrineError("file", message)
  }
  const first = [...shapes.keys()].find((name) => name === marker || name.endsWith(`.${marker}`))
  if (first === undefined) return fail(`holds no torch.nn.Transformer: no tensor is named ${marker}`)
  const prefix = first.slice(0, -marker.length)
  const has = (name: string): boolean => shapes.has(prefix + name)
  const depth = (side: string): number => {
    let layers = 0
    while (has(`${side}.layers.${layers}.self_attn.in_proj_weight`)) layers++
    return layers
  }
  const config = transformerConfig({
    ...hints,
    dim: shapes.get(first)?.[1] ?? 0,
    encoderDepth: depth("encoder"),
    decoderDepth: depth("decoder"),
    mlpDim: shapes.get(`${prefix}encoder.layers.0.linear1.weight`)?.[0] ?? 0,
    finalNorms: has("encoder.norm.weight"),
    bias: has("encoder.layers.0.self_attn.in_proj_bias"),
  })
  const names = new Map<string, string>()
  for (const { name, shape } of transformerParameters(config)) {
    const stored = shapes.get(prefix + name)
    if (stored === undefined) return fail(`tensor ${prefix}${name} is missing`)
    if (stored.join() !== shape.join()) return fail(`tensor ${prefix}${name} is [${stored}], expected [${shape}]`)
    names.set(name, prefix + name)
  }
  const stranger = [...shapes.keys()].find(
    (name) =>
      /^(encoder|decoder)\./.test(name.slice(prefix.length)) &&
      name.startsWith(prefix) &&
      !names.has(name.slice(prefix.length)),
  )
  if (stranger !== undefined)
    return fail(`tensor ${stranger} belongs to no layer of the Transformer that the others make`)
  return { config, names }
}
