import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { crc32, gzipSync } from "node:zlib"
import { describe, expect, test } from "vitest"
import { golden, idx, processRefused, refused, temporaryFolder, tinyData, tinyModel, vitrine } from "./vitrine.ts"

const folder = temporaryFolder()
const image = join(golden, "grey.png")
const weights = readFileSync(join(golden, "model.safetensors"))
const config = JSON.parse(readFileSync(join(golden, "config.json"), "utf8"))

let made = 0
/** A model folder with some of its files replaced. */
function modelWith(files: { readonly config?: string; readonly weights?: Uint8Array }): string {
  const path = join(folder, `model-${made++}`)
  mkdirSync(path)
  writeFileSync(join(path, "config.json"), files.config ?? JSON.stringify(config))
  writeFileSync(join(path, "model.safetensors"), files.weights ?? weights)
  return path
}

/** A safetensors file of any header. */
function safetensors(header: string | object, data = 0, length?: bigint): Uint8Array {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(length ?? BigInt(json.length))
  return Buffer.concat([prefix, json, Buffer.alloc(data)])
}

const args = (model: object): string => JSON.stringify({ ...config, model_args: { ...config.model_args, ...model } })
const f32 = (shape: readonly number[], data_offsets: readonly number[]): object => ({
  dtype: "F32",
  shape,
  data_offsets,
})

describe("weights", () => {
  test.each<[string, Uint8Array, RegExp]>([
    ["cut short", weights.subarray(0, weights.length - 1000), /model\.safetensors: .*trunc|model\.safetensors: /],
    ["empty", new Uint8Array(), /model\.safetensors: /],
    ["a header longer than the file", safetensors("{}", 0, 2n ** 40n), /model\.safetensors: .*header/],
    ["a header of the largest length", safetensors("{}", 0, 2n ** 64n - 1n), /model\.safetensors: .*header/],
    ["past the end", safetensors({ a: f32([1000], [0, 4000]) }, 400), /model\.safetensors: /],
    ["overlapping", safetensors({ a: f32([2], [0, 8]), b: f32([2], [4, 12]) }, 12), /model\.safetensors: /],
    [
      "twice the same",
      safetensors(
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
        8,
      ),
      /model\.safetensors: /,
    ],
    ["a size that is another", safetensors({ a: f32([3], [0, 8]) }, 8), /model\.safetensors: /],
    ["a size without end", safetensors({ a: f32([2 ** 31, 2 ** 31, 2 ** 31], [0, 8]) }, 8), /model\.safetensors: /],
    ["deep JSON", safetensors("[".repeat(200_000)), /model\.safetensors: /],
    ["no JSON", safetensors("\x00\x01\x02 rubbish"), /model\.safetensors: /],
    ["a name that drives a terminal", safetensors({ "\x1b[31m\n": f32([3], [0, 8]) }, 8), /model\.safetensors: /],
  ])("%s", async (_, bytes, fault) => {
    const path = modelWith({ weights: bytes })
    await refused(["predict", "--model", path, image], fault)
    await refused(["weights", join(path, "model.safetensors")], fault)
  })

  test("of another model", async () => {
    await refused(["predict", "--model", modelWith({ weights: safetensors({}) }), image], /model\.safetensors: /)
  })
})

describe("config.json", () => {
  test.each<[string, string, RegExp]>([
    ["heads that do not divide the width", args({ num_heads: 7 }), /config\.json: .*heads/],
    ["a billion layers", args({ depth: 1e9 }), /config\.json: .*depth/],
    ["a width that is no number", args({ embed_dim: "NaN" }), /config\.json: .*embed_dim/],
    ["a number that is none", JSON.stringify(config).replace('"embed_dim":48', '"embed_dim":NaN'), /config\.json: /],
    ["negative sizes", args({ patch_size: -16 }), /config\.json: .*patch/],
    ["images without end", args({ img_size: 1e8 }), /config\.json: /],
    ["deep JSON", '{"a":'.repeat(100_000), /config\.json: /],
    ["no JSON", "architecture = vit", /config\.json: /],
    ["null", "null", /config\.json: /],
    ["another architecture", JSON.stringify({ ...config, architecture: "resnet50" }), /config\.json: .*resnet50/],
  ])("%s", async (_, text, fault) => {
    await refused(["predict", "--model", modelWith({ config: text }), image], fault)
  })

  test("a record of training that makes no sense", async () => {
    for (const recipe of [
      {},
      { augment: [{ op: "explode" }], training: {} },
      { augment: [], training: { steps: "all" } },
    ]) {
      const path = modelWith({ config: JSON.stringify({ ...config, vitrine: { data: "shapes", seed: 0, recipe } }) })
      mkdirSync(join(path, "checkpoints"))
      await refused(["train", "--resume", path], /./)
    }
  })
})

describe("images", () => {
  const png = (width: number, height: number): Uint8Array => {
    const header = Buffer.alloc(13)
    header.writeUInt32BE(width, 0)
    header.writeUInt32BE(height, 4)
    header.set([8, 2, 0, 0, 0], 8)
    const chunk = (type: string, data: Uint8Array): Buffer => {
      const body = Buffer.concat([Buffer.from(type), data])
      const ends = Buffer.alloc(8)
      ends.writeUInt32BE(data.length, 0)
      ends.writeUInt32BE(crc32(body), 4)
      return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)])
    }
    const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
    return Buffer.concat([
      signature,
      chunk("IHDR", header),
      chunk("IDAT", gzipSync("x")),
      chunk("IEND", new Uint8Array()),
    ])
  }
  test.each<[string, Uint8Array, typeof refused?]>([
    ["empty.png", new Uint8Array()],
    ["text.jpg", Buffer.from("this is no image")],
    ["truncated.png", readFileSync(image).subarray(0, 300)],
    ["giant.png", png(100_000, 100_000), processRefused],
    ["no-pixels.png", png(0, 0)],
    ["header.jpg", Uint8Array.of(0xff, 0xd8, 0xff, 0xe0)],
    ["header.webp", Buffer.from("RIFF\xff\xff\xff\xffWEBPVP8 ", "latin1")],
  ])("%s", async (name, bytes, check = refused) => {
    const path = join(folder, name)
    writeFileSync(path, bytes)
    await check(["predict", "--model", golden, path], new RegExp(name))
    const data = join(folder, `data-${name}`)
    for (const label of ["a", "b"]) mkdirSync(join(data, label), { recursive: true })
    copyFileSync(path, join(data, "a", name))
    copyFileSync(image, join(data, "b", "grey.png"))
    const flags = [...tinyModel, "--image-size", "8", "--strict", "--batch-size", "1", "--val-fraction", "0", "--json"]
    const { code, stderr } = await vitrine(["train", "--data", data, "--out", join(folder, `run-${name}`), ...flags])
    expect(stderr).toMatch(new RegExp(`^vitrine: .*${name}: [^\n]*\n$`))
    expect(stderr).not.toContain("unexpected error")
    expect(code).toBe(1)
  })

  test("a folder without images, and one without classes", async () => {
    mkdirSync(join(folder, "nothing"))
    await refused(["predict", "--model", golden, join(folder, "nothing")], /nothing: holds no/)
    await refused(["train", "--data", join(folder, "nothing")], /nothing/)
  })
})

describe("IDX files", () => {
  const bomb = Buffer.concat([
    gzipSync(idx([60_000, 28, 28], new Uint8Array())),
    ...Array(400).fill(gzipSync(new Uint8Array(2 ** 24))),
  ])
  test.each<[string, string, Uint8Array, RegExp, typeof refused?]>([
    ["wrong magic", "train-images-idx3-ubyte.gz", gzipSync(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)), /train-images/],
    ["truncation", "train-images-idx3-ubyte.gz", gzipSync(idx([96, 8, 8], new Uint8Array(100))), /train-images/],
    [
      "a count without end",
      "train-images-idx3-ubyte.gz",
      gzipSync(idx([2 ** 32 - 1, 2 ** 16, 2 ** 16], new Uint8Array(9))),
      /train-images/,
    ],
    ["other labels than images", "train-labels-idx1-ubyte.gz", gzipSync(idx([5], new Uint8Array(5))), /96|train-/],
    ["a gzip bomb", "train-images-idx3-ubyte.gz", bomb, /train-images/, processRefused],
    ["no gzip", "train-images-idx3-ubyte.gz", Buffer.from("rubbish"), /train-images/],
    ["nothing", "train-images-idx3-ubyte.gz", new Uint8Array(), /train-images/],
  ])("%s", async (name, file, bytes, fault, check = refused) => {
    const data = tinyData(join(folder, `idx-${name}`))
    writeFileSync(join(data, file), bytes)
    await check(["train", "--data", data, "--batch-size", "8", "--out", join(folder, "never")], fault)
  })
})
