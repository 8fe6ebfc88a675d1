// The same small DETR trained here and by Hugging Face's transformers, on the same images, boxes, recipe and steps, and
// measured by the same AP, for several seeds:
//   node bench/detection.mjs --data bccd.tar.gz --python PYTHON [--seeds 0,1,2] [--steps 3000] [--image-size 120x160] [--out FOLDER]
// Both are drawn at random as each library does, by the same distributions but for the transformer's. Images are resized
// once, here, and flipped at random; 8 a step; the last model counts. PYTHON has torch, transformers, scipy and safetensors.
// Figures are of the test images, or the validation images where there are none.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { readSafetensors, writeSafetensors } from "@vitrine/checkpoint"
import { parameterCount } from "@vitrine/core"
import {
  augment,
  averagePrecision,
  detections,
  detectionEvaluation,
  detrConfig,
  detrParameters,
  toCenters,
} from "@vitrine/detection"
import { openDetection, resolveDetection } from "@vitrine/detection/node"
import { resnetConfig } from "@vitrine/resnet"
import { evaluateDetector, trainDetector } from "vitrine"

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    python: { type: "string" },
    out: { type: "string" },
    seeds: { type: "string", default: "0,1,2" },
    steps: { type: "string", default: "3000" },
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

const recipe = { batchSize: 8, learningRate: 4e-4, weightDecay: 1e-4, clip: 0.1, warmup: 0.05, mean: 0.5, std: 0.25 }
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
})

/** Images after resizing and their objects as a model learns them. */
async function prepared(dataset, name) {
  const pixels = new Uint8Array(dataset.length * imageSize[0] * imageSize[1] * 3)
  const targets = []
  for (let i = 0; i < dataset.length; i++) {
    const example = { image: await dataset.read(i), objects: dataset.objects(i) }
    const { image, objects } = augment(example, detectionEvaluation(imageSize), [0, 0])
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

/** The figures that count of an evaluation. */
const figures = ({ ap, ap50, ap75 }) => ({ ap, ap50, ap75 })
const shown = (found) =>
  Object.entries(found)
    .map(([name, value]) => `${name} ${value.toFixed(3)}`)
    .join("  ")

async function ours(seed) {
  const run = join(out, `vitrine-${seed}`)
  const begun = performance.now()
  if (!existsSync(join(run, "model.safetensors"))) {
    const { mean, std, batchSize, learningRate, weightDecay, clip, warmup } = recipe
    const events = trainDetector({
      data,
      out: run,
      seed,
      threads,
      backend: "onnx",
      recipe: {
        model,
        imageSize,
        steps,
        batchSize,
        learningRate,
        weightDecay,
        clip,
        evaluateEvery: steps,
        schedule: { decay: "cosine", warmup, final: 0 },
        augment: [{ op: "flip", p: 0.5 }, ...detectionEvaluation(imageSize)],
        mean: [mean, mean, mean],
        std: [std, std, std],
      },
    })
    for await (const event of events)
      if (event.type === "step" && event.step % 500 === 0)
        console.log(`  step ${event.step}  loss ${event.loss.toFixed(3)}`)
  }
  const seconds = (performance.now() - begun) / 1000
  return { ...figures(await evaluateDetector(run, { split, backend: "onnx" })), seconds }
}

async function theirs(seed) {
  const found = join(out, `transformers-${seed}.safetensors`)
  const begun = performance.now()
  if (!existsSync(found)) {
    const job = join(out, `job-${seed}.json`)
    const [train, test] = sets.map(([, , targets]) => targets)
    const images = join(out, "images.safetensors")
    await writeFile(job, JSON.stringify({ seed, steps, threads, recipe, model, images, found, train, test }))
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
      return detections(logits, boxes, i, model, [height, width])
    }),
  )
  return { ...figures(averagePrecision(truth, seen, classes.length)), seconds }
}

console.log(`  ${parameterCount(detrParameters(model)).toLocaleString("en-US")} parameters`)
const results = []
for (const seed of values.seeds.split(",").map(Number)) {
  const row = { seed, vitrine: await ours(seed), ...(python === undefined ? {} : { transformers: await theirs(seed) }) }
  results.push(row)
  for (const name of ["vitrine", "transformers"])
    if (row[name] !== undefined) console.log(`seed ${seed}  ${name.padEnd(12)}  ${shown(row[name])}`)
}
await writeFile(join(out, "results.json"), `${JSON.stringify({ steps, imageSize, split, results }, null, 1)}\n`)
console.log(`${out}/results.json`)
