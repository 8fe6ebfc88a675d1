// Builds the site: node scripts/build.mjs [--url ADDRESS] [--base /folder/] [--backbone FOLDER|hf:owner/name]
// --url: the address of the site. Its pages then say to other sites what they are, with a picture (`og:` tags).
// --backbone: the model whose features the Train room teaches, in float16. Without it the site has recipes/models/cifar10-hybrid.
import { createHash } from "node:crypto"
import { mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { imageModel, parseJson, toTimmConfig, writeSafetensors } from "@vitrine/checkpoint"
import { float16Bits } from "@vitrine/core/backend"
import { build } from "vite"
import { load } from "vitrine"

const root = new URL("..", import.meta.url).pathname

/** The licence in the model card of a folder or of a repository of the hub, or null. */
async function licenceOf(source) {
  const [, name] = /^hf:([^@]+)/.exec(source) ?? []
  const card = name
    ? await fetch(`https://huggingface.co/${name}/resolve/main/README.md`).then(
        (answer) => (answer.ok ? answer.text() : ""),
        () => "",
      )
    : await readFile(join(source, "README.md"), "utf8").catch(() => "")
  return /^---\n[\s\S]*?^licen[cs]e:\s*["']?([\w.+-]+)/m.exec(card)?.[1] ?? null
}

/** The calibration of a folder, which scripts/calibrate.mjs has written, or nothing. */
async function calibrationOf(source) {
  const file = join(source, "about.json")
  const bytes = await readFile(file).catch(() => undefined)
  const { temperature, unknown } = bytes === undefined ? {} : parseJson(bytes, file)
  if (unknown !== undefined) return { temperature, unknown }
  console.log(
    `${source} has no calibration, so the site never says that a picture is none of its classes: node scripts/calibrate.mjs fits one`,
  )
  return {}
}

/** Writes a model's files for the site: `config.json`, `model.safetensors` in float16 and `about.json`. */
export async function writeBackbone(source, out, facts = {}) {
  const model = await load(source, { backend: "reference" })
  const { config, preprocessing, labels } = model
  const parameters = imageModel(config).parameters
  const values = await model.parameters(parameters.map(({ name }) => name))
  await model.close()
  const tensors = parameters.map(({ name, shape }) => {
    const data = Float32Array.from(values[name].data)
    return [name, { dtype: "F16", shape, data: float16Bits(data, name) }]
  })
  const json = await toTimmConfig(config, { preprocessing, labels })
  const sizes = parameters.map(({ shape }) => shape.reduce((n, size) => n * size, 1))
  const size = { parameters: sizes.reduce((a, b) => a + b), side: Math.max(...config.imageSize) }
  const about = {
    ...size,
    name: source.replace(/\/+$/, "").split("/").at(-1),
    licence: await licenceOf(source),
    ...(await calibrationOf(source)),
    ...facts,
  }
  await rm(out, { recursive: true, force: true })
  await mkdir(out, { recursive: true })
  await writeFile(join(out, "config.json"), `${JSON.stringify(json)}\n`)
  await writeFile(join(out, "model.safetensors"), Buffer.concat([...writeSafetensors(tensors, { format: "pt" })]))
  await writeFile(join(out, "about.json"), `${JSON.stringify(about)}\n`)
}

const options = {
  url: { type: "string" },
  base: { type: "string" },
  backbone: { type: "string" },
  out: { type: "string" },
  about: { type: "string" },
}
const { values, positionals } = parseArgs({ options, allowPositionals: true })
const { backbone, out } = values
const facts = values.about === undefined ? {} : parseJson(new TextEncoder().encode(values.about), "--about")
if (out !== undefined) await writeBackbone(backbone, out, facts)
else {
  const url = values.url === undefined ? undefined : new URL(values.url.replace(/\/*$/, "/"))
  if (url !== undefined) process.env.VITRINE_SITE_URL = url.href
  const base = values.base ?? positionals[0] ?? url?.pathname
  await build({ root, ...(base !== undefined && { base }) })
  if (backbone !== undefined) {
    await writeBackbone(backbone, join(root, "dist/backbone"), facts)
    // Browsers that keep the site must notice the other model.
    const worker = join(root, "dist/service-worker.js")
    const weights = await readFile(join(root, "dist/backbone/model.safetensors"))
    const mark = createHash("sha256").update(weights).digest("hex").slice(0, 8)
    const script = await readFile(worker, "utf8")
    await writeFile(worker, script.replace(/(const version = "[^"]*)"/, `$1${mark}"`))
  }
}
