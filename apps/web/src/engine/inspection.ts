import {
  firstConvolution,
  type HostTensor,
  parameterCount,
  patchGrid,
  patchPixels,
  positionTable,
  VitrineError,
  type ViTConfig,
  vitParameters,
} from "@vitrine/core"
import { drawShape } from "@vitrine/data"
import { decodeImage } from "@vitrine/data/web"
import {
  attentionDistance,
  attentionMap,
  attentionRollout,
  featureColors,
  filterComponents,
  positionSimilarity,
  type Query,
} from "@vitrine/interpret"
import { type ImageInput, load, type Model, attentionConfig, type Prediction, topPredictions } from "vitrine/web"
import { entryOf } from "../checked.ts"
import type { Entry } from "./archive.ts"
import { retryOnNewDevice, sharedBackend } from "./backend.ts"
import { openFolder } from "./disk.ts"
import { droppedModel, type ModelFiles, publishedModel } from "./model-files.ts"
import { ownView, type PictureView } from "./own-view.ts"
import { imageData } from "./pixels.ts"
import type { Slot } from "./slot.ts"
import { valuesOf } from "./values.ts"

/** The source of a model: the guide, a run on this device, or dropped files. */
export type ModelOrigin =
  | { readonly kind: "guide" }
  | { readonly kind: "run"; readonly name: string }
  | { readonly kind: "files"; readonly entries: readonly Entry[] }

/** Settings of the reader that replace those of the files. */
export interface ModelOptions {
  /** The number of attention heads, which weights do not determine. */
  readonly heads?: number
  /** The name of the model in timm, if several models have the same names of tensors. */
  readonly architecture?: string
  /** The side of the pictures in pixels. Position embeddings are resized to it. */
  readonly side?: number
}

export interface ModelSummary {
  readonly name: string
  readonly notes: readonly string[]
  readonly classes: number
  readonly parameters: number
  readonly imageSize: readonly [number, number]
  readonly patchSize: readonly [number, number]
  readonly grid: readonly [rows: number, columns: number]
  readonly dim: number
  readonly depth: number
  readonly heads: number
  readonly hasPositions: boolean
  readonly hasClassToken: boolean
}

/** The predictions and figures of a model for one picture. */
export interface PictureInspection {
  /** The part of the picture that the model receives, at the resolution of the picture. */
  readonly view: PictureView
  readonly predictions: readonly Prediction[]
  /** The mean distance in pixels over which each head attends: `[depth][heads]`. */
  readonly distance: readonly (readonly number[])[]
}

/** Attention as a number for each patch. */
export interface AttentionMaps {
  /** `[depth][heads]` */
  readonly heads: readonly (readonly Float32Array[])[]
  readonly rollout: Float32Array
}

export interface FilterPictures {
  /** RGB bytes of each component, `[height, width, 3]`; grey is 0. */
  readonly pictures: readonly Uint8Array[]
  readonly side: readonly [height: number, width: number]
  /** The share of the variance that each component explains. */
  readonly explained: readonly number[]
}

export interface Inspection {
  open(slot: Slot, origin: ModelOrigin, options?: ModelOptions): Promise<ModelSummary>
  inspect(slot: Slot, picture: Blob | ImageData): Promise<PictureInspection>
  /** The attention of `query` in the last picture. */
  attention(slot: Slot, query: Query | null): Promise<AttentionMaps>
  filters(slot: Slot): Promise<FilterPictures>
  /** The cosine similarity of each position with each, `[patches, patches]`. */
  positions(slot: Slot): Promise<Float32Array>
  /** The features of some pictures' patches as colours, RGB bytes `[rows, columns, 3]` for each picture. */
  features(slot: Slot, pictures: readonly (Blob | ImageData)[]): Promise<Uint8Array[]>
  /** A built-in drawing. */
  drawing(label: number, seed: number): Promise<ImageData>
  close(slot: Slot): Promise<void>
}

interface OpenModel {
  readonly files: ModelFiles["files"]
  readonly options: ModelOptions
  readonly model: Model<ImageInput>
  readonly config: ViTConfig
  /** The attention weights of the last picture, one tensor for each block. */
  weights?: readonly HostTensor[]
}

/** The greatest number of attention weights that are kept for a picture. */
const mostWeights = 2 ** 27

export function createInspection(guideFolder: string): Inspection {
  const models = new Map<Slot, OpenModel>()
  /** The slots whose models were on a device that is lost. */
  const lostSlots = new Set<Slot>()
  const modelIn = (slot: Slot): OpenModel => {
    const model = models.get(slot)
    if (model === undefined) throw new VitrineError("config", "no model is open")
    return model
  }
  const onModel = <T>(slot: Slot, work: (open: OpenModel) => Promise<T>): Promise<T> =>
    retryOnNewDevice(
      async () => {
        if (lostSlots.has(slot)) {
          const { files, options } = modelIn(slot)
          models.set(slot, await openModel(files, options))
          lostSlots.delete(slot)
        }
        return work(modelIn(slot))
      },
      () => {
        for (const slot of models.keys()) lostSlots.add(slot)
      },
    )
  const close = async (slot: Slot): Promise<void> => {
    if (!lostSlots.delete(slot)) await models.get(slot)?.model.close()
    models.delete(slot)
  }
  return {
    async open(slot, origin, options = {}) {
      const { name, files } = await modelFiles(origin, guideFolder)
      const next = await openModel(files, options)
      await close(slot)
      models.set(slot, next)
      const { model, config } = next
      return {
        name,
        notes: model.notes,
        classes: config.classes,
        parameters: parameterCount(vitParameters(config)),
        imageSize: config.imageSize,
        patchSize: patchPixels(config),
        grid: patchGrid(config),
        dim: config.dim,
        depth: config.depth,
        heads: config.heads,
        hasPositions: positionTable(config) !== null,
        hasClassToken: config.classToken,
      }
    },
    inspect: (slot, picture) =>
      onModel(slot, async (open) => {
        const { model, config } = open
        const grid = gridOf(open)
        if (config.depth * config.heads * (grid.rows * grid.columns + 1) ** 2 > mostWeights)
          throw new VitrineError("config", "the attention of this model takes over 512 MiB for one picture")
        const image = await decodeImage(picture)
        const names = Array.from({ length: config.depth }, (_, i) => `blocks.${i}.attn.weights`)
        const taps = await model.inspect(image, [...(config.classes > 0 ? ["logits"] : []), ...names])
        const weights = names.map((name) => entryOf(taps, name))
        open.weights = weights
        return {
          view: await ownView(model, image),
          predictions:
            config.classes > 0 ? topPredictions(valuesOf(taps, "logits").data, model.labels, 5, model.problemType) : [],
          distance: weights.map((block) => [...attentionDistance(block, { grid, patchSize: patchPixels(config) })]),
        }
      }),
    async attention(slot, query) {
      const open = modelIn(slot)
      const { weights, config } = open
      if (weights === undefined) throw new VitrineError("config", "no picture has been inspected")
      const options = { grid: gridOf(open), ...(query === null ? {} : { query }) }
      return {
        heads: weights.map((block) =>
          Array.from({ length: config.heads }, (_, head) => attentionMap(block, { ...options, head }).values),
        ),
        rollout: attentionRollout(weights, options).values,
      }
    },
    async filters(slot) {
      const { model, config } = modelIn(slot)
      const name = `${firstConvolution(config)}.weight`
      const weight = entryOf(await model.parameters([name]), name)
      const { count, height, width, channels, components, explained } = filterComponents(
        weight,
        Math.min(28, config.dim),
      )
      const size = height * width * channels
      const pictures = Array.from({ length: count }, (_, i) =>
        filterPicture(components.subarray(i * size, (i + 1) * size), channels),
      )
      return { pictures, side: [height, width], explained: [...explained] }
    },
    async positions(slot) {
      const open = modelIn(slot)
      const parameters = await open.model.parameters(["pos_embed"])
      return positionSimilarity(entryOf(parameters, "pos_embed"), gridOf(open)).values
    },
    features: (slot, pictures) =>
      onModel(slot, async (open) => {
        const tap = `blocks.${open.config.depth - 1}.residual2`
        const tokens: HostTensor[] = []
        for (const picture of pictures) {
          const taps = await open.model.inspect(await decodeImage(picture), [tap])
          tokens.push(entryOf(taps, tap))
        }
        const { colors, images } = featureColors(tokens, gridOf(open))
        const size = colors.length / images
        return Array.from({ length: images }, (_, i) =>
          Uint8Array.from(colors.subarray(i * size, (i + 1) * size), (share) => Math.round(255 * share)),
        )
      }),
    async drawing(label, seed) {
      const { data, width, height } = drawShape(label, [0x6775, seed])
      return imageData(data, width, height)
    },
    close,
  }
}

function gridOf({ config }: OpenModel): { rows: number; columns: number } {
  const [rows, columns] = patchGrid(config)
  return { rows, columns }
}

/** A component as RGB bytes. Grey is 0, and the largest magnitude has full colour. */
function filterPicture(weights: ArrayLike<number>, channels: number): Uint8Array {
  const values = Array.from(weights)
  const largest = values.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12)
  const bytes = values.map((value) => Math.round(127.5 + (127.5 * value) / largest))
  return Uint8Array.from(channels === 3 ? bytes : bytes.flatMap((grey) => [grey, grey, grey]))
}

/** @throws VitrineError (config) for a model without attention; the model is closed again */
async function openModel(files: ModelFiles["files"], options: ModelOptions): Promise<OpenModel> {
  const { architecture, heads, side } = options
  const model = await load(Object.fromEntries(files), {
    backend: await sharedBackend(),
    architecture,
    ...(heads === undefined ? {} : { heads }),
    ...(side === undefined ? {} : { imageSize: side }),
  })
  try {
    return { files, options, model, config: attentionConfig(model.config, "looking into attention") }
  } catch (error) {
    await model.close()
    throw error
  }
}

async function modelFiles(origin: ModelOrigin, guideFolder: string): Promise<ModelFiles> {
  switch (origin.kind) {
    case "files":
      return droppedModel(origin.entries)
    case "guide":
      return { name: "guide", files: await publishedModel(guideFolder) }
    case "run":
      return { name: origin.name, files: await runModel(origin.name) }
  }
}

/** The model of a run on the disk. */
async function runModel(run: string): Promise<ModelFiles["files"]> {
  const files = await (await openFolder(run)).read()
  return new Map(
    ["config.json", "model.safetensors"].flatMap((name): [string, Blob][] => {
      const bytes = files[name]
      return bytes === undefined ? [] : [[name, new Blob([bytes])]]
    }),
  )
}
