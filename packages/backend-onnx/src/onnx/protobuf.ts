/** Writes protobuf messages: https://protobuf.dev/programming-guides/encoding/ */
export class Message {
  readonly #parts: Uint8Array[] = []
  #length = 0

  /** Adds an integer field (varint). Negative numbers are written as int64. */
  int(field: number, value: number | bigint): this {
    this.#varint(field << 3)
    this.#varint(value)
    return this
  }

  /** Adds a float field (fixed 32 bits, little-endian). */
  float(field: number, value: number): this {
    this.#varint((field << 3) | 5)
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setFloat32(0, value, true)
    this.#push(bytes)
    return this
  }

  /** Adds a field of bytes, a string or a message. */
  add(field: number, value: Uint8Array | string | Message): this {
    this.#varint((field << 3) | 2)
    if (value instanceof Message) {
      this.#varint(value.#length)
      for (const part of value.#parts) this.#parts.push(part)
      this.#length += value.#length
    } else {
      const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value
      this.#varint(bytes.length)
      this.#push(bytes)
    }
    return this
  }

  /** The message's bytes in pieces. */
  get chunks(): readonly Uint8Array[] {
    return this.#parts
  }

  #push(bytes: Uint8Array): void {
    this.#parts.push(bytes)
    this.#length += bytes.length
  }

  #varint(value: number | bigint): void {
    let remaining = BigInt.asUintN(64, BigInt(value))
    const bytes: number[] = []
    do {
      const low = Number(remaining & 127n)
      remaining >>= 7n
      bytes.push(remaining === 0n ? low : low | 128)
    } while (remaining !== 0n)
    this.#push(Uint8Array.from(bytes))
  }
}
