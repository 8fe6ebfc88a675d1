// Writes src/guide/first.json: the guide's first drawing with the values that the model computes for it, which the page
// shows before it has the model. Make it again when the model or the drawing changes:
//
//     node scripts/first.mjs
import { readFile, writeFile } from "node:fs/promises"
import { referenceBackend } from "@vitrine/backend-reference"
import { fromTimmConfig, parseJson, readSafetensors, toFloat32 } from "@vitrine/checkpoint"
import { graph, ops, rootScope, vit } from "@vitrine/core"
import { drawShape } from "@vitrine/data"

/** The parameters that read the class of a token. */
const parameterNames = ["norm.weight", "norm.bias", "head.weight", "head.bias"]

const read = (file) => readFile(new URL(`../public/model/${file}`, import.meta.url))
const json = parseJson(await read("config.json"), "config.json")
const { config, labels, preprocessing } = await fromTimmConfig(json, "config.json")
const { mean, std } = preprocessing
const { tensors } = readSafetensors(await read("model.safetensors"), "model.safetensors")
const constants = Object.fromEntries(Array.from(tensors, ([name, tensor]) => [name, toFloat32(tensor)]))

// The first drawing of `src/guide/drawings.ts`.
const label = 3
const pixels = drawShape(label, [0x6775, 3000]).data
const blocks = Array.from({ length: config.depth }, (_, i) => [`blocks.${i}.attn.weights`, `blocks.${i}.residual2`])
/** The values that the overview draws. */
const taps = ["tokens", ...blocks.flat(), "logits", "probabilities"]
const outputs = {}
const images = ops.input("images", ["batch", ...config.imageSize, config.channels])
vit(rootScope({ taps, onTap: (name, tensor) => (outputs[name] = tensor) }), images, config)
const program = await referenceBackend().compile(graph({ outputs }), { batch: 1, constants })
const input = Float32Array.from(pixels, (value, i) => (value / 255 - mean[i % 3]) / std[i % 3])
const results = await program.run({ images: input })

const base64 = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")
const encoded = ({ data, shape }) => ({ shape, data: base64(Float32Array.from(data)) })
const parameters = parameterNames.map((name) => [
  name,
  encoded({ data: constants[name], shape: tensors.get(name).shape }),
])
const first = {
  config,
  labels,
  mean,
  std,
  label,
  pixels: base64(pixels),
  taps: Object.fromEntries(Object.entries(results).map(([name, value]) => [name, encoded(value)])),
  parameters: Object.fromEntries(parameters),
}
await writeFile(new URL("../src/guide/first.json", import.meta.url), `${JSON.stringify(first)}\n`)
