/** Weights under timm's names without a `config.json`: the model follows from names and shapes, as far as they tell. */
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

/** What others call what timm calls by another name: DeiT III's factors of LayerScale; DINOv2's registers and gated MLP. */
const aliases: readonly ((name: string) => string)[] = [
  (name) => name.replace(/\.ls([12])\.gamma$/, ".gamma_$1"),
  (name) => name.replace(/^reg_token$/, "register_tokens"),
  (name) => name.replace(".mlp.fc1.", ".mlp.w12.").replace(".mlp.fc2.", ".mlp.w3."),
]

/**
 * Takes weights for a Vision Transformer under timm's names. What shapes do not tell is as in the published models of
 * the same shapes, where these agree, unless it is told: the number of heads must be known in one way or the other; the
 * activation is GELU (SiLU in gated MLPs) and ε 10⁻⁶ for models that nobody published. A square grid is taken wherever
 * there can be one. Images are prepared as timm does by default for such models: DeiT's by ImageNet's mean and deviation,
 * others by 0.5. `notes` says what was taken for granted. A prefix that all names share, such as `module.`, and the names
 * of DeiT III and of DINOv2's own repository (https://github.com/facebookresearch/dinov2) are understood.
 * @throws VitrineError (file, config) for weights of another model, and for what cannot be known.
 */
export function readStateDict(
  { tensors }: Pick<Weights, "tensors">,
  file: string,
  hints: ModelHints,
): WeightsModel<ViTConfig> {
  const prefix = tensors.find(({ name }) => name.endsWith(marker))?.name.slice(0, -marker.length) ?? ""
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]))
  const nameInFile = (name: string): string => {
    const known = [name, ...aliases.map((alias) => alias(name))]
    return prefix + (known.find((each) => shapes.has(prefix + each)) ?? name)
  }
  // DINOv2 learns a token for masked patches, which plays no part in features.
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
    // DINOv2 with registers resizes its positions with antialias, the first one did not.
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
  const beside = has("head.weight") && size("head.weight", 2, 1) === 2 * dim
  const pool = has("attn_pool.latent")
    ? "map"
    : beside
      ? "token+average"
      : (hints.pool ?? (normAfterPool || !classToken ? "average" : "token"))
  const known = {
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
    prefix: prefixTokens(known),
    cell: [stride * patchSize[0], stride * patchSize[1]] as const,
  }
  // DINOv2's registers have no positions, but the class token has one.
  const folded = dinov2 && known.registers > 0
  const { imageSize, prefixPositions } = folded
    ? { ...gridOf({ ...grid, prefix: 1 }, hints.imageSize, file), prefixPositions: false }
    : gridOf(grid, hints.imageSize, file)
  const told = { ...known, imageSize, prefixPositions, classes: has("head.weight") ? size("head.weight", 2, 0) : 0 }

  const alike = published(told)
  const perHead = known.qkNorm ? size("blocks.0.attn.q_norm.weight", 1, 0) : undefined
  const heads = hints.heads ?? (perHead === undefined ? agreed("heads", alike) : dim / perHead)
  if (heads === undefined)
    throw configError(file, `the weights do not tell the number of heads${among("heads", alike)}: say it (--num-heads)`)
  const activation = hints.activation ?? agreed("activation", alike) ?? (gatedMlp ? "silu" : "gelu")
  const layerNormEpsilon = hints.layerNormEpsilon ?? agreed("layerNormEpsilon", alike) ?? 1e-6
  if (hints.activation === undefined && among("activation", alike) !== "")
    throw configError(file, `the weights do not tell the activation${among("activation", alike)}: say it (--act-layer)`)
  const fields: Partial<ViTConfig> = {
    ...told,
    heads,
    activation,
    layerNormEpsilon,
    poolPrefix: agreed("poolPrefix", alike) ?? false,
  }
  const config = inFile(file, () => vitConfig(fields))
  const name = alike.keys().next().value
  return {
    config,
    notes: [
      `has no config.json: taken for ${name ?? "a model"} with ${heads} heads, ${activation} and ε = ${layerNormEpsilon}, at ${imageSize.join("×")}, its images for timm's usual ones`,
    ],
  }
}

/** The ResNet before the patches, with the ε of timm's. */
function stemOf(find: Find, groups: number | undefined, file: string): StemConfig | null {
  const within = "patch_embed.backbone"
  const [width] = find(`${within}.stem.conv.weight`) ?? find(`${within}.conv.weight`) ?? []
  if (width === undefined) return null
  const depths: number[] = []
  const has = (stage: number, block: number): boolean =>
    find(`${within}.stages.${stage}.blocks.${block}.conv1.weight`) !== undefined
  for (let stage = 0; has(stage, 0); stage++) {
    let depth = 1
    while (has(stage, depth)) depth++
    depths.push(depth)
  }
  return { width, depths, groups: groupsOf(groups, [width], file), numerics: "timm" }
}

/** The image size that the table of positions is for, and whether the tokens before the patches have positions in it. */
function gridOf(
  { rows, prefix, cell }: { rows: number | undefined; prefix: number; cell: readonly [number, number] },
  imageSize: ModelHints["imageSize"],
  file: string,
): Pick<ViTConfig, "imageSize" | "prefixPositions"> {
  if (rows === undefined) return { imageSize: imageSize ?? [224, 224], prefixPositions: true }
  const asked = imageSize && Math.ceil(imageSize[0] / cell[0]) * Math.ceil(imageSize[1] / cell[1])
  const places = [true, false].map((prefixPositions) => {
    const patches = rows - (prefixPositions ? prefix : 0)
    const side = Math.sqrt(patches)
    const square = patches > 0 && Number.isInteger(side)
    const size = square ? ([side * cell[0], side * cell[1]] as const) : imageSize
    return { prefixPositions, patches, square, size }
  })
  const ambiguous = prefix > 0 && places.every(({ square }) => square)
  const { size, prefixPositions } =
    places.find(({ patches, square }) => patches === asked || (square && !ambiguous)) ?? {}
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

/** timm's models of the same parameters, but for the head and the grid. */
function published(told: Partial<ViTConfig>): ReadonlyMap<string, ViTConfig> {
  const found = new Map<string, ViTConfig>()
  for (const [name, args] of architectures) {
    if (args.embed_dim !== told.dim || args.depth !== told.depth) continue
    const config = timm.read({ architecture: name, model_args: {}, pretrained: {}, at: "" }, name)
    const same =
      compared.every((field) => JSON.stringify(config[field]) === JSON.stringify(told[field])) &&
      (config.layerScale === null) === (told.layerScale === null) &&
      (prefixTokens(config) === 0 || config.prefixPositions === told.prefixPositions)
    if (same) found.set(name, config)
  }
  return found
}

type Untold = "heads" | "activation" | "layerNormEpsilon" | "poolPrefix"

/** What all of them have; undefined where they differ, or there are none. */
function agreed<K extends Untold>(field: K, models: ReadonlyMap<string, ViTConfig>): ViTConfig[K] | undefined {
  const [first, ...others] = new Set(Array.from(models.values(), (config) => config[field]))
  return others.length === 0 ? first : undefined
}

/** How they differ, as a message has it. */
function among(field: Untold, models: ReadonlyMap<string, ViTConfig>): string {
  const byValue = new Map(Array.from(models, ([name, config]) => [config[field], name]))
  if (byValue.size < 2) return ""
  return ` (${Array.from(byValue, ([value, name]) => `${value} in ${name}`).join(", ")})`
}
