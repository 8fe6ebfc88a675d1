import { memorySource, type ByteSource, type ModelFiles, parseJson } from "@vitrine/checkpoint"
import { VitrineError } from "@vitrine/core"
import { hubAddress, isHubName, parseHubName } from "@vitrine/hub"

/**
 * The address of a model folder or of an .npz file, or `hf:owner/name` for a folder of the Hugging Face hub's; files, such
 * as those of a dropped folder; files by their path; or one .npz or .safetensors file, or its bytes.
 */
export type ModelSource =
  | string
  | URL
  | Iterable<File>
  | Readonly<Record<string, Blob | Uint8Array>>
  | Blob
  | Uint8Array

/** What a page can hold in one piece of memory. */
const mostWeights = 2 ** 31
const mostConfig = 2 ** 24

/** A model folder, whose weights may be all that there is, or an .npz file of Google's. */
export type Found =
  | { readonly folder: ModelFiles; readonly weightsFile?: string }
  | { readonly npz: () => Promise<ByteSource> }

/**
 * The model files of a source. Among files it is the folder with the `config.json` that is nested least, or else the one
 * .npz or .safetensors file.
 * @throws VitrineError (file) for files without a model.
 */
export async function findFiles(source: ModelSource): Promise<Found> {
  if (typeof source === "string" && isHubName(source)) return remote(hubAddress(parseHubName(source)))
  if (typeof source === "string" || source instanceof URL) return remote(source)
  if (source instanceof Blob || source instanceof Uint8Array) {
    const zip = await isZip(source)
    const name =
      source instanceof File && source.name !== "" ? source.name : `the ${zip ? ".npz" : ".safetensors"} file`
    return zip ? { npz: async () => sourceOf(source, name) } : bare(new Map([[name, source]]), name)
  }
  const isList = Symbol.iterator in source
  const files = new Map<string, Blob | Uint8Array>(
    isList
      ? Array.from(source as Iterable<File>, (file) => [file.webkitRelativePath || file.name, file])
      : Object.entries(source),
  )
  const configs = [...files.keys()].filter((path) => /(^|\/)config\.json$/.test(path))
  const [config] = configs.sort((a, b) => a.split("/").length - b.split("/").length)
  if (config !== undefined) return { folder: folderOf(files, config.slice(0, -"config.json".length)) }
  const weights = [...files].filter(([path]) => /\.(npz|safetensors)$/.test(path))
  const [only] = weights
  if (only === undefined || weights.length > 1)
    throw new VitrineError(
      "file",
      `none of the ${files.size} files is a config.json, and ${weights.length} are .npz or .safetensors files: they are no model`,
    )
  const [path, file] = only
  return path.endsWith(".npz") ? { npz: async () => sourceOf(file, path) } : bare(files, path)
}

/** Weights without a `config.json`. */
const bare = (files: ReadonlyMap<string, Blob | Uint8Array>, path: string): Found => {
  const folder = path.slice(0, path.lastIndexOf("/") + 1)
  return { folder: folderOf(files, folder), weightsFile: path.slice(folder.length) }
}

/** Whether a file begins as archives do, and with them .npz files. */
async function isZip(file: Blob | Uint8Array): Promise<boolean> {
  const start = file instanceof Blob ? new Uint8Array(await file.slice(0, 2).arrayBuffer()) : file
  return start[0] === 0x50 && start[1] === 0x4b
}

function folderOf(files: ReadonlyMap<string, Blob | Uint8Array>, folder: string): ModelFiles {
  const nameOf = (file: string): string => `${folder}${file}`
  return {
    name: folder === "" ? "the folder" : folder.slice(0, -1),
    nameOf,
    json: async (file) => {
      const found = files.get(nameOf(file))
      if (found === undefined) return undefined
      const { name, size, read } = sourceOf(found, nameOf(file), mostConfig)
      return parseJson(await read(0, size), name)
    },
    open: async (file) => {
      const found = files.get(nameOf(file))
      return found && sourceOf(found, nameOf(file))
    },
  }
}

/** Only parts of a blob are read, so that a file need not be in memory as a whole. */
function sourceOf(file: Blob | Uint8Array, name: string, most: number = Number.POSITIVE_INFINITY): ByteSource {
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
    throw new VitrineError("file", `${path}: cannot be read (${(cause as Error).message})`, { cause })
  }
}

/** Takes the address of the folder, of a file in it, or of an .npz file. */
function remote(source: string | URL): Found {
  const base = parsed(source)
  if (base.pathname.endsWith(".npz"))
    return { npz: async () => memorySource(await fetchBytes(base, mostWeights), shortened(base.href)) }
  if (/\.(json|safetensors)$/.test(base.pathname)) base.pathname = base.pathname.replace(/[^/]*$/, "")
  else if (!base.pathname.endsWith("/")) base.pathname += "/"
  const addressOf = (file: string): URL => {
    const url = new URL(base)
    url.pathname += file
    return url
  }
  const nameOf = (file: string): string => addressOf(file).href
  const bytes = (file: string, most: number): Promise<Uint8Array | undefined> => fetchIfThere(addressOf(file), most)
  const folder: ModelFiles = {
    name: shortened(base.href),
    nameOf,
    json: async (file) => {
      const found = await bytes(file, mostConfig)
      return found && parseJson(found, nameOf(file))
    },
    open: async (file) => {
      const found = await bytes(file, mostWeights)
      return found && memorySource(found, nameOf(file))
    },
  }
  return { folder }
}

function parsed(source: string | URL): URL {
  try {
    return new URL(source, globalThis.location?.href)
  } catch (cause) {
    throw new VitrineError("file", `${shortened(String(source))}: is not an address`, { cause })
  }
}

/**
 * Downloads a file. What a server says about its size decides no more than where reading begins to fail.
 * @throws VitrineError (file) for what cannot be had, or has more than `most` bytes.
 */
export async function fetchBytes(address: string | URL, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await fetchIfThere(address, most)
  if (bytes === undefined)
    throw new VitrineError("file", `${shortened(String(address))}: cannot be fetched (status 404)`)
  return bytes
}

/** The same, or undefined where there is no such file. */
async function fetchIfThere(address: string | URL, most: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const name = shortened(String(address))
  let response: Response
  try {
    response = await fetch(address)
  } catch (cause) {
    throw new VitrineError("file", `${name}: cannot be fetched (${(cause as Error).message})`, { cause })
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
  // What the server claims is believed when a good part has come.
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

const tooLarge = (name: string, size: number, most: number): VitrineError =>
  new VitrineError("file", `${name}: has ${size} bytes or more; up to ${most} are read`)
