import { attentionMap } from "@vitrine/interpret"
import {
  type Backend,
  graph,
  type HostTensor,
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
import { evaluationTransforms, type Preprocessing, topPredictions } from "vitrine/web"

/** A picture, what a model says about it, and where it looks. */
export interface Sample {
  /** `[height, width, 3]`, as the model sees it. */
  readonly pixels: Uint8Array
  readonly width: number
  readonly height: number
  readonly label: string
  readonly predicted: string
  readonly probability: number
  /** Attention of the last block, a number for each patch, and the patches down and across. */
  readonly attention: Float32Array
  readonly grid: readonly [rows: number, columns: number]
}

export interface Sampler {
  /** The same pictures through these parameters. */
  look(parameters: (name: string) => Float32Array): Promise<Sample[]>
  close(): Promise<void>
}

/** Some pictures of a data set, a class after the other, through a model that is being trained. */
export async function createSampler(
  backend: Backend,
  config: ViTConfig,
  preprocessing: Preprocessing,
  dataset: Dataset,
  count: number,
): Promise<Sampler> {
  const chosen = spread(dataset, count)
  const size = config.imageSize[0] * config.imageSize[1] * config.channels
  const images = new Float32Array(chosen.length * size)
  const transforms = evaluationTransforms(preprocessing, config)
  for (const [i, index] of chosen.entries())
    images.set(applyTransforms(await dataset.read(index), transforms).data, i * size)
  const tap = `blocks.${config.depth - 1}.attn.weights`
  const outputs: Record<string, Tensor> = {}
  const scope = rootScope({ taps: ["logits", tap], onTap: (name, t) => void (outputs[name] = t) })
  vit(scope, ops.input("images", ["batch", ...config.imageSize, config.channels]), config)
  const program = await backend.compile(graph({ outputs }), { batch: chosen.length })
  const parameters = vitParameters(config)
  let state: State | undefined
  const { mean, std } = preprocessing
  const [rows, columns] = patchGrid(config)
  const [height, width] = config.imageSize
  const seen = (at: number): Uint8Array =>
    Uint8Array.from({ length: height * width * 3 }, (_, i) => {
      const pixel = Math.floor(i / 3)
      const channel = config.channels === 1 ? 0 : i % 3
      const value = images[at * size + pixel * config.channels + channel] as number
      return Math.round(255 * (value * (std[channel] as number) + (mean[channel] as number)))
    })
  const pictures = chosen.map((_, at) => seen(at))
  return {
    async look(parameter) {
      const values = Object.fromEntries(parameters.map(({ name }) => [name, parameter(name)]))
      const slots = Object.fromEntries(
        parameters.map(({ name, shape }) => [name, { shape, dtype: "float32" as const }]),
      )
      if (state === undefined) state = await backend.createState(slots, values)
      else for (const [name, data] of Object.entries(values)) await state.write(name, data)
      const found = await program.run({ images }, state)
      const logits = found.logits?.data as Float32Array
      const weights = found[tap] as HostTensor
      return chosen.map((index, at): Sample => {
        const [best] = topPredictions(logits.slice(at * config.classes, (at + 1) * config.classes), dataset.classes, 1)
        return {
          pixels: pictures[at] as Uint8Array,
          width,
          height,
          label: dataset.classes[dataset.labels[index] as number] as string,
          predicted: best?.label ?? "",
          probability: best?.probability ?? 0,
          attention: attentionMap(weights, { grid: { rows, columns }, image: at }).values,
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

/** Indices of the first examples of each class in turn. */
function spread({ labels, classes }: Dataset, count: number): number[] {
  const byClass = classes.map((): number[] => [])
  for (let i = 0; i < Math.min(labels.length, 2000); i++) byClass[labels[i] as number]?.push(i)
  const found: number[] = []
  for (let round = 0; found.length < count && byClass.some((own) => own.length > round); round++)
    for (const own of byClass) if (own[round] !== undefined && found.length < count) found.push(own[round] as number)
  return found
}
