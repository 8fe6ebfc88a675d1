import { mkdir } from "node:fs/promises"
import { extname, join } from "node:path"
import type { Overrides } from "@vitrine/checkpoint"
import { valueStatistics, writeSafetensors } from "@vitrine/checkpoint"
import { writeFileAtomic } from "@vitrine/checkpoint/node"
import { type HostTensor, VitrineError } from "@vitrine/core"
import type { Image } from "vitrine"
import { UsageError } from "../errors.ts"
import { decodeBatches, imageFiles } from "../images.ts"
import type { EngineFlags } from "../options.ts"
import { colors, note, print, statusLine } from "../output.ts"
import { type FigureName, figureNames } from "../show/figure-names.ts"
import type { Drawn, Looks } from "../show/figures.ts"
import { count, printable, short, table } from "../show/text.ts"
import { type Subject, withSubject } from "../subject.ts"

export interface InspectFlags extends Overrides, EngineFlags, Looks {
  readonly figure?: readonly (FigureName | "all")[]
  readonly out?: string
  readonly format: "png" | "svg" | "json"
  readonly tap?: readonly string[]
  readonly listTaps?: true
  readonly dilation?: true
  readonly json?: true
  readonly backend: string
}

/** Looks inside a model; gives the exit code: 1 if any of the images could not be read. */
export async function inspect(model: string, paths: readonly string[], flags: InspectFlags): Promise<number> {
  const { tap, listTaps, out } = flags
  if (listTaps && (tap !== undefined || paths.length > 0)) throw new UsageError("--list-taps takes a model alone")
  if (tap !== undefined && paths.length === 0) throw new UsageError("--tap needs an image to compute its values of")
  if (tap !== undefined && out !== undefined && extname(out) !== ".safetensors")
    throw new UsageError(`--out ${out}: with --tap the name must end in .safetensors`)
  if (tap !== undefined && flags.figure !== undefined) throw new UsageError("--tap gives values, not a --figure")
  return withSubject({ ...flags, model }, async (subject) => {
    if (listTaps) {
      listed(subject, flags)
      return 0
    }
    const files = await imageFiles(paths)
    return tap === undefined ? draw(model, subject, files, flags) : values(model, subject, files, tap, flags)
  })
}

function listed(subject: Subject, { json }: InspectFlags): void {
  const taps = subject.taps()
  if (json) return print(JSON.stringify({ taps }))
  print(table([[colors.bold("tap"), colors.bold("shape")], ...taps.map(({ name, shape }) => [name, shown(shape)])]))
}

const shown = (shape: readonly number[]): string => `[${shape.join(", ")}]`

type Taps = Readonly<Record<string, HostTensor>>

async function values(
  path: string,
  subject: Subject,
  files: readonly string[],
  taps: readonly string[],
  { json, out }: InspectFlags,
): Promise<number> {
  const results: { file: string; taps: Taps }[] = []
  for await (const batch of decodeBatches(files))
    for (const [i, file] of batch.files.entries()) {
      const found = await subject.inspect(batch.images[i] as (typeof batch.images)[number], taps)
      results.push({ file, taps: found })
      if (!json && out === undefined) print(statistics(file, found))
    }
  if (results.length === 0) return 1
  if (out !== undefined) {
    const names = Object.keys(results[0]?.taps ?? {})
    const stacked = names.map((name) => [name, stack(name, results)] as const)
    const metadata = { files: JSON.stringify(results.map(({ file }) => file)) }
    await writeFileAtomic(out, writeSafetensors(stacked, metadata))
    note(`${out}: ${names.join(", ")} of ${count(results.length)} ${results.length === 1 ? "image" : "images"}`)
  }
  if (json) print(JSON.stringify({ model: path, backend: subject.backend, results }, asArrays))
  return results.length === files.length ? 0 : 1
}

/** Typed arrays as JSON's arrays. */
const asArrays = (_: string, value: unknown): unknown =>
  ArrayBuffer.isView(value) ? Array.from(value as Float32Array) : value

function statistics(file: string, taps: Taps): string {
  const rows = Object.entries(taps).map(([name, { data, shape }]) => {
    const { min, max, mean, std, nonFinite } = valueStatistics({ dtype: "F32", shape, data: Float32Array.from(data) })
    const value = (n: number | null): string => (n === null ? "–" : short(n))
    return [name, shown(shape), ...[min, max, mean, std].map(value), nonFinite === 0 ? "" : count(nonFinite)]
  })
  const head = ["tap", "shape", "min", "max", "mean", "std", "non-finite"]
  const [titles = "", ...lines] = table([head, ...rows], [2, 3, 4, 5, 6]).split("\n")
  return [printable(file), colors.bold(titles), ...lines].join("\n")
}

/** The values of all images, joined along their first dimension. */
function stack(
  name: string,
  results: readonly { readonly file: string; readonly taps: Taps }[],
): { dtype: "F32"; shape: number[]; data: Float32Array } {
  const tensors = results.map(({ taps }) => taps[name] as HostTensor)
  const [first = 0, ...rest] = tensors[0]?.shape ?? []
  const other = tensors.findIndex(({ shape }) => shape.slice(1).join() !== rest.join())
  if (other > 0)
    throw new VitrineError(
      "config",
      `${name} is ${shown(tensors[0]?.shape ?? [])} of ${results[0]?.file}, but ${shown(tensors[other]?.shape ?? [])} of ${results[other]?.file}: give images one by one`,
    )
  const data = new Float32Array(tensors.reduce((sum, { data }) => sum + data.length, 0))
  let at = 0
  for (const tensor of tensors) {
    data.set(tensor.data, at)
    at += tensor.data.length
  }
  return { dtype: "F32", shape: [first * tensors.length, ...rest], data }
}

async function draw(path: string, subject: Subject, files: readonly string[], flags: InspectFlags): Promise<number> {
  const { out = "figures", format, json, figure = [] } = flags
  const wanted = figure.includes("all") ? figureNames : (figure as readonly FigureName[])
  const seen: { file: string; image: Image }[] = []
  for await (const batch of decodeBatches(files))
    for (const [i, file] of batch.files.entries()) seen.push({ file, image: batch.images[i] as Image })
  if (files.length > 0 && seen.length === 0) return 1
  const status = statusLine()
  const written: { figure: string; file: string; shows: string }[] = []
  const strict = figure.length > 0 && !figure.includes("all")
  for await (const drawn of subject.figures({ images: seen, wanted, strict, looks: flags, status })) {
    if ("left" in drawn) {
      status.clear()
      note(colors.dim(`${drawn.figure}: left out, ${drawn.left}`))
      continue
    }
    await mkdir(out, { recursive: true })
    const file = join(out, `${drawn.file}.${format}`)
    await writeFileAtomic(file, await encoded(drawn, format))
    status.clear()
    written.push({ figure: drawn.figure, file, shows: drawn.shows })
    if (!json) print(`${colors.bold(file.padEnd(out.length + 18))} ${drawn.shows}`)
  }
  if (json) print(JSON.stringify({ model: path, backend: subject.backend, figures: written }))
  return seen.length === files.length ? 0 : 1
}

async function encoded({ data, svg }: Drawn, format: InspectFlags["format"]): Promise<Uint8Array[] | string> {
  if (format === "json") return `${JSON.stringify(data, asArrays)}\n`
  if (format === "svg") return `${svg()}\n`
  const { toPng } = await import("@vitrine/interpret/node")
  return [await toPng(svg())]
}
