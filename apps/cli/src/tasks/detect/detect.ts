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
import { integerValue, unitValue } from "../../flags/values.ts"
import { makeFolder } from "../../folder.ts"
import { localModel } from "../../hub.ts"
import { decodeBatches, openImages } from "../../images.ts"
import { showNotes } from "../../model.ts"
import { colors, note, print } from "../../output.ts"
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
  out: { alias: "-o", value: "<folder>", help: "draw boxes on the images, as PNG files in this folder" },
  ...modelFlag,
  ...jsonFlag,
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

/** Detects objects in images. Returns the exit code, 1 if an image could not be read. */
async function findObjects(
  model: string,
  paths: readonly string[],
  { threshold, out, json, numHeads: heads, dilation: dilated, checkpoint, ...machine }: Values<typeof flags>,
): Promise<number> {
  const images = await openImages(paths)
  const names = pictureNames(images.names)
  const { path } = await localModel(model, checkpoint)
  const backend = await create(machine.backend, { worker: false, ...engineOptions(machine) })
  try {
    const detector = await loadDetector(path, { backend, heads, dilated })
    showNotes(model, detector.notes)
    try {
      if (out !== undefined) await makeFolder(out)
      const results: { file: string; width: number; height: number; objects: DetectedObject[]; picture?: string }[] = []
      for await (const batch of decodeBatches(images))
        for (const { file, image } of batch) {
          const objects = objectsOf(await detector.detect(image, { threshold }), detector.labels)
          const { width, height } = image
          const picture = out === undefined ? undefined : join(out, names.get(file) ?? basename(file))
          if (picture !== undefined) await draw(image, objects, picture)
          results.push({ file, width, height, objects, ...(picture === undefined ? {} : { picture }) })
          if (!json) print(lines(file, objects))
        }
      if (json && results.length > 0) print(JSON.stringify({ model, backend: backend.name, threshold, results }))
      else if (out !== undefined && results.length > 0)
        note(`${printable(out)}: ${count(results.length)} ${results.length === 1 ? "picture" : "pictures"}`)
      if (!json) await noteHardlyLearned(path)
      return results.length === images.names.length ? 0 : 1
    } finally {
      await detector.close()
    }
  } finally {
    await backend.close()
    await images.close()
  }
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
