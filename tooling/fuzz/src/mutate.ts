import type { randomStream } from "@vitrine/core"
import { isDeepJson } from "@vitrine/data/internal"

type RandomStream = ReturnType<typeof randomStream>

/** Numbers that replace lengths, counts and offsets. */
const integers: readonly number[] = [
  0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
]

/** Values that replace a value in JSON. */
const values: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1,
  0.5,
  1e300,
  2 ** 53,
  "",
  "0",
  "1",
  "toString",
  "__proto__",
  "constructor",
  "\u001b[31m",
  "../..",
  [],
  {},
  [[]],
  { toString: 1 },
]

/**
 * A changed copy of a file. It has one to eight changes of bytes. JSON, and the header of
 * a safetensors file, has changes of values just as often.
 */
export function mutate(bytes: Uint8Array, others: readonly Uint8Array[], random: RandomStream): Uint8Array {
  if (random.integer(2) === 0) {
    const changed = mutateJson(bytes, random) ?? mutateHeader(bytes, random)
    if (changed !== null) return changed
  }
  let result: Uint8Array = bytes.slice()
  for (let n = 1 + random.integer(1 + random.integer(8)); n > 0; n--) result = change(result, others, random)
  return result
}

type Change = (bytes: Uint8Array, random: RandomStream, others: readonly Uint8Array[]) => Uint8Array

const changes: readonly Change[] = [
  // Change a bit, a byte, or a run of one byte.
  (bytes, random) => {
    const at = place(bytes, random)
    return bytes.with(at, (bytes[at] ?? 0) ^ (1 << random.integer(8)))
  },
  (bytes, random) => bytes.with(place(bytes, random), random.integer(256)),
  (bytes, random) => {
    const start = place(bytes, random)
    return bytes.slice().fill(random.integer(256), start, start + 1 + random.integer(16))
  },
  // Change a binary number, which may be a length, in either byte order.
  (bytes, random) => {
    const copy = bytes.slice()
    const view = new DataView(copy.buffer)
    const value = integers[random.integer(integers.length)] ?? 0
    const [at, little] = [place(bytes, random), random.integer(2) === 0]
    if (at + 4 <= bytes.length) view.setUint32(at, value, little)
    else copy[at] = value
    return copy
  },
  // Change a number in text, such as a size in the header of an image or archive.
  (bytes, random) => {
    let start = place(bytes, random)
    while (start < bytes.length && !isDigit(bytes[start])) start++
    let end = start
    while (end < bytes.length && isDigit(bytes[end])) end++
    if (start === end) return bytes
    const replacement = ["0", "1", "-1", "9007199254740993", "1e999", "00", "0", ""][random.integer(8)] ?? ""
    return concatenated(bytes.subarray(0, start), Buffer.from(replacement), bytes.subarray(end))
  },
  // Remove, insert or repeat bytes, or take them from another file.
  (bytes, random) => bytes.slice(0, random.integer(bytes.length + 1)),
  (bytes, random) => {
    const at = place(bytes, random)
    return concatenated(bytes.subarray(0, at), bytes.subarray(at + 1 + random.integer(32)))
  },
  (bytes, random) => {
    const [at, length] = [place(bytes, random), 1 + random.integer(64)]
    const part = bytes.subarray(at, at + length)
    const parts = Array.from({ length: 1 + random.integer(50) }, () => part)
    return concatenated(bytes.subarray(0, at), ...parts, bytes.subarray(at))
  },
  (bytes, random, others) => {
    const donor = others[random.integer(others.length)] ?? bytes
    const at = place(donor, random)
    return concatenated(bytes.subarray(0, place(bytes, random)), donor.subarray(at, at + random.integer(256)))
  },
]

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39

/** An index anywhere, or as often in the first or the last 2 KiB, which hold the headers and directories of files. */
function place({ length }: Uint8Array, { integer }: RandomStream): number {
  const near = Math.min(length, 2048)
  const index = [() => integer(length), () => integer(near), () => length - 1 - integer(near)][integer(3)]
  return Math.max(0, index?.() ?? 0)
}

function change(bytes: Uint8Array, others: readonly Uint8Array[], random: RandomStream): Uint8Array {
  if (bytes.length === 0) return Uint8Array.of(random.integer(256))
  return changes[random.integer(changes.length)]?.(bytes, random, others) ?? bytes
}

/** Changes, removes or renames one to three values of JSON. Returns null if the bytes are not JSON. */
function mutateJson(bytes: Uint8Array, random: RandomStream): Uint8Array | null {
  if (bytes[0] !== 0x7b && bytes[0] !== 0x5b) return null
  let root: unknown
  try {
    const text = new TextDecoder().decode(bytes)
    if (isDeepJson(text)) return null
    root = JSON.parse(text)
  } catch {
    return null
  }
  for (let n = 1 + random.integer(3); n > 0; n--) {
    const places = placesOf(root)
    const place = places[random.integer(Math.max(1, places.length))]
    if (place === undefined) break
    const [parent, key] = place
    // It needs a copy, since the next change may modify it.
    const value = structuredClone(values[random.integer(values.length)])
    switch (random.integer(4)) {
      case 0:
        delete parent[key]
        break
      case 1:
        parent[`${key}_`] = structuredClone(parent[key])
        break
      case 2:
        parent[key] = nested(random.integer(200), parent[key])
        break
      default:
        parent[key] = value
    }
  }
  return new TextEncoder().encode(JSON.stringify(root) ?? "")
}

/** Copies of a file of JSON, or of JSON lines, each with one of its first values replaced by `depth` lists. */
export function deepened(bytes: Uint8Array, depth: number): Uint8Array[] {
  const text = new TextDecoder().decode(bytes)
  const [line = ""] = text.split("\n", 1)
  const json = [text, line].find((each) => !isDeepJson(each) && isJson(each))
  if (json === undefined) return []
  const copies: Uint8Array[] = []
  const count = Math.min(40, placesOf(JSON.parse(json)).length)
  for (let i = 0; i < count; i++) {
    const root: unknown = JSON.parse(json)
    const [parent, key] = placesOf(root)[i] ?? []
    if (parent === undefined || key === undefined) break
    parent[key] = mark
    const copy = JSON.stringify(root).replace(`"${mark}"`, "[".repeat(depth) + "]".repeat(depth))
    copies.push(new TextEncoder().encode(copy + text.slice(json.length)))
  }
  return copies
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const mark = "a value"

/** Changes values of the header of a safetensors file, whose length stands before it. Returns null for other files. */
function mutateHeader(bytes: Uint8Array, random: RandomStream): Uint8Array | null {
  if (bytes[8] !== 0x7b) return null
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
  const header = mutateJson(bytes.subarray(8, 8 + length), random)
  if (header === null) return null
  const start = new Uint8Array(8)
  new DataView(start.buffer).setUint32(0, header.length, true)
  return concatenated(start, header, bytes.subarray(8 + length))
}

type Parent = Record<string, unknown>

/** The places of all values within a value, as parents and keys. */
function placesOf(root: unknown): [Parent, string][] {
  const places: [Parent, string][] = []
  const visit = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return
    for (const [key, value] of Object.entries(node)) {
      places.push([node as Parent, key])
      if (places.length < 5000) visit(value)
    }
  }
  visit(root)
  return places
}

function nested(depth: number, value: unknown): unknown {
  let result = value
  for (let i = 0; i < depth; i++) result = [result]
  return result
}

function concatenated(...parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    result.set(part, at)
    at += part.length
  }
  return result
}
