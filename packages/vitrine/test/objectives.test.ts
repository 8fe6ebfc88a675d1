import { cp, mkdtemp, readdir, readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseHeader } from "@vitrine/checkpoint"
import { goldenPath } from "@vitrine/golden"
import { beforeAll, expect, test } from "vitest"
import { load, type Recipe, train } from "../src/node.ts"
import { classes, collect, type Event, writePictures } from "./pictures.ts"

const recipe: Recipe = {
  batchSize: 16,
  steps: 6,
  evaluateEvery: 3,
  learningRate: 5e-3,
  model: { patchSize: [8, 8], dim: 32, depth: 1, heads: 2, mlpDim: 64 },
}
const options = { seed: 4, workers: 0, backend: "onnx" }
let data: string
let place: string
let teacher: string

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "vitrine-"))
  data = join(place, "pictures")
  await writePictures(data)
  teacher = join(place, "teacher")
  // Another normalisation and patch size than the student's.
  const model = { ...(recipe.model as object), patchSize: [4, 4] } as const
  await collect(train({ ...options, data, out: teacher, recipe: { ...recipe, model, mean: [0.5], std: [0.5] } }))
})

const lossesOf = (events: readonly Event[]): number[] =>
  events.flatMap((event) => (event.type === "step" ? [event.loss] : []))

test.each(["hard", "soft"] as const)("%s distillation is resumed with its teacher, and makes a DeiT", async (kind) => {
  const run = { ...options, data, distillFrom: teacher, recipe: { ...recipe, distillation: { kind, alpha: 0.7 } } }
  const out = join(place, kind)
  const all = await collect(train({ ...run, out }))
  expect(all[0]).toMatchObject({ teacher, recipe: { distillation: { kind, alpha: 0.7, tau: 1 } } })
  const early = join(place, `${kind}-early`)
  for await (const event of train({ ...run, out: early, checkpointEvery: 2 }))
    if (event.type === "step" && event.step === 3) break
  const rest = await collect(train({ resume: early, workers: 0, backend: "onnx" }))
  expect(rest[0]).toMatchObject({ resumed: 2, teacher })
  expect(lossesOf(rest)).toEqual(lossesOf(all).slice(2))
  const model = await load(out, { backend: "onnx" })
  expect(model.config).toMatchObject({ distillationToken: true, classes: 3 })
  expect(await model.predict(join(data, "circle", "0.png"))).toHaveLength(3)
  await model.close()
})

test("the first loss of a student is what its teacher's own predictions make it", async () => {
  // One batch of all images; the heads start at 0, so that both say that all classes are alike.
  const still = { ...recipe, batchSize: 54, steps: 1, learningRate: 0 }
  const own = await collect(train({ ...options, data, distillFrom: teacher, recipe: still }))
  expect(lossesOf(own)[0]).toBeCloseTo(Math.log(3), 6)

  const soft = { kind: "soft", alpha: 1, tau: 2 } as const
  const taught = await collect(
    train({ ...options, data, distillFrom: teacher, recipe: { ...still, distillation: soft } }),
  )
  const model = await load(teacher, { backend: "onnx" })
  const files = (
    await Promise.all(
      classes.map(async (label) => (await readdir(join(data, label))).map((file) => join(data, label, file))),
    )
  ).flat()
  const divergences = (await model.logits(files)).map((logits) => {
    const odds = [...logits].map((z) => Math.exp(z / soft.tau))
    const total = odds.reduce((a, b) => a + b)
    // KL(teacher ‖ uniform) τ² / classes
    const kl = odds.reduce((sum, odd) => sum + (odd / total) * Math.log((3 * odd) / total), 0)
    return (kl * soft.tau ** 2) / 3
  })
  await model.close()
  // 54 of the 60 images are trained on, so the mean over all is only near.
  const mean = divergences.reduce((a, b) => a + b) / divergences.length
  const loss = lossesOf(taught)[0] as number
  expect(loss).toBeGreaterThan(0)
  expect(Math.abs(loss - mean)).toBeLessThan(0.2 * mean)
})

test("a teacher is found by the names of its classes, and refused where it does not fit", async () => {
  const run = { ...options, data, recipe: { ...recipe, steps: 1 } }
  const two = join(place, "two")
  for (const name of classes.slice(0, 2)) await cp(join(data, name), join(two, name), { recursive: true })
  for (const [wrong, message] of [
    [{ data: two, distillFrom: teacher }, "the teacher tells 3 classes apart, which are not the 2 of the data"],
    [
      { distillFrom: goldenPath("vit-folder-tiny") },
      "the teacher tells 7 classes apart, which are not the 3 of the data",
    ],
    [{ recipe: { ...recipe, distillation: {} } }, "the recipe distils: name the teacher"],
    [
      { distillFrom: teacher, recipe: { ...recipe, distillation: { alpha: 2 } } },
      "distillation.alpha must be a number in [0, 1], got 2",
    ],
    [
      { distillFrom: teacher, recipe: { ...recipe, task: "masked-patch" } },
      "task masked-patch learns no classes, and distillation teaches classes",
    ],
  ] as const)
    await expect(collect(train({ ...run, ...wrong }))).rejects.toThrow(message)
})

test("masked patches are learned without labels, resumed, and fine-tuned from", async () => {
  const masked: Recipe = { ...recipe, task: "masked-patch" }
  const out = join(place, "masked")
  const all = await collect(train({ ...options, data, out, recipe: { ...masked, steps: 20 } }))
  expect(all[0]).toMatchObject({ recipe: { task: "masked-patch", config: { classes: 0 } } })
  const losses = lossesOf(all)
  expect(losses[0]).toBeCloseTo(Math.log(512), 4)
  expect(losses.at(-1)).toBeLessThan(0.8 * (losses[0] as number))
  const [evaluation] = all.filter((event) => event.type === "evaluation")
  // Half of the 16 patches of 6 validation images.
  expect(evaluation).toMatchObject({ examples: 6 * 8 })

  const early = join(place, "masked-early")
  for await (const event of train({ ...options, data, out: early, recipe: masked, checkpointEvery: 2 }))
    if (event.type === "step" && event.step === 3) break
  const rest = lossesOf(await collect(train({ resume: early, workers: 0, backend: "onnx" })))
  expect(rest).toEqual(lossesOf(await collect(train({ ...options, data, recipe: masked }))).slice(2))

  const weights = new Uint8Array(await readFile(join(out, "model.safetensors")))
  const { tensors } = parseHeader(weights, { fileSize: weights.length, name: "model.safetensors" })
  expect(tensors.filter(({ name }) => /mask|head/.test(name))).toEqual([])
  const model = await load(out, { backend: "onnx" })
  expect(await model.embed(join(data, "circle", "0.png"))).toHaveLength(32)
  await model.close()

  const [setup, ...tuned] = await collect(
    train({ ...options, data, from: out, recipe: { batchSize: 16, steps: 4, freeze: ["backbone"] } }),
  )
  expect(setup).toMatchObject({ from: { newHead: true }, recipe: { config: { classes: 3, dim: 32 } } })
  expect(lossesOf(tuned)[0]).toBeCloseTo(Math.log(3), 6)
})
