import { writeSafetensors } from "@vitrine/checkpoint"
import { featuresParquet } from "@vitrine/data/node"
import { defineCommand } from "../command.ts"
import { type Flags, type Values } from "../flags/flag.ts"
import { machineFlags } from "../flags/machine.ts"
import { imagesHelp, jsonFlag, modelAndOthers, modelFlag, modelHelp } from "../flags/model.ts"
import { overrideFlags } from "../flags/overrides.ts"
import { shardFlag } from "../flags/shard.ts"
import { localModel } from "../hub.ts"
import { answersOf } from "../answers.ts"
import { decodeBatches, openImages, withAnswers } from "../images.ts"
import { withModel } from "../model.ts"
import { note, print } from "../output.ts"
import { type Formats, imageResults, type ImageWork, jsonLines, resultFile } from "../results.ts"
import { shardOf } from "../shard.ts"
import { count, printable } from "../show/text.ts"

const flags = {
  ...modelFlag,
  out: {
    alias: "-o",
    value: "<file>",
    help: "write a .safetensors, .npy, .parquet or .jsonl file; default: JSON lines on the standard output",
  },
  ...jsonFlag,
  ...shardFlag,
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

/** An image with its features. */
interface ImageFeatures {
  readonly file: string
  readonly features: readonly number[]
}

/** Computes the features of images. Returns the exit code, 1 if an image could not be read. */
async function computeFeatures(
  images: readonly string[],
  values: Values<typeof flags> & { readonly model: string },
): Promise<number> {
  const { out, json, model } = values
  const file = resultFile(out, formats)
  const shard = shardOf(values.shard)
  const opened = await openImages(images)
  const { path } = await localModel(model, values.checkpoint)
  let backend = ""
  const compute: ImageWork<ImageFeatures>["compute"] = (images, add) =>
    withModel(path, values, async (model) => {
      backend = model.backend.name
      for await (const batch of decodeBatches(images)) {
        const rows = await answersOf(batch, (images) => model.features(images))
        for (const [file, row] of withAnswers(batch, rows)) add({ file, features: [...row] })
      }
    })
  const work = { command: "embed", model: path, flags: values, file, compute, show: printJson }
  const { results, unread } = await imageResults(opened, work, shard).finally(opened.close)
  if (out !== undefined && !json && results.length > 0)
    note(`${printable(out)}: ${count(results.length)} images × ${count(results[0]?.features.length ?? 0)} features`)
  if (json && results.length > 0)
    printJson({
      model,
      backend,
      ...(out === undefined ? { results } : { out, files: results.map(({ file }) => file) }),
    })
  return unread === 0 ? 0 : 1
}

const printJson = (value: object): void => print(JSON.stringify(value))

const formats: Formats<ImageFeatures> = {
  ".safetensors": (results) => {
    const [shape, data] = matrix(results)
    const files = JSON.stringify(results.map(({ file }) => file))
    return writeSafetensors([["features", { dtype: "F32", shape, data }]], { files })
  },
  ".npy": (results) => npy(...matrix(results)),
  ".parquet": async (results) => [
    await featuresParquet(
      results.map(({ file }) => file),
      results.map(({ features }) => Float32Array.from(features)),
    ),
  ],
  ".jsonl": jsonLines,
}

/** Features as a matrix `[images, width]`. */
function matrix(results: readonly ImageFeatures[]): [shape: [number, number], data: Float32Array] {
  const width = results[0]?.features.length ?? 0
  const data = new Float32Array(results.length * width)
  for (const [i, { features }] of results.entries()) data.set(features, i * width)
  return [[results.length, width], data]
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
