/** Weights under timm's names without a `config.json`. The model follows from names and shapes. */
import {
  firstConvolution,
  type Parameter,
  prefixTokens,
  type StemConfig,
  stemStride,
  type ViTConfig,
  vitConfig,
  vitParameters,
} from "@vitrine/core"
import type { ModelHints, WeightsModel } from "../../description.ts"
import { configError, fileError, inFile, shown } from "../../errors.ts"
import { groupsOf } from "../../groups.ts"
import { imageNetMean, imageNetStd } from "../../preprocessing.ts"
import { type ShapedSource, sizeAt, sourceTensors } from "../../sources.ts"
import { checkTensors } from "../../tensors.ts"
import type { Weights } from "../../weights.ts"
import { architectures } from "./architectures.ts"
import { classPosition } from "./class-position.ts"
import { timm } from "./timm.ts"

const marker = "patch_embed.proj.weight"

/** Other names than timm's: of DeiT III's factors of LayerScale, and of DINOv2's registers and gated MLP. */
const aliases: readonly ((name: string) => string)[] = [
  (name) => name.replace(/\.ls([12])\.gamma$/, ".gamma_$1"),
  (name) => name.replace(/^reg_token$/, "register_tokens"),
  (name) => name.replace(".mlp.fc1.", ".mlp.w12.").replace(".mlp.fc2.", ".mlp.w3."),
]

/**
 * Reads weights as a Vision Transformer under timm's names. Names may share a prefix, such as `module.`, and may be those of
 * DeiT III or of DINOv2's repository (https://github.com/facebookresearch/dinov2).
 *
 * Fields that shapes do not tell come from `hints`, or else from the published models of the same shapes if these agree:
 * - The number of heads must come from one of the two.
 * - Without either, the activation is GELU, or SiLU in gated MLPs, and ε is 10⁻⁶.
 * - The grid of patches is a square wherever it can be one.
 *
 * Images are prepared as timm does by default: those of DeiT and DINOv2 with ImageNet's mean and deviation, others with 0.5.
 * `notes` says what was assumed.
 * @throws VitrineError (file, config) for weights of another model, and for fields that nothing tells.
 */
export function readStateDict(
  { tensors }: Pick<Weights, "tensors">,
  file: string,
  hints: ModelHints,
): WeightsModel<ViTConfig> {
  const prefix = tensors.find(({ name }) => name.endsWith(marker))?.name.slice(0, -marker.length) ?? ""
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]))
  const nameInFile = (name: string): string => {
    const names = [name, ...aliases.map((alias) => alias(name))]
    return prefix + (names.find((each) => shapes.has(prefix + each)) ?? name)
  }
  // DINOv2 learns a token for masked patches. Features do not depend on it.
  const unused = `${prefix}mask_token`
  const dinov2 = shapes.has(unused) || shapes.has(`${prefix}register_tokens`)
  const { config, notes } = configOf((name) => shapes.get(nameInFile(name)), nameInFile, file, hints, dinov2)
  const source = ({ name, shape }: Parameter): ShapedSource =>
    dinov2 && !config.prefixPositions && (name === "cls_token" || name === "pos_embed")
      ? classPosition(name, config, nameInFile("cls_token"), nameInFile("pos_embed"))
      : { from: [nameInFile(name)], shapes: [shape] }
  const sources = new Map(vitParameters(config).map((parameter) => [parameter.name, source(parameter)]))
  checkTensors({ tensors: tensors.filter(({ name }) => name !== unused) }, sourceTensors(sources), file)
  const { channels, imageSize, distillationToken } = config
  const [mean, std] =
    (distillationToken || dinov2) && channels === 3
      ? [imageNetMean, imageNetStd]
      : [Array.from({ length: channels }, () => 0.5), Array.from({ length: channels }, () => 0.5)]
  return {
    config,
    preprocessing: {
      size: imageSize,
      interpolation: "bicubic",
      cropPct: dinov2 ? 0.875 : 0.9,
      cropMode: "center",
      mean,
      std,
    },
    labels: null,
    // DINOv2 resizes its positions with antialias only if it has registers.
    positionMethod: dinov2 && config.registers === 0 ? "huggingface" : "timm",
    notes,
    sources,
  }
}

type Find = (name: string) => readonly number[] | undefined

function configOf(
  find: Find,
  nameInFile: (name: string) => string,
  file: string,
  hints: ModelHints,
  dinov2: boolean,
): { readonly config: ViTConfig; readonly notes: readonly string[] } {
  const has = (name: string): boolean => find(name) !== undefined
  /** A size along an axis of a tensor that must be there. */
  const size = (name: string, rank: number, axis: number): number => {
    const shape = find(name)
    if (shape === undefined)
      throw fileError(file, `holds no Vision Transformer under timm's names: ${shown(nameInFile(name))} is missing`)
    if (shape.length !== rank)
      throw fileError(file, `tensor ${shown(nameInFile(name))} is [${shape.join(", ")}]; expected ${rank} sizes`)
    return sizeAt(shape, axis)
  }
  const dim = size(marker, 4, 0)
  const patchSize = [size(marker, 4, 2), size(marker, 4, 3)] as const
  const stem = stemOf(find, hints.groups, file)
  let depth = 0
  while (has(`blocks.${depth}.norm1.weight`)) depth++
  const mlpDim = size("blocks.0.mlp.fc2.weight", 2, 1)
  const gatedMlp = size("blocks.0.mlp.fc1.weight", 2, 0) === 2 * mlpDim
  const classToken = has("cls_token")
  const normAfterPool = has("fc_norm.weight")
  const wideHead = has("head.weight") && size("head.weight", 2, 1) === 2 * dim
  const pool = has("attn_pool.latent")
    ? "map"
    : wideHead
      ? "token+average"
      : (hints.pool ?? (normAfterPool || !classToken ? "average" : "token"))
  const structure = {
    patchSize,
    stem,
    channels: size(stem === null ? marker : `${firstConvolution({ stem })}.weight`, 4, 1),
    dim,
    depth,
    mlpDim,
    gatedMlp,
    classToken,
    distillationToken: has("dist_token"),
    registers: has("reg_token") ? size("reg_token", 3, 1) : 0,
    pool,
    finalNorm: normAfterPool || has("norm.weight"),
    normAfterPool,
    positions: has("pos_embed") ? "learned" : "none",
    embeddingNorm: has("norm_pre.weight"),
    qkvBias: has("blocks.0.attn.qkv.bias"),
    projBias: has("blocks.0.attn.proj.bias"),
    qkNorm: has("blocks.0.attn.q_norm.weight"),
    layerScale: has("blocks.0.ls1.gamma") ? 1e-5 : null,
  } as const
  const stride = stem === null ? 1 : stemStride(stem)
  const grid = {
    rows: has("pos_embed") ? size("pos_embed", 3, 1) : undefined,
    prefix: prefixTokens(structure),
    cell: [stride * patchSize[0], stride * patchSize[1]] as const,
  }
  // DINOv2's registers have no positions, but the class token has one.
  const { imageSize, prefixPositions } =
    dinov2 && structure.registers > 0
      ? { ...gridOf({ ...grid, prefix: 1 }, hints.imageSize, file), prefixPositions: false }
      : gridOf(grid, hints.imageSize, file)
  const classes = has("head.weight") ? size("head.weight", 2, 0) : 0
  const shaped = { ...structure, imageSize, prefixPositions, classes }
  const models = publishedModels(shaped)
  const perHead = structure.qkNorm ? size("blocks.0.attn.q_norm.weight", 1, 0) : undefined
  const heads = hints.heads ?? (perHead === undefined ? commonValue("heads", models) : dim / perHead)
  if (heads === undefined)
    throw configError(
      file,
      `the weights do not tell the number of heads${differences("heads", models)}: say it (--num-heads)`,
    )
  const activation = hints.activation ?? commonValue("activation", models) ?? (gatedMlp ? "silu" : "gelu")
  const layerNormEpsilon = hints.layerNormEpsilon ?? commonValue("layerNormEpsilon", models) ?? 1e-6
  if (hints.activation === undefined && differences("activation", models) !== "")
    throw configError(
      file,
      `the weights do not tell the activation${differences("activation", models)}: say it (--act-layer)`,
    )
  const fields: Partial<ViTConfig> = {
    ...shaped,
    heads,
    activation,
    layerNormEpsilon,
    poolPrefix: commonValue("poolPrefix", models) ?? false,
  }
  const config = inFile(file, () => vitConfig(fields))
  const [name = "a model"] = models.keys()
  return {
    config,
    notes: [
      `has no config.json: taken for ${name} with ${heads} heads, ${activation} and ε = ${layerNormEpsilon}, at ${imageSize.join("×")}, its images for timm's usual ones`,
    ],
  }
}

/** The ResNet before the patches, with timm's ε; null for none. */
function stemOf(find: Find, groups: number | undefined, file: string): StemConfig | null {
  const backbone = "patch_embed.backbone"
  const [width] = find(`${backbone}.stem.conv.weight`) ?? find(`${backbone}.conv.weight`) ?? []
  if (width === undefined) return null
  const depths: number[] = []
  const has = (stage: number, block: number): boolean =>
    find(`${backbone}.stages.${stage}.blocks.${block}.conv1.weight`) !== undefined
  for (let stage = 0; has(stage, 0); stage++) {
    let depth = 1
    while (has(stage, depth)) depth++
    depths.push(depth)
  }
  return { width, depths, groups: groupsOf(groups, [width], file), numerics: "timm" }
}

/** The image size of a table of positions, and whether the tokens before the patches have positions in it. */
function gridOf(
  { rows, prefix, cell }: { rows: number | undefined; prefix: number; cell: readonly [number, number] },
  imageSize: ModelHints["imageSize"],
  file: string,
): Pick<ViTConfig, "imageSize" | "prefixPositions"> {
  if (rows === undefined) return { imageSize: imageSize ?? [224, 224], prefixPositions: true }
  const hinted = imageSize && Math.ceil(imageSize[0] / cell[0]) * Math.ceil(imageSize[1] / cell[1])
  const places = [true, false].map((prefixPositions) => {
    const patches = rows - (prefixPositions ? prefix : 0)
    const side = Math.sqrt(patches)
    const square = patches > 0 && Number.isInteger(side)
    const size = square ? ([side * cell[0], side * cell[1]] as const) : imageSize
    return { prefixPositions, patches, square, size }
  })
  const ambiguous = prefix > 0 && places.every(({ square }) => square)
  const { size, prefixPositions } =
    places.find(({ patches, square }) => patches === hinted || (square && !ambiguous)) ?? {}
  if (size !== undefined && prefixPositions !== undefined) return { imageSize: size, prefixPositions }
  throw configError(
    file,
    `has ${rows} positions, which ${ambiguous ? "can be squares of patches in two ways" : "are no square of patches"}: say for which image size they are (--image-size HxW)`,
  )
}

const compared = [
  "patchSize",
  "stem",
  "dim",
  "depth",
  "mlpDim",
  "gatedMlp",
  "classToken",
  "distillationToken",
  "registers",
  "pool",
  "finalNorm",
  "normAfterPool",
  "positions",
  "embeddingNorm",
  "qkvBias",
  "projBias",
  "qkNorm",
] as const

/** timm's models with the same parameters, but for those of the head and the positions. */
function publishedModels(shaped: Partial<ViTConfig>): ReadonlyMap<string, ViTConfig> {
  const models = new Map<string, ViTConfig>()
  for (const [name, args] of architectures) {
    if (args.embed_dim !== shaped.dim || args.depth !== shaped.depth) continue
    const config = timm.read({ architecture: name, model_args: {}, pretrained: {}, at: "" }, name)
    const same =
      compared.every((field) => JSON.stringify(config[field]) === JSON.stringify(shaped[field])) &&
      (config.layerScale === null) === (shaped.layerScale === null) &&
      (prefixTokens(config) === 0 || config.prefixPositions === shaped.prefixPositions)
    if (same) models.set(name, config)
  }
  return models
}

/** Fields that no shape tells. */
type UntoldField = "heads" | "activation" | "layerNormEpsilon" | "poolPrefix"

/** The value that all models have; undefined if they differ, or if there are none. */
function commonValue<K extends UntoldField>(
  field: K,
  models: ReadonlyMap<string, ViTConfig>,
): ViTConfig[K] | undefined {
  const [first, ...others] = new Set(Array.from(models.values(), (config) => config[field]))
  return others.length === 0 ? first : undefined
}

/** The models' different values in words; empty if they agree. */
function differences(field: UntoldField, models: ReadonlyMap<string, ViTConfig>): string {
  const byValue = new Map(Array.from(models, ([name, config]) => [config[field], name]))
  if (byValue.size < 2) return ""
  return ` (${Array.from(byValue, ([value, name]) => `${value} in ${name}`).join(", ")})`
}
