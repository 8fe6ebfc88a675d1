/**
 * Vision Transformers in the .npz files of google-research/vision_transformer and google-research/big_vision. Their
 * kernels are transposed. Query, key and value are separate tensors, `[D, heads, D / heads]` each. Blocks may be
 * stacked in one tensor.
 * https://github.com/google-research/vision_transformer, https://github.com/google-research/big_vision
 */
import {
  initializeViT,
  keyFromSeed,
  type Parameter,
  type StemConfig,
  stemStride,
  type ViTConfig,
  vitConfig,
  vitParameters,
} from "@vitrine/core"
import type { ModelHints, WeightsModel } from "../../description.ts"
import type { StorageDType } from "@vitrine/archive"
import { configError, fileError, inFile, shown } from "../../errors.ts"
import { groupsOf } from "../../groups.ts"
import { type ShapedSource, sizeAt, sourceTensors, weightOf } from "../../sources.ts"
import { checkTensors } from "../../tensors.ts"
import type { Weights, WeightTensor } from "../../weights.ts"

/** The prefixes of names in a training's state. */
const states = ["", "params/", "opt/target/"]
/** The prefix of the image tower if there is also a text tower. */
const tower = "img/"
/** The names of the positions: before Linen, in big_vision until 2022, and since then. */
const tables = ["Transformer/posembed_input/pos_embedding", "Transformer/pos_embedding", "pos_embedding"] as const

/** The names of a block's modules: in the released files, and with Linen's numbers. */
const released = { attention: "MultiHeadDotProductAttention_1", norm2: "LayerNorm_2", mlp: "MlpBlock_3" }
const linen: typeof released = { attention: "MultiHeadDotProductAttention_0", norm2: "LayerNorm_1", mlp: "MlpBlock_0" }

const floats: readonly StorageDType[] = ["F64", "F32", "BF16", "F16"]

/** The layout of a file. Names have no prefix. */
interface Layout {
  readonly prefix: string
  readonly modules: typeof released
  /** Whether all blocks are stacked along a first axis, as `scan` does. */
  readonly stacked: boolean
  readonly table: (typeof tables)[number] | undefined
  /** The prefix of the names of a head that pools by attention, or undefined for another head. */
  readonly map: "MAPHead_0/" | "" | undefined
  /** The rank of a hybrid's group norm arrays: [1, 1, 1, channels] before Linen, [channels] since then. */
  readonly groupNormRank: number
}

/** The first convolution of a hybrid. */
const root = "conv_root/kernel"

/**
 * Reads an archive as a Vision Transformer of Google. The configuration follows from names and shapes:
 * - The head pools by attention if there is a probe, and by average if there is no class token.
 * - The grid of patches is a square if possible.
 * - The activation is GELU in its tanh approximation, as in Flax, and ε is 10⁻⁶.
 * - If the file has no positions, the model has big_vision's sine-cosine positions, at 224² by default. `notes` says
 *   so.
 *
 * A text tower is ignored.
 * @param hints the size of images, if the file does not determine it, and the groups of a hybrid's group norms
 * @throws VitrineError (file, config) for an archive of another model, or with tensors that do not fit each other
 */
export function readGoogleWeights(
  { tensors }: Pick<Weights, "tensors">,
  file: string,
  hints: ModelHints = {},
): WeightsModel<ViTConfig> {
  const { prefix, tower: image, others } = imageTower(tensors, file)
  const shapes = new Map(image.map(({ name, shape }) => [name.slice(prefix.length), shape]))
  const layout = layoutOf(prefix, shapes)
  const config = configOf(shapes, layout, hints, file)
  const entries = vitParameters(config).map((parameter) => [parameter.name, origin(parameter, config, layout)] as const)
  if (layout.stacked) entries.sort(([, a], [, b]) => compare(a.from.join(), b.from.join()))
  checkTensors({ tensors: image }, sourceTensors(entries), file)
  const notes: string[] = []
  if (others > 0) notes.push(`${others} tensors beside the image tower, such as a text tower's, are left out`)
  if (config.positions === "sincos2d")
    notes.push(`holds no positions: they are taken to be sines and cosines, at ${config.imageSize.join("×")}`)
  return {
    config,
    preprocessing: {
      size: config.imageSize,
      interpolation: "bilinear",
      cropPct: 1,
      cropMode: "squash",
      mean: Array.from({ length: config.channels }, () => 0.5),
      std: Array.from({ length: config.channels }, () => 0.5),
    },
    labels: null,
    positionMethod: "google",
    notes,
    sources: new Map(entries),
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** The tensors of the image tower, and the number of other weights in the file. */
function imageTower(
  tensors: readonly WeightTensor[],
  file: string,
): { prefix: string; tower: WeightTensor[]; others: number } {
  const names = new Set(tensors.map(({ name }) => name))
  const prefixes = states.flatMap((state) => [state, state + tower])
  const prefix = prefixes.find((each) => names.has(`${each}embedding/kernel`))
  if (prefix === undefined)
    throw fileError(file, `holds no Vision Transformer of Google's: "embedding/kernel" is missing`)
  const state = prefix.endsWith(tower) ? prefix.slice(0, -tower.length) : prefix
  const image = tensors.filter(({ name }) => name.startsWith(prefix))
  // Tensors without the state's prefix belong to the optimizer.
  const others = tensors.filter(({ name }) => name.startsWith(state)).length - image.length
  const other = image.find(({ dtype }) => !floats.includes(dtype))
  if (other) throw fileError(file, `tensor ${shown(other.name)} is ${other.dtype}; weights are ${floats.join(", ")}`)
  return { prefix, tower: image, others }
}

type Shapes = ReadonlyMap<string, readonly number[]>

function layoutOf(prefix: string, shapes: Shapes): Layout {
  const stacked = shapes.has("Transformer/encoderblock/LayerNorm_0/scale")
  return {
    prefix,
    stacked,
    modules: shapes.has(`${blockOf(0, stacked)}${released.attention}/query/kernel`) ? released : linen,
    table: tables.find((name) => shapes.has(name)),
    map: shapes.has("MAPHead_0/probe") ? "MAPHead_0/" : shapes.has("probe") ? "" : undefined,
    groupNormRank: shapes.get("gn_root/scale")?.length ?? 1,
  }
}

const blockOf = (index: number | string, stacked: boolean): string =>
  stacked ? "Transformer/encoderblock/" : `Transformer/encoderblock_${index}/`

function configOf(
  shapes: Shapes,
  { prefix, modules, stacked, table, map }: Layout,
  { imageSize, groups }: ModelHints,
  file: string,
): ViTConfig {
  /** The size of an axis of a tensor that must exist. */
  const size = (name: string, rank: number, axis: number): number => {
    const shape = shapes.get(name)
    if (shape === undefined)
      throw fileError(file, `holds no Vision Transformer of Google's: ${shown(prefix + name)} is missing`)
    if (shape.length !== rank)
      throw fileError(
        file,
        `tensor ${shown(prefix + name)} has the shape [${shape.join(", ")}]; expected ${rank} sizes`,
      )
    return sizeAt(shape, axis)
  }
  const inBlock = (name: string, rank: number, axis: number): number =>
    size(blockOf(0, stacked) + name, rank + Number(stacked), axis + Number(stacked))
  const patch = [size("embedding/kernel", 4, 0), size("embedding/kernel", 4, 1)] as const
  const stem = shapes.has(root) ? stemOf(shapes, size(root, 4, 0), size(root, 4, 3), groups, file) : null
  const stride = stem === null ? 1 : stemStride(stem)
  const classToken = shapes.has("cls")
  // The released files always have a table.
  if (table === undefined && modules === released) size(tables[0], 3, 1)
  const rows = table === undefined ? 0 : size(table, 3, 1)
  // big_vision adds positions only to the patches. It recognises older files by the number of rows, as this code does.
  const prefixPositions =
    classToken && table !== undefined && (table !== "pos_embedding" || (!isSquare(rows) && isSquare(rows - 1)))
  const fields: Partial<ViTConfig> = {
    imageSize:
      table === undefined
        ? (imageSize ?? [224, 224])
        : gridSize(rows - Number(prefixPositions), [stride * patch[0], stride * patch[1]], imageSize, file),
    patchSize: patch,
    stem,
    channels: size(stem === null ? "embedding/kernel" : root, 4, 2),
    dim: size("embedding/kernel", 4, 3),
    depth: stacked
      ? size("Transformer/encoderblock/LayerNorm_0/scale", 2, 0)
      : [...shapes.keys()].filter((name) => /^Transformer\/encoderblock_\d+\/LayerNorm_0\/scale$/.test(name)).length,
    heads: inBlock(`${modules.attention}/query/kernel`, 3, 1),
    mlpDim: inBlock(`${modules.mlp}/Dense_0/kernel`, 2, 1),
    classes: shapes.has("head/kernel") ? size("head/kernel", 2, 1) : 0,
    classToken,
    pool: map !== undefined ? "map" : classToken ? "token" : "average",
    normAfterPool: false,
    positions: table === undefined ? "sincos2d" : "learned",
    prefixPositions,
    activation: "gelu_tanh",
    preLogits: shapes.has("pre_logits/kernel") ? { dim: size("pre_logits/kernel", 2, 1), activation: "tanh" } : null,
    layerNormEpsilon: 1e-6,
  }
  return inFile(file, () => vitConfig(fields))
}

function stemOf(shapes: Shapes, height: number, width: number, groups: number | undefined, file: string): StemConfig {
  const depths: number[] = []
  const has = (block: number, unit: number): boolean => shapes.has(`block${block}/unit${unit}/conv1/kernel`)
  for (let block = 1; has(block, 1); block++) {
    let unit = 1
    while (has(block, unit + 1)) unit++
    depths.push(unit)
  }
  const root = height === 3 ? ({ root: "3x3" } as const) : {}
  return { ...root, width, depths, groups: groupsOf(groups, [width], file), numerics: "google" }
}

const isSquare = (count: number): boolean => Number.isInteger(Math.sqrt(count))

/** Height and width of images with this number of patches: a square if possible, as in Google's code. */
function gridSize(
  patches: number,
  patch: readonly [number, number],
  hint: readonly [number, number] | undefined,
  file: string,
): readonly [number, number] {
  const side = Math.sqrt(patches)
  if (isSquare(patches)) return [side * patch[0], side * patch[1]]
  if (hint !== undefined && Math.ceil(hint[0] / patch[0]) * Math.ceil(hint[1] / patch[1]) === patches) return hint
  throw configError(
    file,
    hint === undefined
      ? `has positions for ${patches} patches, which make no square: say its image size (imageSize, --image-size)`
      : `has positions for ${patches} patches of ${patch.join("×")} pixels, which do not make images of ${hint.join("×")}`,
  )
}

/** The tensors of the file for a parameter. */
function origin(
  parameter: Parameter,
  config: ViTConfig,
  { prefix, modules, stacked, table, map = "", groupNormRank }: Layout,
): ShapedSource {
  const { name, shape, role } = parameter
  const { dim, heads } = config
  const [, index, inner] = /^blocks\.(\d+)\.(.*)$/.exec(name) ?? []
  const path = inner ?? name
  const block = index === undefined ? "" : blockOf(index, stacked)
  const layer = path.replace(/\.(weight|bias)$/, "")
  const matrix = path.endsWith(".weight") && shape.length === 2
  const [rows = 0, inputs = 0] = shape
  const heading = [heads, dim / heads]

  /**
   * Tensors of one shape. Each is a matrix with `columns` columns, which is transposed. With 1 column nothing is
   * transposed.
   */
  const from = (names: readonly string[], sourceShape: readonly number[], columns = 1, channels = 1): ShapedSource => {
    const [sources, at] = [
      names.map((each) => prefix + block + each),
      stacked && index !== undefined ? Number(index) : undefined,
    ]
    const shapes = sources.map(() => (at === undefined ? sourceShape : [config.depth, ...sourceShape]))
    if (columns === 1 && at === undefined) return { from: sources, shapes }
    return { from: sources, shapes, make: (parts) => transposed(parts, { at, depth: config.depth, columns, channels }) }
  }
  const norm = (module: string): ShapedSource =>
    from([`${module}/${path.endsWith(".weight") ? "scale" : "bias"}`], shape)
  const dense = (module: string, sourceShape: readonly number[] = [inputs, rows]): ShapedSource =>
    matrix ? from([`${module}/kernel`], sourceShape, rows) : from([`${module}/bias`], shape)
  const projections = (module: string, parts: readonly string[]): ShapedSource =>
    matrix
      ? from(
          parts.map((part) => `${module}/${part}/kernel`),
          [dim, ...heading],
          dim,
        )
      : from(
          parts.map((part) => `${module}/${part}/bias`),
          heading,
        )

  if (role === "fixedPositions") {
    const make = (): Float32Array => weightOf(initializeViT([parameter], config, "timm", keyFromSeed(0)), name)
    return { from: [], shapes: [], make }
  }
  const backbone = /^patch_embed\.backbone\.(.*)$/.exec(layer)?.[1]
  if (backbone !== undefined) {
    const [outputs = 0, channels = 1, height = 1, width = 1] = shape
    const [module, isNorm] = stemModule(backbone)
    if (!isNorm) return from([`${module}/kernel`], [height, width, channels, outputs], outputs, channels)
    const stored = Array.from({ length: groupNormRank }, (_, axis) => (axis === groupNormRank - 1 ? outputs : 1))
    return from([`${module}/${path.endsWith(".weight") ? "scale" : "bias"}`], stored)
  }
  const pooling = `${map}${linen.attention}`
  switch (layer) {
    case "cls_token":
      return from(["cls"], shape)
    case "pos_embed":
      return from([table ?? tables[0]], shape)
    case "patch_embed.proj": {
      const [, channels = 1] = shape
      if (!path.endsWith(".weight")) return from(["embedding/bias"], shape)
      return from(["embedding/kernel"], [...config.patchSize, channels, dim], dim, channels)
    }
    case "norm1":
      return norm("LayerNorm_0")
    case "norm2":
      return norm(modules.norm2)
    case "norm":
      return norm("Transformer/encoder_norm")
    case "attn.qkv":
      return projections(modules.attention, ["query", "key", "value"])
    case "attn.proj":
      return dense(`${modules.attention}/out`, [...heading, dim])
    case "mlp.fc1":
      return dense(`${modules.mlp}/Dense_0`)
    case "mlp.fc2":
      return dense(`${modules.mlp}/Dense_1`)
    case "attn_pool.latent":
      return from([`${map}probe`], shape)
    case "attn_pool.q":
      return projections(pooling, ["query"])
    case "attn_pool.kv":
      return projections(pooling, ["key", "value"])
    case "attn_pool.proj":
      return dense(`${pooling}/out`, [...heading, dim])
    case "attn_pool.norm":
      return norm(`${map}LayerNorm_0`)
    case "attn_pool.mlp.fc1":
      return dense(`${map}MlpBlock_0/Dense_0`)
    case "attn_pool.mlp.fc2":
      return dense(`${map}MlpBlock_0/Dense_1`)
    case "pre_logits.fc":
      return dense("pre_logits")
    case "head":
      return dense("head")
    default:
      throw new Error(`no tensor of Google's is known for ${name}`)
  }
}

/** Google's name of a stem layer, from timm's: `stages.0.blocks.1.norm2` is `block1/unit2/gn2`. */
function stemModule(layer: string): readonly [module: string, isNorm: boolean] {
  const [, stage, block, part = ""] = /^stages\.(\d+)\.blocks\.(\d+)\.(.*)$/.exec(layer) ?? []
  const [name = layer] = (part || layer).split(".").slice(-1)
  const kind = name.startsWith("norm") ? "gn" : "conv"
  if (stage === undefined) return [`${kind}_root`, kind === "gn"]
  const which = part.startsWith("downsample.") ? "_proj" : name.slice(-1)
  return [`block${Number(stage) + 1}/unit${Number(block) + 1}/${kind}${which}`, kind === "gn"]
}

interface Transposition {
  /** The index of the block in a stack of `depth` blocks, or undefined without a stack. */
  readonly at: number | undefined
  readonly depth: number
  readonly columns: number
  /**
   * Each row of the result is a matrix with this number of columns, which is transposed too: [P, P, C, D] → [D, P, P,
   * C] → [D, C, P, P].
   */
  readonly channels: number
}

/** The transposed matrices, one after the other. */
function transposed(parts: readonly Float32Array[], { at, depth, columns, channels }: Transposition): Float32Array {
  const matrices = parts.map((part) =>
    at === undefined ? part : part.subarray((at * part.length) / depth, ((at + 1) * part.length) / depth),
  )
  const out = new Float32Array(matrices.reduce((total, { length }) => total + length, 0))
  let begin = 0
  for (const values of matrices) {
    transposeMatrix(values, columns, out.subarray(begin, begin + values.length))
    begin += values.length
  }
  if (channels > 1)
    for (let row = 0; row < out.length; row += out.length / columns)
      transposeMatrix(out.slice(row, row + out.length / columns), channels, out.subarray(row))
  return out
}

/** Writes the transpose of a row-major matrix to `out`, a few rows at a time, so that both stay in the cache. */
function transposeMatrix(values: Float32Array, columns: number, out: Float32Array): void {
  const rows = values.length / columns
  for (let first = 0; first < rows; first += 16) {
    const end = Math.min(first + 16, rows)
    for (let column = 0; column < columns; column++)
      for (let row = first; row < end; row++) out[column * rows + row] = values[row * columns + column] as number
  }
}
