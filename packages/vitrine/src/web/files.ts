import { VitrineError } from "@vitrine/core"
import { hubAddress, isHubName, parseHubName } from "@vitrine/hub"

/** The address of a model folder, or `hf:owner/name` for one of the Hugging Face hub's; files, such as those of a dropped folder; or files by their path. */
export type ModelSource = string | URL | Iterable<File> | Readonly<Record<string, Blob | Uint8Array>>

/** The files of one folder. */
export interface Folder {
  /** What errors call a file. */
  nameOf(file: string): string
  /** @throws VitrineError (file) if there is none, or more than `most` bytes. */
  read(file: string, most: number): Promise<Uint8Array>
}

/**
 * The model folder of a source. Among files it is the one with the `config.json` that is nested least.
 * @throws VitrineError (file) for files without a `config.json`.
 */
export function openFolder(source: ModelSource): Folder {
  if (typeof source === "string" && isHubName(source)) return remoteFolder(hubAddress(parseHubName(source)))
  if (typeof source === "string" || source instanceof URL) return remoteFolder(source)
  const isList = Symbol.iterator in source
  const files = new Map<string, Blob | Uint8Array>(
    isList
      ? Array.from(source as Iterable<File>, (file) => [file.webkitRelativePath || file.name, file])
      : Object.entries(source),
  )
  const configs = [...files.keys()].filter((path) => /(^|\/)config\.json$/.test(path))
  const [config] = configs.sort((a, b) => a.split("/").length - b.split("/").length)
  if (config === undefined)
    throw new VitrineError("file", `none of the ${files.size} files is a config.json: they are no model folder`)
  const folder = config.slice(0, -"config.json".length)
  return {
    nameOf: (file) => `${folder}${file}`,
    read: async (file, most) => {
      const path = `${folder}${file}`
      const found = files.get(path)
      if (found === undefined) throw new VitrineError("file", `${path}: is not among the files`)
      const size = found instanceof Blob ? found.size : found.byteLength
      if (size > most) throw tooLarge(path, size, most)
      return found instanceof Blob ? readBlob(found, path) : found
    },
  }
}

async function readBlob(blob: Blob, path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await blob.arrayBuffer())
  } catch (cause) {
    throw new VitrineError("file", `${path}: cannot be read (${(cause as Error).message})`, { cause })
  }
}

/** Takes the address of the folder, or of a file in it. */
function remoteFolder(source: string | URL): Folder {
  const base = parsed(source)
  if (/\.(json|safetensors)$/.test(base.pathname)) base.pathname = base.pathname.replace(/[^/]*$/, "")
  else if (!base.pathname.endsWith("/")) base.pathname += "/"
  const addressOf = (file: string): URL => {
    const url = new URL(base)
    url.pathname += file
    return url
  }
  return {
    nameOf: (file) => addressOf(file).href,
    read: (file, most) => fetchBytes(addressOf(file), most),
  }
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
  const name = shortened(String(address))
  let response: Response
  try {
    response = await fetch(address)
  } catch (cause) {
    throw new VitrineError("file", `${name}: cannot be fetched (${(cause as Error).message})`, { cause })
  }
  const { body, headers, ok, status } = response
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
