import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { VitrineError, vitParameters } from "@vitrine/core"
import { describe, expect, test } from "vitest"
import { type ArrayInfo, googleModel, memorySource, type NpzArchive, openNpzArchive } from "../src/index.ts"
import { readModelFolder } from "../src/node.ts"

const golden = fileURLToPath(new URL("golden/files/google", import.meta.url))
const open = (name: string): Promise<NpzArchive> =>
  openNpzArchive(memorySource(new Uint8Array(readFileSync(join(golden, `${name}.npz`))), name))

/** The archive with other tensors; what `change` returns undefined for is gone. */
const altered = (archive: NpzArchive, change: (info: ArrayInfo) => Partial<ArrayInfo> | undefined): NpzArchive => ({
  ...archive,
  tensors: archive.tensors.flatMap((info) => {
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
  test.each([
    ["token", { classToken: true, pool: "token", preLogits: null }],
    ["gap", { classToken: false, pool: "average", normAfterPool: false, preLogits: null }],
    ["pre-logits", { classToken: true, preLogits: { dim: 7, activation: "tanh" } }],
  ] as const)("%s has the configuration of its shapes", async (name, fields) => {
    const model = googleModel(await open(name), name)
    expect(model.config).toMatchObject({
      imageSize: [12, 12],
      patchSize: [4, 4],
      channels: 3,
      dim: 12,
      depth: 2,
      heads: 3,
      mlpDim: 20,
      classes: 5,
      activation: "gelu_tanh",
      layerNormEpsilon: 1e-6,
      ...fields,
    })
    expect(model.preprocessing).toMatchObject({ size: [12, 12], cropMode: "squash", interpolation: "bilinear" })
    expect(model.tensors.map(({ name: tensor, shape }) => ({ name: tensor, shape }))).toEqual(
      vitParameters(model.config).map(({ name: tensor, shape }) => ({ name: tensor, shape })),
    )
    for (const { name: tensor, bytes } of model.tensors) expect((await model.read(tensor)).data.byteLength).toBe(bytes)
  })

  test("takes another grid than a square one, when told", async () => {
    const archive = await open("token")
    expect(googleModel(archive, "f", { imageSize: [4, 36] }).config.imageSize).toEqual([4, 36])
    expect(fault(() => googleModel(archive, "f", { imageSize: [8, 8] }))).toMatch(
      /wrong shape: "Transformer\/posembed_input\/pos_embedding" is \[1, 10, 12\], not \[1, 5, 12\]/,
    )
    const wide = altered(archive, (info) => (info.name.endsWith("pos_embedding") ? { shape: [1, 9, 12] } : {}))
    expect(fault(() => googleModel(wide, "f"))).toMatch(/positions for 8 patches, which make no square/)
  })

  test.each<[string, (info: ArrayInfo) => Partial<ArrayInfo> | undefined, RegExp]>([
    ["no patches", ({ name }) => (name === "embedding/kernel" ? undefined : {}), /"embedding\/kernel" is missing/],
    ["no positions", ({ name }) => (name.endsWith("pos_embedding") ? undefined : {}), /pos_embedding" is missing/],
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
    ["a hybrid", ({ name }) => (name === "cls" ? { name: "conv_root/kernel" } : {}), /is a hybrid with a ResNet/],
    ["big_vision", ({ name }) => ({ name: `params/${name}` }), /as big_vision names its models/],
  ])("%s is an error of one line", async (_, change, message) => {
    const archive = altered(await open("token"), change)
    expect(fault(() => googleModel(archive, "f.npz"))).toMatch(message)
  })
})

test("readModelFolder opens an .npz file", async () => {
  const { weights, config, json, path } = await readModelFolder(join(golden, "token.npz"))
  expect([config.dim, json, path]).toEqual([12, null, join(golden, "token.npz")])
  const all = await weights.readAll()
  await weights.close()
  expect([...all.keys()]).toEqual(vitParameters(config).map(({ name }) => name))
  const error = await readModelFolder(join(golden, "../npz/stored.npz")).catch((thrown: Error) => thrown)
  expect((error as Error).message).toMatch(/stored\.npz: .*"embedding\/kernel" is missing/)
})
