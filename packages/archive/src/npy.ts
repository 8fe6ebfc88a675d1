/**
 * NumPy's .npy format: `\x93NUMPY`, two bytes of version, the length of the header, the header as the text of a Python
 * dict, then the elements. https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import { bytesPerElement, type StorageArray, type StorageDType, type StoredTensor, viewBytes } from "./dtype.ts"
import { fileError, shown } from "./errors.ts"
import type { FileFacts } from "./source.ts"

/** What the header of an `.npy` file says. */
export interface NpyHeader {
  readonly dtype: StorageDType
  readonly shape: readonly number[]
  /** Whether the first index varies fastest. */
  readonly fortranOrder: boolean
  readonly bigEndian: boolean
  /** The offset of the elements, which end with the file. */
  readonly begin: number
}

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]
/** NumPy's limit on the header. */
const maxHeader = 10_000
const maxRank = 32

/** The greatest number of bytes up to the end of the header. */
export const npyHeadBytes: number = 12 + maxHeader

/**
 * The types by NumPy's text after the byte order: kind and bytes of an element. JAX writes bfloat16 as two opaque
 * bytes.
 */
const dtypes: ReadonlyMap<string, StorageDType> = new Map([
  ["f8", "F64"],
  ["f4", "F32"],
  ["f2", "F16"],
  ["V2", "BF16"],
  ["i8", "I64"],
  ["i4", "I32"],
  ["i2", "I16"],
  ["i1", "I8"],
  ["u8", "U64"],
  ["u4", "U32"],
  ["u2", "U16"],
  ["u1", "U8"],
  ["b1", "BOOL"],
])

/** Whether a file begins as a .npy file does. */
export function isNpy(bytes: Uint8Array): boolean {
  return magic.every((byte, i) => bytes[i] === byte)
}

/**
 * Reads and checks the header of a .npy file. The size of its array of numbers must equal that of the bytes after the
 * header.
 * @param bytes the beginning of the file, at least `npyHeadBytes` or all of it
 * @throws VitrineError (file)
 */
export function parseNpyHeader(bytes: Uint8Array, { fileSize, name: file }: FileFacts): NpyHeader {
  if (!isNpy(bytes)) throw fileError(file, "not a .npy file: it does not begin with \\x93NUMPY")
  const version = bytes[6] ?? 0
  if (bytes.length < 12) throw fileError(file, `truncated: ${bytes.length} bytes are too few for a .npy file`)
  if (version < 1 || version > 3 || bytes[7] !== 0)
    throw fileError(file, `has version ${version}.${bytes[7]} of .npy; known are 1.0, 2.0 and 3.0`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true)
  const start = version === 1 ? 10 : 12
  const begin = start + length
  if (length > maxHeader)
    throw fileError(file, `its .npy header claims ${length} bytes, over the limit of ${maxHeader}`)
  if (begin > fileSize || begin > bytes.length)
    throw fileError(file, `truncated: its .npy header ends at byte ${begin}, but the file at ${fileSize}`)
  const fields = parseDict(String.fromCharCode(...bytes.subarray(start, begin)), file)
  const { shape, fortranOrder } = fields
  const { dtype, bigEndian } = elementType(fields.descr, file)
  const needed = shape.reduce((product, size) => product * size, bytesPerElement(dtype))
  if (needed !== fileSize - begin)
    throw fileError(
      file,
      `has ${fileSize - begin} bytes of elements, but ${dtype} of shape [${shape.join(", ")}] needs ${needed}`,
    )
  return { dtype, shape, fortranOrder, bigEndian, begin }
}

function elementType(descr: string, file: string): { dtype: StorageDType; bigEndian: boolean } {
  const [, order, kind = ""] = /^([<>|])([a-zA-Z]\d*)/.exec(descr) ?? []
  if (kind.startsWith("O")) throw fileError(file, "is pickled, which is never executed: it holds Python objects")
  const dtype = dtypes.get(kind)
  if (dtype === undefined || descr.length !== 1 + kind.length)
    throw fileError(file, `has the dtype ${shown(descr)}; known are ${[...dtypes.keys()].join(", ")} after <, > or |`)
  const single = bytesPerElement(dtype) === 1
  // bfloat16 is `|V2`, or in some versions of ml_dtypes `<V2`.
  if (order === "|" ? !single && dtype !== "BF16" : order === ">" && dtype === "BF16")
    throw fileError(file, `has the dtype ${shown(descr)}, whose byte order is not known`)
  return { dtype, bigEndian: order === ">" && !single }
}

interface Fields {
  readonly descr: string
  readonly fortranOrder: boolean
  readonly shape: readonly number[]
}

/** Parses the kind of Python dict that NumPy writes: `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`. */
function parseDict(text: string, file: string): Fields {
  let rest = text.trimEnd()
  const fail = (expected: string): never => {
    throw fileError(file, `has a broken .npy header: expected ${expected} at ${shown(rest.slice(0, 40))}`)
  }
  const take = (pattern: RegExp): string | undefined => {
    const [text] = pattern.exec(rest) ?? []
    if (text !== undefined) rest = rest.slice(text.length)
    return text
  }
  const quoted = (what: string): string => (take(/^('[^'"\\]*'|"[^'"\\]*") */) ?? fail(what)).trimEnd().slice(1, -1)
  const fields: { descr?: string; fortranOrder?: boolean; shape?: number[] } = {}
  const once = (field: keyof Fields): void => {
    if (fields[field] !== undefined) throw fileError(file, `has a broken .npy header: ${field} stands in it twice`)
  }
  if (take(/^\{ */) === undefined) fail('"{"')
  while (take(/^\} *$/) === undefined) {
    const key = quoted("a key")
    if (take(/^: */) === undefined) fail('":"')
    if (key === "descr") {
      once("descr")
      if (rest.startsWith("["))
        throw fileError(file, "is a structured array, of records; only arrays of numbers are read")
      fields.descr = quoted("a dtype")
    } else if (key === "fortran_order") {
      once("fortranOrder")
      fields.fortranOrder = (take(/^(True|False)\b */) ?? fail("True or False")).startsWith("True")
    } else if (key === "shape") {
      once("shape")
      // Python 2 writes the L.
      const tuple = take(/^\((\d+L?, *)*(\d+L?)? *\) */) ?? fail("a tuple of sizes")
      fields.shape = (tuple.match(/\d+/g) ?? []).map(Number)
      if (fields.shape.length > maxRank || !fields.shape.every(Number.isSafeInteger))
        throw fileError(file, `has the shape ${shown(tuple.trimEnd())}; expected at most ${maxRank} sizes`)
    } else throw fileError(file, `has a broken .npy header: the key ${shown(key)} is not known`)
    if (take(/^, */) === undefined && !rest.startsWith("}")) fail('"," or "}"')
  }
  const { descr, fortranOrder, shape } = fields
  if (descr === undefined || fortranOrder === undefined || shape === undefined)
    throw fileError(file, "has a broken .npy header: descr, fortran_order and shape must stand in it")
  return { descr, fortranOrder, shape }
}

/**
 * The elements in row-major order and in this machine's byte order.
 * @param bytes from `header.begin` to the end of the file; they may be changed, and may become the memory of the result
 */
export function decodeNpy({ dtype, shape, fortranOrder, bigEndian }: NpyHeader, bytes: Uint8Array): StoredTensor {
  const elements = bigEndian ? withSwappedBytes(bytes, bytesPerElement(dtype)) : bytes
  const data = viewBytes(dtype, elements)
  return { dtype, shape, data: fortranOrder && shape.length > 1 ? rowMajor(data, shape) : data }
}

function withSwappedBytes(bytes: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(bytes.length)
  for (let at = 0; at < bytes.length; at += size)
    for (let i = 0; i < size; i++) out[at + i] = bytes[at + size - 1 - i] as number
  return out
}

/** Converts the elements of an array from Fortran's order to C's. */
function rowMajor(data: StorageArray, shape: readonly number[]): StorageArray {
  const axes: Axis[] = []
  let stride = 1
  for (const size of shape) {
    axes.push({ size, stride })
    stride *= size
  }
  const values = data as Float32Array
  const out = values.slice()
  let at = 0
  const copy = ([axis, ...inner]: readonly Axis[], begin: number): void => {
    if (axis === undefined) return
    const end = begin + axis.size * axis.stride
    for (let from = begin; from < end; from += axis.stride)
      if (inner.length === 0) out[at++] = values[from] as number
      else copy(inner, from)
  }
  copy(axes, 0)
  return out
}

interface Axis {
  readonly size: number
  /** The distance between neighbouring places along the axis, in elements. */
  readonly stride: number
}

/**
 * Reads a whole .npy file. The elements are a view of `bytes` if their order and address allow it.
 * @param name the file's name in errors
 * @throws VitrineError (file) for a file without an array of numbers; pickled objects are never executed
 */
export function readNpy(bytes: Uint8Array, name: string): StoredTensor {
  const header = parseNpyHeader(bytes, { fileSize: bytes.length, name })
  return decodeNpy(header, bytes.subarray(header.begin))
}
