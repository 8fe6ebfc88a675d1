import { fromTimmConfig, onlyViT, parseJson, readSafetensors, type StoredTensor, toFloat32 } from "@vitrine/checkpoint"
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
  type ViTConfig,
  vit,
  vitParameters,
} from "@vitrine/core"
import { applyTransforms, drawShape, type Image } from "@vitrine/data"
import { decodeImage } from "@vitrine/data/web"
import { evaluationTransforms } from "vitrine/web"
import { sharedBackend, surviving } from "./backend.ts"
import { type Hybrid, type HybridTrace, openHybrid } from "./hybrid.ts"
import { convolutionGraph, differenceOf } from "./convolution.ts"
import { normOrders, type NormOrders } from "./norm-order.ts"
import { positionsAt } from "./positions.ts"
import type { Values } from "./values.ts"

export interface GuideModel {
  readonly config: ViTConfig
  readonly labels: readonly string[]
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly device: string
  readonly parameters: Readonly<Record<string, Values>>
}

/** One image on its way through the model: what the figures draw. */
export interface Trace {
  /** The image as the model is given it, before normalisation: `[height, width, 3]`, bytes. */
  readonly pixels: Uint8Array
  /** The class, where it is known. */
  readonly label: number | null
  /** The model's intermediate values by the names of its taps, each with a first dimension of 1. */
  readonly taps: Readonly<Record<string, Values>>
  readonly parameters: Readonly<Record<string, Values>>
  /** Steps that the reader has taken since the model was loaded. */
  readonly steps: number
}

export interface Drawing {
  readonly label: number
  readonly seed: number
  readonly width: number
  readonly height: number
  /** RGB bytes. */
  readonly pixels: Uint8Array
}

export interface StepTaken {
  readonly before: number
  readonly after: number
  /** Norm of the gradient of each parameter. */
  readonly norms: readonly { readonly name: string; readonly norm: number }[]
  /** Of the loss to the input, `[height, width, 3]`. */
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

/** A model on which readers can take steps, and what it computed for one image. */
export interface Guide {
  model(): Promise<GuideModel>
  drawings(seed: number, count: number): Promise<Drawing[]>
  trace(source: Drawing | Blob): Promise<Trace>
  /** The last image again, with the parameters as they are now. */
  retrace(): Promise<Trace>
  step(label: number, rate: number): Promise<StepTaken>
  reset(weights: "trained" | "random"): Promise<void>
  convolution(): Promise<{ readonly convolved: Values; readonly difference: number }>
  positions(side: number): Promise<Values>
  normOrders(): Promise<NormOrders>
  /** The last image in a hybrid, a model of its own. */
  hybrid(): Promise<HybridTrace>
}

interface Opened {
  readonly backend: Backend
  readonly config: ViTConfig
  readonly description: ReturnType<typeof fromTimmConfig>
  readonly initial: Readonly<Record<string, Float32Array>>
  readonly parameters: readonly Parameter[]
  readonly state: State
  readonly trace: Program
}

export function createGuide(folder: string): Guide {
  let opening: Promise<Opened> | undefined
  let stepping: Promise<Program> | undefined
  let hybrid: Promise<Hybrid> | undefined
  /** The parameters as they were read last, from which a model on another device goes on. */
  let latest: Readonly<Record<string, Values>> | undefined
  let current: { input: Float32Array; pixels: Uint8Array; label: number | null } | undefined
  let steps = 0
  const open = (): Promise<Opened> => {
    opening ??= openModel(folder, latest).catch((error: unknown) => {
      opening = undefined
      throw error
    })
    return opening
  }
  const onModel = <T>(work: (model: Opened) => Promise<T>): Promise<T> =>
    surviving(
      async () => work(await open()),
      () => {
        opening = undefined
        stepping = undefined
        hybrid = undefined
      },
    )
  const parametersOf = async ({ state, parameters }: Opened): Promise<Record<string, Values>> => {
    const read = parameters.map(async ({ name, shape }): Promise<[string, Values]> => {
      return [name, { data: (await state.read(name)) as Float32Array, shape: [...shape] as number[] }]
    })
    const values = Object.fromEntries(await Promise.all(read))
    latest = values
    return values
  }
  const shownImage = (): NonNullable<typeof current> => {
    if (current === undefined) throw new Error("no image has been traced")
    return current
  }
  const retrace = (): Promise<Trace> =>
    onModel(async (model) => {
      const { input, pixels, label } = shownImage()
      const outputs = await model.trace.run({ images: input }, model.state)
      return {
        pixels,
        label,
        steps,
        taps: Object.fromEntries(
          Object.entries(outputs).map(([name, { data, shape }]) => [name, { data: data as Float32Array, shape }]),
        ),
        parameters: await parametersOf(model),
      }
    })
  return {
    model: () =>
      onModel(async (model) => {
        const { config, description, backend } = model
        const { mean, std } = description.preprocessing
        const labels = description.labels ?? []
        const device = backend.name === "webgpu" ? `WebGPU, ${backend.device}` : backend.device
        return { config, labels, mean, std, device, parameters: await parametersOf(model) }
      }),
    async drawings(seed, count) {
      return Array.from({ length: count }, (_, i) => {
        const label = (i + seed) % 10
        const { data, width, height } = drawShape(label, [0x6775, seed * 1000 + i])
        return { label, seed: i, width, height, pixels: data }
      })
    },
    async trace(source) {
      const { config, description } = await open()
      const image: Image =
        source instanceof Blob
          ? await decodeImage(source)
          : { width: source.width, height: source.height, channels: 3, data: source.pixels }
      const { data: input } = applyTransforms(image, evaluationTransforms(description.preprocessing, config))
      const { mean, std } = description.preprocessing
      const pixels = Uint8Array.from(input, (value, i) =>
        Math.round(255 * (value * (std[i % 3] as number) + (mean[i % 3] as number))),
      )
      current = { input, pixels, label: source instanceof Blob ? null : source.label }
      return retrace()
    },
    retrace,
    step: (label, rate) =>
      onModel(async (model) => {
        stepping ??= model.backend.compile(stepGraph(model.config, model.parameters), { batch: 1 })
        const targets = new Float32Array(model.config.classes)
        targets[label] = 1
        const inputs = { images: shownImage().input, targets }
        const program = await stepping
        const taken = await program.run({ ...inputs, rate: Float32Array.of(rate) }, model.state)
        const after = await program.run({ ...inputs, rate: Float32Array.of(0) }, model.state)
        await parametersOf(model)
        steps++
        const norms = model.parameters.map(({ name }) => ({ name, norm: Number(taken[`norm:${name}`]?.data[0]) }))
        return {
          before: Number(taken.loss?.data[0]),
          after: Number(after.loss?.data[0]),
          norms,
          pixels: taken.pixels?.data as Float32Array,
        }
      }),
    reset: (weights) =>
      onModel(async ({ state, initial, parameters, config }) => {
        const random = weights === "random"
        const values = random ? initializeViT(parameters, config, "fan", foldKey(keyFromSeed(1), "forget")) : initial
        for (const [name, data] of Object.entries(values)) await state.write(name, data)
        steps = 0
      }),
    convolution: () =>
      onModel(async ({ backend, config, state, trace }) => {
        const { input } = shownImage()
        const program = await backend.compile(convolutionGraph(config), { batch: 1 })
        const { convolved } = await program.run({ images: input }, state)
        const traced = await trace.run({ images: input }, state)
        await program.dispose()
        const data = convolved?.data as Float32Array
        const embedded = traced["patch_embed.embeddings"]?.data as Float32Array
        return { convolved: { data, shape: convolved?.shape ?? [] }, difference: differenceOf(data, embedded) }
      }),
    positions: (side) =>
      onModel(async ({ config, state }) => positionsAt(config, (await state.read("pos_embed")) as Float32Array, side)),
    normOrders: () =>
      onModel(async ({ backend, config, state, trace }) => {
        const { tokens } = await trace.run({ images: shownImage().input }, state)
        return normOrders(backend, config, tokens?.data as Float32Array)
      }),
    hybrid: () =>
      onModel(async ({ backend }) => {
        hybrid ??= openHybrid(reader(`${folder}hybrid/`), backend).catch((error: unknown) => {
          hybrid = undefined
          throw error
        })
        return (await hybrid).trace(shownImage().pixels)
      }),
  }
}

/** @param latest parameters in place of the file's. */
async function openModel(folder: string, latest?: Readonly<Record<string, Values>>): Promise<Opened> {
  const read = reader(folder)
  const [json, bytes, backend] = await Promise.all([read("config.json"), read("model.safetensors"), sharedBackend()])
  const description = fromTimmConfig(parseJson(json, "config.json"), "config.json")
  const config = onlyViT(description.config, "the guide")
  const { tensors } = readSafetensors(bytes, "model.safetensors")
  const parameters = vitParameters(config)
  const initial: Record<string, Float32Array> = {}
  for (const { name } of parameters) initial[name] = toFloat32(tensors.get(name) as StoredTensor)
  const slots = Object.fromEntries(parameters.map(({ name, shape }) => [name, { shape, dtype: "float32" as const }]))
  const values = Object.entries(latest ?? {}).map(([name, { data }]) => [name, data] as const)
  const state = await backend.createState(slots, { ...initial, ...Object.fromEntries(values) })
  const trace = await backend.compile(traceGraph(config), { batch: 1 })
  return { backend, config, description, initial, parameters, state, trace }
}

const reader =
  (folder: string) =>
  async (file: string): Promise<Uint8Array> => {
    const response = await fetch(`${folder}${file}`)
    if (!response.ok) throw new Error(`${file}: status ${response.status}`)
    return new Uint8Array(await response.arrayBuffer())
  }

const imagesOf = (config: ViTConfig): Tensor => ops.input("images", ["batch", ...config.imageSize, config.channels])

/** All that the guide draws, in one run. */
function traceGraph(config: ViTConfig): Graph {
  const outputs: Record<string, Tensor> = {}
  const scope = rootScope({
    taps,
    onTap: (name, t) => {
      outputs[name] = t
    },
  })
  vit(scope, imagesOf(config), config)
  return graph({ outputs })
}

/** The loss of one image, its gradients, and a step of plain gradient descent. */
function stepGraph(config: ViTConfig, parameters: readonly Parameter[]): Graph {
  const made = new Map<string, Tensor>()
  const param = ({ name, shape }: Parameter): Tensor => {
    const leaf = made.get(name) ?? ops.state(name, shape)
    made.set(name, leaf)
    return leaf
  }
  const images = imagesOf(config)
  const logits = vit(rootScope({ param }), images, config)
  const loss = ops.sum(ops.softmaxCrossEntropy(logits, ops.input("targets", ["batch", config.classes])))
  const rate = ops.input("rate", [])
  const leaves = parameters.map(param)
  const [pixels, ...slopes] = gradients([loss], [images, ...leaves]) as [Tensor, ...Tensor[]]
  const outputs: Record<string, Tensor> = { loss, pixels }
  const updates: Record<string, Tensor> = {}
  for (const [i, { name }] of parameters.entries()) {
    const slope = slopes[i] as Tensor
    outputs[`norm:${name}`] = ops.sqrt(ops.sum(ops.square(slope)))
    updates[name] = ops.sub(leaves[i] as Tensor, ops.mul(slope, rate))
  }
  return graph({ outputs, updates })
}
