import {
  imageModel,
  type ModelConfig,
  type Preprocessing,
  type ProblemType,
  type Scoring,
  scoringOf,
} from "@vitrine/checkpoint"
import {
  type Backend,
  type CompileOptions,
  graph,
  type HostTensor,
  ops,
  type Programs,
  programs,
  type Scope,
  type Tensor,
  VitrineError,
} from "@vitrine/core"
import { applyTransforms, type Image } from "@vitrine/data"
import { type Admit, readAhead } from "@vitrine/data/internal"
import { checkFinite } from "../../finite.ts"
import { evaluationTransforms } from "./preprocessing.ts"
import { type TapShape, tapGraph, tapShapes } from "../../taps.ts"

/** A class and its score. */
export interface Prediction {
  /** The index of the class. */
  readonly index: number
  readonly label: string
  /**
   * The softmax over all classes. It is the sigmoid of the class's logit if the model has one output, or if its
   * `problemType` is "multi_label_classification". It is the output itself if the `problemType` is "regression".
   */
  readonly probability: number
}

/** A trained classifier. `Input` is the platform's type of an image. */
export interface Model<Input> {
  /** The configuration. Its `family` distinguishes Vision Transformers from ResNets. */
  readonly config: ModelConfig
  /** A name for each class. */
  readonly labels: readonly string[]
  /** The meaning of the outputs, or null if the model's files do not tell it. */
  readonly problemType: ProblemType | null
  readonly preprocessing: Preprocessing
  /** Facts that the files leave open or that Vitrine assumes, a line each. */
  readonly notes: readonly string[]
  readonly backend: Backend
  /** The `top` most probable classes (5 by default), most probable first. */
  predict(image: Input, options?: { readonly top?: number }): Promise<Prediction[]>
  /** The logits of each image, `[classes]`, computed as one batch. */
  logits(images: readonly Input[]): Promise<Float32Array[]>
  /** The pooled features of an image, `[dim]`, which are the head's input. */
  embed(image: Input): Promise<Float32Array>
  /** The pooled features of each image, computed as one batch. */
  features(images: readonly Input[]): Promise<Float32Array[]>
  /**
   * Intermediate values by the names of the model's taps, such as `patch_embed.patches` or `blocks.0.attn.weights`. The
   * first dimension of each is 1.
   * @throws VitrineError (config) for a name that the model does not have
   */
  inspect(image: Input, taps: readonly string[]): Promise<Record<string, HostTensor>>
  /** The names that `inspect` accepts, in the order of computation, with the shapes of the values. */
  taps(): TapShape[]
  /**
   * Weights by their names in timm, such as `patch_embed.proj.weight` or `pos_embed`.
   * @throws VitrineError (config) for a name that the model does not have
   */
  parameters(names: readonly string[]): Promise<Record<string, HostTensor>>
  /** An image as the model gets it, resized and cropped, but not normalised. */
  view(image: Input): Promise<Image>
  /** Releases the programs, and the backend if it was opened for this model. */
  close(): Promise<void>
}

export interface ModelParts<Input> {
  readonly config: ModelConfig
  readonly labels: readonly string[] | null
  readonly problemType?: ProblemType | null | undefined
  readonly preprocessing: Preprocessing
  readonly notes?: readonly string[] | undefined
  readonly constants: NonNullable<CompileOptions["constants"]>
  readonly backend: Backend
  readonly decode: (image: Input, admit?: Admit) => Promise<Image>
  readonly close: () => Promise<void>
}

export function createModel<Input>(parts: ModelParts<Input>): Model<Input> {
  const { config, preprocessing, constants, backend, decode } = parts
  const labels = parts.labels ?? Array.from({ length: config.classes }, (_, i) => String(i))
  if (labels.length !== config.classes)
    throw new VitrineError("config", `the model has ${config.classes} classes, but ${labels.length} labels`)
  const { problemType = null } = parts
  const transforms = evaluationTransforms(preprocessing, config)
  const imageLength = config.imageSize[0] * config.imageSize[1] * config.channels
  const compiled = new Map<string, Programs>()
  const forward = (scope: Scope): Tensor =>
    imageModel(config).forward(scope, ops.input("images", ["batch", ...config.imageSize, config.channels]))

  const batchOf = async (images: readonly Input[]): Promise<Float32Array> => {
    const batch = new Float32Array(images.length * imageLength)
    let row = 0
    for await (const [image, pixels] of readAhead(images, decode)) {
      const { data } = naming(image, () => applyTransforms(pixels, transforms))
      batch.set(data, row * imageLength)
      row++
    }
    return batch
  }
  const run = async (images: readonly Input[], taps: readonly string[]): Promise<Record<string, HostTensor>> => {
    const key = taps.join()
    const program = compiled.get(key) ?? programs(backend, tapGraph(taps, forward), { constants })
    compiled.set(key, program)
    // Images are decoded while the program is compiled.
    const [data, ready] = await Promise.all([batchOf(images), program.at(images.length)])
    return ready.run({ images: data })
  }
  /** The value of a tap for each image. */
  const rowsOf = async (images: readonly Input[], tap: string): Promise<Float32Array[]> => {
    const value = (await run(images, [tap]))[tap]
    if (value === undefined) throw new VitrineError("backend", `${backend.name} has not computed ${tap}`)
    checkFinite(value.data)
    const width = value.data.length / images.length
    return images.map((_, i) => Float32Array.from(value.data.slice(i * width, (i + 1) * width)))
  }
  const logits = async (images: readonly Input[]): Promise<Float32Array[]> => {
    if (config.classes === 0) throw new VitrineError("config", "the model has no classes to predict; use embed")
    return rowsOf(images, "logits")
  }
  const features = (images: readonly Input[]): Promise<Float32Array[]> => rowsOf(images, "pooled")
  return {
    config,
    labels,
    problemType,
    preprocessing,
    notes: parts.notes ?? [],
    backend,
    logits,
    async predict(image, { top = 5 } = {}) {
      const [row = new Float32Array()] = await logits([image])
      return topPredictions(row, labels, top, problemType)
    },
    features,
    async embed(image) {
      const [row = new Float32Array()] = await features([image])
      return row
    },
    inspect: (image, taps) => run([image], taps),
    taps: () => tapShapes(forward),
    parameters: (names) => readParameters(names, parts),
    async view(image) {
      const { data, shape } = applyTransforms(await decode(image), transforms.slice(0, -1))
      const [height, width, channels] = shape
      const pixels = Uint8Array.from(data, (x) => Math.min(255, Math.max(0, Math.round(255 * x))))
      return { width, height, channels: channels === 1 ? 1 : 3, data: pixels }
    },
    close: async () => {
      for (const program of compiled.values()) await program.dispose()
      await parts.close()
    },
  }
}

/** Adds the file of an image to errors. */
function naming<T>(image: unknown, make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (typeof image !== "string" || !VitrineError.isInstance(error)) throw error
    throw new VitrineError(error.kind, `${image}: ${error.message}`, { cause: error })
  }
}

/**
 * The classes with the highest scores, highest first.
 * @param problemType the meaning of the logits, as in transformers' `problem_type`
 */
export function topPredictions(
  logits: Float32Array,
  labels: readonly string[],
  top: number,
  problemType: ProblemType | null = null,
): Prediction[] {
  const scores = scorings[scoringOf(problemType, logits.length)](logits)
  return Array.from(scores, (probability, index) => ({ index, label: labels[index] ?? String(index), probability }))
    .sort((a, b) => b.probability - a.probability || a.index - b.index)
    .slice(0, top)
}

const scorings: Readonly<Record<Scoring, (logits: Float32Array) => Iterable<number>>> = {
  softmax(logits) {
    const largest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
    const weights = Float64Array.from(logits, (z) => Math.exp(z - largest))
    const total = weights.reduce((a, b) => a + b, 0)
    return weights.map((weight) => weight / total)
  },
  sigmoid: (logits) => Float64Array.from(logits, (z) => 1 / (1 + Math.exp(-z))),
  none: (logits) => logits,
}

/** Reads weights from the backend. */
async function readParameters(
  names: readonly string[],
  { config, backend, constants }: Pick<ModelParts<never>, "config" | "backend" | "constants">,
): Promise<Record<string, HostTensor>> {
  const shapes = new Map(imageModel(config).parameters.map(({ name, shape }) => [name, shape]))
  const outputs = names.map((name) => {
    const shape = shapes.get(name)
    if (shape === undefined) throw new VitrineError("config", `the model has no parameter named "${name}"`)
    return [name, ops.state(name, shape)] as const
  })
  const program = await backend.compile(graph({ outputs: Object.fromEntries(outputs) }), { constants })
  try {
    return await program.run({})
  } finally {
    await program.dispose()
  }
}
