// A model of the site from a run of `vitrine train`, its weights in float16:
//
//     node scripts/halves.mjs RUN FOLDER        (FOLDER is below public, such as model or detector)
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { readSafetensors, toFloat32, writeSafetensors } from "@vitrine/checkpoint"
import { float16Bits } from "@vitrine/core/backend"

const [run, name] = process.argv.slice(2)
if (run === undefined || name === undefined) throw new Error("give the folder of a run, and a folder below public")
const folder = new URL(`../public/${name}/`, import.meta.url)
const { tensors } = readSafetensors(await readFile(join(run, "model.safetensors")), run)
const halves = Array.from(tensors, ([name, tensor]) => {
  const data = float16Bits(toFloat32(tensor), name)
  return [name, { dtype: "F16", shape: tensor.shape, data }]
})
const config = await readFile(join(run, "config.json"))
await mkdir(folder, { recursive: true })
await writeFile(new URL("model.safetensors", folder), Buffer.concat(writeSafetensors(halves)))
await writeFile(new URL("config.json", folder), config)
