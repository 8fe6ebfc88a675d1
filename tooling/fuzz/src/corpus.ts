import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { writeSafetensors } from "@vitrine/checkpoint"
import { vitConfig, vitParameters } from "@vitrine/core"
import { zipSync } from "fflate"
import sharp from "sharp"

const golden = fileURLToPath(new URL("../../golden/files/", import.meta.url))
const corpus = fileURLToPath(new URL("../corpus/", import.meta.url))

/** Larger files are left out, so that mutations hit headers and not weights. */
const mostBytes = 2 ** 17

/** Small golden files whose paths have this ending. */
export function goldenFiles(ending: RegExp): Uint8Array[] {
  return readdirSync(golden, { recursive: true, encoding: "utf8" })
    .filter((path) => ending.test(path))
    .map((path) => join(golden, path))
    .filter((path) => statSync(path).isFile() && statSync(path).size <= mostBytes)
    .map((path) => readFileSync(path))
}

/** The files of `corpus/NAME`: inputs that once failed, and hand-made ones. */
export function corpusFiles(name: string): Uint8Array[] {
  try {
    return readdirSync(join(corpus, name)).map((file) => readFileSync(join(corpus, name, file)))
  } catch {
    return []
  }
}

/** The bytes of a golden file. */
export const goldenFile = (path: string): Uint8Array => readFileSync(join(golden, path))

/** Records of runs of image classifiers. */
export const runRecords = (): Uint8Array[] =>
  ["classify", "resnet", "masked-patch"].map((name) => {
    const stored = new URL("../../../packages/vitrine/test/stored/", import.meta.url)
    return readFileSync(new URL(`${name}/config.json`, stored))
  })

/** Weights of Vision Transformers under timm's names, without a configuration. */
export function stateDicts(): Uint8Array[] {
  const size = { imageSize: [16, 16], patchSize: [8, 8], channels: 3, dim: 16, depth: 1, heads: 2, mlpDim: 32 } as const
  return [vitConfig({ ...size, classes: 3 }), vitConfig({ ...size, classes: 0, registers: 2 })].map((config) => {
    const tensors = vitParameters(config).map(({ name, shape }) => {
      const data = new Float32Array(shape.reduce((product, side) => product * side, 1))
      return [name, { dtype: "F32" as const, shape, data }] as const
    })
    return Buffer.concat([...writeSafetensors(tensors)])
  })
}

const text = (content: string): Uint8Array => new TextEncoder().encode(content)

/** Small images of every format that can be decoded. */
export async function images(): Promise<Uint8Array[]> {
  const pixels = Uint8Array.from({ length: 9 * 7 * 3 }, (_, i) => (i * 37) % 256)
  const image = sharp(pixels, { raw: { width: 9, height: 7, channels: 3 } })
  const gray = image.clone().toColourspace("b-w")
  const files = [image.clone().png(), image.clone().jpeg(), image.clone().webp(), image.clone().gif()]
  const large = [image.clone().tiff({ compression: "lzw" }), image.clone().avif()]
  const formats = [
    ...large,
    gray.clone().png(),
    image.clone().png({ palette: true }),
    image.clone().jpeg({ progressive: true }),
  ]
  const bmp = readFileSync(new URL("../../../packages/data/test/golden/files/run-lengths.bmp", import.meta.url))
  return [bmp, ...(await Promise.all([...files, ...formats].map((each) => each.toBuffer())))]
}

/** IDX files of labels and of images. */
export function idxFiles(): Uint8Array[] {
  const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 2)
  const pixels = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8)
  return [labels, pixels]
}

/** Labels of lines, separated by tabs and as lines of JSON. */
export const labelFiles = (): Uint8Array[] => [
  deepJson(),
  text("\n".repeat(5000)),
  text("file\ttext\na.png\tabc\nb/c.png\tx y z\n"),
  text('{"file": "a.png", "text": "abc"}\n{"file": "b.png", "text": "ü"}\n'),
]

/** Tables with commas, semicolons, tabs, quotes and line breaks in them, and as lines of JSON. */
export const tables = (): Uint8Array[] => [
  text('file_name,label,text\na.png,cat,"x, ""y"""\nb.png,dog,"two\nlines"\n'),
  text("file_name;label\na.png;cat\n"),
  text("file_name\tlabel\r\na.png\tcat\r\n"),
  text('{"file_name": "a.png", "label": ["cat", "dog"]}\n{"file_name": "b.png"}\n'),
  text("\n".repeat(5000)),
]

/** JSON in 5,000 lists, which once ended in an overflow of the stack. */
export const deepJson = (): Uint8Array => text(`{"step": ${"[".repeat(5000)}${"]".repeat(5000)}}`)

/** Annotations in COCO's JSON. */
export const cocoFiles = (): Uint8Array[] => [
  deepJson(),
  text(
    JSON.stringify({
      images: [{ id: 1, file_name: "a.png", width: 10, height: 8 }],
      annotations: [{ id: 1, image_id: 1, category_id: 2, bbox: [1, 2, 3, 4], area: 12, iscrowd: 0 }],
      categories: [
        { id: 2, name: "cat" },
        { id: 5, name: "dog" },
      ],
    }),
  ),
]

/** An annotation in Pascal VOC's XML. */
export const vocFiles = (): Uint8Array[] => [
  text("<a>".repeat(5000) + "</a>".repeat(5000)),
  text(
    '<?xml version="1.0"?><annotation><filename>a.jpg</filename><size><width>10</width><height>8</height><depth>3</depth></size>' +
      "<object><name>cat</name><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>4</xmax><ymax>6</ymax></bndbox></object></annotation>",
  ),
]

/** Zip archives of a folder of classes, stored and deflated. */
export async function zipFiles(): Promise<Uint8Array[]> {
  const [png = new Uint8Array()] = await images()
  const files = { "set/cat/a.png": png, "set/dog/b.png": png, "set/labels.csv": text("file,label\n") }
  return [zipSync(files, { level: 0 }), zipSync(files)]
}

/** An entry of a tar archive. */
export function tarEntry(name: string, content: Uint8Array): Uint8Array {
  const header = Buffer.alloc(512)
  header.write(name, 0)
  header.write("0000644\0", 100)
  header.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124)
  header.write("ustar\u000000", 257)
  header.write("0", 156)
  header.fill(" ", 148, 156)
  const sum = header.reduce((a, b) => a + b, 0)
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148)
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)])
}

/** Tar archives of a folder of classes, plain and gzipped. */
export async function tarFiles(): Promise<Uint8Array[]> {
  const [png = new Uint8Array()] = await images()
  const tar = Buffer.concat([tarEntry("set/cat/a.png", png), tarEntry("set/dog/b.png", png), Buffer.alloc(1024)])
  return [tar, gzipSync(tar)]
}

/** Shards of WebDataset, with classes and with fields of JSON. */
export async function shards(): Promise<Uint8Array[]> {
  const [png = new Uint8Array()] = await images()
  const ofClasses = ["0", "1"].flatMap((name) => [tarEntry(`${name}.png`, png), tarEntry(`${name}.cls`, text(name))])
  const ofFields = ["cat", "dog"].flatMap((label) => [
    tarEntry(`${label}.1.png`, png),
    tarEntry(`${label}.json`, text(JSON.stringify({ label, tags: [label], width: 9 }))),
  ])
  return [ofClasses, ofFields].map((entries) => Buffer.concat([...entries, Buffer.alloc(1024)]))
}

/** Arrays of images and labels as MedMNIST has them, stored and deflated. */
export function imageArrays(): Uint8Array[] {
  const npy = (shape: string, bytes: number): Uint8Array => {
    const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(117) + "\n"
    return Buffer.concat([Buffer.from("\x93NUMPY\x01\x00v\x00", "latin1"), Buffer.from(header), Buffer.alloc(bytes, 1)])
  }
  const arrays = {
    "train_images.npy": npy("4, 3, 3", 36),
    "train_labels.npy": npy("4, 1", 4),
    "val_images.npy": npy("2, 3, 3", 18),
    "val_labels.npy": npy("2, 1", 2),
  }
  return [zipSync(arrays, { level: 0 }), zipSync(arrays)]
}

/** Names of models on the hub. */
export const hubNames = (): Uint8Array[] => [text("hf:owner/name"), text("hf:owner/name@main"), text("hf:o/n/a.npz")]

/** Recipes of the three tasks, as JSON. */
export const recipes = (): Uint8Array[] =>
  [
    {
      model: { dim: 32, depth: 2, heads: 2, mlpDim: 64, patchSize: [4, 4] },
      steps: 10,
      batchSize: 4,
      optimizer: { name: "adamw", betas: [0.9, 0.95] },
      schedule: { decay: "cosine", warmup: 0.1, final: 0 },
      mix: { mixup: 0.2 },
      augment: [{ op: "flip", p: 0.5 }],
      mean: [0.5],
      std: [0.25],
      clip: 1,
    },
    { model: "R50x1", epochs: 2, optimizer: { name: "sgd", momentum: 0.9, nesterov: true }, labelSmoothing: 0.1 },
    { model: { queries: 5, dim: 32, heads: 2 }, imageSize: [64, 64], steps: 5, losses: { boxWeight: 2 } },
    { task: "read", model: { dim: 32, heads: 2 }, characters: [1, 3], steps: 5 },
    JSON.parse('{"constructor": 1, "model": {"__proto__": {"dim": 8}}}'),
  ].map((recipe) => text(JSON.stringify(recipe)))

/** Logs of training. */
export const metricsFiles = (): Uint8Array[] => [deepJson(), text("\n".repeat(500)), metricsFile()]

export const metricsFile = (): Uint8Array =>
  text(
    '{"type":"start","step":0}\n{"type":"step","step":1,"loss":2.3}\n{"type":"evaluation","step":1,"top1":0.5,"loss":1}\n',
  )
