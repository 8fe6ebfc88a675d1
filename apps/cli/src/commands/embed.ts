import { extname } from "node:path"
import { writeSafetensors } from "@vitrine/checkpoint"
import { writeFileAtomic } from "@vitrine/checkpoint/node"
import { featuresParquet } from "@vitrine/data/node"
import { defineCommand } from "../command.ts"
import { UsageError } from "../errors.ts"
import { type Flags, type Values } from "../flags/flag.ts"
import { machineFlags } from "../flags/machine.ts"
import { imagesHelp, jsonFlag, modelAndOthers, modelFlag, modelHelp } from "../flags/model.ts"
import { overrideFlags } from "../flags/overrides.ts"
import { localModel } from "../hub.ts"
import { answersOf } from "../answers.ts"
import { decodeBatches, openImages, withAnswers } from "../images.ts"
import { withModel } from "../model.ts"
import { note, print } from "../output.ts"
import { count, printable } from "../show/text.ts"

const flags = {
  ...modelFlag,
  out: {
    alias: "-o",
    value: "<file>",
    help: "write a .safetensors, .npy, .parquet or .jsonl file; default: JSON lines on the standard output",
  },
  ...jsonFlag,
  ...overrideFlags,
  ...machineFlags,
} as const satisfies Flags

export const embed = defineCommand({
  arguments: [
    ["[model]", modelHelp],
    ["[image...]", imagesHelp],
  ],
  flags,
  examples: [
    ["vitrine embed runs/flowers-1 photos --out features.npy", "[images, width], in float32"],
    ["vitrine embed --model runs/flowers-1 tulip.jpg", '{"file":"tulip.jpg","features":[…]}'],
  ],
  run([first, rest], values) {
    const { model, others } = modelAndOthers([first, ...rest], values.model, "image")
    return computeFeatures(others, { ...values, model })
  },
})

/** The features of the images that could be read. */
interface Features {
  readonly files: string[]
  readonly rows: Float32Array[]
}

/** Computes the features of images. Returns the exit code, 1 if an image could not be read. */
async function computeFeatures(
  images: readonly string[],
  values: Values<typeof flags> & { readonly model: string },
): Promise<number> {
  const { out, json } = values
  const encode = out === undefined ? undefined : formats[extname(out)]
  if (out !== undefined && encode === undefined)
    throw new UsageError(`--out ${out}: the name must end in ${Object.keys(formats).join(", ")}`)
  const opened = await openImages(images)
  const { path } = await localModel(values.model, values.checkpoint)
  const features: Features = { files: [], rows: [] }
  let backend = ""
  await withModel(path, values, async (model) => {
    backend = model.backend.name
    for await (const batch of decodeBatches(opened)) {
      const rows = await answersOf(batch, (images) => model.features(images))
      for (const [file, row] of withAnswers(batch, rows)) {
        features.files.push(file)
        if (encode === undefined && !json) print(jsonLine(file, row))
        else features.rows.push(row)
      }
    }
  }).finally(opened.close)
  if (out !== undefined && encode !== undefined && features.rows.length > 0) {
    await writeFileAtomic(out, await encode(features))
    if (!json)
      note(
        `${printable(out)}: ${count(features.rows.length)} images × ${count(features.rows[0]?.length ?? 0)} features`,
      )
  }
  if (json && features.rows.length > 0) {
    const results = features.files.map((file, i) => ({ file, features: [...(features.rows[i] ?? [])] }))
    print(
      JSON.stringify({
        model: values.model,
        backend,
        ...(out === undefined ? { results } : { out, files: features.files }),
      }),
    )
  }
  return features.files.length === opened.names.length ? 0 : 1
}

const jsonLine = (file: string, row: Iterable<number>): string => JSON.stringify({ file, features: [...row] })

const formats: Readonly<
  Record<string, (features: Features) => Iterable<Uint8Array> | string | Promise<Iterable<Uint8Array>>>
> = {
  ".safetensors": ({ files, rows }) => {
    const [shape, data] = matrix(rows)
    return writeSafetensors([["features", { dtype: "F32", shape, data }]], { files: JSON.stringify(files) })
  },
  ".npy": ({ rows }) => npy(...matrix(rows)),
  ".parquet": async ({ files, rows }) => [await featuresParquet(files, rows)],
  ".jsonl": ({ files, rows }) => files.map((file, i) => `${jsonLine(file, rows[i] ?? [])}\n`).join(""),
}

/** Rows as a matrix `[images, width]`. */
function matrix(rows: readonly Float32Array[]): [shape: [number, number], data: Float32Array] {
  const width = rows[0]?.length ?? 0
  const data = new Float32Array(rows.length * width)
  for (const [i, row] of rows.entries()) data.set(row, i * width)
  return [[rows.length, width], data]
}

/** Encodes NumPy's format, version 1.0: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
function npy(shape: readonly number[], data: Float32Array): Uint8Array[] {
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")}), }`
  const before = 10
  const length = Math.ceil((before + dictionary.length + 1) / 64) * 64 - before
  const header = new Uint8Array(before + length)
  header.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, length & 0xff, length >> 8])
  header.set(new TextEncoder().encode(`${dictionary.padEnd(length - 1)}\n`), before)
  return [header, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]
}
