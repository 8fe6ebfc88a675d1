import { parquetLimits } from "./limits.ts"

/** Types of Thrift's compact protocol, which Parquet's footers, indices and page headers use. */
const [yes, no, byte, int16, int32, int64, double, binary, list, struct] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12]
/** Parquet needs about ten. */
const deepest = 64

/**
 * Checks that a structure has no more parts than are read: a byte can stand for one that takes a hundred in memory.
 * @throws Error
 */
export function checkThrift(bytes: Uint8Array, most: number = parquetLimits.footerParts): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  let parts = 0
  const next = (): number => view.getUint8(at++)
  const varint = (): number => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const part = next()
      value += (part & 0x7f) * 2 ** shift
      if (part < 0x80) return value
      if (shift > 63) throw new Error("a number of too many bytes")
    }
  }
  const skip = (type: number, depth: number): void => {
    if (depth > deepest) throw new Error(`more than ${deepest} levels`)
    parts += type === binary || type === list || type === struct ? 4 : 1
    if (parts > most) throw new Error(`more than ${most} parts`)
    switch (type) {
      case yes:
      case no:
        return
      case byte:
        at++
        return
      case int16:
      case int32:
      case int64:
        varint()
        return
      case double:
        at += 8
        return
      case binary: {
        const length = varint()
        at += length
        return
      }
      case list: {
        const head = next()
        const [short, of] = [head >> 4, head & 15]
        const size = short === 15 ? varint() : short
        for (let i = 0; i < size; i++) skip(of === yes || of === no ? byte : of, depth + 1)
        return
      }
      case struct:
        for (let head = next(); (head & 15) !== 0; head = next()) {
          if (head >> 4 === 0) varint()
          skip(head & 15, depth + 1)
        }
        return
      default:
        throw new Error(`a part of the type ${type}`)
    }
  }
  skip(struct, 0)
}
