/** Bytes of which only those asked for have to be in memory: a file, or what has been read already. */
export interface ByteSource {
  /** What errors call it; of a file in Node, its path. */
  readonly name: string
  /** Bytes in all. */
  readonly size: number
  /** The bytes from `begin` up to `end`, both within the size. */
  read(begin: number, end: number): Promise<Uint8Array>
}

export function memorySource(bytes: Uint8Array, name: string): ByteSource {
  return { name, size: bytes.length, read: async (begin, end) => bytes.subarray(begin, end) }
}

/** A file of which the beginning is read. */
export interface FileFacts {
  /** Bytes of the whole file. */
  readonly fileSize: number
  /** What errors call the file. */
  readonly name: string
}
