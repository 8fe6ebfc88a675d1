/**
 * Finds timm's models by the names and shapes of tensors. Some kinds of models share all names. Then the weights alone
 * do not determine the model.
 */
import { prefixTokens, type ViTConfig } from "@vitrine/core"
import { architectures } from "./architectures.ts"
import { timm } from "./timm.ts"

/** The facts of a model that follow from the names of tensors, whatever its size. */
export interface Structure
  extends Pick<
    ViTConfig,
    | "blockKind"
    | "gatedMlp"
    | "classToken"
    | "distillationToken"
    | "pool"
    | "finalNorm"
    | "normAfterPool"
    | "positions"
    | "prefixPositions"
    | "norm"
    | "patchNorm"
    | "postNorm"
    | "attentionNorm"
    | "mlpNorm"
    | "splitGate"
    | "embeddingNorm"
    | "qkvBias"
    | "projBias"
    | "qkNorm"
  > {
  readonly stem: boolean
  readonly registers: boolean
  readonly layerScale: boolean
}

/** The sizes by which timm's models with the same names differ. */
export type Sizes = Pick<ViTConfig, "patchSize" | "stem" | "dim" | "depth" | "mlpDim" | "registers">

type StructureFields = Omit<Structure, "stem" | "registers" | "layerScale"> &
  Pick<ViTConfig, "stem" | "registers" | "layerScale">

export function structureOf(config: StructureFields): Structure {
  const { blockKind, gatedMlp, classToken, distillationToken, pool, finalNorm, normAfterPool } = config
  const { positions, embeddingNorm, qkvBias, projBias, qkNorm, stem, registers, layerScale } = config
  const { norm, patchNorm, postNorm, attentionNorm, mlpNorm, splitGate } = config
  return {
    blockKind,
    gatedMlp,
    classToken,
    distillationToken,
    pool,
    finalNorm,
    normAfterPool,
    positions,
    // If there are no tokens before the patches, both values describe the same model.
    prefixPositions: config.prefixPositions || prefixTokens(config) === 0,
    norm,
    patchNorm,
    postNorm,
    attentionNorm,
    mlpNorm,
    splitGate,
    embeddingNorm,
    qkvBias,
    projBias,
    qkNorm,
    stem: stem !== null,
    registers: registers > 0,
    layerScale: layerScale !== null,
  }
}

/** The configuration of the timm model with this name. */
export function publishedModel(name: string): ViTConfig {
  return timm.read({ architecture: name, model_args: {}, pretrained: {}, at: "" }, name)
}

let all: ReadonlyMap<string, { readonly config: ViTConfig; readonly structure: string }> | undefined

/**
 * timm's models with the same tensor names, of any size. If there are none, a class token's head may also read an
 * average, or features without a norm.
 */
export function sameNames(structure: Structure): ReadonlyMap<string, ViTConfig> {
  const same = modelsOf(structure)
  if (same.size > 0 || !structure.classToken) return same
  return modelsOf({ ...structure, pool: "token", finalNorm: true, normAfterPool: false })
}

function modelsOf(structure: Structure): ReadonlyMap<string, ViTConfig> {
  all ??= new Map(
    Array.from(architectures.keys(), (name) => {
      const config = publishedModel(name)
      return [name, { config, structure: JSON.stringify(structureOf(config)) }]
    }),
  )
  const text = JSON.stringify(structure)
  const models = [...all].filter(([, each]) => each.structure === text)
  return new Map(models.map(([name, { config }]) => [name, config]))
}

/** The models that have these sizes. */
export function sameSizes(models: ReadonlyMap<string, ViTConfig>, sizes: Sizes): ReadonlyMap<string, ViTConfig> {
  const text = ({ patchSize, stem, dim, depth, mlpDim, registers }: Sizes): string =>
    JSON.stringify([patchSize, stem, dim, depth, mlpDim, registers])
  return new Map([...models].filter(([, config]) => text(config) === text(sizes)))
}

/** A kind of timm models whose names of tensors plain Vision Transformers also have. */
interface OtherKind {
  /** The name of one of these models. */
  readonly name: string
  readonly has: string
  readonly structure: Partial<Structure>
}

/** None of these has a tensor that distinguishes it from a plain Vision Transformer. */
const otherKinds: readonly OtherKind[] = [
  { name: "vit_base_patch16_rope_224", has: "rotary positions", structure: { positions: "none" } },
  {
    name: "vit_pe_core_base_patch16_224",
    has: "rotary positions",
    structure: { embeddingNorm: true, pool: "map" },
  },
  {
    name: "vit_pe_spatial_base_patch16_512",
    has: "rotary positions",
    structure: { embeddingNorm: true, finalNorm: false },
  },
  {
    name: "vit_base_patch16_rpn_224",
    has: "norms behind its layers",
    structure: { classToken: false, normAfterPool: true, qkvBias: false, layerScale: false, registers: false },
  },
]

/** The kind of models, other than plain Vision Transformers, whose tensors have the same names; or undefined. */
export function otherKind(structure: Structure): Omit<OtherKind, "structure"> | undefined {
  if (structure.blockKind !== "sequential") return undefined
  const values = new Map<string, unknown>(Object.entries(structure))
  return otherKinds.find((kind) =>
    Object.entries(kind.structure).every(([field, value]) => values.get(field) === value),
  )
}
