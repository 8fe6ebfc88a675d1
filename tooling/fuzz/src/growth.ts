// How the time of parsers grows from n to 2n entries, which is to be linear: node tooling/fuzz/dist/growth.js
import { writeSafetensors } from "@vitrine/checkpoint"
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

/** An entry of a tar archive without content. */
function tarEntry(name: string): Uint8Array {
  const header = Buffer.alloc(512)
  header.write(name, 0)
  header.write("00000000000\0", 124)
  header.write("ustar\u000000", 257)
  header.write("0", 156)
  header.fill(" ", 148, 156)
  const sum = header.reduce((a, b) => a + b, 0)
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148)
  return header
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
  ["safetensors", "tensors", 20_000, tensors],
  ["tar", "entries", 100_000, (n) => Buffer.concat(Array.from({ length: n }, (_, i) => tarEntry(`c/${i}.png`)))],
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

for (const [name, of, n, make] of files) {
  const target = targets.find((each) => each.name === name)
  if (target === undefined) throw new Error(`there is no parser ${name}`)
  const [once, twice] = [await time(target.parse, make(n)), await time(target.parse, make(2 * n))]
  const grows = twice > 3.5 * once && twice > 50
  if (grows) process.exitCode = 1
  console.log(
    `${name.padEnd(12)} ${String(n).padStart(8)} ${of.padEnd(12)} ${once.toFixed(0)} ms, twice as many ${twice.toFixed(0)} ms: ${(twice / once).toFixed(2)} ×${grows ? "  NOT LINEAR" : ""}`,
  )
}
