/** Bytes that are read in parts: a file, or bytes in memory. */
export interface ByteSource {
  /** The name in errors. For a file in Node it is the path. */
  readonly name: string
  /** The total number of bytes. */
  readonly size: number
  /** Reads the bytes from `begin` to `end`. */
  read(begin: number, end: number): Promise<Uint8Array>
}

/** Bytes in memory as a source for readers. `name` is the file's name in errors. */
export function memorySource(bytes: Uint8Array, name: string): ByteSource {
  return { name, size: bytes.length, read: async (begin, end) => bytes.subarray(begin, end) }
}

/** The size and the name of a file whose beginning is read. */
export interface FileFacts {
  /** The size of the whole file in bytes. */
  readonly fileSize: number
  /** The file's name in errors. */
  readonly name: string
}
