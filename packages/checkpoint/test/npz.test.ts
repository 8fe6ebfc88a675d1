import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { crc32 } from "node:zlib"
import { VitrineError } from "@vitrine/core"
import fc from "fast-check"
import { afterAll, describe, expect, test } from "vitest"
import { readNpy, readNpz, type StoredTensor, toFloat32 } from "../src/index.ts"
import { describeWeights, openNpz } from "../src/node.ts"
import { dict, type Entry, npy, zip } from "./archives.ts"

const golden = fileURLToPath(new URL("golden/files/npz", import.meta.url))
const load = (name: string): Uint8Array => new Uint8Array(readFileSync(join(golden, name)))
const expected = JSON.parse(readFileSync(join(golden, "expected.json"), "utf8")) as Record<
  string,
  { shape: number[]; values: number[] }
>
const folder = mkdtempSync(join(tmpdir(), "vitrine-npz-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const values = (tensor: StoredTensor | undefined): number[] =>
  Array.from((tensor as StoredTensor).data as ArrayLike<number | bigint>, Number)

async function fault(action: () => unknown): Promise<string> {
  try {
    await action()
  } catch (error) {
    expect(VitrineError.isInstance(error), String(error)).toBe(true)
    const { message, kind } = error as VitrineError
    expect(kind).toBe("file")
    expect(message).not.toMatch(/[\n\r\u2028]/)
    expect(message.length).toBeLessThan(400)
    return message
  }
  throw new Error("nothing was thrown")
}

describe("files of NumPy", () => {
  test.each(["stored.npz", "deflated.npz"])("%s is read", async (name) => {
    const tensors = await readNpz(load(name), name)
    expect([...tensors.keys()]).toEqual(expect.arrayContaining(Object.keys(expected)))
    for (const [key, { shape, values: wanted }] of Object.entries(expected)) {
      const tensor = tensors.get(key) as StoredTensor
      expect([key, tensor.shape]).toEqual([key, shape])
      const found = tensor.dtype === "BF16" ? [...toFloat32(tensor)] : values(tensor)
      expect([key, found]).toEqual([key, wanted])
    }
    expect(toFloat32(tensors.get("f2") as StoredTensor)).toEqual(Float32Array.of(1.5, 65504, 2 ** -24, Infinity))
    expect(new Set(values(tensors.get("zeros")))).toEqual(new Set([0]))
    expect([tensors.get("big/i8")?.dtype, tensors.get("bfloat16")?.dtype, tensors.get("b1")?.dtype]).toEqual([
      "I64",
      "BF16",
      "BOOL",
    ])
  })

  test("stored and deflated archives hold the same", async () => {
    expect(await readNpz(load("deflated.npz"), "d")).toEqual(await readNpz(load("stored.npz"), "s"))
  })

  test("an archive written as a stream has its sizes after the contents", async () => {
    const tensors = await readNpz(load("streamed.npz"), "streamed.npz")
    expect([values(tensors.get("f4")), values(tensors.get("i8"))]).toEqual([
      [0, 0.5, 1, 1.5, 2, 2.5],
      [1, -2, 2 ** 40],
    ])
  })

  test.each(["v1.npy", "v2.npy", "v3.npy"])("%s is read, at any alignment", (name) => {
    const bytes = load(name)
    const shifted = new Uint8Array(bytes.length + 3)
    shifted.set(bytes, 3)
    for (const given of [bytes, shifted.subarray(3)])
      expect(readNpy(given, name)).toEqual({
        dtype: "F32",
        shape: [2, 3],
        data: Float32Array.of(0, 0.5, 1, 1.5, 2, 2.5),
      })
  })

  test("what cannot be read without executing it is refused", async () => {
    expect(await fault(() => readNpy(load("pickled.npy"), "p.npy"))).toMatch(/^p\.npy: is pickled, which is never exec/)
    expect(await fault(() => readNpy(load("structured.npy"), "s.npy"))).toMatch(/^s\.npy: is a structured array/)
    expect(await fault(() => readNpz(load("pickled.npz"), "p.npz"))).toBe(
      'p.npz: entry "bad.npy": is pickled, which is never executed: it holds Python objects',
    )
  })

  test("openNpz reads headers, then what is asked for", async () => {
    const file = await openNpz(join(golden, "deflated.npz"))
    expect(file.tensors.find(({ name }) => name === "noise")).toEqual({
      name: "noise",
      dtype: "F32",
      shape: [100, 50],
      bytes: 20_000,
    })
    expect(values(await file.read("fortran"))).toEqual(expected.fortran?.values)
    expect(await fault(() => file.read("none"))).toMatch(/deflated\.npz: has no tensor "none"/)
    await file.close()
  })

  test("describeWeights tells formats apart by what files hold", async () => {
    const npz = await describeWeights(join(golden, "stored.npz"))
    expect([npz.format, npz.tensors.length]).toEqual(["npz", 19])
    expect(npz.tensors[0]).toMatchObject({ name: "f4", dtype: "F32", shape: [2, 3], bytes: 24, min: 0, max: 2.5 })
    const path = join(folder, "array.npz")
    writeFileSync(path, load("v2.npy"))
    expect(await describeWeights(path)).toMatchObject({
      file: path,
      format: "npy",
      size: 152,
      metadata: {},
      parameters: 6,
      tensors: [{ name: "array.npz", dtype: "F32", shape: [2, 3], bytes: 24, mean: 1.25, nonFinite: 0 }],
    })
    writeFileSync(path, "")
    expect(await fault(() => describeWeights(path))).toMatch(/not a safetensors file: 0 bytes/)
  })
})

describe("hostile .npy", () => {
  const longHeader = npy(dict(), 8, [2, 0])
  new DataView(longHeader.buffer).setUint32(8, 0xffffffff, true)
  const cases: Record<string, [Uint8Array, RegExp]> = {
    "an empty file": [new Uint8Array(), /does not begin with/],
    "a beginning alone": [npy(dict()).subarray(0, 8), /truncated: 8 bytes/],
    "version 4": [npy(dict(), 8, [4, 0]), /version 4\.0 of \.npy/],
    "a header longer than the file": [npy(dict(), 8).subarray(0, 40), /truncated: its \.npy header ends/],
    "a header of 4 GiB": [longHeader, /claims 4294967295 bytes, over the limit/],
    "too little": [npy(dict(), 7), /has 7 bytes of elements, but F32 of shape \[2\] needs 8/],
    "too much": [npy(dict(), 9), /has 9 bytes of elements/],
    "a size without end": [npy(dict("'<f4'", `(${"9007199254740991, ".repeat(3)})`)), /needs 2\.9\d+e\+48/],
    "a size beyond integers": [npy(dict("'<f4'", "(99999999999999999999,)")), /has the shape "\(9999/],
    "a negative size": [npy(dict("'<f4'", "(-2,)"), 8), /expected a tuple of sizes/],
    "too many sizes": [npy(dict("'<f4'", `(${"1, ".repeat(33)})`), 4), /at most 32 sizes/],
    objects: [npy(dict("'|O'"), 16), /is pickled, which is never executed/],
    records: [npy(dict("[('a', '<f4')]"), 8), /is a structured array/],
    "an array in an element": [npy(dict("('<f4', (2,))"), 8), /expected a dtype/],
    text: [npy(dict("'<U2'"), 16), /has the dtype "<U2"/],
    "complex numbers": [npy(dict("'<c8'"), 16), /has the dtype "<c8"; known are f8/],
    dates: [npy(dict("'<M8[ns]'"), 16), /has the dtype "<M8\[ns\]"/],
    "no byte order": [npy(dict("'|f4'"), 8), /whose byte order is not known/],
    "other opaque bytes": [npy(dict("'|V4'"), 8), /has the dtype "\|V4"/],
    code: [npy("__import__('os').system('true')"), /expected "\{" at "__import__/],
    "a call in place of a shape": [npy(dict("'<f4'", "exit()"), 8), /expected a tuple of sizes at "exit/],
    "a key twice": [npy("{'descr': '<f4', 'descr': '<f4'}", 8), /descr stands in it twice/],
    "an unknown key": [npy("{'__proto__': 1}"), /the key "__proto__" is not known/],
    "a key missing": [npy("{'descr': '<f4'}", 8), /must stand in it/],
    "more after the dict": [npy(`${dict().trim()} 1`, 8), /expected a key|expected "," or/],
    "escapes in text": [npy(dict("'\\x3cf4'"), 8), /expected a dtype/],
    "a string without end": [npy(`{'${"a".repeat(9000)}`), /expected a key/],
    "ten thousand spaces and digits": [npy(dict("'<f4'", `(${"1 ".repeat(4000)}`), 8), /expected a tuple/],
    "a name that drives a terminal": [npy(dict("'\x1b[31m\n'")), /\\u001b/],
  }
  test.each(Object.entries(cases))("%s", async (_, [bytes, message]) => {
    const start = performance.now()
    expect(await fault(() => readNpy(bytes, "a.npy"))).toMatch(message)
    expect(performance.now() - start).toBeLessThan(1000)
  })
})

const one = npy(dict(), new Uint8Array(Float32Array.of(1, 2).buffer))
const entry = (fields: Partial<Entry> = {}): Entry => ({ name: "a.npy", content: one, ...fields })
/** A sound .npy file of that many zeros. */
const zeros = (count: number): Uint8Array => npy(dict("'<f4'", `(${count},)`), 4 * count)

test("archives of the test's own writer are read", async () => {
  for (const archive of [{}, { zip64: true }])
    for (const method of [0, 8]) {
      const tensors = await readNpz(zip([entry({ method }), entry({ method, name: "x/b.npy" })], archive), "a.npz")
      expect([...tensors].map(([name, tensor]) => [name, values(tensor)])).toEqual([
        ["a", [1, 2]],
        ["x/b", [1, 2]],
      ])
    }
  expect((await readNpz(zip([]), "empty.npz")).size).toBe(0)
})

describe("hostile archives", () => {
  const nested = zip([entry()])
  const twoOffset = 30 + 5 + one.length
  const cases: Record<string, [Uint8Array, RegExp]> = {
    "an empty file": [new Uint8Array(), /its zip directory does not end the file/],
    "a truncated file": [nested.subarray(0, -1), /its zip directory does not end the file/],
    "bytes at the end": [zip([entry()], { after: Uint8Array.of(1, 2, 3) }), /its zip directory does not end the file/],
    "an archive after another": [zip([entry()], { before: nested }), /bytes before entry "a\.npy" belong to no entry/],
    "a gap before the directory": [zip([entry()], { between: new Uint8Array(9) }), /9 bytes before its zip directory/],
    "a directory elsewhere": [zip([entry()], { directoryOffset: 3 }), /its zip directory ends at byte/],
    "a directory beyond integers": [
      zip([entry()], { zip64: true, directoryOffset: 2 ** 60 }),
      /zip directory claims 1152921504606846976 bytes/,
    ],
    "fewer entries than claimed": [zip([entry()], { count: 2 }), /claims 2 entries, but has 1/],
    "60000 entries": [zip([entry()], { count: 60_000 }), /claims 60000 entries in \d+ bytes, over the limit/],
    "2^50 entries": [zip([entry()], { count: 2 ** 50, zip64: true }), /claims 1125899906842624 entries/],
    "a zip64 size that lies": [
      zip([entry({ size: 2 ** 40 })], { zip64: true }),
      /stored in \d+ bytes, but claims 1099/,
    ],
    "a zip64 size that deflate cannot reach": [
      zip([entry({ size: 2 ** 40, localSize: 1, method: 8 })], { zip64: true }),
      /to 1099511627776, which deflate cannot do/,
    ],
    "a zip64 size beyond integers": [
      zip([entry({ size: 2 ** 60, localSize: 1 })], { zip64: true }),
      /entry "a\.npy" has a broken zip64 field/,
    ],
    "a zip64 offset past the end": [
      zip([entry({ offset: 2 ** 50 })], { zip64: true }),
      /bytes before entry "a\.npy" belong to no entry/,
    ],
    "an encrypted entry": [zip([entry({ flags: 1 })]), /entry "a\.npy" is encrypted/],
    "strong encryption": [zip([entry({ flags: 0x2040 })]), /entry "a\.npy" is encrypted/],
    "patched data": [zip([entry({ flags: 0x20 })]), /has unknown flags 32/],
    bzip2: [zip([entry({ method: 12 })]), /is compressed by method 12/],
    "the same name twice": [zip([entry(), entry()]), /entry "a\.npy" stands twice/],
    "one content for two": [zip([entry(), entry({ name: "b.npy", offset: 0 })]), /overlaps what comes after it/],
    "an overlap": [
      zip([entry(), entry({ name: "b.npy", offset: twoOffset - 8 })]),
      /"a\.npy" overlaps what comes after it/,
    ],
    "an offset past the end": [zip([entry({ offset: 2 ** 31 })]), /bytes before entry "a\.npy" belong to no entry/],
    "a stored size that lies": [zip([entry({ size: 1000 })]), /is stored in \d+ bytes, but claims 1000/],
    "a size past the end": [zip([entry({ size: 2 ** 31, compressedSize: 2 ** 31 })]), /truncated, or its size lies/],
    "another size in the local header": [zip([entry({ localSize: 7 })]), /another size or checksum in its own header/],
    "another checksum in the local header": [zip([entry({ localCrc: 7 })]), /another size or checksum in its own/],
    "another name in the local header": [zip([entry({ localName: "b.npy" })]), /is another one in its own header/],
    "no descriptor": [zip([entry({ flags: 8 })]), /another size or checksum after its content/],
    "a wrong checksum": [zip([entry({ crc: 7 })]), /is damaged: its checksum is another one/],
    "a deflated size too large": [
      zip([entry({ method: 8, size: one.length + 1 })]),
      /has 9 bytes of elements|inflates/,
    ],
    "a deflated size too small": [
      zip([entry({ method: 8, size: one.length - 1 })]),
      /has 7 bytes of elements|inflates/,
    ],
    "a bomb that hides": [
      zip([
        entry({ content: Buffer.concat([one, new Uint8Array(1e8)]), method: 8, size: one.length, crc: crc32(one) }),
      ]),
      /inflates to more than the \d+ bytes that it claims/,
    ],
    "a bomb that shows": [
      zip([entry({ content: zeros(5e7), method: 8 })]),
      /would inflate from \d+ bytes to 2000000\d\d, which is taken for an attack/,
    ],
    "a size that deflate cannot reach": [zip([entry({ method: 8, size: 2 ** 31 })]), /which deflate cannot do/],
    rubbish: [zip([entry({ method: 8 })]).fill(0xff, 35, 60), /"a\.npy" cannot be inflated/],
    "a path upwards": [zip([entry({ name: "../a.npy" })]), /entry "\.\.\/a\.npy" has a name that is no plain relative/],
    "a path in the middle": [zip([entry({ name: "a/../../b.npy" })]), /is no plain relative path/],
    "an absolute path": [zip([entry({ name: "/etc/a.npy" })]), /is no plain relative path/],
    "a drive": [zip([entry({ name: "C:a.npy" })]), /is no plain relative path/],
    backslashes: [zip([entry({ name: "..\\a.npy" })]), /is no plain relative path/],
    "a name of zeros and escapes": [zip([entry({ name: "a\0\x1b[31m\n.npy" })]), /is no plain relative path/],
    "a name that is not marked": [zip([entry({ name: "ä.npy" })]), /neither ASCII nor marked as UTF-8/],
    "a folder": [zip([entry({ name: "a/", content: new Uint8Array() })]), /is no plain relative path/],
    "another kind of file": [zip([entry({ name: "a.txt" })]), /entry "a\.txt" is no \.npy file/],
    "PyTorch's": [zip([entry({ name: "archive/data.pkl" })]), /"archive\/data\.pkl" is pickled, which is never exec/],
    "no .npy in .npy": [zip([entry({ content: nested })]), /entry "a\.npy": not a \.npy file/],
    "a pickle in deflate": [zip([entry({ content: npy(dict("'|O'"), 9), method: 8 })]), /"a\.npy": is pickled/],
  }
  test.each(Object.entries(cases))("%s", async (_, [bytes, message]) => {
    const start = performance.now()
    expect(await fault(() => readNpz(bytes, "w.npz"))).toMatch(message)
    expect(performance.now() - start).toBeLessThan(2000)
    const path = join(folder, "hostile.npz")
    writeFileSync(path, bytes)
    const read = async (): Promise<void> => {
      const file = await openNpz(path)
      try {
        for (const { name } of file.tensors) await file.read(name)
      } finally {
        await file.close()
      }
    }
    expect(await fault(read)).toMatch(message)
  })

  test("every truncation is refused", async () => {
    const bytes = load("streamed.npz")
    for (let length = 0; length < bytes.length; length++)
      expect(await fault(() => readNpz(bytes.subarray(0, length), "w.npz"))).toMatch(/^w\.npz: /)
  })
})

describe("properties", () => {
  const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 })
  const small = [
    load("streamed.npz"),
    zip([entry(), entry({ name: "b.npy", method: 8 })], { zip64: true }),
    zip([entry(), entry({ name: "b.npy", method: 8 })]),
    load("v1.npy"),
    load("v3.npy"),
    load("pickled.npz"),
  ]

  test("a flipped, cut or grown file is read or refused, nothing else", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...small),
        flips,
        fc.integer({ min: -9, max: 5 }),
        async (whole, changes, grown) => {
          const bytes = new Uint8Array(whole.length + Math.max(0, grown) * (grown > 2 ? 1 : 0))
          bytes.set(whole)
          const cut = bytes.subarray(0, bytes.length + (grown < -6 ? grown : 0))
          for (const [at, mask] of changes) (cut[at % cut.length] as number) ^= mask
          try {
            if (whole[0] === 0x93) toFloat32(readNpy(cut, "f.npy"))
            else for (const tensor of (await readNpz(cut, "f.npz")).values()) toFloat32(tensor)
          } catch (error) {
            if (!VitrineError.isInstance(error)) throw error
            expect(error.message).not.toContain("\n")
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  test("what is written in Fortran's order is read in C's", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 4 }), { maxLength: 4 }), (shape) => {
        const count = shape.reduce((n, size) => n * size, 1)
        const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((n, size) => n * size, 1))
        const wanted = Float32Array.from({ length: count }, (_, i) => i)
        const written = new Float32Array(count)
        for (let i = 0; i < count; i++) {
          let rest = i
          let at = 0
          for (let axis = shape.length - 1; axis >= 0; axis--) {
            at += (rest % (shape[axis] as number)) * (strides[axis] as number)
            rest = Math.floor(rest / (shape[axis] as number))
          }
          written[at] = i
        }
        const tuple = `(${shape.map((size) => `${size}, `).join("")})`
        const file = npy(dict("'<f4'", tuple, "True"), new Uint8Array(written.buffer))
        expect(readNpy(file, "f.npy")).toEqual({ dtype: "F32", shape, data: wanted })
      }),
    )
  })
})
