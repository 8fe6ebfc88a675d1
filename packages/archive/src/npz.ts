/** .npz: a zip archive of .npy files, one for each tensor, as `numpy.savez` and `numpy.savez_compressed` write it. */
import { bytesPerElement, type StorageDType, type StoredTensor } from "./dtype.ts"
import { fileError, shown } from "./errors.ts"
import { decodeNpy, npyHeadBytes, parseNpyHeader, readNpy } from "./npy.ts"
import { type ByteSource, memorySource } from "./source.ts"
import { readZipDirectory, readZipEntry, readZipEntryHead } from "./zip.ts"

/** What an `.npz` archive says of one of its arrays, before the elements are read. */
export interface ArrayInfo {
  readonly name: string
  readonly dtype: StorageDType
  readonly shape: readonly number[]
  /** The size of the elements in memory, in bytes. */
  readonly bytes: number
}

/** An archive. Only headers have been read. */
export interface NpzArchive {
  /** The arrays in the order of the archive's directory. */
  readonly tensors: readonly ArrayInfo[]
  /** Reads one tensor. */
  read(name: string): Promise<StoredTensor>
}

const suffix = ".npy"

/**
 * Reads the headers of an archive and of all arrays in it.
 * @throws VitrineError (file)
 */
export async function openNpzArchive(source: ByteSource): Promise<NpzArchive> {
  const { name: file } = source
  const entries = new Map((await readZipDirectory(source)).map((entry) => [entry.name, entry]))
  const tensors: ArrayInfo[] = []
  for (const entry of entries.values()) {
    if (entry.name.endsWith(".pkl"))
      throw fileError(
        file,
        `entry ${shown(entry.name)} is pickled, which is never executed; .npz holds .npy files alone`,
      )
    if (!entry.name.endsWith(suffix) || entry.name === suffix)
      throw fileError(file, `entry ${shown(entry.name)} is no .npy file, as all of an .npz are`)
    const head = await readZipEntryHead(source, entry, npyHeadBytes)
    const { dtype, shape, begin } = parseNpyHeader(head, { fileSize: entry.size, name: place(file, entry.name) })
    tensors.push({ name: entry.name.slice(0, -suffix.length), dtype, shape, bytes: entry.size - begin })
  }
  return {
    tensors,
    async read(name) {
      const entry = entries.get(name + suffix)
      if (entry === undefined) throw fileError(file, `has no tensor ${shown(name)}`)
      return readNpy(await readZipEntry(source, entry), place(file, entry.name))
    },
  }
}

const place = (file: string, entry: string): string => `${file}: entry ${shown(entry)}`

/** One .npy file as an archive with one tensor. */
export async function openNpyArray(source: ByteSource, tensor: string): Promise<NpzArchive> {
  const header = parseNpyHeader(await source.read(0, Math.min(source.size, npyHeadBytes)), {
    fileSize: source.size,
    name: source.name,
  })
  const { dtype, shape, begin } = header
  const bytes = shape.reduce((product, size) => product * size, bytesPerElement(dtype))
  return {
    tensors: [{ name: tensor, dtype, shape, bytes }],
    async read(name) {
      if (name !== tensor) throw fileError(source.name, `has no tensor ${shown(name)}`)
      return decodeNpy(header, await source.read(begin, source.size))
    },
  }
}

/**
 * Reads a whole .npz file. Tensors that are stored uncompressed, little-endian, in row-major order and aligned are
 * views of `bytes`.
 * @param name the file's name in errors
 * @throws VitrineError (file) for archives that are broken or hostile, and for entries that are no arrays of numbers
 */
export async function readNpz(bytes: Uint8Array, name: string): Promise<Map<string, StoredTensor>> {
  const { tensors, read } = await openNpzArchive(memorySource(bytes, name))
  const all = new Map<string, StoredTensor>()
  for (const tensor of tensors) all.set(tensor.name, await read(tensor.name))
  return all
}
