import {
  memorySource,
  type ModelFiles,
  openGoogleModel,
  openModel,
  parameterReader,
  parseHeader,
  parseJson,
  toTimmConfig,
} from "@vitrine/checkpoint"
import { type ViTConfig, VitrineError, vitConfig } from "@vitrine/core"

/** A model's files, and the name of its folder. */
export interface ModelBlobs {
  readonly name: string
  readonly files: ReadonlyMap<string, Blob>
}

const bytesOf = async (blob: Blob): Promise<Uint8Array> => new Uint8Array(await blob.arrayBuffer())

/**
 * The model among some files: a folder with a `config.json`, an .npz of Google's, or a lone .safetensors with timm's
 * names, whose shapes say all but the number of heads: 64 dimensions each, as in all published models.
 * @throws VitrineError (file)
 */
export async function findModel(files: ReadonlyMap<string, Blob>): Promise<ModelBlobs> {
  const paths = [...files.keys()]
  const ofKind = (pattern: RegExp): string[] =>
    paths.filter((path) => pattern.test(path)).sort((a, b) => a.split("/").length - b.split("/").length)
  const [config] = ofKind(/(^|\/)config\.json$/)
  if (config !== undefined) {
    const prefix = config.slice(0, -"config.json".length)
    const own = paths.filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).startsWith("checkpoints/"))
    const named = new Map(own.map((path) => [path.slice(prefix.length), files.get(path) as Blob]))
    return { name: prefix.split("/").at(-2) ?? "model", files: named }
  }
  const [archive] = ofKind(/\.npz$/)
  if (archive !== undefined) return { name: archive, files: new Map([[archive, files.get(archive) as Blob]]) }
  const [lone] = ofKind(/\.safetensors$/)
  if (lone === undefined)
    throw new VitrineError(
      "file",
      `none of the ${paths.length} files is a config.json, a .safetensors or an .npz: they are no model`,
    )
  const weights = files.get(lone) as Blob
  const described = await describe(weights, lone)
  return {
    name: lone,
    files: new Map([
      ["config.json", described],
      ["model.safetensors", weights],
    ]),
  }
}

/** A `config.json` for weights that come without one. */
async function describe(weights: Blob, name: string): Promise<Blob> {
  const start = await bytesOf(weights.slice(0, 2 ** 24))
  const { tensors } = parseHeader(start, { fileSize: weights.size, name })
  const shapes = new Map(tensors.map((tensor) => [tensor.name, tensor.shape]))
  const size = (tensor: string, axis: number): number => shapes.get(tensor)?.[axis] ?? 0
  const [dim, channels, height, width] = shapes.get("patch_embed.proj.weight") ?? []
  const tokens = size("pos_embed", 1)
  if (dim === undefined || channels === undefined || height === undefined || width === undefined || tokens === 0)
    throw new VitrineError(
      "file",
      `${name}: has no patch_embed.proj.weight and pos_embed; drop its config.json with it`,
    )
  const classToken = shapes.has("cls_token")
  const side = Math.sqrt(tokens - (classToken ? 1 : 0))
  if (!Number.isInteger(side))
    throw new VitrineError("file", `${name}: its ${tokens} positions are no square; drop its config.json with it`)
  let depth = 0
  while (shapes.has(`blocks.${depth}.norm1.weight`)) depth++
  const config: ViTConfig = vitConfig({
    imageSize: [side * height, side * width],
    patchSize: [height, width],
    channels,
    dim,
    depth,
    heads: Math.max(1, Math.round(dim / 64)),
    mlpDim: size("blocks.0.mlp.fc1.weight", 0),
    classes: size("head.weight", 0),
    classToken,
    pool: shapes.has("fc_norm.weight") ? "average" : "token",
  })
  const half = Array.from({ length: channels }, () => 0.5)
  const preprocessing = {
    size: config.imageSize,
    interpolation: "bicubic",
    cropPct: 0.9,
    cropMode: "center",
    mean: half,
    std: half,
  } as const
  return new Blob([JSON.stringify(toTimmConfig(config, { preprocessing }))])
}

/** The filters of the patch embedding, `[dim, channels, height, width]`, read from the files alone. */
export async function patchFilters({ name, files }: ModelBlobs, config: ViTConfig): Promise<Float32Array> {
  const [first] = files.keys()
  const isArchive = first?.endsWith(".npz") === true
  const opened = isArchive
    ? await openGoogleModel(memorySource(await bytesOf(files.get(first) as Blob), name))
    : await openModel(folderOf(files, name))
  const values = await parameterReader(opened.weights, opened.sources)("patch_embed.proj.weight")
  const [height, width] = config.patchSize
  if (values.length !== config.dim * config.channels * height * width)
    throw new VitrineError("file", `${name}: its filters are of another size than the model's`)
  return values
}

function folderOf(files: ReadonlyMap<string, Blob>, name: string): ModelFiles {
  return {
    name,
    nameOf: (file) => file,
    json: async (file) => {
      const blob = files.get(file)
      return blob === undefined ? undefined : parseJson(await bytesOf(blob), file)
    },
    open: async (file) => {
      const blob = files.get(file)
      if (blob === undefined) return undefined
      return { name: file, size: blob.size, read: (begin, end) => bytesOf(blob.slice(begin, end)) }
    },
  }
}
