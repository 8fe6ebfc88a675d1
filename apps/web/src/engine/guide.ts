import { readSafetensors, toFloat32 } from "@vitrine/checkpoint"
import {
  type Backend,
  foldKey,
  type Graph,
  gradients,
  graph,
  initializeViT,
  keyFromSeed,
  ops,
  type Parameter,
  type Program,
  rootScope,
  type State,
  type Tensor,
  VitrineError,
  type ViTConfig,
  vit,
  vitParameters,
} from "@vitrine/core"
import { applyTransforms, normalize, type TransformedImage } from "@vitrine/data"
import { elementAt, entryOf } from "../checked.ts"
import { guideBackend, retryOnNewDevice } from "./backend.ts"
import { convolutionGraph, largestDifference } from "./convolution.ts"
import { type FirstFile, fetchFirstFile } from "./first-file.ts"
import type { Hybrid, HybridTrace } from "./hybrid.ts"
import type { openSecond, SecondAnswer } from "./second.ts"
import { normOrders, type NormOrders } from "./norm-order.ts"
import { floats, type Values, valuesOf } from "./values.ts"

export interface GuideModel {
  readonly config: ViTConfig
  readonly labels: readonly string[]
  readonly mean: readonly number[]
  readonly std: readonly number[]
  /** The device that computes the values. It is null if the values came with the page. */
  readonly device: string | null
}

/** The values that the model computed for one picture. The figures draw them. */
export interface Trace {
  /** The picture before normalisation: `[height, width, 3]`, bytes. */
  readonly pixels: Uint8Array
  /** The class of a built-in drawing, or null for the reader's own picture. */
  readonly label: number | null
  /** The model's intermediate values by the names of their taps. The first dimension of each is 1. */
  readonly taps: Readonly<Record<string, Values>>
  readonly parameters: Readonly<Record<string, Values>>
  /** The number of the reader's steps since the model was loaded. */
  readonly steps: number
}

/** A built-in drawing, of the size of the model's input. */
export interface Drawing {
  readonly label: number
  readonly width: number
  readonly height: number
  /** RGB bytes. */
  readonly pixels: Uint8Array
}

/** One step of gradient descent on one picture. */
export interface GradientStep {
  /** The loss before the step. */
  readonly before: number
  /** The loss after the step. */
  readonly after: number
  /** The norm of each parameter's gradient. */
  readonly norms: readonly { readonly name: string; readonly norm: number }[]
  /** The gradient of the loss with respect to the picture, `[height, width, 3]`. */
  readonly pixels: Float32Array
}

const taps = [
  "patch_embed.*",
  "class_token",
  "positions",
  "tokens",
  "blocks.*",
  "norm",
  "pooled",
  "logits",
  "probabilities",
]

/** A model that readers can train step by step, with the trace of one picture. */
export interface Guide {
  model(): Promise<GuideModel>
  trace(source: Drawing | Blob): Promise<Trace>
  /** Traces the last picture again, with the current parameters. */
  retrace(): Promise<Trace>
  step(label: number, rate: number): Promise<GradientStep>
  reset(weights: "trained" | "random"): Promise<void>
  convolution(): Promise<{ readonly convolved: Values; readonly difference: number }>
  positions(side: number): Promise<Values>
  normOrders(): Promise<NormOrders>
  /** Traces the last picture in the guide's hybrid model. */
  hybrid(): Promise<HybridTrace>
  /** What the site's model of photographs says of the last picture, or null if that model has no classes. */
  second(): Promise<SecondAnswer | null>
}

interface OpenModel {
  readonly backend: Backend
  readonly config: ViTConfig
  readonly facts: Pick<FirstFile, "labels" | "mean" | "std">
  /** The parameters from the file. */
  readonly trained: Readonly<Record<string, Float32Array>>
  readonly parameters: readonly Parameter[]
  readonly state: State
  readonly trace: Program
}

/** A picture in the format of the model's input. */
interface Picture extends Pick<Trace, "pixels" | "label"> {
  readonly input: Float32Array
  readonly source: Drawing | Blob
}

/**
 * @param folder the address of the guide's model
 * @param secondFolder that of the model of photographs
 */
export function createGuide(folder: string, secondFolder: string): Guide {
  let loading: Promise<OpenModel> | undefined
  let stepping: Promise<Program> | undefined
  let hybrid: Promise<Hybrid> | undefined
  let second: ReturnType<typeof openSecond> | undefined
  /** The parameters at the last read. After a change of device, the new model starts from them. */
  let latest: Readonly<Record<string, Values>> | undefined
  let picture: Picture | undefined
  let steps = 0
  const open = (): Promise<OpenModel> => {
    loading ??= openModel(folder, latest).catch((error: unknown) => {
      loading = undefined
      throw error
    })
    return loading
  }
  const onModel = <T>(work: (model: OpenModel) => Promise<T>): Promise<T> =>
    retryOnNewDevice(
      async () => work(await open()),
      () => {
        loading = undefined
        stepping = undefined
        hybrid = undefined
        second = undefined
      },
    )
  const readParameters = async ({ state, parameters }: OpenModel): Promise<Record<string, Values>> => {
    const read = parameters.map(async ({ name, shape }) => {
      return [name, { data: floats(await state.read(name)), shape }] as const
    })
    const values = Object.fromEntries(await Promise.all(read))
    latest = values
    return values
  }
  const currentPicture = (): Picture => {
    if (picture === undefined) throw new VitrineError("config", "no picture has been traced")
    return picture
  }
  const retrace = (): Promise<Trace> =>
    onModel(async (model) => {
      const { input, pixels, label } = currentPicture()
      const outputs = await model.trace.run({ images: input }, model.state)
      const values = Object.keys(outputs).map((name) => [name, valuesOf(outputs, name)] as const)
      return { pixels, label, steps, taps: Object.fromEntries(values), parameters: await readParameters(model) }
    })
  // Few readers use a picture of their own. The page loads this code only for them.
  const readPhoto = async (file: Blob): Promise<TransformedImage> =>
    (await import("./photo.ts")).readPhoto(file, await fileReader(folder)("config.json"))
  return {
    model: () =>
      onModel(async (model) => {
        const { config, facts, backend } = model
        const { labels, mean, std } = facts
        const device = backend.name === "webgpu" ? `WebGPU, ${backend.device}` : backend.device
        return { config, labels, mean, std, device }
      }),
    async trace(source) {
      const { mean, std } = (await open()).facts
      const { data: input } =
        source instanceof Blob
          ? await readPhoto(source)
          : applyTransforms({ ...source, channels: 3, data: source.pixels }, [normalize(mean, std)])
      const pixels = Uint8Array.from(input, (value, i) =>
        Math.round(255 * (value * elementAt(std, i % 3) + elementAt(mean, i % 3))),
      )
      picture = { input, pixels, source, label: source instanceof Blob ? null : source.label }
      return retrace()
    },
    retrace,
    step: (label, rate) =>
      onModel(async (model) => {
        stepping ??= model.backend.compile(stepGraph(model.config, model.parameters), { batch: 1 })
        const targets = new Float32Array(model.config.classes)
        targets[label] = 1
        const inputs = { images: currentPicture().input, targets }
        const program = await stepping
        const results = await program.run({ ...inputs, rate: Float32Array.of(rate) }, model.state)
        const after = await program.run({ ...inputs, rate: Float32Array.of(0) }, model.state)
        await readParameters(model)
        steps++
        return {
          before: elementAt(entryOf(results, "loss").data, 0),
          after: elementAt(entryOf(after, "loss").data, 0),
          norms: model.parameters.map(({ name }) => {
            return { name, norm: elementAt(entryOf(results, `norm:${name}`).data, 0) }
          }),
          pixels: valuesOf(results, "pixels").data,
        }
      }),
    reset: (weights) =>
      onModel(async ({ state, trained, parameters, config }) => {
        const isRandom = weights === "random"
        const values = isRandom ? initializeViT(parameters, config, "fan", foldKey(keyFromSeed(1), "forget")) : trained
        for (const [name, data] of Object.entries(values)) await state.write(name, data)
        steps = 0
      }),
    convolution: () =>
      onModel(async ({ backend, config, state, trace }) => {
        const { input } = currentPicture()
        const program = await backend.compile(convolutionGraph(config), { batch: 1 })
        const convolved = valuesOf(await program.run({ images: input }, state), "convolved")
        await program.dispose()
        const embeddings = valuesOf(await trace.run({ images: input }, state), "patch_embed.embeddings")
        return { convolved, difference: largestDifference(convolved.data, embeddings.data) }
      }),
    positions: (side) =>
      onModel(async ({ config, state }) => {
        const { positionsAt } = await import("./positions.ts")
        return positionsAt(config, floats(await state.read("pos_embed")), side)
      }),
    normOrders: () =>
      onModel(async ({ backend, config, state, trace }) => {
        const tokens = valuesOf(await trace.run({ images: currentPicture().input }, state), "tokens")
        return normOrders(backend, config, tokens.data)
      }),
    hybrid: () =>
      onModel(async ({ backend }) => {
        const { openHybrid } = await import("./hybrid.ts")
        hybrid ??= openHybrid(fileReader(`${folder}hybrid/`), backend).catch((error: unknown) => {
          hybrid = undefined
          throw error
        })
        return (await hybrid).trace(currentPicture().pixels)
      }),
    second: () =>
      onModel(async () => {
        const { openSecond } = await import("./second.ts")
        second ??= openSecond(secondFolder).catch((error: unknown) => {
          second = undefined
          throw error
        })
        const { source } = currentPicture()
        const answer = await second
        return answer(source instanceof Blob ? source : { ...source, channels: 3, data: source.pixels })
      }),
  }
}

/** @param latest parameters that replace the file's */
async function openModel(folder: string, latest: Readonly<Record<string, Values>> = {}): Promise<OpenModel> {
  const read = fileReader(folder)
  const [facts, bytes, backend] = await Promise.all([fetchFirstFile(), read("model.safetensors"), guideBackend()])
  const { config } = facts
  const { tensors } = readSafetensors(bytes, "model.safetensors")
  const parameters = vitParameters(config)
  const trained: Record<string, Float32Array> = {}
  for (const { name } of parameters) {
    const tensor = tensors.get(name)
    if (tensor === undefined) throw new VitrineError("file", `model.safetensors: has no tensor ${name}`)
    trained[name] = toFloat32(tensor)
  }
  const slots = Object.fromEntries(parameters.map(({ name, shape }) => [name, { shape, dtype: "float32" as const }]))
  const values = Object.entries(latest).map(([name, { data }]) => [name, data] as const)
  const state = await backend.createState(slots, { ...trained, ...Object.fromEntries(values) })
  const trace = await backend.compile(traceGraph(config), { batch: 1 })
  return { backend, config, facts, trained, parameters, state, trace }
}

const fileReader =
  (folder: string) =>
  async (file: string): Promise<Uint8Array> => {
    const response = await fetch(`${folder}${file}`)
    if (!response.ok) throw new VitrineError("file", `${file}: cannot be fetched (status ${response.status})`)
    return new Uint8Array(await response.arrayBuffer())
  }

const imageInput = (config: ViTConfig): Tensor => ops.input("images", ["batch", ...config.imageSize, config.channels])

/** A graph that computes all values of the guide in one run. */
function traceGraph(config: ViTConfig): Graph {
  const outputs: Record<string, Tensor> = {}
  const scope = rootScope({
    taps,
    onTap: (name, t) => {
      outputs[name] = t
    },
  })
  vit(scope, imageInput(config), config)
  return graph({ outputs })
}

/** A graph with the loss of one image, its gradients, and a step of plain gradient descent. */
function stepGraph(config: ViTConfig, parameters: readonly Parameter[]): Graph {
  const leaves = Object.fromEntries(parameters.map(({ name, shape }) => [name, ops.state(name, shape)]))
  const images = imageInput(config)
  const logits = vit(rootScope({ param: ({ name }) => entryOf(leaves, name) }), images, config)
  const loss = ops.sum(ops.softmaxCrossEntropy(logits, ops.input("targets", ["batch", config.classes])))
  const rate = ops.input("rate", [])
  const slopes = gradients([loss], [images, ...Object.values(leaves)])
  const outputs: Record<string, Tensor> = { loss, pixels: elementAt(slopes, 0) }
  const updates: Record<string, Tensor> = {}
  for (const [i, [name, leaf]] of Object.entries(leaves).entries()) {
    const slope = elementAt(slopes, i + 1)
    outputs[`norm:${name}`] = ops.sqrt(ops.sum(ops.square(slope)))
    updates[name] = ops.sub(leaf, ops.mul(slope, rate))
  }
  return graph({ outputs, updates })
}
