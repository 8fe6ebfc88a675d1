import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { expectFault, golden, idx, temporaryFolder, tinyData, tinyModel, vitrine } from "./vitrine.ts"

const folder = temporaryFolder()
const data = tinyData(join(folder, "tiny"))
const run = join(folder, "run")

beforeAll(async () => {
  const args = ["--data", data, "--steps", "20", "--eval-every", "20", ...tinyModel]
  expect((await vitrine(["train", ...args, "--out", run])).code).toBe(0)
})

/** What a command prints as JSON. */
async function json(...args: string[]) {
  const { code, stdout, stderr } = await vitrine([...args, "--json"])
  expect(`${code} ${stderr}`).toBe("0 ")
  return JSON.parse(stdout)
}

describe("probe", () => {
  test("measures frozen features by each method, drawn anew for each seed", async () => {
    const { data: found } = await json("probe", "--model", run, "--shots", "2,4", "--seeds", "2", "--threads", "1")
    expect(found).toHaveLength(1)
    const [{ results, ...facts }] = found
    expect(facts).toEqual({
      data,
      classes: ["0", "1", "2"],
      examples: 96,
      test: 30,
      width: 16,
      passedOver: [],
      broken: [],
    })
    expect(results.map(({ shots, method }: { shots: number; method: string }) => `${shots} ${method}`)).toEqual(
      [2, 4].flatMap((shots) =>
        ["least-squares", "logistic", "knn", "nearest", "pixels"].map((method) => `${shots} ${method}`),
      ),
    )
    for (const { accuracy, accuracies, method, l2 } of results) {
      expect(accuracies).toHaveLength(2)
      expect(accuracy).toBeCloseTo((accuracies[0] + accuracies[1]) / 2, 12)
      // The classes are told apart by where an image is bright.
      expect(accuracy).toBeGreaterThan(0.6)
      expect(l2?.length ?? 0).toBe(["least-squares", "logistic"].includes(method) ? 2 : 0)
    }
  })

  test("shows a table over data sets, and their mean", async () => {
    const other = tinyData(join(folder, "other"), { train: 60, validation: 12 })
    const args = ["--data", data, other, "--methods", "knn,least-squares", "--k", "3"]
    const { code, stdout, stderr } = await vitrine(["probe", "--model", run, ...args])
    expect(`${code} ${stderr}`).toMatch(
      /^0 .*tiny: 96 images to learn from, 30 to measure on, 3 classes, 16 features\n/,
    )
    const rows = stdout.trimEnd().split("\n")
    expect(rows).toHaveLength(4)
    expect(rows[0]).toMatch(/^data +images +knn +least squares$/)
    expect(rows[1]).toMatch(/tiny +all +\d+\.\d\d % +\d+\.\d\d %$/)
    expect(rows[3]).toMatch(/^mean +all +\d+\.\d\d % +\d+\.\d\d %$/)
  })

  test("measures on other data, whole where they have no validation set", async () => {
    const other = join(folder, "alone")
    mkdirSync(other)
    const labels = Uint8Array.from({ length: 9 }, (_, i) => i % 3)
    writeFileSync(join(other, "train-labels-idx1-ubyte"), idx([9], labels))
    writeFileSync(join(other, "train-images-idx3-ubyte"), idx([9, 8, 8], new Uint8Array(9 * 64).fill(9)))
    const { data: found } = await json("probe", "--model", run, "--test", other, "--methods", "nearest")
    expect(found[0]).toMatchObject({ examples: 96, test: 9 })
  })

  test.each([
    [["--methods", "magic"], /--methods.*'magic'.*Give some of least-squares/, 2],
    [["--classes", "0,9"], /has no class "9"/, 1],
    [["--shots", "0"], /Give a whole number of 1 or more/, 2],
    [["--shots", "33"], /has 32 images of class "0", not 33/, 1],
    [["--data", "shapes", "--test", "/nowhere"], /nowhere: no such file/, 1],
  ] as const)("%s is refused", async (args, fault, exit) => {
    expectFault(await vitrine(["probe", "--model", run, ...args]), fault, exit)
  })
})

describe("embed", () => {
  test("computes batches as it computes single images", async () => {
    const images = ["wide-rgb.png", "grey.png", "alpha.png", "small-rgb.png"].map((name) => join(golden, name))
    const features = async (...files: string[]): Promise<number[][]> => {
      const { stdout } = await vitrine(["embed", "--model", golden, ...files, "--threads", "1"])
      return stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).features)
    }
    const together = await features(...images)
    for (const [i, image] of images.entries()) {
      const [alone] = (await features(image)) as [number[]]
      expect(together[i]).toHaveLength(48)
      alone.forEach((value, k) => expect(together[i]?.[k]).toBeCloseTo(value, 4))
    }
  })
})

describe("eval", () => {
  test("scores by several labels an image, leaving those without any out", async () => {
    const lists = Array.from({ length: 30 }, (_, i) => (i % 5 === 0 ? [] : [i % 3]))
    const file = join(folder, "real.json")
    writeFileSync(file, JSON.stringify(lists))
    const plain = await json("eval", "--model", run)
    const scored = await json("eval", "--model", run, "--real-labels", file)
    expect(scored.real.examples).toBe(24)
    expect({ ...scored, real: null }).toEqual(plain)
    writeFileSync(file, JSON.stringify(lists.map(() => [0, 1, 2])))
    expect((await json("eval", "--model", run, "--real-labels", file)).real).toEqual({ examples: 30, top1: 1 })
    const text = (await vitrine(["eval", "--model", run, "--real-labels", file])).stdout
    expect(text).toMatch(/mean per class; loss[^]*100\.00 % right by the reassessed labels of 30 images/)
    for (const [labels, fault] of [
      [[[0]], /must be a list of 30 lists/],
      [lists.map(() => [3]), /classes from 0 to 2/],
    ] as const) {
      writeFileSync(file, JSON.stringify(labels))
      expectFault(await vitrine(["eval", "--model", run, "--real-labels", file]), fault)
    }
  })

  test("takes the reassessed labels in the order of the files' names", async () => {
    // Numbers of files run against the order of the classes.
    const photos = join(folder, "photos")
    const picture = readFileSync(join(golden, "exact-rgb.png"))
    for (const [label, numbers] of [
      ["a", [12, 10]],
      ["b", [9, 11]],
    ] as const)
      for (const split of ["train", "val"])
        for (const n of numbers) {
          mkdirSync(join(photos, split, label), { recursive: true })
          writeFileSync(join(photos, split, label, `image_${n}.png`), picture)
        }
    const out = join(folder, "two")
    const args = [
      "--data",
      photos,
      "--steps",
      "1",
      "--batch-size",
      "4",
      "--image-size",
      "8",
      "--lr",
      "0",
      "--dim",
      "32",
    ]
    expect((await vitrine(["train", ...args, "--depth", "1", "--out", out])).code).toBe(0)
    // The head is 0, so every prediction is the first class; only image_9 and image_12 count, and one has it.
    writeFileSync(join(folder, "order.json"), JSON.stringify([[1], [], [], [0]]))
    const { real } = await json("eval", "--model", out, "--real-labels", join(folder, "order.json"))
    expect(real).toEqual({ examples: 2, top1: 0.5 })
  })

  test("finds the classes of data by name, by position where they are numbered, and else only where it is told", async () => {
    const [two, photos] = [join(folder, "two"), join(folder, "photos")]
    const renamed = (a: string, b: string): string => {
      const path = join(folder, `${a}-${b}`)
      for (const [from, to] of [
        ["a", a],
        ["b", b],
      ] as const)
        cpSync(join(photos, "val", from), join(path, "val", to), { recursive: true })
      cpSync(join(path, "val"), join(path, "train"), { recursive: true })
      return path
    }
    // The head is 0, so every prediction is the model's first class, "a".
    const firstClass = async (...args: string[]): Promise<unknown> => {
      const { stdout } = await vitrine(["eval", "--model", two, ...args, "--json"])
      const { match, labels, confusion } = JSON.parse(stdout)
      return { match, labels, confusion }
    }
    const rows = { labels: ["a", "b"] }
    const inOrder = [
      [2, 0],
      [2, 0],
    ]
    expect(await firstClass("--data", photos)).toEqual({ ...rows, match: "name", confusion: inOrder })
    const numbered = renamed("0", "1")
    expect(await firstClass("--data", numbered)).toEqual({ ...rows, match: "position", confusion: inOrder })
    const warned = await vitrine(["eval", "--model", two, "--data", numbered])
    expect(warned.stderr).toMatch(/0-1: .*no names in common: taken in their order, the first as a\n$/)
    const named = renamed("rose", "tulip")
    expectFault(await vitrine(["eval", "--model", two, "--data", named]), /none is called "rose".*--by-position/)
    expect(await firstClass("--data", named, "--by-position")).toEqual({
      ...rows,
      match: "position",
      confusion: inOrder,
    })
  })

  test("measures several data sets, and their mean", async () => {
    const other = join(folder, "copy")
    cpSync(data, other, { recursive: true })
    const one = await json("eval", "--model", run)
    const { results, mean } = await json("eval", "--model", run, "--data", data, other)
    expect(results).toHaveLength(2)
    expect(mean).toEqual({ top1: one.top1, top5: one.top5, meanPerClass: one.meanPerClass })
    expect(one.meanPerClass).toBeCloseTo(one.top1, 12)
    const { stdout } = await vitrine(["eval", "--model", run, "--data", data, other])
    expect(stdout).toMatch(/^data +images +top 1 +top 5 +mean per class +loss\n[^]*\nmean /)
  })
})
