// Makes the runs that are named, the data beside them, and their part of expected.json:
//
//     node packages/vitrine/test/stored/make.mjs classify resnet masked-patch detect read
import { createHash } from "node:crypto"
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { shapes } from "@vitrine/data"
import { scenes } from "@vitrine/detection"
import sharp from "sharp"
import {
  evaluate,
  evaluateDetector,
  evaluateReader,
  flip,
  load,
  loadDetector,
  loadReader,
  padCrop,
  train,
  trainDetector,
  trainReader,
} from "vitrine"

const here = dirname(fileURLToPath(import.meta.url))
const data = (name) => join(here, "data", name)
const backend = "reference"
const png = async (path, { data: pixels, ...raw }) => {
  await mkdir(dirname(path), { recursive: true })
  await sharp(pixels, { raw }).png({ compressionLevel: 9 }).toFile(path)
}

/** Thirty drawings of three classes. */
async function pictures() {
  const drawings = shapes({ split: "train", size: 30 })
  for (let i = 0; i < drawings.length; i++)
    await png(join(data("pictures"), ["circle", "cross", "square"][i % 3], `${i}.png`), await drawings.read(i))
}

/** Nine scenes with COCO's annotations. */
async function boxes() {
  const drawn = scenes({ split: "train", size: 9, imageSize: [32, 32] })
  const annotations = []
  for (let i = 0; i < drawn.length; i++) {
    await png(join(data("scenes"), `${i}.png`), await drawn.read(i))
    const { boxes, labels } = drawn.objects(i)
    labels.forEach((label, n) => {
      const [x0, y0, x1, y1] = boxes.subarray(4 * n, 4 * n + 4)
      annotations.push({ id: annotations.length, image_id: i, category_id: label, bbox: [x0, y0, x1 - x0, y1 - y0] })
    })
  }
  const images = Array.from({ length: 9 }, (_, id) => ({
    id,
    file_name: `${id}.png`,
    width: 32,
    height: 32,
    split: id < 6 ? "train" : "val",
  }))
  const categories = drawn.classes.map((name, id) => ({ id, name }))
  await writeFile(join(data("scenes"), "annotations.json"), JSON.stringify({ images, annotations, categories }))
}

/** Ten lines of two letters: bars of different heights. */
async function lines() {
  const texts = ["ab", "ba", "aa", "bb", "a", "b", "ab", "ba", "aa", "bb"]
  for (const [i, text] of texts.entries()) {
    const width = 4 * text.length
    const pixels = Uint8Array.from({ length: 8 * width }, (_, at) => {
      const [row, column] = [Math.floor(at / width), at % width]
      return row >= (text[column >> 2] === "a" ? 4 : 1) ? 200 + i : 20
    })
    await png(join(data("lines"), `${i}.png`), { data: pixels, width, height: 8, channels: 1 })
  }
  await writeFile(join(data("lines"), "labels.tsv"), texts.map((text, i) => `${i}.png\t${text}\n`).join(""))
}

const short = { steps: 4, evaluateEvery: 2, batchSize: 4 }
const vit = { imageSize: [16, 16], patchSize: [8, 8], dim: 8, depth: 1, heads: 2, mlpDim: 8 }
const classifier = {
  train,
  data: "pictures",
  evaluate,
  load,
  answer: async (model, image) => [...(await model.logits([image]))[0]],
  image: "pictures/circle/0.png",
}
const features = { ...classifier, evaluate: null, answer: async (model, image) => [...(await model.embed(image))] }
const kinds = {
  classify: {
    ...classifier,
    recipe: {
      ...short,
      model: { ...vit, dropout: 0.1 },
      augment: [padCrop(2), flip()],
      mix: { mixup: 0.2, cutmix: 1 },
      labelSmoothing: 0.1,
      ema: 0.9,
    },
  },
  resnet: {
    ...classifier,
    recipe: {
      ...short,
      model: { imageSize: [16, 16], stemWidth: 16, widths: [32], depths: [3], groups: 1 },
      optimizer: { name: "sgd", momentum: 0.9 },
    },
  },
  "masked-patch": { ...features, recipe: { ...short, task: "masked-patch", model: vit } },
  detect: {
    train: trainDetector,
    data: "scenes/annotations.json",
    evaluate: evaluateDetector,
    load: loadDetector,
    answer: async (detector, image) =>
      Object.values(await detector.detect(image, { threshold: 0 })).map((each) => [...each]),
    image: "scenes/0.png",
    recipe: {
      ...short,
      batchSize: 2,
      imageSize: [32, 32],
      model: {
        backbone: {
          kind: "resnet",
          config: {
            channels: 3,
            block: "basic",
            stemWidth: 8,
            widths: [8],
            depths: [1],
            norm: "group",
            dilated: false,
          },
        },
        dim: 8,
        heads: 2,
        queries: 6,
        encoderDepth: 1,
        decoderDepth: 1,
        mlpDim: 8,
        dropout: 0.1,
      },
    },
  },
  read: {
    train: trainReader,
    data: "lines",
    evaluate: evaluateReader,
    load: loadReader,
    answer: async (reader, image) => reader.read([image]),
    image: "lines/0.png",
    recipe: {
      ...short,
      task: "read",
      model: { dim: 8, heads: 2, encoderDepth: 1, decoderDepth: 1, mlpDim: 8, dropout: 0.1 },
    },
  },
}

const expectedFile = join(here, "expected.json")
const expected = JSON.parse(await readFile(expectedFile, "utf8").catch(() => "{}"))
await pictures()
await boxes()
await lines()
for (const name of process.argv.slice(2)) {
  const { train, data: set, recipe, evaluate, load, answer, image } = kinds[name]
  const run = join(here, name)
  await rm(run, { recursive: true, force: true })
  const options = { data: data(set), seed: 4, workers: 0, backend }
  for await (const event of train({ ...options, recipe, out: run }))
    if (event.type === "step" && event.step === 3) break
  // Data lie elsewhere on other machines.
  const config = join(run, "config.json")
  const json = JSON.parse(await readFile(config, "utf8"))
  json.vitrine.data = `/data/${set}`
  await writeFile(config, `${JSON.stringify(json, null, 2)}\n`)

  const model = await load(run, { backend })
  const values = await answer(model, data(image)).finally(model.close)
  const evaluation = evaluate && (await evaluate(run, { data: data(set), backend }))
  const copy = join(await mkdtemp(join(tmpdir(), "stored-")), name)
  await cp(run, copy, { recursive: true })
  const losses = []
  for await (const event of train({ ...options, resume: copy })) if (event.type === "step") losses.push(event.loss)
  const digests = {}
  for (const file of ["model.safetensors", "training.safetensors"]) {
    const bytes = await readFile(join(copy, "checkpoints", "step-00000004", file))
    digests[file] = createHash("sha256").update(bytes).digest("hex")
  }
  // Both name files by their paths.
  const anywhere = evaluation && { ...evaluation, data: undefined, mistakes: undefined }
  expected[name] = { answer: values, evaluation: anywhere, losses, digests }
}
await writeFile(expectedFile, `${JSON.stringify(expected, null, 2)}\n`)
