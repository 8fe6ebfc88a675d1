// The detector of the site from a run of `vitrine train --task detect`, its weights in float16:
//
//     node scripts/detector.mjs RUN
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { readSafetensors, toFloat32, writeSafetensors } from "@vitrine/checkpoint"
import { float16Bits } from "@vitrine/core/backend"

const [run] = process.argv.slice(2)
if (run === undefined) throw new Error("give the folder of a run")
const folder = new URL("../public/detector/", import.meta.url)
const { tensors } = readSafetensors(await readFile(join(run, "model.safetensors")), run)
const halves = Array.from(tensors, ([name, tensor]) => {
  const data = float16Bits(toFloat32(tensor), name)
  return [name, { dtype: "F16", shape: tensor.shape, data }]
})
await mkdir(folder, { recursive: true })
await writeFile(new URL("model.safetensors", folder), Buffer.concat(writeSafetensors(halves)))
await copyFile(join(run, "config.json"), new URL("config.json", folder))
