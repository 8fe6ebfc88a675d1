import { basename, extname, join } from "node:path"
import { writeFileAtomic } from "@vitrine/checkpoint/node"
import type { Detections } from "@vitrine/detection"
import { detectionFigure } from "@vitrine/interpret"
import { type Image, loadDetector } from "vitrine"
import { create } from "../../backends.ts"
import { defineCommand } from "../../command.ts"
import type { Flags, Values } from "../../flags/flag.ts"
import { engineOptions, machineFlags } from "../../flags/machine.ts"
import { imagesHelp, jsonFlag, modelAndOthers, modelFlag } from "../../flags/model.ts"
import { shardFlag } from "../../flags/shard.ts"
import { integerValue, unitValue } from "../../flags/values.ts"
import { makeFolder } from "../../folder.ts"
import { localModel } from "../../hub.ts"
import { decodeBatches, openImages } from "../../images.ts"
import { showNotes } from "../../model.ts"
import { colors, note, print } from "../../output.ts"
import { imageResults, type ImageWork, jsonLines, resultFile } from "../../results.ts"
import { shardOf } from "../../shard.ts"
import { noteHardlyLearned } from "../../show/learned.ts"
import { count, percent, printable, table } from "../../show/text.ts"
import { dilationFlags } from "./flags.ts"

const flags = {
  threshold: { value: "<x>", help: "the least score that counts, 0 to 1", parse: unitValue, default: 0.5 },
  ...dilationFlags,
  numHeads: {
    value: "<n>",
    help: "of weights without a config.json: attention heads; default: 8",
    parse: integerValue(1),
  },
  out: {
    alias: "-o",
    value: "<path>",
    help: "draw boxes on the images, as PNG files in this folder; or a .jsonl file with a line for each image",
  },
  ...modelFlag,
  ...jsonFlag,
  ...shardFlag,
  ...machineFlags,
} as const satisfies Flags

export const detect = defineCommand({
  arguments: [
    ["[model]", "a run folder of train --task detect, or a DETR of Hugging Face's or facebookresearch's"],
    ["[image...]", imagesHelp],
  ],
  flags,
  examples: [
    ["vitrine detect runs/scenes-1 photo.jpg", ""],
    ["vitrine detect runs/scenes-1 photos -o pictures --threshold 0.7", "pictures/*.png with boxes drawn"],
    ["vitrine detect runs/scenes-1 photo.jpg --json", '{"results":[{"file":…,"objects":[{"label":…'],
  ],
  run([first, rest], values) {
    const { model, others } = modelAndOthers([first, ...rest], values.model, "image")
    return findObjects(model, others, values)
  },
})

/** An object in an image. Its corners are in pixels. */
interface DetectedObject {
  readonly label: string
  readonly class: number
  readonly score: number
  readonly box: readonly [number, number, number, number]
}

/** An image with its objects, and the file with the drawn ones. */
interface ImageObjects {
  readonly file: string
  readonly width: number
  readonly height: number
  readonly objects: readonly DetectedObject[]
  readonly picture?: string
}

/** Detects objects in images. Returns the exit code, 1 if an image could not be read. */
async function findObjects(model: string, paths: readonly string[], values: Values<typeof flags>): Promise<number> {
  const { threshold, out, json, numHeads: heads, dilation: dilated } = values
  const file = out?.endsWith(".jsonl") ? resultFile<ImageObjects>(out, { ".jsonl": jsonLines }) : undefined
  const folder = file === undefined ? out : undefined
  const shard = shardOf(values.shard)
  const images = await openImages(paths)
  const names = pictureNames(images.names)
  const { path } = await localModel(model, values.checkpoint)
  let [name, drawn] = ["", 0]
  const compute: ImageWork<ImageObjects>["compute"] = async (images, add) => {
    const backend = await create(values.backend, { worker: false, ...engineOptions(values) })
    name = backend.name
    try {
      const detector = await loadDetector(path, { backend, heads, dilated })
      showNotes(model, detector.notes)
      try {
        if (folder !== undefined) await makeFolder(folder)
        for await (const batch of decodeBatches(images))
          for (const { file, image } of batch) {
            const objects = objectsOf(await detector.detect(image, { threshold }), detector.labels)
            const { width, height } = image
            const picture = folder === undefined ? undefined : join(folder, names.get(file) ?? basename(file))
            if (picture !== undefined) {
              await draw(image, objects, picture)
              drawn++
            }
            add({ file, width, height, objects, ...(picture === undefined ? {} : { picture }) })
          }
      } finally {
        await detector.close()
      }
    } finally {
      await backend.close()
    }
  }
  const show = ({ file, objects }: ImageObjects): void => print(lines(file, objects))
  const work = { command: "detect", model: path, flags: values, file, compute, show }
  const { results, unread } = await imageResults(images, work, shard).finally(images.close)
  if (json && results.length > 0) print(JSON.stringify({ model, backend: name, threshold, results }))
  else if (folder !== undefined && drawn > 0)
    note(`${printable(folder)}: ${count(drawn)} ${drawn === 1 ? "picture" : "pictures"}`)
  if (!json) await noteHardlyLearned(path)
  return unread === 0 ? 0 : 1
}

function objectsOf({ boxes, labels, scores }: Detections, names: readonly string[]): DetectedObject[] {
  return Array.from(labels, (label, n) => {
    const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = boxes.subarray(4 * n, 4 * n + 4)
    return { label: names[label] ?? String(label), class: label, score: scores[n] ?? 0, box: [x0, y0, x1, y1] }
  })
}

async function draw(image: Image, objects: readonly DetectedObject[], path: string): Promise<void> {
  const { toPng } = await import("@vitrine/interpret/node")
  const labelled = objects.map((object) => ({ ...object, label: printable(object.label) }))
  await writeFileAtomic(path, await toPng(detectionFigure(image, labelled), { scale: 1 }))
}

function lines(file: string, objects: readonly DetectedObject[]): string {
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

/** The name of each file's picture. If several files have the same name, numbers are added. */
function pictureNames(files: readonly string[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  const used = new Set<string>()
  for (const file of new Set(files)) {
    const stem = basename(file, extname(file))
    let name = `${stem}.png`
    for (let n = 2; used.has(name); n++) name = `${stem}-${n}.png`
    used.add(name)
    names.set(file, name)
  }
  return names
}
