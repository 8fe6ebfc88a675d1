import { VitrineError } from "@vitrine/core"

/** The bytes of a tar archive, in order. */
export interface ByteReader {
  /** The next `n` bytes, or fewer at the end. They are valid until the next call. */
  read(n: number): Promise<Uint8Array>
  /** Skips `n` bytes. Returns false if there are fewer. */
  skip(n: number): Promise<boolean>
}

export interface TarFile {
  readonly name: string
  readonly size: number
  /** The offset of the file's bytes in the unpacked archive. */
  readonly offset: number
}

const block = 512
/** The greatest number of entries of any kind. */
export const mostEntries = 2e6
/** The greatest mean length of names. */
const longestMean = 128
/** The greatest number of folders around a file. */
const deepestPath = 255
const longestName = 2 ** 16

/**
 * Reads a tar archive (ustar, GNU and pax names). It calls `visit` for each regular file. `visit` may read the file's
 * `size` bytes, and returns whether it has. Links, devices and folders are passed over: nothing is followed or written.
 * @returns the number of entries that were links or devices
 * @throws VitrineError if the file is no tar archive, is truncated, or has names that lead out of it
 */
export async function readTar(
  reader: ByteReader,
  archive: string,
  visit: (file: TarFile) => Promise<boolean>,
  most: number = mostEntries,
): Promise<number> {
  const fail = (fault: string): never => {
    throw new VitrineError("file", `${archive}: ${fault}`)
  }
  let offset = 0
  let entries = 0
  let passed = 0
  let characters = 0
  let longName: string | undefined
  let longSize: number | undefined
  for (;;) {
    const header = await reader.read(block)
    if (header.length === 0) return passed
    if (header.length < block) fail(`ends inside the header of an entry, after ${offset} bytes`)
    offset += block
    if (++entries > most) fail(`holds more than ${most} entries: unpack it to a folder`)
    if (header.every((byte) => byte === 0)) return passed
    if (!checksumHolds(header))
      fail(offset === block ? "is not a tar archive" : `has a broken header at byte ${offset - block}`)
    const type = String.fromCharCode(...header.subarray(156, 157))
    const size =
      (longSize !== undefined && type !== "x" && type !== "L" ? longSize : undefined) ?? number(header, 124, 12)
    if (!Number.isSafeInteger(size) || size < 0) fail(`has an entry of impossible size at byte ${offset - block}`)
    const padded = Math.ceil(size / block) * block
    const truncated = (name: string): never => fail(`is truncated in ${name}`)

    if (type === "L" || type === "x") {
      if (size > longestName * 16) fail(`has a name of ${size} bytes`)
      const data = (await reader.read(padded)).slice(0, size)
      if (data.length < size) truncated("a name")
      offset += padded
      if (type === "L") longName = text(data)
      else {
        const records = paxRecords(data)
        longName = records.get("path") ?? longName
        const recorded = records.get("size")
        if (recorded !== undefined) longSize = Number(recorded)
      }
      continue
    }
    const prefix = text(header.subarray(257, 262)) === "ustar" ? text(header.subarray(345, 500)) : ""
    const short = text(header.subarray(0, 100))
    const name = clean(longName ?? (prefix === "" ? short : `${prefix}/${short}`))
    longName = undefined
    longSize = undefined
    if (name === undefined)
      return fail(`has an entry with a name that leads out of it or too deep: ${JSON.stringify(short)}`)
    characters += name.length
    if (characters > most * longestMean) fail(`holds names of more than ${most * longestMean} characters in all`)
    const isFile = type === "0" || type === "\0" || type === "7"
    if (!isFile && type !== "5" && type !== "g") passed++
    const taken = isFile && (await visit({ name, size, offset }))
    if (!(await reader.skip(taken ? padded - size : padded))) truncated(name)
    offset += padded
  }
}

/** The path without "./", or undefined if it is absolute, climbs, or is too deep. */
function clean(name: string): string | undefined {
  if (name.startsWith("/") || /^[a-z]:/i.test(name) || name.length > longestName) return undefined
  const parts = name.replaceAll("\\", "/").split("/")
  if (parts.includes("..") || parts.length > deepestPath) return undefined
  return parts.filter((part) => part !== "" && part !== ".").join("/")
}

function checksumHolds(header: Uint8Array): boolean {
  // The bytes of the checksum's own field count as spaces.
  let sum = 8 * 32
  for (let i = 0; i < header.length; i++) if (i < 148 || i >= 156) sum += header[i] ?? 0
  return sum === number(header, 148, 8)
}

/** Parses octal digits, or big-endian bytes after 0x80. */
function number(header: Uint8Array, at: number, length: number): number {
  const field = header.subarray(at, at + length)
  const [first = 0] = field
  if ((first & 0x80) === 0) {
    const digits = text(field).trim()
    return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || "0", 8) : Number.NaN
  }
  return field.subarray(1).reduce((value, byte) => value * 256 + byte, first & 0x7f)
}

const decoder = new TextDecoder()

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end))
}

/** Parses the records "length key=value\n" of a pax header. */
function paxRecords(data: Uint8Array): Map<string, string> {
  const records = new Map<string, string>()
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(32, at)
    const length = Number(decoder.decode(data.subarray(at, Math.max(at, space))))
    if (space < 0 || !Number.isInteger(length) || length < 1) break
    const record = decoder.decode(data.subarray(space + 1, at + length - 1))
    const equals = record.indexOf("=")
    if (equals > 0) records.set(record.slice(0, equals), record.slice(equals + 1))
    at += length
  }
  return records
}
