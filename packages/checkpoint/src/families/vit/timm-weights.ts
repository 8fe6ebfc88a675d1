/** Weights with timm's names without a `config.json`. The model follows from names and shapes. */
import {
  blockKinds,
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
import { timmArchitecture } from "../../timm-names.ts"
import type { Weights } from "../../weights.ts"
import { assumptions } from "./assumptions.ts"
import { classPosition } from "./class-position.ts"
import { isEvaWeights, readEvaWeights } from "./eva-weights.ts"
import { otherKind, publishedModel, sameNames, sameSizes, type Structure, structureOf } from "./published.ts"

const marker = "patch_embed.proj.weight"

/** The names of a block's layers, by the kind of block. */
const layerNames = {
  sequential: {
    norm: "norm1",
    qkv: "attn.qkv",
    queryNorm: "attn.q_norm",
    mlp: "mlp.fc1",
    out: "mlp.fc2",
    factors: "ls1.gamma",
  },
  paired: {
    norm: "attns.0.norm",
    qkv: "attns.0.attn.qkv",
    queryNorm: "attns.0.attn.q_norm",
    mlp: "ffns.0.mlp.fc1",
    out: "ffns.0.mlp.fc2",
    factors: "attns.0.ls.gamma",
  },
  joint: {
    norm: "in_norm",
    qkv: "in_proj",
    queryNorm: "q_norm",
    mlp: "in_proj",
    out: "mlp_out_proj",
    factors: "ls.gamma",
  },
} as const satisfies Record<ViTConfig["blockKind"], object>

function blockKindOf(has: (name: string) => boolean): ViTConfig["blockKind"] {
  const kind = blockKinds.find((each) => has(`blocks.0.${layerNames[each].norm}.weight`))
  return kind ?? "sequential"
}

/** Alternatives to timm's names: those of DeiT III's LayerScale factors, and of DINOv2's registers and gated MLP. */
const aliases: readonly ((name: string) => string)[] = [
  (name) => name.replace(/\.ls([12])\.gamma$/, ".gamma_$1"),
  (name) => name.replace(/^reg_token$/, "register_tokens"),
  (name) => name.replace(".mlp.fc1.", ".mlp.w12.").replace(".mlp.fc2.", ".mlp.w3."),
]

/** Tensors with names of other repositories, whose models timm and transformers have under names of their own. */
const otherRepositories: readonly (readonly [tensor: RegExp, models: string])[] = [
  [/(^|\.)(rope_embed\.periods|storage_tokens)$|\.qkv\.bias_mask$/, "Meta's own DINOv3"],
  [/(^|\.)transformer\.resblocks\.\d+\./, "CLIP of OpenAI and OpenCLIP and Meta's own Perception Encoder"],
]

/** A tensor of rotary positions. */
const rotary = /(^|\.)rope(_embed)?\.|\.freqs_(cos|sin)$/

/**
 * Reads weights as a Vision Transformer with timm's names. Names may share a prefix, such as `module.`, and may be
 * those of DeiT III or of DINOv2's repository (https://github.com/facebookresearch/dinov2).
 *
 * Fields that shapes do not determine come from `hints`, or else from timm's models whose tensors have the same names.
 * Models with the same sizes come first. If they differ, the weights are refused:
 * - The number of heads must come from a hint or from models with the same sizes.
 * - If no timm model has the same names, the activation is GELU, or SiLU in gated MLPs, and ε is 10⁻⁶.
 * - The grid of patches is a square if possible, unless the class token makes another grid likely.
 * - `hints.architecture` names the model in timm. Its structure must be that of the weights. Its sizes may differ.
 *
 * Images are prepared with timm's defaults: those of DeiT and DINOv2 with ImageNet's mean and deviation, others with
 * 0.5. `notes` lists the assumptions.
 * @throws VitrineError (file, config) for weights of another model, for weights that may belong to several models, and
 *   for fields that nothing determines
 */
export function readStateDict(
  { tensors }: Pick<Weights, "tensors">,
  file: string,
  hints: ModelHints,
): WeightsModel<ViTConfig> {
  const prefix = tensors.find(({ name }) => name.endsWith(marker))?.name.slice(0, -marker.length) ?? ""
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]))
  if (isEvaWeights((name) => shapes.get(prefix + name), hints)) return readEvaWeights({ tensors }, prefix, file, hints)
  for (const [names, models] of otherRepositories) {
    const tensor = tensors.find(({ name }) => names.test(name))
    if (tensor !== undefined)
      throw fileError(
        file,
        `has ${shown(tensor.name)}, a name of ${models}: take timm's or transformers' copy of the model`,
      )
  }
  const turning = tensors.find(({ name }) => rotary.test(name))
  if (turning !== undefined)
    throw configError(
      file,
      `has ${shown(turning.name)}, which timm's models with rotary positions have not: give a config.json`,
    )
  const nameInFile = (name: string): string => {
    const names = [name, ...aliases.map((alias) => alias(name))]
    return prefix + (names.find((each) => shapes.has(prefix + each)) ?? name)
  }
  // DINOv2 learns a token for masked patches, on which features do not depend. In other models this tensor has another
  // shape.
  const mask = shapes.get(`${prefix}mask_token`)?.length === 2 ? `${prefix}mask_token` : undefined
  const dinov2 = mask !== undefined || shapes.has(`${prefix}register_tokens`)
  const { config, notes } = configOf({ find: (name) => shapes.get(nameInFile(name)), nameInFile, file, hints, dinov2 })
  const source = ({ name, shape }: Parameter): ShapedSource =>
    dinov2 && !config.prefixPositions && (name === "cls_token" || name === "pos_embed")
      ? classPosition(name, config, nameInFile("cls_token"), nameInFile("pos_embed"))
      : { from: [nameInFile(name)], shapes: [shape] }
  const sources = new Map(vitParameters(config).map((parameter) => [parameter.name, source(parameter)]))
  checkTensors({ tensors: tensors.filter(({ name }) => name !== mask) }, sourceTensors(sources), file)
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
    // Only with registers does DINOv2 resize its positions with antialias.
    positionMethod: dinov2 && config.registers === 0 ? "huggingface" : "timm",
    notes,
    sources,
  }
}

type Find = (name: string) => readonly number[] | undefined

interface Evidence {
  /** The shape of a tensor with this name in timm. */
  readonly find: Find
  readonly nameInFile: (name: string) => string
  readonly file: string
  readonly hints: ModelHints
  /** Whether the names come from DINOv2's repository. */
  readonly dinov2: boolean
}

function configOf(evidence: Evidence): { readonly config: ViTConfig; readonly notes: readonly string[] } {
  const { find, nameInFile, file, hints, dinov2 } = evidence
  const has = (name: string): boolean => find(name) !== undefined
  /** The size of an axis of a tensor that must exist. */
  const size = (name: string, rank: number, axis: number): number => {
    const shape = find(name)
    if (shape === undefined)
      throw fileError(file, `holds no Vision Transformer under timm's names: ${shown(nameInFile(name))} is missing`)
    if (shape.length !== rank)
      throw fileError(file, `tensor ${shown(nameInFile(name))} is [${shape.join(", ")}]; expected ${rank} sizes`)
    return sizeAt(shape, axis)
  }
  const { architecture } = hints
  const base = architecture === undefined ? undefined : publishedModel(timmArchitecture(architecture))
  const dim = size(marker, 4, 0)
  const patchSize = [size(marker, 4, 2), size(marker, 4, 3)] as const
  const stem = stemOf(find, hints.groups, file)
  const blockKind = blockKindOf(has)
  const layers = layerNames[blockKind]
  let depth = 0
  while (has(`blocks.${depth}.${layers.norm}.weight`)) depth++
  const mlpDim = size(`blocks.0.${layers.out}.weight`, 2, 1)
  const splitGate = has("blocks.0.mlp.fc1_g.weight")
  const gatedMlp = splitGate || (blockKind !== "joint" && size(`blocks.0.${layers.mlp}.weight`, 2, 0) === 2 * mlpDim)
  const classToken = has("cls_token")
  const normAfterPool = has("fc_norm.weight")
  const wideHead = has("head.weight") && size("head.weight", 2, 1) === 2 * dim
  const toldPool = has("attn_pool.latent")
    ? "map"
    : wideHead
      ? "token+average"
      : normAfterPool || !classToken
        ? "average"
        : "token"
  const pool = toldPool === "map" || wideHead ? toldPool : (hints.pool ?? toldPool)
  const sizes = { patchSize, stem, dim, depth, mlpDim, registers: has("reg_token") ? size("reg_token", 3, 1) : 0 }
  const structure = {
    ...sizes,
    channels: size(stem === null ? marker : `${firstConvolution({ stem })}.weight`, 4, 1),
    blockKind,
    gatedMlp,
    splitGate,
    norm: has(`blocks.0.${layers.norm}.bias`) ? "layer" : "rms",
    patchNorm: has("patch_embed.norm.weight"),
    // No name tells where the norms of a block stand.
    postNorm: base?.postNorm ?? false,
    attentionNorm: has("blocks.0.attn.norm.weight") || has("blocks.0.attns.0.attn.norm.weight"),
    mlpNorm: has("blocks.0.mlp.norm.weight") || has("blocks.0.ffns.0.mlp.norm.weight"),
    classToken,
    distillationToken: has("dist_token"),
    pool,
    finalNorm: normAfterPool || has("norm.weight"),
    normAfterPool,
    positions: has("pos_embed") ? "learned" : "none",
    embeddingNorm: has("norm_pre.weight"),
    qkvBias: has(`blocks.0.${layers.qkv}.bias`),
    projBias: has(`blocks.0.${layers.out}.bias`),
    qkNorm: has(`blocks.0.${layers.queryNorm}.weight`),
    layerScale: has(`blocks.0.${layers.factors}`) ? 1e-5 : null,
  } as const
  const told = (prefixPositions: boolean): Structure => structureOf({ ...structure, pool: toldPool, prefixPositions })
  const stride = stem === null ? 1 : stemStride(stem)
  const { rows, prefix } = {
    rows: has("pos_embed") ? size("pos_embed", 3, 1) : undefined,
    // DINOv2's registers have no positions, but its class token has one.
    prefix: dinov2 && structure.registers > 0 ? 1 : prefixTokens(structure),
  }
  const grid = gridOf({
    rows,
    prefix,
    cell: [stride * patchSize[0], stride * patchSize[1]],
    imageSize: hints.imageSize,
    prefixPositions: dinov2 ? true : base?.prefixPositions,
    isPublished: (prefixPositions) => sameSizes(sameNames(told(prefixPositions)), sizes).size > 0,
    file,
  })
  const { imageSize } = grid
  const prefixPositions = grid.prefixPositions && !(dinov2 && structure.registers > 0)
  const classes = has("head.weight") ? size("head.weight", 2, 0) : 0
  const like = sameNames(told(prefixPositions))
  const exact = sameSizes(like, sizes)
  const factors = nameInFile("blocks.0.ls1.gamma")
  if (architecture === undefined || base === undefined)
    refuseOtherKinds(
      told(prefixPositions),
      exact.size > 0 ? exact : like,
      has("blocks.0.ls1.gamma") ? factors : "",
      file,
    )
  else checkStructure(told(prefixPositions), factors, base, architecture, file)
  const models = base !== undefined ? new Map([[architecture ?? "", base]]) : exact.size > 0 ? exact : like
  const sized = sameSizes(models, sizes)
  const perHead = structure.qkNorm ? size(`blocks.0.${layers.queryNorm}.weight`, 1, 0) : undefined
  const heads = hints.heads ?? (perHead === undefined ? commonValue("heads", sized) : dim / perHead)
  if (heads === undefined)
    throw configError(
      file,
      `the weights do not tell the number of heads${differences("heads", sized)}: say it (--num-heads)`,
    )
  const activation = hints.activation ?? commonValue("activation", models) ?? (gatedMlp ? "silu" : "gelu")
  const layerNormEpsilon = hints.layerNormEpsilon ?? commonValue("layerNormEpsilon", models) ?? 1e-6
  const poolPrefix = commonValue("poolPrefix", models) ?? false
  for (const [field, hint, what, flag] of [
    ["activation", hints.activation, "the activation", "--act-layer"],
    ["layerNormEpsilon", hints.layerNormEpsilon, "ε of the norms", "--norm-eps"],
    ["poolPrefix", undefined, "which tokens are averaged", "--arch"],
  ] as const)
    if (hint === undefined && differences(field, models) !== "")
      throw configError(
        file,
        `the weights do not tell ${what}${differences(field, models)}: say it (${flag === "--arch" ? "" : `${flag}, or `}--arch NAME, the model's name in timm)`,
      )
  const { layerScale } = structure
  const fields: Partial<ViTConfig> = {
    ...structure,
    layerScale: layerScale === null ? null : (base?.layerScale ?? layerScale),
    imageSize,
    prefixPositions,
    classes,
    heads,
    activation,
    layerNormEpsilon,
    poolPrefix,
  }
  const config = inFile(file, () => vitConfig(fields))
  const [name = "a model"] = sized.keys()
  return {
    config,
    notes: [assumptions(architecture ?? name, config)],
  }
}

/** The structure of the weights must be that of the timm model with this name. The head may differ. */
function checkStructure(told: Structure, factors: string, base: ViTConfig, architecture: string, file: string): void {
  const expected = new Map<string, unknown>(Object.entries(structureOf(base)))
  const ofHead = ["pool", "normAfterPool", ...(base.classToken ? ["finalNorm"] : [])]
  for (const [field, value] of Object.entries(told))
    if (value !== expected.get(field) && !(ofHead.includes(field) && told.classToken === base.classToken))
      throw configError(
        file,
        `is no ${architecture}: by its tensors ${field} is ${shown(value)}, and that of ${architecture} is ${shown(expected.get(field))}`,
      )
  if (factors.endsWith("gamma_1") && !architecture.startsWith("deit3"))
    throw configError(file, `is no ${architecture}, whose tensors have other names than ${shown(factors)}`)
}

/**
 * @param factors the name of the first factors of LayerScale; "" if there are none
 * @throws VitrineError (config) for weights that may belong to a model that Vitrine does not support
 */
function refuseOtherKinds(
  told: Structure,
  models: ReadonlyMap<string, ViTConfig>,
  factors: string,
  file: string,
): void {
  const [name = "a plain Vision Transformer"] = models.keys()
  const advice = "say which it is (--arch NAME, its name in timm), or give its config.json"
  // DeiT III's repository uses names of timm's Eva, the class of timm's rotary models.
  if (factors.endsWith("gamma_1") && models.size > 0 && !told.prefixPositions)
    throw configError(
      file,
      `may be ${name} or vit_base_patch16_rope_ape_224, which has rotary positions, by the names and shapes of its tensors: ${advice}`,
    )
  const other = factors.endsWith("gamma_1")
    ? { name: "vit_base_patch16_dinov3", has: "rotary positions" }
    : otherKind(told)
  if (other !== undefined)
    throw configError(
      file,
      `may be a model such as timm's ${other.name}, which has ${other.has}, or ${name}, by the names of its tensors: ${advice}`,
    )
}

/** The ResNet before the patches, with timm's ε, or null. */
function stemOf(find: Find, groups: number | undefined, file: string): StemConfig | null {
  const backbone = "patch_embed.backbone"
  const [width, , height] = find(`${backbone}.stem.conv.weight`) ?? find(`${backbone}.conv.weight`) ?? []
  if (width === undefined) return null
  const depths: number[] = []
  const has = (stage: number, block: number): boolean =>
    find(`${backbone}.stages.${stage}.blocks.${block}.conv1.weight`) !== undefined
  for (let stage = 0; has(stage, 0); stage++) {
    let depth = 1
    while (has(stage, depth)) depth++
    depths.push(depth)
  }
  const root = height === 3 ? ({ root: "3x3" } as const) : {}
  return { ...root, width, depths, groups: groupsOf(groups, [width], file), numerics: "timm" }
}

interface Positions {
  /** The number of rows of the table, or undefined without a table. */
  readonly rows: number | undefined
  /** The number of tokens before the patches that may have rows. */
  readonly prefix: number
  /** The height and width of a patch in pixels. */
  readonly cell: readonly [height: number, width: number]
  readonly imageSize: ModelHints["imageSize"]
  /** Whether these tokens have rows, if this is certain. */
  readonly prefixPositions: boolean | undefined
  /**
   * Whether timm has a model with the same names and sizes whose tokens before the patches have rows (or have none).
   */
  readonly isPublished: (prefixPositions: boolean) => boolean
  readonly file: string
}

/**
 * The image size that follows from a table of positions, and whether the tokens before the patches have positions in
 * it.
 */
function gridOf(positions: Positions): Pick<ViTConfig, "imageSize" | "prefixPositions"> {
  const { rows, prefix, cell, imageSize, isPublished, file } = positions
  if (rows === undefined) return { imageSize: imageSize ?? [224, 224], prefixPositions: true }
  const hinted = imageSize && Math.ceil(imageSize[0] / cell[0]) * Math.ceil(imageSize[1] / cell[1])
  const choices = positions.prefixPositions === undefined || prefix === 0 ? [true, false] : [positions.prefixPositions]
  const places = choices.map((prefixPositions) => ({
    prefixPositions,
    patches: rows - (prefixPositions ? prefix : 0),
  }))
  const said = places.find(({ patches }) => patches === hinted)
  if (said !== undefined && imageSize !== undefined)
    return { imageSize: squareOf(said.patches, cell) ?? imageSize, prefixPositions: said.prefixPositions }
  // A square number of rows without the tokens' rows may be a nearly square grid with them: 5 × 5 is 4 × 6 and a class
  // token.
  const likely = places.filter(
    ({ patches, prefixPositions }) => isSquare(patches) || (prefixPositions && isNearlySquare(patches)),
  )
  const published = likely.filter(({ prefixPositions }) => isPublished(prefixPositions))
  const [only, other] = prefix === 0 ? likely.slice(0, 1) : published.length === 1 ? published : likely
  const size = only && squareOf(only.patches, cell)
  if (only !== undefined && other === undefined && size !== undefined)
    return { imageSize: size, prefixPositions: only.prefixPositions }
  throw configError(
    file,
    other === undefined
      ? `has ${rows} positions, which are no square of patches: say for which image size they are (--image-size HxW)`
      : `has ${rows} positions, which can be grids of patches in two ways: say for which image size they are (--image-size HxW), or which model it is (--arch NAME, its name in timm)`,
  )
}

const isSquare = (patches: number): boolean => patches > 0 && Number.isInteger(Math.sqrt(patches))

function squareOf(patches: number, cell: readonly [number, number]): readonly [number, number] | undefined {
  const side = Math.sqrt(patches)
  return isSquare(patches) ? [side * cell[0], side * cell[1]] : undefined
}

/** Whether patches can form a grid with one side at most twice as long as the other. */
function isNearlySquare(patches: number): boolean {
  for (let side = Math.floor(Math.sqrt(patches)); 2 * side * side >= patches && side > 0; side--)
    if (patches % side === 0) return true
  return false
}

/** Fields that no shape determines. */
type UntoldField = "heads" | "activation" | "layerNormEpsilon" | "poolPrefix"

/** The value that all models share, or undefined if they differ, or if there are no models. */
function commonValue<K extends UntoldField>(
  field: K,
  models: ReadonlyMap<string, ViTConfig>,
): ViTConfig[K] | undefined {
  const [first, ...others] = new Set(Array.from(models.values(), (config) => config[field]))
  return others.length === 0 ? first : undefined
}

/** The models' different values in words. Empty if they agree. */
function differences(field: UntoldField, models: ReadonlyMap<string, ViTConfig>): string {
  const byValue = new Map(Array.from(models, ([name, config]) => [config[field], name]))
  if (byValue.size < 2) return ""
  return ` (${Array.from(byValue, ([value, name]) => `${value} in ${name}`).join(", ")})`
}
