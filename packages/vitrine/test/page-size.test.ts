import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { gzipSync } from "node:zlib"
import { goldenPath } from "@vitrine/golden"
import { build, type Rolldown } from "vite"
import { afterAll, beforeAll, expect, test } from "vitest"

/** Bytes of gzipped JavaScript, without onnxruntime-web's own. */
const limit = 90_000

/** A page that only classifies. */
const page = `import { load } from "vitrine/web"
export async function classify(files, image) {
  const model = await load(files, { backend: "onnx-web" })
  return model.predict(image)
}`

const root = fileURLToPath(new URL("..", import.meta.url))
mkdirSync(join(root, "dist"), { recursive: true })
// Below the package, from where Node finds onnxruntime-web.
const folder = mkdtempSync(join(root, "dist/.page-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let chunks: readonly Rolldown.OutputChunk[] = []
let entry = ""

beforeAll(async () => {
  const result = await build({
    root,
    configFile: false,
    logLevel: "error",
    resolve: { conditions: ["@vitrine/source", "browser", "import", "module", "default"] },
    plugins: [
      {
        name: "page",
        resolveId: (id) => (id === "page" ? join(root, "page.js") : undefined),
        load: (id) => (id === join(root, "page.js") ? page : undefined),
      },
    ],
    build: {
      write: false,
      target: "es2022",
      modulePreload: false,
      rolldownOptions: { input: "page", external: /^(node:|onnxruntime-web)/, preserveEntrySignatures: "strict" },
    },
  })
  chunks = [result].flat().flatMap((each) => ("output" in each ? each.output.filter(isChunk) : []))
  entry = chunks.find(({ isEntry }) => isEntry)?.fileName ?? ""
  for (const { fileName, code } of chunks) {
    mkdirSync(join(folder, fileName, ".."), { recursive: true })
    writeFileSync(join(folder, fileName), `(globalThis.loaded ??= []).push(${JSON.stringify(fileName)});${code}`)
  }
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }')
  writeFileSync(join(folder, "run.js"), script)
})

const isChunk = (file: { readonly type: string }): file is Rolldown.OutputChunk => file.type === "chunk"

/** Loads the page, predicts a picture with a model folder, and prints which chunks were loaded before each. */
const script = `import { readFile } from "node:fs/promises"
const [entry, model] = process.argv.slice(2)
const { classify } = await import("./" + entry)
const first = [...loaded]
const files = {}
for (const name of ["config.json", "model.safetensors"]) files[name] = new Uint8Array(await readFile(model + "/" + name))
const image = { width: 40, height: 40, channels: 3, data: new Uint8Array(40 * 40 * 3) }
const predictions = await classify(files, image)
console.log(JSON.stringify({ first, loaded, predictions: predictions.length }))
process.exit()`

test.each([
  { family: "a Vision Transformer", model: "vit-folder-tiny" },
  { family: "a ResNet", model: "bit-folder" },
])("a page ships 90 kB at most before $family predicts", async ({ family, model }) => {
  const run = promisify(execFile)(process.execPath, [join(folder, "run.js"), entry, goldenPath(model)])
  const { first, loaded, predictions } = JSON.parse((await run).stdout)
  const bytes = (names: readonly string[]): number =>
    chunks
      .filter(({ fileName }) => names.includes(fileName))
      .reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0)
  console.log(`${family}: first load ${bytes(first)} bytes, before the prediction ${bytes(loaded)} bytes`)
  expect(predictions).toBeGreaterThan(0)
  expect(bytes(first)).toBeGreaterThan(0)
  expect(bytes(loaded)).toBeGreaterThan(bytes(first))
  expect(bytes(loaded)).toBeLessThanOrEqual(limit)
})
