import { memorySource, type ByteSource, type ModelFiles, parseJson } from "@vitrine/checkpoint"
import { VitrineError } from "@vitrine/core"
import { hubAddress, isHubName, parseHubName } from "@vitrine/hub"

/**
 * The source of a model: the address of a model folder or of an .npz file; `hf:owner/name` for a folder of the Hugging
 * Face hub; files, such as those of a dropped folder; files by their paths; or one .npz or .safetensors file or its
 * bytes.
 */
export type ModelSource =
  | string
  | URL
  | Iterable<File>
  | Readonly<Record<string, Blob | Uint8Array>>
  | Blob
  | Uint8Array

/** The greatest number of bytes that are downloaded, since a page holds a file in one piece of memory. */
const mostWeights = 2 ** 31
const mostConfig = 2 ** 24

/** The files of a model: a folder, which may contain only weights, or an .npz file of Google. `name` is for errors. */
export type ModelLocation =
  | { readonly kind: "folder"; readonly name: string; readonly folder: ModelFiles; readonly weightsFile?: string }
  | { readonly kind: "npz"; readonly name: string; npz(): Promise<ByteSource> }

type FileContent = Blob | Uint8Array

/**
 * Finds the model of a source. Among files it is the folder of the least nested `config.json`, or else the only .npz or
 * .safetensors file.
 * @throws VitrineError (file) for files without a model
 */
export async function locateModel(source: ModelSource): Promise<ModelLocation> {
  if (typeof source === "string" && isHubName(source)) return remoteModel(hubAddress(parseHubName(source)))
  if (typeof source === "string" || source instanceof URL) return remoteModel(source)
  if (source instanceof Blob || source instanceof Uint8Array) {
    const zip = await isZip(source)
    const name =
      source instanceof File && source.name !== "" ? source.name : `the ${zip ? ".npz" : ".safetensors"} file`
    return zip ? npzFile(source, name) : bareWeights(new Map([[name, source]]), name)
  }
  const files = new Map<string, FileContent>(
    isList(source)
      ? Array.from(source, (file) => [file.webkitRelativePath || file.name, file])
      : Object.entries(source),
  )
  const configs = [...files.keys()].filter((path) => /(^|\/)config\.json$/.test(path))
  const [config] = configs.sort((a, b) => a.split("/").length - b.split("/").length)
  if (config !== undefined) return folderOf(files, config.slice(0, -"config.json".length))
  const weights = [...files].filter(([path]) => /\.(npz|safetensors)$/.test(path))
  const [first, ...others] = weights
  if (first === undefined || others.length > 0)
    throw new VitrineError(
      "file",
      `none of the ${files.size} files is a config.json, and ${weights.length} are .npz or .safetensors files: they are no model`,
    )
  const [path, file] = first
  return path.endsWith(".npz") ? npzFile(file, path) : bareWeights(files, path)
}

const isList = (source: Iterable<File> | Readonly<Record<string, FileContent>>): source is Iterable<File> =>
  Symbol.iterator in source

const npzFile = (file: FileContent, name: string): ModelLocation => ({
  kind: "npz",
  name,
  npz: async () => sourceOf(file, name),
})

/** Weights without a `config.json`. */
function bareWeights(files: ReadonlyMap<string, FileContent>, path: string): ModelLocation {
  const folder = path.slice(0, path.lastIndexOf("/") + 1)
  return { ...folderOf(files, folder), weightsFile: path.slice(folder.length) }
}

/** Whether a file begins as a zip archive does. .npz files are zip archives. */
async function isZip(file: FileContent): Promise<boolean> {
  const [first, second] = file instanceof Blob ? new Uint8Array(await file.slice(0, 2).arrayBuffer()) : file
  return first === 0x50 && second === 0x4b
}

function folderOf(
  files: ReadonlyMap<string, FileContent>,
  path: string,
): Extract<ModelLocation, { readonly kind: "folder" }> {
  const nameOf = (file: string): string => `${path}${file}`
  const name = path === "" ? "the folder" : path.slice(0, -1)
  const folder: ModelFiles = {
    name,
    nameOf,
    json: async (file) => {
      const content = files.get(nameOf(file))
      if (content === undefined) return undefined
      const source = sourceOf(content, nameOf(file), mostConfig)
      return parseJson(await source.read(0, source.size), source.name)
    },
    open: async (file) => {
      const content = files.get(nameOf(file))
      return content && sourceOf(content, nameOf(file))
    },
  }
  return { kind: "folder", name, folder }
}

/** Reads parts of a blob, so that the whole file need not fit into memory. */
function sourceOf(file: FileContent, name: string, most: number = Number.POSITIVE_INFINITY): ByteSource {
  const size = file instanceof Blob ? file.size : file.byteLength
  if (size > most) throw tooLarge(name, size, most)
  return file instanceof Blob
    ? { name, size, read: (begin, end) => readBlob(file.slice(begin, end), name) }
    : memorySource(file, name)
}

async function readBlob(blob: Blob, path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await blob.arrayBuffer())
  } catch (cause) {
    throw new VitrineError("file", `${path}: cannot be read (${messageOf(cause)})`, { cause })
  }
}

/** The model at an address: of its folder, of a file in the folder, or of an .npz file. */
function remoteModel(source: string | URL): ModelLocation {
  const base = parseAddress(source)
  const name = shortened(base.href)
  if (base.pathname.endsWith(".npz"))
    return { kind: "npz", name, npz: async () => memorySource(await fetchBytes(base, mostWeights), name) }
  if (/\.(json|safetensors)$/.test(base.pathname)) base.pathname = base.pathname.replace(/[^/]*$/, "")
  else if (!base.pathname.endsWith("/")) base.pathname += "/"
  const addressOf = (file: string): URL => {
    const url = new URL(base)
    url.pathname += file
    return url
  }
  const nameOf = (file: string): string => addressOf(file).href
  const folderName = shortened(base.href)
  const folder: ModelFiles = {
    name: folderName,
    nameOf,
    json: async (file) => {
      const bytes = await fetchOptional(addressOf(file), mostConfig)
      return bytes && parseJson(bytes, nameOf(file))
    },
    open: async (file) => {
      const bytes = await fetchOptional(addressOf(file), mostWeights)
      return bytes && memorySource(bytes, nameOf(file))
    },
  }
  return { kind: "folder", name: folderName, folder }
}

function parseAddress(source: string | URL): URL {
  try {
    return new URL(source, globalThis.location?.href)
  } catch (cause) {
    throw new VitrineError("file", `${shortened(String(source))}: is not an address`, { cause })
  }
}

/**
 * Downloads a file. If the size that the server claims is too large, the download ends early. Before data arrive, at
 * most `firstBytes` of memory are reserved.
 * @throws VitrineError (file) for a file that cannot be fetched, or has more than `most` bytes
 */
export async function fetchBytes(address: string | URL, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await fetchOptional(address, most)
  if (bytes === undefined)
    throw new VitrineError("file", `${shortened(String(address))}: cannot be fetched (status 404)`)
  return bytes
}

/** Downloads a file as `fetchBytes` does, or returns undefined if there is no such file. */
async function fetchOptional(address: string | URL, most: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const name = shortened(String(address))
  let response: Response
  try {
    response = await fetch(address)
  } catch (cause) {
    throw new VitrineError("file", `${name}: cannot be fetched (${messageOf(cause)})`, { cause })
  }
  const { body, headers, ok, status } = response
  if (status === 404) {
    await body?.cancel()
    return undefined
  }
  if (!ok || body === null) throw new VitrineError("file", `${name}: cannot be fetched (status ${status})`)
  const claimed = Number(headers.get("content-length") ?? 0)
  if (claimed > most) {
    await body.cancel()
    throw tooLarge(name, claimed, most)
  }
  // The claimed size is trusted only after a large part has arrived.
  let bytes = new Uint8Array(Math.min(claimed, firstBytes))
  let length = 0
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await reader.read().catch((cause: Error) => {
      throw new VitrineError("file", `${name}: the download broke off after ${length} bytes (${cause.message})`, {
        cause,
      })
    })
    if (done) break
    const needed = length + value.length
    if (needed > most) {
      await reader.cancel()
      throw tooLarge(name, needed, most)
    }
    if (needed > bytes.length) {
      const larger = new Uint8Array(Math.min(most, Math.max(needed, claimed || 2 * bytes.length)))
      larger.set(bytes.subarray(0, length))
      bytes = larger
    }
    bytes.set(value, length)
    length = needed
  }
  return length === bytes.length ? bytes : bytes.slice(0, length)
}

const firstBytes = 2 ** 26

const shortened = (address: string): string => (address.length > 200 ? `${address.slice(0, 200)}…` : address)

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

const tooLarge = (name: string, size: number, most: number): VitrineError =>
  new VitrineError("file", `${name}: has ${size} bytes or more; up to ${most} are read`)
