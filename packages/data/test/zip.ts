import { crc32, deflateRawSync } from "node:zlib"

export interface ZipOptions {
  readonly deflate?: boolean
  /** Writes sizes and offsets in fields of 64 bits. */
  readonly zip64?: boolean
  readonly comment?: string
  /** Bytes before the archive, which its offsets do not count. */
  readonly before?: Uint8Array
  /** Puts zeros for sizes before the content, and the sizes behind it. */
  readonly streamed?: boolean
  /** Changes the fields of an entry in the directory, such as its flags or its size. */
  readonly change?: (view: DataView) => void
}

/** A zip archive as people's tools write it. A name that ends in "/" is a folder. */
export function zip(files: Readonly<Record<string, Uint8Array>>, options: ZipOptions = {}): Buffer {
  const { deflate = false, zip64 = false, comment = "", before = new Uint8Array(), streamed = false, change } = options
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const [name, content] of Object.entries(files)) {
    const raw = Buffer.from(name)
    const packed = deflate ? deflateRawSync(content) : Buffer.from(content)
    const crc = crc32(content)
    const facts = (central: boolean): Buffer => {
      const hidden = streamed && !central
      const buffer = Buffer.alloc(16)
      buffer.writeUInt16LE(deflate ? 8 : 0, 0)
      buffer.writeUInt32LE(hidden ? 0 : crc, 6 - 0)
      return Buffer.concat([
        buffer.subarray(0, 2),
        Buffer.alloc(4),
        buffer.subarray(6, 10),
        word(hidden ? 0 : zip64 ? 0xffffffff : packed.length),
        word(hidden ? 0 : zip64 ? 0xffffffff : content.length),
      ])
    }
    const flags = half(0x800 | (streamed ? 8 : 0))
    const local = Buffer.concat([
      word(0x04034b50),
      half(45),
      flags,
      facts(false),
      half(raw.length),
      half(0),
      raw,
      packed,
    ])
    const behind = streamed
      ? Buffer.concat([word(0x08074b50), word(crc), word(packed.length), word(content.length)])
      : Buffer.alloc(0)
    const extra = zip64
      ? Buffer.concat([half(1), half(24), long(content.length), long(packed.length), long(offset)])
      : Buffer.alloc(0)
    const head = Buffer.concat([
      word(0x02014b50),
      half(45),
      half(45),
      flags,
      facts(true),
      half(raw.length),
      half(extra.length),
      half(0),
      half(0),
      half(0),
      word(0),
      word(zip64 ? 0xffffffff : offset),
    ])
    change?.(new DataView(head.buffer, head.byteOffset, head.byteLength))
    directory.push(head, raw, extra)
    parts.push(local, behind)
    offset += local.length + behind.length
  }
  const central = Buffer.concat(directory)
  const count = Object.keys(files).length
  const record = Buffer.concat([
    word(0x06064b50),
    long(44),
    half(45),
    half(45),
    word(0),
    word(0),
    long(count),
    long(count),
    long(central.length),
    long(offset),
  ])
  const locator = Buffer.concat([word(0x07064b50), word(0), long(before.length + offset + central.length), word(1)])
  const end = Buffer.concat([
    word(0x06054b50),
    word(0),
    half(zip64 ? 0xffff : count),
    half(zip64 ? 0xffff : count),
    word(zip64 ? 0xffffffff : central.length),
    word(zip64 ? 0xffffffff : offset),
    half(comment.length),
    Buffer.from(comment),
  ])
  return Buffer.concat([before, ...parts, central, ...(zip64 ? [record, locator] : []), end])
}

function half(value: number): Buffer {
  const buffer = Buffer.alloc(2)
  buffer.writeUInt16LE(value)
  return buffer
}

function word(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32LE(value)
  return buffer
}

function long(value: number): Buffer {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64LE(BigInt(value))
  return buffer
}
