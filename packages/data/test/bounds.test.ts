import { writeFileSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { isDeepJson, jsonFault, parseLabels, readFileWithin, textLines } from "../src/internal-node.ts"
import { parseTable } from "../src/node/tables/parse.ts"
import { type ByteReader, readTar } from "../src/node/tar.ts"

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
    const limits = { rows: 2, columns: 2 }
    const table = (text: string, name: string): number =>
      parseTable(new TextEncoder().encode(text), name, limits).rows.length
    expect([table("a,b\n1,2\n3,4\n", "t.csv"), table('{"a":1}\n{"b":2}\n', "t.jsonl")]).toEqual([2, 2])
    expect(() => table("a,b\n1,2\n3,4\n5,6\n", "t.csv")).toThrow("t.csv: has more than 2 rows")
    expect(() => table("a,b,c\n1,2,3\n", "t.csv")).toThrow("t.csv: has more than 2 columns")
    expect(() => table("\n".repeat(5), "t.jsonl")).toThrow("t.jsonl: has more than 2 rows")
    expect(() => table('{"a":1,"b":2}\n{"c":3}', "t.jsonl")).toThrow("t.jsonl: has more than 2 columns")
    expect(() => table(`{"a":${"[".repeat(5000)}}`, "t.jsonl")).toThrow("t.jsonl: line 1 is nested more than 64 deep")
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

test("lines come without their ends, one by one", () => {
  for (const text of ["", "a", "a\n", "\n\n", "a\r\nb\rc\n\r\n", "\r"])
    expect([...textLines(text)]).toEqual(text.split(/\r?\n/))
})
