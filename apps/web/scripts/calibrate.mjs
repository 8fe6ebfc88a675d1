// Fits the answer in two parts of a site's backbone on pictures that it has not seen, and writes it into its about.json:
// a temperature, and a score above which a picture is none of the classes. Names of the classes are those of the model.
//
//     node scripts/calibrate.mjs BACKBONE DATA [--val-fraction 0.1] [--others PATH …] [--most 2500]
//
// DATA is what `vitrine train` takes, and its validation images are those of a run with this fraction. The test images, if
// there are some, and --others, pictures of other things, are only measured. The score is one product of a weight with the
// mean and the deviation of each channel of a layer. It is fitted between the held-out pictures, in colour and grey, and
// pictures that are made of them and of nothing: cut-outs, plain figures, gradients and noise. Of several layers it takes
// the one that refuses most of a kind that it was not fitted with.
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { foldKey, keyFromSeed, randomStream } from "@vitrine/core"
import { resize, applyTransforms, toRgb, drawShape } from "@vitrine/data"
import { openDataset, resolveData } from "@vitrine/data/node"
import { leastSquares } from "@vitrine/trainer"
import { runnerImport } from "vite"
import { load } from "vitrine"

const options = {
  "val-fraction": { type: "string", default: "0.1" },
  others: { type: "string", multiple: true, default: [] },
  most: { type: "string", default: "2500" },
  threads: { type: "string", default: "1" },
}
const {
  values,
  positionals: [folder, data],
} = parseArgs({ options, allowPositionals: true })
if (folder === undefined || data === undefined) throw new Error("give the folder of the backbone, and the data")
const file = join(folder, "about.json")
const about = JSON.parse(
  await readFile(file, "utf8").catch((error) => {
    if (error.code === "ENOENT") return "{}"
    throw error
  }),
)
const { module } = await runnerImport(new URL("../src/engine/unknown.ts", import.meta.url).pathname)
const { channelFeatures } = module

const most = Number(values.most)
/** The share of held-out pictures that may be refused. */
const refused = 0.03
const model = await load(folder, { backend: "onnx", threads: Number(values.threads) })
const side = Math.max(...model.config.imageSize)
const random = randomStream(foldKey(keyFromSeed(0), "calibrate"))
const uniform = (low = 0, high = 1) => low + random.uniform() * (high - low)

/** Some examples of a data set, spread over all of it. */
async function examples(source, count) {
  const set = await openDataset(source)
  const some = Math.min(count, set.length)
  const indices = Array.from({ length: some }, (_, i) => Math.floor((i * set.length) / some))
  return Promise.all(
    indices.map(async (i) => ({ image: await set.read(i), label: model.labels.indexOf(set.classes[set.labels[i]]) })),
  )
}

const sized = (image) => {
  const { data: pixels } = applyTransforms(image, [toRgb(), resize([side, side])])
  return {
    width: side,
    height: side,
    channels: 3,
    data: Uint8Array.from(pixels, (x) => Math.min(255, Math.max(0, Math.round(255 * x)))),
  }
}
/** A picture whose values a function of place and channel gives. */
function made(valueAt) {
  const pixels = new Uint8Array(side * side * 3)
  for (let i = 0; i < pixels.length; i++) {
    const [place, c] = [Math.floor(i / 3), i % 3]
    pixels[i] = Math.min(255, Math.max(0, Math.round(valueAt(place % side, Math.floor(place / side), c))))
  }
  return { width: side, height: side, channels: 3, data: pixels }
}
const brightness = (pixels, i) => 0.299 * pixels[i] + 0.587 * pixels[i + 1] + 0.114 * pixels[i + 2]
function grey(image) {
  const { data: pixels } = sized(image)
  return made((x, y) => brightness(pixels, 3 * (y * side + x)))
}
const color = () => [uniform(0, 255), uniform(0, 255), uniform(0, 255)]
function ground() {
  const which = uniform()
  return which < 0.4 ? [0, 0, 0] : which < 0.7 ? [255, 255, 255] : color()
}
/** The inside of one to three ellipses and boxes. */
function figure() {
  const part = () => ({
    x: side * uniform(0.28, 0.72),
    y: side * uniform(0.28, 0.72),
    a: side * uniform(0.1, 0.4),
    b: side * uniform(0.1, 0.4),
    angle: uniform(0, Math.PI),
    isBox: uniform() < 0.5,
  })
  const parts = Array.from({ length: Math.floor(uniform(1, 4)) }, part)
  return (left, top) =>
    parts.some(({ x, y, a, b, angle, isBox }) => {
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
      const u = ((left - x) * cos + (top - y) * sin) / a
      const v = ((top - y) * cos - (left - x) * sin) / b
      return isBox ? Math.abs(u) < 1 && Math.abs(v) < 1 : u * u + v * v < 1
    })
}
const kinds = {
  cutOuts(image) {
    const [isInside, around] = [figure(), ground()]
    const { data: pixels } = uniform() < 0.6 ? grey(image) : sized(image)
    return made((x, y, c) => (isInside(x, y) ? pixels[3 * (y * side + x) + c] : around[c]))
  },
  figures() {
    const [isInside, around, level] = [figure(), ground(), uniform(0, 255)]
    const fill = uniform() < 0.6 ? [level, level, level] : color()
    const [across, down] = [uniform(-128, 128) / side, uniform(-128, 128) / side]
    return made((x, y, c) => (isInside(x, y) ? fill[c] + across * (x - side / 2) + down * (y - side / 2) : around[c]))
  },
  gradients() {
    const [from, to, angle] = [color(), color(), uniform(0, 2 * Math.PI)]
    return made((x, y, c) => {
      const share = 0.5 + ((x - side / 2) * Math.cos(angle) + (y - side / 2) * Math.sin(angle)) / (Math.SQRT2 * side)
      return from[c] * (1 - share) + to[c] * share
    })
  },
  noise() {
    const low = uniform(0, 128)
    const high = low + uniform(60, 210)
    const isGrey = uniform() < 0.5
    const block = uniform() < 0.4 ? 2 : 1
    const values = new Map()
    return made((x, y, c) => {
      const key = (Math.floor(y / block) * side + Math.floor(x / block)) * 3 + (isGrey ? 0 : c)
      if (!values.has(key)) values.set(key, uniform(low, high))
      return values.get(key)
    })
  },
}

const names = model.taps().map(({ name }) => name)
const stages = new Map()
for (const name of names) {
  const [, stage] = /^(?:patch_embed\.backbone\.)?stages\.(\d+)\.blocks\.\d+$/.exec(name) ?? []
  if (stage !== undefined) stages.set(stage, name)
}
const ends = [...stages.values()]
const blocks = names.filter((name) => /^blocks\.\d+$/.test(name))
const singles = [...new Set([...ends, blocks[0], blocks[Math.floor(blocks.length / 2)], blocks.at(-1)])]
const candidates = [
  ...singles.filter((name) => name !== undefined).map((name) => [name]),
  ...(ends.length > 1 ? [ends] : []),
]
const used = [...new Set(candidates.flat())]

/** Features of a picture by candidate, and its logits. */
async function look(image) {
  const values = await model.inspect(image, [...used, "logits"])
  return {
    logits: Array.from(values.logits.data),
    features: candidates.map((taps) => channelFeatures(values, taps)),
  }
}
async function lookAt(images) {
  const all = []
  for (const image of images) all.push(await look(image))
  return all
}

const resolved = await resolveData(data, { valFraction: Number(values["val-fraction"]) })
const heldOut = await examples(resolved.val ?? resolved.train, most)
if (heldOut.some(({ label }) => label < 0)) throw new Error("the data have classes that the model does not have")
console.log(`${heldOut.length} held-out pictures`)
const known = await lookAt(heldOut.map(({ image }) => image))
const ofGrey = await lookAt(heldOut.filter((_, i) => i % 6 === 3).map(({ image }) => grey(image)))
const strange = {}
for (const [kind, make] of Object.entries(kinds))
  strange[kind] = await lookAt(heldOut.filter((_, i) => i % 8 === 1).map(({ image }) => make(image)))

/** A weight and a threshold for features that are not standardised. */
function fit(candidate, unknown) {
  const inside = [...known, ...ofGrey].map(({ features }) => features[candidate])
  const outside = unknown.map(({ features }) => features[candidate])
  const rows = [...inside, ...outside]
  const width = rows[0].length
  const table = new Float32Array(rows.length * width)
  for (const [i, row] of rows.entries()) table.set(row, i * width)
  const labels = Int32Array.from(rows, (_, i) => (i < inside.length ? 0 : 1))
  const [{ std, weights }] = leastSquares({ values: table, width, labels }, 2, [0.01 * rows.length])
  const weight = Array.from({ length: width }, (_, i) =>
    Number(((weights[2 * i + 1] - weights[2 * i]) / std[i]).toPrecision(5)),
  )
  const scores = known.map(({ features }) => score(weight, features[candidate])).sort((a, b) => a - b)
  return { candidate, weight, threshold: scores[Math.floor((1 - refused) * scores.length)] }
}
const score = (weight, features) => features.reduce((sum, x, i) => sum + x * weight[i], 0)
const shareRefused = ({ candidate, weight, threshold }, looks) =>
  looks.filter(({ features }) => score(weight, features[candidate]) > threshold).length / looks.length

const percent = (share) => `${(100 * share).toFixed(1)} %`
let best = { share: -1, candidate: 0 }
for (const candidate of candidates.keys()) {
  const shares = Object.keys(strange).map((kind) => {
    const others = Object.keys(strange).filter((each) => each !== kind)
    return shareRefused(
      fit(
        candidate,
        others.flatMap((each) => strange[each]),
      ),
      strange[kind],
    )
  })
  const share = shares.reduce((a, b) => a + b) / shares.length
  console.log(`${candidates[candidate].join(" + ")}: refuses ${percent(share)} of kinds that it was not fitted with`)
  if (share > best.share) best = { share, candidate }
}
const chosen = fit(best.candidate, Object.values(strange).flat())

const softmax = (logits, temperature) => {
  const greatest = Math.max(...logits)
  const powers = logits.map((x) => Math.exp((x - greatest) / temperature))
  const sum = powers.reduce((a, b) => a + b)
  return powers.map((power) => power / sum)
}
const lossAt = (temperature) =>
  known.reduce((sum, { logits }, i) => sum - Math.log(softmax(logits, temperature)[heldOut[i].label]), 0)
const temperatures = Array.from({ length: 200 }, (_, i) => Number((0.2 * 25 ** (i / 199)).toPrecision(4)))
const losses = temperatures.map(lossAt)
const temperature = temperatures[losses.indexOf(Math.min(...losses))]

/** The expected calibration error over 15 bins of confidence (Guo et al., 2017). */
function calibrationError(looks, labels) {
  const bins = Array.from({ length: 15 }, () => ({ confidence: 0, right: 0 }))
  for (const [i, { logits }] of looks.entries()) {
    const probabilities = softmax(logits, temperature)
    const confidence = Math.max(...probabilities)
    const bin = bins[Math.min(14, Math.floor(15 * confidence))]
    bin.confidence += confidence
    if (probabilities.indexOf(confidence) === labels[i]) bin.right++
  }
  return bins.reduce((sum, { confidence, right }) => sum + Math.abs(confidence - right), 0) / looks.length
}

const labelsOf = (some) => some.map(({ label }) => label)
console.log(`temperature ${temperature}: calibration error ${calibrationError(known, labelsOf(heldOut)).toFixed(3)}`)
const report = (name, looks) =>
  console.log(`${name}: refuses ${percent(shareRefused(chosen, looks))} of ${looks.length}`)
report("held-out pictures", known)
if (resolved.test !== null) {
  const test = await examples(resolved.test, 2 * most)
  const looks = await lookAt(test.map(({ image }) => image))
  report("test images", looks)
  console.log(`test images: calibration error ${calibrationError(looks, labelsOf(test)).toFixed(3)}`)
}
for (const other of values.others) {
  const { test, train } = await resolveData(other)
  report(other, await lookAt((await examples(test ?? train, 500)).map(({ image }) => image)))
}
report("built-in drawings", await lookAt(Array.from({ length: 300 }, (_, i) => drawShape(i % 10, [0x6775, i]))))
report("noise of all bytes alike", await lookAt(Array.from({ length: 100 }, () => made(() => uniform(-0.5, 255.5)))))

const unknown = { taps: candidates[chosen.candidate], threshold: chosen.threshold, weight: chosen.weight }
await writeFile(file, `${JSON.stringify({ ...about, temperature, unknown })}\n`)
await model.close()
