import { extname, join } from "node:path"
import { valueStatistics, writeSafetensors } from "@vitrine/checkpoint"
import { writeFileAtomic } from "@vitrine/checkpoint/node"
import { type HostTensor, VitrineError } from "@vitrine/core"
import { type FigureNeed, figureNames, figureTable } from "@vitrine/interpret"
import { taskOf } from "vitrine"
import { create } from "../backends.ts"
import { type CommandDefinition, defineCommand } from "../command.ts"
import { UsageError } from "../errors.ts"
import { type InspectValues, inspectFlags } from "../flags/inspect.ts"
import { engineOptions } from "../flags/machine.ts"
import { imagesHelp, modelAndOthers, modelHelp } from "../flags/model.ts"
import { makeFolder } from "../folder.ts"
import { localModel } from "../hub.ts"
import { type DecodedImage, decodeBatches, type OpenImages, openImages } from "../images.ts"
import { showNotes } from "../model.ts"
import { colors, note, print, statusLine } from "../output.ts"
import type { DrawnFigure } from "../show/figures.ts"
import { count, printable, short, table, titledTable } from "../show/text.ts"
import { tasks } from "../tasks/index.ts"
import { partsOf } from "../tasks/parts.ts"
import type { Subject } from "../tasks/task.ts"

export async function inspect(): Promise<CommandDefinition> {
  const parts = await partsOf((task) => task.inspect())
  return defineCommand({
    arguments: [
      ["[model]", modelHelp],
      ["[image...]", `${imagesHelp}; without, what the model and its run show by themselves`],
    ],
    flags: inspectFlags,
    taskFlags: parts.flags,
    examples: [
      ["vitrine inspect runs/flowers-1", "filters, positions, learning curve, confusion"],
      ["vitrine inspect runs/flowers-1 tulip.jpg rose.jpg", "and attention, rollout, features in figures/"],
      ["vitrine inspect runs/flowers-1 tulip.jpg --figure attention --block 5 --head 2", ""],
      ["vitrine inspect runs/scenes-1 photo.jpg --block 0", "where a detector looks for each object it finds"],
      ["vitrine inspect runs/mnist-1 row.png", "where a reader looks for each character"],
      ["vitrine inspect runs/flowers-1 --list-taps", ""],
      ["vitrine inspect runs/flowers-1 tulip.jpg --tap blocks.3 --json", '{"results":[{"taps":{"blocks.3":{"shape":…'],
      ["vitrine inspect runs/flowers-1 photos --tap blocks.0,blocks.1 -o taps.safetensors", ""],
    ],
    notes: figureList,
    async run([first, rest], values, names) {
      const { model, others: paths } = modelAndOthers([first, ...rest], values.model, "")
      checkUsage(paths, values)
      const { path } = await localModel(model, values.checkpoint)
      const part = parts.of(tasks[await taskOf(path)], names)
      // The engine runs in this thread: the command has nothing else to do meanwhile, and a worker takes time to start.
      const backend = await create(values.backend, { worker: false, ...engineOptions(values) })
      try {
        const subject = await part.open(path, backend, values)
        try {
          showNotes(model, subject.notes)
          if (values.listTaps) return listTaps(subject, values)
          const images = await openImages(paths)
          const inspection = { model, backend: backend.name, subject, images, values }
          const result = values.tap === undefined ? draw(inspection) : showValues(inspection, values.tap)
          return await result.finally(images.close)
        } finally {
          await subject.close()
        }
      } finally {
        await backend.close()
      }
    },
  })
}

/** The figures with what they show, for the help. */
function figureList(): string {
  const rows = figureTable.map(({ name, shows, needs }) => {
    const sources: readonly FigureNeed[] = needs
    const source = sources.includes("images") ? " (of images)" : sources.includes("run") ? " (of a run)" : ""
    return [`  ${name}`, `${shows}${source}`]
  })
  return `\nFigures:\n${table(rows)}\n`
}

function checkUsage(paths: readonly string[], { tap, listTaps, figure, out }: InspectValues): void {
  if (listTaps && (tap !== undefined || paths.length > 0)) throw new UsageError("--list-taps takes a model alone")
  if (tap === undefined) return
  if (paths.length === 0) throw new UsageError("--tap needs an image, of which it gives values")
  if (out !== undefined && extname(out) !== ".safetensors")
    throw new UsageError(`--out ${out}: with --tap the name must end in .safetensors`)
  if (figure !== undefined) throw new UsageError("--tap and --figure exclude each other: give one of them")
}

/** A model to inspect, the images, and the flags. */
interface Inspection {
  readonly model: string
  readonly backend: string
  readonly subject: Subject
  readonly images: OpenImages
  readonly values: InspectValues
}

function listTaps(subject: Subject, { json }: InspectValues): void {
  const taps = subject.taps()
  if (json) return print(JSON.stringify({ taps }))
  print(table([[colors.bold("tap"), colors.bold("shape")], ...taps.map(({ name, shape }) => [name, shapeText(shape)])]))
}

const shapeText = (shape: readonly number[]): string => `[${shape.join(", ")}]`

type Taps = Readonly<Record<string, HostTensor>>

/** The values of taps for an image. */
interface TapValues {
  readonly file: string
  readonly taps: Taps
}

async function showValues(
  { model, backend, subject, images, values: { json, out } }: Inspection,
  names: readonly string[],
): Promise<number> {
  const results: TapValues[] = []
  for await (const batch of decodeBatches(images))
    for (const { file, image } of batch) {
      const taps = await subject.inspect(image, names)
      results.push({ file, taps })
      if (!json && out === undefined) print(statistics(file, taps))
    }
  const [first] = results
  if (first === undefined) return 1
  if (out !== undefined) {
    const taps = Object.keys(first.taps)
    const stacked = taps.map((name) => [name, stack(name, results)] as const)
    const metadata = { files: JSON.stringify(results.map(({ file }) => file)) }
    await writeFileAtomic(out, writeSafetensors(stacked, metadata))
    note(
      `${printable(out)}: ${taps.join(", ")} of ${count(results.length)} ${results.length === 1 ? "image" : "images"}`,
    )
  }
  if (json) print(JSON.stringify({ model, backend, results }, asArrays))
  return results.length === images.names.length ? 0 : 1
}

/** Replaces typed arrays by JSON arrays. */
const asArrays = (_: string, value: unknown): unknown => (isTyped(value) ? Array.from(value) : value)

const isTyped = (value: unknown): value is ArrayBufferView & Iterable<unknown> =>
  ArrayBuffer.isView(value) && Symbol.iterator in value

function statistics(file: string, taps: Taps): string {
  const rows = Object.entries(taps).map(([name, { data, shape }]) => {
    const { min, max, mean, std, nonFinite } = valueStatistics({ dtype: "F32", shape, data: Float32Array.from(data) })
    const value = (n: number | null): string => (n === null ? "–" : short(n))
    return [name, shapeText(shape), ...[min, max, mean, std].map(value), nonFinite === 0 ? "" : count(nonFinite)]
  })
  const titles = ["tap", "shape", "min", "max", "mean", "std", "non-finite"]
  return `${printable(file)}\n${titledTable(titles, rows, [2, 3, 4, 5, 6])}`
}

/** Joins the values of a tap for all images along their first dimension. */
function stack(name: string, results: readonly TapValues[]): { dtype: "F32"; shape: number[]; data: Float32Array } {
  const tensors = results.flatMap(({ file, taps: { [name]: tensor } }) => (tensor ? [{ file, ...tensor }] : []))
  const [first] = tensors
  const [rows = 0, ...rest] = first?.shape ?? []
  const other = tensors.find(({ shape }) => shape.slice(1).join() !== rest.join())
  if (first !== undefined && other !== undefined)
    throw new VitrineError(
      "config",
      `${name} is ${shapeText(first.shape)} of ${first.file}, but ${shapeText(other.shape)} of ${other.file}: give images one by one`,
    )
  const data = new Float32Array(tensors.reduce((sum, { data }) => sum + data.length, 0))
  let at = 0
  for (const tensor of tensors) {
    data.set(tensor.data, at)
    at += tensor.data.length
  }
  return { dtype: "F32", shape: [rows * tensors.length, ...rest], data }
}

async function draw({ model, backend, subject, images: opened, values }: Inspection): Promise<number> {
  const { out = "figures", format, json, figure = [] } = values
  const all = figure.includes("all")
  const names = all ? figureNames : figure.flatMap((name) => (name === "all" ? [] : [name]))
  const images: DecodedImage[] = []
  for await (const batch of decodeBatches(opened)) images.push(...batch)
  if (opened.names.length > 0 && images.length === 0) return 1
  const status = statusLine()
  const written: { figure: string; file: string; shows: string }[] = []
  const strict = figure.length > 0 && !all
  for await (const drawn of subject.figures({ images, names, strict, status })) {
    if ("reason" in drawn) {
      status.clear()
      note(colors.dim(`${drawn.figure}: left out, ${printable(drawn.reason)}`))
      continue
    }
    await makeFolder(out)
    const file = join(out, `${drawn.file}.${format}`)
    await writeFileAtomic(file, await encoded(drawn, format))
    status.clear()
    written.push({ figure: drawn.figure, file, shows: drawn.shows })
    if (!json) print(`${colors.bold(printable(file).padEnd(out.length + 18))} ${printable(drawn.shows)}`)
  }
  if (json) print(JSON.stringify({ model, backend, figures: written }))
  return images.length === opened.names.length ? 0 : 1
}

async function encoded({ data, svg }: DrawnFigure, format: InspectValues["format"]): Promise<Uint8Array[] | string> {
  if (format === "json") return `${JSON.stringify(data, asArrays)}\n`
  if (format === "svg") return `${svg()}\n`
  const { toPng } = await import("@vitrine/interpret/node")
  return [await toPng(svg())]
}
