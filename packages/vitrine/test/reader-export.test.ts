import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { writeSafetensors } from "@vitrine/checkpoint"
import { keyFromSeed } from "@vitrine/core"
import type { Image } from "@vitrine/data"
import { alphabet, initializeSeq2Seq, seq2seqParameters } from "@vitrine/seq2seq"
import { InferenceSession, Tensor } from "onnxruntime-node"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { exportModel, loadReader } from "../src/node.ts"
import { placeLine, roomFor } from "../src/tasks/read/lines.ts"
import { resolveReadingRecipe } from "../src/tasks/read/recipe.ts"
import { readingConfig } from "../src/tasks/read/record.ts"

const characters = "0123456789abcdef".split("")
const letters = alphabet(characters)
const facts = { examples: 9, alphabet: letters, longest: 5, imageSize: [8, 40], mean: [0.4], std: [0.3] } as const
const model = { dim: 12, heads: 3, encoderDepth: 1, decoderDepth: 2, mlpDim: 20, patchSize: [4, 4] } as const
const recipe = resolveReadingRecipe({ task: "read", model, batchSize: 2, steps: 1 }, facts, 0)

/** Lines of several widths, the last too wide. */
const lines = [7, 21, 40, 60].map((width, n): Image => {
  const data = Uint8Array.from({ length: 8 * width }, (_, i) => (i * (41 + 17 * n)) % 256)
  return { width, height: 8, channels: 1, data }
})

let place: string
let folder: string
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "vitrine-reader-export-"))
  folder = join(place, "run")
  await mkdir(folder)
  const record = {
    task: "read",
    data: "/lines",
    seed: 0,
    valFraction: 0.1,
    checkpointEvery: 1,
    recipe,
    engines: [],
  } as const
  await writeFile(join(folder, "config.json"), JSON.stringify(readingConfig(record, letters)))
  const parameters = seq2seqParameters(recipe.config)
  const values = initializeSeq2Seq(parameters, keyFromSeed(5))
  const tensors = parameters.map(({ name, shape }) => {
    const data = (values[name] as Float32Array).map((x) => (name.startsWith("embedding") ? x : 3 * x))
    return [name, { dtype: "F32" as const, shape, data }] as const
  })
  await writeFile(join(folder, "model.safetensors"), Buffer.concat(writeSafetensors(tensors)))
})
afterAll(() => rm(place, { recursive: true }))

/** Greedy decoding as anybody would write it who has the two files and the two documents. */
async function decoded(out: string, suffix: string, image: Image): Promise<string> {
  const json = async (file: string): Promise<unknown> => JSON.parse(await readFile(join(out, file), "utf8"))
  const {
    label_names,
    decoder_start_token_id: begin,
    eos_token_id: end,
    max_length: length,
  } = (await json("config.json")) as {
    label_names: string[]
    decoder_start_token_id: number
    eos_token_id: number
    max_length: number
  }
  const { size } = (await json("preprocessor_config.json")) as { size: { height: number; width: number } }
  const open = (file: string): Promise<InferenceSession> =>
    InferenceSession.create(join(out, "onnx", `${file}${suffix}.onnx`), { logSeverityLevel: 3 })
  const [encoder, decoder] = await Promise.all([open("encoder_model"), open("decoder_model")])
  const room = roomFor(recipe.config, 1)
  placeLine(image, recipe, room, 0)
  const mask = new Tensor(
    "int32",
    Int32Array.from(room.padding, (hidden) => 1 - hidden),
    [1, room.padding.length],
  )
  const pixels = new Tensor("float32", room.source, [1, 1, size.height, size.width])
  const { last_hidden_state: memory } = await encoder.run({ pixel_values: pixels, encoder_attention_mask: mask })
  const tokens = new Int32Array(length).fill(end)
  tokens[0] = begin
  let text = ""
  for (let at = 0; at < length; at++) {
    const { logits } = await decoder.run({
      input_ids: new Tensor("int32", tokens, [1, length]),
      encoder_hidden_states: memory as Tensor,
      encoder_attention_mask: mask,
    })
    const vocabulary = label_names.length + 2
    const row = Array.from(logits?.data as Float32Array).slice(at * vocabulary, (at + 1) * vocabulary)
    row[begin] = Number.NEGATIVE_INFINITY
    const best = row.indexOf(Math.max(...row))
    if (best === end) break
    text += label_names[best - 2]
    if (at + 1 < length) tokens[at + 1] = best
  }
  await encoder.release()
  await decoder.release()
  return text
}

describe("a model that reads, in ONNX", () => {
  test.each(["float32", "float16"] as const)("reads in %s what it reads here", async (precision) => {
    const out = join(place, precision)
    const suffix = precision === "float16" ? "_fp16" : ""
    const { files, notes } = await exportModel(folder, { to: "onnx", out, precision: [precision] })
    const onnx = ["encoder_model", "decoder_model"].map((file) => `onnx/${file}${suffix}.onnx`)
    expect(files.map(({ path }) => path)).toEqual(["config.json", "preprocessor_config.json", ...onnx])
    expect(notes).toHaveLength(2)
    const reader = await loadReader(folder, { backend: "onnx", worker: false })
    const expected = (await reader.read(lines)).map(([best]) => best?.text)
    await reader.close()
    expect(new Set(expected).size).toBeGreaterThan(2)
    expect(await Promise.all(lines.map((line) => decoded(out, suffix, line)))).toEqual(expected)
  })

  test("is two files, and nothing else", async () => {
    const refused = (options: Partial<Parameters<typeof exportModel>[1]>, message: RegExp): Promise<void> =>
      expect(exportModel(folder, { to: "onnx", out: join(place, "no"), ...options })).rejects.toThrow(message)
    await refused({ to: "hf" }, /is a model that reads, which is exported to ONNX alone/)
    await refused({ out: join(place, "a.onnx") }, /becomes a folder with two files/)
    await refused({ precision: ["int8"] }, /int8 is for classifiers/)
    await refused({ precision: ["float32", "float16"] }, /two files of one precision/)
    await refused({ cropPct: 1 }, /cropPct of a model that reads cannot be told/)
  })
})
