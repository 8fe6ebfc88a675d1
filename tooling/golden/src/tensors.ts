/** An array of a golden file in row-major order. */
export interface GoldenTensor {
  readonly shape: readonly number[]
  /** The values. F32, F64 and I32 keep their type. I64 becomes float64, which is exact for the generators' numbers. */
  readonly data: Float32Array | Float64Array | Int32Array
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

/** The tensors in the bytes of a trusted safetensors file of F32, F64, I32 and I64, by name. */
export function parseTensors(bytes: Uint8Array, file: string): Record<string, GoldenTensor> {
  if (new Uint16Array(Uint8Array.of(1, 0).buffer)[0] !== 1)
    throw new Error("golden files are little-endian, and this machine is not")
  const body = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  const header: Record<string, Entry> = JSON.parse(new TextDecoder().decode(bytes.subarray(8, body)))
  const tensors: Record<string, GoldenTensor> = {}
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (name === "__metadata__") continue
    const read = readers[dtype]
    if (read === undefined) throw new Error(`${file}: ${name} is ${dtype}, which golden files do not use`)
    const [start, end] = data_offsets
    // The copy is aligned, which views of 8-byte numbers need.
    tensors[name] = { shape, data: read(bytes.slice(body + start, body + end).buffer) }
  }
  return tensors
}
