import { mkdir } from "node:fs/promises"
import { basename, extname, join } from "node:path"
import { writeFileAtomic } from "@vitrine/checkpoint/node"
import { detectionFigure } from "@vitrine/interpret"
import { type Image, loadDetector } from "vitrine"
import { create } from "../backends.ts"
import { localModel } from "../hub.ts"
import { decodeBatches, imageFiles } from "../images.ts"
import { type EngineFlags, engineOptions } from "../options.ts"
import { colors, errorColors, note, print } from "../output.ts"
import { count, percent, printable, table } from "../show/text.ts"

export interface DetectFlags extends EngineFlags {
  readonly threshold: number
  readonly out?: string
  readonly numHeads?: number
  readonly dilation?: true
  readonly json?: true
  readonly backend: string
}

/** An object that was found, with its corners in pixels. */
interface ObjectFound {
  readonly label: string
  readonly class: number
  readonly score: number
  readonly box: readonly [number, number, number, number]
}

/** Finds objects in images; gives the exit code: 1 if any of them could not be read. */
export async function detect(model: string, paths: readonly string[], flags: DetectFlags): Promise<number> {
  const { threshold, out, json } = flags
  const files = await imageFiles(paths)
  const names = out === undefined ? [] : pictureNames(files)
  const { path } = await localModel(model)
  const backend = await create(flags.backend, { worker: false, ...engineOptions(flags) })
  try {
    const detector = await loadDetector(path, { backend, heads: flags.numHeads, dilated: flags.dilation })
    for (const line of detector.notes) note(errorColors.dim(`${printable(model)}: ${printable(line)}`))
    try {
      if (out !== undefined) await mkdir(out, { recursive: true })
      const results: { file: string; width: number; height: number; objects: ObjectFound[]; picture?: string }[] = []
      for await (const batch of decodeBatches(files))
        for (const [i, file] of batch.files.entries()) {
          const image = batch.images[i] as Image
          const { boxes, labels, scores } = await detector.detect(image, { threshold })
          const objects = Array.from(labels, (label, n): ObjectFound => {
            const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = Array.from(boxes.subarray(4 * n, 4 * n + 4))
            const name = detector.labels[label] ?? String(label)
            return { label: name, class: label, score: scores[n] as number, box: [x0, y0, x1, y1] }
          })
          const { width, height } = image
          const picture = out === undefined ? undefined : join(out, names[files.indexOf(file)] as string)
          if (picture !== undefined) await draw(image, objects, picture)
          results.push({ file, width, height, objects, ...(picture === undefined ? {} : { picture }) })
          if (!json) print(lines(file, objects))
        }
      if (json && results.length > 0) print(JSON.stringify({ model, backend: backend.name, threshold, results }))
      else if (out !== undefined && results.length > 0)
        note(`${out}: ${count(results.length)} ${results.length === 1 ? "picture" : "pictures"}`)
      return results.length === files.length ? 0 : 1
    } finally {
      await detector.close()
    }
  } finally {
    await backend.close()
  }
}

async function draw(image: Image, objects: readonly ObjectFound[], path: string): Promise<void> {
  const { toPng } = await import("@vitrine/interpret/node")
  const shown = objects.map((object) => ({ ...object, label: printable(object.label) }))
  await writeFileAtomic(path, await toPng(detectionFigure(image, shown), { scale: 1 }))
}

function lines(file: string, objects: readonly ObjectFound[]): string {
  const { dim, bold } = colors
  if (objects.length === 0) return `${printable(file)}\n  ${dim("nothing")}`
  const rows = objects.map(({ label, score, box }) => [
    `  ${percent(score)}`,
    printable(label),
    ...box.map((edge) => edge.toFixed(0)),
  ])
  const [head = "", ...rest] = table([["  score", "object", "x0", "y0", "x1", "y1"], ...rows], [0, 2, 3, 4, 5]).split(
    "\n",
  )
  return [bold(printable(file)), dim(head), ...rest].join("\n")
}

/** A name for the picture of each file; numbered where several are called the same. */
function pictureNames(files: readonly string[]): string[] {
  const used = new Set<string>()
  return files.map((file) => {
    const stem = basename(file, extname(file))
    let name = `${stem}.png`
    for (let n = 2; used.has(name); n++) name = `${stem}-${n}.png`
    used.add(name)
    return name
  })
}
