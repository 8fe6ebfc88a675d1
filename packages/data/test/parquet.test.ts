import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { keyFromSeed, randomStream, VitrineError } from "@vitrine/core"
import { goldenPath } from "@vitrine/golden"
import { afterAll, describe, expect, it, vi } from "vitest"
import type { Dataset, DatasetSource } from "../src/index.ts"
import { createLoader, openDataset, type ResolveOptions, resolveData } from "../src/node.ts"

const files = goldenPath("parquet")
const folder = mkdtempSync(join(tmpdir(), "vitrine-parquet-"))
afterAll(() => rmSync(folder, { recursive: true }))

const classes = ["cat", "dog", "owl"]
/** The class of each of the 24 images, in the order of the folder. */
const labels = classes.flatMap((_, label) => Array<number>(8).fill(label))

const open = async (name: string, options: ResolveOptions = {}) => {
  const resolved = await resolveData(join(files, name), { valFraction: 0, ...options })
  return { ...resolved, dataset: await openDataset(resolved.train) }
}

/** The pixels of all images of a data set, in order. */
async function pixels(dataset: Dataset): Promise<string[]> {
  const texts: string[] = []
  try {
    for (let i = 0; i < dataset.length; i++) texts.push(Buffer.from((await dataset.read(i)).data).toString("hex"))
    return texts
  } finally {
    await dataset.close?.()
  }
}

const asFolder = await pixels((await open("folder")).dataset)

describe("a Parquet file is read as the folder of the same images", () => {
  const names = "none snappy gzip brotli zstd lz4 dictionary delta pages-v2 pages-v2-zstd nested duckdb".split(" ")
  it.each(names)("%s", async (name) => {
    const { dataset, val, test } = await open(`${name}.parquet`)
    expect(dataset).toMatchObject({ classes, channels: 3, length: 24 })
    expect([val, test]).toEqual([null, null])
    expect([...dataset.labels]).toEqual(labels)
    expect(await pixels(dataset)).toEqual(asFolder)
  })

  it.each([
    ["numbers as labels, as polars and `datasets` write them", "polars.parquet"],
    ["paths beside it", "paths.parquet"],
  ])("of %s", async (_, name) => {
    const { dataset } = await open(name)
    expect([dataset.classes, [...dataset.labels]]).toEqual([["0", "1", "2"], labels])
    expect(await pixels(dataset)).toEqual(asFolder)
  })

  it("of bare bytes, with the column that holds them", async () => {
    const { dataset, notes } = await open("bytes.parquet")
    expect([dataset.classes, [...dataset.labels]]).toEqual([classes, labels])
    expect(notes[0]).toBe("images and labels by Parquet (picture; species)")
    expect(await pixels(dataset)).toEqual(asFolder)
  })
})

it("Zstandard is read where the policy of a page forbids its WebAssembly", async () => {
  vi.resetModules()
  class ZSTDDecoder {
    init = (): Promise<void> => Promise.reject(new TypeError("Failed to fetch"))
  }
  vi.doMock("zstddec", () => ({ ZSTDDecoder }))
  const { unpackOf } = await import("../src/parquet/codecs.ts")
  const unpack = await unpackOf("ZSTD")
  // A frame of a page: a header that says 5 bytes, and one block of raw bytes.
  const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 5, 0x29, 0, 0, 104, 101, 108, 108, 111)
  expect(unpack && Buffer.from(unpack(frame, 5)).toString()).toBe("hello")
  expect(() => unpack?.(frame, 6)).toThrow("a page of 5 bytes, not 6")
  vi.doUnmock("zstddec")
  // Other files of this process get the module with the real decoder.
  vi.resetModules()
})

it("a folder of the hub has the classes and the splits of its files", async () => {
  const { dataset, val, splitNames, notes } = await open("hub", { valFraction: undefined })
  expect(dataset).toMatchObject({ classes, length: 18, order: "exact" })
  expect(splitNames).toEqual({ train: "train", val: "validation" })
  expect(notes).toEqual([
    "images and labels by Parquet (image; label)",
    "order: exact, each image by its place in the file",
  ])
  const every = (isValidation: boolean): string[] => asFolder.filter((_, i) => (i % 4 === 0) === isValidation)
  expect(await pixels(dataset)).toEqual(every(false))
  expect(val && (await pixels(await openDataset(val)))).toEqual(every(true))
})

it("another split can be the one for training", async () => {
  const { dataset, val, passedOver } = await open("hub", { trainSplit: "validation" })
  expect([dataset.length, val]).toEqual([6, null])
  expect(passedOver).toEqual(['18 rows of the split "train", such as row 0'])
})

it.each(["nulls-none", "nulls-zstd"])(
  "rows without an image or a label are passed over and named (%s)",
  async (name) => {
    const { dataset, passedOver } = await open(`${name}.parquet`)
    expect(passedOver).toEqual([
      `2 rows of ${name}.parquet without an image, such as row 3`,
      `1 rows of ${name}.parquet without a label, such as row 5`,
    ])
    expect(await pixels(dataset)).toEqual(asFolder.filter((_, i) => ![3, 5, 12].includes(i)))
  },
)

it("lists are several labels", async () => {
  const tags = await open("tags.parquet")
  expect(tags.dataset.labelSets?.classes.slice(0, 5)).toEqual(Uint32Array.of(0, 1, 0, 2, 0))
  expect(tags.notes).toContain("1 of 24 images have no label: they are taken to show none")
  const several = await open("several.parquet")
  expect(several.dataset.classes).toEqual([...classes, "bat"])
  expect(several.dataset.labelSets?.starts.slice(0, 5)).toEqual(Uint32Array.of(0, 0, 2, 4, 5))
})

describe("the order of shuffled epochs", () => {
  const batches = async (source: DatasetSource, options: Partial<Parameters<typeof createLoader>[0]> = {}) => {
    const loader = await createLoader({
      source,
      batchSize: 5,
      shuffle: true,
      dropLast: true,
      epochs: 2,
      seed: 3,
      ...options,
    })
    const seen: string[] = []
    for await (const { images, labels: numbers, epoch, index } of loader)
      seen.push(`${epoch} ${index} ${[...numbers].join("")} ${Buffer.from(images.buffer).toString("base64")}`)
    return seen
  }
  const trainOf = async (name: string, options?: ResolveOptions): Promise<DatasetSource> =>
    (await resolveData(join(files, name), options)).train

  it("is exact for plain files: the batches are those of the folder", async () => {
    const expected = await batches(await trainOf("folder"))
    expect(expected).toHaveLength(8)
    for (const name of ["none.parquet", "pages-v2.parquet"])
      expect(await batches(await trainOf(name))).toEqual(expected)
    const inMemory = await resolveData(join(files, "zstd.parquet"), { order: "exact" })
    expect(inMemory.notes.at(-1)).toBe("order: exact, with all images in memory")
    expect(await batches(inMemory.train)).toEqual(expected)
  })

  it("is windowed for compressed files, and the same for all formats", async () => {
    const order = { rows: 3, blocks: 2 }
    const expected = await batches(await trainOf("folder"), { order })
    expect(expected).not.toEqual(await batches(await trainOf("folder")))
    for (const name of ["zstd", "snappy", "dictionary", "none"])
      expect(await batches(await trainOf(`${name}.parquet`, { order }))).toEqual(expected)
    const resumed = await batches(await trainOf("zstd.parquet", { order }), { start: { epoch: 1, batch: 2 } })
    expect(resumed).toEqual(expected.slice(6))
    const { notes } = await resolveData(join(files, "zstd.parquet"))
    expect(notes.at(-1)).toMatch(/^order: windowed:\d+x\d+, since the images are compressed \(zstd\): /)
  })
})

describe("faults are one line", () => {
  const fault = async (name: string, options: ResolveOptions = {}): Promise<string> => {
    try {
      const { dataset } = await open(name, options)
      await pixels(dataset)
    } catch (error) {
      if (VitrineError.isInstance(error)) return error.message.replaceAll(files, "").replaceAll(folder, "")
      throw error
    }
    return "none"
  }
  const written = (name: string, bytes: Uint8Array): string => {
    writeFileSync(join(folder, name), bytes)
    return relative(files, join(folder, name))
  }

  it("of columns", async () => {
    expect(await fault("none.parquet", { fileColumn: "picture" })).toBe(
      '/none.parquet: has no column "picture" (--file-column); its columns are image, label',
    )
    expect(await fault("none.parquet", { labelColumns: ["species"] })).toContain(
      'has no column "species" (--label-column)',
    )
  })

  it("of files that are cut, encrypted or none", async () => {
    const whole = readFileSync(join(files, "none.parquet"))
    expect(await fault(written("cut.parquet", whole.subarray(0, 5000)))).toBe(
      "/cut.parquet: is no whole Parquet file: it does not end with PAR1",
    )
    expect(await fault(written("empty.parquet", new Uint8Array()))).toBe("/empty.parquet: is empty")
    const secret = Buffer.from(whole)
    secret.write("PARE", secret.length - 4)
    expect(await fault(written("secret.parquet", secret))).toBe("/secret.parquet: is encrypted, which is not read")
  })

  it("of damaged bytes, whatever they are", async () => {
    const random = randomStream(keyFromSeed(19))
    for (const name of ["none", "zstd", "dictionary", "pages-v2-zstd"]) {
      const whole = readFileSync(join(files, `${name}.parquet`))
      for (let i = 0; i < 8; i++) {
        const bytes = Buffer.from(whole)
        const from = i % 2 === 0 ? 0 : whole.length - 1500
        for (let k = 0; k <= i % 3; k++)
          bytes[from + Math.floor(random.uniform() * (whole.length - from))] = Math.floor(random.uniform() * 256)
        expect(await fault(written("damaged.parquet", bytes))).not.toContain("\n")
      }
    }
  })
})
