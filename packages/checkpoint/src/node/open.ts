import { basename, resolve } from "node:path"
import { type StoredTensor, viewBytes } from "../dtype.ts"
import { fileError, shown } from "../errors.ts"
import { headerLength, headerOffset, parseHeader, type SafetensorsHeader, type TensorInfo } from "../safetensors.ts"
import { isNpy } from "../npy.ts"
import { type NpzArchive, openNpyArray, openNpzArchive } from "../npz.ts"
import type { ByteSource } from "../source.ts"
import { type ValueStatistics, valueStatistics } from "../statistics.ts"
import { isZip } from "../zip.ts"
import { explaining, openForReading, readBytes } from "./files.ts"

/** An open safetensors file of which only the header has been read. */
export interface SafetensorsFile extends SafetensorsHeader {
  /** Absolute: with a tensor's `begin` and `end` it says where the bytes lie. */
  readonly path: string
  /** Bytes of the file. */
  readonly size: number
  /** Reads one tensor into memory of its own. */
  read(name: string): Promise<StoredTensor>
  /** Reads all tensors, each into memory of its own, so that each can be transferred to a worker. */
  readAll(): Promise<Map<string, StoredTensor>>
  close(): Promise<void>
}

/**
 * Opens a safetensors file and reads its header alone.
 * @throws VitrineError (file) for a file that is missing, broken or not what it claims to be.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const { handle, size } = await openForReading(path)
  try {
    const facts = { fileSize: size, name: path }
    const bytes = (from: number, to: number): Promise<Uint8Array> =>
      explaining(path, "read", () => readBytes(handle, path, from, to - from))
    const length = headerLength(await bytes(0, Math.min(size, headerOffset)), facts)
    const { metadata, tensors } = parseHeader(await bytes(0, headerOffset + length), facts)
    const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
    const load = async ({ dtype, shape, begin, end }: TensorInfo): Promise<StoredTensor> => ({
      dtype,
      shape,
      data: viewBytes(dtype, await bytes(begin, end)),
    })
    return {
      path: resolve(path),
      size,
      metadata,
      tensors,
      async read(name) {
        const tensor = byName.get(name)
        if (tensor === undefined) throw fileError(path, `has no tensor ${shown(name)}`)
        return load(tensor)
      },
      async readAll() {
        const all = new Map<string, StoredTensor>()
        for (const tensor of tensors) all.set(tensor.name, await load(tensor))
        return all
      },
      close: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** An open .npz or .npy file of which only headers have been read. */
export interface NpzFile extends NpzArchive {
  /** Absolute. */
  readonly path: string
  /** Bytes of the file. */
  readonly size: number
  close(): Promise<void>
}

/**
 * Opens an .npz file and reads its headers alone.
 * @throws VitrineError (file) for a file that is missing, broken or hostile, and for pickled arrays.
 */
export async function openNpz(path: string): Promise<NpzFile> {
  return openSource(path, openNpzArchive)
}

/** Opens an .npy file as an archive of one tensor of the file's name. */
async function openNpy(path: string): Promise<NpzFile> {
  return openSource(path, (source) => openNpyArray(source, basename(path, ".npy")))
}

async function openSource(path: string, parse: (source: ByteSource) => Promise<NpzArchive>): Promise<NpzFile> {
  const { handle, size } = await openForReading(path)
  try {
    const read = (begin: number, end: number): Promise<Uint8Array> =>
      explaining(path, "read", () => readBytes(handle, path, begin, end - begin))
    const archive = await parse({ name: path, size, read })
    return { ...archive, path: resolve(path), size, close: () => handle.close() }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** Kinds of weights files, told apart by their first bytes. */
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

export interface TensorDescription extends ValueStatistics {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
  readonly bytes: number
}

export interface WeightsDescription {
  readonly file: string
  readonly format: WeightsFormat
  /** Bytes of the file. */
  readonly size: number
  readonly metadata: Readonly<Record<string, string>>
  /** Numbers in all tensors together. */
  readonly parameters: number
  readonly tensors: readonly TensorDescription[]
}

/**
 * What a file of safetensors, .npz or .npy holds, whatever its name: names, dtypes, shapes, sizes and what the values
 * are like. One tensor at a time is in memory.
 * @throws VitrineError (file)
 */
export async function describeWeights(path: string): Promise<WeightsDescription> {
  const format = await weightsFormat(path)
  const file = format === "safetensors" ? await openSafetensors(path) : await openers[format](path)
  try {
    const tensors: TensorDescription[] = []
    let parameters = 0
    for (const info of file.tensors) {
      const { name, dtype, shape } = info
      const bytes = "bytes" in info ? info.bytes : info.end - info.begin
      parameters += shape.reduce((product, size) => product * size, 1)
      tensors.push({ name, dtype, shape, bytes, ...valueStatistics(await file.read(name)) })
    }
    const metadata = "metadata" in file ? file.metadata : {}
    return { file: path, format, size: file.size, metadata, parameters, tensors }
  } finally {
    await file.close()
  }
}

const openers = { npz: openNpz, npy: openNpy } as const
