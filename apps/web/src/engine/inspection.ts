import {
  firstConvolution,
  type HostTensor,
  patchGrid,
  patchPixels,
  VitrineError,
  type ViTConfig,
  vitParameters,
  parameterCount,
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
import { type ImageInput, load, type Model, onlyViT, type Prediction, topPredictions } from "vitrine/web"
import type { Entry } from "./archive.ts"
import { sharedBackend, surviving } from "./backend.ts"
import { openFolder } from "./disk.ts"
import { droppedModel, type ModelBlobs, publishedModel } from "./models.ts"
import { colored, rgba } from "./pixels.ts"

/** Where a model comes from: the guide's, a run of this device, or dropped files. */
export type Source =
  | { readonly kind: "guide" }
  | { readonly kind: "run"; readonly name: string }
  | { readonly kind: "files"; readonly entries: readonly Entry[] }

/** What a reader may know better than the files. */
export interface OpenOptions {
  /** Attention heads, which weights alone do not tell. */
  readonly heads?: number
  /** Side of the pictures in pixels; positions are resized. */
  readonly side?: number
}

export interface Inspected {
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

/** One picture in a model. */
export interface Seen {
  /** The picture as the model is given it, RGB bytes. */
  readonly pixels: Uint8Array
  readonly predictions: readonly Prediction[]
  /** Mean distance that each head looks, in pixels: `[depth][heads]`. */
  readonly distance: readonly (readonly number[])[]
}

/** Attention as a number for each patch. */
export interface Looks {
  /** `[depth][heads]` */
  readonly heads: readonly (readonly Float32Array[])[]
  readonly rollout: Float32Array
}

export interface Filters {
  /** RGB bytes of each component, `[height, width, 3]`; grey is 0. */
  readonly pictures: readonly Uint8Array[]
  readonly side: readonly [height: number, width: number]
  readonly explained: readonly number[]
}

export type Slot = "a" | "b"

export interface Inspection {
  open(slot: Slot, source: Source, options?: OpenOptions): Promise<Inspected>
  see(slot: Slot, picture: Blob | ImageData): Promise<Seen>
  /** Of the picture seen last. */
  looks(slot: Slot, query: Query | null): Promise<Looks>
  filters(slot: Slot): Promise<Filters>
  /** Cosine of each position with each, `[patches, patches]`. */
  positions(slot: Slot): Promise<Float32Array>
  /** Colours of the patches of some pictures by their features, RGB bytes `[rows, columns, 3]` each. */
  features(slot: Slot, pictures: readonly (Blob | ImageData)[]): Promise<Uint8Array[]>
  /** A built-in drawing. */
  drawing(label: number, seed: number): Promise<ImageData>
  close(slot: Slot): Promise<void>
}

interface Held {
  readonly files: ModelBlobs["files"]
  readonly options: OpenOptions
  readonly model: Model<ImageInput>
  readonly config: ViTConfig
  weights?: readonly HostTensor[]
}

/** More numbers of attention than this are not kept for all blocks and heads at once. */
const mostWeights = 2 ** 27

/** The configuration of a model that has attention to look into; any other is closed. */
async function attentive(model: Model<ImageInput>): Promise<ViTConfig> {
  try {
    return onlyViT(model.config, "looking into attention")
  } catch (error) {
    await model.close()
    throw error
  }
}

export function createInspection(guideFolder: string): Inspection {
  const slots = new Map<Slot, Held>()
  /** Slots whose models lived on a device that is gone. */
  const gone = new Set<Slot>()
  const held = (slot: Slot): Held => {
    const found = slots.get(slot)
    if (found === undefined) throw new VitrineError("config", "no model is open")
    return found
  }
  const onModel = <T>(slot: Slot, work: (own: Held) => Promise<T>): Promise<T> =>
    surviving(
      async () => {
        if (gone.has(slot)) {
          const { files, options } = held(slot)
          slots.set(slot, { files, options, ...(await opened(files, options)) })
          gone.delete(slot)
        }
        return work(held(slot))
      },
      () => {
        for (const each of slots.keys()) gone.add(each)
      },
    )
  const gridOf = ({ config }: Held): { rows: number; columns: number } => {
    const [rows, columns] = patchGrid(config)
    return { rows, columns }
  }
  const close = async (slot: Slot): Promise<void> => {
    if (!gone.delete(slot)) await slots.get(slot)?.model.close()
    slots.delete(slot)
  }
  return {
    async open(slot, source, options = {}) {
      const blobs = await filesOf(source, guideFolder)
      const { model, config } = await opened(blobs.files, options)
      await close(slot)
      slots.set(slot, { files: blobs.files, options, model, config })
      return {
        name: blobs.name,
        notes: model.notes,
        classes: config.classes,
        parameters: parameterCount(vitParameters(config)),
        imageSize: config.imageSize,
        patchSize: patchPixels(config),
        grid: patchGrid(config),
        dim: config.dim,
        depth: config.depth,
        heads: config.heads,
        hasPositions: config.positions !== "none",
        hasClassToken: config.classToken,
      }
    },
    see: (slot, picture) =>
      onModel(slot, async (own) => {
        const { model, config } = own
        const { labels } = model
        const grid = gridOf(own)
        if (config.depth * config.heads * (grid.rows * grid.columns + 1) ** 2 > mostWeights)
          throw new VitrineError("config", "the attention of this model takes over 512 MiB for one picture")
        const image = await decodeImage(picture)
        const names = Array.from({ length: config.depth }, (_, i) => `blocks.${i}.attn.weights`)
        const taps = [...(config.classes > 0 ? ["logits"] : []), ...names]
        const found = await model.inspect(image, taps)
        const weights = names.map((name) => found[name] as HostTensor)
        own.weights = weights
        const logits = found.logits?.data as Float32Array | undefined
        return {
          pixels: colored(await model.view(image)),
          predictions: logits === undefined ? [] : topPredictions(logits, labels, 5),
          distance: weights.map((block) => [...attentionDistance(block, { grid, patchSize: patchPixels(config) })]),
        }
      }),
    async looks(slot, query) {
      const own = held(slot)
      const { weights, config } = own
      if (weights === undefined) throw new VitrineError("config", "no picture has been seen")
      const grid = gridOf(own)
      const asked = query === null ? {} : { query }
      return {
        heads: weights.map((block) =>
          Array.from({ length: config.heads }, (_, head) => attentionMap(block, { grid, head, ...asked }).values),
        ),
        rollout: attentionRollout(weights, { grid, ...asked }).values,
      }
    },
    async filters(slot) {
      const { model, config } = held(slot)
      const name = `${firstConvolution(config)}.weight`
      const weight = (await model.parameters([name]))[name] as HostTensor
      const found = filterComponents(weight, Math.min(28, config.dim))
      const { count, height, width, components, explained } = found
      const each = height * width * found.channels
      const pictures = Array.from({ length: count }, (_, i) => {
        const own = components.subarray(i * each, (i + 1) * each)
        const most = own.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12)
        return Uint8Array.from({ length: height * width * 3 }, (_, at) => {
          const from = found.channels === 3 ? at : Math.floor(at / 3)
          return Math.round(127.5 + (127.5 * (own[from] as number)) / most)
        })
      })
      return { pictures, side: [height, width], explained: [...explained] }
    },
    async positions(slot) {
      const own = held(slot)
      const { pos_embed } = await own.model.parameters(["pos_embed"])
      return positionSimilarity(pos_embed as HostTensor, gridOf(own)).values
    },
    features: (slot, pictures) =>
      onModel(slot, async (own) => {
        const grid = gridOf(own)
        const tap = `blocks.${own.config.depth - 1}.residual2`
        const all: HostTensor[] = []
        for (const picture of pictures)
          all.push((await own.model.inspect(await decodeImage(picture), [tap]))[tap] as HostTensor)
        const { colors, images } = featureColors(all, grid)
        const each = colors.length / images
        return Array.from({ length: images }, (_, i) =>
          Uint8Array.from(colors.subarray(i * each, (i + 1) * each), (share) => Math.round(255 * share)),
        )
      }),
    async drawing(label, seed) {
      const { data, width, height } = drawShape(label, [0x6775, seed])
      return rgba(data, width, height)
    },
    close,
  }
}

async function opened(
  files: ModelBlobs["files"],
  { heads, side }: OpenOptions,
): Promise<Pick<Held, "model" | "config">> {
  const model = await load(Object.fromEntries(files), {
    backend: await sharedBackend(),
    ...(heads === undefined ? {} : { heads }),
    ...(side === undefined ? {} : { imageSize: side }),
  })
  return { model, config: await attentive(model) }
}

async function filesOf(source: Source, guideFolder: string): Promise<ModelBlobs> {
  if (source.kind === "files") return droppedModel(source.entries)
  if (source.kind === "guide") return { name: "guide", files: await publishedModel(guideFolder) }
  const files = await (await openFolder(source.name)).read()
  const model = new Map<string, Blob>()
  for (const file of ["config.json", "model.safetensors"])
    if (files[file] !== undefined) model.set(file, new Blob([files[file] as Uint8Array<ArrayBuffer>]))
  return { name: source.name, files: model }
}
