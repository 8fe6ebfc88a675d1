import { imageModel } from "@vitrine/checkpoint"
import { parameterCount, VitrineError } from "@vitrine/core"
import { applyTransforms, type Image, resize, toRgb } from "@vitrine/data"
import { mirrored } from "@vitrine/data/internal"
import { decodeImage } from "@vitrine/data/web"
import { type ImageInput, load, type Model, onnxFile, topPredictions, type WholeModel } from "vitrine/web"
import { fitHead, type LinearHead, modelFolder, withHead } from "vitrine/web/measure"
import { elementAt, valueIn } from "../checked.ts"
import { freeName } from "../free-name.ts"
import { type Entry, zipFolder } from "./archive.ts"
import { retryOnNewDevice, sharedBackend } from "./backend.ts"
import type { OwnPage } from "../own-page/own-page.ts"
import { droppedModel, type ModelFiles, publishedFile, publishedModel } from "./model-files.ts"
import { byteOf, imageData } from "./pixels.ts"

/** The model whose features a head reads. */
export interface BackboneSummary {
  readonly name: string
  readonly parameters: number
  /** The side of the pictures in pixels. */
  readonly side: number
  /** The licence and the source of the site's backbone, as far as they are known. */
  readonly licence: string
  readonly data: string
}

/** A picture of a class. Pictures of one press of the camera's button are no evidence for each other. */
export interface TaughtPicture {
  readonly id: string
  readonly press: number
}

export interface TaughtClass {
  readonly name: string
  readonly pictures: readonly TaughtPicture[]
}

/** What a head has learned. */
export interface Lesson {
  /** The classes that it tells apart. */
  readonly classes: readonly string[]
  /** The share of right guesses on pictures that were held out, or null where there are too few groups. */
  readonly accuracy: number | null
  /** The smallest number of groups of a class. */
  readonly groups: number
  /** The class that was guessed of each held-out picture, by its id. */
  readonly guesses: Readonly<Record<string, string>>
  readonly milliseconds: number
}

/** A class and its probability for a picture. */
export interface Guess {
  readonly label: string
  readonly probability: number
}

export interface Teaching {
  /** Facts of the site's backbone, which is fetched with the first picture. */
  about(): Promise<BackboneSummary>
  /** Opens a model of the reader in its place. Pictures stay, and their features are computed again. */
  open(entries: readonly Entry[]): Promise<BackboneSummary>
  /** The files of the backbone. */
  files(): Promise<readonly Entry[]>
  /**
   * Reads a picture and computes its features, and returns a small copy of it.
   * @throws VitrineError (file) for a picture that cannot be read
   */
  add(id: string, picture: Blob | ImageData): Promise<ImageData>
  /** Computes the features of some mirror images, and returns how many pictures still need theirs. */
  mirror(ids: readonly string[]): Promise<number>
  /** Fits a head to the pictures. Pictures that are not ready are left out. Returns null with fewer than two classes. */
  fit(classes: readonly TaughtClass[]): Promise<Lesson | null>
  /** Guesses the class of a picture, most probable first. */
  guess(picture: Blob | ImageData): Promise<Guess[]>
  /** The taught model as a zip of its folder. With `pictures` it holds them too, a folder for each class. */
  folder(name: string, pictures: readonly TaughtClass[]): Promise<Uint8Array<ArrayBuffer>>
  onnx(): Promise<Blob>
  /** A page with the taught model in it. */
  page(texts: Omit<OwnPage, "classes">): Promise<string>
}

interface KnownPicture {
  readonly source: Blob | ImageData
  readonly thumb: ImageData
  /** The content of the picture as a short text. */
  readonly content: string
  /** The picture's colours at a few places, with mean 0 and length 1. */
  readonly glance: Float32Array
}

/** The features of a picture and of its mirror image. */
interface PictureFeatures {
  readonly plain: Float32Array
  mirrored?: Float32Array
}

/**
 * Pictures whose glances have a higher cosine are nearly the same. No two of 1,000 test images of CIFAR-10 have; copies in
 * other sizes, in other JPEG qualities or without 3 % at each side do.
 */
const nearlySame = 0.95

/** The sides of the small copy that the page shows, and of a glance. */
const [thumbSide, glanceSide] = [112, 12]

/** A page computes in plain TypeScript. A model with more parameters would take many seconds for a picture. */
const mostInPage = 8e6

/** The number of mirror images in a batch. */
const mirrorsAtOnce = 4

/**
 * Teaches a frozen model new classes from a few pictures: a linear head reads its features.
 * @param folder the address of the site's backbone
 */
export function createTeaching(folder: string): Teaching {
  let files: ModelFiles | undefined
  let opening: Promise<Model<ImageInput>> | undefined
  /** A number for the backbone in the keys of features: some may still be computed by the former one. */
  let turn = 0
  let taught: { readonly head: LinearHead; readonly labels: readonly string[] } | undefined
  const pictures = new Map<string, KnownPicture>()
  const features = new Map<string, PictureFeatures>()

  const model = async (): Promise<Model<ImageInput>> => {
    files ??= { name: "", files: await publishedModel(folder) }
    opening ??= openBackbone(files).catch((error: unknown) => {
      opening = undefined
      throw error
    })
    return opening
  }
  const onModel = <T>(work: (model: Model<ImageInput>) => Promise<T>): Promise<T> =>
    retryOnNewDevice(
      async () => work(await model()),
      () => {
        opening = undefined
      },
    )
  const featuresOf = (id: string): PictureFeatures | undefined => features.get(`${turn} ${pictures.get(id)?.content}`)
  const compute = async (id: string, decoded?: Image): Promise<void> => {
    const { source, content } = pictureOf(id)
    const key = `${turn} ${content}`
    if (features.has(key)) return
    const image = decoded ?? (await decodeImage(source))
    features.set(key, { plain: await onModel((open) => open.embed(image)) })
  }
  const pictureOf = (id: string): KnownPicture => {
    const picture = pictures.get(id)
    if (picture === undefined) throw new VitrineError("config", "this picture has not been added")
    return picture
  }
  const whole = async (): Promise<WholeModel> => {
    if (taught === undefined) throw new VitrineError("config", "two classes with pictures are needed first")
    const { head, labels } = taught
    return onModel(async (open) => withHead(await wholeModel(open), head, labels))
  }
  return {
    async about() {
      const facts: unknown = JSON.parse(await (await publishedFile(folder, "about.json")).text())
      return {
        name: textIn(facts, "name"),
        parameters: Number(valueIn(facts, "parameters")),
        side: Number(valueIn(facts, "side")),
        licence: textIn(facts, "licence"),
        data: textIn(facts, "data"),
      }
    },
    async open(entries) {
      const next = await droppedModel(entries)
      const opened = await openBackbone(next)
      const last = opening
      files = next
      opening = Promise.resolve(opened)
      turn++
      features.clear()
      taught = undefined
      await (await last?.catch(() => undefined))?.close()
      const { config } = opened
      const parameters = parameterCount(imageModel(config).parameters)
      return { name: next.name, parameters, side: Math.max(...config.imageSize), licence: "", data: "" }
    },
    async files() {
      await model()
      return [...(files?.files ?? [])]
    },
    async add(id, source) {
      const image = await decodeImage(source)
      const picture = { source, thumb: thumbOf(image), content: contentOf(image), glance: glanceOf(image) }
      pictures.set(id, picture)
      await compute(id, image)
      return picture.thumb
    },
    async mirror(ids) {
      const waiting = ids.filter((id) => {
        const known = featuresOf(id)
        return known !== undefined && known.mirrored === undefined
      })
      const some = waiting.slice(0, mirrorsAtOnce)
      if (some.length === 0) return 0
      const images = await Promise.all(some.map(async (id) => mirrored(await decodeImage(pictureOf(id).source))))
      const rows = await onModel((open) => open.features(images))
      for (const [i, id] of some.entries()) {
        const known = featuresOf(id)
        if (known !== undefined) known.mirrored = elementAt(rows, i)
      }
      return waiting.length - some.length
    },
    async fit(classes) {
      const start = performance.now()
      for (const { pictures: some } of classes) for (const { id } of some) if (pictures.has(id)) await compute(id)
      const ready = classes.map(({ name, pictures: some }) => ({
        name,
        pictures: some.filter(({ id }) => featuresOf(id) !== undefined),
      }))
      const present = ready.filter(({ pictures: some }) => some.length > 0)
      if (present.length < 2) {
        taught = undefined
        return null
      }
      const all = present.flatMap(({ pictures: some }, label) => some.map((picture) => ({ ...picture, label })))
      const groups = groupsOf(all.map(({ id, press }) => ({ press, glance: pictureOf(id).glance })))
      const rows = all.flatMap(({ id, label }, i) => {
        const known = featuresOf(id)
        if (known === undefined) return []
        const row = (values: Float32Array | undefined, isMirror: boolean) =>
          values === undefined ? [] : [{ values, label, group: elementAt(groups, i), id, isMirror }]
        return [...row(known.plain, false), ...row(known.mirrored, true)]
      })
      const width = rows[0]?.values.length ?? 0
      const values = new Float32Array(rows.length * width)
      for (const [i, row] of rows.entries()) values.set(row.values, i * width)
      const labels = Int32Array.from(rows, ({ label }) => label)
      const head = fitHead(
        { values, width, labels },
        present.length,
        rows.map(({ group }) => group),
        rows.map(({ isMirror }) => !isMirror),
      )
      const names = present.map(({ name }) => name)
      taught = { head, labels: names }
      const counts = present.map((_, label) => new Set(groups.filter((_, i) => elementAt(all, i).label === label)).size)
      const guesses = head.heldOut?.guesses
      const ofPlain = rows.flatMap(({ id, isMirror }, i): [string, string][] =>
        guesses === undefined || isMirror ? [] : [[id, elementAt(names, elementAt(guesses, i))]],
      )
      return {
        classes: names,
        accuracy: head.heldOut?.accuracy ?? null,
        groups: Math.min(...counts),
        guesses: Object.fromEntries(ofPlain),
        milliseconds: performance.now() - start,
      }
    },
    async guess(picture) {
      if (taught === undefined) throw new VitrineError("config", "two classes with pictures are needed first")
      const { head, labels } = taught
      const image = await decodeImage(picture)
      const values = await onModel((open) => open.embed(image))
      const logits = Float32Array.from(head.bias, (bias, c) =>
        values.reduce((sum, x, i) => sum + x * elementAt(head.weight, c * values.length + i), bias),
      )
      return topPredictions(logits, labels, labels.length)
    },
    async folder(name, withPictures) {
      const model: Record<string, Uint8Array> = await folderBytes(await whole())
      // Folders of other systems have the same name in capitals too.
      const folders = new Set<string>()
      for (const { name: className, pictures: some } of withPictures) {
        const folder = freeName(safeName(className), (each) => folders.has(each.toLowerCase()))
        folders.add(folder.toLowerCase())
        for (const [i, { id }] of some.entries()) {
          const { extension, bytes } = await pictureFile(pictureOf(id).source)
          model[`pictures/${folder}/${i + 1}.${extension}`] = bytes
        }
      }
      return zipFolder(safeName(name), model)
    },
    async onnx() {
      return new Blob(onnxFile(await whole()).map((chunk) => chunk.slice()))
    },
    async page(texts) {
      const model = await whole()
      const numbers = Object.values(model.weights).reduce((sum, { length }) => sum + length, 0)
      if (numbers > mostInPage)
        throw new VitrineError("config", "this model is too large for one page: take the model folder")
      const [{ default: script }, { ownPage }] = await Promise.all([
        import("virtual:own-page"),
        import("../own-page/own-page.ts"),
      ])
      const { "config.json": config, "model.safetensors": weights } = await folderBytes(model, "F16")
      return ownPage({ ...texts, classes: model.labels ?? [] }, script, config, weights)
    },
  }
}

function textIn(json: unknown, field: string): string {
  const value = valueIn(json, field)
  return typeof value === "string" ? value : ""
}

async function openBackbone({ files }: ModelFiles): Promise<Model<ImageInput>> {
  const backend = await sharedBackend()
  return load(Object.fromEntries(files), { backend })
}

/** The model with its weights in memory. */
async function wholeModel(model: Model<ImageInput>): Promise<WholeModel> {
  const { config, preprocessing, labels } = model
  const values = await model.parameters(imageModel(config).parameters.map(({ name }) => name))
  const weights = Object.fromEntries(
    Object.entries(values).map(([name, { data }]) => [
      name,
      data instanceof Float32Array ? data : Float32Array.from(data),
    ]),
  )
  return { config, preprocessing, labels, positionMethod: "timm", weights }
}

/** The files of a model folder in one piece each. */
async function folderBytes(
  model: WholeModel,
  dtype?: "F16",
): Promise<{ "config.json": Uint8Array<ArrayBuffer>; "model.safetensors": Uint8Array<ArrayBuffer> }> {
  const { "config.json": config, "model.safetensors": weights } = await modelFolder(model, dtype)
  const joined = async (chunks: readonly Uint8Array[]): Promise<Uint8Array<ArrayBuffer>> =>
    new Uint8Array(await new Blob(chunks.map((chunk) => chunk.slice())).arrayBuffer())
  return { "config.json": await joined(config), "model.safetensors": await joined(weights) }
}

/** A name for folders and files. */
const safeName = (name: string): string => name.replaceAll(/[\p{Cc}/\\:*?"<>|]|^\.+/gu, "_") || "model"

async function pictureFile(source: Blob | ImageData): Promise<{ extension: string; bytes: Uint8Array }> {
  const blob = source instanceof Blob ? source : await pngOf(source)
  const extension = /^image\/([a-z]+)/.exec(blob.type)?.[1]?.replace("jpeg", "jpg") ?? "jpg"
  return { extension, bytes: new Uint8Array(await blob.arrayBuffer()) }
}

function pngOf(image: ImageData): Promise<Blob> {
  const canvas = new OffscreenCanvas(image.width, image.height)
  canvas.getContext("2d")?.putImageData(image, 0, 0)
  return canvas.convertToBlob({ type: "image/png" })
}

function thumbOf(image: Image): ImageData {
  const { data, shape } = applyTransforms(image, [toRgb(), resize(thumbSide)])
  const [height, width] = shape
  return imageData(Uint8Array.from(data, byteOf), width, height)
}

/** FNV-1a over the size and up to 100,000 values of a picture. */
function contentOf({ width, height, data }: Image): string {
  let [a, b] = [0x811c9dc5, 0x1b873593]
  const stride = Math.max(1, Math.floor(data.length / 1e5))
  for (let i = 0; i < data.length; i += stride) {
    a = Math.imul(a ^ (data[i] ?? 0), 0x01000193)
    b = Math.imul(b ^ a, 0x85ebca6b) + i
  }
  return `${width}×${height} ${a >>> 0} ${b >>> 0}`
}

function glanceOf(image: Image): Float32Array {
  const { data } = applyTransforms(image, [toRgb(), resize([glanceSide, glanceSide])])
  const mean = data.reduce((sum, x) => sum + x, 0) / data.length
  const length = Math.hypot(...data.map((x) => x - mean))
  return data.map((x) => (x - mean) / Math.max(length, 1e-6))
}

/** A number for each picture. Frames of one press and pictures that are nearly the same have one number. */
function groupsOf(all: readonly { readonly press: number; readonly glance: Float32Array }[]): number[] {
  const parent = all.map((_, i) => i)
  const root = (i: number): number => {
    const up = elementAt(parent, i)
    return up === i ? i : root(up)
  }
  for (const [i, a] of all.entries())
    for (const [j, b] of all.slice(0, i).entries())
      if (a.press === b.press || cosine(a.glance, b.glance) > nearlySame) parent[root(i)] = root(j)
  return all.map((_, i) => root(i))
}

const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0)
