import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { gunzipSync } from "node:zlib"
import { VitrineError } from "@vitrine/core"
import { expect, test } from "vitest"
import { recognisedFamily } from "../src/families/index.ts"
import { fromTimmConfig, type ModelHints, type WeightTensor } from "../src/index.ts"

interface Model {
  readonly json: { readonly architecture: string }
  /** The index of its names and shapes. */
  readonly tensors: number
  /** Fields of its configuration; null for a model that Vitrine does not have. */
  readonly expected: Readonly<Record<string, unknown>> | null
}

const { names, tables } = JSON.parse(
  gunzipSync(readFileSync(fileURLToPath(new URL("golden/files/names.json.gz", import.meta.url)))).toString(),
) as { readonly names: readonly { name: string; full: Model; narrow: Model }[]; readonly tables: readonly string[] }

const tensorsOf = ({ tensors }: Model): WeightTensor[] =>
  (tables[tensors] ?? "").split("\n").map((line) => {
    const [name = "", shape = ""] = line.split(" ")
    return { name, dtype: "F32", shape: shape === "" ? [] : shape.split("x").map(Number) }
  })

/** A model, or the message by which it is refused. */
async function reading(read: () => Promise<object> | object): Promise<object | string> {
  try {
    return await read()
  } catch (error) {
    if (!VitrineError.isInstance(error)) throw error
    return error.message
  }
}

/** Weights without a `config.json`, whose family their tensors tell. */
async function fromWeights(model: Model, hints: ModelHints): Promise<object> {
  const tensors = tensorsOf(model)
  const family = recognisedFamily(({ tensor }) => tensors.some(({ name }) => tensor.test(name)))
  const format = await family?.formats.timmWeights?.()
  if (format === undefined) throw new VitrineError("file", "is of no family")
  const { layerScale, ...config } = { layerScale: null, ...format.read({ tensors }, "w", hints).config }
  // Not what the factors of LayerScale started from.
  return { ...config, layerScale: layerScale !== null }
}

/** The part of the image that whole patches cover: timm drops the rest. */
function divided(size: unknown, patch: unknown): number[] | undefined {
  if (!Array.isArray(size) || !Array.isArray(patch)) return undefined
  return size.map((side: number, axis) => side - (side % Number(patch[axis])))
}

/** What a reading must be, but for what plays no part in the computation. */
function computation(expected: NonNullable<Model["expected"]>): object {
  const { layerScale, dropout: _, attentionDropout: __, stochasticDepth: ___, imageSize, ...others } = expected
  const size = divided(imageSize, expected.patchSize)
  const fields = { ...others, ...(size && { imageSize: size }) }
  return layerScale === undefined ? fields : { ...fields, layerScale: layerScale !== null }
}

test("timm's list of models has 278 names", () => {
  expect(names).toHaveLength(278)
})

test("each model of timm's is read right from its folder, or refused by its name", async () => {
  for (const { name, full, narrow } of names)
    for (const model of [full, narrow]) {
      const found = await reading(async () => (await fromTimmConfig(model.json, "config.json")).config)
      // Its patches do not cover its images.
      const part = JSON.stringify(divided(model.expected?.imageSize, model.expected?.patchSize))
      if (part !== JSON.stringify(model.expected?.imageSize)) expect(found, name).toMatch(/do not divide images of 384/)
      else if (model.expected === null)
        expect(found, name).toMatch(new RegExp(`^config.json: architecture "${name}" is not`))
      else expect(found, name).toMatchObject(model.expected)
    }
})

test("each model of timm's is read right from bare weights, or refused", async () => {
  const count = { right: 0, wrong: [] as string[] }
  for (const { name, full, narrow } of names)
    for (const [size, model] of [
      ["full", full],
      ["narrow", narrow],
    ] as const)
      for (const hints of [{}, { heads: 3 }, { heads: Number(model.expected?.heads ?? 3) }]) {
        const found = await reading(() => fromWeights(model, hints))
        if (typeof found === "string") continue
        const told = model.expected !== null && computation(model.expected)
        // Heads that a hint says are no reading.
        if (told !== false && "heads" in found && hints.heads !== undefined) Object.assign(told, { heads: found.heads })
        try {
          expect(found).toMatchObject(told || { refused: true })
          count.right++
        } catch {
          count.wrong.push(`${name} (${size}, ${JSON.stringify(hints)})`)
        }
      }
  expect(count.wrong).toEqual([])
  expect(count.right).toBeGreaterThan(400)
})

test("each model that Vitrine has is read by its name in timm", async () => {
  for (const { name, full, narrow } of names)
    for (const model of [full, narrow]) {
      const { expected } = model
      const hints = { architecture: name, heads: expected?.heads === undefined ? undefined : Number(expected.heads) }
      if (expected !== null && !name.includes("_bit"))
        expect(await reading(() => fromWeights(model, hints)), name).toMatchObject(computation(expected))
    }
})

test("timm's old names of architectures are its present ones", async () => {
  for (const [old, present] of [
    ["vit_base_patch16_224_in21k", "vit_base_patch16_224"],
    ["vit_small_patch8_224_dino", "vit_small_patch8_224"],
    ["vit_huge_patch14_224_clip_laion2b", "vit_huge_patch14_clip_224"],
    ["deit3_base_patch16_384_in21ft1k", "deit3_base_patch16_384"],
    ["vit_base_resnet50_384", "vit_base_r50_s16_384"],
    ["resnetv2_152x2_bit_teacher_384", "resnetv2_152x2_bit"],
  ] as const)
    expect((await fromTimmConfig({ architecture: old }, "c")).config, old).toEqual(
      (await fromTimmConfig({ architecture: present }, "c")).config,
    )
})
