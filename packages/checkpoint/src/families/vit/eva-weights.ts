/** Weights of timm's `Eva` without a `config.json`. The model follows from names and shapes, or from its name in timm. */
import {
  positionTable,
  prefixPositionCount,
  rotaryPositions,
  type ViTConfig,
  vitConfig,
  vitParameters,
} from "@vitrine/core"
import type { ModelHints, WeightsModel } from "../../description.ts"
import { configError, fileError, inFile, shown } from "../../errors.ts"
import { imageNetMean, imageNetStd } from "../../preprocessing.ts"
import { type ShapedSource, sizeAt, sourceTensors, type TensorNames } from "../../sources.ts"
import { checkTensors } from "../../tensors.ts"
import { timmArchitecture } from "../../timm-names.ts"
import { assumptions } from "./assumptions.ts"
import { evaArchitectures } from "./eva-architectures.ts"
import { readEva } from "./eva.ts"

type Find = (name: string) => readonly number[] | undefined

/** Names of tensors that only `Eva` has, among timm's classes of Vision Transformers. */
const evaNames = [
  "rope.freqs",
  "blocks.0.attn.q_bias",
  "blocks.0.attn.q_proj.weight",
  "blocks.0.mlp.fc1_g.weight",
  "blocks.0.mlp.norm.weight",
] as const

/** Whether weights belong to timm's `Eva`, by the model's name in timm or by the names of tensors. */
export function isEvaWeights(find: Find, { architecture }: ModelHints): boolean {
  if (architecture !== undefined) return evaArchitectures.has(timmArchitecture(architecture))
  // DeiT III's repository has the same names for LayerScale's factors. But its models have positions, and no registers.
  const scaled = find("blocks.0.gamma_1") !== undefined && (!find("pos_embed") || find("reg_token") !== undefined)
  // AIMv2 has the same gates, but norms without biases.
  const names =
    find("blocks.0.norm1.bias") === undefined ? evaNames.filter((name) => !name.includes(".mlp.")) : evaNames
  return scaled || names.some((name) => find(name) !== undefined)
}

/**
 * Reads weights of timm's `Eva`. They do not determine the kind of rotary positions. It comes from the model's name in
 * timm (`hints.architecture`), whose sizes may differ, or else from the published models with the same names and shapes.
 * @throws VitrineError (file, config) if these models differ, and if there are none
 */
export function readEvaWeights(
  { tensors }: TensorNames,
  prefix: string,
  file: string,
  hints: ModelHints,
): WeightsModel<ViTConfig> {
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]))
  const find: Find = (name) => shapes.get(prefix + name)
  const [name, base] = baseOf(find, hints, file)
  const config = inFile(file, () => vitConfig(sized(find, base, name, hints, file)))
  const source = (parameter: { name: string; shape: readonly number[] }): [string, ShapedSource] => [
    parameter.name,
    { from: [prefix + parameter.name], shapes: [parameter.shape] },
  ]
  const sources = new Map(vitParameters(config).map(source))
  checkTensors({ tensors }, sourceTensors(sources), file)
  const { channels, imageSize } = config
  const { mean, std } = statistics(name, channels)
  return {
    config,
    preprocessing: { size: imageSize, interpolation: "bicubic", cropPct: 0.9, cropMode: "center", mean, std },
    labels: null,
    positionMethod: "timm",
    notes: [assumptions(name, config)],
    sources,
  }
}

/** Finds the model in timm by its name, or by the names and shapes of tensors. */
function baseOf(find: Find, hints: ModelHints, file: string): readonly [name: string, config: ViTConfig] {
  const { architecture } = hints
  const read = (name: string): ViTConfig => {
    const side = usualSide(name)
    const pretrained = { input_size: [3, side, side], fixed_input_size: true } as const
    return readEva({ architecture: name, model_args: {}, pretrained, at: "" }, name)
  }
  if (architecture !== undefined) return [architecture, read(timmArchitecture(architecture))]
  const same = Array.from(evaArchitectures.keys(), (name) => [name, read(name)] as const).filter(([, config]) =>
    hasParameters(find, config),
  )
  const advice = "say which it is (--arch NAME, its name in timm), or give its config.json"
  const [first, ...others] = same
  if (first === undefined)
    throw configError(
      file,
      `may be one of timm's models with rotary positions (Eva) by its names, but has the sizes of none: ${advice}`,
    )
  // A head has the same shapes whether it reads a token or an average.
  const other = others.find(([, config]) => computation(config, hints) !== computation(first[1], hints))
  if (other === undefined) return first
  throw configError(file, `may be ${first[0]} or ${other[0]}, by the names and shapes of its tensors: ${advice}`)
}

/** The image size of timm's pretrained weights, for models that have no table of positions to determine it. */
function usualSide(name: string): number {
  if (name.includes("_dinov3")) return 256
  return name.endsWith("_lingbot") ? 512 : Number(/_(\d+)$/.exec(name)?.[1] ?? 224)
}

/** The fields that change the result of a model but not its tensors. */
function computation(config: ViTConfig, hints: ModelHints): string {
  const { imageSize: _, layerScale: __, ...fields } = config
  return JSON.stringify({ ...fields, ...(hints.pool !== undefined && { pool: hints.pool }) })
}

/**
 * Whether weights have the sizes and names of a model. The head, the patch embedding and the table of positions may have
 * other shapes. All blocks have the same shapes.
 */
function hasParameters(find: Find, config: ViTConfig): boolean {
  const free = /^(head\.|pos_embed$|rope\.freqs$|patch_embed\.proj\.weight$)/
  const { depth, dim, heads, patchSize } = config
  if (find("patch_embed.proj.weight")?.[0] !== dim) return false
  if (find(`blocks.${depth - 1}.norm1.weight`) === undefined) return false
  const frequencies = find("rope.freqs")
  if (frequencies !== undefined && frequencies[2] !== heads) return false
  if ((find("pos_embed") === undefined) !== (positionTable(config) === null)) return false
  if (find(`blocks.${depth}.norm1.weight`) !== undefined) return false
  const patch = find("patch_embed.proj.weight")?.slice(2)
  const parameters = vitParameters({ ...config, depth: 1, imageSize: patchSize }).filter(({ name }) => !free.test(name))
  const names = evaNames.filter((name) => find(name) !== undefined)
  return (
    patch?.join() === patchSize.join() &&
    parameters.every(({ name, shape }) => find(name)?.join() === shape.join()) &&
    names.every((name) => name === "rope.freqs" || parameters.some((parameter) => parameter.name === name)) &&
    (frequencies === undefined) === (rotaryPositions(config)?.frequencies !== "learned") &&
    (find("reg_token") === undefined) === (config.registers === 0)
  )
}

/** The model, with its sizes from the shapes of tensors. */
function sized(find: Find, base: ViTConfig, name: string, hints: ModelHints, file: string): Partial<ViTConfig> {
  const size = (tensor: string, rank: number, axis: number): number => {
    const shape = find(tensor)
    if (shape?.length === rank) return sizeAt(shape, axis)
    const what = shape === undefined ? "is missing" : `has not ${rank} sizes`
    throw fileError(file, `is no ${name}: tensor ${shown(tensor)} ${what}`)
  }
  const patch = "patch_embed.proj.weight"
  const [dim, channels] = [size(patch, 4, 0), size(patch, 4, 1)]
  const patchSize = [size(patch, 4, 2), size(patch, 4, 3)] as const
  let depth = 0
  while (find(`blocks.${depth}.norm1.weight`) !== undefined) depth++
  const learned = find("rope.freqs")
  const heads = hints.heads ?? (learned?.length === 4 ? learned[2] : dim === base.dim ? base.heads : undefined)
  if (heads === undefined) throw configError(file, "the weights do not tell the number of heads: say it (--num-heads)")
  const shaped = {
    ...base,
    dim,
    channels,
    patchSize,
    depth,
    heads,
    mlpDim: size("blocks.0.mlp.fc2.weight", 2, 1),
    registers: find("reg_token") === undefined ? 0 : size("reg_token", 3, 1),
    classes: find("head.weight") === undefined ? 0 : size("head.weight", 2, 0),
    mapPool: base.mapPool && { ...base.mapPool, mlpDim: size("attn_pool.mlp.fc2.weight", 2, 1) },
    pool: base.pool !== "map" && base.classToken ? (hints.pool ?? base.pool) : base.pool,
  }
  return { ...shaped, imageSize: imageSizeOf(find, shaped, hints, file) }
}

/** The image size, from the table of positions, or else from a hint or the published model. */
function imageSizeOf(
  find: Find,
  config: ViTConfig,
  { imageSize }: ModelHints,
  file: string,
): readonly [height: number, width: number] {
  const table = find("pos_embed")
  const [height, width] = config.patchSize
  // With another patch size, the published size may not be a multiple of it.
  const whole = (side: number, cell: number): number => Math.max(1, Math.floor(side / cell)) * cell
  if (table === undefined) return imageSize ?? [whole(config.imageSize[0], height), whole(config.imageSize[1], width)]
  const rows = table.length === 3 ? sizeAt(table, 1) : 0
  const patches = rows - prefixPositionCount(config)
  if (imageSize !== undefined && (imageSize[0] / height) * (imageSize[1] / width) === patches) return imageSize
  const side = Math.sqrt(patches)
  if (Number.isInteger(side) && side > 0) return [side * height, side * width]
  throw configError(
    file,
    `has ${rows} positions, which are no square of patches: say for which image size they are (--image-size HxW)`,
  )
}

const clipMean = [0.48145466, 0.4578275, 0.40821073]
const clipStd = [0.26862954, 0.26130258, 0.27577711]

/** The mean and standard deviation for timm's models of this kind. */
function statistics(name: string, channels: number): { mean: readonly number[]; std: readonly number[] } {
  const half = Array.from({ length: channels }, () => 0.5)
  if (channels !== 3 || /_(pe|rope_reg\d)_/.test(name)) return { mean: half, std: half }
  return name.startsWith("eva") ? { mean: clipMean, std: clipStd } : { mean: imageNetMean, std: imageNetStd }
}
