// Images a second, JPEG → shortest side 256 (bicubic) → centre 224 → float32, beside Pillow on as many cores:
//   PEERS_PY=python PEERS_IMAGES=folder node bench/pipeline.mjs [pairs]
// Each process is bound to its cores by taskset; rounds are taken in turn, and the median of the ratios is what counts.
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { readdirSync } from "node:fs"
import { createInterface } from "node:readline"
import { applyTransforms, centerCrop, createLoader, decodeImage, normalize, resize } from "@vitrine/data/node"

const python = process.env.PEERS_PY ?? "python3"
const folder = process.env.PEERS_IMAGES
const self = new URL(import.meta.url).pathname
const geometry = [resize(256, { interpolation: "bicubic" }), centerCrop(224)]
const transforms = [...geometry, normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]

if (process.argv[2] === "--ours") await ours(Number(process.argv[3]))
else if (folder === undefined) {
  console.error("PEERS_IMAGES must name a folder of JPEG files")
  process.exitCode = 2
} else await compare(Number(process.argv[2] ?? 7))

async function ours(threads) {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".jpg"))
    .sort()
    .map((name) => `${folder}/${name}`)
  const hash = createHash("sha256")
  for (const file of files) {
    const { data } = applyTransforms(await decodeImage(file), geometry)
    hash.update(Uint8Array.from(data, (x) => Math.round(x * 255)))
  }
  console.log(JSON.stringify({ hash: hash.digest("hex"), images: files.length }))
  for await (const line of createInterface({ input: process.stdin })) {
    const repeats = Number(line)
    const paths = Array.from({ length: repeats }, () => files).flat()
    const source = {
      kind: "files",
      name: "bench",
      classes: ["any"],
      paths,
      labels: new Int32Array(paths.length),
      skipped: 0,
    }
    const loader = await createLoader({ source, transforms, batchSize: 8, workers: threads, epochs: 1 })
    const batches = loader[Symbol.asyncIterator]()
    await batches.next() // Starting threads is not what is measured.
    const begun = performance.now()
    let count = 0
    for (let step = await batches.next(); !step.done; step = await batches.next()) count += step.value.size
    console.log(JSON.stringify({ imagesPerS: (count / (performance.now() - begun)) * 1e3 }))
  }
}

async function compare(pairs) {
  for (const threads of [1, 2]) {
    const cores = threads === 1 ? "0" : "0,1"
    const start = async (command, ...rest) => {
      const child = spawn("taskset", ["-c", cores, command, ...rest], { stdio: ["pipe", "pipe", "inherit"] })
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      const { hash } = JSON.parse((await lines.next()).value)
      const round = async () => {
        child.stdin.write("8\n")
        return JSON.parse((await lines.next()).value).imagesPerS
      }
      return { hash, round, stop: () => child.stdin.end() }
    }
    const us = await start(process.execPath, self, "--ours", String(threads))
    const pillow = await start(python, new URL("pillow.py", import.meta.url).pathname, folder, String(threads))
    const rounds = []
    await us.round()
    await pillow.round()
    for (let i = 0; i < pairs; i++) rounds.push([await us.round(), await pillow.round()])
    us.stop()
    pillow.stop()
    const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]
    const ratio = median(rounds.map(([a, b]) => a / b))
    console.log(
      `${threads} thread(s): vitrine ${median(rounds.map(([a]) => a)).toFixed(0)} images/s, ` +
        `Pillow ${median(rounds.map(([, b]) => b)).toFixed(0)}, median ratio ${ratio.toFixed(2)}× of ${pairs} pairs, ` +
        `bytes ${us.hash === pillow.hash ? "equal" : "DIFFER"}`,
    )
  }
}
