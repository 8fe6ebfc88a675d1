/**
 * The ResNets of Big Transfer without a `config.json`: in the .npz files of google-research/big_transfer, whose kernels
 * are `[height, width, in, out]`, and with timm's names. https://github.com/google-research/big_transfer
 */
import type { Parameter } from "@vitrine/core"
import { type BiTConfig, bitConfig, bitParameters } from "@vitrine/resnet"
import type { ModelHints, WeightsModel } from "../../description.ts"
import { configError, fileError, inFile } from "../../errors.ts"
import { groupsOf } from "../../groups.ts"
import { partOf } from "../../sources.ts"
import { checkTensors } from "../../tensors.ts"
import { timmArchitecture } from "../../timm-names.ts"
import type { ParameterSource, Weights } from "../../weights.ts"
import { timm } from "./timm.ts"
import { unusualMiddles } from "./widths.ts"

const googleRoot = "resnet/root_block/standardized_conv2d/kernel"
const timmRoot = "stem.conv.weight"

/**
 * Reads weights as a BiT ResNet. Channels, widths, blocks and classes follow from names and shapes. ε of weight
 * standardisation is 1e-10 with Google's names and 1e-8 with timm's. Images are prepared as in the defaults of Google's
 * code or timm. `notes` lists the assumptions.
 * @param hints the size of images, 224² by default, and the groups of the group norms, 32 by default
 * @throws VitrineError (file, config) for weights of another model, or tensors that do not fit each other
 */
export function readBiTWeights(
  { tensors }: Pick<Weights, "tensors">,
  file: string,
  hints: Pick<ModelHints, "architecture" | "imageSize" | "groups"> = {},
): WeightsModel<BiTConfig> {
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]))
  const google = shapes.has(googleRoot)
  const nameInFile = google ? googleName : (name: string): string => name
  /** The shape of a kernel as `[out, in, height, width]`. */
  const kernel = (name: string): Convolution | undefined => {
    const shape = shapes.get(nameInFile(name))
    if (shape === undefined) return undefined
    if (!isConvolution(shape))
      throw fileError(file, `tensor "${nameInFile(name)}" is [${shape.join(", ")}], no convolution`)
    return google ? [shape[3], shape[2], shape[0], shape[1]] : shape
  }
  const widths: number[] = []
  const middles: number[] = []
  const depths: number[] = []
  for (let stage = 0; ; stage++) {
    const width = kernel(`stages.${stage}.blocks.0.conv3.weight`)?.[0]
    if (width === undefined) break
    let depth = 1
    while (shapes.has(nameInFile(`stages.${stage}.blocks.${depth}.conv3.weight`))) depth++
    widths.push(width)
    middles.push(kernel(`stages.${stage}.blocks.0.conv1.weight`)?.[0] ?? width / 4)
    depths.push(depth)
  }
  const root = kernel(timmRoot)
  if (root === undefined)
    throw fileError(file, `holds no ResNet of BiT's: neither "${googleRoot}" nor "${timmRoot}" is there`)
  const [stemWidth, channels] = root
  const classes = kernel("head.fc.weight")?.[0] ?? 0
  const weightEpsilon = google ? 1e-10 : 1e-8
  const { imageSize = [224, 224] } = hints
  const groups = groupsOf(hints.groups, [stemWidth, ...widths, ...middles], file)
  const blocks = { stemWidth, widths, depths, ...unusualMiddles(widths, middles) }
  const fields = { imageSize, groups, channels, classes, ...blocks, weightEpsilon }
  const config = inFile(file, () => bitConfig(fields))
  if (hints.architecture !== undefined) checkArchitecture(config, hints.architecture, file)
  const parameters = bitParameters(config)
  checkTensors(
    { tensors },
    parameters.map((each) => ({ name: nameInFile(each.name), shape: stored(each, google) })),
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

/** @throws VitrineError (config) if the weights are not those of the timm model with this name */
function checkArchitecture({ depths, widths }: BiTConfig, name: string, file: string): void {
  const model = timm.read({ architecture: timmArchitecture(name), model_args: {}, pretrained: {}, at: "" }, name)
  if (depths.join() === model.depths.join() && widths.join() === model.widths.join()) return
  throw configError(
    file,
    `is no ${name}: it has ${depths.join("+")} blocks of width ${widths.join(", ")}, and that has ${model.depths.join("+")} of ${model.widths.join(", ")}`,
  )
}

type Convolution = readonly [outputs: number, inputs: number, height: number, width: number]

const isConvolution = (shape: readonly number[]): shape is Convolution => shape.length === 4

/** The shape of a parameter in its file. */
function stored({ shape }: Parameter, google: boolean): readonly number[] {
  if (!google || !isConvolution(shape)) return shape
  const [outputs, inputs, height, width] = shape
  return [height, width, inputs, outputs]
}

function origin({ name, shape }: Parameter, google: boolean): ParameterSource {
  if (!google) return { from: [name] }
  if (!isConvolution(shape)) return { from: [googleName(name)] }
  const [outputs, inputs, height, width] = shape
  const places = height * width
  const make = ([part]: readonly Float32Array[]): Float32Array => {
    const values = partOf(part)
    const out = new Float32Array(outputs * inputs * places)
    let at = 0
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < inputs; i++)
        for (let p = 0; p < places; p++) out[at++] = values[(p * inputs + i) * outputs + o] as number
    return out
  }
  return { from: [googleName(name)], make }
}

/** Google's name of a parameter, from timm's: `stages.0.blocks.1.conv2.weight` is `resnet/block1/unit02/b/…`. */
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
