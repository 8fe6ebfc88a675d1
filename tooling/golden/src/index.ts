import { existsSync, readdirSync, readFileSync } from "node:fs"
import { endianness } from "node:os"
import { fileURLToPath } from "node:url"

/** One array of a golden file; `shape` is row-major. */
export interface GoldenTensor {
  readonly shape: readonly number[]
  /** F32, F64 and I32 as they are; I64 as float64, which holds what the generators write. */
  readonly data: Float32Array | Float64Array | Int32Array
}

/** A golden file: the document, and the tensors of the safetensors file beside it, if there is one. */
export interface Golden {
  // Tests read documents of many forms, which the README describes.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly json: any
  readonly tensors: Readonly<Record<string, GoldenTensor>>
}

/** The absolute path of a file or folder under `files/`, such as `vit-folder-tiny/wide-rgb.png`. */
export function goldenPath(path: string): string {
  return fileURLToPath(new URL(`../files/${path}`, import.meta.url))
}

/** Names that `golden` takes, sorted, those that begin with `prefix`: `goldenNames("vit-")`. */
export function goldenNames(prefix = ""): string[] {
  const files = readdirSync(goldenPath(""))
  return files.flatMap((file) => (file.endsWith(".json") && file.startsWith(prefix) ? [file.slice(0, -5)] : [])).sort()
}

/** Reads `NAME.json` and `NAME.safetensors`. Only for the files of this package, which are trusted. */
export function golden(name: string): Golden {
  const tensorFile = goldenPath(`${name}.safetensors`)
  return {
    json: JSON.parse(readFileSync(goldenPath(`${name}.json`), "utf8")),
    tensors: existsSync(tensorFile) ? readTensors(tensorFile) : {},
  }
}

const readers: Record<string, (bytes: ArrayBuffer) => GoldenTensor["data"]> = {
  F32: (bytes) => new Float32Array(bytes),
  F64: (bytes) => new Float64Array(bytes),
  I32: (bytes) => new Int32Array(bytes),
  I64: (bytes) => Float64Array.from(new BigInt64Array(bytes), Number),
}

interface Entry {
  readonly dtype: string
  readonly shape: number[]
  readonly data_offsets: [start: number, end: number]
}

/** The tensors of a trusted safetensors file of F32, F64, I32 and I64, by name. */
export function readTensors(file: string): Record<string, GoldenTensor> {
  if (endianness() !== "LE") throw new Error("golden files are little-endian, and this machine is not")
  const { buffer, byteOffset, byteLength } = readFileSync(file)
  const bytes = new Uint8Array(buffer, byteOffset, byteLength)
  const body = 8 + Number(new DataView(buffer, byteOffset).getBigUint64(0, true))
  const header: Record<string, Entry> = JSON.parse(new TextDecoder().decode(bytes.subarray(8, body)))
  const tensors: Record<string, GoldenTensor> = {}
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (name === "__metadata__") continue
    const read = readers[dtype]
    if (read === undefined) throw new Error(`${file}: ${name} is ${dtype}, which golden files do not use`)
    const [start, end] = data_offsets
    // A copy, for views of 8-byte numbers must be aligned.
    tensors[name] = { shape, data: read(bytes.slice(body + start, body + end).buffer) }
  }
  return tensors
}
