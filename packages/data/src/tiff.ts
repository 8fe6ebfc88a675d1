/** The fields of the first page of a TIFF that decide how it is decoded. */
export interface TiffFacts {
  readonly width: number
  readonly height: number
  /** 1: black is 0; 2: RGB; 3: palette; 5: CMYK; 6: YCbCr. */
  readonly photometric: number
  /** 1: none; 7: JPEG. */
  readonly compression: number
  /** Whether it is a camera's raw image, DNG. */
  readonly isRaw: boolean
}

const tags = { width: 256, height: 257, compression: 259, photometric: 262, dngVersion: 50_706 }

/** Whether a file begins as a TIFF or BigTIFF does. */
export function isTiff(bytes: Uint8Array): boolean {
  const [a, b, c, d] = bytes
  const [first, second] = a === 0x49 ? [c, d] : [d, c]
  return a === b && (a === 0x49 || a === 0x4d) && (first === 42 || first === 43) && second === 0
}

/**
 * Reads the first directory of a TIFF: https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf
 * @param bytes the whole file, or its beginning
 * @returns undefined if the directory is broken or lies beyond the bytes
 */
export function tiffFacts(bytes: Uint8Array): TiffFacts | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const little = bytes[0] === 0x49
  try {
    const isBig = view.getUint16(2, little) === 43
    const long = (at: number): number => (isBig ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little))
    const directory = long(isBig ? 8 : 4)
    const count = isBig ? long(directory) : view.getUint16(directory, little)
    const values = new Map<number, number>()
    for (let i = 0; i < Math.min(count, 4096); i++) {
      const at = directory + (isBig ? 8 + 20 * i : 2 + 12 * i)
      const isShort = view.getUint16(at + 2, little) === 3
      const value = at + (isBig ? 12 : 8)
      values.set(view.getUint16(at, little), isShort ? view.getUint16(value, little) : view.getUint32(value, little))
    }
    return {
      width: values.get(tags.width) ?? 0,
      height: values.get(tags.height) ?? 0,
      photometric: values.get(tags.photometric) ?? 0,
      compression: values.get(tags.compression) ?? 1,
      isRaw: values.has(tags.dngVersion),
    }
  } catch {
    // A read beyond the bytes.
    return undefined
  }
}
