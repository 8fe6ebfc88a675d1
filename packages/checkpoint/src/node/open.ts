import { stat } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import { bytesPerElement, type StoredTensor } from "@vitrine/archive"
import { isNpy } from "@vitrine/archive/npz"
import { type NpzArchive, openNpyArray, openNpzArchive } from "@vitrine/archive/npz"
import type { ByteSource } from "@vitrine/archive"
import { type ValueStatistics, valueStatistics } from "../statistics.ts"
import { openShards, parseShardIndex, shardIndex } from "../shards.ts"
import { openSafetensorsSource, type SafetensorsWeights, type Weights } from "../weights.ts"
import { isZip } from "@vitrine/archive/npz"
import { explaining, openForReading, readBytes, readJson } from "./files.ts"

/** An open safetensors file. Only the header has been read. */
export interface SafetensorsFile extends SafetensorsWeights {
  /** The absolute path. A tensor's bytes in the file are those from its `begin` to its `end`. */
  readonly path: string
  /** The size of the file in bytes. */
  readonly size: number
  /** Reads one tensor into new memory. */
  read(name: string): Promise<StoredTensor>
  /** Reads all tensors, each into new memory, so that each can be transferred to a worker. */
  readAll(): Promise<Map<string, StoredTensor>>
  close(): Promise<void>
}

/**
 * Opens a safetensors file and reads only its header.
 * @throws VitrineError (file) for a file that is missing, broken or of another format.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const { weights, ...file } = await openWith(path, openSafetensorsSource)
  const readAll = async (): Promise<Map<string, StoredTensor>> => {
    const all = new Map<string, StoredTensor>()
    for (const { name } of weights.tensors) all.set(name, await weights.read(name))
    return all
  }
  return { ...weights, ...file, readAll }
}

/** An open .npz or .npy file. Only headers have been read. */
export interface NpzFile extends NpzArchive {
  /** The absolute path. */
  readonly path: string
  /** The size of the file in bytes. */
  readonly size: number
  close(): Promise<void>
}

/**
 * Opens an .npz file and reads only its headers.
 * @throws VitrineError (file) for a file that is missing, broken or hostile, and for pickled arrays.
 */
export async function openNpz(path: string): Promise<NpzFile> {
  const { weights, ...file } = await openWith(path, openNpzArchive)
  return { ...weights, ...file }
}

/** Opens an .npy file as an archive with one tensor, named like the file. */
async function openNpy(path: string): Promise<NpzFile> {
  const { weights, ...file } = await openWith(path, (source) => openNpyArray(source, basename(path, ".npy")))
  return { ...weights, ...file }
}

/** Opens a file and its weights. */
async function openWith<W>(
  path: string,
  parse: (source: ByteSource) => Promise<W>,
): Promise<{ weights: W; path: string; size: number; close(): Promise<void> }> {
  const file = await openFile(path)
  try {
    return { weights: await parse(file), path: resolve(path), size: file.size, close: file.close }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Opens a file. Its parts are read into new memory. */
export async function openFile(path: string): Promise<ByteSource & { close(): Promise<void> }> {
  const { handle, size } = await openForReading(path)
  const read = (begin: number, end: number): Promise<Uint8Array> =>
    explaining(path, "read", () => readBytes(handle, path, begin, end - begin))
  return { name: path, size, read, close: () => handle.close() }
}

/** The formats of weights. The first bytes of a file show its format. */
export type WeightsFormat = "safetensors" | "npz" | "npy"

export async function weightsFormat(path: string): Promise<WeightsFormat> {
  const { handle, size } = await openForReading(path)
  try {
    const first = await explaining(path, "read", () => readBytes(handle, path, 0, Math.min(size, 8)))
    return isNpy(first) ? "npy" : isZip(first) ? "npz" : "safetensors"
  } finally {
    await handle.close()
  }
}

/** A tensor of a file: its name, type, shape, size and the statistics of its values. */
export interface TensorDescription extends ValueStatistics {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
  readonly bytes: number
}

/** What a file of weights holds. */
export interface WeightsDescription {
  readonly file: string
  readonly format: WeightsFormat
  /** The size of the file in bytes. */
  readonly size: number
  readonly metadata: Readonly<Record<string, string>>
  /** The count of the numbers in all tensors. */
  readonly parameters: number
  readonly tensors: readonly TensorDescription[]
}

/**
 * Describes a file of safetensors, .npz or .npy, whatever its name, or all weights of a folder: names, dtypes, shapes,
 * sizes and statistics of the values. Only one tensor at a time is in memory.
 * @param path the path of the file, of a folder, or of its `model.safetensors.index.json`
 * @throws VitrineError (file)
 */
export async function describeWeights(path: string): Promise<WeightsDescription> {
  const file = await weightsOf(path)
  const format = file.endsWith(shardIndex) ? "safetensors" : await weightsFormat(file)
  const { weights, size, metadata, close } = await openAs(format, file)
  try {
    const tensors: TensorDescription[] = []
    let parameters = 0
    for (const { name, dtype, shape } of weights.tensors) {
      const count = shape.reduce((product, length) => product * length, 1)
      parameters += count
      const bytes = count * bytesPerElement(dtype)
      tensors.push({ name, dtype, shape, bytes, ...valueStatistics(await weights.read(name)) })
    }
    return { file, format, size, metadata, parameters, tensors }
  } finally {
    await close()
  }
}

/** The file of weights in a folder, or the index of several files. Other paths are returned unchanged. */
async function weightsOf(path: string): Promise<string> {
  if (!(await stat(path).catch(() => undefined))?.isDirectory()) return path
  const index = join(path, shardIndex)
  return (await isThere(index)) && !(await isThere(join(path, "model.safetensors")))
    ? index
    : join(path, "model.safetensors")
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

interface AnyWeights {
  readonly weights: Weights
  readonly size: number
  readonly metadata: Readonly<Record<string, string>>
  close(): Promise<void>
}

async function openAs(format: WeightsFormat, path: string): Promise<AnyWeights> {
  if (format === "npz" || format === "npy") {
    const weights = await (format === "npz" ? openNpz(path) : openNpy(path))
    return { weights, size: weights.size, metadata: {}, close: weights.close }
  }
  if (!path.endsWith(shardIndex)) {
    const weights = await openSafetensors(path)
    return { weights, size: weights.size, metadata: weights.metadata, close: weights.close }
  }
  const open: SafetensorsFile[] = []
  const close = async (): Promise<void> => {
    for (const file of open) await file.close()
  }
  try {
    const weights = await openShards(parseShardIndex(await readJson(path), path), async (shard) => {
      const file = await openSafetensors(join(dirname(path), shard))
      open.push(file)
      return { weights: file, name: file.path }
    })
    const size = open.reduce((total, file) => total + file.size, 0)
    return { weights, size, metadata: Object.assign({}, ...open.map(({ metadata }) => metadata)), close }
  } catch (error) {
    await close()
    throw error
  }
}
