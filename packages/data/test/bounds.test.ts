import { writeFileSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { brotliCompressSync, gzipSync } from "node:zlib"
import { afterAll, describe, expect, test } from "vitest"
import { isDeepJson, jsonFault, parseLabels, readFileWithin, textLines } from "../src/internal-node.ts"
import { checkCells, parseTable } from "../src/node/tables/parse.ts"
import { type ByteReader, readTar } from "../src/node/tar.ts"
import { unpackOf } from "../src/parquet/codecs.ts"
import { checkRuns, checkValues } from "../src/parquet/runs.ts"
import { checkThrift } from "../src/parquet/thrift.ts"

const folder = mkdtempSync(join(tmpdir(), "vitrine-bounds-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A tar of entries without bytes. */
function emptyEntries(names: readonly string[]): ByteReader {
  const blocks = names.map((name) => {
    const header = Buffer.alloc(512)
    header.write(name.slice(-100), 0)
    header.write(name.slice(0, -100), 345)
    header.write("00000000000\0", 124)
    header.write("ustar\u000000", 257)
    header.write("0", 156)
    header.fill(" ", 148, 156)
    header.write(
      header
        .reduce((a, b) => a + b, 0)
        .toString(8)
        .padStart(6, "0"),
      148,
    )
    return header
  })
  const bytes = Buffer.concat(blocks)
  let at = 0
  return {
    read: async (n) => bytes.subarray(at, (at += n)),
    skip: async (n) => (at += n) <= bytes.length,
  }
}

describe("at its bound, what is read", () => {
  test("are the lines of a table, empty ones among them", () => {
    expect(parseLabels("a\tx\n\n\nb\ty\n", "labels.tsv", 4)).toHaveLength(2)
    expect(() => parseLabels("a\tx\n\n\nb\ty\n", "labels.tsv", 3)).toThrow("labels.tsv: has more than 3 lines")
    expect(() => parseLabels("\n".repeat(10), "labels.tsv", 5)).toThrow("has more than 5 lines")
    expect(parseLabels("\n".repeat(5), "labels.tsv", 5)).toEqual([])
  })

  test("is JSON of 64 levels", () => {
    const nested = (depth: number): string => `{"file":"a","text":"b","more":${"[".repeat(depth)}${"]".repeat(depth)}}`
    expect(parseLabels(nested(63), "labels.jsonl")).toEqual([{ file: "a", text: "b" }])
    for (const depth of [64, 5000]) expect(() => parseLabels(nested(depth), "labels.jsonl")).toThrow(/:1: is nested/)
    expect(isDeepJson(JSON.stringify({ text: "[".repeat(100), quote: '"['.repeat(100) }))).toBe(false)
  })

  test("are lists and values of JSON, over all lines of a file", () => {
    const most = { lists: 4, commas: 3 }
    const count = { lists: 0, commas: 0 }
    expect(jsonFault('{"a":[1,2],"b":",[[["}', count, most)).toBeUndefined()
    expect(count).toEqual({ lists: 2, commas: 2 })
    expect(jsonFault("[[]]", count, most)).toBeUndefined()
    expect(jsonFault("[]", count, most)).toBe("holds more than 10 million lists and objects")
    expect(jsonFault("[1,2,3]", { lists: 0, commas: 2 }, most)).toBe("holds more than 100 million values")
  })

  test("are rows and columns of a table", () => {
    const limits = { rows: 2, columns: 2, cells: 4 }
    const table = (text: string, name: string): number =>
      parseTable(new TextEncoder().encode(text), name, limits).rows.length
    expect([table("a,b\n1,2\n3,4\n", "t.csv"), table('{"a":1}\n{"b":2}\n', "t.jsonl")]).toEqual([2, 2])
    expect(() => table("a,b\n1,2\n3,4\n5,6\n", "t.csv")).toThrow("t.csv: has more than 2 rows")
    expect(() => table("a,b,c\n1,2,3\n", "t.csv")).toThrow("t.csv: has more than 2 columns")
    expect(() => parseTable(new TextEncoder().encode("a,b\n1,2\n3,4\n"), "t.csv", { ...limits, cells: 3 })).toThrow(
      "t.csv: has more than 1 rows of 2 columns",
    )
    expect(() => table("\n".repeat(5), "t.jsonl")).toThrow("t.jsonl: has more than 2 rows")
    expect(() => table('{"a":1,"b":2}\n{"c":3}', "t.jsonl")).toThrow("t.jsonl: has more than 2 columns")
    expect(() => table(`{"a":${"[".repeat(5000)}}`, "t.jsonl")).toThrow("t.jsonl: line 1 is nested more than 64 deep")
  })

  test("are 16 cells of a table of JSON for each of its values", () => {
    checkCells(2 ** 24 + 32, 2, "t.jsonl")
    expect(() => checkCells(2 ** 24 + 33, 2, "t.jsonl")).toThrow(
      /t\.jsonl: holds 2 values, but its rows have \d+ cells/,
    )
    expect(() => checkCells(50_000_001, 50_000_001, "t.jsonl")).toThrow("its rows have 50000001 cells")
  })

  test("are entries of an archive, and folders around a file", async () => {
    const names = ["a", "b", "c"]
    const found: string[] = []
    const visit = async ({ name }: { name: string }): Promise<boolean> => found.push(name) < 0
    expect(await readTar(emptyEntries(names), "a.tar", visit, 3)).toBe(0)
    expect(found).toEqual(names)
    await expect(readTar(emptyEntries(names), "a.tar", visit, 2)).rejects.toThrow("a.tar: holds more than 2 entries")
    const long = "a".repeat(150)
    await expect(readTar(emptyEntries([long, "b"]), "a.tar", visit, 2)).resolves.toBe(0)
    await expect(readTar(emptyEntries([long, long]), "a.tar", visit, 2)).rejects.toThrow("more than 256 characters")
    const path = `${"a/".repeat(127)}b`
    await expect(readTar(emptyEntries([path]), "a.tar", visit)).resolves.toBe(0)
  })

  test("are the bytes of a file", async () => {
    const path = join(folder, "five")
    writeFileSync(path, "12345")
    expect(Buffer.from(await readFileWithin(path, 5)).toString()).toBe("12345")
    await expect(readFileWithin(path, 4)).rejects.toThrow(/five: is 5 bytes; up to 4 are read$/)
  })
})

describe("of Parquet, what is read", () => {
  const page = {
    begin: 0,
    dataBegin: 0,
    end: 100,
    isDictionary: false,
    values: 10,
    unpacked: 100,
    levels: undefined,
    repetitionBytes: 0,
    nulls: 0,
    isPacked: true,
  }

  test("are runs of as many values as a page has", () => {
    const run = (count: number): void => {
      const header = [0, 7, 14, 21, 28].map((shift) => (Math.floor((2 * count) / 2 ** shift) & 0x7f) | 0x80)
      checkRuns(new DataView(Uint8Array.of(...header, 0, 1).buffer), 0, 1, 10)
    }
    run(10)
    expect(() => run(11)).toThrow("a run of 11 values in a page of 10")
    expect(() => run(2 ** 31)).toThrow("a run of 2147483648 values")
  })

  test("are blocks of differences that end", () => {
    const blocks = (...bytes: readonly number[]): void =>
      checkValues(Uint8Array.from(bytes), { ...page, encoding: "DELTA_BINARY_PACKED" }, [])
    blocks(0x80, 1, 4, 10, 0)
    // Parts of -1, by which hyparquet goes back for ever.
    expect(() => blocks(0x80, 1, 255, 255, 255, 255, 15, 10, 0)).toThrow("4294967295 parts")
    expect(() => blocks(0x80, 1, 0, 10, 0)).toThrow("0 parts")
  })

  test("are values that share their beginnings up to a hundred times the size of their page", () => {
    // Blocks of 128 lengths, each like the one before: all of 2^20, then all of 0.
    const same = (length: readonly number[]): number[] => [0x80, 1, 1, 0x80, 1, ...length, 0, 0]
    const bytes = Uint8Array.from([...same([0x80, 0x80, 0x80, 1]), ...same([0])])
    const values = (encoding: string) => (): void => checkValues(bytes, { ...page, values: 128, encoding }, [])
    expect(values("DELTA_BYTE_ARRAY")).toThrow(`values of ${2 ** 27} bytes in a page of ${bytes.length}`)
  })

  test.each([
    ["BROTLI", brotliCompressSync],
    ["GZIP", gzipSync],
  ] as const)("is as much of %s as a page says", async (name, pack) => {
    const unpack = await unpackOf(name)
    expect(unpack?.(pack(new Uint8Array(1000)), 1000)).toEqual(new Uint8Array(1000))
    const bomb = pack(new Uint8Array(2 ** 22))
    expect(() => unpack?.(bomb, 1000)).toThrow(/larger than 1000 bytes/)
  })

  test("is as much of Zstandard as a page says", async () => {
    const unpack = await unpackOf("ZSTD")
    // A frame of one block, which repeats a byte.
    const frame = (size: number): Uint8Array => {
      const bytes = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0, 0, 0, 0, 7, 0)
      const view = new DataView(bytes.buffer)
      view.setUint32(5, size, true)
      view.setUint16(9, 3 | (size << 3), true)
      view.setUint8(11, size >> 13)
      return bytes.subarray(0, 13)
    }
    expect(unpack?.(frame(1000), 1000)).toEqual(new Uint8Array(1000).fill(7))
    expect(() => unpack?.(frame(2 ** 17), 1000)).toThrow("a page of 131072 bytes, not 1000")
    // A frame without a size is stopped at the end of the page: what comes back is no page of this length.
    const unsized = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, ...frame(2 ** 17).subarray(9))
    expect(unpack?.(unsized, 1000)).not.toHaveLength(1000)
  })

  test("are footers of as many parts as are stated", () => {
    const footer = Uint8Array.of(0x19, 0x3c, 0, 0, 0, 0)
    checkThrift(footer, 20)
    expect(() => checkThrift(footer, 19)).toThrow("more than 19 parts")
    expect(() => checkThrift(Uint8Array.from({ length: 100 }, () => 0x1c))).toThrow("more than 64 levels")
  })
})

test("lines come without their ends, one by one", () => {
  for (const text of ["", "a", "a\n", "\n\n", "a\r\nb\rc\n\r\n", "\r"])
    expect([...textLines(text)]).toEqual(text.split(/\r?\n/))
})
