/**
 * The ResNets of Big Transfer without a `config.json`: in the .npz files of google-research/big_transfer, whose kernels are
 * `[height, width, in, out]`, and in timm's names. https://github.com/google-research/big_transfer
 */
import type { Parameter } from "@vitrine/core"
import { type BiTConfig, bitParameters } from "@vitrine/resnet"
import { fileError } from "./errors.ts"
import { checkedBiT, unusual } from "./families.ts"
import { groupsOf } from "./groups.ts"
import { checkTensors } from "./tensors.ts"
import type { ModelDescription } from "./timm.ts"
import type { ParameterSource, Weights, WeightSources } from "./weights.ts"

export interface BiTWeights extends ModelDescription {
  readonly config: BiTConfig
  readonly sources: WeightSources
}

export interface BiTOptions {
  /** Height and width in pixels, of which weights tell nothing; 224² unless told. */
  readonly imageSize?: readonly [height: number, width: number] | undefined
  /** Groups of the group norms, of which weights tell nothing; 32 unless told. */
  readonly groups?: number | undefined
}

const googleRoot = "resnet/root_block/standardized_conv2d/kernel"
const timmRoot = "stem.conv.weight"

/** Whether weights are those of a ResNet of BiT's, in either naming. */
export const isBiTWeights = ({ tensors }: Pick<Weights, "tensors">): boolean =>
  tensors.some(({ name }) => name === googleRoot || name === timmRoot)

/**
 * Takes weights for a ResNet of BiT's: channels, widths, blocks and classes follow from names and shapes, ε of weight
 * standardisation from whose names they are, 1e-10 in Google's and 1e-8 in timm's. Images are prepared as each of them does
 * by default; `notes` says what was taken for granted.
 * @throws VitrineError (file, config) for weights of another model, or tensors that do not fit each other.
 */
export function readBiTWeights(
  { tensors }: Pick<Weights, "tensors">,
  file: string,
  options: BiTOptions = {},
): BiTWeights {
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]))
  const google = shapes.has(googleRoot)
  if (!google && !shapes.has(timmRoot))
    throw fileError(file, `holds no ResNet of BiT's: neither "${googleRoot}" nor "${timmRoot}" is there`)
  const named = google ? googleName : (name: string): string => name
  /** The shape of a convolution as `[out, in, height, width]`. */
  const kernel = (name: string): readonly number[] | undefined => {
    const shape = shapes.get(named(name))
    if (shape === undefined) return undefined
    if (shape.length !== 4) throw fileError(file, `tensor "${named(name)}" is [${shape.join(", ")}], no convolution`)
    return google ? ([3, 2, 0, 1].map((axis) => shape[axis]) as number[]) : shape
  }
  const widths: number[] = []
  const middles: number[] = []
  const depths: number[] = []
  for (let stage = 0; ; stage++) {
    const width = kernel(`stages.${stage}.blocks.0.conv3.weight`)?.[0]
    if (width === undefined) break
    let depth = 1
    while (shapes.has(named(`stages.${stage}.blocks.${depth}.conv3.weight`))) depth++
    widths.push(width)
    middles.push(kernel(`stages.${stage}.blocks.0.conv1.weight`)?.[0] ?? width / 4)
    depths.push(depth)
  }
  const [stemWidth, channels] = kernel(timmRoot) as [number, number]
  const classes = kernel("head.fc.weight")?.[0] ?? 0
  const weightEpsilon = google ? 1e-10 : 1e-8
  const { imageSize = [224, 224] } = options
  const groups = groupsOf(options.groups, [stemWidth, ...widths, ...middles], file)
  const blocks = { stemWidth, widths, depths, ...unusual(widths, middles) }
  const config = checkedBiT(file, { imageSize, groups, channels, classes, ...blocks, weightEpsilon })
  const parameters = bitParameters(config)
  checkTensors(
    { tensors },
    parameters.map((each) => ({ name: named(each.name), shape: stored(each, google) })),
    file,
  )
  const half = Array.from({ length: channels }, () => 0.5)
  return {
    config,
    preprocessing: {
      size: imageSize,
      interpolation: "bilinear",
      ...(google ? { cropPct: 1, cropMode: "squash" } : { cropPct: 0.875, cropMode: "center" }),
      mean: half,
      std: half,
    },
    labels: null,
    positionMethod: "timm",
    notes: [
      `tells neither groups nor the size of images: taken to be ${groups}, and ${imageSize.join("×")}, prepared as such models' mostly are`,
    ],
    sources: new Map(parameters.map((each) => [each.name, origin(each, google)])),
  }
}

/** The shape of a parameter in its file. */
function stored({ shape }: Parameter, google: boolean): readonly number[] {
  return google && shape.length === 4 ? ([2, 3, 1, 0].map((axis) => shape[axis]) as number[]) : shape
}

function origin({ name, shape }: Parameter, google: boolean): ParameterSource {
  if (!google) return { from: [name] }
  const [outputs, inputs, height, width] = shape
  if (outputs === undefined || inputs === undefined || height === undefined || width === undefined)
    return { from: [googleName(name)] }
  const places = height * width
  const make = ([values]: readonly Float32Array[]): Float32Array => {
    const out = new Float32Array(outputs * inputs * places)
    let at = 0
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < inputs; i++)
        for (let p = 0; p < places; p++) out[at++] = (values as Float32Array)[(p * inputs + i) * outputs + o] as number
    return out
  }
  return { from: [googleName(name)], make }
}

/** The name in Google's files of a parameter by timm's: `stages.0.blocks.1.conv2.weight` is `resnet/block1/unit02/b/…`. */
function googleName(name: string): string {
  const leaf = name.endsWith("weight") ? "gamma" : "beta"
  if (name === timmRoot) return googleRoot
  if (name.startsWith("head.")) return `resnet/head/conv2d/${name.endsWith("weight") ? "kernel" : "bias"}`
  const [, stage, block, part] = /^stages\.(\d+)\.blocks\.(\d+)\.(\w+)\./.exec(name) ?? []
  if (part === undefined) return `resnet/group_norm/${leaf}`
  const unit = `resnet/block${Number(stage) + 1}/unit${String(Number(block) + 1).padStart(2, "0")}`
  if (part === "downsample") return `${unit}/a/proj/standardized_conv2d/kernel`
  const letter = "abc"[Number(part.at(-1)) - 1]
  return `${unit}/${letter}/${part.startsWith("conv") ? "standardized_conv2d/kernel" : `group_norm/${leaf}`}`
}
