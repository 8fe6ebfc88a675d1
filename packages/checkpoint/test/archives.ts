import { crc32, deflateRawSync } from "node:zlib"

/** A .npy file of the given header text, whatever it says. */
export function npy(
  header: string,
  data: Uint8Array | number = 0,
  version: readonly [number, number] = [1, 0],
): Uint8Array {
  const length = Buffer.alloc(version[0] === 1 ? 2 : 4)
  if (version[0] === 1) length.writeUInt16LE(header.length)
  else length.writeUInt32LE(header.length)
  const elements = typeof data === "number" ? new Uint8Array(data) : data
  const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, ...version])
  return new Uint8Array(Buffer.concat([start, length, Buffer.from(header, "latin1"), elements]))
}

export const dict = (descr = "'<f4'", shape = "(2,)", order = "False"): string =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`

/** An entry of a zip archive; what is not given is what it should be. */
export interface Entry {
  name: string
  content: Uint8Array
  method?: number
  flags?: number
  crc?: number
  size?: number
  compressedSize?: number
  offset?: number
  localName?: string
  localSize?: number
  localCrc?: number
}

export interface Archive {
  before?: Uint8Array
  between?: Uint8Array
  after?: Uint8Array
  count?: number
  directoryOffset?: number
  zip64?: boolean
}

export function zip(entries: readonly Entry[], archive: Archive = {}): Uint8Array {
  const parts: Uint8Array[] = [archive.before ?? new Uint8Array()]
  const central: Uint8Array[] = []
  let at = parts[0]?.length ?? 0
  for (const entry of entries) {
    const { name, content, method = 0, flags = 0 } = entry
    const body = method === 8 ? deflateRawSync(content) : content
    const crc = entry.crc ?? crc32(content)
    const size = entry.size ?? content.length
    const compressedSize = entry.compressedSize ?? body.length
    const rawName = Buffer.from(name)
    const localName = Buffer.from(entry.localName ?? name)
    const local = Buffer.alloc(30)
    local.writeUInt32LE(0x04034b50)
    local.writeUInt16LE(flags, 6)
    local.writeUInt16LE(method, 8)
    local.writeUInt32LE(entry.localCrc ?? crc, 14)
    local.writeUInt32LE(archive.zip64 ? body.length : compressedSize, 18)
    local.writeUInt32LE(entry.localSize ?? (archive.zip64 ? content.length : size), 22)
    local.writeUInt16LE(localName.length, 26)
    const head = Buffer.alloc(46)
    head.writeUInt32LE(0x02014b50)
    head.writeUInt16LE(flags, 8)
    head.writeUInt16LE(method, 10)
    head.writeUInt32LE(crc, 16)
    head.writeUInt32LE(archive.zip64 ? 0xffffffff : compressedSize, 20)
    head.writeUInt32LE(archive.zip64 ? 0xffffffff : size, 24)
    head.writeUInt16LE(rawName.length, 28)
    head.writeUInt32LE(archive.zip64 ? 0xffffffff : (entry.offset ?? at), 42)
    const extra = Buffer.alloc(archive.zip64 ? 28 : 0)
    if (archive.zip64) {
      extra.writeUInt16LE(1, 0)
      extra.writeUInt16LE(24, 2)
      extra.writeBigUInt64LE(BigInt(size), 4)
      extra.writeBigUInt64LE(BigInt(compressedSize), 12)
      extra.writeBigUInt64LE(BigInt(entry.offset ?? at), 20)
      head.writeUInt16LE(28, 30)
    }
    central.push(head, rawName, extra)
    parts.push(local, localName, body)
    at += 30 + localName.length + body.length
  }
  if (archive.between) parts.push(archive.between)
  at += archive.between?.length ?? 0
  const directory = Buffer.concat(central)
  const count = archive.count ?? entries.length
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50)
  if (archive.zip64) {
    const long = Buffer.alloc(76)
    long.writeUInt32LE(0x06064b50)
    long.writeBigUInt64LE(44n, 4)
    long.writeBigUInt64LE(BigInt(count), 24)
    long.writeBigUInt64LE(BigInt(count), 32)
    long.writeBigUInt64LE(BigInt(directory.length), 40)
    long.writeBigUInt64LE(BigInt(archive.directoryOffset ?? at), 48)
    long.writeUInt32LE(0x07064b50, 56)
    long.writeBigUInt64LE(BigInt(at + directory.length), 64)
    long.writeUInt32LE(1, 72)
    end.fill(0xff, 8, 20)
    parts.push(directory, long, end)
  } else {
    end.writeUInt16LE(count, 8)
    end.writeUInt16LE(count, 10)
    end.writeUInt32LE(directory.length, 12)
    end.writeUInt32LE(archive.directoryOffset ?? at, 16)
    parts.push(directory, end)
  }
  if (archive.after) parts.push(archive.after)
  return new Uint8Array(Buffer.concat(parts))
}
