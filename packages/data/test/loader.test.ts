import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { promisify } from "node:util"
import { beforeAll, describe, expect, test } from "vitest"
import {
  type Batch,
  createLoader,
  flip,
  type LoaderOptions,
  normalize,
  padCrop,
  pixels,
  resize,
  shapes,
  type Transform,
} from "../src/index.ts"

const transforms: Transform[] = [padCrop(2), flip(), normalize([0.5, 0.5, 0.5], [0.25, 0.25, 0.25])]
const dataset = shapes({ split: "train", size: 50 })
const base: LoaderOptions = {
  transforms,
  batchSize: 8,
  seed: 3,
  shuffle: true,
  mix: { mixup: 0.4, cutmix: 1 },
  smoothing: 0.1,
}

async function collect(options: LoaderOptions, most = Number.POSITIVE_INFINITY): Promise<Batch[]> {
  const batches: Batch[] = []
  for await (const batch of await createLoader({ dataset, ...options })) {
    batches.push(batch)
    if (batches.length >= most) break
  }
  return batches
}

/** A batch in few characters: comparing all of its numbers with `toEqual` takes seconds. */
const digest = ({ images, labels, targets, weights, epoch, index }: Batch): string => {
  const hash = createHash("sha256")
  for (const part of [images, labels, targets, weights]) hash.update(new Uint8Array(part.buffer))
  return `${epoch}.${index} ${hash.digest("hex")}`
}

test("every example once an epoch, in another order each epoch", async () => {
  const numbered = pixels({
    name: "numbers",
    classes: ["any"],
    height: 1,
    width: 1,
    channels: 1,
    pixels: Uint8Array.from({ length: 50 }, (_, i) => i),
    labels: new Int32Array(50),
  })
  const orders: number[][] = [[], []]
  for await (const { images, weights, epoch } of await createLoader({
    dataset: numbered,
    batchSize: 8,
    shuffle: true,
    epochs: 2,
  }))
    images.forEach((x, i) => {
      if (weights[i] === 1) orders[epoch]?.push(Math.round(x * 255))
    })
  const all = Array.from({ length: 50 }, (_, i) => i)
  for (const order of orders) expect(order.toSorted((a, b) => a - b)).toEqual(all)
  expect(orders[0]).not.toEqual(orders[1])
  expect(orders[0]).not.toEqual(all)
})

test("a short last batch is padded with rows of weight 0, or dropped", async () => {
  const padded = await collect({ batchSize: 8, epochs: 1 })
  expect(padded.length).toBe(7)
  const last = padded.at(-1) as Batch
  expect([...last.weights]).toEqual([1, 1, 0, 0, 0, 0, 0, 0])
  expect(last.size).toBe(8)
  expect(last.images.subarray(2 * 3072).every((x) => x === 0)).toBe(true)
  expect(last.targets.subarray(20).every((x) => x === 0)).toBe(true)
  expect((await collect({ batchSize: 8, epochs: 1, dropLast: true })).length).toBe(6)
})

test("targets are one-hot after smoothing, and sum to 1 after mixing", async () => {
  const [plain] = (await collect({ batchSize: 4, smoothing: 0.1 }, 1)) as [Batch]
  const row = plain.targets.subarray(0, 10)
  row.forEach((x, k) => {
    expect(x).toBeCloseTo(k === plain.labels[0] ? 0.91 : 0.01, 6)
  })
  const [mixed] = (await collect(base, 1)) as [Batch]
  for (let i = 0; i < 8; i++)
    expect(mixed.targets.subarray(i * 10, i * 10 + 10).reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 5)
})

test("the seed decides everything", async () => {
  const once = (await collect(base, 10)).map(digest)
  expect((await collect(base, 10)).map(digest)).toEqual(once)
  expect((await collect({ ...base, seed: 4 }, 1)).map(digest)).not.toContain(once[0])
})

test("starting in the middle gives the batches that would have followed", async () => {
  const whole = (await collect({ ...base, epochs: 3 })).map(digest)
  expect(new Set(whole).size).toBe(21)
  for (const [at, epoch, batch] of [
    [0, 0, 0],
    [3, 0, 3],
    [7, 0, 7],
    [12, 1, 5],
    [20, 2, 6],
  ] as const)
    expect((await collect({ ...base, epochs: 3, start: { epoch, batch } })).map(digest)).toEqual(whole.slice(at))
})

test("several batches may be asked for at once", async () => {
  const loader = await createLoader({ dataset, ...base, epochs: 1 })
  const batches = loader[Symbol.asyncIterator]()
  const results = await Promise.all(Array.from({ length: 9 }, () => batches.next()))
  expect(results.map(({ value }) => (value as Batch | undefined)?.index)).toEqual([
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    undefined,
    undefined,
  ])
})

test("shape, counts and the time waited", async () => {
  const loader = await createLoader({ dataset, batchSize: 8, transforms: [resize(16)], epochs: 1 })
  expect(loader).toMatchObject({ shape: [16, 16, 3], batchesPerEpoch: 7, examples: 50 })
  for await (const _ of loader);
  expect(loader.waitedMs).toBeGreaterThan(0)
  await loader.close()
})

describe("refuses", () => {
  test.each<[string, Partial<LoaderOptions>, RegExp]>([
    ["batch sizes", { batchSize: 0 }, /batchSize must be a positive integer/],
    ["no batch at all", { batchSize: 64, dropLast: true }, /50 examples, no batch of 64/],
    ["starts outside", { batchSize: 8, start: { epoch: 0, batch: 8 } }, /start must be within 7 batches/],
    ["mixing", { batchSize: 8, mix: { mixup: -1 } }, /mix.mixup must be a number in \[0, 100\], got -1/],
    ["smoothing", { batchSize: 8, smoothing: 2 }, /smoothing must be in/],
    ["giant batches", { batchSize: 2 ** 20 }, /takes over 4 GiB/],
  ])("%s", async (_, options, fault) => {
    await expect(createLoader({ dataset, ...base, ...options })).rejects.toThrow(fault)
  })
  test("images of two sizes", async () => {
    const read = dataset.read
    const odd = {
      ...dataset,
      read: async (i: number) =>
        i === 9 ? { width: 2, height: 2, channels: 3 as const, data: new Uint8Array(12) } : read(i),
    }
    const loader = await createLoader({ dataset: odd, batchSize: 8, epochs: 1 })
    const iterate = async (): Promise<void> => {
      for await (const _ of loader);
    }
    await expect(iterate()).rejects.toThrow(
      /shapes train, image 9: is 2×2×3 after the transforms, the first image is 32×32×3/,
    )
  })
})

describe("worker threads, in the built package", () => {
  const run = promisify(execFile)
  const root = new URL("..", import.meta.url).pathname
  const node = async (code: string): Promise<string> => {
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", code], { cwd: root })
    return stdout.trim()
  }
  beforeAll(async () => {
    await run(`${root}/node_modules/.bin/tsc`, ["-b"], { cwd: root })
  })

  /** The hash of all batches, for each number of workers. */
  const hashes = async (source: string, options: LoaderOptions, workers: number[]): Promise<string[]> =>
    JSON.parse(
      await node(`
        import { createHash } from "node:crypto"
        import { createLoader } from "@vitrine/data/node"
        const hashes = []
        for (const workers of ${JSON.stringify(workers)}) {
          const hash = createHash("sha256")
          for await (const { images, labels, targets, weights } of await createLoader({ source: ${source}, ...${JSON.stringify(options)}, workers }))
            for (const part of [images, labels, targets, weights]) hash.update(new Uint8Array(part.buffer))
          hashes.push(hash.digest("hex"))
        }
        console.log(JSON.stringify(hashes))`),
    ) as string[]

  test("the number of workers changes nothing", async () => {
    const hash = createHash("sha256")
    for (const { images, labels, targets, weights } of await collect({ ...base, epochs: 2 }))
      for (const part of [images, labels, targets, weights]) hash.update(new Uint8Array(part.buffer))
    const expected = hash.digest("hex")
    const got = await hashes(JSON.stringify(dataset.source), { ...base, epochs: 2 }, [0, 1, 3])
    expect(got).toEqual([expected, expected, expected])
  })

  test("files are decoded the same, in this thread or in others", async () => {
    const source = `{ kind: "files", name: "golden", classes: ["a", "b"], skipped: 0, labels: Int32Array.of(0, 1, 0),
      paths: ["420.jpg", "rgb.png", "profile.jpg"].map((name) => "test/golden/files/" + name) }`
    expect(new Set(await hashes(source, { ...base, batchSize: 2, epochs: 3 }, [0, 1, 2])).size).toBe(1)
  })

  test("an error in a worker reaches the consumer, and the process ends", async () => {
    const code = `
      import { createLoader } from "@vitrine/data/node"
      const paths = ["test/golden/files/rgb.png", "test/golden/generate.py"]
      const source = { kind: "files", name: "bad", classes: ["a"], paths, labels: new Int32Array(2), skipped: 0 }
      const loader = await createLoader({ source, batchSize: 1, workers: 2, strict: true })
      let count = 0
      try { for await (const _ of loader) count++ } catch (error) { console.log(count, error.name, error.message) }`
    expect(await node(code)).toMatch(/^1 VitrineError test\/golden\/generate\.py: is not a JPEG, PNG, .* image$/)
  })

  test("an abandoned loader does not keep the process alive", async () => {
    const code = `
      import { createLoader } from "@vitrine/data/node"
      const loader = await createLoader({ source: ${JSON.stringify(dataset.source)}, batchSize: 8, workers: 2 })
      const first = await loader[Symbol.asyncIterator]().next()
      console.log(first.value.size)`
    expect(await node(code)).toBe("8")
  })
})
