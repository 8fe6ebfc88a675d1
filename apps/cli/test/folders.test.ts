import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { goldenPath } from "@vitrine/golden"
import { zipSync } from "fflate"
import sharp from "sharp"
import { expect, test } from "vitest"
import { temporaryFolder, tinyModel, vitrine } from "./vitrine.ts"

const folder = temporaryFolder()

/** A picture of 16×16 whose brightness tells its class. */
const picture = (label: number): Promise<Buffer> =>
  sharp({ create: { width: 16, height: 16, channels: 3, background: { r: 70 * label, g: 60, b: 90 } } })
    .png()
    .toBuffer()
const pictures = await Promise.all([0, 1, 2].map(picture))

/** Writes files; a number stands for a picture of that class. */
function write(name: string, files: Readonly<Record<string, number | string | Uint8Array>>): string {
  const root = join(folder, name)
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), typeof content === "number" ? (pictures[content] ?? "") : content)
  }
  return root
}

/** Pictures of each class, by a function from class and number to a path. */
const each = (count: number, path: (label: number, i: number) => string): Record<string, number> =>
  Object.fromEntries([0, 1, 2].flatMap((label) => Array.from({ length: count }, (_, i) => [path(label, i), label])))

/** Trains for two steps with no flag but the data's. Gives the header and the setup that was stored. */
async function trained(data: string, ...more: string[]): Promise<{ header: string; labels: unknown; run: string }> {
  const run = `${data}-run`
  const { code, stderr } = await vitrine(["train", "--data", data, "--steps", "2", "--out", run, ...tinyModel, ...more])
  expect(`${code} ${stderr}`).toMatch(/^0 /)
  return { header: stderr, labels: JSON.parse(readFileSync(join(run, "config.json"), "utf8")).label_names, run }
}

test("Training and Testing: the test images are measured and choose nothing", async () => {
  const data = write("splits", {
    ...each(10, (label, i) => `Training/c${label}/${i}.png`),
    ...each(4, (label, i) => `Testing/c${label}/${i}.png`),
  })
  const { header, labels, run } = await trained(data)
  expect(labels).toEqual(["c0", "c1", "c2"])
  expect(header).toMatch(/30 images to train on \(Training\), 12 to test \(Testing\), 3 classes/)
  expect(header).toMatch(/test images choose no model: the last one is published/)
  expect(header).toMatch(/classes +c0 10, c1 10, c2 10/)
  const { stdout } = await vitrine(["eval", "--model", run, "--json"])
  expect(JSON.parse(stdout)).toMatchObject({ split: "test", examples: 12 })
})

test("ImageNetV2's numbered folders", async () => {
  const { labels } = await trained(
    write(
      "numbered",
      each(4, (label, i) => `${label}/${i}.png`),
    ),
  )
  expect(labels).toEqual(["0", "1", "2"])
})

test("a CSV of nested paths", async () => {
  const files = each(4, (label, i) => `images/part${i % 2}/${label}-${i}.png`)
  const rows = Object.entries(files).map(([path, label]) => `${path},kind ${label}`)
  const data = write("nested", { ...files, "labels.csv": `image_path,category\n${rows.join("\n")}\n` })
  const { header, labels } = await trained(join(data, "labels.csv"))
  expect(labels).toEqual(["kind 0", "kind 1", "kind 2"])
  expect(header).toMatch(/images and labels by labels\.csv \(image_path; category\), not by folders/)
})

test("a Hugging Face image folder with metadata", async () => {
  const files = each(6, (label, i) => `${i < 4 ? "train" : "test"}/${label}-${i}.png`)
  const lines = (split: string): string =>
    Object.entries(files)
      .filter(([path]) => path.startsWith(split))
      .map(([path, label]) => JSON.stringify({ file_name: path.split("/")[1], label }))
      .join("\n")
  const data = write("hugging", {
    ...files,
    "train/metadata.jsonl": lines("train"),
    "test/metadata.jsonl": lines("test"),
  })
  const { header, labels } = await trained(data)
  expect(labels).toEqual(["0", "1", "2"])
  expect(header).toMatch(/12 images to train on, 6 to test, 3 classes/)
})

test("a MedMNIST .npz, and a .zip", async () => {
  const files = each(4, (label, i) => `set/c${label}/${i}.png`)
  const archive = join(folder, "set.zip")
  writeFileSync(
    archive,
    zipSync(
      Object.fromEntries(Object.entries(files).map(([path, label]) => [path, pictures[label] ?? new Uint8Array()])),
    ),
  )
  expect((await trained(archive)).labels).toEqual(["c0", "c1", "c2"])
  const array = (shape: readonly number[], value: (i: number) => number): Uint8Array => {
    const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape.join(", ")}), }`.padEnd(117)
    const data = Uint8Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => value(i))
    return Buffer.concat([Buffer.from(`\x93NUMPY\x01\x00\x76\x00${header}\n`, "latin1"), data])
  }
  const split = (name: string, count: number): Record<string, Uint8Array> => ({
    [`${name}_images.npy`]: array([count, 8, 8], (i) => 80 * (Math.floor(i / 64) % 3)),
    [`${name}_labels.npy`]: array([count, 1], (i) => i % 3),
  })
  const npz = join(folder, "medmnist.npz")
  writeFileSync(npz, zipSync({ ...split("train", 12), ...split("val", 6), ...split("test", 6) }))
  const { header, labels } = await trained(npz)
  expect(labels).toEqual(["0", "1", "2"])
  expect(header).toMatch(/12 images to train on, 6 to validate, 6 to test, 3 classes/)
})

test("two columns that could be the labels are an error, and a flag says which is meant", async () => {
  const files = each(4, (label, i) => `${label}-${i}.png`)
  const rows = Object.entries(files).map(([path, label]) => `${path},${label},a`)
  const data = write("columns", { ...files, "t.csv": `file,label,class\n${rows.join("\n")}\n` })
  const { code, stderr } = await vitrine(["train", "--data", data, "--out", join(folder, "no")])
  expect([code, stderr]).toEqual([1, expect.stringMatching(/columns "label" and "class": say which .*--label-column/)])
  expect((await trained(data, "--label-column", "label")).labels).toEqual(["0", "1", "2"])
})

test("a folder of phone photos: turned, of mixed sizes, one HEIC, one broken, and a .DS_Store", async () => {
  const photo = (label: number, width: number, height: number): Promise<Buffer> =>
    sharp({ create: { width, height, channels: 3, background: { r: 70 * label, g: 60, b: 90 } } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer()
  const files: Record<string, Buffer | string> = { ".DS_Store": "x", "c0/.DS_Store": "x", "c1/IMG_9.HEIC": "x" }
  for (const label of [0, 1])
    for (let i = 0; i < 6; i++) files[`c${label}/IMG_${i}.jpg`] = await photo(label, 40 + 8 * i, 32)
  files["c0/IMG_7.jpg"] = (await photo(0, 40, 30)).subarray(0, 200)
  const data = write("phone", files)
  const { header, labels } = await trained(data)
  expect(labels).toEqual(["c0", "c1"])
  expect(header).toMatch(/passed over 1 \.heic files \(convert them to JPEG or PNG\), such as c1\/IMG_9\.HEIC/)
  expect(header.match(/IMG_7\.jpg: broken JPEG image/g)).toHaveLength(1)
  // Turned photos are higher than wide, and half of them at least 56 pixels high.
  expect(header).toMatch(/\d\d×32×3/)
  const strict = await vitrine(["train", "--data", data, "--strict", "--out", join(folder, "strict"), ...tinyModel])
  expect([strict.code, strict.stderr]).toEqual([1, expect.stringContaining("IMG_7.jpg: broken JPEG image")])
})

test("a folder of one class is refused", async () => {
  const data = write("one", { "cat/1.png": 0, "cat/2.png": 1 })
  const { code, stderr } = await vitrine(["train", "--data", data, "--out", join(folder, "no")])
  expect([code, stderr]).toEqual([1, expect.stringMatching(/all its images are of one class, "cat"/)])
})

test("images with several labels: training, figures, sigmoids and what exports say", async () => {
  // Bright pictures are "bright", dark ones "dark", and every third one is "third" too; nobody is "never".
  const rows = [0, 1, 2].flatMap((label) =>
    Array.from({ length: 8 }, (_, i) => ({
      file_name: `${label}-${i}.png`,
      objects: [label === 0 ? "dark" : "bright", ...(i % 3 === 0 ? ["third"] : [])].filter(() => i !== 7),
    })),
  )
  const files = each(8, (label, i) => `train/${label}-${i}.png`)
  const lines = (all: readonly object[]): string => all.map((row) => `${JSON.stringify(row)}\n`).join("")
  const data = write("several", {
    ...files,
    ...each(2, (label, i) => `validation/${label}-${i}.png`),
    "train/metadata.jsonl": lines(rows),
    "validation/metadata.jsonl": lines(rows.filter(({ file_name: name }) => /-[01]\.png/.test(name))),
  })
  const { header, labels, run } = await trained(data, "--label-column", "objects")
  expect(labels).toEqual(["bright", "dark", "third"])
  expect(header).toMatch(/classes +bright 14, dark 7, third 9/)
  expect(header).toContain("3 of 30 images have no label: they are taken to show none")
  expect(header).toMatch(/AP \d+\.\d\d %/)
  const config = JSON.parse(readFileSync(join(run, "config.json"), "utf8"))
  expect(config.problem_type).toBe("multi_label_classification")
  expect(config.vitrine.recipe).toMatchObject({ task: "multi-label", threshold: 0.5, best: "ap" })

  const evaluation = await vitrine(["eval", "--model", run, "--json"])
  const figures = JSON.parse(evaluation.stdout)
  expect(figures).toMatchObject({ split: "val", examples: 6, labels })
  expect(figures.classes.map(({ positives }: { positives: number }) => positives)).toEqual([4, 2, 3])
  expect((await vitrine(["eval", "--model", run])).stdout).toMatch(/^AP .+ \(mean of the labels; .+ from 50 % on/)

  const { stdout } = await vitrine(["predict", join(data, "train/2-0.png"), "--model", run, "--json", "--logits"])
  const [{ top, logits }] = JSON.parse(stdout).results
  for (const { index, probability } of top) expect(probability).toBeCloseTo(1 / (1 + Math.exp(-logits[index])), 6)

  const out = join(folder, "exported")
  expect((await vitrine(["export", run, "--to", "hf", "--out", out])).code).toBe(0)
  expect(JSON.parse(readFileSync(join(out, "config.json"), "utf8")).problem_type).toBe("multi_label_classification")

  const single = write(
    "single",
    each(4, (label, i) => `${["bright", "dark", "third"][label]}/${i}.png`),
  )
  const { stdout: measured } = await vitrine(["eval", "--model", run, "--data", single])
  expect(measured).toMatch(/^AP .+ images of/)

  const refusal = await vitrine([
    "train",
    "--data",
    data,
    "--task",
    "classify",
    "--label-column",
    "objects",
    "--out",
    `${out}-no`,
  ])
  expect(refusal.code).toBe(1)
  expect(refusal.stderr).toContain("its images may have several labels, and task classify learns one class")
})

test("a folder of the hub in Parquet: its splits, its classes, and an order that is said and stored", async () => {
  const data = join(folder, "hub")
  cpSync(goldenPath("parquet/hub"), data, { recursive: true })
  const { header, labels, run } = await trained(data, "--order", "windowed:4x2")
  expect(labels).toEqual(["cat", "dog", "owl"])
  expect(header).toMatch(/18 images to train on, 6 to validate \(validation\), 3 classes/)
  expect(header).toMatch(/images and labels by Parquet \(image; label\)/)
  expect(header).toMatch(/order: windowed:4x2/)
  expect(JSON.parse(readFileSync(join(run, "config.json"), "utf8")).vitrine.order).toBe("windowed:4x2")
  const { stderr } = await vitrine(["train", "--data", data, "--order", "random", ...tinyModel])
  expect(stderr).toMatch(/an order is exact, windowed, or windowed:ROWSxBLOCKS, such as windowed:256x16, not "random"/)
  const { stdout } = await vitrine(["eval", "--model", run, "--data", goldenPath("parquet/zstd.parquet"), "--json"])
  expect(JSON.parse(stdout)).toMatchObject({ split: "all", examples: 24 })
})
