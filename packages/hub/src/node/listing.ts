import { showValue, VitrineError } from "@vitrine/core"
import { type HubName, plainFile } from "../name.ts"

/** A file in the hub's listing of a repository. */
export interface RemoteFile {
  readonly path: string
  readonly size: number
  /** The checksum of the content. It is also the file's name in the cache. */
  readonly hash: { readonly algorithm: "sha256" | "git"; readonly hex: string }
}

/** A file in a listing before any check. */
export interface ListedFile {
  readonly type?: unknown
  readonly path?: unknown
  readonly size?: unknown
  readonly oid?: unknown
  readonly lfs?: { readonly oid?: unknown; readonly size?: unknown } | undefined
}

/**
 * Checks a file of a listing. Returns null for folders and for other paths than `isPath` takes.
 * @param isPath takes names in the root alone by default, since no model needs others
 * @throws VitrineError (file) for an invalid size or hash; the hash becomes the name of a file
 */
export function remoteFile(
  { type, path, size, oid, lfs }: ListedFile,
  endpoint: string,
  isPath: (path: string) => boolean = (path) => plainFile.test(path),
): RemoteFile | null {
  if (type !== "file" || typeof path !== "string" || !isPath(path)) return null
  const bytes = lfs?.size ?? size
  const hex = lfs?.oid ?? oid
  const digits = lfs ? 64 : 40
  if (typeof bytes !== "number" || !Number.isSafeInteger(bytes) || bytes < 0)
    throw new VitrineError("file", `${endpoint}: lists ${path} with a size of ${showValue(bytes)}`)
  if (typeof hex !== "string" || hex.length !== digits || !/^[0-9a-f]+$/.test(hex))
    throw new VitrineError("file", `${endpoint}: lists ${path} with a checksum that is no ${digits} hexadecimal digits`)
  return { path, size: bytes, hash: { algorithm: lfs ? "sha256" : "git", hex } }
}

/** The files of a model in a repository. */
export interface ModelFiles {
  readonly configs: readonly string[]
  readonly weights: readonly string[]
  /** Whether the model is one file without a configuration. */
  readonly alone: boolean
}

const shard = /^model-(\d{5})-of-(\d{5})\.safetensors$/
const index = "model.safetensors.index.json"

/**
 * Selects the files that a model needs: the configuration and one set of weights. It skips pickles, which could run
 * code, and files of other engines.
 * @param place the name of the repository in errors
 * @throws VitrineError (file) for a repository without weights that Vitrine reads
 */
export function modelFiles(paths: readonly string[], { repo, file }: HubName, place = `hf:${repo}`): ModelFiles {
  const configs = ["config.json", "preprocessor_config.json"].filter((path) => paths.includes(path))
  const archives = paths.filter((path) => path.endsWith(".npz"))
  const weights = file === null ? weightsOf(paths, archives, place) : paths.filter((path) => path === file)
  if (weights.length === 0 && file !== null) throw new VitrineError("file", `${place}: holds no ${file}`)
  if (weights.length === 0) {
    const pickles = paths.filter((path) => /\.(bin|pt|pth|ckpt|pkl)$/.test(path))
    throw new VitrineError(
      "file",
      pickles.length > 0
        ? `${place}: holds its weights only as pickles (${pickles[0]}), which could run code and are not read; expected model.safetensors`
        : `${place}: holds no model.safetensors and no .npz file`,
    )
  }
  const alone = weights.every((path) => path.endsWith(".npz"))
  if (!alone && !configs.includes("config.json"))
    throw new VitrineError("file", `${place}: holds no config.json, so it is no model folder`)
  return { configs: alone ? [] : configs, weights, alone }
}

function weightsOf(paths: readonly string[], archives: readonly string[], place: string): readonly string[] {
  if (paths.includes("model.safetensors")) return ["model.safetensors"]
  const shards = paths.filter((path) => shard.test(path))
  const [first] = shards
  if (paths.includes(index) && first !== undefined) {
    const total = Number(shard.exec(first)?.[2])
    if (shards.length !== total)
      throw new VitrineError("file", `${place}: holds ${shards.length} of the ${total} files that its weights are in`)
    return [...shards, index]
  }
  if (archives.length > 1)
    throw new VitrineError(
      "file",
      `${place}: holds ${archives.length} .npz files; name one, as in ${place}/${archives[0]}`,
    )
  return archives
}
