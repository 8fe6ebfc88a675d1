/**
 * The .npz files of google-research/vision_transformer as models under timm's names: their kernels are transposed, and
 * query, key and value stand apart, `[D, heads, D / heads]` each.
 * https://github.com/google-research/vision_transformer
 */
import { VitrineError, type ViTConfig, vitConfig, vitParameters } from "@vitrine/core"
import { type StorageDType, type StoredTensor, toFloat32 } from "./dtype.ts"
import { configError, fileError, shown } from "./errors.ts"
import type { ArrayInfo, NpzArchive } from "./npz.ts"
import { checkTensors } from "./tensors.ts"
import type { ModelDescription } from "./timm.ts"

/** A model of Google's: its weights by timm's names, in float32. */
export interface GoogleModel extends ModelDescription, NpzArchive {}

export interface GoogleOptions {
  /** Height and width in pixels, where the patches do not lie in a square. */
  readonly imageSize?: readonly [height: number, width: number] | undefined
}

/** What stands before all names where a training's whole state was saved; the optimizer's lies under `opt/state/`. */
const targetPrefix = "opt/target/"
const statePrefix = "opt/state/"
const positionTable = "Transformer/posembed_input/pos_embedding"

/** Names of a block's modules: as released, and as Linen numbers them. */
const released = { attention: "MultiHeadDotProductAttention_1", norm2: "LayerNorm_2", mlp: "MlpBlock_3" }
const linen: typeof released = { attention: "MultiHeadDotProductAttention_0", norm2: "LayerNorm_1", mlp: "MlpBlock_0" }

const floats: readonly StorageDType[] = ["F64", "F32", "BF16", "F16"]

/**
 * Takes an archive for a Vision Transformer of Google's. The configuration follows from names and shapes: pooling by
 * average where there is no class token, a square grid unless told otherwise, GELU in its tanh approximation as Flax
 * has it, ε = 10⁻⁶.
 * @throws VitrineError (file, config) for an archive that holds another model, or tensors that do not fit each other.
 */
export function googleModel(archive: NpzArchive, file: string, { imageSize }: GoogleOptions = {}): GoogleModel {
  const prefix = archive.tensors.some(({ name }) => name.startsWith(targetPrefix)) ? targetPrefix : ""
  const sources = archive.tensors
    .filter(({ name }) => !(prefix && name.startsWith(statePrefix)))
    .map((info) => (info.name.startsWith(prefix) ? { ...info, name: info.name.slice(prefix.length) } : info))
  const shapes = new Map(sources.map(({ name, shape }) => [name, shape]))
  refuseOthers(sources, shapes, file)
  const names = shapes.has(`Transformer/encoderblock_0/${linen.attention}/query/kernel`) ? linen : released
  const config = configOf(shapes, names, imageSize, file)
  const plan = new Map(
    vitParameters(config).map(({ name, shape }) => [name, { shape, ...origin(name, shape, config, names) }]),
  )
  const wanted = [...plan.values()].flatMap(({ from, sourceShape }) =>
    from.map((name) => ({ name, shape: sourceShape })),
  )
  checkTensors({ tensors: sources }, wanted, file)
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
    tensors: [...plan].map(([name, { shape }]) => ({
      name,
      dtype: "F32",
      shape,
      bytes: 4 * shape.reduce((product, size) => product * size, 1),
    })),
    async read(name): Promise<StoredTensor> {
      const entry = plan.get(name)
      if (entry === undefined) throw fileError(file, `has no tensor ${shown(name)}`)
      const { shape, from, columns, channels = 1 } = entry
      const out = new Float32Array(shape.reduce((product, size) => product * size, 1))
      let at = 0
      for (const source of from) {
        const values = toFloat32(await archive.read(prefix + source))
        transposeMatrix(values, columns, out.subarray(at, at + values.length))
        at += values.length
      }
      if (channels > 1)
        for (const [begin, row] of rowsOf(out, out.length / columns))
          transposeMatrix(row, channels, out.subarray(begin))
      return { dtype: "F32", shape, data: out }
    },
  }
}

function refuseOthers(sources: readonly ArrayInfo[], shapes: ReadonlyMap<string, unknown>, file: string): void {
  if (shapes.has("conv_root/kernel"))
    throw configError(file, "is a hybrid with a ResNet before the transformer, which Vitrine does not have")
  if (sources.some(({ name }) => name.startsWith("params/") || name === "pos_embedding"))
    throw configError(file, "is named as big_vision names its models, which Vitrine does not read")
  if (!shapes.has("embedding/kernel"))
    throw fileError(file, `holds no Vision Transformer of Google's: "embedding/kernel" is missing`)
  const other = sources.find(({ dtype }) => !floats.includes(dtype))
  if (other) throw fileError(file, `tensor ${shown(other.name)} is ${other.dtype}; weights are ${floats.join(", ")}`)
}

type Shapes = ReadonlyMap<string, readonly number[]>

function configOf(
  shapes: Shapes,
  names: typeof released,
  imageSize: GoogleOptions["imageSize"],
  file: string,
): ViTConfig {
  /** A size along an axis of a tensor that must be there. */
  const size = (name: string, rank: number, axis: number): number => {
    const shape = shapes.get(name)
    if (shape === undefined) throw fileError(file, `holds no Vision Transformer of Google's: ${shown(name)} is missing`)
    if (shape.length !== rank)
      throw fileError(file, `tensor ${shown(name)} has the shape [${shape.join(", ")}]; expected ${rank} sizes`)
    return shape[axis] as number
  }
  const patch = (axis: number): number => size("embedding/kernel", 4, axis)
  const block = "Transformer/encoderblock_0"
  const classToken = shapes.has("cls")
  const patches = size(positionTable, 3, 1) - (classToken ? 1 : 0)
  const side = Math.sqrt(patches)
  if (imageSize === undefined && !Number.isInteger(side))
    throw configError(file, `has positions for ${patches} patches, which make no square: its image size is not known`)
  try {
    return vitConfig({
      imageSize: imageSize ?? [side * patch(0), side * patch(1)],
      patchSize: [patch(0), patch(1)],
      channels: patch(2),
      dim: patch(3),
      depth: [...shapes.keys()].filter((name) => /^Transformer\/encoderblock_\d+\/LayerNorm_0\/scale$/.test(name))
        .length,
      heads: size(`${block}/${names.attention}/query/kernel`, 3, 1),
      mlpDim: size(`${block}/${names.mlp}/Dense_0/kernel`, 2, 1),
      classes: shapes.has("head/kernel") ? size("head/kernel", 2, 1) : 0,
      classToken,
      pool: classToken ? "token" : "average",
      normAfterPool: false,
      activation: "gelu_tanh",
      preLogits: shapes.has("pre_logits/kernel") ? { dim: size("pre_logits/kernel", 2, 1), activation: "tanh" } : null,
      layerNormEpsilon: 1e-6,
    })
  } catch (error) {
    throw VitrineError.isInstance(error) && error.kind === "config" ? configError(file, error.message, error) : error
  }
}

interface Origin {
  /** Google's tensors that make the parameter, one after the other. */
  readonly from: readonly string[]
  readonly sourceShape: readonly number[]
  /** Each is a matrix of so many columns, to be transposed; 1 for what stays as it is. */
  readonly columns: number
  /** Then each row is a matrix of so many columns, to be transposed too: [P, P, C, D] → [D, P, P, C] → [D, C, P, P]. */
  readonly channels?: number
}

function origin(name: string, shape: readonly number[], config: ViTConfig, names: typeof released): Origin {
  const { dim, heads } = config
  const [, index, inner] = /^blocks\.(\d+)\.(.*)$/.exec(name) ?? []
  const path = index === undefined ? name : (inner as string)
  const block = index === undefined ? "" : `Transformer/encoderblock_${index}/`
  const layer = path.replace(/\.(weight|bias)$/, "")
  const matrix = path.endsWith(".weight") && shape.length === 2
  const [rows = 0, inputs = 0] = shape
  const same = (from: string): Origin => ({ from: [from], sourceShape: shape, columns: 1 })
  const norm = (module: string): Origin => same(`${module}/${path.endsWith(".weight") ? "scale" : "bias"}`)
  const dense = (module: string, sourceShape: readonly number[] = [inputs, rows]): Origin =>
    matrix ? { from: [`${module}/kernel`], sourceShape, columns: rows } : same(`${module}/bias`)
  switch (layer) {
    case "cls_token":
      return same("cls")
    case "pos_embed":
      return same(positionTable)
    case "patch_embed.proj": {
      const [height, width] = config.patchSize
      const sourceShape = [height, width, config.channels, dim]
      return path.endsWith(".weight")
        ? { from: ["embedding/kernel"], sourceShape, columns: dim, channels: config.channels }
        : same("embedding/bias")
    }
    case "norm1":
      return norm(`${block}LayerNorm_0`)
    case "norm2":
      return norm(`${block}${names.norm2}`)
    case "norm":
      return norm("Transformer/encoder_norm")
    case "attn.qkv": {
      const perHead = dim / heads
      return {
        from: ["query", "key", "value"].map(
          (part) => `${block}${names.attention}/${part}/${matrix ? "kernel" : "bias"}`,
        ),
        sourceShape: matrix ? [dim, heads, perHead] : [heads, perHead],
        columns: matrix ? dim : 1,
      }
    }
    case "attn.proj":
      return dense(`${block}${names.attention}/out`, [heads, dim / heads, dim])
    case "mlp.fc1":
      return dense(`${block}${names.mlp}/Dense_0`)
    case "mlp.fc2":
      return dense(`${block}${names.mlp}/Dense_1`)
    case "pre_logits.fc":
      return dense("pre_logits")
    case "head":
      return dense("head")
    default:
      throw new Error(`no tensor of Google's is known for ${name}`)
  }
}

/** Writes a row-major matrix of so many columns to `out`, transposed. */
function transposeMatrix(values: Float32Array, columns: number, out: Float32Array): void {
  const rows = values.length / columns
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) out[column * rows + row] = values[row * columns + column] as number
}

/** Copies of the rows of so many values each, with where they begin. */
function* rowsOf(values: Float32Array, length: number): Generator<[begin: number, row: Float32Array]> {
  for (let begin = 0; begin < values.length; begin += length) yield [begin, values.slice(begin, begin + length)]
}
