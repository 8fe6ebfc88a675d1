import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { VitrineError, vitParameters } from "@vitrine/core"
import { goldenPath } from "@vitrine/golden"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  attentionConfig,
  readGoogleWeights,
  memorySource,
  type NpzArchive,
  openGoogleModel,
  openNpzArchive,
  parameterReader,
  type WeightTensor,
} from "../src/index.ts"
import { readModelFolder } from "../src/node.ts"

const open = (name: string): Promise<NpzArchive> =>
  openNpzArchive(memorySource(new Uint8Array(readFileSync(goldenPath(`${name}.npz`))), name))

/** The tensors with others in their place; what `change` returns undefined for is gone. */
const altered = (
  { tensors }: NpzArchive,
  change: (info: WeightTensor) => Partial<WeightTensor> | undefined,
): { tensors: WeightTensor[] } => ({
  tensors: tensors.flatMap((info) => {
    const fields = change(info)
    return fields === undefined ? [] : [{ ...info, ...fields }]
  }),
})

function fault(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    expect(VitrineError.isInstance(error), String(error)).toBe(true)
    expect((error as VitrineError).message).not.toContain("\n")
    return (error as VitrineError).message
  }
  throw new Error("nothing was thrown")
}

describe("googleModel", () => {
  const square = { imageSize: [12, 12], patchSize: [4, 4] }
  const tanh = (dim: number): object => ({ dim, activation: "tanh" })

  test.each([
    ["google-token", { ...square, classToken: true, pool: "token", preLogits: null, prefixPositions: true }],
    ["google-released", { ...square, classToken: true, preLogits: tanh(7) }],
    ["google-gap", { patchSize: [4, 2], classToken: false, pool: "average", normAfterPool: false }],
    ["big-vision-gap", { ...square, pool: "average", normAfterPool: false, classToken: false }],
    ["big-vision-map", { patchSize: [4, 4], pool: "map", classToken: false, preLogits: tanh(12) }],
    ["big-vision-tok", { ...square, pool: "token", prefixPositions: false, preLogits: tanh(9) }],
    ["big-vision-sincos", { positions: "sincos2d", pool: "average" }],
    ["big-vision-siglip", { ...square, pool: "map", classes: 0 }],
    ["big-vision-old", { ...square, pool: "map", classToken: false }],
    ["google-hybrid", { patchSize: [1, 1], stem: { width: 32, depths: [1, 1], groups: 32, numerics: "google" } }],
    ["google-hybrid-root", { patchSize: [3, 3], stem: { width: 64, depths: [], groups: 32, numerics: "google" } }],
  ] as const)("%s has the configuration of its shapes", async (name, fields) => {
    const { imageSize } = JSON.parse(readFileSync(goldenPath(`${name}.json`), "utf8")) as {
      imageSize: [number, number]
    }
    const archive = await open(name)
    const model = readGoogleWeights(archive, name, { imageSize })
    // A stem rounds up, and positions tell the grid alone.
    const size = name === "google-hybrid" ? [32, 32] : imageSize
    const common = { imageSize: size, channels: 3, dim: 12, depth: 2, heads: 3, mlpDim: 20, classes: 5 }
    expect(model.config).toMatchObject({ ...common, activation: "gelu_tanh", layerNormEpsilon: 1e-6, ...fields })
    expect(model.preprocessing).toMatchObject({ size, cropMode: "squash", interpolation: "bilinear" })
    expect([...model.sources.keys()].toSorted()).toEqual(
      vitParameters(model.config)
        .map(({ name: each }) => each)
        .toSorted(),
    )
    const read = parameterReader(archive, model.sources)
    for (const { name: parameter, shape } of vitParameters(model.config))
      expect((await read(parameter)).length, parameter).toBe(shape.reduce((product, size) => product * size, 1))
  })

  test("a stacked tensor is read once", async () => {
    const archive = await open("big-vision-map")
    const { sources } = readGoogleWeights(archive, "f", { imageSize: [12, 16] })
    const reads: string[] = []
    const counting = { read: (name: string) => (reads.push(name), archive.read(name)) }
    const read = parameterReader(counting, sources)
    for (const name of sources.keys()) await read(name)
    expect(reads.toSorted()).toEqual([...new Set(reads)].toSorted())
    expect(reads.toSorted()).toEqual(archive.tensors.map(({ name }) => name).toSorted())
  })

  test("a grid is square wherever it can be one, and else has to be told", async () => {
    expect(readGoogleWeights(await open("google-token"), "f", { imageSize: [4, 36] }).config.imageSize).toEqual([
      12, 12,
    ])
    const gap = await open("google-gap")
    expect(fault(() => readGoogleWeights(gap, "f"))).toMatch(
      /positions for 12 patches, which make no square: say its image/,
    )
    expect(fault(() => readGoogleWeights(gap, "f", { imageSize: [8, 8] }))).toMatch(
      /positions for 12 patches of 4×2 pixels, which do not make images of 8×8/,
    )
  })

  test("without positions and without a size, images are of 224×224", async () => {
    const { config, notes } = readGoogleWeights(await open("big-vision-sincos"), "f")
    expect(config.imageSize).toEqual([224, 224])
    expect(notes).toEqual(["holds no positions: they are taken to be sines and cosines, at 224×224"])
  })

  test("the image tower is found under any state", async () => {
    const archive = await open("big-vision-siglip")
    for (const prefix of ["", "opt/target/", "params/"]) {
      const moved = altered(archive, ({ name }) => ({ name: name.replace("params/", prefix) }))
      expect(readGoogleWeights(moved, "f").config, prefix).toEqual(readGoogleWeights(archive, "f").config)
    }
    const strange = altered(archive, ({ name }) => ({ name: name.replace("img/embedding/b", "img/x/b") }))
    expect(fault(() => readGoogleWeights(strange, "f"))).toMatch(
      /missing: "params\/img\/embedding\/bias"; unexpected: "params\/img\/x\/bias"/,
    )
  })

  test.each<[string, (info: WeightTensor) => Partial<WeightTensor> | undefined, RegExp]>([
    ["no patches", ({ name }) => (name === "embedding/kernel" ? undefined : {}), /"embedding\/kernel" is missing/],
    [
      "no positions",
      ({ name }) => (name.endsWith("pos_embedding") ? undefined : { name: name.replace("Attention_0", "Attention_1") }),
      /"Transformer\/posembed_input\/pos_embedding" is missing/,
    ],
    ["a bias missing", ({ name }) => (name === "head/bias" ? undefined : {}), /missing: "head\/bias"/],
    [
      "no class token",
      ({ name }) => (name === "cls" ? undefined : {}),
      /positions for 10 patches, which make no square/,
    ],
    ["a strange name", ({ name }) => (name === "head/bias" ? { name: "head/b" } : {}), /unexpected: "head\/b"/],
    ["a wrong shape", ({ name }) => (name === "head/bias" ? { shape: [6] } : {}), /"head\/bias" is \[6\], not \[5\]/],
    ["a kernel of another rank", ({ name }) => (name === "head/kernel" ? { shape: [60] } : {}), /expected 2 sizes/],
    ["integers", ({ name }) => (name === "cls" ? { dtype: "I32" } : {}), /tensor "cls" is I32; weights are F64/],
    [
      "heads that do not fit",
      ({ name }) => (name.endsWith("query/kernel") ? { shape: [12, 5, 2] } : {}),
      /heads must divide dim/,
    ],
    ["a huge width", ({ name }) => (name === "embedding/kernel" ? { shape: [4, 4, 3, 2 ** 40] } : {}), /dim must be/],
    [
      "a root that is no convolution",
      ({ name }) => (name === "cls" ? { name: "conv_root/kernel" } : {}),
      /"conv_root\/kernel" has the shape \[1, 1, 12\]; expected 4 sizes/,
    ],
    [
      "a wrong shape in a training's state",
      ({ name }) => ({ name: `params/${name}`, ...(name === "head/bias" && { shape: [6] }) }),
      /"params\/head\/bias" is \[6\], not \[5\]/,
    ],
  ])("%s is an error of one line", async (_, change, message) => {
    const archive = altered(await open("google-token"), change)
    expect(fault(() => readGoogleWeights(archive, "f.npz"))).toMatch(message)
  })

  test("a hybrid's stages that do not follow each other are an error", async () => {
    const gone = altered(await open("google-hybrid"), ({ name }) =>
      name.startsWith("block2/") ? { name: name.replace("block2", "block3") } : {},
    )
    expect(fault(() => readGoogleWeights(gone, "f.npz"))).toMatch(/unexpected: "block3\/unit1/)
  })

  test.each<[string, (shape: readonly number[]) => readonly number[], RegExp]>([
    [
      "another depth",
      (shape) => shape.with(0, 3),
      /encoderblock\/MlpBlock_0\/Dense_1\/bias" is \[3, 12\], not \[2, 12\]/,
    ],
    ["no stack", (shape) => shape.slice(1), /encoderblock\/MlpBlock_0\/Dense_1\/bias" is \[12\], not \[2, 12\]/],
  ])("a stacked tensor with %s is an error", async (_, change, message) => {
    const archive = altered(await open("big-vision-siglip"), ({ name, shape }) =>
      name.endsWith("img/Transformer/encoderblock/MlpBlock_0/Dense_1/bias") ? { shape: change(shape) } : {},
    )
    expect(fault(() => readGoogleWeights(archive, "f.npz"))).toMatch(message)
  })
})

test("whatever names, shapes and dtypes an archive claims, there is a model or one line", async () => {
  const archives = await Promise.all(
    ["google-released", "google-hybrid-root", "big-vision-map", "big-vision-siglip"].map(open),
  )
  const size = fc.oneof(fc.integer({ min: 0, max: 30 }), fc.constantFrom(2 ** 20, 2 ** 31, 2 ** 53 - 1))
  const change = fc.record(
    {
      name: fc.constantFrom(
        "cls",
        "conv_root/kernel",
        "block1/unit1/conv1/kernel",
        "params/probe",
        "params/img/pos_embedding",
        "pre_logits/kernel",
        "x",
      ),
      shape: fc.array(size, { maxLength: 5 }),
      dtype: fc.constantFrom("F32", "BF16", "I32", "BOOL"),
    },
    { requiredKeys: [] },
  )
  const told = fc.option(fc.tuple(fc.integer({ min: -1, max: 64 }), fc.integer({ min: -1, max: 64 })), {
    nil: undefined,
  })
  fc.assert(
    fc.property(
      fc.constantFrom(...archives),
      fc.dictionary(fc.nat(40).map(String), fc.option(change, { nil: undefined }), { maxKeys: 4 }),
      told,
      (archive, changes, imageSize) => {
        let at = 0
        const claimed = altered(archive, () => {
          const key = String(at++)
          return Object.hasOwn(changes, key) ? changes[key] : {}
        })
        try {
          readGoogleWeights(claimed, "f.npz", { imageSize })
        } catch (error) {
          expect(VitrineError.isInstance(error), String(error)).toBe(true)
          expect((error as Error).message).toMatch(/^f\.npz: [^\n]*$/)
        }
      },
    ),
    { numRuns: 1000 },
  )
})

test("readModelFolder opens an .npz file, whatever its name", async () => {
  const path = goldenPath("google-token.npz")
  const { weights, config, json, path: found } = await readModelFolder(path)
  expect([attentionConfig(config, "this").dim, json, found]).toEqual([12, null, path])
  expect((await weights.read("cls")).shape).toEqual([1, 1, 12])
  await weights.close()
  const stored = fileURLToPath(new URL("golden/files/npz/stored.npz", import.meta.url))
  const error = await readModelFolder(stored).catch((thrown: Error) => thrown)
  expect((error as Error).message).toMatch(/stored\.npz: .*"embedding\/kernel" is missing/)
})

test("openGoogleModel takes bytes", async () => {
  const bytes = new Uint8Array(readFileSync(goldenPath("big-vision-gap.npz")))
  const model = await openGoogleModel(memorySource(bytes, "bytes"))
  const read = parameterReader(model.weights, model.sources)
  const kernel = (await model.weights.read("params/head/kernel")).data as Float32Array
  expect(Array.from((await read("head.weight")).subarray(0, 12))).toEqual(
    Array.from({ length: 12 }, (_, i) => kernel[5 * i]),
  )
})
