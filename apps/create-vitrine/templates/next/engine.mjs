// Copies the engine of the page to where Next serves it.
import { cpSync, readdirSync } from "node:fs"

const from = "node_modules/onnxruntime-web/dist"
for (const file of readdirSync(from).filter((name) => /\.(wasm|mjs)$/.test(name)))
  cpSync(`${from}/${file}`, `public/ort/${file}`)
