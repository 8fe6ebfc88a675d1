// What the smallest page ships that loads a model folder and classifies one image on WebGPU: node bench/size.mjs
// All that is fetched before the first answer counts: the entry, its static imports, and the chunks of the engine.
// Exits with 1 where that is more than 160 kB of gzipped JavaScript.
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { build } from "vite"

const limit = 160_000
const page = `import { load } from "vitrine/web"
const model = await load("/model/", { backend: "webgpu" })
document.title = (await model.predict("/photo.jpg"))[0].label`

const root = fileURLToPath(new URL("../../vitrine/", import.meta.url))
const result = await build({
  root,
  configFile: false,
  logLevel: "error",
  // The sources, so that nothing has to be built before.
  resolve: { conditions: ["@vitrine/source", "browser", "import", "module", "default"] },
  plugins: [
    {
      name: "page",
      resolveId: (id) => (id === "page" ? `${root}page.js` : undefined),
      load: (id) => (id === `${root}page.js` ? page : undefined),
    },
  ],
  build: {
    write: false,
    target: "es2022",
    modulePreload: false,
    rolldownOptions: { input: "page", external: /^node:/ },
  },
})
const chunks = new Map(
  [result]
    .flat()
    .flatMap(({ output }) => output.filter(({ type }) => type === "chunk").map((chunk) => [chunk.fileName, chunk])),
)
const entry = [...chunks.values()].find(({ isEntry }) => isEntry)
const shipped = new Set()
const add = (name) => {
  const chunk = chunks.get(name)
  if (chunk === undefined || shipped.has(chunk)) return
  shipped.add(chunk)
  for (const each of chunk.imports) add(each)
  // Of what is loaded on demand, only the engine is asked for.
  for (const each of chunk.dynamicImports)
    if (Object.keys(chunks.get(each)?.modules ?? {}).some((module) => module.includes("backend-webgpu"))) add(each)
}
add(entry.fileName)
let total = 0
for (const { fileName, code } of shipped) {
  const { length } = gzipSync(code, { level: 9 })
  total += length
  console.log(`${String(length).padStart(7)} ${fileName}`)
}
console.log(`${String(total).padStart(7)} bytes of gzipped JavaScript in all; ${limit} are allowed`)
process.exit(total > limit ? 1 : 0)
