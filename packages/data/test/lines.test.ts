import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { VitrineError } from "@vitrine/core"
import { goldenPath } from "@vitrine/golden"
import { characterRows, pixels, resolveLines } from "@vitrine/data/node"
import fc from "fast-check"
import { parquetWriteBuffer } from "hyparquet-writer"
import sharp from "sharp"
import { afterAll, describe, expect, test } from "vitest"
import { parseLabels } from "../src/lines/labels.ts"

const folder = mkdtempSync(join(tmpdir(), "vitrine-lines-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Three characters of 6×4 pixels, each of one brightness. */
const bright = [40, 120, 200]
const characters = pixels({
  name: "characters",
  classes: ["a", "b", "é"],
  height: 6,
  width: 4,
  channels: 1,
  pixels: Uint8Array.from({ length: 3 * 24 }, (_, i) => bright[Math.floor(i / 24)] as number),
  labels: Int32Array.of(0, 1, 2),
})

describe("rows", () => {
  test("hold as many characters as asked, in the order of the text, and are the same each time", async () => {
    const lines = await characterRows(characters, { size: 50, characters: [1, 4], seed: 3 })
    const again = await characterRows(characters, { size: 500, characters: [1, 4], seed: 3 })
    const lengths = new Set<number>()
    for (let i = 0; i < lines.length; i++) {
      const text = lines.text(i)
      lengths.add(text.length)
      expect(again.text(i)).toBe(text)
      const image = await lines.read(i)
      expect(await again.read(i)).toEqual(image)
      const [height, width] = lines.largest as readonly [number, number]
      expect(image.height).toBe(height)
      expect(image.width).toBeLessThanOrEqual(width)
      const inked = new Set(Array.from(text, (character) => bright[characters.classes.indexOf(character)]))
      // Where neighbours overlap the brighter one is seen, so a dark one may vanish altogether.
      expect([...new Set(image.data)].filter((value) => value > 0 && !inked.has(value))).toEqual([])
      expect(Math.max(...image.data)).toBe(Math.max(...[...inked].map(Number)))
    }
    expect([...lengths].toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4])
    const other = await characterRows(characters, { size: 50, characters: [1, 4], seed: 4 })
    expect(Array.from({ length: 50 }, (_, i) => other.text(i))).not.toEqual(
      Array.from({ length: 50 }, (_, i) => lines.text(i)),
    )
  })

  test("are refused where they cannot be", async () => {
    const refused = (run: Promise<unknown>, message: string): Promise<void> => expect(run).rejects.toThrow(message)
    await refused(characterRows(characters, { size: 0, characters: [1, 2] }), "size must be a positive integer, got 0")
    await refused(characterRows(characters, { size: 1, characters: [3, 2] }), "the fewest first, got 3, 2")
    const named = { ...characters, classes: ["a", "b", "ship"] }
    await refused(characterRows(named, { size: 1, characters: [1, 2] }), 'its class "ship" is not one character')
  })
})

describe("labels", () => {
  test("are read from tabs and from JSON lines alike", () => {
    const labels = [
      { file: "a.png", text: "one\ttwo" },
      { file: "sub/b c.png", text: "é" },
      { file: "c.png", text: "" },
    ]
    const tabs = "\uFEFFfile\ttext\na.png\tone\ttwo\r\n\n./sub/b c.png\t e\u0301 \nc.png\t\n"
    expect(parseLabels(tabs, "labels.tsv")).toEqual(labels)
    expect(parseLabels(labels.map((label) => JSON.stringify(label)).join("\n"), "labels.jsonl")).toEqual(labels)
  })

  test("name the line that is not as expected", () => {
    const refused = (text: string, name: string, message: string): void =>
      expect(() => parseLabels(text, name)).toThrow(message)
    refused("a.png\tx\nb.png", "labels.tsv", "labels.tsv:2: expected a file, a tab and its text")
    refused("\tx", "labels.tsv", "labels.tsv:1: expected a file, a tab and its text")
    refused('{"file":"a"}', "labels.jsonl", 'labels.jsonl:1: expected {"file": "…", "text": "…"}')
    refused("{", "labels.jsonl", "labels.jsonl:1: is not JSON")
    refused("null", "labels.jsonl", "labels.jsonl:1: expected")
  })

  test("whatever is in a file, it is read or refused", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.constantFrom("labels.tsv", "labels.jsonl"), (text, name) => {
        try {
          for (const { file, text: own } of parseLabels(text, name))
            expect(typeof file + typeof own).toBe("stringstring")
        } catch (error) {
          expect(VitrineError.isInstance(error)).toBe(true)
        }
      }),
    )
  })
})

describe("a folder of lines", () => {
  const picture = (width: number): Promise<Buffer> =>
    sharp({ create: { width, height: 8, channels: 3, background: { r: 9, g: 9, b: 9 } } })
      .png()
      .toBuffer()
  const make = async (name: string, files: Record<string, string | number | Uint8Array>): Promise<string> => {
    for (const [file, content] of Object.entries(files)) {
      const path = join(folder, name, file)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, typeof content === "number" ? await picture(content) : content)
    }
    return join(folder, name)
  }

  test("is divided by the seed, and says what it passes over", async () => {
    const names = Array.from({ length: 10 }, (_, i) => `${i}.png`)
    const listed = names.map((name, i) => `${name}\ttext ${i}`)
    const faults = ["gone.png\tx", "../../etc/passwd\tx", "0.png\tagain", "10.png\t ", `11.png\t${"x".repeat(257)}`]
    const path = await make("divided", {
      ...Object.fromEntries(names.map((name, i) => [name, 10 + i])),
      "10.png": 9,
      "11.png": 9,
      "labels.tsv": [...listed, ...faults].join("\n"),
    })
    const { train, val, skipped, close } = await resolveLines(path, { valFraction: 0.2, seed: 1 })
    expect([train.length, val?.length]).toEqual([8, 2])
    const texts = [train, val ?? train].flatMap((set) => Array.from({ length: set.length }, (_, i) => set.text(i)))
    expect(texts.toSorted()).toEqual(names.map((_, i) => `text ${i}`))
    for (let i = 0; i < train.length; i++)
      expect((await train.read(i)).width).toBe(10 + Number(train.text(i).replace("text ", "")))
    expect(skipped).toEqual([
      "gone.png: there is no such file",
      "../../etc/passwd: there is no such file",
      "0.png: is named twice",
      "10.png: has no text",
      "11.png: its text has 257 characters; up to 256 are read",
    ])
    await close()
    const again = await resolveLines(path, { valFraction: 0.2, seed: 1 })
    expect(again.val?.text(0)).toBe(val?.text(0))
    await again.close()
  })

  test("may hold a folder for each part, with JSON lines", async () => {
    const path = await make("parts", {
      "train/labels.jsonl": '{"file":"a.png","text":"a"}\n{"file":"b.png","text":"b"}',
      "train/a.png": 5,
      "train/b.png": 6,
      "test/labels.tsv": "c.png\tc",
      "test/c.png": 7,
    })
    const { train, val, close } = await resolveLines(path)
    expect([train.length, val?.length, val?.text(0)]).toEqual([2, 1, "c"])
    expect((await (val as typeof train).read(0)).width).toBe(7)
    await close()
  })

  test("is refused with its name", async () => {
    const refused = (path: string, message: string): Promise<void> =>
      expect(resolveLines(path)).rejects.toThrow(message)
    await refused(
      await make("none", { "labels.tsv": "gone.png\tx" }),
      "has no line to train on; gone.png: there is no such",
    )
    await refused(await make("deep", { "other/labels.tsv": "a.png\tx" }), "has other/labels.tsv, but no labels.tsv")
    await refused(
      await make("latin", { "labels.tsv": Uint8Array.of(0x61, 0x09, 0xe9) }),
      "latin/labels.tsv: is not UTF-8",
    )
    await refused(join(folder, "missing"), "no such file or folder")
    await refused(await make("classes", { "cat/a.png": 8, "dog/b.png": 8 }), 'its class "cat" is not one character')
  })

  test("of characters makes rows", async () => {
    const path = await make("letters", { "x/1.png": 8, "x/2.png": 8, "x/3.png": 8, "y/1.png": 8, "y/2.png": 8 })
    const { train, close } = await resolveLines(path, { valFraction: 0.5, characters: [2, 2] })
    expect(train.text(0)).toMatch(/^[xy]{2}$/)
    expect(train.drawn).toEqual({ characters: ["x", "y"], longest: 2 })
    await close()
  })
})

test.each(["text", "captions"])("lines of Parquet with a column %s", async (name) => {
  const path = goldenPath(`annotated/${name}.parquet`)
  const { train, val, skipped, close } = await resolveLines(path, { valFraction: 0.3, seed: 1 })
  const numbers: number[] = []
  for (const set of [train, val])
    for (let i = 0; i < (set?.length ?? 0); i++) {
      const number = ((await set?.read(i))?.data[0] ?? 0) / 20
      expect(set?.text(i)).toBe(`line ${number}`)
      numbers.push(number)
    }
  expect(numbers.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 5, 6, 7, 8, 9])
  expect(skipped).toEqual([expect.stringMatching(/row 4: has no text$/)])
  await close()
})

test("a part without the column of texts is refused: its rows would get the texts of the next part", async () => {
  const parts = mkdtempSync(join(folder, "parts-"))
  for (const [i, name] of ["captions", "text", "captions"].entries())
    copyFileSync(goldenPath(`annotated/${name}.parquet`), join(parts, `${i}.parquet`))
  await expect(resolveLines(parts)).rejects.toThrow(/1\.parquet: has no column captions as the first file has it$/)
})

test("rows of Parquet without an image are named", async () => {
  const path = join(folder, "empty.parquet")
  const bytes = await sharp({ create: { width: 9, height: 8, channels: 3, background: "red" } })
    .png()
    .toBuffer()
  const type = "BYTE_ARRAY" as const
  const columnData = [
    { name: "image", data: [bytes, null, bytes] },
    { name: "text", data: ["one", "two", "three"] },
  ]
  const schema = [
    { name: "schema", num_children: 2 },
    { name: "image", type, repetition_type: "OPTIONAL" as const },
    { name: "text", type, repetition_type: "OPTIONAL" as const, converted_type: "UTF8" as const },
  ]
  writeFileSync(path, new Uint8Array(parquetWriteBuffer({ schema, columnData })))
  const { train, skipped, close } = await resolveLines(path, { valFraction: 0 })
  expect([0, 1].map((i) => train.text(i))).toEqual(["one", "three"])
  expect(skipped).toEqual(["1 rows of empty.parquet without an image, such as row 1"])
  await close()
})

test("Parquet without texts gives no lines, but rows of characters if its classes are such", async () => {
  await expect(resolveLines(goldenPath("parquet/hub"))).rejects.toThrow('"cat"')
})
