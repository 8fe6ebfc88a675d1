import { extname } from "node:path"
import { writeSafetensors } from "@vitrine/checkpoint"
import { writeFileAtomic } from "@vitrine/checkpoint/node"
import { UsageError } from "../errors.ts"
import { decodeBatches, imageFiles } from "../images.ts"
import { type ModelFlags, withModel } from "../model.ts"
import { note, print } from "../output.ts"
import { count } from "../show/text.ts"

export interface EmbedFlags extends ModelFlags {
  readonly out?: string
}

interface Features {
  readonly files: string[]
  readonly rows: Float32Array[]
}

/** Computes the features of images; gives the exit code: 1 if any of them could not be read. */
export async function embed(images: readonly string[], flags: EmbedFlags): Promise<number> {
  const { out } = flags
  const encode = out === undefined ? undefined : formats[extname(out)]
  if (out !== undefined && encode === undefined)
    throw new UsageError(`--out ${out}: the name must end in ${Object.keys(formats).join(", ")}`)
  const files = await imageFiles(images)
  const features: Features = { files: [], rows: [] }
  await withModel(flags, async (model) => {
    for await (const batch of decodeBatches(files)) {
      const rows = await model.features(batch.images)
      for (const [i, file] of batch.files.entries()) {
        const row = rows[i] as Float32Array
        features.files.push(file)
        if (encode === undefined) print(jsonLine(file, row))
        else features.rows.push(row)
      }
    }
  })
  if (encode !== undefined && features.rows.length > 0) {
    await writeFileAtomic(out as string, encode(features))
    note(`${out}: ${count(features.rows.length)} images × ${count(features.rows[0]?.length ?? 0)} features`)
  }
  return features.files.length === files.length ? 0 : 1
}

const jsonLine = (file: string, row: Float32Array): string => JSON.stringify({ file, features: [...row] })

const formats: Readonly<Record<string, (features: Features) => Iterable<Uint8Array> | string>> = {
  ".safetensors": ({ files, rows }) => {
    const [shape, data] = matrix(rows)
    return writeSafetensors([["features", { dtype: "F32", shape, data }]], { files: JSON.stringify(files) })
  },
  ".npy": ({ rows }) => npy(...matrix(rows)),
  ".jsonl": ({ files, rows }) => rows.map((row, i) => `${jsonLine(files[i] as string, row)}\n`).join(""),
}

/** [images, width]. */
function matrix(rows: readonly Float32Array[]): [shape: [number, number], data: Float32Array] {
  const width = rows[0]?.length ?? 0
  const data = new Float32Array(rows.length * width)
  for (const [i, row] of rows.entries()) data.set(row, i * width)
  return [[rows.length, width], data]
}

/** NumPy's format, version 1.0: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
function npy(shape: readonly number[], data: Float32Array): Uint8Array[] {
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")}), }`
  const before = 10
  const length = Math.ceil((before + dictionary.length + 1) / 64) * 64 - before
  const header = new Uint8Array(before + length)
  header.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, length & 0xff, length >> 8])
  header.set(new TextEncoder().encode(`${dictionary.padEnd(length - 1)}\n`), before)
  return [header, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]
}
