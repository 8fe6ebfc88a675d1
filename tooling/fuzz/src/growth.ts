// How the time of parsers grows from n to 2n entries, which is to be linear: node tooling/fuzz/dist/growth.js
import { writeSafetensors } from "@vitrine/checkpoint"
import { zipSync } from "fflate"
import { gzipSync } from "node:zlib"
import { goldenFile, tarEntry } from "./corpus.ts"
import { targets } from "./targets.ts"

const text = (content: string): Uint8Array => new TextEncoder().encode(content)
const list = (n: number, entry: (i: number) => unknown): string =>
  JSON.stringify(Array.from({ length: n }, (_, i) => entry(i)))
const names = (n: number): string[] => Array.from({ length: n }, (_, i) => `k${i}`)
const image = (id: number): object => ({ id, file_name: `${id}.png`, width: 9, height: 9 })
const coco = (images: string, annotations: string, categories: string): Uint8Array =>
  text(`{"images":${images},"annotations":${annotations},"categories":${categories}}`)
const category = (id: number): object => ({ id, name: `c${id}` })
const annotation = (id: number): object => ({ id, image_id: 0, category_id: 0, bbox: [1, 1, 2, 2] })
const vocHead = "<annotation><filename>a.png</filename><size><width>9</width><height>9</height></size>"
const vocObject =
  "<object><name>c</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object>"

const none = new Uint8Array()
const tar = (n: number, name: (i: number) => string): Uint8Array =>
  Buffer.concat(Array.from({ length: n }, (_, i) => tarEntry(name(i), none)))
const zip = (n: number, name: (i: number) => string, content: Uint8Array): Uint8Array =>
  zipSync(Object.fromEntries(Array.from({ length: n }, (_, i) => [name(i), content])), { level: 0 })
/** JSON of a golden file with some of its values replaced. */
const changed = (path: string, values: object): Uint8Array =>
  text(JSON.stringify({ ...JSON.parse(new TextDecoder().decode(goldenFile(path))), ...values }))
const numbered = (n: number): object => Object.fromEntries(names(n).map((name, i) => [i, name]))

/** Images and labels of n images of a pixel, as MedMNIST has them. */
function imageArrays(n: number): Uint8Array {
  const npy = (shape: string, bytes: number): Uint8Array =>
    Buffer.concat([npyHeader("|u1", shape), Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => i % 2))])
  return zipSync({ "train_images.npy": npy(`${n}, 1, 1`, n), "train_labels.npy": npy(`${n}, 1`, n) }, { level: 0 })
}

function npyHeader(type: string, shape: string): Buffer {
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(117)
  return Buffer.from(`\x93NUMPY\x01\x00v\x00${header}\n`, "latin1")
}

const idx = (n: number): Uint8Array =>
  Buffer.concat([Uint8Array.of(0, 0, 8, 1, n >> 24, n >> 16, n >> 8, n), Buffer.alloc(n)])

/** A footer of Parquet with n row groups, which are empty. */
function parquetGroups(n: number): Uint8Array {
  const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)])
  const schema = [0x19, 0x1c, 0x48, 4, ...text("root"), 0x15, 0, 0]
  const head = [0x15, 2, ...schema, 0x16, 0, 0x19, 0xfc, ...varint(n)]
  const group = [0x19, 0x0c, 0x16, 0, 0x16, 0, 0]
  const footer = Buffer.concat([
    Uint8Array.from(head),
    ...Array<Uint8Array>(n).fill(Uint8Array.from(group)),
    Uint8Array.of(0),
  ])
  const length = Buffer.alloc(4)
  length.writeUInt32LE(footer.length)
  return Buffer.concat([text("PAR1"), footer, length, text("PAR1")])
}

/** Files with n entries, by the parser and the kind of entry. */
const files: readonly (readonly [target: string, of: string, n: number, make: (n: number) => Uint8Array])[] = [
  ["labels", "lines", 200_000, (n) => text("a.png\tb\n".repeat(n))],
  ["labels", "empty lines", 2_000_000, (n) => text("\n".repeat(n))],
  ["table", "rows", 100_000, (n) => text(`a,b\n${"1,2\n".repeat(n)}`)],
  ["table", "columns", 4_000, (n) => text(`${names(n).join()}\n${"1,".repeat(n - 1)}1\n`)],
  ["table", "lines of JSON", 100_000, (n) => text('{"a":1}\n'.repeat(n))],
  ["coco", "images", 50_000, (n) => coco(list(n, image), "[]", list(1, category))],
  ["coco", "annotations", 50_000, (n) => coco(list(1, image), list(n, annotation), list(1, category))],
  ["coco", "categories", 50_000, (n) => coco(list(1, image), "[]", list(n, category))],
  ["voc", "objects", 4_000, (n) => text(`${vocHead}${vocObject.repeat(n)}</annotation>`)],
  [
    "voc",
    "attributes",
    20_000,
    (n) =>
      text(
        `<annotation ${names(n)
          .map((each) => `${each}=""`)
          .join(" ")}/>`,
      ),
  ],
  ["metrics", "lines", 200_000, (n) => text('{"step":1}\n'.repeat(n))],
  ["json", "keys", 200_000, (n) => text(JSON.stringify(Object.fromEntries(names(n).map((each) => [each, 0]))))],
  ["safetensors", "tensors", 50_000, tensors],
  ["npy", "values", 4_000_000, (n) => Buffer.concat([npyHeader("|u1", `${n},`), Buffer.alloc(n)])],
  ["npz", "entries", 4_000, (n) => zip(n, (i) => `${i}.npy`, Buffer.concat([npyHeader("|u1", "1,"), Buffer.alloc(1)]))],
  ["npz-images", "images", 200_000, imageArrays],
  ["idx", "labels", 8_000_000, idx],
  [
    "timm-config",
    "names",
    50_000,
    (n) => changed("vit-folder-tiny/config.json", { num_classes: n, label_names: names(n) }),
  ],
  ["huggingface-config", "names", 50_000, (n) => changed("huggingface-vit/config.json", { id2label: numbered(n) })],
  [
    "shard-index",
    "tensors",
    50_000,
    (n) =>
      text(
        JSON.stringify({
          weight_map: Object.fromEntries(names(n).map((name) => [name, "model-00001-of-00002.safetensors"])),
        }),
      ),
  ],
  [
    "run",
    "classes",
    20_000,
    (n) =>
      changed("vit-folder-tiny/config.json", { label_names: names(n), vitrine: { recipe: {}, classes: names(n) } }),
  ],
  [
    "recipe",
    "transforms",
    20_000,
    (n) => text(JSON.stringify({ steps: 1, augment: Array.from({ length: n }, () => ({ op: "flip" })) })),
  ],
  ["detection-recipe", "keys", 20_000, (n) => text(JSON.stringify({ model: numbered(n) }))],
  ["reading-recipe", "keys", 20_000, (n) => text(JSON.stringify({ model: numbered(n) }))],
  ["table-folder", "rows", 100_000, (n) => text(`file_name,label\n${"a.png,x\nb.png,y\n".repeat(n / 2)}`)],
  [
    "table-folder",
    "classes",
    50_000,
    (n) =>
      text(
        `file_name,label\n${names(n)
          .map((name) => `a.png,${name}\n`)
          .join("")}`,
      ),
  ],
  [
    "table-folder",
    "lists",
    50_000,
    (n) => text(`{"file_name":"a.png","label":["a"]}\n{"file_name":"b.png","label":${JSON.stringify(names(n))}}\n`),
  ],
  ["parquet", "row groups", 50_000, parquetGroups],
  ["tar", "entries", 100_000, (n) => tar(n, (i) => `c/${i}.png`)],
  [
    "tar",
    "gzipped",
    50_000,
    (n) =>
      gzipSync(
        tar(n, (i) => `c/${i}.png`),
        { level: 1 },
      ),
  ],
  ["webdataset", "samples", 20_000, (n) => tar(2 * n, (i) => `${i >> 1}.${i % 2 === 0 ? "png" : "cls"}`)],
  ["zip", "entries", 20_000, (n) => zip(n, (i) => `c/${i}.png`, none)],
  ["hub-name", "characters", 200_000, (n) => text(`hf:${"a/".repeat(n)}`)],
]

function tensors(n: number): Uint8Array {
  const named = Array.from({ length: n }, (_, i) => {
    const tensor = { dtype: "F32" as const, shape: [1], data: new Float32Array(1) }
    return [`t${i}`, tensor] as const
  })
  return Buffer.concat([...writeSafetensors(named)])
}

/** The smallest processor time of three tries, in milliseconds. */
async function time(parse: (bytes: Uint8Array) => unknown, bytes: Uint8Array): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let tries = 0; tries < 3; tries++) {
    const begin = process.cpuUsage()
    await Promise.resolve(bytes)
      .then(parse)
      .catch(() => {})
    const { user, system } = process.cpuUsage(begin)
    least = Math.min(least, (user + system) / 1000)
  }
  return least
}

const selected = process.argv.slice(2)
const untested = targets.filter(({ name }) => !files.some(([each]) => each === name)).map(({ name }) => name)
for (const [name, of, n, make] of files) {
  if (selected.length > 0 && !selected.includes(name)) continue
  const target = targets.find((each) => each.name === name)
  if (target === undefined) throw new Error(`there is no parser ${name}`)
  const [once, twice] = [await time(target.parse, make(n)), await time(target.parse, make(2 * n))]
  const grows = twice > 3 * once && twice > 50
  if (grows) process.exitCode = 1
  console.log(
    `${name.padEnd(18)} ${String(n).padStart(8)} ${of.padEnd(13)} ${once.toFixed(0)} ms, twice as many ${twice.toFixed(0)} ms: ${(twice / once).toFixed(2)} ×${grows ? "  NOT LINEAR" : ""}`,
  )
}
if (selected.length === 0) console.log(`of one size, or of sizes that config.json has: ${untested.join(", ")}`)
