import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import {
  applyOverrides,
  fromTimmConfig,
  memorySource,
  type ModelHints,
  openModel,
  type OpenModel,
  parameterReader,
  readSafetensors,
  resizePositions,
  writeSafetensors,
} from "../src/index.ts"
import { fault } from "./support.ts"

const folder = fileURLToPath(new URL("golden/files/timm-folder/", import.meta.url))
const json = JSON.parse(readFileSync(`${folder}config.json`, "utf8"))
const { tensors } = readSafetensors(readFileSync(`${folder}model.safetensors`), "model.safetensors")

/** timm's folder with other fields and other names of tensors. */
function open(
  change: {
    config?: object
    args?: object
    pretrained?: object
    name?: (name: string) => string
    hints?: ModelHints
  } = {},
): Promise<OpenModel> {
  const { config, args, pretrained, name = (each) => each, hints } = change
  const changed = {
    ...json,
    model_args: { ...json.model_args, ...args },
    pretrained_cfg: { ...json.pretrained_cfg, ...pretrained },
    ...config,
  }
  const parts = writeSafetensors(Array.from(tensors, ([each, tensor]) => [name(each), tensor] as const))
  const bytes = new Uint8Array(Buffer.concat(parts))
  return openModel(
    {
      name: "m",
      nameOf: (file) => `m/${file}`,
      json: async (file) => (file === "config.json" ? changed : undefined),
      open: async (file) => (file === "model.safetensors" ? memorySource(bytes, file) : undefined),
    },
    undefined,
    hints,
  )
}

test.each(["module.", "_orig_mod.", "module._orig_mod.", "model."])(
  "weights of a wrapped model (%s) are read",
  async (prefix) => {
    const plain = await open()
    const { config, sources } = await open({ name: (name) => prefix + name })
    expect(config).toEqual(plain.config)
    expect(sources.get("cls_token")?.from).toEqual([`${prefix}cls_token`])
  },
)

test("a part of a wrapper's names is no wrapper", async () => {
  expect(await fault(open({ name: (name) => (name.startsWith("blocks.0") ? `module.${name}` : name) }))).toMatch(
    /missing: "blocks\.0/,
  )
})

test("a dynamic model's positions are those of its own size, resized to that of its images, as timm loads it", async () => {
  const plain = await open()
  const { img_size: _, ...args } = json.model_args
  const model = await open({
    config: { model_args: { ...args, dynamic_img_size: true } },
    pretrained: { fixed_input_size: true },
  })
  const { config, preprocessing, weights, sources } = model
  expect(config.imageSize).toEqual([224, 224])
  expect(preprocessing.size).toEqual(plain.config.imageSize)
  expect(applyOverrides(model, {}, "m").config.imageSize).toEqual(plain.config.imageSize)
  const table = await parameterReader(plain.weights, plain.sources)("pos_embed")
  const large = await parameterReader(weights, sources)("pos_embed")
  expect(large).toEqual(
    resizePositions(table, { prefixTokens: 1, dim: 16, from: [2, 2], to: [28, 28], method: "timm" }),
  )
})

test("no classes are no head", async () => {
  expect(await fault(open({ config: { num_classes: 0 }, args: { num_classes: 0 } }))).toMatch(/unexpected: "head/)
})

test("an image size that is said settles one that does not fit the model", async () => {
  const pretrained = { input_size: [3, 32, 32], fixed_input_size: false }
  expect(await fault(open({ pretrained }))).toMatch(/input_size is 32×32, but the model takes 16×16/)
  const model = await open({ pretrained, hints: { imageSize: [32, 32] } })
  expect(applyOverrides(model, { imageSize: 32 }, "m").config.imageSize).toEqual([32, 32])
})

test("statistics that are said settle those that do not fit the model", async () => {
  const pretrained = { mean: [0.1, 0.2] }
  expect(await fault(open({ pretrained }))).toMatch(/pretrained_cfg\.mean must be 3 numbers/)
  expect((await open({ pretrained, hints: { mean: [0.3] } })).preprocessing.mean).toEqual([0.3, 0.3, 0.3])
})

test("the architecture that is said must be that of config.json", async () => {
  const { architecture } = json
  expect((await open({ hints: { architecture: `${architecture}.augreg_in21k` } })).config.classes).toBe(3)
  expect(await fault(open({ hints: { architecture: "deit3_small_patch16_224" } }))).toMatch(
    /^m\/config\.json: architecture is ".*", not "deit3_small_patch16_224" \(--arch\)$/,
  )
})

test("timm's folders say what features they have without classes, and how images are prepared if they do not say", async () => {
  const preprocessing =
    "does not say how images are prepared: as timm does then, with mean 0.485, 0.456, 0.406 and crop_pct 0.875"
  const read = async (config: object, hints?: ModelHints): Promise<readonly string[] | undefined> =>
    (await fromTimmConfig(config, "c.json", hints)).notes
  const dinov3 = { architecture: "vit_small_patch16_dinov3", num_classes: 0 }
  expect(await read(dinov3)).toEqual(["has no classes: its features are the average of the patches", preprocessing])
  expect(
    await read({ ...dinov3, pretrained_cfg: { mean: [0.5, 0.5, 0.5] }, model_args: { global_pool: "token" } }),
  ).toEqual(["has no classes: its features are the class token"])
  expect(await read({ architecture: "vit_tiny_patch16_224" }, { mean: [0.5, 0.5, 0.5] })).toBeUndefined()
})
