// The same small DETR trained here and by Hugging Face's transformers, on the same images, boxes, recipe and steps, and
// measured by the same AP, for several seeds:
//   node bench/detection.mjs --data bccd.tar.gz --python PYTHON [--seeds 0,1,2] [--steps 3000] [--batch-size 8] [--lr 4e-4]
//     [--image-size 120x160] [--from RUN] [--threads 2] [--out FOLDER]
// Both start from the same values, drawn here by the seed, or those of a RUN where names and shapes are the same. Images are
// resized once, here, and flipped at random, by draws of their own; the last model counts. PYTHON has torch, transformers,
// scipy and safetensors. Figures are of the test images, or the validation images where there are none.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { parameterReader, readSafetensors, writeSafetensors } from "@vitrine/checkpoint"
import { readDetectorFolder } from "@vitrine/checkpoint/node"
import { foldKey, keyFromSeed, parameterCount } from "@vitrine/core"
import {
  transformExample,
  averagePrecision,
  queryDetections,
  detectionEvaluation,
  detrConfig,
  detrParameters,
  initializeDetr,
  toCenters,
} from "@vitrine/detection"
import { openDetection, resolveDetection } from "@vitrine/detection/node"
import { resnetConfig } from "@vitrine/resnet"
import { evaluateDetector, trainDetector } from "vitrine"

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    python: { type: "string" },
    from: { type: "string" },
    out: { type: "string" },
    seeds: { type: "string", default: "0,1,2" },
    steps: { type: "string", default: "3000" },
    "batch-size": { type: "string", default: "8" },
    lr: { type: "string", default: "4e-4" },
    threads: { type: "string", default: "2" },
    "image-size": { type: "string", default: "120x160" },
  },
})
const { data, python } = values
const steps = Number(values.steps)
const threads = Number(values.threads)
const imageSize = values["image-size"].split("x").map(Number)
const out = values.out ?? (await mkdtemp(join(tmpdir(), "vitrine-detection-")))
await mkdir(out, { recursive: true })

const { train, val, test, classes, faults } = await resolveDetection(data)
for (const line of faults.lines) console.log(line)
const split = test === null ? "val" : "test"
const [learned, held] = await Promise.all([train, test ?? val].map((source) => openDetection(source)))

const recipe = {
  batchSize: Number(values["batch-size"]),
  learningRate: Number(values.lr),
  weightDecay: 1e-4,
  clip: 0.1,
  warmup: 0.05,
  mean: 0.5,
  std: 0.25,
}
const [mean, std] = [recipe.mean, recipe.std].map((value) => [value, value, value])
const model = detrConfig({
  backbone: {
    kind: "resnet",
    config: resnetConfig({ block: "basic", stemWidth: 24, widths: [48, 64], depths: [1, 1], norm: "group" }),
  },
  classes: classes.length,
  queries: 40,
  dim: 64,
  heads: 4,
  encoderDepth: 2,
  decoderDepth: 2,
  mlpDim: 128,
  dropout: 0,
  // As transformers computes a model with auxiliary losses.
  chainedNorm: true,
})

/** Images after resizing and their objects as a model learns them. */
async function prepared(dataset, name) {
  const pixels = new Uint8Array(dataset.length * imageSize[0] * imageSize[1] * 3)
  const targets = []
  for (let i = 0; i < dataset.length; i++) {
    const example = { image: await dataset.read(i), objects: dataset.objects(i) }
    const { image, objects } = transformExample(example, detectionEvaluation(imageSize), [0, 0])
    if (image.height !== imageSize[0] || image.width !== imageSize[1])
      throw new Error(`${dataset.describe(i)} is no image of the aspect of ${imageSize.join("×")}`)
    pixels.set(image.data, i * image.data.length)
    const shares = objects.boxes.map((edge, k) => edge / (k % 2 === 0 ? image.width : image.height))
    targets.push({ labels: [...objects.labels], boxes: [...toCenters(shares)] })
  }
  return [name, { dtype: "U8", shape: [dataset.length, ...imageSize, 3], data: pixels }, targets]
}

const sets = [await prepared(learned, "train"), await prepared(held, "test")]
await writeFile(join(out, "images.safetensors"), writeSafetensors(sets.map(([name, tensor]) => [name, tensor])))

/** The values that both start from, as the folder of a detector. */
async function start(seed) {
  const folder = join(out, `start-${seed}`)
  const parameters = detrParameters(model)
  const initial = { ...initializeDetr(parameters, model, foldKey(keyFromSeed(seed), "init")) }
  const given = values.from === undefined ? undefined : await readDetectorFolder(values.from)
  if (given) {
    const read = parameterReader(given.weights, given.sources)
    const shapes = new Map(detrParameters(given.config).map(({ name, shape }) => [name, shape.join()]))
    for (const { name, shape } of parameters) if (shapes.get(name) === shape.join()) initial[name] = await read(name)
    await given.weights.close()
  }
  const tensors = parameters.map(({ name, shape }) => [name, { dtype: "F32", shape, data: initial[name] }])
  await mkdir(folder, { recursive: true })
  const described = {
    num_classes: classes.length,
    label_names: classes,
    vitrine: { detector: model, imageSize, mean, std },
  }
  await writeFile(join(folder, "config.json"), JSON.stringify({ architecture: "detr", ...described }))
  await writeFile(join(folder, "model.safetensors"), writeSafetensors(tensors))
  return folder
}

/** The figures that count of an evaluation. */
const figures = ({ ap, ap50, ap75 }) => ({ ap, ap50, ap75 })
const shown = (found) =>
  Object.entries(found)
    .map(([name, value]) => `${name} ${value.toFixed(3)}`)
    .join("  ")

async function ours(seed, from) {
  const run = join(out, `vitrine-${seed}`)
  const begun = performance.now()
  if (!existsSync(join(run, "model.safetensors"))) {
    const { batchSize, learningRate, weightDecay, clip, warmup } = recipe
    const fields = {
      model,
      imageSize,
      steps,
      batchSize,
      learningRate,
      weightDecay,
      clip,
      mean,
      std,
      evaluateEvery: steps,
      schedule: { decay: "cosine", warmup, final: 0 },
      augment: [...detectionEvaluation(imageSize), { op: "flip", p: 0.5 }],
    }
    const begins = !existsSync(join(run, "config.json"))
    const events = trainDetector({
      ...(begins ? { data, from, out: run, seed, recipe: fields } : { resume: run }),
      threads,
      backend: "onnx",
      checkpointEvery: 250,
    })
    for await (const event of events)
      if (event.type === "step" && event.step % 250 === 0)
        console.log(`  step ${event.step}  loss ${event.loss.toFixed(3)}`)
  }
  const seconds = (performance.now() - begun) / 1000
  return { ...figures(await evaluateDetector(run, { split, backend: "onnx" })), seconds }
}

async function theirs(seed, from) {
  const found = join(out, `transformers-${seed}.safetensors`)
  const begun = performance.now()
  if (!existsSync(found)) {
    const job = join(out, `job-${seed}.json`)
    const [train, test] = sets.map(([, , targets]) => targets)
    const images = join(out, "images.safetensors")
    const weights = join(from, "model.safetensors")
    await writeFile(job, JSON.stringify({ seed, steps, threads, recipe, model, weights, images, found, train, test }))
    const child = spawn(python, [fileURLToPath(new URL("detection.py", import.meta.url)), job], { stdio: "inherit" })
    const [code] = await once(child, "close")
    if (code !== 0) throw new Error(`detection.py ended with code ${code}`)
  }
  const seconds = (performance.now() - begun) / 1000
  const { tensors } = readSafetensors(await readFile(found), found)
  const [logits, boxes] = ["logits", "boxes"].map((name) => tensors.get(name).data)
  const truth = Array.from({ length: held.length }, (_, i) => held.objects(i))
  const seen = await Promise.all(
    truth.map(async (_, i) => {
      const { height, width } = await held.read(i)
      return queryDetections(logits, boxes, i, model, [height, width])
    }),
  )
  return { ...figures(averagePrecision(truth, seen, classes.length)), seconds }
}

console.log(`  ${parameterCount(detrParameters(model)).toLocaleString("en-US")} parameters`)
const results = []
for (const seed of values.seeds.split(",").map(Number)) {
  const from = await start(seed)
  const row = { seed, vitrine: await ours(seed, from) }
  if (python !== undefined) row.transformers = await theirs(seed, from)
  results.push(row)
  for (const name of ["vitrine", "transformers"])
    if (row[name] !== undefined) console.log(`seed ${seed}  ${name.padEnd(12)}  ${shown(row[name])}`)
}
await writeFile(join(out, "results.json"), `${JSON.stringify({ steps, recipe, imageSize, split, results }, null, 1)}\n`)
console.log(`${out}/results.json`)
