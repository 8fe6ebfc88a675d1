import { existsSync } from "node:fs"
import { join } from "node:path"
import { toFloat32 } from "@vitrine/checkpoint"
import { openSafetensors } from "@vitrine/checkpoint/node"
import { expect, test } from "vitest"
import { expectFault, golden, temporaryFolder, tinyData, vitrine } from "./vitrine.ts"

const folder = temporaryFolder()
const data = tinyData(join(folder, "tiny"))
const at = (name: string): string => join(folder, name)
const published = join(golden, "../bit-folder")
const photo = join(golden, "wide-rgb.png")
const run = at("run")
const tiny = "--widths 32 --depths 3 --stem-width 16 --groups 1 --image-size 16 --threads 1 --workers 0".split(" ")

async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await vitrine(args)
  expect(`${code} ${stderr}`).toMatch(/^0 /)
  return stdout
}

test("a ResNet is trained, resumed, measured, and told of", async () => {
  const flags = ["--data", data, ...tiny, "--batch-size", "10", "--optimizer", "momentum", "--lr", "0.01"]
  const events = (await done("train", ...flags, "--steps", "3", "--out", run, "--json")).trim().split("\n")
  const [setup, ...rest] = events.map((line) => JSON.parse(line))
  expect(setup.recipe).toMatchObject({ init: "timm", config: { widths: [32], depths: [3], stemWidth: 16, groups: 1 } })
  expect(rest.filter(({ type }) => type === "step")).toHaveLength(3)
  expect(JSON.parse(await done("eval", "--model", run, "--json"))).toMatchObject({ split: "val" })
  expectFault(await vitrine(["train", "--resume", run, "--widths", "64"]), /--widths cannot change a run/, 2)
  const more = await vitrine([
    "train",
    "--data",
    data,
    ...tiny,
    "--steps",
    "1",
    "--batch-size",
    "10",
    "--out",
    at("told"),
  ])
  expect(more.stderr + more.stdout).toContain("ResNet, 3 blocks of width 32 · 16×16×1 · ")
})

test("predict, embed, inspect, weights and export take timm's folder", async () => {
  const { results } = JSON.parse(await done("predict", "--model", published, photo, "--json", "--logits"))
  expect(results[0].logits).toHaveLength(4)
  expect(JSON.parse(await done("embed", "--model", published, photo)).features).toHaveLength(64)
  const { taps } = JSON.parse(await done("inspect", published, "--list-taps", "--json"))
  expect(taps.map(({ name }: { name: string }) => name)).toContain("stages.1.blocks.3")
  const values = JSON.parse(await done("inspect", published, photo, "--tap", "pooled", "--json"))
  expect(values.results[0].taps.pooled.shape).toEqual([1, 64])
  const drawn = JSON.parse(await done("inspect", published, photo, "--format", "svg", "-o", at("figures"), "--json"))
  expect(drawn.figures.map(({ figure }: { figure: string }) => figure)).toEqual(["filters", "features"])
  expect(existsSync(at("figures/features.svg"))).toBe(true)
  expect(JSON.parse(await done("weights", published, "--json")).tensors).toHaveLength(70)
  await done("export", published, "--to", "onnx", "--crop-mode", "squash", "-o", at("onnx"))
  expect(existsSync(at("onnx/onnx/model.onnx"))).toBe(true)
})

test("Google's .npz is predicted with, and asks for the groups where they are not 32", async () => {
  const file = join(golden, "../bit-odd.npz")
  const told = ["predict", "--model", file, photo, "--image-size", "37x30"]
  expectFault(
    await vitrine(told),
    /bit-odd\.npz: the weights do not tell the groups .* with 8 channels.*\(--num-groups\)/,
  )
  const { results } = JSON.parse(await done(...told, "--num-groups", "8", "--json", "--logits"))
  const weights = await openSafetensors(join(golden, "../bit-folder/google.safetensors"))
  const expected = toFloat32(await weights.read("logits")).subarray(0, 3)
  await weights.close()
  for (const [i, logit] of expected.entries()) expect(results[0].logits[i]).toBeCloseTo(logit, 4)
})

test("BiT-HyperRule is a recipe that looks at the data", async () => {
  const flags = "--image-size 16 --steps 1 --batch-size 8 --accumulate 1 --threads 1 --workers 0".split(" ")
  const rule = [
    "train",
    "--data",
    data,
    "--from",
    published,
    "--recipe",
    "bit-hyperrule",
    "--out",
    at("ruled"),
    "--json",
  ]
  const [setup] = (await done(...rule, ...flags)).split("\n").map((line) => JSON.parse(line || "null"))
  expect(setup.recipe).toMatchObject({
    config: { imageSize: [16, 16], widths: [32, 64], classes: 3 },
    augment: [{ op: "randomCrop", size: [16, 16], scale: 1.25 }, { op: "flip" }],
    mix: null,
    cropMode: "squash",
    mean: [0.5, 0.5, 0.5],
    training: { learningRate: 0.003, schedule: { decay: "step", drop: [0.4, 0.6, 0.8] }, weightDecay: 0, clip: null },
  })
})

test.each<[string, string[], RegExp]>([
  [
    "a figure of attention",
    ["inspect", published, photo, "--figure", "attention"],
    /the figure attention is for Vision Tr/,
  ],
  ["positions", ["inspect", published, "--figure", "positions"], /the figure positions is for Vision Transformers/],
  [
    "a block",
    ["inspect", published, photo, "--block", "1"],
    /--block is for Vision Transformers whose blocks have one attention, and the model is a Re/,
  ],
  ["a tap", ["inspect", published, photo, "--tap", "blocks.0"], /no intermediate value named "blocks.0"/],
  ["heads", ["predict", "--model", published, photo, "--num-heads", "2"], /a ResNet has no heads to be told/],
  [
    "tokens",
    ["train", "--data", data, "--model", "R50x1", "--dim", "8", "--out", at("no")],
    /model\.dim is not a field of a ResNet/,
  ],
  ["no variant", ["train", "--data", data, "--model", "R51x1", "--out", at("no")], /no variant "R51x1"/],
  [
    "another model",
    ["train", "--data", data, "--from", published, "--model", "Ti/16", "--out", at("no")],
    /model Ti\/16 is a Vision Transformer, but that of .* is a ResNet/,
  ],
])("%s is refused in one line", async (_, args, message) => {
  expectFault(await vitrine(args), message)
})
