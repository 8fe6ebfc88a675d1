import {
  type Backend,
  graph,
  ops,
  patchGrid,
  rootScope,
  type State,
  type Tensor,
  type ViTConfig,
  vit,
  vitParameters,
} from "@vitrine/core"
import { applyTransforms, type Dataset } from "@vitrine/data"
import { attentionMap } from "@vitrine/interpret"
import { evaluationTransforms, type Preprocessing, topPredictions } from "vitrine/web"
import { elementAt, entryOf } from "../checked.ts"
import { valuesOf } from "./values.ts"

/** A picture, its prediction, and the attention of the last block. */
export interface Sample {
  /** `[height, width, 3]`, as the model receives it. */
  readonly pixels: Uint8Array
  readonly width: number
  readonly height: number
  readonly label: string
  readonly predicted: string
  readonly probability: number
  /** The attention of the last block, a number for each patch. */
  readonly attention: Float32Array
  readonly grid: readonly [rows: number, columns: number]
}

export interface Sampler {
  /** Predicts the same pictures with other parameters. */
  predict(parameters: (name: string) => Float32Array): Promise<Sample[]>
  close(): Promise<void>
}

/** Predicts some pictures of a data set with a model in training. It takes pictures of each class in turn. */
export async function createSampler(
  backend: Backend,
  config: ViTConfig,
  preprocessing: Preprocessing,
  dataset: Dataset,
  count: number,
): Promise<Sampler> {
  const indices = spread(dataset, count)
  const size = config.imageSize[0] * config.imageSize[1] * config.channels
  const images = new Float32Array(indices.length * size)
  const transforms = evaluationTransforms(preprocessing, config)
  for (const [i, index] of indices.entries())
    images.set(applyTransforms(await dataset.read(index), transforms).data, i * size)
  const tap = `blocks.${config.depth - 1}.attn.weights`
  const outputs: Record<string, Tensor> = {}
  const scope = rootScope({ taps: ["logits", tap], onTap: (name, t) => void (outputs[name] = t) })
  vit(scope, ops.input("images", ["batch", ...config.imageSize, config.channels]), config)
  const program = await backend.compile(graph({ outputs }), { batch: indices.length })
  const parameters = vitParameters(config)
  let state: State | undefined
  const [rows, columns] = patchGrid(config)
  const [height, width] = config.imageSize
  const pictures = indices.map((index, i) => ({
    pixels: rgbPixels(images.subarray(i * size, (i + 1) * size), config.channels, preprocessing),
    label: elementAt(dataset.classes, elementAt(dataset.labels, index)),
  }))
  return {
    async predict(parameter) {
      const values = Object.fromEntries(parameters.map(({ name }) => [name, parameter(name)]))
      const slots = Object.fromEntries(
        parameters.map(({ name, shape }) => [name, { shape, dtype: "float32" as const }]),
      )
      if (state === undefined) state = await backend.createState(slots, values)
      else for (const [name, data] of Object.entries(values)) await state.write(name, data)
      const results = await program.run({ images }, state)
      const logits = valuesOf(results, "logits").data
      const weights = entryOf(results, tap)
      return pictures.map(({ pixels, label }, i): Sample => {
        const [best] = topPredictions(logits.slice(i * config.classes, (i + 1) * config.classes), dataset.classes, 1)
        return {
          pixels,
          width,
          height,
          label,
          predicted: best?.label ?? "",
          probability: best?.probability ?? 0,
          attention: attentionMap(weights, { grid: { rows, columns }, image: i }).values,
          grid: [rows, columns],
        }
      })
    },
    async close() {
      await program.dispose()
      await state?.dispose()
    },
  }
}

/** Converts normalised values of 1 or 3 channels to RGB bytes. */
function rgbPixels(values: Float32Array, channels: number, { mean, std }: Preprocessing): Uint8Array {
  const bytes = Array.from(values, (value, i) =>
    Math.round(255 * (value * elementAt(std, i % channels) + elementAt(mean, i % channels))),
  )
  return Uint8Array.from(channels === 1 ? bytes.flatMap((grey) => [grey, grey, grey]) : bytes)
}

/** The indices of `count` examples. It takes the first ones of each class in turn. */
function spread({ labels, classes }: Dataset, count: number): number[] {
  const byClass = classes.map((): number[] => [])
  for (const [i, label] of labels.subarray(0, 2000).entries()) byClass[label]?.push(i)
  const longest = Math.max(...byClass.map(({ length }) => length))
  const rounds = Array.from({ length: longest }, (_, round) => byClass.flatMap((indices) => indices[round] ?? []))
  return rounds.flat().slice(0, count)
}
