import { expect, test } from "vitest"
import { memorySource, openDetector, openModel, readSafetensors } from "../src/index.ts"
import type { ModelFiles } from "../src/index.ts"
import { fault } from "./support.ts"

const text = (words: string): Uint8Array => new TextEncoder().encode(words)

function folder(
  files: Readonly<Record<string, Uint8Array>>,
  configs: Readonly<Record<string, unknown>> = {},
): ModelFiles {
  return {
    name: "m",
    nameOf: (file) => `m/${file}`,
    json: async (file) => configs[file],
    open: async (file) => (files[file] === undefined ? undefined : memorySource(files[file], `m/${file}`)),
  }
}

test.each([
  [
    "a pointer of Git LFS",
    text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
    /Git LFS.*git lfs pull/,
  ],
  [
    "a web page",
    text("<!DOCTYPE html><html><head></head></html>"),
    /is a web page and not the file itself: download that, or, if it comes from a server, mend the address/,
  ],
  ["a pickle in a zip archive", text("PK\u0003\u0004xxxxxxxxxxxxxx"), /zip archive.*python -c "import torch; /],
  ["a pickle of old", Uint8Array.from([0x80, 2, 0x8a, 0x0a, 1, 2, 3, 4, 5, 6]), /is a pickle.*save_file\(/],
])("%s under a name of safetensors is called what it is", (_, bytes, message) => {
  expect(() => readSafetensors(bytes, "model.safetensors")).toThrow(message)
})

test("a folder of pickles is told how to convert them", async () => {
  const pickle = { "pytorch_model.bin": text("PK") }
  for (const configs of [{}, { "config.json": { model_type: "vit", architectures: ["ViTModel"] } }])
    expect(await fault(openModel(folder(pickle, configs)))).toMatch(
      /^m: has its weights as a pickle of PyTorch's, pytorch_model\.bin, .*python -c/,
    )
  const shards = folder({ "pytorch_model.bin.index.json": text("{}") }, { "config.json": { model_type: "vit" } })
  expect(await fault(openModel(shards))).toMatch(/save the model once more with transformers/)
})

test("transformers' weights without a config.json ask for it", async () => {
  const header =
    '{"vit.embeddings.patch_embeddings.projection.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
  const bytes = new Uint8Array(8 + header.length + 4)
  new DataView(bytes.buffer).setUint32(0, header.length, true)
  bytes.set(text(header), 8)
  expect(await fault(openModel(folder({ "model.safetensors": bytes })))).toMatch(
    /has tensors under transformers' names, .*: put the model's config\.json beside it$/,
  )
})

test.each(["conditional_detr", "table-transformer", "yolos", "rt_detr", "deformable_detr"])(
  "%s is told which detectors are read",
  async (model_type) => {
    const files = folder({}, { "config.json": { model_type, architectures: ["XForObjectDetection"] } })
    const message = `m/config.json: model_type is "${model_type}": of detectors Vitrine reads DETR alone (model_type "detr", DetrForObjectDetection)`
    expect(await fault(openDetector(files))).toBe(message)
    expect(await fault(openModel(files))).toBe(message)
  },
)

test("a panoptic DETR is told which detectors are read", async () => {
  const files = folder({}, { "config.json": { model_type: "detr", architectures: ["DetrForSegmentation"] } })
  expect(await fault(openDetector(files))).toMatch(
    /architectures\[0\] is "DetrForSegmentation", a panoptic model: of detectors/,
  )
})
