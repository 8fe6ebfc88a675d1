import { readFileSync } from "node:fs"
import { VitrineError } from "@vitrine/core"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  bytesPerElement,
  checkTensors,
  parseHeader,
  readSafetensors,
  type StorageDType,
  type StoredTensor,
  toFloat32,
  valueStatistics,
  writeSafetensors,
} from "../src/index.ts"

const official = new Uint8Array(readFileSync(new URL("golden/files/official.safetensors", import.meta.url)))

const join = (chunks: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(chunks))

/** A file with the given header text, whatever it says, and so many bytes of data. */
function file(header: string | Uint8Array, dataBytes = 0, claimed?: number): Uint8Array {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header
  const bytes = new Uint8Array(8 + text.length + dataBytes)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(claimed ?? text.length), true)
  bytes.set(text, 8)
  return bytes
}

function fault(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    expect(VitrineError.isInstance(error), String(error)).toBe(true)
    const { message, kind } = error as VitrineError
    expect(kind).toBe("file")
    expect(message).not.toMatch(/[\n\r\u2028]/)
    return message
  }
  throw new Error("nothing was thrown")
}

describe("files of the official library", () => {
  test("are read", () => {
    const { metadata, tensors } = readSafetensors(official, "official")
    expect(metadata).toEqual({ format: "pt" })
    expect([...tensors].map(([name, { dtype, shape }]) => [name, dtype, shape])).toEqual([
      ["a", "I64", [3]],
      ["d", "F64", []],
      ["aa.bias", "F32", [1]],
      ["b.weight", "F32", [2, 3]],
      ["empty", "F32", [0, 3]],
      ["i32", "I32", [1]],
      ["bf", "BF16", [2]],
      ["h", "F16", [4]],
      ["i16", "I16", [1]],
      ["i8", "I8", [1]],
      ["u8", "U8", [1]],
      ["ok", "BOOL", [2]],
    ])
    const values = (name: string): number[] => Array.from(toFloat32(tensors.get(name) as StoredTensor))
    expect(values("a")).toEqual([1, -2, 2 ** 40])
    expect(values("d")).toEqual([3.25])
    expect(values("b.weight")).toEqual([0, 0.5, 1, 1.5, 2, 2.5])
    expect(values("bf")).toEqual([1.5, -1.765625 * 2 ** 127])
    expect(values("h")).toEqual([1.5, 65504, 2 ** -24, Infinity])
    expect([values("i8"), values("u8"), values("i16"), values("i32"), values("ok"), values("empty")]).toEqual([
      [-3],
      [7],
      [-300],
      [70000],
      [1, 0],
      [],
    ])
  })

  test("are written byte for byte, from any order", () => {
    const { metadata, tensors } = readSafetensors(official, "official")
    expect(join(writeSafetensors([...tensors].reverse(), metadata))).toEqual(official)
  })

  test("are read at any alignment", () => {
    const shifted = new Uint8Array(official.length + 3)
    shifted.set(official, 3)
    const { tensors } = readSafetensors(shifted.subarray(3), "official")
    expect(tensors.get("a")?.data).toEqual(BigInt64Array.of(1n, -2n, 2n ** 40n))
    const buffer = Buffer.from(shifted.buffer, 3)
    expect(readSafetensors(buffer, "official").tensors).toEqual(readSafetensors(official, "official").tensors)
  })
})

describe("float16", () => {
  test("every bit pattern has its IEEE 754 value", () => {
    const data = Uint16Array.from({ length: 65536 }, (_, i) => i)
    const values = toFloat32({ dtype: "F16", shape: [65536], data })
    data.forEach((bits, i) => {
      const sign = bits & 0x8000 ? -1 : 1
      const exponent = (bits >> 10) & 31
      const fraction = bits & 1023
      const expected =
        exponent === 31
          ? fraction
            ? NaN
            : sign * Infinity
          : sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15))
      if (!Object.is(values[i], expected)) expect([bits, values[i]]).toEqual([bits, expected])
    })
  })
})

describe("properties", () => {
  const dtype = fc.constantFrom<StorageDType>(
    "F64",
    "F32",
    "F16",
    "BF16",
    "I64",
    "I32",
    "I16",
    "I8",
    "U8",
    "U16",
    "BOOL",
  )
  const tensor = fc.tuple(dtype, fc.array(fc.nat({ max: 4 }), { maxLength: 4 })).chain(([type, shape]) => {
    const bytes = shape.reduce((n, s) => n * s, bytesPerElement(type))
    return fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((data) => ({ type, shape, data }))
  })
  const name = fc.string({ unit: "grapheme" }).filter((n) => n !== "__proto__" && n !== "__metadata__")
  const files = fc.tuple(
    fc.uniqueArray(fc.tuple(name, tensor), { selector: ([n]) => n, maxLength: 6 }),
    fc.dictionary(name, fc.string({ unit: "grapheme" }), { maxKeys: 3 }),
  )
  const build = ([tensors, metadata]: typeof files extends fc.Arbitrary<infer T> ? T : never): Uint8Array =>
    join(
      writeSafetensors(
        tensors.map(([n, { type, shape, data }]) => [n, { dtype: type, shape, data }] as const),
        metadata,
      ),
    )

  test("what is written is read again", () => {
    fc.assert(
      fc.property(files, (given) => {
        const bytes = build(given)
        const { tensors, metadata } = readSafetensors(bytes, "file")
        expect(tensors.size).toBe(given[0].length)
        expect({ ...metadata }).toEqual({ ...given[1] })
        for (const [n, { type, shape, data }] of given[0]) {
          const read = tensors.get(n) as StoredTensor
          expect([read.dtype, read.shape]).toEqual([type, shape])
          expect(new Uint8Array(read.data.buffer, read.data.byteOffset, read.data.byteLength)).toEqual(data)
        }
        expect(join(writeSafetensors(tensors, metadata))).toEqual(bytes)
      }),
    )
  })

  test("a flipped, cut or grown file is read or refused, nothing else", () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(files, flips, fc.integer({ min: -40, max: 9 }), (given, changes, growth) => {
        const whole = build(given)
        const bytes = new Uint8Array(Math.max(0, whole.length + growth))
        bytes.set(whole.subarray(0, bytes.length))
        for (const [at, mask] of changes) if (bytes.length > 0) (bytes[at % bytes.length] as number) ^= mask
        try {
          for (const stored of readSafetensors(bytes, "file").tensors.values()) toFloat32(stored)
        } catch (error) {
          if (!VitrineError.isInstance(error)) throw error
          expect(error.message).not.toContain("\n")
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe("hostile headers", () => {
  const entry = (offsets: string, shape = "[2]", dtype = "F32"): string =>
    `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`
  const cases: Record<string, [Uint8Array, RegExp]> = {
    "an empty file": [new Uint8Array(0), /^w\.st: not a safetensors file: 0 bytes are too few/],
    "a header longer than the file": [file("{}", 0, 50), /truncated: its header claims 50 bytes, but the file has 2/],
    "a header over 100 MB": [file("{}", 0, 100_000_001), /claims 100000001 bytes, over the limit/],
    "a header of 2^64 - 1 bytes": [new Uint8Array(20).fill(255), /claims 18446744073709551615 bytes/],
    "text that is not UTF-8": [file(Uint8Array.of(0x7b, 0xff, 0x7d)), /header is not UTF-8/],
    "an array": [file("[]"), /does not begin with "\{"/],
    "broken JSON": [file('{"a":}'), /header is not JSON/],
    NaN: [file('{"a":NaN}'), /header is not JSON/],
    "deep JSON": [file(`{"a":${"[".repeat(1_000_000)}`), /nested more than 3 deep/],
    "too many values": [file(`{"a":[${"0,".repeat(1_000_001)}0]}`), /holds more than 1000000 values/],
    "a tensor twice": [file(`{"a":${entry("[0,8]")},"\\u0061":${entry("[8,16]")}}`, 16), /has "a" twice/],
    "a field twice": [file(`{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8), /"dtype" twice/],
    "an overlap": [file(`{"a":${entry("[0,8]")},"b":${entry("[4,12]")}}`, 12), /tensor "b" overlaps "a"/],
    "one range for two": [file(`{"a":${entry("[0,8]")},"b":${entry("[0,8]")}}`, 8), /tensor "b" overlaps "a"/],
    "a gap": [file(`{"a":${entry("[0,8]")},"b":${entry("[12,20]")}}`, 20), /4 bytes before tensor "b" belong to no/],
    "a gap at the beginning": [file(`{"a":${entry("[4,12]")}}`, 12), /4 bytes before tensor "a"/],
    "bytes at the end": [file(`{"a":${entry("[0,8]")}}`, 11), /3 bytes at its end belong to no tensor/],
    "a truncated file": [file(`{"a":${entry("[0,8]")}}`, 5), /tensor "a" ends 3 bytes after the end of the file/],
    "an end before the beginning": [file(`{"a":${entry("[8,0]")}}`, 8), /tensor "a" ends at 0, before it begins at 8/],
    "a size that is not the shape's": [
      file(`{"a":${entry("[0,8]", "[3]")}}`, 8),
      /has 8 bytes, but F32 of shape \[3\] needs 12/,
    ],
    "a negative dimension": [file(`{"a":${entry("[0,8]", "[-2]")}}`, 8), /has the shape \[-2\]/],
    "a fractional dimension": [file(`{"a":${entry("[0,8]", "[1.5]")}}`, 8), /has the shape \[1\.5\]/],
    "a huge dimension": [file(`{"a":${entry("[0,8]", "[1e300]")}}`, 8), /has the shape \[1e\+300\]/],
    "a product that overflows": [
      file(`{"a":${entry("[0,0]", "[4294967296,4294967296,4294967296]")}}`),
      /needs 3\.16\d+e\+29/,
    ],
    "too many dimensions": [file(`{"a":${entry("[0,4]", `[${Array(33).fill(1)}]`)}}`, 4), /at most 32 integers/],
    "huge offsets": [file(`{"a":${entry("[0,1e30]")}}`, 8), /has the data_offsets \[0,1e\+30\]/],
    "offsets of text": [file(`{"a":${entry('["0","8"]')}}`, 8), /has the data_offsets/],
    "an unknown dtype": [file(`{"a":${entry("[0,8]", "[2]", "Q7")}}`, 8), /has the dtype "Q7"; known are U64/],
    "a dtype from the prototype": [file(`{"a":${entry("[0,8]", "[2]", "toString")}}`, 8), /has the dtype "toString"/],
    __proto__: [file(`{"__proto__":${entry("[0,8]")}}`, 8), /tensor "__proto__" has a name that is not taken/],
    "a tensor that is null": [file('{"a":null}'), /tensor "a" is not described by an object/],
    "metadata of numbers": [file('{"__metadata__":{"a":1}}'), /__metadata__ must hold strings, but "a" is not one/],
    "metadata that is null": [file('{"__metadata__":null}'), /__metadata__ must be an object/],
    "a name with line breaks": [file('{"a\\nb\u2028":1}'), /tensor "a\\nb\\u2028" is not/],
    "a name without end": [file(`{"${"x".repeat(1e6)}":1}`), /^.{0,200}$/],
  }
  test.each(Object.entries(cases))("%s", (_, [bytes, message]) => {
    const start = performance.now()
    expect(fault(() => readSafetensors(bytes, "w.st"))).toMatch(message)
    expect(performance.now() - start).toBeLessThan(1000)
  })

  test("every truncation of a sound file is refused", () => {
    for (let length = 0; length < official.length; length++)
      expect(fault(() => readSafetensors(official.subarray(0, length), "w.st"))).toMatch(/^w\.st: /)
  })

  test("the header is checked without the data, against the size of the file", () => {
    const header = parseHeader(official.subarray(0, 800), { fileSize: official.length, name: "w.st" })
    expect(header.tensors[0]).toEqual({ name: "a", dtype: "I64", shape: [3], begin: 728, end: 752 })
    expect(fault(() => parseHeader(official.subarray(0, 800), { fileSize: 800, name: "w.st" }))).toMatch(/truncated/)
  })
})

describe("writeSafetensors", () => {
  test("refuses data that does not fit its shape, and names that are taken", () => {
    const one: StoredTensor = { dtype: "F32", shape: [1], data: new Float32Array(1) }
    expect(fault(() => writeSafetensors([["a", { ...one, shape: [2] }]]))).toMatch(/tensor "a" has 4 bytes.* needs 8/)
    expect(
      fault(() =>
        writeSafetensors([
          ["a", one],
          ["a", one],
        ]),
      ),
    ).toMatch(/"a" is taken/)
    expect(fault(() => writeSafetensors([["__metadata__", one]]))).toMatch(/"__metadata__" is taken/)
  })
})

describe("valueStatistics", () => {
  test("leaves out what is not finite and counts it", () => {
    const data = Float32Array.of(1, NaN, -3, Infinity, 5)
    expect(valueStatistics({ dtype: "F32", shape: [5], data })).toEqual({
      min: -3,
      max: 5,
      mean: 1,
      std: Math.sqrt(32 / 3),
      nonFinite: 2,
    })
    const none = valueStatistics({ dtype: "F32", shape: [0], data: new Float32Array(0) })
    expect(none).toEqual({ min: null, max: null, mean: null, std: null, nonFinite: 0 })
  })

  test("reads integers and halves", () => {
    expect(valueStatistics({ dtype: "I64", shape: [2], data: BigInt64Array.of(-4n, 8n) }).mean).toBe(2)
    expect(valueStatistics({ dtype: "BF16", shape: [1], data: Uint16Array.of(0x3fc0) }).max).toBe(1.5)
  })
})

describe("checkTensors", () => {
  const header = parseHeader(official, { fileSize: official.length, name: "w.st" })
  const tensors = header.tensors.map(({ name, shape }) => ({ name, shape }))

  test("takes what fits", () => {
    expect(() => checkTensors({ tensors }, tensors, "w.st")).not.toThrow()
  })

  test("names three of each fault and counts the rest", () => {
    const expected = [
      { name: "b.weight", shape: [3, 2] },
      ...["p", "q", "r", "s", "t"].map((name) => ({ name, shape: [1] })),
      ...tensors.filter(({ name }) => name !== "b.weight" && name !== "ok"),
    ]
    expect(fault(() => checkTensors({ tensors }, expected, "w.st"))).toBe(
      'w.st: does not hold the model\'s tensors; missing: "p", "q", "r" and 2 more; ' +
        'wrong shape: "b.weight" is [2, 3], not [3, 2]; unexpected: "ok"',
    )
  })

  test("refuses what is no number with a fraction", () => {
    const of = (dtype: "I32" | "BF16") => ({ tensors: [{ name: "w", shape: [2], dtype }] })
    expect(() => checkTensors(of("BF16"), [{ name: "w", shape: [2] }], "w.st")).not.toThrow()
    expect(fault(() => checkTensors(of("I32"), [{ name: "w", shape: [2] }], "w.st"))).toMatch(
      /wrong dtype: "w" is I32, not one of F32, F16, BF16, F64$/,
    )
  })
})
