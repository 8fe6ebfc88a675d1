/**
 * The safetensors format: the length of the header as a little-endian u64, the header as JSON `{"__metadata__": {…},
 * NAME: {"dtype", "shape", "data_offsets": [begin, end]}}`, then the bytes of the tensors without gaps.
 * https://github.com/huggingface/safetensors#format
 */
import {
  bytesPerElement,
  isStorageDType,
  type StorageDType,
  type StoredTensor,
  storageDTypes,
  viewBytes,
  type FileFacts,
} from "@vitrine/archive"
import { fileError, shown } from "./errors.ts"
import { foreignFile } from "./foreign.ts"
import { isObject, type JsonLimits, parseJson } from "./json.ts"

/** A tensor in the header of a safetensors file. */
export interface TensorInfo {
  readonly name: string
  readonly dtype: StorageDType
  readonly shape: readonly number[]
  /** The offset of the first byte in the file. */
  readonly begin: number
  /** The offset after the last byte. */
  readonly end: number
}

/** The header of a safetensors file: metadata, and where each tensor lies. */
export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>
  /** The tensors in the order of their bytes in the file. */
  readonly tensors: readonly TensorInfo[]
}

/** A parsed safetensors file. */
export interface Safetensors {
  readonly metadata: Readonly<Record<string, string>>
  readonly tensors: ReadonlyMap<string, StoredTensor>
}

/** The format's limit on the header, 100 MB, and limits on its JSON. */
const headerLimits: JsonLimits = { bytes: 100_000_000, depth: 3, values: 1_000_000 }
const maxRank = 32

/** The entry of the header that is no tensor. */
const metadataKey = "__metadata__"

/** The number of bytes before the header. */
export const headerOffset = 8

/**
 * The length of the header, from the first eight bytes of a file. It is checked against the file's size.
 * @throws VitrineError (file)
 */
export function headerLength(bytes: Uint8Array, { fileSize, name }: FileFacts): number {
  if (bytes.length < headerOffset || fileSize < headerOffset)
    throw fileError(name, `not a safetensors file: ${Math.min(bytes.length, fileSize)} bytes are too few`)
  const foreign = foreignFile(bytes)
  if (foreign !== undefined) throw fileError(name, foreign)
  const claimed = new DataView(bytes.buffer, bytes.byteOffset, headerOffset).getBigUint64(0, true)
  if (claimed > BigInt(headerLimits.bytes))
    throw fileError(
      name,
      `not a safetensors file, or a broken one: its header claims ${claimed} bytes, over the limit of ${headerLimits.bytes}`,
    )
  const length = Number(claimed)
  if (headerOffset + length > fileSize)
    throw fileError(name, `truncated: its header claims ${length} bytes, but the file has ${fileSize - headerOffset}`)
  return length
}

/**
 * Reads and checks the header of a safetensors file. Every tensor must have a known dtype and a size that follows from
 * its shape. The tensors' bytes must fill the file without gaps or overlaps.
 * @param bytes the beginning of the file, at least up to the end of the header
 * @throws VitrineError (file) with the file, the tensor and the fault
 */
export function parseHeader(bytes: Uint8Array, facts: FileFacts): SafetensorsHeader {
  const { fileSize, name: file } = facts
  const length = headerLength(bytes, facts)
  const dataStart = headerOffset + length
  if (bytes.length < dataStart) throw fileError(file, `truncated: its header ends at byte ${dataStart}`)
  if (bytes[headerOffset] !== 0x7b) throw fileError(file, `not a safetensors file: its header does not begin with "{"`)
  const entries = parseJson(bytes.subarray(headerOffset, dataStart), file, "header", headerLimits)
  if (!isObject(entries)) throw fileError(file, "not a safetensors file: its header is no object")
  const { [metadataKey]: metadata = {} } = entries
  if (!isObject(metadata)) throw fileError(file, "__metadata__ must be an object of strings")
  if (!isTexts(metadata)) {
    const [key] = Object.entries(metadata).find(([, value]) => typeof value !== "string") ?? []
    throw fileError(file, `__metadata__ must hold strings, but ${shown(key)} is not one`)
  }

  const tensors: TensorInfo[] = []
  for (const [name, entry] of Object.entries(entries))
    if (name !== metadataKey) tensors.push(tensorInfo(name, entry, dataStart, facts))
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end)
  let position = dataStart
  let previous = ""
  for (const tensor of tensors) {
    if (tensor.begin < position) throw fileError(file, `tensor ${shown(tensor.name)} overlaps ${shown(previous)}`)
    if (tensor.begin > position)
      throw fileError(file, `${tensor.begin - position} bytes before tensor ${shown(tensor.name)} belong to no tensor`)
    position = tensor.end
    previous = tensor.name
  }
  if (position !== fileSize) throw fileError(file, `${fileSize - position} bytes at its end belong to no tensor`)
  return { metadata, tensors }
}

function tensorInfo(name: string, entry: unknown, dataStart: number, { fileSize, name: file }: FileFacts): TensorInfo {
  const fail = (fault: string): never => {
    throw fileError(file, `tensor ${shown(name)} ${fault}`)
  }
  if (name === "__proto__") return fail("has a name that is not taken")
  if (!isObject(entry)) return fail("is not described by an object")
  const { dtype, shape, data_offsets: offsets } = entry
  if (!isStorageDType(dtype)) return fail(`has the dtype ${shown(dtype)}; known are ${storageDTypes.join(", ")}`)
  if (!isCounts(shape) || shape.length > maxRank)
    return fail(`has the shape ${shown(shape)}; expected at most ${maxRank} integers that are not negative`)
  const [begin, end, ...others] = isCounts(offsets) ? offsets : []
  if (begin === undefined || end === undefined || others.length > 0)
    return fail(`has the data_offsets ${shown(offsets)}; expected [begin, end]`)
  if (end < begin) return fail(`ends at ${end}, before it begins at ${begin}`)
  if (dataStart + end > fileSize)
    return fail(`ends ${dataStart + end - fileSize} bytes after the end of the file, which is truncated or lies`)
  const bytes = shape.reduce((product, size) => product * size, bytesPerElement(dtype))
  if (bytes !== end - begin)
    return fail(`has ${end - begin} bytes, but ${dtype} of shape ${shown(shape)} needs ${bytes}`)
  return { name, dtype, shape, begin: dataStart + begin, end: dataStart + end }
}

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0

const isCounts = (value: unknown): value is readonly number[] => Array.isArray(value) && value.every(isCount)

const isTexts = (value: unknown): value is Readonly<Record<string, string>> =>
  isObject(value) && Object.values(value).every((text) => typeof text === "string")

/**
 * Reads a whole safetensors file. The tensors are views of `bytes`. They are copied only if their address is not
 * aligned.
 * @param name the file's name in errors
 * @throws VitrineError (file)
 */
export function readSafetensors(bytes: Uint8Array, name: string): Safetensors {
  const { metadata, tensors } = parseHeader(bytes, { fileSize: bytes.length, name })
  return {
    metadata,
    tensors: new Map(
      tensors.map(({ name: tensor, dtype, shape, begin, end }) => [
        tensor,
        { dtype, shape, data: viewBytes(dtype, bytes.subarray(begin, end)) },
      ]),
    ),
  }
}

/**
 * The file in chunks: the header, then the memory of the tensors, which is not copied. The bytes equal those of the
 * official library: the widest dtype first, then by name, the header padded to eight bytes.
 * @param tensors a Map, or `Object.entries` of a record
 * @throws VitrineError (file) for a name that occurs twice, and for data that do not fit their shape
 */
export function writeSafetensors(
  tensors: Iterable<readonly [name: string, tensor: StoredTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const sorted = [...tensors].sort(
    ([a, { dtype: s }], [b, { dtype: t }]) =>
      storageDTypes.indexOf(s) - storageDTypes.indexOf(t) || (a < b ? -1 : a > b ? 1 : 0),
  )
  const entries: string[] = []
  const keys = Object.keys(metadata).sort()
  if (keys.length > 0) {
    const pairs = keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`)
    entries.push(`"__metadata__":{${pairs.join()}}`)
  }
  const chunks: Uint8Array[] = []
  const names = new Set([metadataKey, "__proto__"])
  let position = 0
  for (const [name, { dtype, shape, data }] of sorted) {
    if (names.has(name)) throw fileError("safetensors", `the tensor name ${shown(name)} is taken`)
    names.add(name)
    const bytes = shape.reduce((product, size) => product * size, bytesPerElement(dtype))
    if (bytes !== data.byteLength)
      throw fileError(
        "safetensors",
        `tensor ${shown(name)} has ${data.byteLength} bytes, but ${dtype} of shape ${shown(shape)} needs ${bytes}`,
      )
    const offsets = `[${position},${position + bytes}]`
    entries.push(
      `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":${JSON.stringify(shape)},"data_offsets":${offsets}}`,
    )
    chunks.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    position += bytes
  }
  const header = new TextEncoder().encode(`{${entries.join()}}`)
  const padded = Math.ceil(header.length / 8) * 8
  const head = new Uint8Array(headerOffset + padded).fill(0x20)
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true)
  head.set(header, headerOffset)
  return [head, ...chunks]
}
