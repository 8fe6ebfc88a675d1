// What a backbone is worth that has not seen the classes: heads on 20 pictures a class, beside logistic regression and ridge
// on pixels. Two backbones are trained on five classes of CIFAR-10 each, and tell triples of the other five apart.
//
//     node packages/vitrine/bench/teach.mjs CIFAR10 OUT [--epochs 30] [--threads 1] [--pictures 20] [--test 100] [--draws 5]
//
// CIFAR10 is a folder with train/<class>/ and test/<class>/. What is trained already is not trained again, and an interrupted
// run goes on. OUT/table.md gets the table.
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { foldKey, keyFromSeed, randomStream } from "@vitrine/core"
import { applyTransforms, resize, toRgb } from "@vitrine/data"
import { decodeImage } from "@vitrine/data/node"
import {
  fitByValidation,
  fitHead,
  leastSquares,
  leastSquaresPenalties,
  linearScores,
  logisticPenalties,
  logisticRegression,
  probeAccuracy,
} from "@vitrine/trainer"
import { load } from "vitrine"

const options = {
  epochs: { type: "string", default: "30" },
  threads: { type: "string", default: "1" },
  pictures: { type: "string", default: "20" },
  test: { type: "string", default: "100" },
  draws: { type: "string", default: "5" },
}
const {
  values,
  positionals: [data, out],
} = parseArgs({ options, allowPositionals: true })
if (data === undefined || out === undefined) throw new Error("give the folder of CIFAR-10 and one for the results")
const command = fileURLToPath(new URL("../../../apps/cli/bin/vitrine.js", import.meta.url))

/** Each backbone with its classes, and triples of classes that it has not seen. */
const backbones = [
  {
    name: "a",
    classes: ["airplane", "cat", "frog", "ship", "truck"],
    triples: [
      ["automobile", "bird", "horse"],
      ["bird", "deer", "dog"],
      ["automobile", "deer", "dog"],
    ],
  },
  {
    name: "b",
    classes: ["automobile", "bird", "deer", "dog", "horse"],
    triples: [
      ["airplane", "cat", "ship"],
      ["cat", "frog", "truck"],
      ["airplane", "frog", "truck"],
    ],
  },
]

function trained({ name, classes }) {
  const run = join(out, name)
  const isDone = () => existsSync(join(run, "curve.svg"))
  if (isDone()) return run
  const machine = ["--threads", values.threads, "--backend", "onnx"]
  const fresh = ["--data", data, "--recipe", "cifar10-hybrid", "--classes", classes.join(), "--val-fraction", "0.02"]
  const plan = ["--epochs", values.epochs, "--checkpoint-every", "100", "--out", run, ...machine]
  const words = existsSync(join(run, "checkpoints"))
    ? ["--resume", run, "--take-over", ...machine]
    : [...fresh, ...plan]
  const { status } = spawnSync(process.execPath, [command, "train", ...words], {
    stdio: ["ignore", "inherit", "inherit"],
  })
  if (status !== 0 || !isDone()) throw new Error(`${run} was not trained`)
  return run
}

const mirrored = ({ width, height, channels, data: pixels }) => {
  const flipped = new Uint8Array(pixels.length)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < channels; c++)
        flipped[(y * width + x) * channels + c] = pixels[(y * width + width - 1 - x) * channels + c]
  return { width, height, channels, data: flipped }
}

const images = (split, className, indices) => {
  const files = readdirSync(join(data, split, className)).sort()
  return indices(files.length).map((i) => join(data, split, className, files[i]))
}

/** Some of n numbers, drawn without repetition. */
function draw(n, count, seed, name) {
  const random = randomStream(foldKey(keyFromSeed(seed), name))
  const all = Array.from({ length: n }, (_, i) => i)
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor(random.uniform() * (n - i))
    ;[all[i], all[j]] = [all[j], all[i]]
  }
  return all.slice(0, count)
}

const decoded = (paths) => Promise.all(paths.map(async (path) => decodeImage(readFileSync(path), path)))
const table = (rows, labels) => {
  const width = rows[0].length
  const all = new Float32Array(rows.length * width)
  for (const [i, row] of rows.entries()) all.set(row, i * width)
  return { values: all, width, labels: Int32Array.from(labels) }
}
const pixelsOf = (image) => applyTransforms(image, [toRgb(), resize([32, 32])]).data
const accuracy = (classifier, test) => probeAccuracy(linearScores(classifier, test), test.labels)

function headAccuracy({ weight, bias }, { values: rows, width, labels }) {
  let right = 0
  for (const [row, label] of labels.entries()) {
    const scores = Array.from(bias, (b, c) => {
      let sum = b
      for (let i = 0; i < width; i++) sum += weight[c * width + i] * rows[row * width + i]
      return sum
    })
    if (scores.indexOf(Math.max(...scores)) === label) right++
  }
  return right / labels.length
}

async function measure(model, triple, seed) {
  const count = Number(values.pictures)
  const train = []
  const test = []
  for (const [label, name] of triple.entries()) {
    const some = images("train", name, (n) => draw(n, count, seed, name))
    for (const image of await decoded(some)) train.push({ image, label })
    const others = images("test", name, (n) => Array.from({ length: Math.min(n, Number(values.test)) }, (_, i) => i))
    for (const image of await decoded(others)) test.push({ image, label })
  }
  const labels = train.map(({ label }) => label)
  const plain = await model.features(train.map(({ image }) => image))
  const mirrors = await model.features(train.map(({ image }) => mirrored(image)))
  const groups = [...labels.keys(), ...labels.keys()]
  const head = fitHead(
    table([...plain, ...mirrors], [...labels, ...labels]),
    triple.length,
    groups,
    groups.map((_, i) => i < labels.length),
  )
  const testLabels = test.map(({ label }) => label)
  const ours = headAccuracy(head, table(await model.features(test.map(({ image }) => image)), testLabels))
  const pixels = table(
    train.map(({ image }) => pixelsOf(image)),
    labels,
  )
  const testPixels = table(
    test.map(({ image }) => pixelsOf(image)),
    testLabels,
  )
  const [ridge, logistic] = [
    [leastSquares, leastSquaresPenalties],
    [logisticRegression, logisticPenalties],
  ].map(([fit, penalties]) => accuracy(fitByValidation(fit, pixels, triple.length, penalties).classifier, testPixels))
  return { ours, ridge, logistic }
}

mkdirSync(out, { recursive: true })
const mean = (all) => all.reduce((a, b) => a + b, 0) / all.length
const percent = (x) => (100 * x).toFixed(1)
const rows = []
const gains = []
for (const backbone of backbones) {
  const model = await load(trained(backbone), { backend: "onnx", threads: Number(values.threads) })
  for (const triple of backbone.triples) {
    const all = []
    for (let seed = 0; seed < Number(values.draws); seed++) all.push(await measure(model, triple, seed))
    const [ours, ridge, logistic] = ["ours", "ridge", "logistic"].map((name) => mean(all.map((each) => each[name])))
    const gain = ours - Math.max(ridge, logistic)
    gains.push(gain)
    const cells = [backbone.name, triple.join(", "), percent(ours), percent(logistic), percent(ridge), percent(gain)]
    rows.push(`| ${cells.join(" | ")} |`)
    console.log(rows.at(-1))
  }
  await model.close()
}
const head = "| backbone | classes that it has not seen | head on features | logistic, pixels | ridge, pixels | gain |"
const summary = `Gain on average ${percent(mean(gains))} points, least ${percent(Math.min(...gains))}.`
const text = `${[head, "|---|---|---|---|---|---|", ...rows].join("\n")}\n\n${summary}\n`
writeFileSync(join(out, "table.md"), text)
console.log(text)
